//===- SelectLanguages.cpp - the experts of some languages ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Takes experts out of the weights and out of the routing rule, block by block.
//
//===----------------------------------------------------------------------===//

#include "passes/Assemble/Recipes.h"
#include "passes/Specialize/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_SELECTLANGUAGES
#include "passes/Specialize/Passes.h.inc"

namespace {
/// Which of the experts are asked for, in the order of the experts. On two
/// levels, the shared ones are those of all languages.
FailureOr<SmallVector<int64_t>> findExperts(ExpertsOp experts, RouteOp route,
                                            ArrayRef<std::string> languages) {
  auto levels =
      dyn_cast_or_null<TwoLevelAttr>(route ? route.getRouting() : Attribute());
  // A language may have an expert on each level.
  llvm::SetVector<StringRef> names;
  SmallVector<int64_t> kept;
  for (auto [index, name] :
       llvm::enumerate(experts.getNames().getAsValueRange<StringAttr>())) {
    bool isShared = levels && levels.isShared(index);
    if (!isShared)
      names.insert(name);
    if (isShared || llvm::is_contained(languages, name))
      kept.push_back(index);
  }
  for (StringRef language : languages)
    if (!names.contains(language)) {
      InFlightDiagnostic diag = experts.emitError("no expert is named '")
                                << language << "', the experts are ";
      llvm::interleaveComma(
          names, diag, [&](StringRef name) { diag << "'" << name << "'"; });
      return failure();
    }
  return kept;
}

/// The rule for the experts that are kept of `all`.
FailureOr<Attribute> restrictRouting(RouteOp route, int64_t all,
                                     ArrayRef<int64_t> kept) {
  MLIRContext *context = route.getContext();
  if (auto fixed = dyn_cast<FixedChoiceAttr>(route.getRouting())) {
    auto found = llvm::find(kept, fixed.getExpert());
    if (found == kept.end())
      return route.emitOpError("takes expert ")
             << fixed.getExpert() << " alone, which is not one of those kept";
    return Attribute(FixedChoiceAttr::get(context, found - kept.begin()));
  }
  SmallVector<int64_t> rows(getCandidates(route.getRouting())), candidates;
  if (rows.empty())
    llvm::append_range(rows, llvm::seq(all));
  for (int64_t index : kept)
    candidates.push_back(rows[index]);
  if (auto levels = dyn_cast<TwoLevelAttr>(route.getRouting()))
    return Attribute(TwoLevelAttr::get(
        context, levels.getTokenExperts(), levels.getShared(), levels.getTopK(),
        levels.getTokenShare(), levels.getWhole(), levels.getCausal(),
        levels.getSegmentShare(), candidates));
  auto choice = dyn_cast<TokenChoiceAttr>(route.getRouting());
  if (!choice)
    return route.emitOpError("has the rule ")
           << route.getRouting() << ", a part of the experts can be kept "
           << "only where tokens choose or the expert is fixed";
  // One expert with its score over its score.
  if (kept.size() == 1 && choice.getRenormalize() && choice.getFactor() == 1)
    return Attribute(FixedChoiceAttr::get(context, 0));
  return Attribute(TokenChoiceAttr::get(
      context, std::min<int64_t>(choice.getTopK(), kept.size()),
      choice.getRenormalize(), candidates, choice.getScale(),
      choice.getGroups(), choice.getTopGroups()));
}

/// Gets the experts that are kept of the weight that `value` gets.
Value selectExperts(OpBuilder &builder, SymbolTable &symbols, Value value,
                    ArrayRef<int64_t> kept) {
  std::string name = getWeight(symbols, value).getSymName().str() + ".kept";
  return joinWeights(
      builder, symbols, name, value,
      [&](OpBuilder &recipe, ValueRange parts) -> Value {
        auto type = cast<RankedTensorType>(parts.front().getType());
        SmallVector<int64_t> shape(type.getShape());
        shape.front() = kept.size();
        return SelectOp::create(recipe, value.getLoc(), type.clone(shape),
                                parts.front(), kept);
      });
}

LogicalResult specialize(ExpertsOp experts, ArrayRef<std::string> languages,
                         SymbolTable &symbols) {
  auto route = experts.getWeights().getDefiningOp<RouteOp>();
  FailureOr<SmallVector<int64_t>> kept = findExperts(experts, route, languages);
  if (failed(kept))
    return failure();
  if (kept->size() == experts.getNames().size())
    return success();
  if (!route || experts.getExperts() != route.getExperts() ||
      !getWeight(symbols, experts.getGate()) ||
      !getWeight(symbols, experts.getUp()) ||
      !getWeight(symbols, experts.getDown()))
    return experts.emitOpError("is not got from weights and a route, so that "
                               "no part of it can be kept");
  FailureOr<Attribute> routing =
      restrictRouting(route, experts.getNames().size(), *kept);
  if (failed(routing))
    return failure();
  OpBuilder builder(experts);
  int64_t topK = getTopK(*routing);
  auto weightType = cast<RankedTensorType>(route.getWeights().getType());
  auto expertType = cast<RankedTensorType>(route.getExperts().getType());
  int64_t tokens = weightType.getDimSize(0);
  Value router = isa<FixedChoiceAttr>(*routing) ? Value() : route.getRouter();
  auto chosen = RouteOp::create(
      builder, route.getLoc(), weightType.clone({tokens, topK}),
      expertType.clone({tokens, topK}), route.getInput(), router, *routing);
  SmallVector<Attribute> names;
  for (int64_t index : *kept)
    names.push_back(experts.getNames()[index]);
  Value result = ExpertsOp::create(
      builder, experts.getLoc(), experts.getType(), experts.getInput(),
      chosen.getWeights(), chosen.getExperts(),
      selectExperts(builder, symbols, experts.getGate(), *kept),
      selectExperts(builder, symbols, experts.getUp(), *kept),
      selectExperts(builder, symbols, experts.getDown(), *kept),
      builder.getArrayAttr(names));
  experts.replaceAllUsesWith(result);
  experts.erase();
  if (route.use_empty())
    route.erase();
  return success();
}

struct SelectLanguagesPass : impl::SelectLanguagesBase<SelectLanguagesPass> {
  using SelectLanguagesBase::SelectLanguagesBase;

  void runOnOperation() override {
    if (languages.empty())
      return;
    SymbolTable symbols(getOperation());
    SmallVector<ExpertsOp> blocks;
    getOperation().walk([&](ExpertsOp op) { blocks.push_back(op); });
    // Languages that have an adapter instead are the next pass's.
    auto model = getOperation()->getAttrOfType<DictionaryAttr>(kModelAttr);
    if (blocks.empty() && model && model.contains("languages"))
      return;
    if (blocks.empty()) {
      getOperation().emitError("no expert is named '")
          << languages.front() << "', the model has no experts";
      return signalPassFailure();
    }
    for (ExpertsOp block : blocks)
      if (failed(specialize(block, languages, symbols)))
        return signalPassFailure();
    eraseUnusedWeights(getOperation());
  }
};
} // namespace

} // namespace fpmoe
