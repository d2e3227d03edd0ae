//===- GpuModel.h - a model with a level for GPUs ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model whose only level is that of ShowStep.h, its weights, and the emulated
// driver. Each test is a process's first use of the driver, so each runs in a
// child.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_RUNTIME_CUDA_GPUMODEL_H
#define FPMOE_TEST_RUNTIME_CUDA_GPUMODEL_H

#include "runtime/core/Gpus.h"
#include "test/runtime/cuda/ShowStep.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>

// In the child: ends it with what was expected.
#define CHECK_TRUE(condition)                                                  \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::fprintf(stderr, "line %d: not %s\n", __LINE__, #condition);         \
      std::exit(1);                                                            \
    }                                                                          \
  } while (false)
#define CHECK_EQUAL(seen, expected)                                            \
  do {                                                                         \
    auto is = (seen);                                                          \
    if (is != (expected)) {                                                    \
      std::fprintf(stderr, "line %d: %s is %g\n", __LINE__, #seen,             \
                   double(is));                                                \
      std::exit(1);                                                            \
    }                                                                          \
  } while (false)
#define CHECK_GOOD(status)                                                     \
  do {                                                                         \
    fpmoe::Status is = (status);                                               \
    if (is.failed()) {                                                         \
      std::fprintf(stderr, "line %d: %s\n", __LINE__, is.message().c_str());   \
      std::exit(1);                                                            \
    }                                                                          \
  } while (false)

#define EXPECT_PASSES(body)                                                    \
  EXPECT_EXIT(                                                                 \
      {                                                                        \
        body;                                                                  \
        std::exit(0);                                                          \
      },                                                                       \
      ::testing::ExitedWithCode(0), "")

namespace fpmoe {

/// A library of this name is found from now on: it is loaded already.
inline void loadDriver(const char *path = LIBCUDA) {
  if (!dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(2);
  }
}

struct GpuModel {
  static constexpr int64_t vocabulary = 32, maxTokens = 4, layers = 2, topK = 2,
                           weightBytes = 1024;

  GpuModel() {
    image = {"compute_80", reinterpret_cast<const uint8_t *>(showStep),
             sizeof(showStep)};
    code = {&image, 1, /*threads=*/64, fpmoe_gpus};
    level.name = "cuda";
    level.max_tokens = maxTokens;
    level.block_rows = 2;
    level.query_rows = 2;
    level.cache_bytes_per_position = 4;
    level.shared_bytes = 100;
    level.private_bytes = 1000;
    level.tickets = 3;
    level.cuda = &code;
    model.target = "x86_64";
    model.levels = &level;
    model.level_count = 1;
    model.vocabulary = vocabulary;
    model.layers = layers;
    model.top_k = topK;
    model.experts = 3;
    model.context = 96;
    model.weight_bytes = weightBytes;
  }

  /// Weights whose words are their numbers, and a team of two.
  void openWeights() {
    std::string path =
        testing::TempDir() + "gpu-model-" + std::to_string(getpid());
    FpmoeTrailer trailer = {FPMOE_MAGIC,
                            FPMOE_ABI_VERSION,
                            0,
                            0,
                            uint64_t(model.weight_bytes),
                            5,
                            0};
    FILE *file = fopen(path.c_str(), "wb");
    for (int32_t i = 0; i < model.weight_bytes / 4; ++i)
      fwrite(&i, sizeof(i), 1, file);
    fwrite(&trailer, sizeof(trailer), 1, file);
    fclose(file);
    CHECK_GOOD(Weights::open(path, model, 5, weights));
    unlink(path.c_str());
    CHECK_GOOD(Team::create(2, team));
  }

  FpmoeCudaImage image;
  FpmoeCuda code;
  FpmoeLevel level = {};
  FpmoeModel model = {};
  std::unique_ptr<Weights> weights;
  std::unique_ptr<Team> team;
};

} // namespace fpmoe

#endif // FPMOE_TEST_RUNTIME_CUDA_GPUMODEL_H
