//===- ToolTest.cpp - Outputs and inputs of tools -------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Tool/InputFiles.h"
#include "lib/Tool/Output.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <fstream>
#include <set>
#include <sys/file.h>
#include <unistd.h>

using namespace llvm;
using namespace fpmoe;

namespace {

class ToolTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(sys::fs::createUniqueDirectory("tool-test", folder));
  }
  void TearDown() override { sys::fs::remove_directories(folder); }

  std::string path(StringRef name) const { return (folder + "/" + name).str(); }
  void write(StringRef name, StringRef text) const {
    std::ofstream(path(name)) << text.str();
  }
  std::string read(StringRef name) const {
    auto buffer = MemoryBuffer::getFile(path(name));
    return buffer ? (*buffer)->getBuffer().str() : "";
  }
  std::set<std::string> list() const {
    std::set<std::string> names;
    std::error_code error;
    for (sys::fs::directory_iterator file(folder, error), end;
         !error && file != end; file.increment(error))
      names.insert(sys::path::filename(file->path()).str());
    return names;
  }

  SmallString<128> folder;
};

using Names = std::set<std::string>;
using Create = Expected<OutputFile> (*)(StringRef, StringRef, OutputFile::Kind);

TEST_F(ToolTest, AnOutputAppearsWhole) {
  for (Create create : {Create(OutputFile::create), OutputFile::createHidden})
    for (StringRef old : {"", "an older file"}) {
      if (!old.empty())
        write("out", old);
      Names before = list();
      {
        OutputFile file =
            cantFail(create(path("out"), path("out"), OutputFile::Kind::Text));
        cantFail(file.write("dropped"));
      }
      EXPECT_EQ(list(), before);
      EXPECT_EQ(read("out"), old);
      OutputFile file =
          cantFail(create(path("out"), path("out"), OutputFile::Kind::Text));
      cantFail(file.write("first, "));
      cantFail(file.write("second"));
      EXPECT_EQ(read("out"), old);
      auto again = MemoryBuffer::getFile(file.temporary());
      ASSERT_TRUE(static_cast<bool>(again));
      EXPECT_EQ((*again)->getBuffer(), "first, second");
      cantFail(file.keep());
      EXPECT_EQ(list(), Names{"out"});
      EXPECT_EQ(read("out"), "first, second");
      sys::fs::remove(path("out"));
    }
}

TEST_F(ToolTest, OnlyHiddenFilesHaveNamesBefore) {
  OutputFile unnamed = cantFail(OutputFile::create(path("out")));
  Names names = list();
  OutputFile hidden =
      cantFail(OutputFile::createHidden(path("out"), path("out")));
  EXPECT_EQ(list().size(), names.size() + 1);
  // Where the file system has files without a name, there is none at all.
  if (StringRef(unnamed.temporary()).starts_with("/proc/")) {
    EXPECT_EQ(names, Names{});
  }
}

TEST_F(ToolTest, ProgramsCanBeRun) {
  mode_t mask = ::umask(022);
  cantFail(cantFail(OutputFile::create(path("p"), OutputFile::Kind::Program))
               .keep());
  cantFail(cantFail(OutputFile::create(path("t"))).keep());
  cantFail(cantFail(OutputFile::createHidden(path("h"), path("h"),
                                             OutputFile::Kind::Program))
               .keep());
  ::umask(mask);
  EXPECT_EQ(*sys::fs::getPermissions(path("p")), sys::fs::perms(0755));
  EXPECT_EQ(*sys::fs::getPermissions(path("t")), sys::fs::perms(0644));
  EXPECT_EQ(*sys::fs::getPermissions(path("h")), sys::fs::perms(0755));
}

