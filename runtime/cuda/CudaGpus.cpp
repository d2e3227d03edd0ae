//===- CudaGpus.cpp - NVIDIA's GPUs of this machine ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which GPU a level runs on is decided before anything is started there. The
// context and the weights are shared by all who run steps at a time, and gone
// with the last of them.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/DeviceRunner.h"
#include "runtime/cuda/DeviceWeights.h"

#include <mutex>

using namespace fpmoe;
using namespace fpmoe::cuda;

namespace {
class CudaGpus final : public Gpus {
public:
  Status choose(const FpmoeLevel &level, int64_t number) override;
  Status chooseFor(const FpmoeLevel &level, int64_t process) override;
  const GpuInfo &chosen() const override { return card.info; }
  Status makeRunner(const FpmoeModel &model, const FpmoeLevel &level,
                    Team &team, const Weights &weights,
                    const StepperOptions &options,
                    std::unique_ptr<StepRunner> &runner) override;

private:
  Status count(int &gpus);
  Status find(const FpmoeLevel &level, int64_t number);
  Status start(Team &team, const Weights &weights,
               std::shared_ptr<Device> &device,
               std::shared_ptr<Buffer> &uploaded);

  std::mutex mutex;
  Driver driver;
  const FpmoeLevel *chosenFor = nullptr;
  Card card;
  std::weak_ptr<Device> opened;
  /// A process has weights of one program, which their fingerprint has told.
  std::weak_ptr<Buffer> copied;
};
} // namespace

Status CudaGpus::choose(const FpmoeLevel &level, int64_t number) {
  std::lock_guard<std::mutex> lock(mutex);
  return find(level, number);
}

Status CudaGpus::chooseFor(const FpmoeLevel &level, int64_t process) {
  std::lock_guard<std::mutex> lock(mutex);
  int gpus = 0;
  Status status = count(gpus);
  return status.failed() ? status : find(level, process % gpus);
}

/// How many there are, one at least.
Status CudaGpus::count(int &gpus) {
  Status status = driver.open();
  if (!status.failed())
    status = driver.check(driver.cuDeviceGetCount(&gpus),
                          "NVIDIA's driver does not count the GPUs");
  if (!status.failed() && gpus == 0)
    status = Status::error("NVIDIA's driver finds no GPU");
  return status;
}

Status CudaGpus::find(const FpmoeLevel &level, int64_t number) {
  int count = 0;
  Status status = this->count(count);
  if (!status.failed() && number >= count)
    status = Status::error(format("there is no GPU %lld, this machine has %d, "
                                  "counted from 0",
                                  static_cast<long long>(number), count));
  if (status.failed())
    return status;
  int32_t first = number < 0 ? 0 : static_cast<int32_t>(number);
  int32_t end = number < 0 ? count : first + 1;
  for (int32_t i = first; i < end; ++i) {
    Card found;
    Status refused = readCard(driver, i, found);
    if (!refused.failed())
      refused = checkLevel(found, level);
    if (refused.failed()) {
      if (i == first)
        status = refused; // one reason is enough
      continue;
    }
    if (found.info.number != card.info.number || chosenFor != &level)
      opened.reset();
    found.info.image =
        matchingImages(*level.cuda, found.major, found.minor).front()->arch;
    card = found;
    chosenFor = &level;
    return Status::success();
  }
  return status;
}

/// Starts the GPU and copies the weights, unless that is done.
Status CudaGpus::start(Team &team, const Weights &weights,
                       std::shared_ptr<Device> &device,
                       std::shared_ptr<Buffer> &uploaded) {
  device = opened.lock();
  if (!device) {
    Status status = Device::open(driver, card, *chosenFor, device);
    if (status.failed())
      return status;
    opened = device;
    copied.reset();
    card.info.image = device->image;
  }
  uploaded = copied.lock();
  if (uploaded)
    return Status::success();
  Device::Current current(*device);
  uploaded = std::make_shared<Buffer>();
  Status status = current.status();
  if (!status.failed())
    status = uploadWeights(*device, team, weights, *uploaded);
  if (status.failed())
    uploaded.reset(); // as long as the device is current
  copied = uploaded;
  return status;
}

Status CudaGpus::makeRunner(const FpmoeModel &model, const FpmoeLevel &level,
                            Team &team, const Weights &weights,
                            const StepperOptions &options,
                            std::unique_ptr<StepRunner> &runner) {
  std::lock_guard<std::mutex> lock(mutex);
  Status status =
      chosenFor == &level ? Status::success() : find(level, /*number=*/-1);
  std::shared_ptr<Device> device;
  std::shared_ptr<Buffer> uploaded;
  if (!status.failed())
    status = start(team, weights, device, uploaded);
  return status.failed()
             ? status
             : DeviceRunner::create(model, level, std::move(device),
                                    std::move(uploaded), options, runner);
}

void *fpmoe_gpus(void) {
  static CudaGpus &gpus = *new CudaGpus; // programs end in any order
  return static_cast<Gpus *>(&gpus);
}
