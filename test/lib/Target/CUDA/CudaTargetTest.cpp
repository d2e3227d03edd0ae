//===- CudaTargetTest.cpp - tests of the level of GPUs ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a GPU's level takes of the CPU beside it, and lists of architectures.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CUDA/Target.h"

#include <gtest/gtest.h>

using namespace fpmoe;

TEST(CudaTargetTest, itsWeightsLieAsThoseOfTheLevelsBesideIt) {
  std::vector<CpuTarget> levels =
      llvm::cantFail(getCpuTargets("avx512,x86-64-v3"));
  EXPECT_EQ(getCudaTarget(levels.back()).columns, 64);
  EXPECT_EQ(getCudaTarget(llvm::cantFail(getCpuTarget("x86-64-v3"))).columns,
            16);
}

TEST(CudaTargetTest, itNeedsNoFeatureOfTheCpu) {
  CpuTarget target = getCudaTarget(llvm::cantFail(getCpuTarget("amx-bf16")));
  EXPECT_EQ(target.requiredFeatures, 0u);
  EXPECT_EQ(target.arch, "x86_64");
  mlir::MLIRContext context;
  context.loadDialect<mega::MegaDialect>();
  mega::TargetAttr attribute = target.getAttr(&context);
  EXPECT_EQ(attribute.getCpu(), "cuda");
  EXPECT_EQ(attribute.getDot(), mega::DotInstruction::CudaMma);
  EXPECT_EQ(attribute.getIntDot(), mega::IntDotInstruction::None);
  EXPECT_EQ(attribute.getRows(), 64);
  EXPECT_EQ(attribute.getSpan(), 64);
  EXPECT_EQ(attribute.getThreads(), 256);
  EXPECT_EQ(attribute.getTileRows(), 0);
  EXPECT_EQ(attribute.getPrefetch(), 0);
}

/// Names of the architectures of a list, or the message why it has none.
static std::string list(llvm::StringRef names) {
  llvm::Expected<std::vector<std::string>> archs = getGpuArchs(names);
  if (!archs)
    return llvm::toString(archs.takeError());
  std::string text;
  for (const std::string &arch : *archs)
    text += (text.empty() ? "" : " ") + arch;
  return text;
}

TEST(CudaTargetTest, architecturesStandFromOldToNew) {
  EXPECT_EQ(list("sm_86"), "sm_86");
  EXPECT_EQ(list("sm_90a,sm_80,sm_120,sm_80"), "sm_80 sm_90a sm_120");
}

TEST(CudaTargetTest, whatIsNoArchitecture) {
  std::string known = "; choose of sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a, "
                      "sm_100, sm_103, sm_110, sm_120, sm_121";
  EXPECT_EQ(list("sm_75"), "gpu 'sm_75' is not known" + known);
  EXPECT_EQ(list("sm_80,h100"), "gpu 'h100' is not known" + known);
  EXPECT_EQ(list("sm_80,"), "gpu '' is not known" + known);
  EXPECT_EQ(list(""), "gpu '' is not known" + known);
}

TEST(CudaTargetTest, blocksHaveSoMuchSharedMemory) {
  EXPECT_EQ(getSharedMemory("sm_80"), 166912);
  EXPECT_EQ(getSharedMemory("sm_89"), 101376);
  EXPECT_EQ(getSharedMemory("sm_90a"), 232448);
}

TEST(CudaTargetTest, ptxIsForLaterOnesToo) {
  EXPECT_EQ(getForwardArch("sm_90a"), "sm_90");
  EXPECT_EQ(getForwardArch("sm_120"), "sm_120");
}
