//===- FPMoEDialect.cpp - The graph dialect and its attributes ------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Registers the dialect; verifies the routing rules and `fpmoe.model`.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/FPMoE.h"
#include "dialects/FPMoE/Storage.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace fpmoe;

#include "dialects/FPMoE/FPMoEDialect.cpp.inc"

#include "dialects/FPMoE/FPMoEEnums.cpp.inc"
#include "dialects/FPMoE/FPMoEInterfaces.cpp.inc"
#include "dialects/FPMoE/FPMoEOpInterfaces.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/FPMoE/FPMoETypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/FPMoE/FPMoEAttrs.cpp.inc"

void FPMoEDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/FPMoE/FPMoETypes.cpp.inc"
      >();
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

/// Whether an entry of 'sampling' has a known name and the type that it needs.
static bool isSampling(NamedAttribute entry) {
  auto isBias = [](Attribute attr) {
    auto bias = dyn_cast<DictionaryAttr>(attr);
    auto tokens =
        bias ? bias.getAs<DenseI32ArrayAttr>("tokens") : DenseI32ArrayAttr();
    return tokens && !tokens.empty() && bias.getAs<FloatAttr>("bias");
  };
  Attribute value = entry.getValue();
  auto list = dyn_cast<ArrayAttr>(value);
  return llvm::StringSwitch<bool>(entry.getName().getValue())
      .Cases({"min_p", "repetition_penalty"}, isa<FloatAttr>(value))
      .Cases({"no_repeat_ngram_size", "min_new_tokens", "min_length",
              "max_new_tokens", "max_length", "forced_bos_token_id"},
             isa<IntegerAttr>(value))
      .Cases(
          {"forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens"},
          isa<DenseI32ArrayAttr>(value))
      .Case("sequence_bias", list && llvm::all_of(list, isBias))
      .Case("stop_strings",
            list && llvm::all_of(list, llvm::IsaPred<StringAttr>))
      .Default(false);
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
  if (Attribute parts = model.get("parts")) {
    auto directories = dyn_cast<DictionaryAttr>(parts);
    if (!directories || !llvm::all_of(directories, [](NamedAttribute part) {
          return isa<StringAttr>(part.getValue());
        }))
      return op->emitError(
          "'fpmoe.model' has 'parts' that are not a dictionary "
          "of directories");
  }
  if (Attribute formats = model.get("formats")) {
    auto names = dyn_cast<DictionaryAttr>(formats);
    if (!names || !llvm::all_of(names, [](NamedAttribute entry) {
          auto format = dyn_cast<StringAttr>(entry.getValue());
          return format && isStorageName(format);
        }))
      return op->emitError("'fpmoe.model' has 'formats' that are not a "
                           "dictionary of storage formats");
  }
  if (Attribute languages = model.get("languages")) {
    auto names = dyn_cast<ArrayAttr>(languages);
    if (!names || !llvm::all_of(names, llvm::IsaPred<StringAttr>))
      return op->emitError("'fpmoe.model' has 'languages' that are no names");
  }
  if (Attribute ranks = model.get("ranks")) {
    auto number = dyn_cast<IntegerAttr>(ranks);
    if (!number || number.getInt() < 1 || number.getInt() > kMostRanks ||
        !llvm::isPowerOf2_64(number.getInt()))
      return op->emitError("'fpmoe.model' has 'ranks' that are no power of two "
                           "up to ")
             << kMostRanks;
  }
  if (Attribute sampling = model.get("sampling")) {
    auto entries = dyn_cast<DictionaryAttr>(sampling);
    if (!entries)
      return op->emitError(
          "'fpmoe.model' has 'sampling' that is no dictionary");
    for (NamedAttribute entry : entries)
      if (!isSampling(entry))
        return op->emitError() << "'fpmoe.model' has 'sampling' in which "
                               << entry.getName() << " is " << entry.getValue();
  }
  return success();
}

StringRef fpmoe::getPartDirectory(ModuleOp module, StringRef part) {
  auto model = module ? module->getAttrOfType<DictionaryAttr>(kModelAttr)
                      : DictionaryAttr();
  auto parts = model ? model.getAs<DictionaryAttr>("parts") : DictionaryAttr();
  auto directory = parts ? parts.getAs<StringAttr>(part) : StringAttr();
  return directory ? directory.getValue() : StringRef();
}

