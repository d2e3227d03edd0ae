//===- DeviceWeights.h - the weights on a GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies the blob to a device, once for all who run steps there.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CUDA_DEVICEWEIGHTS_H
#define FPMOE_RUNTIME_CUDA_DEVICEWEIGHTS_H

#include "runtime/cuda/Device.h"

namespace fpmoe::cuda {

/// Copies all weights into `to`; the device is current.
Status uploadWeights(const Device &device, Team &team, const Weights &weights,
                     Buffer &to);

} // namespace fpmoe::cuda

#endif // FPMOE_RUNTIME_CUDA_DEVICEWEIGHTS_H
