//===- GpusTest.cpp - tests of choosing a GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which GPU and which image run a level, and what is told where none does.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Level.h"
#include "runtime/cuda/Card.h"
#include "test/runtime/cuda/GpuModel.h"

using namespace fpmoe;
using namespace fpmoe::cuda;

namespace {
class GpusTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

/// Sets a variable of the emulated driver as long as it lives.
class Variable {
public:
  Variable(const char *name, const char *value) : name(name) {
    setenv(name, value, 1);
  }
  ~Variable() { unsetenv(name); }

private:
  const char *name;
};
} // namespace

/// Ends with what is told of a level for `arch` on GPU `number`.
[[noreturn]] static void choose(const char *driver, int64_t number = -1,
                                const char *arch = "compute_80") {
  GpuModel m;
  m.image.arch = arch;
  if (driver)
    loadDriver(driver);
  Gpus &gpus = gpusOf(m.level);
  Status status = gpus.choose(m.level, number);
  if (!status.failed()) {
    const GpuInfo &info = gpus.chosen();
    std::fprintf(stderr, "%d, %s, %s, %s, %s, %lld, %d\n", info.number,
                 info.name.c_str(), info.architecture.c_str(),
                 info.image.c_str(), info.driver.c_str(),
                 static_cast<long long>(info.memoryBytes),
                 info.multiprocessors);
    std::exit(0);
  }
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

#define EXPECT_CHOSEN(call, text)                                              \
  EXPECT_EXIT(call, testing::ExitedWithCode(0), text)
#define EXPECT_REFUSED(call, text)                                             \
  EXPECT_EXIT(call, testing::ExitedWithCode(1), text)

TEST_F(GpusTest, describesTheOneThatIsChosen) {
  Variable sms("FPMOE_EMULATOR_SMS", "7");
  EXPECT_CHOSEN(choose(LIBCUDA), "0, fpmoe emulator sm_90, sm_90, compute_80, "
                                 "CUDA 12.8, 4294967296, 7\n");
  EXPECT_CHOSEN(choose(LIBCUDA, 0), "0, fpmoe emulator sm_90");
}

TEST_F(GpusTest, hasNoDriver) {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL))
    GTEST_SKIP() << "this machine has one";
  EXPECT_REFUSED(choose(nullptr), "there is no NVIDIA driver: libcuda.so.1: ");
}

TEST_F(GpusTest, hasAnOldDriver) {
  EXPECT_REFUSED(choose(OLD_LIBCUDA), "the NVIDIA driver is too old: it has no "
                                      "cuDriverGetVersion; update it");
  Variable version("FPMOE_EMULATOR_DRIVER", "10020");
  EXPECT_REFUSED(choose(LIBCUDA),
                 "the NVIDIA driver is too old: it runs CUDA 10.2, and CUDA "
                 "11.0 is needed; update it");
}

TEST_F(GpusTest, hasNoGpu) {
  Variable none("FPMOE_EMULATOR_FAIL", "cuInit:100");
  EXPECT_REFUSED(choose(LIBCUDA), "the NVIDIA driver finds no GPU: there is "
                                  "none, or CUDA_VISIBLE_DEVICES hides it");
}

TEST_F(GpusTest, driverDoesNotStart) {
  Variable fails("FPMOE_EMULATOR_FAIL", "cuInit:999");
  EXPECT_REFUSED(choose(LIBCUDA),
                 "the NVIDIA driver does not start: "
                 "CUDA_ERROR_UNKNOWN \\(999\\): unknown error");
}

TEST_F(GpusTest, hasNoGpuOfThisNumber) {
  EXPECT_REFUSED(choose(LIBCUDA, 1), "there is no GPU 1, this machine has 1, "
                                     "counted from 0");
}

TEST_F(GpusTest, hasNoCodeForTheGpu) {
  Variable capability("FPMOE_EMULATOR_CC", "75");
  EXPECT_REFUSED(choose(LIBCUDA),
                 "GPU 0 \\(fpmoe emulator sm_75\\) is sm_75, and this program "
                 "has code for compute_80; compile it with --gpu=sm_75");
}

TEST_F(GpusTest, hasTooLittleSharedMemory) {
  Variable shared("FPMOE_EMULATOR_SHARED", "999");
  EXPECT_REFUSED(choose(LIBCUDA),
                 "gives a block 999 bytes of shared memory, and 1000 are "
                 "needed\n");
}

/// The names of the images that run on a capability, in their order.
static std::string match(int major, int minor) {
  static const char *const archs[] = {
      "sm_80",   "sm_86",   "sm_90",      "sm_90a",      "sm_100",
      "sm_100f", "sm_120a", "compute_80", "compute_90a", "compute_90"};
  std::vector<FpmoeCudaImage> images;
  for (const char *arch : archs)
    images.push_back({arch, nullptr, 0});
  FpmoeCuda code = {images.data(), int64_t(images.size()), 0, nullptr};
  std::string names;
  for (const FpmoeCudaImage *image : matchingImages(code, major, minor))
    names += std::string(names.empty() ? "" : " ") + image->arch;
  return names;
}

