//===- Describe.cpp - Facts about a scheduled model -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Describe.h"
#include "dialects/FPMoE/Storage.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace fpmoe;

namespace {

/// Elements of one instance before padding and packing.
class Describer {
public:
  Describer(ModuleOp module, ProgramDescription &d) : module(module), d(d) {}

  void run() {
    d.ranks = getNumRanks(module);
    for (auto program : module.getOps<mega::ProgramOp>()) {
      d.context = program.getContext();
      d.layers = program.getLayersOp().getOrder().size();
      if (program.getMaxTokens() == 1)
        describeDecode(program);
    }
    for (auto weight : module.getOps<WeightOp>())
      if (!weight.getResultValue().getDefiningOp<RopeFrequenciesOp>())
        d.parameters +=
            getWholeType(weight).getNumElements() * weight.getNumInstances();
    describeFormats();
  }

private:
  /// The type of a weight with the parts of all ranks.
  static RankedTensorType getWholeType(WeightOp weight) {
    Value value = weight.getResultValue();
    while (Operation *op = value.getDefiningOp()) {
      if (isa<SplitRowsOp, SplitColumnsOp>(op)) {
        Value whole = op->getOperand(0);
        auto type = cast<RankedTensorType>(whole.getType());
        // Heads of which several ranks have a copy count once.
        if (auto select = whole.getDefiningOp<SelectOp>())
          if (RankedTensorType chosen = select.getInput().getType();
              chosen.getDimSize(0) < type.getDimSize(0))
            return chosen;
        return type;
      }
      if (!isa<PackOp, ConvertOp>(op))
        break;
      value = op->getOperand(0);
    }
    return weight.getTensorType();
  }

  /// Formats of packed weights, that with the most bytes first: "int4, int8".
  void describeFormats() {
    llvm::MapVector<StringRef, int64_t> bytes;
    for (auto weight : module.getOps<WeightOp>())
      if (RankedTensorType type = weight.getTensorType(); type.getEncoding())
        bytes[getStorageName(type.getElementType())] +=
            weight.getInstanceBytes() * weight.getNumInstances();
    SmallVector<std::pair<StringRef, int64_t>> formats(bytes.begin(),
                                                       bytes.end());
    llvm::stable_sort(formats, [](const auto &a, const auto &b) {
      return a.second > b.second;
    });
    d.weightFormat = llvm::join(llvm::make_first_range(formats), ", ");
  }

  void describeDecode(mega::ProgramOp program) {
    program.walk([&](Operation *op) {
      if (auto embed = dyn_cast<mega::EmbedOp>(op)) {
        d.hidden = embed.getTable().getType().getDimSize(1);
      }
      if (auto qkv = dyn_cast<mega::QkvOp>(op)) {
        auto use = qkv.getWeight().getDefiningOp<mega::WeightOp>();
        d.heads = qkv.getHeads() * d.ranks;
        d.kvHeads = (getWholeType(symbolOf(use)).getDimSize(0) - d.heads) / 2;
        d.headDim = qkv.getHeadDim();
      }
      if (auto heads = dyn_cast<mega::HeadsOp>(op)) {
        d.heads = heads.getHeads() * d.ranks;
        d.kvHeads = heads.getKvHeads() * d.ranks;
        d.headDim = heads.getHeadDim();
      }
      if (auto linear = dyn_cast<mega::LinearOp>(op);
          linear && isLogits(linear)) {
        d.rankVocabulary = linear.getOut().getType().getDimSize(1);
        auto use = linear.getWeight().getDefiningOp<mega::WeightOp>();
        d.vocabulary = getWholeType(symbolOf(use)).getDimSize(0);
      }
      if (auto keep = dyn_cast<mega::KeepRowsOp>(op))
        d.vocabulary = d.rankVocabulary = keep.getOut().getType().getDimSize(1);
      if (auto record = dyn_cast<mega::RecordRoutesOp>(op))
        d.topK = record.getColumns();
      if (auto route = dyn_cast<mega::RouteOp>(op))
        describeRoute(route);
    });
    program.walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands())
        if (auto use = operand.get().getDefiningOp<mega::WeightOp>())
          addUse(op, use);
    });
  }

  void describeRoute(mega::RouteOp route) {
    taken = std::max(taken, route.getNumTaken());
    if (auto levels = dyn_cast_or_null<TwoLevelAttr>(route.getRoutingAttr()))
      d.segment = levels.getWhole().getSegment();
  }

  static bool isLogits(mega::LinearOp linear) {
    return linear.getOut().getType().isDynamicDim(0);
  }

  WeightOp symbolOf(mega::WeightOp use) {
    return module.lookupSymbol<WeightOp>(use.getWeightAttr());
  }

  void addUse(Operation *op, mega::WeightOp use) {
    // One row of these is read a token.
    if (isa<mega::EmbedOp>(op))
      return;
    // What is asked for ahead counts where it is read.
    if (auto phase = op->getParentOfType<mega::PhaseOp>();
        phase && phase.getAhead())
      return;
    WeightOp weight = symbolOf(use);
    if (weight.getResultValue().getDefiningOp<RopeFrequenciesOp>())
      return;
    int64_t instances = weight.getNumInstances();
    // Of routed experts, a token takes a few.
    int64_t of = 1, some = 1;
    if (auto up = dyn_cast<mega::ExpertUpOp>(op);
        up && up.getGateUp() == use.getResult())
      of = weight.getTensorType().getDimSize(0), some = taken;
    if (auto down = dyn_cast<mega::ExpertDownOp>(op);
        down && down.getDown() == use.getResult())
      of = weight.getTensorType().getDimSize(0), some = taken;
    int64_t elements =
        weight.getTensorType().getNumElements() / of * some * instances;
    d.activeParameters +=
        getWholeType(weight).getNumElements() / of * some * instances;
    d.decodeWeightBytes += weight.getInstanceBytes() / of * some * instances;
    if (!weight.getTensorType().getEncoding())
      return;
    auto linear = dyn_cast<mega::LinearOp>(op);
    if (linear && isLogits(linear))
      d.logitsDotOps += 2 * elements;
    else
      d.tokenDotOps += 2 * elements;
  }

  ModuleOp module;
  ProgramDescription &d;
  int64_t taken = 0; ///< routed experts of a token
};

