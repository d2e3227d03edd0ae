//===- Level.cpp - which code of the program this CPU runs ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler writes the levels in the order of its table, the best one first,
// so that the first that this CPU has is the best that it has.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Level.h"
#include "runtime/core/Gpus.h"

#include <cerrno>
#include <cstring>

using namespace fpmoe;

namespace {
/// Why a level does not run here, and what would; both empty if it runs.
struct Obstacle {
  std::string reason, advice;
};
} // namespace

static Obstacle findObstacle(const FpmoeLevel &level, const CpuWords &words,
                             int64_t gpu) {
  if (level.cuda) {
    Status status = gpusOf(level).choose(level, gpu);
    return {status.message(),
            "Compile it for CPUs, too, with --target=cuda,cpu."};
  }
  std::vector<std::string> missing = missingFeatures(level.cpu_features, words);
  if (!missing.empty()) {
    std::string names;
    for (const std::string &name : missing)
      names += (names.empty() ? "" : ", ") + name;
    return {"this CPU lacks " + names,
            "Compile it with --cpu=native on this machine."};
  }
  if (requestState(level.cpu_features))
    return {};
  return {format("this system does not let it use the tile registers of AMX: "
                 "%s",
                 strerror(errno)),
          "Compile it with --cpu=avx512-bf16, or run it on Linux 5.16 or "
          "later."};
}

std::string fpmoe::listLevels(const FpmoeModel &model) {
  std::string names;
  for (uint32_t i = 0; i < model.level_count; ++i)
    names += std::string(i ? ", " : "") + model.levels[i].name;
  return names;
}

uint64_t fpmoe::runnableLevels(const FpmoeModel &model, const CpuWords &words,
                               const LevelWish &wish) {
  uint64_t levels = 0;
  for (uint32_t i = 0; i < model.level_count && i < 64; ++i) {
    const FpmoeLevel &level = model.levels[i];
    bool isWanted = !wish.name || !*wish.name || !strcmp(level.name, wish.name);
    if (isWanted && !level.cuda &&
        findObstacle(level, words, -1).reason.empty())
      levels |= uint64_t(1) << i;
  }
  return levels;
}

static Status chooseWanted(const FpmoeModel &model, const CpuWords &words,
                           const LevelWish &wish, LevelChoice &choice) {
  std::string all = listLevels(model);
  for (uint32_t i = 0; i < model.level_count; ++i) {
    if (strcmp(model.levels[i].name, wish.name) != 0)
      continue;
    Obstacle obstacle = findObstacle(model.levels[i], words, wish.gpu);
    if (!obstacle.reason.empty())
      return Status::error(format(
          "FPMOE_CPU is '%s', but %s; unset it%s", wish.name,
          obstacle.reason.c_str(),
          model.level_count > 1
              ? format(", or choose another one of %s", all.c_str()).c_str()
              : ""));
    choice.level = &model.levels[i];
    return Status::success();
  }
  return Status::error(format("FPMOE_CPU is '%s', which is no level of this "
                              "program; unset it, or choose %s%s",
                              wish.name, model.level_count > 1 ? "one of " : "",
                              all.c_str()));
}

Status fpmoe::chooseLevel(const FpmoeModel &model, const CpuWords &words,
                          const LevelWish &wish, LevelChoice &choice) {
  if (wish.name && *wish.name)
    return chooseWanted(model, words, wish, choice);
  Obstacle obstacle;
  for (uint32_t i = 0; i < model.level_count; ++i) {
    const FpmoeLevel &level = model.levels[i];
    obstacle = findObstacle(level, words, wish.gpu);
    if (obstacle.reason.empty()) {
      choice.level = &level;
      return Status::success();
    }
    if (level.cuda && wish.gpu >= 0)
      return Status::error(format("FPMOE_DEVICE is %lld, but %s; unset it",
                                  static_cast<long long>(wish.gpu),
                                  obstacle.reason.c_str()));
    if (level.cuda)
      choice.noGpu = obstacle.reason;
  }
  // The last level is the one that asks for the least.
  std::string last;
  if (model.level_count > 1)
    last = format("for %s, ", model.levels[model.level_count - 1].name);
  std::string gpu;
  if (model.level_count > 1 && !choice.noGpu.empty())
    gpu = choice.noGpu + "; ";
  return Status::error(
      format("this program was built for %s %s; %s%s%s. %s", model.target,
             listLevels(model).c_str(), gpu.c_str(), last.c_str(),
             obstacle.reason.c_str(), obstacle.advice.c_str()));
}