TEST_F(ToolTest, LeftFilesAreRemovedAndOthersStay) {
  write(".out.0123abcd.fpmoe-partial", "left by a process that was killed");
  write(".out.89abcdef.fpmoe-partial", "of a process that lives");
  int file = ::open(path(".out.89abcdef.fpmoe-partial").c_str(), O_RDONLY);
  ASSERT_EQ(::flock(file, LOCK_EX), 0);
  Names others = {".out.fpmoe-partial", "out.0123abcd.fpmoe-partial",
                  ".out.0123abcx.fpmoe-partial", ".out.0123abcd.partial"};
  for (const std::string &name : others)
    write(name, "mine");
  ASSERT_EQ(::symlink("out", path(".ln.0123abcd.fpmoe-partial").c_str()), 0);
  others.insert(".ln.0123abcd.fpmoe-partial");
  { cantFail(OutputFile::create(path("other"))); }
  Names expected = others;
  expected.insert(".out.89abcdef.fpmoe-partial");
  EXPECT_EQ(list(), expected);
  ::close(file);
  { cantFail(OutputFile::createHidden(path("other"), path("other"))); }
  EXPECT_EQ(list(), others);
}

TEST_F(ToolTest, LeftDirectoriesAreRemovedAndOthersStay) {
  ::setenv("TMPDIR", folder.c_str(), 1);
  for (StringRef name : {"fpmoe-prompts-0123abcd", "fpmoe-prompts-mine"}) {
    ASSERT_FALSE(sys::fs::create_directory(path(name)));
    write((name + "/program").str(), "a program");
  }
  write("fpmoe-prompts-00000000", "a file");
  {
    TemporaryDirectory directory;
    cantFail(directory.create());
    std::ofstream(directory.file("ids")) << "1 2 3";
    removeLeftDirectories();
    EXPECT_EQ(list().size(), 3u);
    EXPECT_FALSE(sys::fs::exists(path("fpmoe-prompts-0123abcd")));
    EXPECT_TRUE(sys::fs::exists(directory.file("ids")));
  }
  EXPECT_EQ(list(), (Names{"fpmoe-prompts-mine", "fpmoe-prompts-00000000"}));
  ::unsetenv("TMPDIR");
}

TEST_F(ToolTest, WhatCannotBeReplaced) {
  EXPECT_EQ(toString(OutputFile::create(folder).takeError()),
            folder.str().str() + ": is a directory, not a file to write");
  EXPECT_EQ(toString(OutputFile::create("/dev/null").takeError()),
            "/dev/null: is not a regular file");
  EXPECT_EQ(toString(OutputFile::create(path("no/out")).takeError()),
            path("no/out") + ": cannot be written: No such file or directory");
}

TEST_F(ToolTest, InputsAreKnownByWhateverLink) {
  ASSERT_FALSE(sys::fs::create_directory(path("model")));
  for (StringRef name :
       {"model.safetensors", "config.json", "fpmoe.toml", "program"})
    write(("model/" + name).str(), "");
  write("elsewhere.safetensors", "");
  write("other", "");
  ASSERT_EQ(::symlink("../elsewhere.safetensors",
                      path("model/model-2.safetensors").c_str()),
            0);
  ASSERT_EQ(::symlink("model", path("link").c_str()), 0);
  ASSERT_EQ(::link(path("model/config.json").c_str(), path("hard").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", path("dangling").c_str()), 0);
  InputFiles inputs;
  inputs.addModel(path("model"));
  inputs.addFile(path("missing"));
  auto fault = [&](StringRef name) {
    return toString(inputs.checkOutput(path(name)));
  };
  EXPECT_EQ(fault("model/fpmoe.toml"),
            path("model/fpmoe.toml") + ": cannot be written: it is an input; "
                                       "give the output another name");
  EXPECT_EQ(fault("link/model.safetensors"),
            path("link/model.safetensors") +
                ": cannot be written: it is the same file as " +
                path("model/model.safetensors") +
                ", an input; give the output another name");
  EXPECT_NE(fault("elsewhere.safetensors"), "");
  EXPECT_NE(fault("hard"), "");
  for (StringRef name : {"other", "model/program", "missing", "dangling"})
    EXPECT_EQ(fault(name), "") << name.str();
}

TEST_F(ToolTest, InputsBesideAFile) {
  for (StringRef name : {"m.gguf", "fpmoe.toml", "program"})
    write(name, "");
  InputFiles inputs;
  inputs.addModel(path("m.gguf"));
  EXPECT_NE(toString(inputs.checkOutput(path("m.gguf"))), "");
  EXPECT_NE(toString(inputs.checkOutput(path("fpmoe.toml"))), "");
  EXPECT_EQ(toString(inputs.checkOutput(path("program"))), "");
}

} // namespace