/// Names in the module's description: of experts, in the order of their
/// weights, where the schedule keeps them, or of languages; texts of its
/// 'sampling'.
std::vector<std::string> namesOf(DictionaryAttr model, StringRef key) {
  std::vector<std::string> names;
  if (auto list = model.getAs<ArrayAttr>(key))
    for (auto name : list.getAsRange<StringAttr>())
      names.push_back(name.str());
  return names;
}

/// The dictionary 'sampling', which the dialect verified.
SamplingDescription describeSampling(DictionaryAttr given) {
  SamplingDescription d;
  auto real = [&](StringRef key, double &out) {
    if (auto value = given.getAs<FloatAttr>(key))
      out = value.getValueAsDouble();
  };
  auto integer = [&](StringRef key, int64_t &out) {
    if (auto value = given.getAs<IntegerAttr>(key))
      out = value.getInt();
  };
  auto tokens = [&](StringRef key, std::vector<int32_t> &out) {
    if (auto value = given.getAs<DenseI32ArrayAttr>(key))
      out = value.asArrayRef().vec();
  };
  real("min_p", d.minP);
  real("repetition_penalty", d.repetitionPenalty);
  integer("no_repeat_ngram_size", d.noRepeatNgramSize);
  integer("min_new_tokens", d.minNewTokens);
  integer("min_length", d.minLength);
  integer("max_new_tokens", d.maxNewTokens);
  integer("max_length", d.maxLength);
  integer("forced_bos_token_id", d.forcedBosToken);
  tokens("forced_eos_token_id", d.forcedEosTokens);
  tokens("suppress_tokens", d.suppressTokens);
  tokens("begin_suppress_tokens", d.beginSuppressTokens);
  if (auto biases = given.getAs<ArrayAttr>("sequence_bias"))
    for (auto bias : biases.getAsRange<DictionaryAttr>())
      d.sequenceBiases.push_back(
          {bias.getAs<DenseI32ArrayAttr>("tokens").asArrayRef().vec(),
           bias.getAs<FloatAttr>("bias").getValueAsDouble()});
  d.stopStrings = namesOf(given, "stop_strings");
  return d;
}

