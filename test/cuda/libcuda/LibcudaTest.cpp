//===- LibcudaTest.cpp - tests of the emulated driver ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulated driver as a program sees it: opened by name, its functions found
// by theirs. Each test is a process's first use of it, so each runs in a child.
//
//===----------------------------------------------------------------------===//

#include "llvm/ADT/StringExtras.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>

namespace {

const char *const kernelText = R"(
target triple = "nvptx64-nvidia-cuda"
@factor = addrspace(1) global i32 3, align 4
define ptx_kernel void @scale(ptr addrspace(1) %words, i32 %add) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %f = load i32, ptr addrspace(1) @factor, align 4
  %at = getelementptr i32, ptr addrspace(1) %words, i32 %tid
  %old = load i32, ptr addrspace(1) %at, align 4
  %new = mul i32 %old, %f
  %sum = add i32 %new, %add
  store i32 %sum, ptr addrspace(1) %at, align 4
  ret void
}
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
)";

std::string bitcode() {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(kernelText, diagnostic, context);
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  llvm::WriteBitcodeToFile(*module, stream);
  return bytes;
}

template <typename... Arguments>
int call(const char *name, Arguments... arguments) {
  static void *library = dlopen(LIBCUDA, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(2);
  }
  auto *function =
      reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name));
  if (!function) {
    std::fprintf(stderr, "no %s\n", name);
    std::exit(2);
  }
  return function(arguments...);
}

using Pointer = unsigned long long;

// In the child: ends it with what was expected and seen.
#define CHECK_CALL(expected, ...)                                              \
  do {                                                                         \
    int seen = call(__VA_ARGS__);                                              \
    if (seen != (expected)) {                                                  \
      std::fprintf(stderr, "line %d: %d, not %d\n", __LINE__, seen,            \
                   (expected));                                                \
      std::exit(1);                                                            \
    }                                                                          \
  } while (false)
#define CHECK_TRUE(condition)                                                  \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::fprintf(stderr, "line %d: not %s\n", __LINE__, #condition);         \
      std::exit(1);                                                            \
    }                                                                          \
  } while (false)

struct Session {
  void *context = nullptr, *module = nullptr, *function = nullptr;
  void *stream = nullptr;
  Pointer words = 0;

  Session() {
    int device = -1;
    CHECK_CALL(0, "cuInit", 0u);
    CHECK_CALL(0, "cuDeviceGet", &device, 0);
    CHECK_CALL(0, "cuDevicePrimaryCtxRetain", &context, device);
    CHECK_CALL(0, "cuCtxSetCurrent", context);
  }
  void load(const void *image) {
    CHECK_CALL(0, "cuModuleLoadData", &module, image);
    CHECK_CALL(0, "cuModuleGetFunction", &function, module, "scale");
    CHECK_CALL(0, "cuMemAlloc_v2", &words, size_t(32 * 4));
    CHECK_CALL(0, "cuStreamCreate", &stream, 0u);
  }
  int launch(unsigned blocks = 1, unsigned shared = 0) {
    int add = 5;
    void *arguments[] = {&words, &add};
    return call("cuLaunchCooperativeKernel", function, blocks, 1u, 1u, 32u, 1u,
                1u, shared, stream, static_cast<void **>(arguments));
  }
};

class Libcuda : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

#define EXPECT_PASSES(body)                                                    \
  EXPECT_EXIT(                                                                 \
      {                                                                        \
        body;                                                                  \
        std::exit(0);                                                          \
      },                                                                       \
      ::testing::ExitedWithCode(0), "")

