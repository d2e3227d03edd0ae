//===- RecipeOps.cpp - Verifiers and folds of weight recipes --------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The numbered constraints of the ops that make a weight, and the folds that
// the assemble phase is made of.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/FPMoE.h"
#include "dialects/FPMoE/Storage.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace fpmoe;

#define GET_OP_CLASSES
#include "dialects/FPMoE/FPMoEOps.cpp.inc"

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

//===----------------------------------------------------------------------===//
// WeightOp
//===----------------------------------------------------------------------===//

Value WeightOp::getResultValue() {
  return cast<YieldOp>(getRecipe().front().getTerminator()).getValue();
}

int64_t WeightOp::getInstanceBytes() {
  RankedTensorType type = getTensorType();
  if (auto packing = dyn_cast_or_null<PackingAttrInterface>(type.getEncoding()))
    return packing.getInstanceBytes(type);
  return getStorageBytes(type);
}

LogicalResult WeightOp::verifyRegions() {
  Block &body = getRecipe().front();
  bool takesLayer =
      body.getNumArguments() == 1 && body.getArgument(0).getType().isIndex();
  if (getLayers() ? !takesLayer : body.getNumArguments() != 0)
    return emitOpError("must take one index with layers and nothing without "
                       "(weight_c1)");
  Value result = getResultValue();
  if (!result || result.getType() != getType())
    return emitOpError("is of type ")
           << getType() << ", its recipe yields "
           << (result ? result.getType() : Type(NoneType::get(getContext())))
           << " (weight_c2)";
  for (Operation &op : body)
    for (Type type : op.getResultTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type);
          tensor && getGroupFormat(tensor.getElementType()) &&
          !isa<ConvertOp, PackOp>(op))
        return op.emitOpError("makes ")
               << type << "; integers are made by fpmoe.convert (weight_c6)";
  int64_t previous = -1;
  for (int64_t layer : getLayers().value_or(ArrayRef<int64_t>())) {
    if (layer <= previous)
      return emitOpError("names layer ")
             << layer << " after layer " << previous << " (weight_c3)";
    previous = layer;
  }
  if (getOffset().has_value() != getStride().has_value())
    return emitOpError("has an offset or a stride alone (weight_c5)");
  if (getOffset()) {
    int64_t offset = *getOffset(), stride = *getStride();
    if (offset < 0 || offset % 64 || stride % 64)
      return emitOpError("stands at ")
             << offset << " with stride " << stride
             << ", both must be multiples of 64 (weight_c5)";
    if (stride < getInstanceBytes())
      return emitOpError("needs ")
             << getInstanceBytes() << " bytes, its stride is " << stride
             << " (weight_c5)";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Sources
//===----------------------------------------------------------------------===//

static LogicalResult verifyName(Operation *op, StringRef name, Value layer,
                                StringRef constraint) {
  size_t holes = name.count("{}");
  if (holes != (layer ? 1u : 0u))
    return op->emitOpError("has ")
           << holes << " '{}' in its name " << (layer ? "with" : "without")
           << " a layer (" << constraint << ")";
  return success();
}

LogicalResult LoadOp::verify() {
  for (int64_t index : getAt().value_or(ArrayRef<int64_t>()))
    if (index < 0)
      return emitOpError("starts at ") << index << " (load_c2)";
  if (getPart()) {
    auto module = (*this)->getParentOfType<ModuleOp>();
    if (getPartDirectory(module, *getPart()).empty())
      return emitOpError("takes '") << getName() << "' from '" << *getPart()
                                    << "', which is not among the parts of the "
                                       "model (load_c3)";
  }
  return verifyName(*this, getName(), getLayer(), "load_c1");
}

LogicalResult RandomOp::verify() {
  return verifyName(*this, getName(), getLayer(), "random_c1");
}

/// Checks what frequencies are made of; constraints 2 and 3 of `op`.
template <typename Op>
static LogicalResult verifyFrequencies(Op op, int64_t count,
                                       StringRef constraint) {
  if (!(op.getTheta().convertToDouble() > 0))
    return op.emitOpError("theta must be positive (") << constraint << "2)";
  if (auto scaling = dyn_cast_or_null<RopeFactorsAttr>(
          op.getScaling().value_or(Attribute()))) {
    int64_t factors = scaling.getFactors().size();
    if (factors != count)
      return op.emitOpError("has ") << factors << " factors for " << count
                                    << " frequencies (" << constraint << "3)";
  }
  return success();
}

LogicalResult RopeTableOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getResult());
  if (shape.size() != 2 || shape[1] % 2)
    return emitOpError("needs two dimensions, the second one even "
                       "(rope_table_c1)");
  return verifyFrequencies(*this, shape[1] / 2, "rope_table_c");
}

LogicalResult RopeFrequenciesOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getResult());
  if (shape.size() != 1)
    return emitOpError("needs one dimension (rope_frequencies_c1)");
  return verifyFrequencies(*this, shape[0], "rope_frequencies_c");
}

