//===- VerifyRanks.cpp - What ranks read of each other --------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Follows the programs of a model that is split, layer by layer, with what a
// rank has of each buffer. How a weight is split, its recipe says.
//===----------------------------------------------------------------------===//

#include "passes/Schedule/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace fpmoe {
#define GEN_PASS_DEF_VERIFYRANKS
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;

namespace {

/// What a rank has of a buffer: all of it, as every rank; columns or heads of
/// its own; or numbers that are right when those of all ranks are added.
enum class Has { Whole, Part, Summand };

/// What a rank has of a weight.
enum class Split { None, Rows, Columns, Mixed };

/// Follows a recipe: what splits a value splits what is made of it.
Split getSplit(fpmoe::WeightOp weight) {
  llvm::SmallDenseMap<Value, Split> splits; // None where it has no entry
  for (Operation &op : weight.getRecipe().front()) {
    std::optional<Split> split;
    if (isa<fpmoe::SplitRowsOp>(op))
      split = Split::Rows;
    else if (isa<fpmoe::SplitColumnsOp>(op))
      split = Split::Columns;
    else
      for (Value operand : op.getOperands())
        if (isa<RankedTensorType>(operand.getType())) {
          Split other = splits.lookup(operand);
          split = split && *split != other ? Split::Mixed : other;
        }
    for (Value result : op.getResults())
      splits[result] = split.value_or(Split::None);
  }
  return splits.lookup(weight.getResultValue());
}

StringRef describe(Split split) {
  switch (split) {
  case Split::None:
    return "which is whole";
  case Split::Rows:
    return "of which a rank has rows";
  case Split::Columns:
    return "of which a rank has columns";
  case Split::Mixed:
    return "which is made of split and of whole weights";
  }
  llvm_unreachable("covered");
}

StringRef describe(Has has) {
  switch (has) {
  case Has::Whole:
    return "which all ranks have whole";
  case Has::Part:
    return "of which each rank has a part";
  case Has::Summand:
    return "of which each rank has a summand";
  }
  llvm_unreachable("covered");
}

std::string nameOf(Value value) {
  StringRef name = "a buffer";
  if (auto weight = value.getDefiningOp<mega::WeightOp>())
    name = weight.getWeight();
  else if (auto buffer = value.getDefiningOp<mega::BufferOp>())
    name = buffer.getName().value_or(name);
  return ("'" + name + "'").str();
}

/// One program, phase by phase.
class RankVerifier {
public:
  RankVerifier(SymbolTable &symbols, int64_t ranks)
      : symbols(symbols), ranks(ranks) {}

  LogicalResult run(mega::ProgramOp program) {
    return run(program.getBody().front());
  }

private:
  LogicalResult run(Block &block) {
    for (Operation &op : block) {
      if (auto layers = dyn_cast<mega::LayersOp>(op)) {
        for (int64_t kind : layers.getOrder())
          if (failed(run(layers.getKinds()[kind].front())))
            return failure();
      } else if (auto phase = dyn_cast<mega::PhaseOp>(op);
                 phase && !phase.getAhead()) {
        for (Operation &tile : phase.getBody().front())
          if (failed(run(cast<mega::TileOpInterface>(tile))))
            return failure();
      }
    }
    return success();
  }

  LogicalResult run(mega::TileOpInterface tile) {
    FailureOr<Has> result =
        llvm::TypeSwitch<Operation *, FailureOr<Has>>(tile)
            .Case<mega::EmbedOp, mega::ReduceOp, mega::ExchangeOp,
                  mega::LinearOp, mega::QkvOp, mega::LowRankOp,
                  mega::ExpertUpOp, mega::ExpertDownOp, mega::SquaresOp,
                  mega::HeadsOp>([&](auto op) { return visit(op); })
            // Each column, or each head, by itself.
            .Case<mega::QuantizeOp>(
                [&](auto op) { return take(op, {op.getRows()}); })
            .Case<mega::AttentionOp, mega::AttendSpanOp>([&](auto op) {
              return take(op, {op.getQuery(), op.getCache()});
            })
            .Case<mega::MergeSpansOp>(
                [&](auto op) { return take(op, {op.getPartial()}); })
            // All others take rows as they are of the model.
            .Default([&](Operation *) { return takeWhole(tile); });
    if (failed(result))
      return failure();
    SmallVector<mega::TileAccess> accesses;
    tile.getAccesses(accesses);
    for (const mega::TileAccess &access : accesses)
      if (access.write)
        buffers[access.buffer] = {*result, tile};
    return success();
  }

  // What an op makes of what it reads.

  FailureOr<Has> visit(mega::EmbedOp op) {
    Split table = getSplit(op.getTable());
    if (table == (op.getPart() ? Split::Rows : Split::None))
      return op.getPart() ? Has::Summand : Has::Whole;
    return refuse(op, op.getTable(),
                  op.getPart() ? "as its part of a table" : "as a whole table");
  }

