//===- Describe.cpp - Facts about a scheduled model -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Describe.h"
#include "lib/Kernels/ProgramLayout.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace fpmoe;

namespace {

/// Elements of one instance before padding and packing.
int64_t unpaddedElements(WeightOp weight) {
  Value value = weight.getResultValue();
  if (auto pack = value.getDefiningOp<PackOp>())
    value = pack.getInput();
  if (auto interleave = value.getDefiningOp<InterleaveOp>())
    return 2 *
           cast<ShapedType>(interleave.getFirst().getType()).getNumElements();
  return cast<ShapedType>(value.getType()).getNumElements();
}

class Describer {
public:
  Describer(ModuleOp module, ProgramDescription &d) : module(module), d(d) {}

  void run() {
    module.walk([&](mega::ProgramOp program) {
      ProgramLayout layout(program);
      d.maxTokens = std::max<int64_t>(d.maxTokens, program.getMaxTokens());
      d.context = program.getContext();
      d.layers = layout.layers;
      d.sharedBytes = std::max(d.sharedBytes, layout.sharedBytes);
      d.privateBytes = std::max(d.privateBytes, layout.privateBytes);
      d.tickets = std::max(d.tickets, layout.tickets());
      d.cacheBytesPerPosition = layout.cacheBytesPerPosition;
      if (program.getMaxTokens() == 1)
        describeDecode(program);
    });
    for (auto weight : module.getOps<WeightOp>())
      if (!weight.getResultValue().getDefiningOp<RopeTableOp>())
        d.parameters += unpaddedElements(weight) * weight.getNumInstances();
  }

private:
  void describeDecode(mega::ProgramOp program) {
    program.walk([&](Operation *op) {
      if (auto embed = dyn_cast<mega::EmbedOp>(op))
        lookedUp = embed.getTable();
      if (auto qkv = dyn_cast<mega::QkvOp>(op)) {
        d.heads = qkv.getHeads();
        d.kvHeads = qkv.getKvHeads();
        d.headDim = qkv.getHeadDim();
      }
      if (auto heads = dyn_cast<mega::HeadsOp>(op)) {
        d.heads = heads.getHeads();
        d.kvHeads = heads.getKvHeads();
        d.headDim = heads.getHeadDim();
      }
      if (auto linear = dyn_cast<mega::LinearOp>(op)) {
        if (linear.getAccumulate())
          d.hidden = linear.getColumns();
        if (isLogits(linear))
          d.vocabulary = linear.getColumns();
      }
      if (auto keep = dyn_cast<mega::KeepRowsOp>(op))
        d.vocabulary = keep.getOut().getType().getDimSize(1);
      if (auto route = dyn_cast<mega::RouteOp>(op))
        describeRoute(route);
    });
    program.walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands())
        if (auto use = operand.get().getDefiningOp<mega::WeightOp>())
          addUse(op, use);
    });
    WeightOp table = symbolOf(lookedUp.getDefiningOp<mega::WeightOp>());
    d.weightFormat =
        table.getTensorType().getElementType().isBF16() ? "bf16" : "f32";
  }

  void describeRoute(mega::RouteOp route) {
    d.topK = std::max(d.topK, route.getNumRecorded());
    taken = std::max(taken, route.getNumTaken());
    if (auto levels =
            dyn_cast_or_null<TwoLevelAttr>(route.getRoutingAttr()))
      d.segment = levels.getWhole().getSegment();
  }

  static bool isLogits(mega::LinearOp linear) {
    return mega::getSpace(linear.getOut()) == mega::BufferSpace::Logits;
  }

  WeightOp symbolOf(mega::WeightOp use) {
    return module.lookupSymbol<WeightOp>(use.getWeightAttr());
  }

  void addUse(Operation *op, mega::WeightOp use) {
    // One row of these is read a token.
    if (isa<mega::EmbedOp>(op))
      return;
    WeightOp weight = symbolOf(use);
    if (weight.getResultValue().getDefiningOp<RopeTableOp>())
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
    int64_t elements = unpaddedElements(weight) / of * some * instances;
    d.activeParameters += elements;
    d.decodeWeightBytes += weight.getInstanceBytes() / of * some * instances;
    if (!weight.getResultValue().getDefiningOp<PackOp>())
      return;
    auto linear = dyn_cast<mega::LinearOp>(op);
    if (linear && isLogits(linear))
      d.logitsDotOps += 2 * elements;
    else
      d.tokenDotOps += 2 * elements;
  }

  ModuleOp module;
  ProgramDescription &d;
  Value lookedUp;
  int64_t taken = 0; ///< routed experts of a token
};

/// Names in the module's description: of experts, in the order of their weights,
/// where the schedule keeps them, or of languages.
std::vector<std::string> namesOf(DictionaryAttr model, StringRef key) {
  std::vector<std::string> names;
  if (auto list = model.getAs<ArrayAttr>(key))
    for (auto name : list.getAsRange<StringAttr>())
      names.push_back(name.str());
  return names;
}

} // namespace

ProgramDescription fpmoe::describeModel(ModuleOp module,
                                        const CpuTarget &target) {
  ProgramDescription d;
  Describer(module, d).run();
  d.target = target.arch + " " + target.name;
  d.cpuFeatures = target.requiredFeatures;
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

  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  d.fingerprint = llvm::xxh3_64bits(llvm::StringRef(text));
  return d;
}
