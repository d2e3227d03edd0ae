//===- Ops.cpp - the meaning of every op of the graph -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Written to be read: loops as the op descriptions have them. Only dot() is
// shaped for speed. See Ops.h; routing is in Routing.cpp.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Ops.h"
#include "lib/Checkpoint/Half.h"

#include <algorithm>
#include <cmath>

using namespace llvm;

namespace fpmoe {

/// In eight sums, which the compiler keeps in vectors.
static double dot(ArrayRef<float> x, ArrayRef<float> y) {
  double sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= x.size(); i += 8)
    for (size_t j = 0; j < 8; ++j)
      sums[j] += static_cast<double>(x[i + j]) * y[i + j];
  double sum = 0;
  for (; i < x.size(); ++i)
    sum += static_cast<double>(x[i]) * y[i];
  for (double part : sums)
    sum += part;
  return sum;
}

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
static double silu(double x) { return x * sigmoid(x); }

//===----------------------------------------------------------------------===//
// Around the layers
//===----------------------------------------------------------------------===//

Expected<Rows> embedding(WeightStore &store, const Ids &ids,
                         const WeightRef &table) {
  Rows result(ids.size(), table.columns());
  for (auto [token, id] : enumerate(ids)) {
    if (id < 0 || id >= table.shape().front())
      return createStringError("token " + Twine(token) + " is " + Twine(id) +
                               ", the vocabulary has the ids 0 to " +
                               Twine(table.shape().front() - 1));
    MutableArrayRef<float> out = result[token];
    if (Error e =
            store.forEachBlock(table, id, 1, [&](int64_t, ArrayRef<float> row) {
              llvm::copy(row, out.begin());
            }))
      return e;
  }
  return result;
}

Expected<Rows> rmsNorm(WeightStore &store, const Rows &x,
                       const WeightRef &weight, double eps) {
  Expected<std::vector<float>> w = store.getAll(weight);
  if (!w)
    return w.takeError();
  Rows y(x.rows, x.columns);
  int64_t width = w->size();
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t group = 0; group < x.columns; group += width) {
      ArrayRef<float> in = x[row].slice(group, width);
      double scale = 1 / std::sqrt(dot(in, in) / width + eps);
      for (int64_t i = 0; i < width; ++i)
        y[row][group + i] = (*w)[i] * (in[i] * scale);
    }
  return y;
}

Expected<Rows> multiply(WeightStore &store, const Rows &x,
                        const WeightRef &weight, int64_t first, int64_t count) {
  if (store.products)
    return store.products->multiply(x, weight, first, count);
  Rows y(x.rows, count);
  auto use = [&](int64_t from, ArrayRef<float> block) {
    for (int64_t row = 0; row < x.rows; ++row)
      for (int64_t i = 0, e = block.size() / x.columns; i < e; ++i)
        y[row][from - first + i] =
            dot(x[row], block.slice(i * x.columns, x.columns));
  };
  if (Error e = store.forEachBlock(weight, first, count, use))
    return e;
  return y;
}

Expected<Rows> widen(WeightStore &store, const Rows &x,
                     const LowRank &lowRank) {
  int64_t rank = lowRank.weight.shape().front();
  Expected<Rows> low = multiply(store, x, lowRank.weight, 0, rank);
  if (!low)
    return low;
  Rows y(x.rows, x.columns + rank);
  for (int64_t row = 0; row < x.rows; ++row) {
    llvm::copy(x[row], y[row].begin());
    // The first range is every token's.
    int64_t at = 0;
    for (auto [i, size] : enumerate(lowRank.ranks)) {
      bool has =
          i == 0 || lowRank.languages[row] == static_cast<int64_t>(i) - 1;
      if (has)
        llvm::copy((*low)[row].slice(at, size),
                   y[row].begin() + x.columns + at);
      at += size;
    }
  }
  return y;
}

Error addBias(WeightStore &store, Rows &x, const WeightRef &bias) {
  Expected<std::vector<float>> b = store.getAll(bias);
  if (!b)
    return b.takeError();
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t i = 0; i < x.columns; ++i)
      x[row][i] += (*b)[i];
  return Error::success();
}