double RopeFrequenciesOp::getMagnitude(Attribute scaling) {
  auto yarn = dyn_cast_or_null<RopeYarnAttr>(scaling);
  return yarn ? yarn.getMagnitude().getValueAsDouble() : 1;
}

//===----------------------------------------------------------------------===//
// Arrangements
//===----------------------------------------------------------------------===//

LogicalResult StackOp::verify() {
  SmallVector<int64_t> expected{static_cast<int64_t>(getInputs().size())};
  if (getInputs().empty())
    return emitOpError("has no operand (stack_c1)");
  llvm::append_range(expected, shapeOf(getInputs().front()));
  for (Value input : getInputs())
    if (input.getType() != getInputs().front().getType())
      return emitOpError("stacks ") << getInputs().front().getType() << " and "
                                    << input.getType() << " (stack_c1)";
  if (shapeOf(getResult()) != ArrayRef(expected))
    return emitOpError("of ")
           << getInputs().size() << " times " << getInputs().front().getType()
           << " gives " << getResult().getType() << " (stack_c1)";
  return success();
}

LogicalResult ConcatOp::verify() {
  if (getInputs().empty())
    return emitOpError("has no operand (concat_c1)");
  ArrayRef<int64_t> result = shapeOf(getResult());
  int64_t rows = 0;
  for (Value input : getInputs()) {
    ArrayRef<int64_t> shape = shapeOf(input);
    if (shape.empty() || result.empty() ||
        shape.drop_front() != result.drop_front())
      return emitOpError("joins ") << input.getType() << " to "
                                   << getResult().getType() << " (concat_c1)";
    rows += shape.front();
  }
  if (rows != result.front())
    return emitOpError("has ")
           << rows << " rows, its result " << result.front() << " (concat_c1)";
  return success();
}

LogicalResult SliceOp::verify() {
  SmallVector<int64_t> in(shapeOf(getInput())), out(shapeOf(getResult()));
  size_t rank = in.size();
  if (rank < 2 || out.size() != rank)
    return emitOpError("needs at least two dimensions, as many in as out "
                       "(slice_c1)");
  int64_t first = static_cast<int64_t>(getFirst());
  if (first < 0 || out[rank - 2] > in[rank - 2] - first)
    return emitOpError("takes ")
           << out[rank - 2] << " rows from row " << first << " of only "
           << in[rank - 2] << " (slice_c1)";
  in[rank - 2] = out[rank - 2];
  if (in != out)
    return emitOpError("changes ") << getInput().getType() << " to "
                                   << getResult().getType() << " (slice_c1)";
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  return {};
}

/// Integers stand in groups, which nothing cuts.
static LogicalResult verifyNoGroups(Operation *op, Value value,
                                    StringRef constraint) {
  if (!getGroupFormat(cast<ShapedType>(value.getType()).getElementType()))
    return success();
  return op->emitOpError("splits ")
         << value.getType() << ", whose groups are made of what was split ("
         << constraint << ")";
}

static bool haveOneElement(Value one, Value other) {
  return cast<ShapedType>(one.getType()).getElementType() ==
         cast<ShapedType>(other.getType()).getElementType();
}

LogicalResult SplitRowsOp::verify() {
  SmallVector<int64_t> in(shapeOf(getInput())), out(shapeOf(getResult()));
  int64_t dim = getDim(), rank = in.size();
  // Sums of what is not negative stay below the sizes that are compared.
  auto isSum = [](ArrayRef<int64_t> entries, int64_t total) {
    for (int64_t entry : entries) {
      if (entry < 1 || entry > total)
        return false;
      total -= entry;
    }
    return total == 0;
  };
  // Rows, or what a vector has for each of them.
  bool fits = dim >= 0 && dim < std::max<int64_t>(rank - 1, 1) &&
              out.size() == in.size() &&
              getSections().size() == getParts().size() &&
              isSum(getSections(), in[dim]) && isSum(getParts(), out[dim]);
  if (fits)
    in[dim] = out[dim];
  if (!fits || in != out || !haveOneElement(getInput(), getResult()))
    return emitOpError("makes ")
           << getResult().getType() << " of " << getInput().getType()
           << " by sections [" << getSections() << "] and parts [" << getParts()
           << "] of dimension " << dim << " (split_rows_c1)";
  return verifyNoGroups(*this, getInput(), "split_rows_c2");
}

LogicalResult SplitColumnsOp::verify() {
  SmallVector<int64_t> in(shapeOf(getInput())), out(shapeOf(getResult()));
  size_t rank = in.size();
  int64_t tail = getTail();
  bool fits = rank >= 2 && out.size() == rank + 1 && tail >= 0 &&
              tail < std::min(in.back(), out.back());
  if (fits) {
    in.insert(in.begin() + (rank - 2), out[rank - 2]);
    in.back() = out.back();
  }
  if (!fits || in != out || !haveOneElement(getInput(), getResult()))
    return emitOpError("makes ")
           << getResult().getType() << " of " << getInput().getType()
           << " with a tail of " << tail << " (split_columns_c1)";
  return verifyNoGroups(*this, getInput(), "split_columns_c2");
}

