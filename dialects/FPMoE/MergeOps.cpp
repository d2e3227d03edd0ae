//===- MergeOps.cpp - Verifiers of the arithmetic of recipes --------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The numbered constraints of the ops that make a weight of weights. That types
// are equal is in the format of most of them.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/FPMoE.h"
#include "llvm/ADT/SmallSet.h"

#include <cmath>

using namespace mlir;
using namespace fpmoe;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

//===----------------------------------------------------------------------===//
// ByLayerOp
//===----------------------------------------------------------------------===//

Value ByLayerOp::getInputOf(int64_t layer) {
  for (auto [input, list] : llvm::zip(getInputs(), getLayers()))
    for (Attribute number : cast<ArrayAttr>(list))
      if (cast<IntegerAttr>(number).getInt() == layer)
        return input;
  return Value();
}

LogicalResult ByLayerOp::verify() {
  if (getInputs().empty() || getInputs().size() != getLayers().size())
    return emitOpError("has ")
           << getInputs().size() << " operands and " << getLayers().size()
           << " lists of layers (by_layer_c1)";
  llvm::SmallSet<int64_t, 16> seen;
  for (Attribute list : getLayers())
    for (Attribute number : cast<ArrayAttr>(list)) {
      int64_t layer = cast<IntegerAttr>(number).getInt();
      if (!seen.insert(layer).second)
        return emitOpError("names layer ") << layer << " twice (by_layer_c2)";
    }
  auto weight = cast<WeightOp>((*this)->getParentOp());
  for (int64_t layer : weight.getLayers().value_or(ArrayRef<int64_t>()))
    if (!seen.contains(layer))
      return emitOpError("has no operand for layer ")
             << layer << " of the weight (by_layer_c2)";
  for (Value input : getInputs())
    if (input.getType() != getType())
      return emitOpError("gives ") << getType() << ", its operand is "
                                   << input.getType() << " (by_layer_c3)";
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::verify() {
  SmallVector<int64_t> expected(shapeOf(getInput()));
  if (expected.size() >= 2)
    std::swap(expected[expected.size() - 2], expected.back());
  if (expected.size() < 2 || shapeOf(getResult()) != ArrayRef(expected))
    return emitOpError("makes ")
           << getType() << " of " << getInput().getType() << " (transpose_c1)";
  return success();
}

LogicalResult ProductOp::verify() {
  SmallVector<int64_t> expected(shapeOf(getLeft()));
  ArrayRef<int64_t> right = shapeOf(getRight());
  size_t rank = expected.size();
  bool fits = rank >= 2 && right.size() == rank &&
              right.drop_back(2) == ArrayRef(expected).drop_back(2) &&
              right[rank - 2] == expected.back();
  if (fits)
    expected.back() = right.back();
  if (!fits || shapeOf(getResult()) != ArrayRef(expected))
    return emitOpError("of ")
           << getLeft().getType() << " and " << getRight().getType()
           << " gives " << getType() << " (product_c1)";
  return success();
}

//===----------------------------------------------------------------------===//
// Merges
//===----------------------------------------------------------------------===//

/// One finite weight for each of at least one operand.
static LogicalResult verifyWeights(Operation *op, size_t operands,
                                   ArrayRef<double> weights,
                                   StringRef constraint) {
  if (operands == 0 || operands != weights.size())
    return op->emitOpError("has ")
           << operands << " operands and " << weights.size() << " weights ("
           << constraint << ")";
  for (double weight : weights)
    if (!std::isfinite(weight))
      return op->emitOpError("has a weight that is not finite (")
             << constraint << ")";
  return success();
}

LogicalResult WeightedSumOp::verify() {
  if (failed(verifyWeights(*this, getInputs().size(), getWeights(),
                           "weighted_sum_c1")))
    return failure();
  double sum = 0;
  for (double weight : getWeights())
    sum += weight;
  if (getNormalized() && sum == 0)
    return emitOpError("divides by its weights, which sum to zero "
                       "(weighted_sum_c2)");
  return success();
}

LogicalResult TaskArithmeticOp::verify() {
  if (failed(verifyWeights(*this, getInputs().size(), getWeights(),
                           "task_arithmetic_c1")))
    return failure();
  if (!getLambda().isFinite())
    return emitOpError("has a lambda that is not finite (task_arithmetic_c1)");
  return success();
}

LogicalResult TiesOp::verify() {
  if (failed(verifyWeights(*this, getInputs().size(), getWeights(), "ties_c1")))
    return failure();
  if (!getLambda().isFinite())
    return emitOpError("has a lambda that is not finite (ties_c1)");
  if (getDensities().size() != getInputs().size())
    return emitOpError("has ")
           << getInputs().size() << " operands and " << getDensities().size()
           << " densities (ties_c2)";
  for (double density : getDensities())
    if (!(density > 0 && density <= 1))
      return emitOpError("has the density ")
             << density << ", it must be above 0 and at most 1 (ties_c2)";
  if (getNormalized() && getForm() == TiesForm::Peft)
    return emitOpError("divides by the number of operands that agree, not by "
                       "their weights (ties_c3)");
  return success();
}

//===----------------------------------------------------------------------===//
// Routers
//===----------------------------------------------------------------------===//

LogicalResult SumRowsOp::verify() {
  ArrayRef<int64_t> table = shapeOf(getTable()), result = shapeOf(getResult());
  if (table.size() != 2 || result != table.drop_front())
    return emitOpError("sums rows of ")
           << getTable().getType() << " to " << getType() << " (sum_rows_c1)";
  if (getRows().empty())
    return emitOpError("sums no rows (sum_rows_c2)");
  for (int64_t row : getRows())
    if (row < 0 || row >= table[0])
      return emitOpError("sums row ")
             << row << " of only " << table[0] << " (sum_rows_c2)";
  return success();
}

LogicalResult PromptStateOp::verify() {
  if (shapeOf(getResult()).size() != 1)
    return emitOpError("is of ") << getType() << ", not of a vector "
                                 << "(prompt_state_c1)";
  if (getPrompts().empty())
    return emitOpError("has no prompts (prompt_state_c2)");
  auto isToken = [](int64_t id) { return 0 <= id && id <= INT32_MAX; };
  for (Attribute prompt : getPrompts()) {
    if (cast<ArrayAttr>(prompt).empty())
      return emitOpError("has a prompt without tokens (prompt_state_c2)");
    for (Attribute token : cast<ArrayAttr>(prompt))
      if (int64_t id = cast<IntegerAttr>(token).getInt(); !isToken(id))
        return emitOpError("has the token ") << id << " (prompt_state_c3)";
  }
  if (getPadding() && !isToken(*getPadding()))
    return emitOpError("is padded with the token ")
           << *getPadding() << " (prompt_state_c3)";
  if (getPadding() && !getAverage())
    return emitOpError("has a padding, but takes the last tokens alone "
                       "(prompt_state_c4)");
  if (getPartDirectory((*this)->getParentOfType<ModuleOp>(), getPart()).empty())
    return emitOpError("is of '") << getPart()
                                  << "', which is not among the parts of the "
                                     "model (prompt_state_c5)";
  return success();
}

LogicalResult UnitOp::verify() {
  if (shapeOf(getInput()).size() != 1)
    return emitOpError("is of ") << getInput().getType() << ", not of a vector "
                                 << "(unit_c1)";
  return success();
}