int64_t fpmoe::getNumRanks(ModuleOp module) {
  auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr);
  auto ranks = model ? model.getAs<IntegerAttr>("ranks") : IntegerAttr();
  return ranks ? ranks.getInt() : 1;
}

LogicalResult
TokenChoiceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        int64_t topK, bool, ArrayRef<int64_t> candidates,
                        FloatAttr scale, int64_t groups, int64_t topGroups) {
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
  if (scale && !(scale.getValueAsDouble() > 0))
    return emitError() << "scale is " << scale.getValueAsDouble()
                       << ", it must be positive (token_choice_c3)";
  if (groups < 0 || topGroups < (groups ? 1 : 0) || topGroups > groups)
    return emitError() << "takes " << topGroups << " of " << groups
                       << " groups (token_choice_c3)";
  return success();
}

/// Fails unless all of these numbers are positive.
static LogicalResult
verifyAllPositive(function_ref<InFlightDiagnostic()> emitError,
                  ArrayRef<double> numbers, StringRef constraint) {
  for (double number : numbers)
    if (!(number > 0) || !std::isfinite(number))
      return emitError() << number << " must be positive (" << constraint
                         << ")";
  return success();
}

LogicalResult
RopeLinearAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                       FloatAttr factor) {
  return verifyAllPositive(emitError, {factor.getValueAsDouble()},
                           "rope_linear_c1");
}

LogicalResult
RopeLlama3Attr::verify(function_ref<InFlightDiagnostic()> emitError,
                       FloatAttr factor, FloatAttr low, FloatAttr high,
                       int64_t positions) {
  if (failed(verifyAllPositive(emitError,
                               {factor.getValueAsDouble(),
                                low.getValueAsDouble(), high.getValueAsDouble(),
                                static_cast<double>(positions)},
                               "rope_llama3_c1")))
    return failure();
  if (low.getValueAsDouble() >= high.getValueAsDouble())
    return emitError() << "low is " << low.getValueAsDouble()
                       << ", it must be below high, " << high.getValueAsDouble()
                       << " (rope_llama3_c1)";
  return success();
}

LogicalResult
RopeFactorsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        DenseF32ArrayAttr factors) {
  return verifyAllPositive(
      emitError,
      SmallVector<double>(llvm::map_range(factors.asArrayRef(),
                                          [](float f) -> double { return f; })),
      "rope_factors_c1");
}

LogicalResult RopeYarnAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   FloatAttr factor, FloatAttr, FloatAttr,
                                   FloatAttr magnitude) {
  return verifyAllPositive(
      emitError, {factor.getValueAsDouble(), magnitude.getValueAsDouble()},
      "rope_yarn_c1");
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
SegmentChoiceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          int64_t segment, int64_t topK) {
  if (segment < 2 || topK < 1)
    return emitError() << "segment is " << segment << " and top_k " << topK
                       << ", they must be at least 2 and 1 "
                          "(segment_choice_c1)";
  return success();
}

LogicalResult TwoLevelAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t tokenExperts, int64_t shared,
                                   int64_t topK, FloatAttr tokenShare,
                                   ExpertChoiceAttr whole,
                                   SegmentChoiceAttr causal,
                                   FloatAttr segmentShare,
                                   ArrayRef<int64_t> candidates) {
  if (shared < 0 || topK < 0 || shared > tokenExperts ||
      topK > tokenExperts - shared || shared + topK == 0)
    return emitError() << "takes " << shared << " shared experts and " << topK
                       << " others of " << tokenExperts << " (two_level_c1)";
  if (whole.getSegment() != causal.getSegment())
    return emitError() << "has segments of " << whole.getSegment() << " and of "
                       << causal.getSegment() << " tokens (two_level_c2)";
  for (FloatAttr share : {tokenShare, segmentShare})
    if (!(share.getValueAsDouble() > 0))
      return emitError() << "has a share of " << share.getValueAsDouble()
                         << ", it must be positive (two_level_c3)";
  if (candidates.empty())
    return success();
  if (candidates.front() < 0 ||
      !llvm::is_sorted(candidates, std::less_equal<int64_t>()))
    return emitError() << "has candidates [" << candidates
                       << "] that do not ascend from 0 or above "
                          "(two_level_c4)";
  if (candidates.front() >= tokenExperts)
    return emitError() << "has no candidate below " << tokenExperts
                       << ", of the token level (two_level_c4)";
  for (int64_t row : llvm::seq(tokenExperts - shared, tokenExperts))
    if (!llvm::is_contained(candidates, row))
      return emitError() << "has no candidate " << row
                         << ", a shared expert (two_level_c4)";
  return success();
}