void runsKernels() {
  Session session;
  session.load(bitcode().c_str());
  int host[32], back[32] = {};
  for (int i = 0; i < 32; ++i)
    host[i] = i;
  CHECK_CALL(0, "cuMemcpyHtoD_v2", session.words,
             static_cast<const void *>(host), sizeof host);
  CHECK_TRUE(session.launch() == 0);
  CHECK_CALL(0, "cuMemcpyDtoHAsync_v2", static_cast<void *>(back),
             session.words, sizeof back, session.stream);
  // Nothing is there before the host has waited for it.
  CHECK_TRUE(back[31] == 0);
  CHECK_CALL(600, "cuStreamQuery", session.stream);
  CHECK_CALL(0, "cuStreamSynchronize", session.stream);
  for (int i = 0; i < 32; ++i)
    CHECK_TRUE(back[i] == 3 * i + 5);

  // The other two ways to launch.
  int add = 1;
  void *arguments[] = {&session.words, &add};
  void **given = arguments, **none = nullptr;
  CHECK_CALL(0, "cuLaunchKernel", session.function, 1u, 1u, 1u, 32u, 1u, 1u, 0u,
             session.stream, given, none);
  struct {
    unsigned sizes[7] = {1, 1, 1, 32, 1, 1, 0};
    void *stream, *attributes = nullptr;
    unsigned attributeCount = 0;
  } config;
  config.stream = session.stream;
  CHECK_CALL(0, "cuLaunchKernelEx", &config, session.function, given, none);
  CHECK_CALL(0, "cuMemcpyDtoH_v2", static_cast<void *>(back), session.words,
             sizeof back);
  CHECK_TRUE(back[2] == ((3 * 2 + 5) * 3 + 1) * 3 + 1);

  Pointer factor = 0;
  size_t bytes = 0;
  CHECK_CALL(0, "cuModuleGetGlobal_v2", &factor, &bytes, session.module,
             "factor");
  CHECK_TRUE(bytes == 4);
  CHECK_CALL(500, "cuModuleGetFunction", &session.function, session.module,
             "none");
}
TEST_F(Libcuda, RunsKernels) { EXPECT_PASSES(runsKernels()); }

void ordersStreams() {
  Session session;
  session.load(kernelText); // text is an image too
  void *pinned = nullptr, *event = nullptr, *other = nullptr;
  CHECK_CALL(0, "cuMemHostAlloc", &pinned, size_t(128), 0u);
  CHECK_CALL(0, "cuEventCreate", &event, 0u);
  CHECK_CALL(0, "cuStreamCreate", &other, 0u);
  int *words = static_cast<int *>(pinned);
  for (int i = 0; i < 32; ++i)
    words[i] = 1;
  CHECK_CALL(0, "cuMemcpyHtoDAsync_v2", session.words,
             static_cast<const void *>(pinned), size_t(128), other);
  CHECK_CALL(0, "cuEventRecord", event, other);
  // Pinned memory is read when the copy runs: too early to change it.
  words[31] = 7;
  CHECK_CALL(0, "cuStreamWaitEvent", session.stream, event, 0u);
  CHECK_TRUE(session.launch() == 0);
  CHECK_CALL(600, "cuEventQuery", event);
  CHECK_CALL(0, "cuStreamSynchronize", session.stream);
  CHECK_CALL(0, "cuEventQuery", event);
  int back[32];
  CHECK_CALL(0, "cuMemcpyDtoH_v2", static_cast<void *>(back), session.words,
             sizeof back);
  CHECK_TRUE(back[0] == 8 && back[31] == 26);
}
TEST_F(Libcuda, OrdersStreams) { EXPECT_PASSES(ordersStreams()); }

void describesTheDevice() {
  setenv("FPMOE_EMULATOR_CC", "120", 1);
  setenv("FPMOE_EMULATOR_SMS", "7", 1);
  setenv("FPMOE_EMULATOR_DRIVER", "13000", 1);
  int value = 0;
  CHECK_CALL(3, "cuDeviceGetCount", &value);
  Session session;
  CHECK_CALL(0, "cuDriverGetVersion", &value);
  CHECK_TRUE(value == 13000);
  int expected[][2] = {{75, 12}, {76, 0}, {16, 7}, {97, 99 << 10}, {95, 1}};
  for (auto [attribute, is] : expected) {
    CHECK_CALL(0, "cuDeviceGetAttribute", &value, attribute, 0);
    CHECK_TRUE(value == is);
  }
  const char *name = nullptr;
  CHECK_CALL(0, "cuGetErrorName", 2, &name);
  CHECK_TRUE(std::string(name) == "CUDA_ERROR_OUT_OF_MEMORY");
  CHECK_CALL(0, "cuGetErrorString", 719, &name);
  CHECK_TRUE(std::string(name) == "unspecified launch failure");
}
TEST_F(Libcuda, DescribesTheDevice) { EXPECT_PASSES(describesTheDevice()); }

