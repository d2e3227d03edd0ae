//===- InputFiles.cpp - What must not be written to -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Tool/InputFiles.h"
#include "lib/Checkpoint/Input.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Path.h"

#include <unistd.h>

using namespace llvm;
using namespace fpmoe;

/// How the names of files end that hold a model.
static constexpr StringLiteral modelEndings[] = {
    ".safetensors",       ".json",           ".gguf",
    "fpmoe.toml",         "tokenizer.model", "merges.txt",
    "chat_template.jinja"};

void InputFiles::addFile(StringRef path) {
  sys::fs::UniqueID id;
  if (!sys::fs::getUniqueID(path, id))
    files.try_emplace(id, path.str());
}

void InputFiles::addFolder(StringRef path) {
  std::error_code error;
  for (sys::fs::directory_iterator file(path, error), end;
       !error && file != end; file.increment(error))
    addFile(file->path());
}

void InputFiles::addModel(StringRef path) {
  addFile(path);
  StringRef folder = path;
  if (!sys::fs::is_directory(path))
    folder = sys::path::parent_path(path);
  std::error_code error;
  for (sys::fs::directory_iterator file(folder.empty() ? "." : folder, error),
       end;
       !error && file != end; file.increment(error))
    if (any_of(modelEndings, [&](StringRef ending) {
          return StringRef(file->path()).ends_with(ending);
        }))
      addFile(file->path());
}

Error InputFiles::checkOutput(StringRef path) const {
  sys::fs::UniqueID id;
  if (sys::fs::getUniqueID(path, id))
    return Error::success(); // nothing is there
  auto found = files.find(id);
  if (found == files.end())
    return Error::success();
  std::string same;
  if (found->second != path)
    same = "the same file as " + found->second + ", ";
  return createStringError(path + ": cannot be written: it is " + same +
                           "an input; give the output another name");
}

Error fpmoe::checkRegularFile(StringRef path) {
  uint64_t size;
  Expected<int> descriptor = openRegularFile(path.str(), size);
  if (!descriptor)
    return descriptor.takeError();
  ::close(*descriptor);
  return Error::success();
}

Error fpmoe::checkSource(StringRef file, StringRef directory) {
  if (sys::fs::exists(directory))
    return Error::success();
  return fileError(
      file, "the model that it was imported from, " + quoted(directory) +
                ", is not there" +
                (sys::path::is_absolute(directory)
                     ? ""
                     : "; the path is relative to the directory in which it "
                       "was imported: go there, or import it again from an "
                       "absolute path"));
}
