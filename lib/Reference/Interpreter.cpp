//===- Interpreter.cpp - the graph dialect, evaluated plainly ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a module must be to be evaluated, and what runs its functions.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Frame.h"

#include "lib/Checkpoint/Input.h"

using namespace llvm;
using namespace mlir;

namespace fpmoe {

func::FuncOp Interpreter::getFunction(StringRef name) const {
  auto function = symbols.lookup<func::FuncOp>(name);
  return function && function.getBody().hasOneBlock() ? function : nullptr;
}

static bool isActivations(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.getElementType().isF32() &&
         tensor.isDynamicDim(0);
}

/// Frames tell activations from weights by where they come from, which agrees
/// with their types if the number of rows of activations is dynamic. Types of
/// the operands that are not looked at follow from those that are.
static Error checkActivations(func::FuncOp function) {
  Error error = Error::success();
  function.walk([&](Operation *op) {
    SmallVector<Value> activations;
    if (isa<EmbeddingOp>(op))
      activations.push_back(op->getResult(0));
    if (isa<LayersOp, RmsNormOp, LinearOp, RopeOp, ExtendHeadsOp, ClampOp,
            ScaleOp, AddOp, RouteOp, ExpertsOp, MlpOp, QkvOp, MoeOp>(op))
      activations.append({op->getOperand(0), op->getResult(0)});
    if (auto extend = dyn_cast<ExtendHeadsOp>(op))
      activations.push_back(extend.getTail());
    if (auto attention = dyn_cast<AttentionOp>(op)) {
      activations.append({attention.getQuery(), attention.getKey()});
      activations.append({attention.getValue(), attention.getResult()});
    }
    if (auto heads = dyn_cast<HeadsOp>(op)) {
      activations.append({heads.getQ(), heads.getK(), heads.getV()});
      activations.append(op->result_begin(), op->result_end());
      if (heads.getTail())
        activations.push_back(heads.getTail());
    }
    if (auto experts = dyn_cast<ExpertsOp>(op))
      activations.push_back(experts.getWeights());
    if (auto qkv = dyn_cast<QkvOp>(op))
      activations.push_back(qkv.getKey());
    if (llvm::all_of(activations,
                     [](Value v) { return isActivations(v.getType()); }))
      return WalkResult::advance();
    error = createStringError("'" + op->getName().getStringRef() +
                              "' has activations with a static number of rows");
    return WalkResult::interrupt();
  });
  return error;
}

Expected<int64_t> findSegment(ModuleOp module) {
  int64_t found = 0;
  bool agree = true;
  module.walk([&](Operation *op) {
    auto levels = op->getAttrOfType<TwoLevelAttr>("routing");
    if (!levels)
      return;
    int64_t length = levels.getWhole().getSegment();
    agree &= found == 0 || found == length;
    found = length;
  });
  if (!agree)
    return createStringError("routers have segments of different lengths");
  return found;
}

Expected<std::unique_ptr<Interpreter>>
Interpreter::create(ModuleOp module, const Sources &sources,
                    InterpreterOptions options) {
  std::unique_ptr<Interpreter> result(
      new Interpreter(module, sources, options));
  func::FuncOp main = result->getFunction("main");
  if (!main)
    return createStringError("there is no function 'main' of one block");
  FunctionType type = main.getFunctionType();
  auto ids = RankedTensorType::get({ShapedType::kDynamic},
                                   IntegerType::get(module.getContext(), 32));
  if (type.getInputs() != ArrayRef<Type>{ids, ids} ||
      type.getNumResults() != 1 || !isActivations(type.getResult(0))) {
    std::string text;
    raw_string_ostream(text) << type;
    return createStringError("'main' must map tensor<?xi32> (ids) and "
                             "tensor<?xi32> (positions) to logits, it is of "
                             "type " +
                             text);
  }
  if (auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr);
      model && model.get("ranks"))
    return createStringError("the model is split over ranks, which are not "
                             "evaluated; evaluate it before fpmoe-split-ranks");
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (Error e = checkActivations(function))
      return e;
  Expected<int64_t> segment = findSegment(module);
  if (!segment)
    return segment.takeError();
  result->segment = *segment;
  if (Error e = checkRecipes(module, sources))
    return e;
  return result;
}