void limitsMemoryAndLaunches() {
  setenv("FPMOE_EMULATOR_MEMORY", "1000", 1);
  Session session;
  session.load(kernelText);
  Pointer more = 0;
  size_t free = 0, total = 0;
  CHECK_CALL(2, "cuMemAlloc_v2", &more, size_t(900));
  CHECK_CALL(0, "cuMemGetInfo_v2", &free, &total);
  CHECK_TRUE(free == 872 && total == 1000);
  CHECK_CALL(0, "cuMemFree_v2", session.words);
  CHECK_CALL(1, "cuMemFree_v2", session.words);
  CHECK_CALL(0, "cuMemAlloc_v2", &session.words, size_t(900));
  CHECK_CALL(1, "cuMemsetD32_v2", session.words, 0u, size_t(226));
  // Three multiprocessors of 2048 threads take 96 blocks of 32.
  CHECK_TRUE(session.launch(97) == 720);
  CHECK_TRUE(session.launch(1, 100000) == 1);
  CHECK_CALL(0, "cuFuncSetAttribute", session.function, 8, 100000);
  int blocks = 0;
  CHECK_CALL(0, "cuOccupancyMaxActiveBlocksPerMultiprocessor", &blocks,
             session.function, 32, size_t(100000));
  CHECK_TRUE(blocks == 2);
  CHECK_CALL(1, "cuFuncSetAttribute", session.function, 8, 233472);
}
TEST_F(Libcuda, LimitsMemoryAndLaunches) {
  EXPECT_PASSES(limitsMemoryAndLaunches());
}

// A fault of a kernel comes to light at the next wait, and stays.
void reportsFaults() {
  Session session;
  session.load(kernelText);
  CHECK_TRUE(session.launch() == 0); // reads what was never written
  CHECK_CALL(719, "cuStreamSynchronize", session.stream);
  CHECK_CALL(719, "cuMemAlloc_v2", &session.words, size_t(4));
}
TEST_F(Libcuda, ReportsFaults) {
  EXPECT_EXIT(
      {
        reportsFaults();
        std::exit(0);
      },
      ::testing::ExitedWithCode(0),
      "read of 4 bytes that were never written, device memory 0 \\+ ");
}

void injectsFaults() {
  setenv("FPMOE_EMULATOR_FAIL", "cuMemGetInfo_v2:999:2", 1);
  setenv("FPMOE_EMULATOR_FAIL_KERNEL", "2", 1);
  Session session;
  session.load(kernelText);
  size_t free = 0, total = 0;
  CHECK_CALL(0, "cuMemGetInfo_v2", &free, &total);
  CHECK_CALL(999, "cuMemGetInfo_v2", &free, &total);
  CHECK_CALL(0, "cuMemGetInfo_v2", &free, &total);
  CHECK_CALL(0, "cuMemsetD32_v2", session.words, 0u, size_t(32));
  CHECK_TRUE(session.launch() == 0);
  CHECK_CALL(0, "cuStreamSynchronize", session.stream);
  CHECK_TRUE(session.launch() == 0);
  CHECK_CALL(719, "cuStreamSynchronize", session.stream);
}
TEST_F(Libcuda, InjectsFaults) { EXPECT_PASSES(injectsFaults()); }

void losesTheDevice() {
  setenv("FPMOE_EMULATOR_LOSE_DEVICE", "1", 1);
  Session session;
  session.load(kernelText);
  CHECK_TRUE(session.launch() == 46);
  CHECK_CALL(46, "cuCtxSynchronize");
}
TEST_F(Libcuda, LosesTheDevice) { EXPECT_PASSES(losesTheDevice()); }

void findsBitcodeOfPtx() {
  std::string folder = ::testing::TempDir();
  std::string ptx = "//\n.version 8.0\n.target sm_80\n.address_size 64\n";
  std::string hash =
      llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(ptx)), true);
  std::ofstream(folder + "/" + hash + ".bc", std::ios::binary) << bitcode();
  setenv("FPMOE_EMULATOR_IMAGES", folder.c_str(), 1);
  Session session;
  session.load(ptx.c_str());
  std::string later = "//\n.version 8.0\n.target sm_100\n.address_size 64\n";
  std::string alone = "//\n.version 8.0\n.target sm_80a\n.address_size 64\n";
  std::string unknown = "//\n.version 8.1\n.target sm_80\n.address_size 64\n";
  CHECK_CALL(209, "cuModuleLoadData", &session.module,
             static_cast<const void *>(later.c_str()));
  CHECK_CALL(209, "cuModuleLoadData", &session.module,
             static_cast<const void *>(alone.c_str()));
  CHECK_CALL(301, "cuModuleLoadData", &session.module,
             static_cast<const void *>(unknown.c_str()));
  CHECK_CALL(218, "cuModuleLoadData", &session.module,
             static_cast<const void *>("nonsense"));
}
TEST_F(Libcuda, FindsBitcodeOfPtx) { EXPECT_PASSES(findsBitcodeOfPtx()); }

} // namespace