LogicalResult SelectOp::verify() {
  SmallVector<int64_t> in(shapeOf(getInput())), out(shapeOf(getResult()));
  if (in.empty() || out.empty() ||
      out.front() != static_cast<int64_t>(getIndices().size()))
    return emitOpError("selects ") << getIndices().size() << " entries into "
                                   << getResult().getType() << " (select_c1)";
  for (int64_t index : getIndices())
    if (index < 0 || index >= in.front())
      return emitOpError("selects entry ")
             << index << " of only " << in.front() << " (select_c1)";
  in.front() = out.front();
  if (in != out)
    return emitOpError("changes ") << getInput().getType() << " to "
                                   << getResult().getType() << " (select_c1)";
  return success();
}

OpFoldResult SelectOp::fold(FoldAdaptor) {
  if (getInput().getType() == getResult().getType() &&
      llvm::equal(getIndices(), llvm::seq<int64_t>(0, getIndices().size())))
    return getInput();
  return {};
}

namespace {
/// select(stack(a, b, c)[2]) is stack(c).
struct SelectOfStack : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op,
                                PatternRewriter &rewriter) const override {
    auto stack = op.getInput().getDefiningOp<StackOp>();
    if (!stack)
      return failure();
    SmallVector<Value> chosen;
    for (int64_t index : op.getIndices())
      chosen.push_back(stack.getInputs()[index]);
    rewriter.replaceOpWithNewOp<StackOp>(op, op.getType(), chosen);
    return success();
  }
};
} // namespace

void SelectOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<SelectOfStack>(context);
}

LogicalResult ReshapeOp::verify() {
  int64_t in = cast<ShapedType>(getInput().getType()).getNumElements();
  int64_t out = cast<ShapedType>(getResult().getType()).getNumElements();
  if (in != out)
    return emitOpError("makes ")
           << out << " elements of " << in << " (reshape_c1)";
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  return {};
}

LogicalResult ConvertOp::verify() {
  if (shapeOf(getInput()) != shapeOf(getResult()))
    return emitOpError("changes ") << getInput().getType() << " to "
                                   << getResult().getType() << " (convert_c1)";
  ArrayRef<int64_t> shape = shapeOf(getResult());
  int64_t tail = getTail();
  if (tail < 0 || (tail && tail >= shape.back()))
    return emitOpError("has a tail of ")
           << tail << " of " << getResult().getType() << " (convert_c2)";
  auto isGroup = [](Value value) {
    return getGroupFormat(
               cast<RankedTensorType>(value.getType()).getElementType())
        .has_value();
  };
  if (isGroup(getInput()) ||
      (isGroup(getResult()) ? shape.empty() : tail != 0))
    return emitOpError("of ")
           << getInput().getType() << " to " << getResult().getType()
           << ": integers are made once, of rows, and a "
              "tail is theirs (convert_c3)";
  return success();
}

OpFoldResult ConvertOp::fold(FoldAdaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  return {};
}

LogicalResult DeinterleaveOp::verify() {
  int64_t headDim = getHeadDim(), width = getWidth();
  ArrayRef<int64_t> shape = shapeOf(getInput());
  if (shape.empty() || headDim < 1 || shape.front() % headDim || width < 2 ||
      width % 2 || width > headDim)
    return emitOpError("reorders ")
           << width << " of every " << headDim << " rows of "
           << getInput().getType() << " (deinterleave_c1)";
  return success();
}

LogicalResult AppendRowsOp::verify() {
  SmallVector<int64_t> expected(shapeOf(getFirst()));
  if (expected.size() < 2)
    return emitOpError("needs at least two dimensions (append_rows_c1)");
  int64_t &rows = expected[expected.size() - 2];
  rows *= 2;
  if (shapeOf(getResult()) != ArrayRef(expected))
    return emitOpError("of ")
           << getFirst().getType() << " has " << rows << " rows, its result is "
           << getResult().getType() << " (append_rows_c1)";
  return success();
}

LogicalResult AppendColumnsOp::verify() {
  SmallVector<int64_t> expected(shapeOf(getFirst()));
  ArrayRef<int64_t> second = shapeOf(getSecond());
  bool fits = expected.size() >= 2 && second.size() == expected.size() &&
              second.drop_back() == ArrayRef(expected).drop_back();
  if (fits)
    expected.back() += second.back();
  if (!fits || shapeOf(getResult()) != ArrayRef(expected))
    return emitOpError("makes ")
           << getResult().getType() << " of " << getFirst().getType() << " and "
           << getSecond().getType() << " (append_columns_c1)";
  return success();
}

LogicalResult PackOp::verify() {
  auto in = cast<RankedTensorType>(getInput().getType());
  auto out = cast<RankedTensorType>(getResult().getType());
  if (in.getEncoding() ||
      !isa_and_nonnull<PackingAttrInterface>(out.getEncoding()) ||
      in.getShape() != out.getShape() ||
      in.getElementType() != out.getElementType())
    return emitOpError("makes ") << out << " of " << in << " (pack_c1)";
  return success();
}