Expected<Rows> Interpreter::run(ArrayRef<int32_t> ids, int64_t text) {
  if (ids.empty())
    return createStringError("there are no tokens to run");
  state = &states[text];
  int64_t &position = state->position;
  Ids &openIds = state->openIds;
  if (auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr)) {
    int64_t context = model.getAs<IntegerAttr>("context").getInt();
    if (static_cast<int64_t>(ids.size()) > context - position)
      return createStringError(Twine(position + ids.size()) +
                               " tokens are more than the context of " +
                               Twine(context));
  }
  if (options.wholeText && position > 0)
    return createStringError("a whole text is one run, and " + Twine(position) +
                             " tokens are there already");
  if (options.wholeText || segment == 0) {
    Expected<Rows> logits =
        runPart(ids, position,
                options.wholeText ? SegmentMode::whole : SegmentMode::open);
    if (logits)
      position += ids.size();
    return logits;
  }
  // Segment by segment: first for the logits of its tokens, then, when it is
  // complete, for the keys and values that later ones see.
  Rows all;
  int64_t done = 0, start = position;
  Ids idsBefore = openIds;
  std::map<int64_t, LayerCache> cachesBefore = state->caches;
  auto fail = [&](Error error) {
    openIds = std::move(idsBefore);
    state->caches = std::move(cachesBefore);
    return error;
  };
  while (done < static_cast<int64_t>(ids.size())) {
    int64_t at = start + done;
    int64_t count =
        std::min<int64_t>(ids.size() - done, segment - at % segment);
    ArrayRef<int32_t> part = ids.slice(done, count);
    Expected<Rows> logits = runPart(part, at, SegmentMode::open);
    if (!logits)
      return fail(logits.takeError());
    all.rows += count;
    all.columns = logits->columns;
    llvm::append_range(all.data, logits->data);
    llvm::append_range(openIds, part);
    done += count;
    if (static_cast<int64_t>(openIds.size()) < segment)
      break;
    Expected<Rows> again =
        runPart(openIds, at + count - segment, SegmentMode::closed);
    if (!again)
      return fail(again.takeError());
    openIds.clear();
  }
  position = start + done;
  return all;
}

Error Interpreter::runTexts(ArrayRef<Ids> texts) {
  int64_t length = texts.empty() ? 0 : texts.front().size();
  auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr);
  if (length == 0 || !options.products || (segment && length % segment) ||
      (model && length > model.getAs<IntegerAttr>("context").getInt()))
    return createStringError(Twine(texts.size()) + " texts of " +
                             Twine(length) + " tokens cannot be run together");
  Ids ids, positions;
  for (const Ids &text : texts) {
    assert(int64_t(text.size()) == length && "texts are of one length");
    append_range(ids, text);
    append_range(positions, llvm::seq<int32_t>(0, length));
  }
  runLanguages.assign(ids.size(), -1);
  textRows = length;
  Expected<Rows> nothing =
      Frame(*this, positions, segment ? SegmentMode::closed : SegmentMode::open,
            -1)
          .runMain(getFunction("main"), ids);
  textRows = 0;
  return nothing.takeError();
}

Expected<Rows> Interpreter::runPart(ArrayRef<int32_t> ids, int64_t first,
                                    SegmentMode mode) {
  Ids positions(ids.size());
  for (auto [i, p] : llvm::enumerate(positions))
    p = first + i;
  runLanguages.assign(ids.size(), -1);
  for (auto [language, p] : llvm::zip(runLanguages, positions))
    if (p < static_cast<int64_t>(state->languages.size()))
      language = state->languages[p];
  return Frame(*this, positions, mode, -1)
      .runMain(getFunction("main"), ids.vec());
}

void Interpreter::reset() {
  states.clear();
  routes.clear();
}

} // namespace fpmoe
