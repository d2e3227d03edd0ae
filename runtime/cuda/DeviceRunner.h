//===- DeviceRunner.h - steps on a GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs steps of a level of a GPU: a step is one copy there, one kernel with a
// block for each multiprocessor, and a copy of the logits back.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CUDA_DEVICERUNNER_H
#define FPMOE_RUNTIME_CUDA_DEVICERUNNER_H

#include "runtime/cuda/Device.h"

#include <atomic>

namespace fpmoe::cuda {

class DeviceRunner final : public StepRunner {
public:
  static Status create(const FpmoeModel &model, const FpmoeLevel &level,
                       std::shared_ptr<Device> device,
                       std::shared_ptr<Buffer> weights,
                       const StepperOptions &options,
                       std::unique_ptr<StepRunner> &runner);
  ~DeviceRunner() override;

  Status run(FpmoeStep step, int64_t firstLogitsRow) override;
  float *logits() override {
    return reinterpret_cast<float *>(hostLogits.data());
  }
  void fillCache() override;

private:
  DeviceRunner(const FpmoeModel &model, const FpmoeLevel &level,
               std::shared_ptr<Device> device, std::shared_ptr<Buffer> weights)
      : model(model), level(level), device(std::move(device)),
        weights(std::move(weights)) {}
  Status allocate(const StepperOptions &options);
  Status pack(const FpmoeStep &step);
  Status launch(const FpmoeStep &step);
  Status runKernel(FpmoeStep &step, int32_t *routesTo, int64_t firstLogitsRow);
  void addSums(const FpmoeStep &step, const std::atomic<bool> &isOver);

  const FpmoeModel &model;
  const FpmoeLevel &level;
  std::shared_ptr<Device> device;
  std::shared_ptr<Buffer> weights; ///< of all runners of the device
  CUstream stream = nullptr;
  Buffer cache, shared, logitsMemory, routes, inputs;
  PinnedBuffer hostLogits, hostRoutes, hostInputs;
  // Of one rank of several: where its kernel and the host meet, and the thread
  // that adds there while another one waits for the kernel.
  PinnedBuffer mailbox;
  std::unique_ptr<Team> two;
  int64_t inputBytes = 0; ///< of this step
  Status broken = Status::success();
};

} // namespace fpmoe::cuda

#endif // FPMOE_RUNTIME_CUDA_DEVICERUNNER_H
