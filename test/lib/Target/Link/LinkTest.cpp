//===- LinkTest.cpp - tests of the link step --------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Links a model written by hand (test/runtime/cli/FakeModel.cpp) and runs the
// program; what the program depends on is read from its ELF headers.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Link/Link.h"
#include "lib/Target/Link/Payload.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace llvm;

namespace {

class LinkTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(sys::fs::createUniqueDirectory("link-test", folder));
  }
  void TearDown() override { sys::fs::remove_directories(folder); }

  std::string path(StringRef name) const { return (folder + "/" + name).str(); }

  fpmoe::LinkOptions options(bool isStatic) const {
    fpmoe::LinkOptions options;
    options.objects = {FAKE_MODEL_OBJECT};
    options.output = path("program");
    options.isStatic = isStatic;
    options.runtimeDirectory = RUNTIME_DIR;
    return options;
  }

  /// Runs the program and returns its exit code; `text` gets its output.
  int run(ArrayRef<StringRef> arguments, std::string &text) {
    std::string program = path("program"), log = path("log");
    SmallVector<StringRef> all = {program};
    all.append(arguments.begin(), arguments.end());
    std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log),
                                            StringRef(log)};
    int code = sys::ExecuteAndWait(program, all, std::nullopt, redirects);
    auto buffer = MemoryBuffer::getFile(log);
    text = buffer ? (*buffer)->getBuffer().str() : "";
    return code;
  }

  SmallString<128> folder;
};

struct Dependencies {
  std::vector<std::string> needed;
  bool hasInterpreter = false, isPositionIndependent = false;
};

Dependencies readDependencies(const std::string &path) {
  auto buffer = cantFail(errorOrToExpected(MemoryBuffer::getFile(path)));
  auto file =
      cantFail(object::ELFFile<object::ELF64LE>::create(buffer->getBuffer()));
  Dependencies found;
  found.isPositionIndependent = file.getHeader().e_type == ELF::ET_DYN;
  uint64_t strings = 0;
  for (const auto &segment : cantFail(file.program_headers()))
    found.hasInterpreter |= segment.p_type == ELF::PT_INTERP;
  auto entries = cantFail(file.dynamicEntries());
  for (const auto &entry : entries)
    if (entry.d_tag == ELF::DT_STRTAB)
      strings = entry.d_un.d_ptr;
  const uint8_t *names = cantFail(file.toMappedAddr(strings));
  for (const auto &entry : entries)
    if (entry.d_tag == ELF::DT_NEEDED)
      found.needed.push_back(reinterpret_cast<const char *>(names) +
                             entry.d_un.d_val);
  return found;
}

} // namespace

TEST_F(LinkTest, dynamicProgramNeedsOnlyLibc) {
  ASSERT_EQ(toString(fpmoe::linkProgram(options(false))), "");
  Dependencies found = readDependencies(path("program"));
  EXPECT_TRUE(found.isPositionIndependent);
  EXPECT_TRUE(found.hasInterpreter);
  for (const std::string &name : found.needed)
    EXPECT_TRUE(name == "libc.so.6" || StringRef(name).starts_with("ld-linux"))
        << name;
  std::string text;
  EXPECT_EQ(run({"info"}, text), 0) << text;
  EXPECT_NE(text.find("FakeForCausalLM"), std::string::npos) << text;
}

TEST_F(LinkTest, staticProgramNeedsNothing) {
  ASSERT_EQ(toString(fpmoe::linkProgram(options(true))), "");
  Dependencies found = readDependencies(path("program"));
  EXPECT_TRUE(found.isPositionIndependent);
  EXPECT_FALSE(found.hasInterpreter);
  EXPECT_TRUE(found.needed.empty());
  std::string text;
  EXPECT_EQ(run({"info"}, text), 0) << text;
  EXPECT_NE(text.find("FakeForCausalLM"), std::string::npos) << text;
}

TEST_F(LinkTest, replacesAnOlderProgram) {
  ASSERT_EQ(toString(fpmoe::linkProgram(options(true))), "");
  ASSERT_EQ(toString(fpmoe::linkProgram(options(false))), "");
  EXPECT_TRUE(readDependencies(path("program")).hasInterpreter);
}