Rows add(const Rows &x, const Rows &y) {
  Rows z(x.rows, x.columns);
  for (size_t i = 0; i < z.data.size(); ++i)
    z.data[i] = x.data[i] + y.data[i];
  return z;
}

Rows scale(Rows x, double multiplier) {
  for (float &element : x.data)
    element *= multiplier;
  return x;
}

Rows clamp(Rows x, double limit) {
  float bound = limit;
  for (float &element : x.data)
    element = std::clamp(element, -bound, bound);
  return x;
}

Rows extendHeads(const Rows &x, const Rows &tail, int64_t heads) {
  int64_t width = x.columns / heads, wide = width + tail.columns;
  Rows y(x.rows, heads * wide);
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t head = 0; head < heads; ++head) {
      MutableArrayRef<float> out = y[row].slice(head * wide, wide);
      llvm::copy(x[row].slice(head * width, width), out.begin());
      llvm::copy(tail[row], out.begin() + width);
    }
  return y;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

Expected<Rows> rope(WeightStore &store, const Rows &x, const Ids &positions,
                    const WeightRef &table, int64_t headDim) {
  Rows y = x;
  int64_t dim = table.columns(), half = dim / 2;
  for (int64_t row = 0; row < x.rows; ++row) {
    int64_t position = positions[row];
    if (position < 0 || position >= table.shape().front())
      return createStringError("position " + Twine(position) +
                               " is beyond the table of rotary embedding, "
                               "which has " +
                               Twine(table.shape().front()) + " rows");
    auto turn = [&](int64_t, ArrayRef<float> angles) {
      for (int64_t head = headDim - dim; head < x.columns; head += headDim)
        for (int64_t i = 0; i < half; ++i) {
          double c = angles[i], s = angles[i + half];
          double a = x[row][head + i], b = x[row][head + i + half];
          y[row][head + i] = a * c - b * s;
          y[row][head + i + half] = b * c + a * s;
        }
    };
    if (Error e = store.forEachBlock(table, position, 1, turn))
      return e;
  }
  return y;
}

/// Puts `row` at a position of a cache, which grows as needed.
static void keep(Rows &cache, int64_t position, ArrayRef<float> row,
                 bool asBf16) {
  cache.rows = std::max(cache.rows, position + 1);
  cache.columns = row.size();
  cache.data.resize(cache.rows * cache.columns);
  llvm::transform(row, cache[position].begin(), [&](float x) {
    return asBf16 ? fromBF16(roundToBF16(x)) : x;
  });
}

