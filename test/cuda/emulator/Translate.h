//===- Translate.h - device IR to host IR ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From LLVM IR for nvptx64 to IR for the host, in which what is more than
// arithmetic calls the emulator. Nothing is optimised before: what is checked
// is the program as given.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_TRANSLATE_H
#define FPMOE_TEST_CUDA_EMULATOR_TRANSLATE_H

#include "Device.h"
#include "llvm/IR/Module.h"

namespace fpmoe::emulator {

// Rewrites the module. Variables of device memory are placed on the device and
// listed in `program`, as are the kernels, whose entries are then functions
// named `entryName(kernel)` of the module.
llvm::Error translate(llvm::Module &module, Device &device, Program &program);
std::string entryName(const Kernel &kernel);

} // namespace fpmoe::emulator

#endif
