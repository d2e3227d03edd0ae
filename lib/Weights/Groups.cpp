//===- Groups.cpp - Numbers rounded to integers in groups -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The scale is searched for: each candidate rounds the numbers to integers, for
// which the best scale, and minimum, are those of least squares; of all, the
// one with the least sum of squared errors is kept.
//===----------------------------------------------------------------------===//

#include "lib/Weights/Groups.h"
#include "lib/Checkpoint/Half.h"
#include "lib/Checkpoint/Input.h"

#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>

using namespace llvm;

namespace fpmoe {

static constexpr int64_t kElements = GroupFormat::kElements;

float Group::get(const GroupFormat &format, int64_t i) const {
  float number = fromF16(scale) * static_cast<float>(q[i] - format.zero);
  return format.hasMinimum ? number + fromF16(minimum) : number;
}

float Group::set(const GroupFormat &format, int64_t i, float number) {
  float d = fromF16(scale), least = format.hasMinimum ? fromF16(minimum) : 0;
  float most = (1 << format.bits) - 1;
  float place = d == 0 ? 0 : std::nearbyint((number - least) / d);
  q[i] = std::clamp(place + static_cast<float>(format.zero), 0.0f, most);
  return get(format, i);
}

GroupRange getGroup(int64_t columns, int64_t tail, int64_t column) {
  int64_t main = columns - tail;
  int64_t start = column < main ? 0 : main,
          end = column < main ? main : columns;
  int64_t first = start + (column - start) / kElements * kElements;
  return {first, std::min(kElements, end - first)};
}

int64_t countGroups(int64_t columns, int64_t tail) {
  return divideCeil(columns - tail, kElements) + divideCeil(tail, kElements);
}

GroupPlace findInGroups(int64_t columns, int64_t tail, int64_t column) {
  int64_t main = columns - tail;
  if (column < main)
    return {column / kElements, column % kElements};
  column -= main;
  return {countGroups(main, 0) + column / kElements, column % kElements};
}

namespace {

/// To nearest even, as nearbyint, for what is this small.
inline float roundSmall(float x) {
  constexpr float kMagic = 12582912.0f;
  return (x + kMagic) - kMagic;
}

/// A sum of elements, in sums beside each other, which become vectors.
template <typename F> inline float sumOf(F element) {
  constexpr int64_t kSums = 8;
  float sums[kSums] = {}, sum = 0;
  for (int64_t i = 0; i < kElements; i += kSums)
    for (int64_t j = 0; j < kSums; ++j)
      sums[j] += element(i + j);
  for (float part : sums)
    sum += part;
  return sum;
}

class Rounder {
public:
  Rounder(const GroupFormat &format, ArrayRef<float> numbers,
          ArrayRef<float> weights)
      : low(-format.zero), high((1 << format.bits) - 1 - format.zero),
        hasMinimum(format.hasMinimum), count(numbers.size()) {
    std::copy(numbers.begin(), numbers.end(), x);
    for (int64_t i = 0; i < count; ++i)
      w[i] = weights.empty() ? 1 : weights[i];
    sumW = sumOf([&](int64_t i) { return w[i]; });
    sumWX = sumOf([&](int64_t i) { return w[i] * x[i]; });
    bestError = sumOf([&](int64_t i) { return w[i] * x[i] * x[i]; });
  }

  /// Takes what all numbers are made of without an error, if it is.
  bool takeExact(float scale, float minimum = 0) {
    if (fromF16(roundToF16(scale)) != scale || scale == 0 ||
        fromF16(roundToF16(minimum)) != minimum)
      return false;
    for (int64_t i = 0; i < count; ++i) {
      float q = std::nearbyint((x[i] - minimum) / scale);
      if (scale * q + minimum != x[i] || q < low || q > high)
        return false;
      best[i] = q;
    }
    bestScale = scale;
    bestMinimum = minimum;
    return true;
  }

  /// The same of some scale and minimum. One number everywhere is taken as
  /// nearly as both together have it.
  bool takeExactMinimum() {
    float sorted[kElements];
    std::copy(x, x + count, sorted);
    std::sort(sorted, sorted + count);
    int64_t distinct = std::unique(sorted, sorted + count) - sorted;
    if (distinct > high + 1)
      return false;
    float first = sorted[0], range = sorted[distinct - 1] - first;
    if (distinct == 1) {
      bestMinimum = fromF16(roundToF16(first));
      bestScale = fromF16(roundToF16(first - bestMinimum));
      std::fill_n(best, kElements, 1.0f);
      return true;
    }
    // `steps` from the least to the largest, with `before` less than the least.
    for (float steps = distinct - 1; steps <= high; ++steps) {
      float scale = fromF16(roundToF16(range / steps));
      for (float before = 0; before + steps <= high; ++before)
        if (takeExact(scale, fromF16(roundToF16(first - before * scale))))
          return true;
    }
    return false;
  }