  FailureOr<Has> visit(mega::ExchangeOp op) {
    if (lookup(op.getRows()) != Has::Summand)
      return refuse(op, op.getRows(), "as summands of the ranks");
    return Has::Whole;
  }

  FailureOr<Has> visit(mega::ReduceOp op) {
    Has sums = lookup(op.getSums());
    if (op.getBias() && failed(needs(op, op.getBias(), Split::None)))
      return failure();
    // What is added to a summand, all ranks would add.
    bool isAlone = !op.getAccumulate() && !op.getBias();
    if (sums == Has::Part || (sums == Has::Summand && !isAlone))
      return refuse(op, op.getSums(), "as sums over all ranks");
    if (op.getAccumulate() && failed(add(op, op.getSums(), sums, op.getOut())))
      return failure();
    return sums;
  }

  FailureOr<Has> visit(mega::LinearOp op) {
    FailureOr<Has> result = multiply(op);
    if (failed(result) || failed(takeBias(op, *result)))
      return failure();
    if (op.getAccumulate() &&
        failed(add(op, op.getWeight(), *result, op.getOut())))
      return failure();
    auto out = op.getOut().getDefiningOp<mega::BufferOp>();
    if (out && out.getSpace() == mega::BufferSpace::Logits &&
        *result != Has::Part)
      return refuse(op, op.getWeight(), "to give its part of the logits");
    return result;
  }

  FailureOr<Has> visit(mega::QkvOp op) {
    FailureOr<Has> result = multiply(op);
    if (failed(result) || failed(takeBias(op, *result)))
      return failure();
    for (Value norm : {op.getQNorm(), op.getKNorm()})
      if (norm && failed(needs(op, norm, Split::None)))
        return failure();
    return result;
  }

  /// What low ranks make of a part is a summand of a product's, but stands
  /// behind the part, and goes into the sum with it.
  FailureOr<Has> visit(mega::LowRankOp op) {
    FailureOr<Has> result = multiply(op);
    if (failed(result) || *result != Has::Part)
      return *result == Has::Summand ? FailureOr<Has>(Has::Part) : result;
    return refuse(op, op.getWeight(), "to put behind whole rows");
  }

  FailureOr<Has> visit(mega::ExpertUpOp op) { return multiply(op); }

  FailureOr<Has> visit(mega::ExpertDownOp op) {
    FailureOr<Has> result = multiply(op);
    if (failed(result))
      return failure();
    // Sums of shards begin with zero, other rows are added to.
    bool isAdded = cast<MemRefType>(op.getX().getType()).getRank() == 2;
    if (isAdded && failed(add(op, op.getAct(), *result, op.getX())))
      return failure();
    return result;
  }

  FailureOr<Has> visit(mega::SquaresOp op) {
    FailureOr<Has> rows = take(op, {op.getQ(), op.getK()});
    if (failed(rows))
      return failure();
    return *rows == Has::Part ? Has::Summand : Has::Whole;
  }

  FailureOr<Has> visit(mega::HeadsOp op) {
    if (op.getRanks().value_or(ranks) != static_cast<uint64_t>(ranks))
      return op.emitOpError("takes squares of ")
             << *op.getRanks() << " ranks, the model has " << ranks;
    FailureOr<Has> heads = take(op, {op.getQ(), op.getK(), op.getV()});
    if (failed(heads))
      return failure();
    // Norms of whole rows have a number for each column of all heads.
    for (Value norm : {op.getQNorm(), op.getKNorm()}) {
      if (!norm)
        continue;
      Split split = op.getSquares() ? Split::Rows : Split::None;
      if (failed(needs(op, norm, split)))
        return failure();
      auto type = cast<RankedTensorType>(norm.getType());
      if (*heads == Has::Part && !op.getSquares() &&
          type.getDimSize(0) > static_cast<int64_t>(op.getHeadDim()))
        return refuse(op, op.getQ(), "for a norm of whole rows");
    }
    return heads;
  }

  FailureOr<Has> takeWhole(mega::TileOpInterface op) {
    for (Value operand : op->getOperands())
      if (operand.getDefiningOp<mega::WeightOp>() &&
          failed(needs(op, operand, Split::None)))
        return failure();
    return take(op, {});
  }

  /// What all of the buffers `alike` are, which may be parts of ranks. Whatever
  /// else is read has to be whole, but for what the op writes, too (`add`).
  FailureOr<Has> take(mega::TileOpInterface op, ArrayRef<Value> alike) {
    Has has = alike.empty() ? Has::Whole : lookup(alike.front());
    SmallVector<mega::TileAccess> accesses;
    op.getAccesses(accesses);
    llvm::SmallDenseSet<Value> written;
    for (const mega::TileAccess &access : accesses)
      if (access.write)
        written.insert(access.buffer);
    for (const mega::TileAccess &access : accesses) {
      Value buffer = access.buffer;
      bool isAlike = llvm::is_contained(alike, buffer);
      if (access.write || (written.contains(buffer) && !isAlike))
        continue;
      Has read = lookup(buffer);
      if (read == Has::Summand || (!isAlike && read != Has::Whole))
        return refuse(op, buffer, "as if it were of all ranks");
      if (isAlike && read != has)
        return refuse(op, buffer, "beside " + nameOf(alike.front()));
    }
    return has;
  }