LevelDescription describeLevel(LevelModule level) {
  LevelDescription d;
  d.name = level.target.name;
  d.cpuFeatures = level.target.requiredFeatures;
  d.isGpu = level.target.isGpu;
  level.module.walk([&](mega::ProgramOp program) {
    d.maxTokens = std::max<int64_t>(d.maxTokens, program.getMaxTokens());
    d.blockRows = std::max<int64_t>(d.blockRows, program.getRows());
    d.sharedBytes = std::max(
        d.sharedBytes, program.getScratchBytes(mega::BufferSpace::Shared));
    d.privateBytes = std::max(
        d.privateBytes, program.getScratchBytes(mega::BufferSpace::Private));
    d.tickets = std::max(d.tickets, program.getNumTickets());
  });
  // Where each row has threads of its own, more blocks find work sooner.
  constexpr int64_t kQueryRowsOfThreads = 8;
  d.queryRows = d.blockRows;
  if (mega::getTarget(level.module).getThreads() > 1 &&
      d.blockRows % kQueryRowsOfThreads == 0)
    d.queryRows = kQueryRowsOfThreads;
  level.module.walk([&](mega::BufferOp buffer) {
    auto type = cast<MemRefType>(buffer.getResult().getType());
    if (buffer.getSpace() == mega::BufferSpace::Private) {
      int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
      if (bytes > d.largestPrivateBytes) {
        d.largestPrivateBytes = bytes;
        d.largestPrivate = buffer.getName().value_or("").str();
      }
    }
    if (buffer.getSpace() != mega::BufferSpace::Cache)
      return;
    d.cacheBytesPerPosition = type.getDimSize(0) * type.getDimSize(1) *
                              type.getDimSize(3) *
                              type.getElementTypeBitWidth() / 8;
  });
  return d;
}

/// "'w' is tensor<..> at byte 4096", for messages.
std::string placeOf(WeightOp weight) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "'" << weight.getSymName() << "' is " << weight.getTensorType();
  if (weight.getOffset())
    os << " at byte " << *weight.getOffset();
  return text;
}

/// Whether the weights of two levels are the same bytes at the same places: the
/// code of one reads what is written for the other.
llvm::Error checkSameWeights(LevelModule one, LevelModule other) {
  auto differ = [&](const Twine &what) {
    return llvm::createStringError("the levels " + one.target.name + " and " +
                                   other.target.name +
                                   " do not read the same weights: " + what +
                                   "; compile a program for each of them");
  };
  auto weights = llvm::to_vector(one.module.getOps<WeightOp>());
  auto others = llvm::to_vector(other.module.getOps<WeightOp>());
  if (weights.size() != others.size())
    return differ(Twine(weights.size()) + " and " + Twine(others.size()) +
                  " of them");
  for (auto [weight, same] : llvm::zip(weights, others)) {
    if (OperationEquivalence::isEquivalentTo(
            weight, same, OperationEquivalence::IgnoreLocations))
      continue;
    std::string here = placeOf(weight), there = placeOf(same);
    return differ(here + (here == there ? ", made in two ways" : ", " + there));
  }
  return llvm::Error::success();
}

} // namespace

llvm::Expected<ProgramDescription>
fpmoe::describeModel(ArrayRef<LevelModule> levels) {
  ModuleOp module = levels.front().module;
  ProgramDescription d;
  Describer(module, d).run();
  d.target = levels.front().target.arch;
  for (const LevelModule &level : levels) {
    if (llvm::Error error = checkSameWeights(levels.front(), level))
      return std::move(error);
    d.levels.push_back(describeLevel(level));
  }
  auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr);
  d.name = model.getAs<StringAttr>("name").str();
  d.architecture = model.getAs<StringAttr>("architecture").str();
  d.expertNames = namesOf(model, "experts");
  d.languageNames = namesOf(model, "languages");
  if (auto eos = model.getAs<DenseI32ArrayAttr>("eos"))
    d.eosTokens.assign(eos.asArrayRef().begin(), eos.asArrayRef().end());
  else if (auto eos64 = model.getAs<DenseI64ArrayAttr>("eos"))
    d.eosTokens.assign(eos64.asArrayRef().begin(), eos64.asArrayRef().end());
  if (auto temperature = model.getAs<FloatAttr>("temperature"))
    d.temperature = temperature.getValueAsDouble();
  if (auto topP = model.getAs<FloatAttr>("top_p"))
    d.topP = topP.getValueAsDouble();
  if (auto topK = model.getAs<IntegerAttr>("top_k"))
    d.defaultTopK = topK.getInt();
  if (auto sampling = model.getAs<DictionaryAttr>("sampling"))
    d.sampling = describeSampling(sampling);
  return d;
}
