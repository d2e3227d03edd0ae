//===- EmitCheckpoint.cpp - An assembled model as a directory -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// All files are written beside the directory under other names, and moved into
// it when the last one is whole.
//===----------------------------------------------------------------------===//

#include "lib/Driver/EmitCheckpoint.h"
#include "lib/Driver/Output.h"
#include "lib/Driver/Progress.h"
#include "lib/Model/Input.h"
#include "lib/Weights/CheckpointPlan.h"
#include "lib/Weights/Evaluate.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <fcntl.h>
#include <unistd.h>

using namespace llvm;
using namespace fpmoe;

/// What is copied from the base, where it is there.
static constexpr StringLiteral copiedFiles[] = {"tokenizer.json",
                                                "tokenizer_config.json",
                                                "tokenizer.model",
                                                "special_tokens_map.json",
                                                "added_tokens.json",
                                                "vocab.json",
                                                "merges.txt",
                                                "chat_template.jinja",
                                                "generation_config.json"};

namespace {
class Emitter {
public:
  Emitter(const Sources &sources, StringRef directory)
      : sources(sources), directory(directory) {}

  Error addText(StringRef name, StringRef text);
  Error addCopy(StringRef from, StringRef name);
  Error addShard(const CheckpointShard &shard, ProgressBar &bar,
                 uint64_t before, uint64_t total);
  Error keep();

private:
  Expected<OutputFile *> create(StringRef name);

  const Sources &sources;
  StringRef directory;
  std::vector<OutputFile> files;
};
} // namespace

Expected<OutputFile *> Emitter::create(StringRef name) {
  SmallString<256> path(directory), beside(directory);
  sys::path::append(path, name);
  while (beside.size() > 1 && sys::path::is_separator(beside.back()))
    beside.pop_back();
  beside += "." + name.str();
  Expected<OutputFile> file = OutputFile::create(path, beside);
  if (!file)
    return file.takeError();
  files.push_back(std::move(*file));
  // Unique files are private by default.
  sys::fs::setPermissions(files.back().temporary(), sys::fs::perms(0644));
  return &files.back();
}

Error Emitter::addText(StringRef name, StringRef text) {
  Expected<OutputFile *> file = create(name);
  if (!file)
    return file.takeError();
  return (*file)->write(text);
}

Error Emitter::addCopy(StringRef from, StringRef name) {
  Expected<OutputFile *> file = create(name);
  if (!file)
    return file.takeError();
  if (std::error_code error = sys::fs::copy_file(from, (*file)->temporary()))
    return createStringError(from + ": cannot be copied to " + directory +
                             ": " + error.message());
  sys::fs::setPermissions((*file)->temporary(), sys::fs::perms(0644));
  return Error::success();
}

Error Emitter::addShard(const CheckpointShard &shard, ProgressBar &bar,
                        uint64_t before, uint64_t total) {
  Expected<OutputFile *> file = create(shard.fileName);
  if (!file)
    return file.takeError();
  std::string name = (directory + "/" + shard.fileName).str();
  int descriptor = ::open((*file)->temporary().str().c_str(), O_RDWR);
  if (descriptor < 0)
    return createStringError(name + ": " + sys::StrError());
  WriteOptions options;
  options.fileName = name;
  options.progress = [&](uint64_t done, uint64_t) {
    bar.update(before + done, total);
  };
  Error error = Error::success();
  ssize_t written =
      ::write(descriptor, shard.header.data(), shard.header.size());
  if (written != static_cast<ssize_t>(shard.header.size()))
    error = createStringError(
        name + ": cannot be written: " +
        (written < 0 ? sys::StrError() : "No space left on device"));
  else
    error = writeInstances(shard.placements, sources, descriptor, options);
  if (::close(descriptor) != 0 && !error)
    error = createStringError(name + ": " + sys::StrError());
  return error;
}

Error Emitter::keep() {
  if (std::error_code error = sys::fs::create_directory(
          directory, /*IgnoreExisting=*/true, sys::fs::perms::all_all))
    return createStringError(directory +
                             ": cannot be made: " + error.message());
  for (OutputFile &file : files)
    if (Error error = file.keep())
      return error;
  return Error::success();
}

static Error checkDirectory(StringRef directory) {
  if (!sys::fs::exists(directory))
    return Error::success();
  if (!sys::fs::is_directory(directory))
    return createStringError(directory + ": is a file; a checkpoint is written "
                                         "into a directory");
  std::error_code error;
  if (sys::fs::directory_iterator(directory, error) !=
      sys::fs::directory_iterator())
    return createStringError(directory + ": is not empty; a checkpoint is "
                                         "written into a new directory");
  return Error::success();
}

Error fpmoe::emitCheckpoint(const Assembly &assembly, mlir::ModuleOp tensors,
                            const Sources &sources, StringRef directory,
                            uint64_t shardBytes) {
  if (Error error = checkDirectory(directory))
    return error;
  if (Error error = checkRecipes(tensors, sources))
    return error;
  CheckpointPlan plan = planCheckpoint(tensors, shardBytes);
  uint64_t total = 0, done = 0;
  for (const CheckpointShard &shard : plan.shards)
    total += shard.bytes;
  Emitter emitter(sources, directory);
  {
    ProgressBar bar("weights");
    for (const CheckpointShard &shard : plan.shards) {
      if (Error error = emitter.addShard(shard, bar, done, total))
        return error;
      done += shard.bytes;
    }
  }
  if (!plan.index.empty())
    if (Error error =
            emitter.addText("model.safetensors.index.json", plan.index))
      return error;
  json::Object config = assembly.getConfigJson();
  std::string text = formatv("{0:2}\n", json::Value(std::move(config))).str();
  if (Error error = emitter.addText("config.json", text))
    return error;
  for (StringRef name : copiedFiles) {
    SmallString<256> from(assembly.getBaseDirectory());
    sys::path::append(from, name);
    if (sys::fs::exists(from))
      if (Error error = emitter.addCopy(from, name))
        return error;
  }
  return emitter.keep();
}