  /// Checks that what `from` gives is of all ranks, as the rows that it is
  /// added to.
  LogicalResult add(Operation *op, Value from, Has sum, Value rows) {
    if (sum != Has::Whole)
      return refuse(op, from, "to add to whole rows");
    if (lookup(rows) != Has::Whole)
      return refuse(op, rows, "to add whole rows to it");
    return success();
  }

  /// Whole rows by rows of a weight are columns of the product; a rank's
  /// columns of rows by its columns of a weight, a summand of it.
  FailureOr<Has> multiply(mega::TileOpInterface op) {
    mega::TileProduct product = op.getProduct();
    FailureOr<Has> taken = take(op, {product.rows});
    if (failed(taken))
      return failure();
    Has rows = *taken;
    std::optional<Has> result;
    for (Value weight : product.weights) {
      Split split = getSplit(weight);
      Has has = rows;
      if (rows == Has::Part && split == Split::Columns)
        has = Has::Summand;
      else if (rows == Has::Whole && split == Split::Rows)
        has = Has::Part;
      else if (rows != Has::Whole || split != Split::None)
        return refuse(op, product.rows,
                      "by " + nameOf(weight) + ", " + describe(split).str());
      if (result && *result != has)
        return refuse(op, weight,
                      "beside " + nameOf(product.weights.front()) + ", " +
                          describe(getSplit(product.weights.front())).str());
      result = has;
    }
    return *result;
  }

  /// Checks that a bias, if any, is split as the product is.
  template <typename OpTy> LogicalResult takeBias(OpTy op, Has product) {
    if (!op.getBias())
      return success();
    if (product == Has::Summand)
      return refuse(op, op.getBias(), "to add to the summand of each rank");
    return needs(op, op.getBias(),
                 product == Has::Part ? Split::Rows : Split::None);
  }

  LogicalResult needs(Operation *op, Value weight, Split split) {
    if (getSplit(weight) == split)
      return success();
    return refuse(op, weight,
                  split == Split::Rows ? "where a rank needs its own rows"
                                       : "where a rank needs all of it");
  }

  /// "'add' reads 'sums', of which each rank has a summand, as ...".
  LogicalResult refuse(Operation *op, Value read, const Twine &how) {
    auto phase = op->getParentOfType<mega::PhaseOp>();
    InFlightDiagnostic diag = op->emitOpError()
                              << "of '" << phase.getName() << "' reads "
                              << nameOf(read) << ", "
                              << (read.getDefiningOp<mega::WeightOp>()
                                      ? describe(getSplit(read))
                                      : describe(lookup(read)))
                              << ", " << how;
    if (Operation *writer = buffers.lookup(read).writer)
      diag.attachNote(writer->getLoc()) << "it was written here";
    return diag;
  }

  /// Nobody has written what the caller gives, which all ranks have.
  Has lookup(Value buffer) { return buffers.lookup(buffer).has; }

  Split getSplit(Value weight) {
    auto get = weight.getDefiningOp<mega::WeightOp>();
    if (!get)
      return Split::None;
    auto [it, isNew] = splits.try_emplace(get.getWeightAttr(), Split::None);
    if (isNew)
      it->second = ::getSplit(symbols.lookup<fpmoe::WeightOp>(get.getWeight()));
    return it->second;
  }

  struct Buffer {
    Has has = Has::Whole;
    Operation *writer = nullptr;
  };
  SymbolTable &symbols;
  const int64_t ranks;
  llvm::DenseMap<Value, Buffer> buffers;
  llvm::DenseMap<Attribute, Split> splits; ///< of weights by their names
};

struct VerifyRanksPass : fpmoe::impl::VerifyRanksBase<VerifyRanksPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    int64_t ranks = fpmoe::getNumRanks(module);
    SymbolTable symbols(module);
    for (auto program : module.getOps<mega::ProgramOp>())
      if (failed(ranks > 1 ? RankVerifier(symbols, ranks).run(program)
                           : checkAlone(program)))
        return signalPassFailure();
  }

  /// One process has nobody to add its rows to.
  static LogicalResult checkAlone(mega::ProgramOp program) {
    WalkResult walk = program.walk([](mega::ExchangeOp exchange) {
      exchange.emitOpError("has no ranks in 'fpmoe.model' to add up");
      return WalkResult::interrupt();
    });
    return failure(walk.wasInterrupted());
  }
};

} // namespace
