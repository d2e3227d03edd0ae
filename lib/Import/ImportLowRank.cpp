//===- ImportLowRank.cpp - adapters beside the matrices of a body ---------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Adapters of languages widen the inputs of products, and what multiplies that
// stands behind the matrices. See `fpmoe.linear` and ImportBuilder.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ImportBuilder.h"

using namespace llvm;
using mlir::Value;

namespace fpmoe {

int64_t LowRankPaths::rank() const {
  int64_t sum = 0;
  for (const Piece &piece : pieces)
    sum += piece.rank;
  return sum;
}

/// Finds what adapters add to matrices `[rows, columns]` of the body that is
/// being built, and makes the weight of their joint A.
LowRankPaths Importer::lowRankPaths(StringRef role, ArrayRef<StringRef> tensors,
                                    ArrayRef<int64_t> rows, int64_t columns) {
  LowRankPaths paths;
  if (!options.recipes || options.recipes->getLanguages().empty())
    return paths;
  for (auto [tensor, height] : zip(tensors, rows))
    paths.matrices.push_back(
        {("model.layers.{}." + tensor).str(),
         std::vector<int64_t>(kind->layers.begin(), kind->layers.end()),
         {height, columns}});
  // The adapter of all tokens, then those of the languages.
  SmallVector<int64_t> ranks(options.recipes->getLanguages().size() + 1);
  for (size_t adapter = 0; adapter != ranks.size(); ++adapter)
    for (size_t i = 0; i != tensors.size(); ++i) {
      Expected<int64_t> rank =
          options.recipes->rankOf(adapter, paths.matrices[i]);
      if (!rank) {
        noteFailure(rank.takeError());
        continue;
      }
      ranks[adapter] += *rank;
      if (*rank)
        paths.pieces.push_back({adapter, i, *rank});
    }
  if (paths.pieces.empty())
    return paths;
  paths.ranks = builder.getDenseI64ArrayAttr(ranks);
  paths.low = getOfLayer(role + "_low_rank", [&]() -> Value {
    SmallVector<Value> parts;
    for (const LowRankPaths::Piece &piece : paths.pieces)
      parts.push_back(options.recipes->buildA(
          builder, piece.adapter, paths.matrices[piece.matrix], recipeLayer));
    return ConcatOp::create(builder, loc, f32({paths.rank(), columns}), parts);
  });
  return paths;
}

/// Puts B behind a matrix. What adapters add to other matrices of the same
/// input is zero here. Columns are joined as rows of the transposed.
Value Importer::withAdapters(const LowRankPaths *paths, StringRef tensor,
                             Value base) {
  if (!paths || !paths->low)
    return base;
  std::string name = ("model.layers.{}." + tensor).str();
  size_t matrix = 0;
  while (paths->matrices[matrix].name != name)
    ++matrix;
  const TensorRequest &request = paths->matrices[matrix];
  int64_t rows = request.shape[0], rank = paths->rank();
  SmallVector<Value> parts;
  for (const LowRankPaths::Piece &piece : paths->pieces) {
    auto type = f32({piece.rank, rows});
    if (piece.matrix != matrix) {
      parts.push_back(FillOp::create(builder, loc, type, f64(0)));
      continue;
    }
    Value b =
        options.recipes->buildB(builder, piece.adapter, request, recipeLayer);
    parts.push_back(TransposeOp::create(builder, loc, type, b));
  }
  Value joined = ConcatOp::create(builder, loc, f32({rank, rows}), parts);
  Value b = TransposeOp::create(builder, loc, f32({rows, rank}), joined);
  int64_t columns = request.shape[1] + rank;
  return AppendColumnsOp::create(builder, loc, f32({rows, columns}), base, b);
}

} // namespace fpmoe