SmallVector<int64_t> TwoLevelAttr::getTokenRows() const {
  if (getCandidates().empty())
    return llvm::to_vector(llvm::seq(getTokenExperts()));
  return SmallVector<int64_t>(getCandidates().take_while(
      [&](int64_t row) { return row < getTokenExperts(); }));
}

SmallVector<int64_t> TwoLevelAttr::getSegmentRows(int64_t routerRows) const {
  if (getCandidates().empty())
    return llvm::to_vector(llvm::seq(getTokenExperts(), routerRows));
  return SmallVector<int64_t>(getCandidates().drop_while(
      [&](int64_t row) { return row < getTokenExperts(); }));
}

int64_t TwoLevelAttr::getMaxPerSegment() const {
  int64_t most = std::max(getWhole().getMaxExperts(), getCausal().getTopK());
  if (getCandidates().empty())
    return most;
  return std::min<int64_t>(most,
                           getCandidates().size() - getTokenRows().size());
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
  if (auto choice = dyn_cast<SegmentChoiceAttr>(routing))
    return choice.getTopK();
  if (auto levels = dyn_cast<TwoLevelAttr>(routing))
    return levels.getNumTaken() + levels.getMaxPerSegment();
  return 1;
}

/// Rows of the router, one for each expert.
static LogicalResult
verifyCandidates(function_ref<InFlightDiagnostic()> emitError,
                 ArrayRef<int64_t> candidates, int64_t numExperts,
                 int64_t routerRows) {
  if (candidates.empty() && routerRows != numExperts)
    return emitError() << "router has " << routerRows << " rows for "
                       << numExperts << " experts";
  if (!candidates.empty() &&
      static_cast<int64_t>(candidates.size()) != numExperts)
    return emitError() << "names " << candidates.size() << " candidates for "
                       << numExperts << " experts";
  for (int64_t c : candidates)
    if (c >= routerRows)
      return emitError() << "candidate " << c << " is not a row of a "
                         << "router with " << routerRows << " rows";
  return success();
}

ArrayRef<int64_t> fpmoe::getCandidates(Attribute routing) {
  if (auto choice = dyn_cast<TokenChoiceAttr>(routing))
    return choice.getCandidates();
  if (auto levels = dyn_cast<TwoLevelAttr>(routing))
    return levels.getCandidates();
  return {};
}

LogicalResult fpmoe::verifyRouting(function_ref<InFlightDiagnostic()> emitError,
                                   Attribute routing, int64_t numExperts,
                                   int64_t routerRows) {
  return TypeSwitch<Attribute, LogicalResult>(routing)
      .Case([&](TokenChoiceAttr choice) -> LogicalResult {
        if (choice.getTopK() > numExperts)
          return emitError() << "selects " << choice.getTopK() << " of only "
                             << numExperts << " experts";
        if (choice.getGroups() && routerRows % choice.getGroups())
          return emitError() << "router has " << routerRows << " rows in "
                             << choice.getGroups() << " groups";
        return verifyCandidates(emitError, choice.getCandidates(), numExperts,
                                routerRows);
      })
      .Case<ExpertChoiceAttr, SegmentChoiceAttr>([&](auto) -> LogicalResult {
        if (routerRows != numExperts)
          return emitError() << "router has " << routerRows << " rows for "
                             << numExperts << " experts";
        return success();
      })
      .Case([&](TwoLevelAttr levels) -> LogicalResult {
        if (failed(verifyCandidates(emitError, levels.getCandidates(),
                                    numExperts, routerRows)))
          return failure();
        int64_t ofSegments = routerRows - levels.getTokenExperts();
        if (ofSegments < 1 || levels.getCausal().getTopK() > ofSegments)
          return emitError()
                 << "has " << levels.getTokenExperts() << " token experts of "
                 << routerRows << ", and a segment takes "
                 << levels.getCausal().getTopK() << " of the others";
        return success();
      })
      .Case([&](FixedChoiceAttr choice) -> LogicalResult {
        if (choice.getExpert() >= numExperts)
          return emitError() << "fixed expert " << choice.getExpert()
                             << " of only " << numExperts;
        return success();
      });
}
