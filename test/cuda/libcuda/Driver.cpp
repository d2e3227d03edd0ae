//===- Driver.cpp - the state of the emulated driver ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace fpmoe;
using namespace fpmoe::libcuda;

static uint64_t number(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What a block may have at most: CUDA C++ Programming Guide, "Compute
// Capabilities".
static uint64_t sharedLimit(unsigned capability) {
  switch (capability) {
  case 75:
    return 64 << 10;
  case 80:
  case 87:
    return 163 << 10;
  case 86:
  case 89:
  case 120:
  case 121:
    return 99 << 10;
  default:
    return 227 << 10;
  }
}

static Settings readSettings() {
  Settings settings;
  settings.capability = number("FPMOE_EMULATOR_CC", 90);
  settings.multiprocessors = number("FPMOE_EMULATOR_SMS", 3);
  settings.driverVersion = number("FPMOE_EMULATOR_DRIVER", 12080);
  settings.memoryBytes = number("FPMOE_EMULATOR_MEMORY", uint64_t(4) << 30);
  settings.sharedBytes =
      number("FPMOE_EMULATOR_SHARED", sharedLimit(settings.capability));
  settings.seed = number("FPMOE_EMULATOR_SEED", 1);
  const char *copies = std::getenv("FPMOE_EMULATOR_COPIES");
  std::string mode = copies ? copies : "random";
  settings.copies = mode == "eager"  ? emulator::Copies::Eager
                    : mode == "lazy" ? emulator::Copies::Lazy
                                     : emulator::Copies::Random;
  if (const char *images = std::getenv("FPMOE_EMULATOR_IMAGES"))
    settings.images = images;
  settings.failKernel = number("FPMOE_EMULATOR_FAIL_KERNEL", 0);
  settings.loseDevice = number("FPMOE_EMULATOR_LOSE_DEVICE", 0);
  if (const char *fail = std::getenv("FPMOE_EMULATOR_FAIL")) {
    std::string text = fail; // function:code[:call]
    size_t colon = text.find(':');
    settings.failFunction = text.substr(0, colon);
    if (colon != std::string::npos) {
      settings.failCode = std::atoi(text.c_str() + colon + 1);
      size_t second = text.find(':', colon + 1);
      if (second != std::string::npos)
        settings.failCall =
            std::strtoull(text.c_str() + second + 1, nullptr, 10);
    }
  }
  return settings;
}

Driver::Driver()
    : settings(readSettings()),
      device({settings.capability, !std::getenv("FPMOE_EMULATOR_NO_RACES"),
              !std::getenv("FPMOE_EMULATOR_ALLOW_UNWRITTEN"),
              settings.sharedBytes}) {}

Driver &Driver::get() {
  static Driver &driver = *new Driver; // programs end in any order
  return driver;
}

CUresult Driver::enter(const char *function, bool needsContext) {
  uint64_t call = ++calls[function];
  if (settings.failFunction == function &&
      (settings.failCall == 0 || settings.failCall == call))
    return CUresult(settings.failCode);
  if (!initialised && std::strcmp(function, "cuInit"))
    return CUDA_ERROR_NOT_INITIALIZED;
  if (needsContext && !hasContext)
    return CUDA_ERROR_INVALID_CONTEXT;
  return needsContext ? sticky : CUDA_SUCCESS;
}

CUresult Driver::fail(CUresult error, const std::string &why) {
  std::fprintf(stderr, "emulated GPU: %s\n", why.c_str());
  return error;
}

CUresult Driver::runAll() {
  if (CUresult error = defaultStream.runAll())
    return error;
  for (auto &stream : streams)
    if (CUresult error = stream->runAll())
      return error;
  return CUDA_SUCCESS;
}

CUresult Stream::run(uint64_t upTo) {
  Driver &driver = Driver::get();
  while (done < upTo && !work.empty()) {
    auto next = std::move(work.front());
    work.pop_front();
    ++done;
    CUresult error = next();
    if (error) {
      driver.sticky = error;
      return error;
    }
  }
  return driver.sticky;
}
