//===- PtxTest.cpp - tests of code for GPUs ---------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the LLVM and NVVM dialects to LLVM IR and PTX.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CUDA/Ptx.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"

#include <gmock/gmock.h>

using namespace fpmoe;
using testing::HasSubstr;
using testing::Not;

namespace {
class PtxTest : public testing::Test {
protected:
  PtxTest() {
    mlir::DialectRegistry registry;
    mlir::registerBuiltinDialectTranslation(registry);
    mlir::registerLLVMDialectTranslation(registry);
    mlir::registerNVVMDialectTranslation(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// Kernels with these attributes, which call a function of their own.
  void parse(const std::string &decode, const std::string &prefill) {
    module = mlir::parseSourceString<mlir::ModuleOp>(R"(
      llvm.mlir.global external @fpmoe_shared() {addr_space = 3 : i32,
        alignment = 128 : i64} : !llvm.array<0 x i8>
      llvm.func @twice(%x: i32) -> i32
          attributes {passthrough = ["noinline"]} {
        %0 = llvm.add %x, %x : i32
        llvm.return %0 : i32
      }
      llvm.func @unused() {
        llvm.return
      }
      llvm.func @fpmoe_decode(%step: !llvm.ptr) attributes {)" +
                                                         decode + R"(} {
        %tid = nvvm.read.ptx.sreg.tid.x : i32
        %0 = llvm.call @twice(%tid) : (i32) -> i32
        %shared = llvm.mlir.addressof @fpmoe_shared : !llvm.ptr<3>
        llvm.store %0, %shared : i32, !llvm.ptr<3>
        llvm.store %0, %step : i32, !llvm.ptr
        llvm.return
      }
      llvm.func @fpmoe_prefill(%step: !llvm.ptr) attributes {)" +
                                                         prefill + R"(} {
        nvvm.barrier0
        llvm.return
      })",
                                                     &context);
    ASSERT_TRUE(module);
  }

  /// What the kernels say, or what is wrong with them.
  std::string threads() {
    llvm::Expected<int64_t> count = getBlockThreads(*module);
    return count ? std::to_string(*count) : llvm::toString(count.takeError());
  }

  static std::string print(llvm::Module &module) {
    std::string text;
    llvm::raw_string_ostream(text) << module;
    return text;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  llvm::LLVMContext llvm;
};
} // namespace

static const std::string kernel = "nvvm.kernel",
                         bounded = "nvvm.kernel, nvvm.maxntid = array<i32: "
                                   "128, 2>";

TEST_F(PtxTest, kernelsAreWhatCanBeSeen) {
  parse(bounded, bounded);
  auto code = llvm::cantFail(translateKernels(*module, "sm_80", llvm));
  std::string ir = print(*code);
  EXPECT_THAT(ir, HasSubstr("target triple = \"nvptx64-nvidia-cuda\""));
  EXPECT_THAT(ir, HasSubstr("define ptx_kernel void @fpmoe_decode(ptr"));
  EXPECT_THAT(ir, HasSubstr("define internal"));
  EXPECT_THAT(ir, HasSubstr("\"target-cpu\"=\"sm_80\""));
  EXPECT_THAT(ir, HasSubstr("addrspace(3) global [0 x i8], align 128"));
  EXPECT_THAT(ir, Not(HasSubstr("@unused")));

  std::string ptx = llvm::cantFail(emitPtx(*code, "sm_80"));
  EXPECT_THAT(ptx, HasSubstr(".target sm_80\n"));
  EXPECT_THAT(ptx, HasSubstr(".visible .entry fpmoe_decode("));
  EXPECT_THAT(ptx, HasSubstr(".visible .entry fpmoe_prefill("));
  EXPECT_THAT(ptx, HasSubstr(".maxntid 128, 2"));
  EXPECT_THAT(ptx, HasSubstr(".extern .shared .align 128 .b8 fpmoe_shared[]"));
  EXPECT_THAT(ptx, HasSubstr("bar.sync"));
  EXPECT_THAT(ptx, Not(HasSubstr(".visible .func")));
  EXPECT_NE(ptx.back(), '\0');
}

