//===- Generate.cpp - weights that no checkpoint holds ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Generate.h"

#include "lib/Weights/Evaluate.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/xxhash.h"

#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace mlir;

namespace fpmoe {

/// The finaliser of splitmix64.
static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

void generateRandom(RandomOp op, int64_t layer, int64_t first,
                    MutableArrayRef<float> out) {
  uint64_t name = xxh3_64bits(formatTensorName(op.getName(), layer));
  uint64_t key = mix(name ^ mix(op.getSeed() + 0x9e3779b97f4a7c15u));
  // Deviation of the sum of four uniform integers below 2^16.
  constexpr double deviation = 37837.227;
  float mean = op.getMean().convertToDouble();
  float scale = op.getStddev().convertToDouble() / deviation;
  for (size_t i = 0; i < out.size(); ++i) {
    uint64_t x = mix(key + (first + i) * 0x9e3779b97f4a7c15u);
    // Two fields a lane of 32 bits, then both lanes.
    uint64_t pairs =
        (x & 0x0000ffff0000ffffu) + (x >> 16 & 0x0000ffff0000ffffu);
    auto sum = static_cast<int32_t>(static_cast<uint32_t>(pairs) +
                                    static_cast<uint32_t>(pairs >> 32));
    out[i] = mean + scale * static_cast<float>(sum - 2 * 65535);
  }
}

/// Scales in place.
static void scaleFrequencies(Attribute scaling,
                             MutableArrayRef<float> frequencies) {
  auto number = [](FloatAttr value) -> float {
    return value.getValueAsDouble();
  };
  if (auto linear = dyn_cast<RopeLinearAttr>(scaling)) {
    for (float &f : frequencies)
      f /= number(linear.getFactor());
    return;
  }
  if (auto llama = dyn_cast<RopeLlama3Attr>(scaling)) {
    float low = number(llama.getLow()), high = number(llama.getHigh());
    float positions = llama.getPositions(), factor = number(llama.getFactor());
    for (float &f : frequencies) {
      float wave = static_cast<float>(2 * M_PI) / f;
      float smooth = (positions / wave - low) / (high - low);
      if (wave > positions / low)
        f /= factor;
      else if (wave >= positions / high)
        f = (1 - smooth) * f / factor + smooth * f;
    }
    return;
  }
  if (auto each = dyn_cast<RopeFactorsAttr>(scaling)) {
    for (auto [f, factor] :
         llvm::zip_equal(frequencies, each.getFactors().asArrayRef()))
      f /= factor;
    return;
  }
  auto yarn = cast<RopeYarnAttr>(scaling);
  float begin = number(yarn.getFirst()), end = number(yarn.getLast());
  for (auto [i, f] : enumerate(frequencies)) {
    float ramp =
        (static_cast<float>(i) - begin) / (begin == end ? 0.001f : end - begin);
    ramp = std::clamp(ramp, 0.0f, 1.0f);
    f = f / number(yarn.getFactor()) * ramp + f * (1 - ramp);
  }
}

/// f of one dimension pair after the other.
static SmallVector<float, 128> getFrequencies(int64_t count, double theta,
                                              Attribute scaling) {
  SmallVector<float, 128> frequencies(count);
  for (int64_t i = 0; i < count; ++i)
    frequencies[i] = 1.0f / std::pow(static_cast<float>(theta),
                                     static_cast<float>(2 * i) /
                                         static_cast<float>(2 * count));
  if (scaling)
    scaleFrequencies(scaling, frequencies);
  return frequencies;
}

void generateRopeTable(RopeTableOp op, int64_t first,
                       MutableArrayRef<float> out) {
  int64_t columns = op.getType().getShape()[1], half = columns / 2;
  Attribute scaling = op.getScaling().value_or(Attribute());
  SmallVector<float, 128> frequencies =
      getFrequencies(half, op.getTheta().convertToDouble(), scaling);
  float magnitude = RopeFrequenciesOp::getMagnitude(scaling);
  for (size_t i = 0; i < out.size(); ++i) {
    int64_t column = (first + i) % columns;
    float angle =
        static_cast<float>((first + i) / columns) * frequencies[column % half];
    out[i] = magnitude * (column < half ? std::cos(angle) : std::sin(angle));
  }
}

void generateRopeFrequencies(RopeFrequenciesOp op, int64_t first,
                             MutableArrayRef<float> out) {
  SmallVector<float, 128> frequencies = getFrequencies(
      op.getType().getNumElements(), op.getTheta().convertToDouble(),
      op.getScaling().value_or(Attribute()));
  llvm::copy(ArrayRef(frequencies).slice(first, out.size()), out.begin());
}

} // namespace fpmoe
