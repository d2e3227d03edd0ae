//===- StepRunner.cpp - where steps run ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/StepRunner.h"
#include "runtime/core/Gpus.h"
#include "runtime/core/TeamRunner.h"

using namespace fpmoe;

Status fpmoe::makeRunner(const FpmoeModel &model, const FpmoeLevel &level,
                         Team &team, Weights &weights,
                         const StepperOptions &options,
                         std::unique_ptr<StepRunner> &runner) {
  return level.cuda
             ? gpusOf(level).makeRunner(model, level, team, weights, options,
                                        runner)
             : TeamRunner::create(model, level, team, weights, options, runner);
}
