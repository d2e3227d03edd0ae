//===- Targets.cpp - What a program is compiled for -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/Targets.h"
#include "lib/Target/CUDA/Target.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace fpmoe;

Expected<Targets> fpmoe::chooseTargets(const CompileOptions &options) {
  Targets targets;
  bool hasCpu = options.isFor("cpu"), hasCuda = options.isFor("cuda");
  // In fpmoe.toml they are defaults, and left there.
  if (options.cpu && !hasCpu)
    return createStringError("--cpu is '" + *options.cpu +
                             "', but the program is for '" + *options.target +
                             "'; --target=cuda,cpu makes it for both");
  if (options.gpu && !hasCuda)
    return createStringError("--gpu is '" + *options.gpu +
                             "', but the program is for 'cpu'; "
                             "--target=cuda,cpu makes it for both");
  if (hasCpu)
    if (Error error = getCpuTargets(options.cpu.value_or("native"))
                          .moveInto(targets.levels))
      return std::move(error);
  if (!hasCuda)
    return targets;
  if (options.isStatic.value_or(false) && !options.emitShared &&
      !options.emitStatic)
    return createStringError(
        "a program of --static loads no shared library, and the driver of a "
        "GPU is one; leave out --static, or cuda in --target");
  if (Error error = getGpuArchs(options.gpu.value_or("sm_80,sm_90a"))
                        .moveInto(targets.gpus))
    return std::move(error);
  Expected<CpuTarget> host =
      hasCpu ? Expected<CpuTarget>(targets.levels.back()) : getBaseTarget();
  if (!host)
    return host.takeError();
  targets.levels.insert(targets.levels.begin(), getCudaTarget(*host));
  return targets;
}

std::vector<std::string> fpmoe::listDumps(StringRef directory, Phase phase,
                                          const Targets &targets) {
  std::vector<std::string> paths;
  auto add = [&](const Twine &suffix) {
    SmallString<128> path(directory);
    sys::path::append(path, Twine(static_cast<int>(phase)) + "-" +
                                getPhaseName(phase) + suffix);
    paths.emplace_back(path);
  };
  if (phase <= Phase::Quantize ||
      (phase <= Phase::Codegen && targets.levels.size() <= 1 &&
       targets.gpus.empty()))
    add(".mlir");
  else if (phase <= Phase::Codegen)
    for (const CpuTarget &level : targets.levels)
      add("." + level.name + ".mlir");
  else if (phase == Phase::LLVM && !targets.gpus.empty())
    add(".cuda.ll");
  else if (phase == Phase::Object && !targets.gpus.empty()) {
    add(".cuda.ptx");
    for (const std::string &gpu : targets.gpus)
      add(".cuda." + gpu + ".cubin");
  }
  return paths;
}

Error fpmoe::checkRanks(const CompileOptions &options, const Targets &targets,
                        bool isScheduled) {
  if (!options.ranks)
    return Error::success();
  auto refuse = [](const Twine &why) {
    return createStringError("--ranks: " + why);
  };
  if (isScheduled)
    return refuse("the programs in this IR are scheduled already");
  if (*options.ranks == 1)
    return Error::success();
  if (options.isStatic.value_or(false))
    return refuse("a program of several processes opens the library of MPI, "
                  "which one made with --static cannot");
  if (options.emitShared || options.emitStatic)
    return refuse("a library is of one process; leave out --emit");
  return Error::success();
}
