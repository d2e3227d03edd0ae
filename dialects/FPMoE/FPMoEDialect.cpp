//===- FPMoEDialect.cpp - The graph dialect and its attributes ------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Registers the dialect; verifies the routing rules and `fpmoe.model`.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/FPMoE.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fpmoe;

#include "dialects/FPMoE/FPMoEDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/FPMoE/FPMoEAttrs.cpp.inc"

void FPMoEDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/FPMoE/FPMoEAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/FPMoE/FPMoEOps.cpp.inc"
      >();
}

bool fpmoe::isWeightShape(ArrayRef<int64_t> shape) {
  int64_t elements = 1;
  for (int64_t extent : shape)
    if (extent < 1 || __builtin_mul_overflow(elements, extent, &elements) ||
        elements > int64_t(1) << 50)
      return false;
  return true;
}

bool fpmoe::isRowsShape(ArrayRef<int64_t> shape) {
  return shape.size() == 2 && shape[1] >= 1 && shape[1] <= int64_t(1) << 40;
}

LogicalResult FPMoEDialect::verifyOperationAttribute(Operation *op,
                                                     NamedAttribute attr) {
  if (attr.getName() != kModelAttr)
    return op->emitError() << "unknown attribute '" << attr.getName().getValue()
                           << "'";
  auto model = dyn_cast<DictionaryAttr>(attr.getValue());
  if (!isa<ModuleOp>(op) || !model)
    return op->emitError("'fpmoe.model' is a dictionary on a module");
  for (StringRef key : {"name", "architecture", "source"})
    if (!model.getAs<StringAttr>(key))
      return op->emitError() << "'fpmoe.model' has no string '" << key << "'";
  auto context = model.getAs<IntegerAttr>("context");
  if (!context || context.getInt() < 1)
    return op->emitError("'fpmoe.model' has no positive integer 'context'");
  return success();
}

LogicalResult
TokenChoiceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        int64_t topK, bool, ArrayRef<int64_t> candidates) {
  if (topK < 1)
    return emitError() << "top_k is " << topK
                       << ", it must be positive (token_choice_c1)";
  if (!candidates.empty() && topK > static_cast<int64_t>(candidates.size()))
    return emitError() << "selects " << topK << " of only " << candidates.size()
                       << " candidates (token_choice_c1)";
  llvm::SmallSet<int64_t, 8> seen;
  for (int64_t c : candidates)
    if (c < 0 || !seen.insert(c).second)
      return emitError() << "candidate " << c << " is "
                         << (c < 0 ? "negative" : "there twice")
                         << " (token_choice_c2)";
  return success();
}

LogicalResult
ExpertChoiceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                         int64_t segment, int64_t maxExperts,
                         FloatAttr capacity) {
  if (segment < 1 || maxExperts < 1)
    return emitError() << "segment is " << segment << " and max_experts "
                       << maxExperts
                       << ", both must be positive (expert_choice_c1)";
  if (!(capacity.getValueAsDouble() > 0))
    return emitError() << "capacity is " << capacity.getValueAsDouble()
                       << ", it must be positive (expert_choice_c2)";
  return success();
}

LogicalResult
LanguageChoiceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                           int64_t fallback) {
  if (fallback < -1)
    return emitError() << "fallback is " << fallback
                       << ", it must be an expert or -1 (language_choice_c1)";
  return success();
}

LogicalResult
FixedChoiceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        int64_t expert) {
  if (expert < 0)
    return emitError() << "expert is " << expert
                       << ", it must not be negative (fixed_c1)";
  return success();
}

int64_t fpmoe::getTopK(Attribute routing) {
  if (auto choice = dyn_cast<TokenChoiceAttr>(routing))
    return choice.getTopK();
  if (auto choice = dyn_cast<ExpertChoiceAttr>(routing))
    return choice.getMaxExperts();
  return 1;
}

LogicalResult fpmoe::verifyRouting(function_ref<InFlightDiagnostic()> emitError,
                                   Attribute routing, int64_t numExperts,
                                   int64_t routerRows) {
  return TypeSwitch<Attribute, LogicalResult>(routing)
      .Case([&](TokenChoiceAttr choice) -> LogicalResult {
        ArrayRef<int64_t> candidates = choice.getCandidates();
        if (choice.getTopK() > numExperts)
          return emitError() << "selects " << choice.getTopK() << " of only "
                             << numExperts << " experts";
        if (candidates.empty() && routerRows != numExperts)
          return emitError() << "router has " << routerRows << " rows for "
                             << numExperts << " experts";
        if (!candidates.empty() &&
            static_cast<int64_t>(candidates.size()) != numExperts)
          return emitError() << "names " << candidates.size()
                             << " candidates for " << numExperts << " experts";
        for (int64_t c : candidates)
          if (c >= routerRows)
            return emitError() << "candidate " << c << " is not a row of a "
                               << "router with " << routerRows << " rows";
        return success();
      })
      .Case([&](ExpertChoiceAttr choice) -> LogicalResult {
        if (routerRows != numExperts)
          return emitError() << "router has " << routerRows << " rows for "
                             << numExperts << " experts";
        return success();
      })
      .Case([&](FixedChoiceAttr choice) -> LogicalResult {
        if (choice.getExpert() >= numExperts)
          return emitError() << "fixed expert " << choice.getExpert()
                             << " of only " << numExperts;
        return success();
      })
      .Case([&](LanguageChoiceAttr choice) -> LogicalResult {
        if (choice.getFallback() >= numExperts)
          return emitError() << "fallback expert " << choice.getFallback()
                             << " of only " << numExperts;
        return success();
      });
}