TEST_F(PtxTest, ofTheArchitectureThatIsNamed) {
  parse(kernel, kernel);
  auto code = llvm::cantFail(translateKernels(*module, "sm_120", llvm));
  EXPECT_THAT(llvm::cantFail(emitPtx(*code, "sm_120")),
              HasSubstr(".target sm_120\n"));
}

// What has a barrier in it must not move to where only some threads come.
TEST_F(PtxTest, barriersStayWhereTheyAre) {
  module = mlir::parseSourceString<mlir::ModuleOp>(R"(
      llvm.func @plain(%x: i32) -> i32 attributes {passthrough = ["noinline"]} {
        %0 = llvm.mul %x, %x : i32
        llvm.return %0 : i32
      }
      llvm.func @meet() attributes {passthrough = ["noinline"]} {
        llvm.inline_asm has_side_effects "bar.sync 0;", "" : () -> ()
        llvm.return
      }
      llvm.func @kernel(%out: !llvm.ptr) attributes {nvvm.kernel} {
        %0 = nvvm.read.ptx.sreg.tid.x : i32
        %1 = llvm.call @plain(%0) : (i32) -> i32
        llvm.store %1, %out : i32, !llvm.ptr
        llvm.call @meet() : () -> ()
        llvm.return
      })",
                                                   &context);
  ASSERT_TRUE(module);
  auto code = llvm::cantFail(translateKernels(*module, "sm_80", llvm));
  ASSERT_TRUE(code->getFunction("meet") && code->getFunction("plain"));
  EXPECT_TRUE(code->getFunction("meet")->isConvergent());
  EXPECT_TRUE(code->getFunction("kernel")->isConvergent());
  EXPECT_FALSE(code->getFunction("plain")->isConvergent());
}

TEST_F(PtxTest, theSameEveryTime) {
  parse(bounded, bounded);
  auto one = llvm::cantFail(translateKernels(*module, "sm_80", llvm));
  auto other = llvm::cantFail(translateKernels(*module, "sm_80", llvm));
  EXPECT_EQ(llvm::cantFail(emitPtx(*one, "sm_80")),
            llvm::cantFail(emitPtx(*other, "sm_80")));
}

TEST_F(PtxTest, theSizeOfABlock) {
  parse(bounded, bounded);
  EXPECT_EQ(threads(), "256");
  parse("nvvm.kernel, nvvm.reqntid = array<i32: 288>",
        "nvvm.kernel, nvvm.maxntid = array<i32: 288>");
  EXPECT_EQ(threads(), "288");
  parse(kernel, kernel);
  EXPECT_EQ(threads(), "256");
  parse(bounded, "nvvm.kernel, nvvm.maxntid = array<i32: 512>");
  EXPECT_EQ(threads(),
            "the kernels 'fpmoe_decode' and 'fpmoe_prefill' have blocks of 256 "
            "and 512 threads; a level has blocks of one size");
}

TEST_F(PtxTest, whatIsNoKernel) {
  parse(kernel, "");
  EXPECT_EQ(threads(), "the code for GPUs has no kernel 'fpmoe_prefill'");
  module = mlir::parseSourceString<mlir::ModuleOp>("", &context);
  EXPECT_EQ(threads(), "the code for GPUs has no kernel 'fpmoe_decode'");
}

TEST_F(PtxTest, whatIsLeftOfOtherDialects) {
  module = mlir::parseSourceString<mlir::ModuleOp>(
      "llvm.func @f() { %0 = builtin.unrealized_conversion_cast to index "
      "llvm.return }",
      &context);
  ASSERT_TRUE(module);
  auto code = translateKernels(*module, "sm_80", llvm);
  ASSERT_FALSE(bool(code));
  EXPECT_EQ(llvm::toString(code.takeError()),
            "the code for GPUs could not be translated: LLVM Translation "
            "failed for operation: builtin.unrealized_conversion_cast");
}