  /// Tries the integers that (x - offset) * inverse is nearest to, with the
  /// scale and the minimum that are best for them.
  void tryIntegers(float inverse, float offset = 0) {
    float q[kElements];
    for (int64_t i = 0; i < kElements; ++i) {
      float rounded = roundSmall((x[i] - offset) * inverse);
      rounded = rounded < low ? low : rounded;
      q[i] = rounded > high ? high : rounded;
    }
    float qx = sumOf([&](int64_t i) { return w[i] * q[i] * x[i]; });
    float qq = sumOf([&](int64_t i) { return w[i] * q[i] * q[i]; });
    float scale, minimum = 0;
    if (hasMinimum) {
      float sumQ = sumOf([&](int64_t i) { return w[i] * q[i]; });
      float determinant = sumW * qq - sumQ * sumQ;
      if (!(determinant > 0))
        return;
      scale = fromF16(roundToF16((sumW * qx - sumQ * sumWX) / determinant));
      minimum = fromF16(roundToF16((sumWX - scale * sumQ) / sumW));
    } else {
      if (qq == 0)
        return;
      scale = fromF16(roundToF16(qx / qq));
    }
    float error = sumOf([&](int64_t i) {
      float rest = x[i] - scale * q[i] - minimum;
      return w[i] * rest * rest;
    });
    if (error < bestError) {
      bestError = error;
      bestScale = scale;
      bestMinimum = minimum;
      std::copy(q, q + kElements, best);
    }
  }

  /// Rounds once more by what was found.
  void refine() {
    if (bestScale != 0)
      tryIntegers(1 / bestScale, bestMinimum);
  }

  void store(const GroupFormat &format, Group &group) const {
    group.scale = roundToF16(bestScale);
    group.minimum = roundToF16(bestMinimum);
    for (int64_t i = 0; i < kElements; ++i) {
      float number = i < count ? best[i] : 0; // missing ones are 0
      group.q[i] =
          static_cast<uint8_t>(static_cast<int64_t>(number) + format.zero);
    }
  }

private:
  float low, high;
  bool hasMinimum;
  int64_t count;
  float x[kElements] = {}, w[kElements] = {}, best[kElements] = {};
  float sumW, sumWX;
  float bestScale = 0, bestMinimum = 0;
  float bestError; ///< at first of all zeros
};

/// How GGUF's Q4_0, Q4_1 and Q8_0 have been made, or roundToGroup before.
bool takeExact(const GroupFormat &format, float largest, Rounder &rounder) {
  if (format.hasMinimum)
    return rounder.takeExactMinimum();
  float zero = format.zero;
  if (largest == 0 || rounder.takeExact(largest / -zero) ||
      rounder.takeExact(std::abs(largest) / (zero - 1)) ||
      rounder.takeExact(std::abs(largest) / zero))
    return true;
  for (float most = zero - 2; format.bits == 4 && most > 0; --most)
    if (rounder.takeExact(largest / most) || rounder.takeExact(largest / -most))
      return true;
  return false;
}

} // namespace

int64_t roundToGroup(const GroupFormat &format, ArrayRef<float> numbers,
                     Group &group, ArrayRef<float> weights) {
  float largest = 0; // with its sign
  float most = 1 << (format.bits - 1), limit = 65504.0f;
  if (!format.hasMinimum)
    limit *= most - 1;
  for (auto [i, number] : enumerate(numbers)) {
    // Also false of what is no number.
    if (!(std::abs(number) <= limit))
      return static_cast<int64_t>(i);
    if (std::abs(number) > std::abs(largest))
      largest = number;
  }
  Rounder rounder(format, numbers, weights);
  bool exact = takeExact(format, largest, rounder);
  if (!exact && format.bits == 8) {
    float scale = fromF16(roundToF16(largest / (most - 1)));
    rounder.tryIntegers((most - 1) / largest);
    if (scale != 0)
      rounder.tryIntegers(1 / scale);
  } else if (!exact && format.hasMinimum) {
    // From end to end; somewhat more, so that ends are clamped; or less.
    float first = *llvm::min_element(numbers);
    float range = *llvm::max_element(numbers) - first;
    for (float step = -4; step <= 4; ++step)
      rounder.tryIntegers((15 + step * 0.25f) / range, first);
    for (float part = 1; part <= 4; ++part) {
      float cut = part * 0.05f;
      rounder.tryIntegers(15 / (range * (1 - cut)), first + range * cut / 2);
    }
  } else if (!exact) {
    // The largest becomes -8 or 7, or somewhat less or more before it is
    // clamped.
    for (float step = -2; step <= 2; ++step) {
      rounder.tryIntegers((step * 0.3f - most) / largest);
      rounder.tryIntegers((step * 0.3f + most - 1) / largest);
    }
  }
  if (!exact)
    rounder.refine();
  rounder.store(format, group);
  return -1;
}

Error makeGroup(WeightOp weight, const GroupFormat &format,
                ArrayRef<float> numbers, int64_t first, Group &group) {
  int64_t bad = roundToGroup(format, numbers, group);
  return bad < 0 ? Error::success()
                 : groupError(weight, format, numbers[bad], first + bad);
}

Error groupError(WeightOp weight, const GroupFormat &format, float number,
                 int64_t element) {
  std::string place;
  for (int64_t extent : llvm::reverse(weight.getTensorType().getShape())) {
    place =
        (Twine(element % extent) + (place.empty() ? "" : ", ") + place).str();
    element /= extent;
  }
  return createStringError(
      "weight " + quoted(weight.getSymName()) + ": element [" + place +
      "] is " +
      (std::isfinite(number)
           ? formatv("{0}, too large for integers of {1} bits, whose scales "
                     "are of half",
                     number, format.bits)
                 .str()
           : std::string(std::isnan(number) ? "no number" : "infinite") +
                 ", which integers cannot be made of") +
      "; --weights=f32 or bf16 takes it as it is");
}

} // namespace fpmoe
