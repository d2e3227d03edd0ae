//===- CosSin.cpp - Cosines and sines of any angle ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Common/CosSin.h"

#include <cmath>

using namespace mlir;
using namespace fpmoe;

namespace {

/// Arithmetic on f64, or on 16 lanes of it.
class Doubles {
public:
  Doubles(KernelBuilder &b, Type type) : b(b), type(type) {
    bits = isa<VectorType>(type) ? Type(b.lanes(b.getI64Type()))
                                 : Type(b.getI64Type());
  }

  Value splat(double value) {
    auto vector = dyn_cast<VectorType>(type);
    if (!vector)
      return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
    return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, value));
  }
  Value splatBits(int64_t value) {
    auto vector = dyn_cast<VectorType>(bits);
    if (!vector)
      return b.i64(value);
    return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, value));
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
  Type type, bits;
};

} // namespace

std::pair<Value, Value> fpmoe::emitCosSin(KernelBuilder &b, Value angle) {
  return Doubles(b, angle.getType()).emitCosSin(angle);
}
