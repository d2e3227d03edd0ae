//===- DeviceRunner.cpp - steps on a GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All of a step is ordered by one stream, and waited for once. What a kernel
// does wrong is told by that wait, and by all calls behind it.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/DeviceRunner.h"
#include "include/fpmoe/runtime/mailbox.h"
#include "runtime/cuda/PackedStep.h"

#include <cstring>
#include <sched.h>

using namespace fpmoe;
using namespace fpmoe::cuda;

/// Weights of two phases are on their way at most, while others are read.
constexpr int64_t kAheadShare = 4;

Status DeviceRunner::create(const FpmoeModel &model, const FpmoeLevel &level,
                            std::shared_ptr<Device> device,
                            std::shared_ptr<Buffer> weights,
                            const StepperOptions &options,
                            std::unique_ptr<StepRunner> &result) {
  std::unique_ptr<DeviceRunner> made(
      new DeviceRunner(model, level, std::move(device), std::move(weights)));
  Status status = made->allocate(options);
  if (!status.failed())
    result = std::move(made);
  return status;
}

Status DeviceRunner::allocate(const StepperOptions &options) {
  int64_t bytes;
  Status status = cacheBytes(level, options.pages, bytes);
  if (status.failed())
    return status;
  Device::Current current(*device);
  status = current.status();
  auto add = [&](auto &buffer, int64_t size, const char *what) {
    if (!status.failed())
      status = buffer.allocate(*device, size, what);
  };
  int64_t logitsBytes =
      options.logitsRows * logitsColumns(model) * int64_t(sizeof(float));
  add(cache, bytes, "the key/value cache");
  add(shared, level.shared_bytes, "scratch");
  add(logitsMemory, logitsBytes, "the logits");
  add(hostLogits, logitsBytes, "the logits");
  if (options.recordRoutes && model.top_k > 0) {
    int64_t routesBytes = model.layers * level.max_tokens * model.top_k *
                          int64_t(sizeof(int32_t));
    add(routes, routesBytes, "the routes");
    add(hostRoutes, routesBytes, "the routes");
  }
  if (model.ranks > 1) {
    constexpr int64_t vector = 16; // of columns
    int64_t columns = (model.hidden + vector - 1) / vector * vector;
    add(mailbox,
        int64_t(sizeof(FpmoeMailbox)) +
            level.max_tokens * columns * int64_t(sizeof(float)),
        "sums over ranks");
    if (!status.failed()) {
      std::memset(mailbox.data(), 0, sizeof(FpmoeMailbox));
      status = Team::create(2, two);
    }
  }
  if (!status.failed())
    status = device->check(
        device->driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING),
        "cannot be used");
  // As on a CPU: what no token has written are numbers all the same.
  if (!status.failed())
    status = device->check(
        device->driver.cuMemsetD8Async(cache.at(), 0, cache.size(), stream),
        "cannot clear the key/value cache");
  return status;
}

DeviceRunner::~DeviceRunner() {
  Device::Current current(*device);
  if (stream) {
    (void)device->driver.cuStreamSynchronize(stream);
    (void)device->driver.cuStreamDestroy(stream);
  }
  for (Buffer *buffer : {&cache, &shared, &logitsMemory, &routes, &inputs})
    buffer->release();
  for (PinnedBuffer *buffer : {&hostLogits, &hostRoutes, &hostInputs, &mailbox})
    buffer->release();
  weights.reset();
}

/// Puts the step where the device can read it; memory for that grows with them.
Status DeviceRunner::pack(const FpmoeStep &step) {
  inputBytes = packStep(step, level.tickets, nullptr, 0);
  Status status = Status::success();
  if (inputBytes > inputs.size()) {
    int64_t room = 2 * inputBytes;
    status = inputs.allocate(*device, room, "what a step says");
    if (!status.failed())
      status = hostInputs.allocate(*device, room, "what a step says");
  }
  if (!status.failed())
    packStep(step, level.tickets, hostInputs.data(), inputs.at());
  return status;
}

