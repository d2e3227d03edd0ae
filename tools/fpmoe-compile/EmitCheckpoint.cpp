//===- EmitCheckpoint.cpp - An assembled model as a directory -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// All files are written without a name, or beside the directory under other
// names, and get their place in it when the last one is whole.
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/EmitCheckpoint.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Tool/Output.h"
#include "lib/Tool/Process.h"
#include "lib/Weights/CheckpointPlan.h"
#include "lib/Weights/Evaluate.h"
#include "tools/fpmoe-compile/Progress.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

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
  Error addCopy(const std::string &from, StringRef name);
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
  if (sys::fs::exists(directory)) {
    beside = path;
  } else {
    while (beside.size() > 1 && sys::path::is_separator(beside.back()))
      beside.pop_back();
    beside += "." + name.str();
  }
  Expected<OutputFile> file = OutputFile::create(path, beside);
  if (!file)
    return file.takeError();
  files.push_back(std::move(*file));
  return &files.back();
}

Error Emitter::addText(StringRef name, StringRef text) {
  Expected<OutputFile *> file = create(name);
  if (!file)
    return file.takeError();
  return (*file)->write(text);
}

Error Emitter::addCopy(const std::string &from, StringRef name) {
  Expected<OutputFile *> file = create(name);
  if (!file)
    return file.takeError();
  uint64_t size = 0;
  Expected<int> source = openRegularFile(from, size);
  if (!source)
    return source.takeError();
  scope_exit close([&] { ::close(*source); });
  std::vector<uint8_t> buffer(1 << 20);
  for (uint64_t at = 0; at < size; at += buffer.size()) {
    buffer.resize(std::min<uint64_t>(buffer.size(), size - at));
    if (Error error = readAt(*source, from, at, buffer.data(), buffer.size()))
      return error;
    if (Error error = (*file)->write(toStringRef(buffer)))
      return error;
  }
  return Error::success();
}

Error Emitter::addShard(const CheckpointShard &shard, ProgressBar &bar,
                        uint64_t before, uint64_t total) {
  Expected<OutputFile *> file = create(shard.fileName);
  if (!file)
    return file.takeError();
  WriteOptions options;
  options.fileName = (directory + "/" + shard.fileName).str();
  options.progress = [&](uint64_t done, uint64_t) {
    bar.update(before + done, total);
  };
  if (Error error = (*file)->write(shard.header))
    return error;
  return writeInstances(shard.placements, sources, (*file)->descriptor(),
                        options);
}

/// The weights first: a directory without config.json is no model. What ends
/// the process waits until all files have their names.
Error Emitter::keep() {
  SignalsBlocked blocked;
  bool isNew = !sys::fs::exists(directory);
  std::vector<std::string> kept;
  scope_exit undo([&] {
    for (const std::string &path : kept)
      sys::fs::remove(path);
    if (isNew)
      sys::fs::remove(directory);
  });
  if (std::error_code error = sys::fs::create_directory(
          directory, /*IgnoreExisting=*/true, sys::fs::perms::all_all))
    return createStringError(directory +
                             ": cannot be made: " + error.message());
  for (OutputFile &file : files) {
    if (Error error = file.keep())
      return error;
    kept.push_back(file.getPath().str());
  }
  undo.release();
  return Error::success();
}

Error fpmoe::checkCheckpointDirectory(StringRef directory) {
  if (!sys::fs::exists(directory))
    return Error::success();
  if (!sys::fs::is_directory(directory))
    return createStringError(directory + ": is a file; a checkpoint is written "
                                         "into a directory");
  removeLeftFiles(directory);
  std::error_code error;
  sys::fs::directory_iterator first(directory, error);
  if (error)
    return createStringError(directory + ": " + error.message());
  if (first != sys::fs::directory_iterator())
    return createStringError(directory + ": is not empty; a checkpoint is "
                                         "written into a new directory");
  return Error::success();
}

Error fpmoe::emitCheckpoint(const Assembly &assembly, mlir::ModuleOp tensors,
                            const Sources &sources, StringRef directory,
                            uint64_t shardBytes) {
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
  for (StringRef name : copiedFiles)
    for (StringRef source :
         {assembly.getTokenizerDirectory(), assembly.getBaseDirectory()}) {
      SmallString<256> from(source);
      sys::path::append(from, name);
      // A link that leads nowhere is there, and an error.
      if (!sys::fs::exists(from) && !sys::fs::is_symlink_file(from))
        continue;
      if (Error error = emitter.addCopy(std::string(from), name))
        return error;
      break;
    }
  json::Object config = assembly.getConfigJson();
  std::string text = formatv("{0:2}\n", json::Value(std::move(config))).str();
  if (Error error = emitter.addText("config.json", text))
    return error;
  return emitter.keep();
}
