//===- AssemblyLowRank.cpp - adapters that stay low-rank paths ------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the adapters of languages add to the matrices of the base, for the
// importer to put beside them: the language changes from token to token, so
// that they cannot be added to the weights.
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Assembly/Assembly.h"
#include "lib/Checkpoint/Input.h"

using namespace llvm;
using mlir::Value;

namespace fpmoe {

std::vector<std::string> Assembly::getLanguages() const {
  std::vector<std::string> names;
  for (const LanguageSpec &language : recipe.languages)
    names.push_back(language.name.text);
  return names;
}

/// The part of an adapter by its number; null where there is no shared one.
const Located *Assembly::findLowRankPart(size_t number) const {
  if (number > 0)
    return &recipe.languages[number - 1].part;
  return recipe.sharedAdapter.empty() ? nullptr : &recipe.sharedAdapter;
}

/// What an adapter does to a tensor of the first of its layers.
AdapterChange Assembly::firstChange(const Located &part,
                                    const TensorRequest &request) const {
  int64_t layer = request.layers.empty() ? 0 : request.layers.front();
  return adapters.at(part.text).front()->changeOf(inLayer(request.name, layer));
}

Expected<int64_t> Assembly::rankOf(size_t number,
                                   const TensorRequest &request) {
  widened.insert(request.name);
  const Located *part = findLowRankPart(number);
  if (!part)
    return 0;
  AdapterChange first = firstChange(*part, request);
  for (int64_t layer : request.layers) {
    std::string name = inLayer(request.name, layer);
    AdapterChange change = adapters.at(part->text).front()->changeOf(name);
    if (!change.replacement.empty() ||
        (!change.a.empty() && change.kind != AdapterChange::Linear))
      return recipe.errorAt(*part, "the adapter " + quoted(*part) +
                                       " replaces " + quoted(name) +
                                       ", which a low-rank path cannot");
    if (change.a.empty() != first.a.empty() || change.rank != first.rank ||
        change.scale != first.scale)
      return recipe.errorAt(
          *part, "the adapter " + quoted(*part) + " changes " + quoted(name) +
                     " in another way than layer " +
                     Twine(request.layers.front()) +
                     "; layers of one kind must have low-rank paths of one "
                     "rank and scale");
  }
  return first.a.empty() ? 0 : first.rank;
}

/// Loads a factor, whose name has the number of the first layer.
Value Assembly::loadFactor(mlir::OpBuilder &builder, const Located &part,
                           const TensorRequest &request, StringRef name,
                           ArrayRef<int64_t> shape, Value layer) {
  // The number stands once, between dots.
  std::string pattern = name.str();
  if (layer) {
    std::string number = ("." + Twine(request.layers.front()) + ".").str();
    if (size_t at = pattern.find(number); at != std::string::npos)
      pattern.replace(at, number.size(), ".{}.");
  }
  return LoadOp::create(
      builder, builder.getUnknownLoc(),
      mlir::RankedTensorType::get(shape, builder.getF32Type()),
      builder.getStringAttr(pattern), layer, mlir::DenseI64ArrayAttr(),
      builder.getStringAttr(getAdapterName(*recipe.findPart(part), 0)));
}

Value Assembly::buildA(mlir::OpBuilder &builder, size_t number,
                       const TensorRequest &request, Value layer) {
  const Located &part = *findLowRankPart(number);
  AdapterChange change = firstChange(part, request);
  return loadFactor(builder, part, request, change.a,
                    {change.rank, request.shape[1]}, layer);
}

Value Assembly::buildB(mlir::OpBuilder &builder, size_t number,
                       const TensorRequest &request, Value layer) {
  const Located &part = *findLowRankPart(number);
  AdapterChange change = firstChange(part, request);
  Value b = loadFactor(builder, part, request, change.b,
                       {request.shape[0], change.rank}, layer);
  double scale = change.scale * recipe.findPart(part)->scale;
  return WeightedSumOp::create(builder, b.getLoc(), b.getType(), b,
                               ArrayRef<double>{scale}, false);
}

/// Fails if an adapter of a language changes a tensor that has no low-rank
/// path.
Error Assembly::checkNotAdapted(const TensorRequest &request) const {
  if (recipe.languages.empty() || widened.contains(request.name))
    return Error::success();
  std::vector<int64_t> layers = request.layers;
  if (layers.empty())
    layers.push_back(0);
  for (size_t number = 0; number <= recipe.languages.size(); ++number) {
    const Located *part = findLowRankPart(number);
    if (!part)
      continue;
    for (int64_t layer : layers) {
      std::string name = inLayer(request.name, layer);
      if (!adapters.at(part->text).front()->changeOf(name).isNone())
        return recipe.errorAt(
            *part, "the adapter " + quoted(*part) + " changes " + quoted(name) +
                       ", which is no matrix of attention or of a dense "
                       "feed-forward network and cannot differ by language");
    }
  }
  return Error::success();
}

} // namespace fpmoe
