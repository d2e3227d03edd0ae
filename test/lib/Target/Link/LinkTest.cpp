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

#include <fcntl.h>
#include <unistd.h>

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
    options.name = path("program");
    options.isStatic = isStatic;
    options.runtimeDirectory = RUNTIME_DIR;
    return options;
  }

  void write(StringRef name, StringRef bytes) {
    std::error_code code;
    raw_fd_ostream stream(path(name), code);
    ASSERT_FALSE(code);
    stream << bytes;
    stream.close();
    sys::fs::setPermissions(path(name), sys::fs::perms(0755));
  }

  /// Links, and writes the program.
  void link(const fpmoe::LinkOptions &options) {
    Expected<std::string> program = fpmoe::linkProgram(options);
    ASSERT_TRUE(static_cast<bool>(program)) << toString(program.takeError());
    write("program", *program);
  }

  std::string fault(const fpmoe::LinkOptions &options) {
    return toString(fpmoe::linkProgram(options).takeError());
  }

  /// Runs the program and returns its exit code; `text` gets its output.
  int run(ArrayRef<StringRef> arguments, std::string &text) {
    std::string program = path("program"), log = path("log");
    sys::fs::remove(log); // what is longer would stay
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
  link(options(false));
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
  link(options(true));
  Dependencies found = readDependencies(path("program"));
  EXPECT_TRUE(found.isPositionIndependent);
  EXPECT_FALSE(found.hasInterpreter);
  EXPECT_TRUE(found.needed.empty());
  std::string text;
  EXPECT_EQ(run({"info"}, text), 0) << text;
  EXPECT_NE(text.find("FakeForCausalLM"), std::string::npos) << text;
}

TEST_F(LinkTest, programRunsWithItsWeights) {
  for (bool isStatic : {false, true}) {
    std::string program = cantFail(fpmoe::linkProgram(options(isStatic)));
    uint64_t offset = fpmoe::payloadOffset(program.size());
    EXPECT_EQ(offset % (2 << 20), 0u);
    EXPECT_GE(offset, program.size());
    // The program of FakeModel.cpp says 0x1234 of itself.
    for (uint64_t fingerprint : {0x1234, 0x5678}) {
      ASSERT_EQ(toString(fpmoe::setFingerprint(program, fingerprint)), "");
      write("program", program);
      int file = ::open(path("program").c_str(), O_RDWR);
      ASSERT_GE(file, 0);
      ASSERT_EQ(::ftruncate(file, offset + (1 << 20)), 0);
      ASSERT_EQ(toString(fpmoe::writeTrailer(
                    file, "program",
                    fpmoe::makeTrailer(offset, 1 << 20, fingerprint))),
                "");
      ::close(file);
      EXPECT_TRUE(fpmoe::hasTrailer(path("program")));
      std::string text;
      EXPECT_EQ(run({"generate", "--prompt-ids", "5 6", "-n", "3"}, text), 0)
          << text;
      EXPECT_EQ(text, "7 8 9\n");
    }
    // The trailer still has the second one.
    ASSERT_EQ(toString(fpmoe::setFingerprint(program, 0x1234)), "");
    int file = ::open(path("program").c_str(), O_RDWR);
    ASSERT_EQ(::pwrite(file, program.data(), program.size(), 0),
              static_cast<ssize_t>(program.size()));
    ::close(file);
    std::string text;
    EXPECT_EQ(run({"generate", "--prompt-ids", "5 6"}, text), 1);
    EXPECT_NE(text.find("belong to another program"), std::string::npos)
        << text;
  }
}

TEST_F(LinkTest, undefinedSymbolsAreNamed) {
  fpmoe::LinkOptions without = options(false);
  without.objects.clear();
  std::string message = fault(without);
  EXPECT_TRUE(
      StringRef(message).starts_with(path("program") + ": cannot link: "))
      << message;
  EXPECT_NE(message.find("fpmoe_model"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  // lld can run again after an error.
  EXPECT_EQ(fault(options(false)), "");
}

TEST_F(LinkTest, messagesNameTheProgramAndNoTemporaryFile) {
  write("object", "no object");
  fpmoe::LinkOptions wrong = options(false);
  wrong.objects = {path("object")};
  std::string message = fault(wrong);
  EXPECT_TRUE(StringRef(message).starts_with(
      path("program") + ": cannot link: " + path("program") + ":"))
      << message;
  EXPECT_EQ(message.find("object:"), std::string::npos) << message;
  EXPECT_EQ(message.find("/proc/"), std::string::npos) << message;
}

TEST_F(LinkTest, missingInputsAreNamed) {
  fpmoe::LinkOptions wrong = options(false);
  wrong.objects = {path("model.o")};
  EXPECT_EQ(fault(wrong), path("model.o") + ": is missing; linking needs it");
  wrong = options(false);
  wrong.runtimeDirectory = std::string(folder);
  EXPECT_EQ(fault(wrong), path("Scrt1.o") + ": is missing; linking needs it");
}

TEST_F(LinkTest, trailerHasToFitTheFile) {
  write("weights", std::string(100, '\0'));
  EXPECT_FALSE(fpmoe::hasTrailer(path("weights")));
  int file = ::open(path("weights").c_str(), O_RDWR);
  ASSERT_GE(file, 0);
  EXPECT_EQ(toString(fpmoe::writeTrailer(file, "weights",
                                         fpmoe::makeTrailer(0, 99, 1))),
            "weights: has 100 bytes, its weights should be 99 bytes at 0");
  EXPECT_EQ(toString(fpmoe::writeTrailer(file, "weights",
                                         fpmoe::makeTrailer(0, 100, 1))),
            "");
  ::close(file);
  EXPECT_TRUE(fpmoe::hasTrailer(path("weights")));
  uint64_t size;
  ASSERT_FALSE(sys::fs::file_size(path("weights"), size));
  EXPECT_EQ(size, 100u + FPMOE_TRAILER_BYTES);
}

TEST_F(LinkTest, aProgramWithoutFingerprint) {
  std::string text = "no program";
  EXPECT_NE(toString(fpmoe::setFingerprint(text, 1)), "");
}

TEST(FindRuntimeDirectory, namesTheFolderWithoutRuntime) {
  setenv("FPMOE_RUNTIME_DIR", "/nonexistent", /*overwrite=*/1);
  EXPECT_EQ(toString(fpmoe::findRuntimeDirectory("x86_64").takeError()),
            "/nonexistent: holds no runtime to link programs for x86_64 with "
            "(libfpmoe_runtime.a is missing): install it there, or name its "
            "folder in FPMOE_RUNTIME_DIR");
  setenv("FPMOE_RUNTIME_DIR", RUNTIME_DIR, 1);
  EXPECT_EQ(cantFail(fpmoe::findRuntimeDirectory("x86_64")), RUNTIME_DIR);
  unsetenv("FPMOE_RUNTIME_DIR");
}
