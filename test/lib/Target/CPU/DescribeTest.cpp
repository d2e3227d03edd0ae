//===- DescribeTest.cpp - tests of what levels have in common ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Levels of a program read the same weights, or there is no program.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Describe.h"
#include "dialects/FPMoE/FPMoE.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace fpmoe;

namespace {
class DescribeTest : public testing::Test {
protected:
  DescribeTest() { context.loadDialect<FPMoEDialect, mega::MegaDialect>(); }

  /// A module whose weights are these.
  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &weights) {
    return mlir::parseSourceString<mlir::ModuleOp>(
        "module attributes {fpmoe.model = {architecture = \"A\", context = 16 "
        ": i64, dtype = \"f32\", name = \"m\", source = \"/m\"}} {" +
            weights + "}",
        &context);
  }

  /// What is wrong with weights of two levels; nothing if nothing is.
  std::string differ(const std::string &one, const std::string &other) {
    mlir::OwningOpRef<mlir::ModuleOp> modules[] = {parse(one), parse(other)};
    EXPECT_TRUE(modules[0] && modules[1]);
    llvm::Expected<ProgramDescription> description = describeModel(
        {{llvm::cantFail(getCpuTarget("avx512")), *modules[0]},
         {llvm::cantFail(getCpuTarget("x86-64-v3")), *modules[1]}});
    if (!description)
      return llvm::toString(description.takeError());
    EXPECT_EQ(description->levels.size(), 2u);
    return "";
  }

  mlir::MLIRContext context;
};

/// A packed weight of 64 columns.
std::string weight(const std::string &name, int offset, int columns,
                   const std::string &tensor = "w") {
  std::string plain = "tensor<64x16xbf16>",
              packed = "tensor<64x16xbf16, #mega.packed<n = " +
                       std::to_string(columns) + ", k = 2>>";
  return "fpmoe.weight @" + name + " at " + std::to_string(offset) +
         " stride 2048 : " + packed + " { %0 = fpmoe.load \"" + tensor +
         "\" : " + plain + " %1 = fpmoe.pack %0 : " + plain + " -> " + packed +
         " fpmoe.yield %1 : " + packed + " }";
}
} // namespace

static const std::string start =
    "the levels avx512 and x86-64-v3 do not read the same weights: ";
static const std::string end = "; compile a program for each of them";

TEST_F(DescribeTest, theSameWeights) {
  EXPECT_EQ(differ(weight("a", 0, 64) + weight("b", 4096, 64),
                   weight("a", 0, 64) + weight("b", 4096, 64)),
            "");
}

TEST_F(DescribeTest, anotherPacking) {
  EXPECT_EQ(
      differ(weight("a", 0, 64), weight("a", 0, 16)),
      start +
          "'a' is tensor<64x16xbf16, #mega.packed<n = 64, k = 2>> at byte 0, "
          "'a' is tensor<64x16xbf16, #mega.packed<n = 16, k = 2>> at byte 0" +
          end);
}

TEST_F(DescribeTest, anotherPlace) {
  EXPECT_EQ(differ(weight("a", 0, 16), weight("a", 4096, 16)),
            start +
                "'a' is tensor<64x16xbf16, #mega.packed<n = 16, k = 2>> at "
                "byte 0, 'a' is tensor<64x16xbf16, #mega.packed<n = 16, k = "
                "2>> at byte 4096" +
                end);
}

TEST_F(DescribeTest, anotherRecipe) {
  EXPECT_EQ(differ(weight("a", 0, 16), weight("a", 0, 16, "v")),
            start +
                "'a' is tensor<64x16xbf16, #mega.packed<n = 16, k = 2>> at "
                "byte 0, made in two ways" +
                end);
}

TEST_F(DescribeTest, oneMore) {
  EXPECT_EQ(
      differ(weight("a", 0, 16), weight("a", 0, 16) + weight("b", 4096, 16)),
      start + "1 and 2 of them" + end);
}