TEST_F(GpusTest, choosesImages) {
  EXPECT_EQ(match(7, 5), "");
  EXPECT_EQ(match(8, 0), "sm_80 compute_80");
  EXPECT_EQ(match(8, 9), "sm_86 sm_80 compute_80");
  EXPECT_EQ(match(9, 0), "sm_90a sm_90 compute_90a compute_90 compute_80");
  EXPECT_EQ(match(10, 0), "sm_100f sm_100 compute_90 compute_80");
  EXPECT_EQ(match(10, 3), "sm_100f sm_100 compute_90 compute_80");
  EXPECT_EQ(match(12, 0), "sm_120a compute_90 compute_80");
  EXPECT_EQ(match(12, 1), "compute_90 compute_80");
}

/// What is told when a level of two images is started, the first of which the
/// driver does not take.
[[noreturn]] static void start(const char *second, const char *kernels) {
  GpuModel m;
  static const char nonsense[] = "nonsense";
  FpmoeCudaImage images[] = {
      {"sm_90", reinterpret_cast<const uint8_t *>(nonsense), sizeof(nonsense)},
      {second, reinterpret_cast<const uint8_t *>(kernels), 0}};
  m.code.images = images;
  m.code.image_count = 2;
  loadDriver();
  m.openWeights();
  std::unique_ptr<StepRunner> runner;
  Status status = gpusOf(m.level).makeRunner(m.model, m.level, *m.team,
                                             *m.weights, {1, 1}, runner);
  std::fprintf(stderr, "%s\n",
               status.failed() ? status.message().c_str()
                               : gpusOf(m.level).chosen().image.c_str());
  std::exit(status.failed());
}

TEST_F(GpusTest, startsWhatTheDriverTakes) {
  EXPECT_CHOSEN(start("compute_80", showStep), "^compute_80\n");
  EXPECT_REFUSED(
      start("sm_100", showStep),
      "does not take the code for sm_90: CUDA_ERROR_INVALID_PTX "
      "\\(218\\): a PTX JIT compilation failed, the image is neither "
      "LLVM IR nor PTX nor a cubin; update the driver, which runs "
      "CUDA 12.8, or choose the CPU with FPMOE_CPU");
}

TEST_F(GpusTest, lacksAKernel) {
  static const char one[] = "target triple = \"nvptx64-nvidia-cuda\"\n"
                            "define ptx_kernel void @fpmoe_decode(ptr %step) "
                            "{\n  ret void\n}\n";
  EXPECT_REFUSED(start("compute_80", one),
                 "does not take the kernel fpmoe_prefill: it is not in the "
                 "code: CUDA_ERROR_NOT_FOUND");
}

TEST_F(GpusTest, kernelsDoNotFit) {
  static std::string more = showStep;
  more += "@own = internal addrspace(3) global [500 x i8] undef\n";
  size_t at = more.find("%thread = call");
  more.insert(at, "store volatile i8 1, ptr addrspace(3) @own\n  ");
  Variable shared("FPMOE_EMULATOR_SHARED", "1200");
  EXPECT_REFUSED(start("compute_80", more.c_str()),
                 "gives a block 1200 bytes of shared memory, and fpmoe_decode "
                 "needs 1500; choose another GPU with FPMOE_DEVICE, or the "
                 "CPU with FPMOE_CPU");
}

/// Which of a GPU's level and a CPU's runs, and why not the first.
[[noreturn]] static void chooseLevels(const char *driver, LevelWish wish,
                                      int count = 2) {
  GpuModel m;
  FpmoeLevel levels[2] = {m.level, {}};
  levels[1].name = "x86-64-v3";
  m.model.levels = levels;
  m.model.level_count = count;
  if (driver)
    loadDriver(driver);
  LevelChoice choice;
  Status status = chooseLevel(m.model, readCpuWords(), wish, choice);
  std::fprintf(stderr, "%s|%s|\n",
               status.failed() ? status.message().c_str() : choice.level->name,
               choice.noGpu.c_str());
  std::exit(status.failed());
}

TEST_F(GpusTest, choosesLevels) {
  EXPECT_CHOSEN(chooseLevels(LIBCUDA, {}), "^cuda\\|\\|");
  EXPECT_CHOSEN(chooseLevels(LIBCUDA, {"cuda", 0}), "^cuda\\|\\|");
  EXPECT_CHOSEN(chooseLevels(LIBCUDA, {"x86-64-v3"}), "^x86-64-v3\\|\\|");
  // A wish that another level has nothing to do with.
  EXPECT_CHOSEN(chooseLevels(LIBCUDA, {"x86-64-v3", 7}), "^x86-64-v3\\|\\|");
  EXPECT_CHOSEN(chooseLevels(OLD_LIBCUDA, {}),
                "^x86-64-v3\\|the NVIDIA driver is too old: .*\\|");
  EXPECT_REFUSED(chooseLevels(LIBCUDA, {nullptr, 7}),
                 "^FPMOE_DEVICE is 7, but there is no GPU 7, .*; unset it");
  EXPECT_REFUSED(chooseLevels(OLD_LIBCUDA, {"cuda"}),
                 "^FPMOE_CPU is 'cuda', but the NVIDIA driver is too old: .*; "
                 "unset it, or choose another one of cuda, x86-64-v3");
  EXPECT_REFUSED(
      chooseLevels(OLD_LIBCUDA, {}, 1),
      "^this program was built for x86_64 cuda; the NVIDIA driver "
      "is too old: .*. Compile it for CPUs, too, with --target=cuda,cpu.");
}