Status DeviceRunner::launch(const FpmoeStep &step) {
  CUdeviceptr argument = inputs.at();
  void *arguments[] = {&argument};
  // A whole text of one token is no segment.
  return device->check(
      device->driver.cuLaunchCooperativeKernel(
          step.count == 1 ? device->decode : device->prefill, step.workers, 1,
          1, static_cast<unsigned>(level.cuda->threads), 1, 1,
          static_cast<unsigned>(level.private_bytes), stream, arguments),
      "cannot start a step");
}

/// Adds up what the kernel sends, until the step is over.
void DeviceRunner::addSums(const FpmoeStep &step,
                           const std::atomic<bool> &isOver) {
  auto *box = reinterpret_cast<FpmoeMailbox *>(mailbox.data());
  auto *numbers = reinterpret_cast<float *>(box + 1);
  while (!isOver.load(std::memory_order_acquire)) {
    uint64_t sent = __atomic_load_n(&box->sent, __ATOMIC_ACQUIRE);
    if (sent == box->done) {
      sched_yield();
      continue;
    }
    step.reduce(step.ranks, numbers, box->count);
    __atomic_store_n(&box->done, sent, __ATOMIC_RELEASE);
  }
}

Status DeviceRunner::run(FpmoeStep step, int64_t firstLogitsRow) {
  if (broken.failed())
    return broken;
  int32_t *routesTo = step.routes;
  Status status;
  if (two) {
    std::atomic<bool> isOver{false};
    FpmoeStep ofKernel = step;
    ofKernel.ranks = mailbox.data();
    two->run([&](int64_t worker) {
      if (worker)
        return addSums(step, isOver);
      status = runKernel(ofKernel, routesTo, firstLogitsRow);
      isOver.store(true, std::memory_order_release);
    });
  } else {
    status = runKernel(step, routesTo, firstLogitsRow);
  }
  if (status.failed())
    broken = Status::error(
        status.message() +
        "; start the program again, or choose the CPU with FPMOE_CPU; the "
        "kernel log (dmesg) has what NVIDIA's driver says of it");
  return broken;
}

/// Returns when the kernel has ended, and what it gives is there.
Status DeviceRunner::runKernel(FpmoeStep &step, int32_t *routesTo,
                               int64_t firstLogitsRow) {
  const Driver &driver = device->driver;
  Device::Current current(*device);
  Status status = current.status();
  step.logits = logitsMemory.as<float>();
  step.weights = weights->as<const uint8_t>();
  step.cache = cache.as<uint8_t>();
  step.shared = shared.as<uint8_t>();
  step.routes = routesTo ? routes.as<int32_t>() : nullptr;
  step.team = nullptr;
  step.workers = device->card.info.multiprocessors;
  step.ahead = device->card.cacheBytes / kAheadShare / step.workers;
  if (!status.failed())
    status = pack(step);
  auto then = [&](CUresult result, const char *what) {
    if (!status.failed())
      status = device->check(result, what);
  };
  if (!status.failed())
    then(driver.cuMemcpyHtoDAsync(inputs.at(), hostInputs.data(), inputBytes,
                                  stream),
         "did not take a step");
  if (!status.failed() && routesTo)
    then(driver.cuMemsetD8Async(routes.at(), 0xff, routes.size(), stream),
         "did not take a step");
  if (!status.failed())
    status = launch(step);
  if (!status.failed() && step.logits_count > 0)
    then(driver.cuMemcpyDtoHAsync(
             logits() + firstLogitsRow * logitsColumns(model),
             logitsMemory.at(),
             step.logits_count * logitsColumns(model) * sizeof(float), stream),
         "does not give the logits");
  if (!status.failed() && routesTo)
    then(driver.cuMemcpyDtoHAsync(hostRoutes.data(), routes.at(), routes.size(),
                                  stream),
         "does not give the routes");
  // Waits for what was started, whatever came of it.
  CUresult ended = driver.cuStreamSynchronize(stream);
  then(ended, "failed in a step");
  if (!status.failed() && routesTo)
    std::memcpy(routesTo, hostRoutes.data(), routes.size());
  return status;
}

void DeviceRunner::fillCache() {
  if (broken.failed())
    return;
  Device::Current current(*device);
  broken = current.status();
  if (!broken.failed())
    broken =
        device->check(device->driver.cuMemsetD8Async(
                          cache.at(), filledCacheByte, cache.size(), stream),
                      "cannot fill the key/value cache");
}
