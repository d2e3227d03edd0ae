//===- Rope.cpp - Cosines and sines of positions --------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Angles are rounded to f32; from there on all is f64, so that any position is
// as good as the first.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Phase.h"

#include <cmath>

using namespace mlir;
using namespace fpmoe;

namespace {

/// Arithmetic on 16 lanes of f64.
class Doubles {
public:
  explicit Doubles(KernelBuilder &b)
      : b(b), type(b.lanes(b.getF64Type())), bits(b.lanes(b.getI64Type())) {}

  Value splat(double value) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, value));
  }
  Value splatBits(int64_t value) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(bits, value));
  }

  /// cos(angle) and sin(angle).
  std::pair<Value, Value> emitCosSin(Value angle) {
    // angle = n pi/2 + r, |r| <= pi/4; the lowest bits of the shifted number
    // are n's. pi/2 is the sum of two f64.
    constexpr double kShift = 0x1.8p52;
    Value shifted = b.fma(angle, splat(M_2_PI), splat(kShift));
    Value n = b.fsub(shifted, splat(kShift));
    Value r = b.fma(n, splat(-0x1.921fb54442d18p0), angle);
    r = b.fma(n, splat(-0x1.1a62633145c07p-54), r);
    Value square = b.fmul(r, r);
    // Taylor series to r^11 and r^12: the rest is below 1e-11.
    Value sine =
        series(square, {-2.50521083854417188e-8, 2.75573192239858907e-6,
                        -1.98412698412698413e-4, 8.33333333333333333e-3,
                        -1.66666666666666667e-1, 1.0});
    sine = b.fmul(sine, r);
    Value cosine =
        series(square, {2.08767569878680990e-9, -2.75573192239858907e-7,
                        2.48015873015873016e-5, -1.38888888888888889e-3,
                        4.16666666666666667e-2, -0.5, 1.0});
    Value quadrant = arith::BitcastOp::create(b, bits, shifted);
    Value isOdd = isSet(quadrant, 1);
    // cos: c, -s, -c, s; sin: s, c, -s, -c.
    Value negative = isSet(quadrant, 2);
    Value next = arith::AddIOp::create(b, quadrant, splatBits(1));
    return {signedBy(isSet(next, 2), b.select(isOdd, sine, cosine)),
            signedBy(negative, b.select(isOdd, cosine, sine))};
  }

private:
  Value series(Value x, ArrayRef<double> coefficients) {
    Value y = splat(coefficients.front());
    for (double c : coefficients.drop_front())
      y = b.fma(y, x, splat(c));
    return y;
  }
  Value isSet(Value value, int64_t bit) {
    Value masked = arith::AndIOp::create(b, value, splatBits(bit));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked,
                                 splatBits(0));
  }
  Value signedBy(Value negative, Value value) {
    return b.select(negative, arith::NegFOp::create(b, value), value);
  }

  KernelBuilder &b;
  VectorType type, bits;
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::RopeOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  Doubles doubles(b);
  int64_t half = dim(op.getFrequencies(), 0), columns = 2 * half;
  Value token = tile.empty() ? b.i64(0) : tile[0];
  Value position = phase.element(op.getPositions(), token);
  Value row = b.at(phase.base(op.getTable()), b.mul(token, columns * 4));
  Value frequencies = phase.weight(op.getFrequencies());
  Value p = b.splat(arith::SIToFPOp::create(b, b.getF32Type(), position));
  Value magnitude = b.f32Splat(op.getMagnitude().convertToDouble());
  auto finish = [&](Value value) {
    Value narrow = arith::TruncFOp::create(b, b.f32Lanes(), value);
    return b.fmul(narrow, magnitude);
  };
  /// Stores `count` lanes of the cosines, and of the sines behind them.
  auto emitLanes = [&](Value first, int64_t count) {
    Value to = b.at(row, b.mul(first, 4));
    Value angle = b.fmul(p, b.loadLanes(b.at(frequencies, b.mul(first, 4))));
    Value wide = arith::ExtFOp::create(b, b.lanes(b.getF64Type()), angle);
    auto [cosine, sine] = doubles.emitCosSin(wide);
    for (auto [value, place] :
         {std::pair(cosine, to), std::pair(sine, b.at(to, half * 4))}) {
      Value lanes = finish(value);
      if (count == kLanes) {
        b.store(lanes, place);
        continue;
      }
      for (int64_t i = 0; i < count; ++i)
        b.store(vector::ExtractOp::create(b, lanes, i), b.at(place, i * 4));
    }
  };
  int64_t whole = half / kLanes * kLanes;
  b.loop(0, whole, kLanes, [&](Value first) { emitLanes(first, kLanes); });
  if (half % kLanes)
    emitLanes(b.i64(whole), half % kLanes);
}
