//===- Card.cpp - what a GPU is, and which code runs on it ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names of architectures are those of the CUDA toolkit: "sm_90a".
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/Card.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <tuple>

using namespace fpmoe;
using namespace fpmoe::cuda;

std::string Card::title() const {
  return format("GPU %d (%s)", info.number, info.name.c_str());
}

Status cuda::readCard(const Driver &driver, int32_t number, Card &card) {
  Status status = Status::success();
  std::string what = format("NVIDIA's driver does not describe GPU %d", number);
  auto take = [&](CUresult result) {
    if (!status.failed())
      status = driver.check(result, what);
  };
  auto attribute = [&](CUdevice_attribute which) {
    int value = 0;
    take(driver.cuDeviceGetAttribute(&value, which, card.device));
    return value;
  };
  card.info.number = number;
  card.info.driver = driver.versionText();
  take(driver.cuDeviceGet(&card.device, number));
  char name[256] = "";
  take(driver.cuDeviceGetName(name, sizeof(name), card.device));
  card.info.name = name;
  size_t bytes = 0;
  take(driver.cuDeviceTotalMem(&bytes, card.device));
  card.info.memoryBytes = bytes;
  card.info.multiprocessors =
      attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  card.major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  card.minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  card.info.architecture = format("sm_%d%d", card.major, card.minor);
  card.cacheBytes = attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
  card.isCooperative = attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH);
  card.sharedBytes =
      attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  return status;
}

/// Whether an image for `arch` runs on a compute capability.
static bool runsOn(const char *arch, int major, int minor) {
  bool isPtx = !strncmp(arch, "compute_", 8);
  const char *digits = strchr(arch, '_');
  if (!digits)
    return false;
  char *end;
  long version = strtol(digits + 1, &end, 10);
  long here = major * 10 + minor;
  if (*end == 'a')
    return version == here;
  bool isFamily = version / 10 == major;
  return version <= here && (isFamily || (isPtx && *end != 'f'));
}

std::vector<const FpmoeCudaImage *> cuda::matchingImages(const FpmoeCuda &code,
                                                         int major, int minor) {
  std::vector<const FpmoeCudaImage *> images;
  for (int64_t i = 0; i < code.image_count; ++i)
    if (runsOn(code.images[i].arch, major, minor))
      images.push_back(&code.images[i]);
  // Of each kind the latest version, of one version what uses all of it.
  std::stable_sort(images.begin(), images.end(),
                   [](const FpmoeCudaImage *a, const FpmoeCudaImage *b) {
                     auto rank = [](const FpmoeCudaImage *image) {
                       const char *digits = strchr(image->arch, '_') + 1;
                       char *end;
                       long version = strtol(digits, &end, 10);
                       bool isPtx = image->arch[0] == 'c';
                       return std::make_tuple(isPtx, -version, *end == '\0');
                     };
                     return rank(a) < rank(b);
                   });
  return images;
}

Status cuda::checkLevel(const Card &card, const FpmoeLevel &level) {
  const FpmoeCuda &code = *level.cuda;
  std::string title = card.title();
  if (matchingImages(code, card.major, card.minor).empty()) {
    std::string all;
    for (int64_t i = 0; i < code.image_count; ++i)
      all += std::string(i ? ", " : "") + code.images[i].arch;
    return Status::error(format(
        "%s is %s, and this program has code for %s; compile it with --gpu=%s",
        title.c_str(), card.info.architecture.c_str(), all.c_str(),
        card.info.architecture.c_str()));
  }
  if (!card.isCooperative)
    return Status::error(title + " cannot start all blocks of a kernel "
                                 "together (a cooperative launch)");
  if (level.private_bytes > card.sharedBytes)
    return Status::error(format(
        "%s gives a block %lld bytes of shared memory, and %lld are needed",
        title.c_str(), static_cast<long long>(card.sharedBytes),
        static_cast<long long>(level.private_bytes)));
  return Status::success();
}
