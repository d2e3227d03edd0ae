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

#include <cerrno>
#include <cstring>

using namespace fpmoe;

namespace {
/// Why a level does not run here, and what would; both empty if it runs.
struct Obstacle {
  std::string reason, advice;
};
} // namespace

static Obstacle findObstacle(const FpmoeLevel &level, const CpuWords &words) {
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

static Status chooseWanted(const FpmoeModel &model, const CpuWords &words,
                           const char *wanted, const FpmoeLevel *&level) {
  std::string all = listLevels(model);
  for (uint32_t i = 0; i < model.level_count; ++i) {
    if (strcmp(model.levels[i].name, wanted) != 0)
      continue;
    Obstacle obstacle = findObstacle(model.levels[i], words);
    if (!obstacle.reason.empty())
      return Status::error(format(
          "FPMOE_CPU is '%s', but %s; unset it%s", wanted,
          obstacle.reason.c_str(),
          model.level_count > 1
              ? format(", or choose another one of %s", all.c_str()).c_str()
              : ""));
    level = &model.levels[i];
    return Status::success();
  }
  return Status::error(format("FPMOE_CPU is '%s', which is no level of this "
                              "program; unset it, or choose %s%s",
                              wanted, model.level_count > 1 ? "one of " : "",
                              all.c_str()));
}

Status fpmoe::chooseLevel(const FpmoeModel &model, const CpuWords &words,
                          const char *wanted, const FpmoeLevel *&level) {
  if (wanted && *wanted)
    return chooseWanted(model, words, wanted, level);
  Obstacle obstacle;
  for (uint32_t i = 0; i < model.level_count; ++i) {
    obstacle = findObstacle(model.levels[i], words);
    if (!obstacle.reason.empty())
      continue;
    level = &model.levels[i];
    return Status::success();
  }
  // The last level is the one that asks for the least.
  std::string last;
  if (model.level_count > 1)
    last = format("for %s, ", model.levels[model.level_count - 1].name);
  return Status::error(format("this program was built for %s %s; %s%s. %s",
                              model.target, listLevels(model).c_str(),
                              last.c_str(), obstacle.reason.c_str(),
                              obstacle.advice.c_str()));
}
