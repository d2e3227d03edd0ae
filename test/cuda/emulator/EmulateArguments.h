//===- EmulateArguments.h - buffers and arguments of fpmoe-emulate ---*- C++
//-*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the command line of fpmoe-emulate says of buffers and arguments.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_EMULATEARGUMENTS_H
#define FPMOE_TEST_CUDA_EMULATOR_EMULATEARGUMENTS_H

#include "Device.h"

namespace fpmoe::emulator {

// name:type[count], then "=" and how it is filled, or nothing: unwritten.
//   zero, iota, random or random(seed), a list of numbers 1,2,3, @file
struct Buffer {
  std::string name, type, fill;
  uint64_t count = 0;
  uint64_t address = 0;

  uint64_t elementBytes() const;
  double get(uint64_t index) const;
  void set(uint64_t index, double value) const;
  // Writes what `fill` says, as at the start of a launch.
  llvm::Error initialise(Memory &memory) const;
};
llvm::Expected<Buffer> parseBuffer(llvm::StringRef text);

// i32:5, i64:5, f32:1.5, or the name of a buffer, maybe with "+offset".
llvm::Expected<uint64_t> parseArgument(llvm::StringRef text,
                                       llvm::ArrayRef<Buffer> buffers);

// "3" or "3,2,1".
llvm::Expected<Dim3> parseDim3(llvm::StringRef text);

} // namespace fpmoe::emulator

#endif