Expected<Rows> attention(LayerCache &cache, const Rows &query, const Rows &key,
                         const Rows &value, const Ids &positions,
                         const AttentionShape &shape) {
  for (auto [kept, added] :
       {std::pair(&cache.keys, &key), std::pair(&cache.values, &value)})
    if (kept->rows && kept->columns != added->columns)
      return createStringError(
          "a layer's keys or values have " + Twine(added->columns) +
          " columns, those in its cache have " + Twine(kept->columns));
  for (int64_t row = 0; row < query.rows; ++row) {
    keep(cache.keys, positions[row], key[row], shape.cachesBf16);
    keep(cache.values, positions[row], value[row], shape.cachesBf16);
  }
  int64_t dim = query.columns / shape.heads;
  int64_t valueDim = value.columns / shape.kvHeads;
  Rows result(query.rows, shape.heads * valueDim);
  for (int64_t row = 0; row < query.rows; ++row) {
    int64_t end = positions[row] + 1;
    int64_t begin =
        shape.window ? std::max<int64_t>(end - *shape.window, 0) : 0;
    for (int64_t head = 0; head < shape.heads; ++head) {
      int64_t kvHead = head * shape.kvHeads / shape.heads;
      ArrayRef<float> q = query[row].slice(head * dim, dim);
      std::vector<double> weights;
      double largest = -INFINITY;
      for (int64_t p = begin; p < end; ++p) {
        weights.push_back(shape.scale *
                          dot(q, cache.keys[p].slice(kvHead * dim, dim)));
        largest = std::max(largest, weights.back());
      }
      double sum = 0;
      for (double &weight : weights)
        sum += weight = std::exp(weight - largest);
      for (int64_t i = 0; i < valueDim; ++i) {
        double y = 0;
        for (int64_t p = begin; p < end; ++p)
          y += weights[p - begin] * cache.values[p][kvHead * valueDim + i];
        result[row][head * valueDim + i] = y / sum;
      }
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Feed-forward networks
//===----------------------------------------------------------------------===//

/// down(silu(gate x) * up x) with the weights of one expert, or of all (0).
static Expected<Rows> feedForward(WeightStore &store, const Rows &input,
                                  const FeedForward &weights, int64_t expert) {
  int64_t hidden = input.columns;
  int64_t inner = weights.downLowRank ? weights.downLowRank->weight.columns()
                                      : weights.down.columns();
  Rows x = input;
  if (weights.upLowRank) {
    Expected<Rows> wide = widen(store, input, *weights.upLowRank);
    if (!wide)
      return wide;
    x = std::move(*wide);
  }
  Rows active(x.rows, inner);
  if (weights.up) {
    Expected<Rows> gate =
        multiply(store, x, weights.gate, expert * inner, inner);
    if (!gate)
      return gate.takeError();
    Expected<Rows> up = multiply(store, x, *weights.up, expert * inner, inner);
    if (!up)
      return up.takeError();
    for (int64_t row = 0; row < x.rows; ++row)
      for (int64_t i = 0; i < inner; ++i)
        active[row][i] = silu((*gate)[row][i]) * (*up)[row][i];
  } else {
    int64_t both = 2 * inner;
    Expected<Rows> gateUp =
        multiply(store, x, weights.gate, expert * both, both);
    if (!gateUp)
      return gateUp.takeError();
    for (int64_t row = 0; row < x.rows; ++row)
      for (int64_t i = 0; i < inner; ++i)
        active[row][i] = silu((*gateUp)[row][i]) * (*gateUp)[row][inner + i];
  }
  if (weights.downLowRank) {
    Expected<Rows> wide = widen(store, active, *weights.downLowRank);
    if (!wide)
      return wide;
    active = std::move(*wide);
  }
  return multiply(store, active, weights.down, expert * hidden, hidden);
}

Expected<Rows> experts(WeightStore &store, const Rows &x, const Routes &routes,
                       const FeedForward &weights) {
  int64_t numExperts = weights.down.shape().front();
  for (int32_t expert : routes.experts.data)
    if (expert < -1 || expert >= numExperts)
      return createStringError("expert " + Twine(expert) + " is chosen of " +
                               Twine(numExperts));
  std::vector<double> sums(x.data.size());
  for (int64_t expert = 0; expert < numExperts; ++expert) {
    // The tokens that take this expert, and with which weight.
    std::vector<std::pair<int64_t, float>> takers;
    for (int64_t row = 0; row < x.rows; ++row)
      for (int64_t i = 0; i < routes.experts.columns; ++i)
        if (routes.experts[row][i] == expert)
          takers.emplace_back(row, routes.weights[row][i]);
    if (takers.empty())
      continue;
    Rows in(takers.size(), x.columns);
    for (auto [i, taker] : enumerate(takers))
      llvm::copy(x[taker.first], in[i].begin());
    Expected<Rows> out = feedForward(store, in, weights, expert);
    if (!out)
      return out.takeError();
    for (auto [i, taker] : enumerate(takers))
      for (int64_t column = 0; column < x.columns; ++column)
        sums[taker.first * x.columns + column] +=
            static_cast<double>(taker.second) * (*out)[i][column];
  }
  Rows y(x.rows, x.columns);
  llvm::copy(sums, y.data.begin());
  return y;
}

Expected<Rows> mlp(WeightStore &store, const Rows &x,
                   const FeedForward &weights, const WeightRef *scale) {
  Expected<Rows> y = feedForward(store, x, weights, 0);
  if (!y || !scale)
    return y;
  Expected<Rows> logits = multiply(store, x, *scale, 0, 1);
  if (!logits)
    return logits.takeError();
  for (int64_t row = 0; row < x.rows; ++row)
    for (float &element : (*y)[row])
      element *= sigmoid((*logits)[row][0]);
  return y;
}

} // namespace fpmoe