TEST_F(LinkTest, programRunsWithItsWeights) {
  for (bool isStatic : {false, true}) {
    ASSERT_EQ(toString(fpmoe::linkProgram(options(isStatic))), "");
    uint64_t offset = cantFail(fpmoe::payloadOffset(path("program")));
    EXPECT_EQ(offset % (2 << 20), 0u);
    EXPECT_GT(offset, 0u);
    {
      std::error_code code;
      raw_fd_ostream stream(path("program"), code, sys::fs::CD_OpenExisting,
                            sys::fs::FA_Write, sys::fs::OF_None);
      ASSERT_FALSE(code);
      stream.seek(offset);
      stream.write_zeros(1 << 20);
    }
    ASSERT_EQ(
        toString(fpmoe::writeTrailer(
            path("program"), fpmoe::makeTrailer(offset, 1 << 20, 0x1234))),
        "");
    std::string text;
    EXPECT_EQ(run({"generate", "--prompt-ids", "5 6", "-n", "3"}, text), 0)
        << text;
    EXPECT_EQ(text, "7 8 9\n");
  }
}

TEST_F(LinkTest, undefinedSymbolsAreNamedAndNothingIsLeft) {
  fpmoe::LinkOptions without = options(false);
  without.objects.clear();
  std::string message = toString(fpmoe::linkProgram(without));
  EXPECT_TRUE(
      StringRef(message).starts_with(path("program") + ": cannot link: "))
      << message;
  EXPECT_NE(message.find("fpmoe_model"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_FALSE(sys::fs::exists(path("program")));
  // lld can run again after an error.
  EXPECT_EQ(toString(fpmoe::linkProgram(options(false))), "");
}

TEST_F(LinkTest, missingInputsAreNamed) {
  fpmoe::LinkOptions wrong = options(false);
  wrong.objects = {path("model.o")};
  EXPECT_EQ(toString(fpmoe::linkProgram(wrong)),
            path("model.o") + ": is missing; linking needs it");
  wrong = options(false);
  wrong.runtimeDirectory = std::string(folder);
  EXPECT_EQ(toString(fpmoe::linkProgram(wrong)),
            path("Scrt1.o") + ": is missing; linking needs it");
  EXPECT_FALSE(sys::fs::exists(path("program")));
}

TEST_F(LinkTest, unwritableOutput) {
  fpmoe::LinkOptions wrong = options(false);
  wrong.output = path("no/such/folder");
  EXPECT_EQ(toString(fpmoe::linkProgram(wrong)),
            wrong.output + ": cannot write: No such file or directory");
  wrong.output = std::string(folder);
  EXPECT_EQ(toString(fpmoe::linkProgram(wrong)),
            wrong.output + ": cannot write: Is a directory");
  wrong.output = "/dev/null";
  EXPECT_EQ(toString(fpmoe::linkProgram(wrong)),
            "/dev/null: cannot be replaced by a program: it is not a regular "
            "file");
}

TEST_F(LinkTest, trailerHasToFitTheFile) {
  {
    std::error_code code;
    raw_fd_ostream stream(path("weights"), code);
    stream.write_zeros(100);
  }
  EXPECT_EQ(toString(fpmoe::writeTrailer(path("weights"),
                                         fpmoe::makeTrailer(0, 99, 1))),
            path("weights") + ": has 100 bytes, its weights should be 99 bytes "
                              "at 0");
  EXPECT_EQ(toString(fpmoe::writeTrailer(path("weights"),
                                         fpmoe::makeTrailer(0, 100, 1))),
            "");
  uint64_t size;
  ASSERT_FALSE(sys::fs::file_size(path("weights"), size));
  EXPECT_EQ(size, 100u + FPMOE_TRAILER_BYTES);
}

TEST(FindRuntimeDirectory, namesTheFolderWithoutRuntime) {
  setenv("FPMOE_RUNTIME_DIR", "/nonexistent", /*overwrite=*/1);
  EXPECT_EQ(toString(fpmoe::findRuntimeDirectory("x86_64").takeError()),
            "/nonexistent: holds no runtime to link programs for x86_64 with "
            "(libfpmoe_runtime.a is missing)");
  setenv("FPMOE_RUNTIME_DIR", RUNTIME_DIR, 1);
  EXPECT_EQ(cantFail(fpmoe::findRuntimeDirectory("x86_64")), RUNTIME_DIR);
  unsetenv("FPMOE_RUNTIME_DIR");
}
