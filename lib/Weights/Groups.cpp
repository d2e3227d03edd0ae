//===- Groups.cpp - Numbers rounded to integers in groups -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The scale is searched for: each candidate rounds the numbers to integers, for
// which the best scale is that of least squares; of all, the one with the
// least sum of squared errors is kept.
//===----------------------------------------------------------------------===//

#include "lib/Weights/Groups.h"
#include "lib/Checkpoint/Half.h"
#include "lib/Checkpoint/Input.h"

#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace llvm;

namespace fpmoe {

static constexpr int64_t kElements = GroupFormat::kElements;

float Group::get(const GroupFormat &format, int64_t i) const {
  return fromF16(scale) * static_cast<float>(q[i] - format.zero);
}

GroupRange getGroup(int64_t columns, int64_t tail, int64_t column) {
  int64_t main = columns - tail;
  int64_t start = column < main ? 0 : main,
          end = column < main ? main : columns;
  int64_t first = start + (column - start) / kElements * kElements;
  return {first, std::min(kElements, end - first)};
}

namespace {

class Rounder {
public:
  Rounder(const GroupFormat &format, ArrayRef<float> numbers)
      : low(-format.zero), high(format.zero - 1) {
    std::copy(numbers.begin(), numbers.end(), x);
    bestError = low < -8 ? std::inner_product(x, x + kElements, x, 0.0f) : 0;
  }

  /// Takes the scale if all numbers are multiples of it that there are.
  bool takeExact(float scale) {
    float rounded = fromF16(roundToF16(scale));
    if (rounded != scale || scale == 0)
      return false;
    for (int64_t i = 0; i < kElements; ++i) {
      float q = std::nearbyint(x[i] / scale);
      if (q * scale != x[i] || q < low || q > high)
        return false;
      best[i] = q;
    }
    bestScale = scale;
    return true;
  }

  /// Tries the integers that the inverse of a scale gives.
  void tryInverse(float inverse) {
    float q[kElements];
    for (int64_t i = 0; i < kElements; ++i) {
      // To nearest even, as nearbyint, for what is this small.
      constexpr float kMagic = 12582912.0f;
      float rounded = (x[i] * inverse + kMagic) - kMagic;
      rounded = rounded < low ? low : rounded;
      q[i] = rounded > high ? high : rounded;
    }
    // Sums beside each other become vectors.
    constexpr int64_t kSums = 8;
    float qxs[kSums] = {}, qqs[kSums] = {};
    for (int64_t i = 0; i < kElements; i += kSums)
      for (int64_t j = 0; j < kSums; ++j) {
        qxs[j] += q[i + j] * x[i + j];
        qqs[j] += q[i + j] * q[i + j];
      }
    float qx = 0, qq = 0;
    for (int64_t j = 0; j < kSums; ++j) {
      qx += qxs[j];
      qq += qqs[j];
    }
    if (qq == 0)
      return;
    float scale = fromF16(roundToF16(qx / qq));
    // |x - scale q|^2 without the |x|^2 that all candidates have; of 8 bits it
    // is too small beside that to be a difference.
    float error = scale * (scale * qq - 2 * qx);
    if (low < -8) {
      float sums[kSums] = {};
      for (int64_t i = 0; i < kElements; i += kSums)
        for (int64_t j = 0; j < kSums; ++j) {
          float rest = x[i + j] - scale * q[i + j];
          sums[j] += rest * rest;
        }
      error = std::accumulate(sums, sums + kSums, 0.0f);
    }
    if (error < bestError) {
      bestError = error;
      bestScale = scale;
      std::copy(q, q + kElements, best);
    }
  }

  /// Rounds once more by the scale that was found.
  void refine() {
    if (bestScale != 0)
      tryInverse(1 / bestScale);
  }

  void store(const GroupFormat &format, Group &group) const {
    group.scale = roundToF16(bestScale);
    for (int64_t i = 0; i < kElements; ++i)
      group.q[i] =
          static_cast<uint8_t>(static_cast<int64_t>(best[i]) + format.zero);
  }

private:
  float low, high;
  float x[kElements] = {}, best[kElements] = {};
  float bestScale = 0, bestError; ///< at first of all zeros
};

} // namespace

int64_t roundToGroup(const GroupFormat &format, ArrayRef<float> numbers,
                     Group &group) {
  float largest = 0; // with its sign
  for (auto [i, number] : enumerate(numbers)) {
    // Also false of what is no number.
    if (!(std::abs(number) <= 65504.0f * static_cast<float>(format.zero - 1)))
      return static_cast<int64_t>(i);
    if (std::abs(number) > std::abs(largest))
      largest = number;
  }
  Rounder rounder(format, numbers);
  float zero = static_cast<float>(format.zero);
  // How GGUF's Q4_0 and Q8_0 have been made, or this function before.
  bool exact = largest == 0 || rounder.takeExact(largest / -zero) ||
               rounder.takeExact(std::abs(largest) / (zero - 1)) ||
               rounder.takeExact(std::abs(largest) / zero);
  for (float most = zero - 2; !exact && format.bits == 4 && most > 0; --most)
    exact =
        rounder.takeExact(largest / most) || rounder.takeExact(largest / -most);
  if (!exact && format.bits == 8) {
    float scale = fromF16(roundToF16(largest / (zero - 1)));
    rounder.tryInverse((zero - 1) / largest);
    if (scale != 0)
      rounder.tryInverse(1 / scale);
  } else if (!exact) {
    // The largest becomes -8 or 7, or somewhat less or more before it is
    // clamped.
    for (float step = -8; step <= 8; ++step) {
      rounder.tryInverse((step * 0.1f - zero) / largest);
      rounder.tryInverse((step * 0.1f + zero - 1) / largest);
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
  if (bad < 0)
    return Error::success();
  std::string place;
  int64_t element = first + bad;
  for (int64_t extent : llvm::reverse(weight.getTensorType().getShape())) {
    place =
        (Twine(element % extent) + (place.empty() ? "" : ", ") + place).str();
    element /= extent;
  }
  float number = numbers[bad];
  return createStringError(
      "weight " + quoted(weight.getSymName()) + ": element [" + place +
      "] is " +
      (std::isfinite(number)
           ? formatv("{0}, too large for int{1}, whose scales are of half",
                     number, format.bits)
                 .str()
           : std::string(std::isnan(number) ? "no number" : "infinite") +
                 ", which integers cannot be made of") +
      "; --weights=f32 or bf16 takes it as it is");
}

} // namespace fpmoe
