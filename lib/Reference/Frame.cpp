//===- Frame.cpp - one evaluation of a graph --------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks a function and hands the operands of each op to its meaning in Ops.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Frame.h"

#include "lib/Checkpoint/Input.h"
#include "llvm/Support/Parallel.h"

using namespace llvm;
using namespace mlir;

namespace fpmoe {

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Expected<Rows> Interpreter::Frame::runMain(func::FuncOp function,
                                           const Ids &ids) {
  bindings[function.getArgument(0)] = ids;
  bindings[function.getArgument(1)] = positions;
  return runBlock(function.getBody().front());
}

Expected<Rows> Interpreter::Frame::runBody(func::FuncOp function, Rows x) {
  bindings[function.getArgument(0)] = std::move(x);
  bindings[function.getArgument(1)] = positions;
  bindings[function.getArgument(2)] = layer;
  return runBlock(function.getBody().front());
}

Expected<Rows> Interpreter::Frame::runBlock(Block &block) {
  for (Operation &op : block) {
    if (auto result = dyn_cast<func::ReturnOp>(op))
      return rows(result.getOperand(0));
    Expected<bool> known =
        dispatch<GetOp, LayersOp, EmbeddingOp, RmsNormOp, LinearOp, RopeOp,
                 ExtendHeadsOp, ClampOp, ScaleOp, AttentionOp, AddOp, RouteOp,
                 ExpertsOp, MlpOp, HeadsOp, QkvOp, MoeOp>(&op);
    if (!known)
      return known.takeError();
    if (!*known)
      return createStringError("the reference does not evaluate '" +
                               op.getName().getStringRef() + "'");
  }
  llvm_unreachable("the module was verified: a block of a function returns");
}

/// Whether `op` is one of Ops, after evaluating it.
template <typename... Ops>
Expected<bool> Interpreter::Frame::dispatch(Operation *op) {
  Error error = Error::success();
  bool known =
      ((isa<Ops>(op) && ((error = visit(cast<Ops>(op))), true)) || ...);
  if (error)
    return error;
  return known;
}

Error Interpreter::Frame::visit(LayersOp op) {
  if (layer >= 0)
    return createStringError("layer " + Twine(layer) +
                             " runs layers of its own");
  Rows x = rows(op.getInput());
  for (auto [number, kind] : llvm::enumerate(op.getOrder())) {
    auto body = cast<FlatSymbolRefAttr>(op.getBodies()[kind]);
    func::FuncOp function = owner.getFunction(body.getValue());
    if (!function)
      return createStringError("layer " + Twine(number) + " runs " +
                               quoted(body.getValue()) +
                               ", which is not a function of one block");
    Expected<Rows> y =
        Frame(owner, positions, mode, number).runBody(function, std::move(x));
    if (!y)
      return y.takeError();
    x = std::move(*y);
  }
  return set(op.getResult(), std::move(x));
}

//===----------------------------------------------------------------------===//
// Plain ops
//===----------------------------------------------------------------------===//

Error Interpreter::Frame::visit(GetOp op) {
  auto weight = owner.symbols.lookup<WeightOp>(op.getWeight());
  WeightRef ref{weight, weight.getTensorType()};
  if (op.getLayer()) {
    ref.layer = std::get<int64_t>(bindings[op.getLayer()]);
    if (!llvm::is_contained(*weight.getLayers(), ref.layer))
      return createStringError("weight " + quoted(op.getWeight()) +
                               " has no layer " + Twine(ref.layer));
  }
  bindings[op.getResult()] = ref;
  return Error::success();
}

Error Interpreter::Frame::visit(EmbeddingOp op) {
  Expected<Rows> x = embedding(store, ids(op.getIds()), weight(op.getTable()));
  if (x && op.getMultiplier())
    x = scale(std::move(*x), op.getMultiplier()->convertToDouble());
  return set(op.getResult(), std::move(x));
}

Error Interpreter::Frame::visit(RmsNormOp op) {
  return set(op.getResult(),
             rmsNorm(store, rows(op.getInput()), weight(op.getWeight()),
                     op.getEps().convertToDouble()));
}

Error Interpreter::Frame::visit(LinearOp op) {
  Rows x = rows(op.getInput());
  if (op.getNorm()) {
    Expected<Rows> normed =
        rmsNorm(store, x, weight(op.getNorm()), op.getEps()->convertToDouble());
    if (!normed)
      return normed.takeError();
    x = std::move(*normed);
  }
  if (std::optional<LowRank> low = lowRank(op.getLowRank(), op.getRanks())) {
    Expected<Rows> wide = widen(store, x, *low);
    if (!wide)
      return wide.takeError();
    x = std::move(*wide);
  }
  const WeightRef &matrix = weight(op.getWeight());
  // Of texts, the logits would be large, and nobody takes them.
  if (owner.textRows && op.getResult().hasOneUse() && layer < 0 &&
      isa<func::ReturnOp>(*op.getResult().user_begin())) {
    bindings[op.getResult()] = Rows();
    return store.products->see(x, matrix);
  }
  Expected<Rows> y = multiply(store, x, matrix, 0, matrix.shape().front());
  if (!y)
    return y.takeError();
  if (op.getBias())
    if (Error e = addBias(store, *y, weight(op.getBias())))
      return e;
  if (op.getMultiplier())
    y = scale(std::move(*y), op.getMultiplier()->convertToDouble());
  if (op.getResidual())
    y = add(*y, rows(op.getResidual()));
  return set(op.getResult(), std::move(y));
}

Error Interpreter::Frame::visit(RopeOp op) {
  return set(op.getResult(),
             rope(store, rows(op.getInput()), ids(op.getPositions()),
                  weight(op.getTable()), op.getHeadWidth()));
}

Error Interpreter::Frame::visit(ExtendHeadsOp op) {
  return set(op.getResult(), extendHeads(rows(op.getInput()),
                                         rows(op.getTail()), op.getHeads()));
}

Error Interpreter::Frame::visit(ClampOp op) {
  return set(op.getResult(),
             clamp(rows(op.getInput()), op.getLimit().convertToDouble()));
}

Error Interpreter::Frame::visit(ScaleOp op) {
  return set(op.getResult(),
             scale(rows(op.getInput()), op.getMultiplier().convertToDouble()));
}

/// Every text for itself, with a cache that is dropped behind it.
Expected<Rows> Interpreter::Frame::attendTexts(AttentionOp op,
                                               const AttentionShape &shape) {
  int64_t length = owner.textRows, texts = positions.size() / length;
  auto take = [&](Value value, int64_t text) {
    const Rows &all = rows(value);
    Rows part(length, all.columns);
    llvm::copy(
        ArrayRef(all.data).slice(text * part.data.size(), part.data.size()),
        part.data.begin());
    return part;
  };
  std::vector<Rows> parts(texts);
  Ids ofText(positions.begin(), positions.begin() + length);
  auto attend = [&](Rows &result) -> Error {
    int64_t i = &result - parts.data();
    LayerCache cache;
    return attention(cache, take(op.getQuery(), i), take(op.getKey(), i),
                     take(op.getValue(), i), ofText, shape)
        .moveInto(result);
  };
  if (Error e = parallelForEachError(parts, attend))
    return std::move(e);
  Rows all(texts * length, parts.front().columns);
  auto end = all.data.begin();
  for (const Rows &part : parts)
    end = llvm::copy(part.data, end);
  return all;
}

Error Interpreter::Frame::visit(AttentionOp op) {
  AttentionShape shape{static_cast<int64_t>(op.getHeads()),
                       static_cast<int64_t>(op.getKvHeads()),
                       op.getScale().convertToDouble(), op.getWindow(),
                       op.getCache().has_value()};
  if (owner.textRows)
    return set(op.getResult(), attendTexts(op, shape));
  LayerCache &cache =
      owner.state->caches[std::get<int64_t>(bindings[op.getLayer()])];
  return set(op.getResult(),
             attention(cache, rows(op.getQuery()), rows(op.getKey()),
                       rows(op.getValue()), ids(op.getPositions()), shape));
}

Error Interpreter::Frame::visit(AddOp op) {
  return set(op.getResult(), add(rows(op.getLhs()), rows(op.getRhs())));
}

void Interpreter::Frame::record(const Routes &routes) {
  if (!owner.options.recordRoutes || mode == SegmentMode::closed)
    return;
  for (int64_t row = 0; row < routes.experts.rows; ++row)
    owner.routes.push_back({std::max<int64_t>(layer, 0), positions[row],
                            routes.experts[row].vec(),
                            routes.weights[row].vec()});
}

Error Interpreter::Frame::visit(RouteOp op) {
  Expected<Routes> routes =
      route(store, rows(op.getInput()), optionalWeight(op.getRouter()),
            op.getRouting(), mode);
  if (!routes)
    return routes.takeError();
  record(*routes);
  bindings[op.getExperts()] = std::move(routes->experts);
  bindings[op.getWeights()] = std::move(routes->weights);
  return Error::success();
}

Error Interpreter::Frame::visit(ExpertsOp op) {
  Routes routes{rows(op.getWeights()),
                std::get<Matrix<int32_t>>(bindings[op.getExperts()])};
  FeedForward weights{weight(op.getGate()), weight(op.getUp()),
                      weight(op.getDown())};
  return set(op.getResult(),
             experts(store, rows(op.getInput()), routes, weights));
}

Error Interpreter::Frame::visit(MlpOp op) {
  FeedForward weights{weight(op.getGate()), weight(op.getUp()),
                      weight(op.getDown()),
                      lowRank(op.getUpLowRank(), op.getUpRanks()),
                      lowRank(op.getDownLowRank(), op.getDownRanks())};
  return set(op.getResult(), mlp(store, rows(op.getInput()), weights,
                                 optionalWeight(op.getScale())));
}

//===----------------------------------------------------------------------===//
// Fused ops
//===----------------------------------------------------------------------===//

/// The columns [first, first + count).
static Rows columns(const Rows &all, int64_t first, int64_t count) {
  Rows part(all.rows, count);
  for (int64_t row = 0; row < all.rows; ++row)
    llvm::copy(all[row].slice(first, count), part[row].begin());
  return part;
}

/// Norm, clip and rotary embedding of heads of q or k; each may be absent.
Expected<Rows> Interpreter::Frame::turnHeads(Rows x, const HeadSteps &steps) {
  if (steps.norm) {
    Expected<Rows> normed =
        rmsNorm(store, x, *steps.norm, steps.eps->convertToDouble());
    if (!normed)
      return normed.takeError();
    x = std::move(*normed);
  }
  if (steps.clip)
    x = clamp(std::move(x), steps.clip->convertToDouble());
  if (!steps.table)
    return x;
  return rope(store, x, positions, *steps.table, steps.headDim);
}

Error Interpreter::Frame::visit(HeadsOp op) {
  int64_t headDim = op.getQuery().getType().getDimSize(1) / op.getHeads();
  const WeightRef &table = weight(op.getTable());
  HeadSteps steps{optionalWeight(op.getQNorm()), op.getEps(), op.getClip(),
                  &table, headDim};
  if (Error e = set(op.getQuery(), turnHeads(rows(op.getQ()), steps)))
    return e;
  steps.norm = optionalWeight(op.getKNorm());
  HeadSteps clipOnly{nullptr, std::nullopt, op.getClip(), nullptr, headDim};
  if (op.getTail()) {
    Expected<Rows> tail =
        rope(store, rows(op.getTail()), positions, table, table.columns());
    if (!tail)
      return tail.takeError();
    Expected<Rows> k = turnHeads(rows(op.getK()), clipOnly);
    if (Error e = set(op.getKey(), extendHeads(*k, *tail, op.getKvHeads())))
      return e;
  } else if (Error e = set(op.getKey(), turnHeads(rows(op.getK()), steps))) {
    return e;
  }
  return set(op.getValue(), turnHeads(rows(op.getV()), clipOnly));
}

Error Interpreter::Frame::visit(QkvOp op) {
  Expected<Rows> n = rmsNorm(store, rows(op.getInput()), weight(op.getNorm()),
                             op.getEps().convertToDouble());
  if (!n)
    return n.takeError();
  if (std::optional<LowRank> low = lowRank(op.getLowRank(), op.getRanks())) {
    n = widen(store, *n, *low);
    if (!n)
      return n.takeError();
  }
  // All heads together: those of q, then of k, then of v.
  int64_t q = op.getQuery().getType().getDimSize(1);
  int64_t k = op.getKey().getType().getDimSize(1);
  Expected<Rows> all =
      multiply(store, *n, weight(op.getWeight()), 0, q + 2 * k);
  if (!all)
    return all.takeError();
  if (op.getBias())
    if (Error e = addBias(store, *all, weight(op.getBias())))
      return e;
  int64_t headDim = weight(op.getTable()).columns();
  HeadSteps steps{optionalWeight(op.getQNorm()), op.getHeadEps(), op.getClip(),
                  &weight(op.getTable()), headDim};
  if (Error e = set(op.getQuery(), turnHeads(columns(*all, 0, q), steps)))
    return e;
  steps.norm = optionalWeight(op.getKNorm());
  if (Error e = set(op.getKey(), turnHeads(columns(*all, q, k), steps)))
    return e;
  HeadSteps clipOnly{nullptr, std::nullopt, op.getClip(), nullptr, headDim};
  return set(op.getValue(), turnHeads(columns(*all, q + k, k), clipOnly));
}

Error Interpreter::Frame::visit(MoeOp op) {
  const Rows &x = rows(op.getInput());
  Expected<Rows> n =
      rmsNorm(store, x, weight(op.getNorm()), op.getEps().convertToDouble());
  if (!n)
    return n.takeError();
  std::optional<Rows> sum;
  if (op.getGateUp()) {
    Expected<Routes> routes = route(store, *n, optionalWeight(op.getRouter()),
                                    *op.getRouting(), mode);
    if (!routes)
      return routes.takeError();
    record(*routes);
    FeedForward weights{weight(op.getGateUp()), std::nullopt,
                        weight(op.getDown())};
    Expected<Rows> routed = experts(store, *n, *routes, weights);
    if (!routed)
      return routed.takeError();
    sum = std::move(*routed);
  }
  if (op.getSharedGateUp()) {
    FeedForward weights{weight(op.getSharedGateUp()), std::nullopt,
                        weight(op.getSharedDown()),
                        lowRank(op.getUpLowRank(), op.getUpRanks()),
                        lowRank(op.getDownLowRank(), op.getDownRanks())};
    Expected<Rows> shared =
        mlp(store, *n, weights, optionalWeight(op.getScale()));
    if (!shared)
      return shared.takeError();
    sum = sum ? add(*sum, *shared) : std::move(*shared);
  }
  if (op.getMultiplier())
    sum = scale(std::move(*sum), op.getMultiplier()->convertToDouble());
  return set(op.getResult(), add(x, *sum));
}

} // namespace fpmoe
