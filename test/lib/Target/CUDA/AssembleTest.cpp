//===- AssembleTest.cpp - tests of the way to cubins ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With NVIDIA's assembler where there is one, and with scripts in its place.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CUDA/Assemble.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <gmock/gmock.h>

using namespace fpmoe;
using testing::HasSubstr;
using testing::StartsWith;

namespace {
/// Has the environment as it was, and a folder `root` that goes with it.
class AssembleTest : public testing::Test {
protected:
  AssembleTest() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("assemble", root));
  }
  ~AssembleTest() {
    llvm::sys::fs::remove_directories(root);
    ::setenv("PATH", path.c_str(), 1);
    if (home)
      ::setenv("CUDA_HOME", home->c_str(), 1);
    else
      ::unsetenv("CUDA_HOME");
  }

  /// A ptxas in the folder that does this.
  std::string write(const std::string &folder, const std::string &script) {
    std::string file = root.str().str() + "/" + folder;
    EXPECT_FALSE(llvm::sys::fs::create_directories(file));
    file += "/ptxas";
    std::error_code error;
    llvm::raw_fd_ostream(file, error) << "#!/bin/sh\n" << script << "\n";
    EXPECT_FALSE(error);
    EXPECT_FALSE(llvm::sys::fs::setPermissions(file, llvm::sys::fs::owner_all));
    return file;
  }

  /// The message why nothing was made.
  static std::string fail(const std::string &ptxas, const std::string &ptx) {
    llvm::Expected<std::string> cubin = assemblePtx(ptxas, ptx, "sm_80");
    return cubin ? "" : llvm::toString(cubin.takeError());
  }

  llvm::SmallString<64> root;
  std::string path = std::getenv("PATH");
  std::optional<std::string> home =
      std::getenv("CUDA_HOME")
          ? std::optional<std::string>(std::getenv("CUDA_HOME"))
          : std::nullopt;
};
} // namespace

TEST_F(AssembleTest, whereItIsLookedFor) {
  ::setenv("PATH", "/bin", 1);
  ::setenv("CUDA_HOME", root.c_str(), 1);
  EXPECT_EQ(findPtxas(), std::nullopt);
  std::string inHome = write("bin", "");
  EXPECT_EQ(findPtxas(), inHome);
  std::string inPath = write("path", "");
  ::setenv("PATH", (root.str().str() + "/path:/bin").c_str(), 1);
  EXPECT_EQ(findPtxas(), inPath);
}

TEST_F(AssembleTest, whatItIsAsked) {
  std::string log = root.str().str() + "/arguments";
  std::string ptxas = write("bin", "echo \"$@\" > " + log +
                                       "\nprintf '\\177ELF' > \"$4\"\n"
                                       "cat \"$5\" >> \"$4\"");
  EXPECT_EQ(llvm::cantFail(assemblePtx(ptxas, "PTX", "sm_90a")), "\177ELFPTX");
  llvm::SmallString<64> text;
  auto file = llvm::cantFail(llvm::sys::fs::openNativeFileForRead(log));
  llvm::cantFail(llvm::sys::fs::readNativeFileToEOF(file, text));
  llvm::sys::fs::closeFile(file);
  EXPECT_THAT(text.str().str(), StartsWith("--gpu-name=sm_90a -O3 -o /"));
}

TEST_F(AssembleTest, whatItSaysIsSaid) {
  std::string hint = "; another version of it or other architectures (--gpu) "
                     "may help";
  std::string ptxas = write("bin", "echo one; echo ' two' >&2; exit 3");
  EXPECT_EQ(fail(ptxas, ""),
            ptxas + ": cannot assemble for sm_80: one; two" + hint);
  ptxas = write("many", "for i in 1 2 3 4 5 6 7; do echo $i; done; exit 3");
  EXPECT_EQ(fail(ptxas, ""), ptxas +
                                 ": cannot assemble for sm_80: 1; 2; 3; "
                                 "4; 5; and 2 more lines" +
                                 hint);
  ptxas = write("silent", "exit 3");
  EXPECT_EQ(fail(ptxas, ""), ptxas +
                                 ": cannot assemble for sm_80: it ended "
                                 "with the code 3" +
                                 hint);
  ptxas = write("lazy", "");
  EXPECT_EQ(fail(ptxas, ""), ptxas +
                                 ": cannot assemble for sm_80: what it "
                                 "wrote is no cubin" +
                                 hint);
  EXPECT_THAT(fail(root.str().str() + "/none", ""),
              HasSubstr("/none: cannot assemble for sm_80: "));
}

TEST_F(AssembleTest, theRealOne) {
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    GTEST_SKIP() << "there is no ptxas";
  std::string ptx = ".version 7.0\n.target sm_80\n.address_size 64\n"
                    ".visible .entry f() { ret; }\n";
  std::string cubin = llvm::cantFail(assemblePtx(*ptxas, ptx, "sm_80"));
  EXPECT_THAT(cubin, StartsWith("\177ELF"));
  EXPECT_EQ(cubin, llvm::cantFail(assemblePtx(*ptxas, ptx, "sm_80")));
  EXPECT_NE(cubin, llvm::cantFail(assemblePtx(*ptxas, ptx, "sm_90a")));
  EXPECT_THAT(fail(*ptxas, ptx + "nonsense"), HasSubstr("line 5"));
}
