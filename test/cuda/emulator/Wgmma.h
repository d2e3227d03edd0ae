//===- Wgmma.h - wgmma as handlers see it ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wgmma: how its inline assembly is encoded for its handler, and the rules of
// its registers, which are the program's to keep while a product is in flight.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_WGMMA_H
#define FPMOE_TEST_CUDA_EMULATOR_WGMMA_H

#include "Numbers.h"
#include "Site.h"
#include <optional>
#include <string>

namespace fpmoe::emulator {

// wgmma.mma_async.sync.aligned.m64n<columns>k16.f32.<format>.<format>. Its
// operands, in order: the accumulators, of which there are none if the
// assembly does not read them; A, 4 registers or a descriptor; the descriptor
// of B; scale-d, imm-scale-a, imm-scale-b; imm-trans-a if A has a descriptor;
// imm-trans-b.
struct WgmmaShape {
  unsigned columns = 0;
  Format format = Format::BF16;
  bool accumulates = false;
  bool aInRegisters = false;

  unsigned results() const { return columns / 2; }
  uint64_t encode() const;
  static WgmmaShape decode(uint64_t bits);
};

// The shape of a mnemonic with the numbers of its operands; none if it is not
// modelled.
std::optional<WgmmaShape> parseWgmma(const std::string &mnemonic,
                                     unsigned results, unsigned operands);
void multiplyAsync(const Site &site, const uint64_t *in, uint64_t *out);

// A register operand of the product at `site` is written, outside of wgmma.
void defineOperand(const Site *site);
// A result of the product at `site` is read.
void useResult(const Site *site);

} // namespace fpmoe::emulator

#endif
