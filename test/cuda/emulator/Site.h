//===- Site.h - an instruction of a kernel ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An instruction of the kernel that the emulator hears of, and what it is to
// know of it.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_SITE_H
#define FPMOE_TEST_CUDA_EMULATOR_SITE_H

#include "Races.h"

namespace fpmoe::emulator {

struct Site;
// What an intrinsic or an inline assembly does. Operands and results are one to
// 64 bits: what is narrower comes zero-extended, a short vector as its bits.
using Handler = void (*)(const Site &site, const uint64_t *in, uint64_t *out);

struct Site {
  uint32_t id = 0;
  std::string text;     // the instruction
  std::string function; // with file and line where there is debug information

  // An access
  uint64_t bytes = 0, alignment = 1;
  Strength strength = Weak;
  bool reads = false, writes = false;
  bool acquires = false, releases = false; // also of a fence

  // An operation
  Handler handler = nullptr;
  uint64_t parameter = 0; // tells apart what shares a handler
  unsigned operands = 0;
  std::string mnemonic;
};

} // namespace fpmoe::emulator

#endif
