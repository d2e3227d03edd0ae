//===- Checkpoint.cpp - the tensors of a checkpoint -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens all files and checks all headers first; reading is positioned and
// keeps no state, so that many threads can read at once. See Checkpoint.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Checkpoint.h"

#include "lib/Checkpoint/Gguf.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Checkpoint/Json.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

namespace fpmoe {

static constexpr StringLiteral singleName = "model.safetensors";
static constexpr StringLiteral indexName = "model.safetensors.index.json";
static constexpr StringLiteral adapterName = "adapter_model.safetensors";

//===----------------------------------------------------------------------===//
// Index
//===----------------------------------------------------------------------===//

static Error checkShardName(StringRef name, StringRef fileName) {
  if (name.find_first_of(StringRef("/\\\0", 3)) != StringRef::npos ||
      name.contains(".."))
    return fileError(fileName, "the shard " + quoted(name) +
                                   " must be a plain file name, without '/', "
                                   "'\\' or '..'");
  if (!name.ends_with(".safetensors"))
    return fileError(fileName,
                     "the shard " + quoted(name) + " must end in .safetensors");
  return Error::success();
}

Expected<CheckpointIndex> parseCheckpointIndex(StringRef json,
                                               StringRef fileName) {
  JsonReader reader(json, fileName);
  CheckpointIndex index;
  StringMap<unsigned> numbers;
  bool found = false;
  auto readEntry = [&](StringRef tensor) -> Error {
    Expected<std::string> file = reader.string();
    if (!file)
      return file.takeError();
    auto [entry, isNew] = numbers.try_emplace(*file, index.files.size());
    if (isNew) {
      if (Error e = checkShardName(*file, fileName))
        return e;
      index.files.push_back(*file);
    }
    index.tensors[tensor] = entry->second;
    return Error::success();
  };
  if (Error e = reader.object([&](StringRef key) -> Error {
        if (key != "weight_map")
          return reader.skip();
        found = true;
        return reader.object(readEntry);
      }))
    return e;
  if (Error e = reader.finish())
    return e;
  if (!found)
    return fileError(fileName, "has no 'weight_map'");
  return index;
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

Checkpoint::~Checkpoint() {
  for (const File &file : files)
    if (file.descriptor >= 0)
      ::close(file.descriptor);
}

static int64_t modificationTime(const struct stat &status) {
  return static_cast<int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
         status.st_mtim.tv_nsec;
}

Expected<std::vector<TensorInfo>>
Checkpoint::readSafetensors(const File &file) const {
  char first[8] = {};
  if (file.size >= 8)
    if (Error e = readAt(file.descriptor, file.path, 0,
                         reinterpret_cast<uint8_t *>(first), 8))
      return e;
  Expected<uint64_t> length =
      parseSafetensorsLength(StringRef(first, 8), file.size, file.path);
  if (!length)
    return length.takeError();
  std::string header(*length, '\0');
  if (Error e = readAt(file.descriptor, file.path, 8,
                       reinterpret_cast<uint8_t *>(header.data()), *length))
    return e;
  return parseSafetensorsHeader(header, file.size, file.path, files.size() - 1);
}

Expected<std::vector<TensorInfo>>
Checkpoint::readGgufTensors(const File &file) const {
  auto read = [&](uint64_t offset, MutableArrayRef<uint8_t> out) {
    return readAt(file.descriptor, file.path, offset, out.data(), out.size());
  };
  Expected<GgufFile> gguf =
      parseGguf(read, file.size, file.path, files.size() - 1);
  if (!gguf)
    return gguf.takeError();
  return std::move(gguf->tensors);
}

Error Checkpoint::openFile(std::string path) {
  File file;
  Expected<int> descriptor = openRegularFile(path, file.size);
  if (!descriptor)
    return descriptor.takeError();
  file.path = std::move(path);
  file.descriptor = *descriptor;
  files.push_back(file);
  struct stat status;
  if (::fstat(file.descriptor, &status) != 0)
    return fileError(file.path, std::strerror(errno));
  files.back().modified = modificationTime(status);

  Expected<std::vector<TensorInfo>> tensors =
      gguf ? readGgufTensors(files.back()) : readSafetensors(files.back());
  if (!tensors)
    return tensors.takeError();
  for (TensorInfo &tensor : *tensors) {
    auto [entry, isNew] = byName.try_emplace(tensor.name, allTensors.size());
    if (!isNew)
      return fileError(file.path,
                       "tensor " + quoted(tensor.name) + " is also in " +
                           files[allTensors[entry->second].file].path);
    allTensors.push_back(std::move(tensor));
  }
  return Error::success();
}

Error Checkpoint::openShards(StringRef indexPath) {
  Expected<std::string> text =
      readSmallFile(indexPath.str(), maxSafetensorsHeader);
  if (!text)
    return text.takeError();
  Expected<CheckpointIndex> index = parseCheckpointIndex(*text, indexPath);
  if (!index)
    return index.takeError();
  for (StringRef name : index->files) {
    std::optional<std::string> path = findFile(root, name);
    if (!path)
      return fileError(indexPath, "names the shard " + quoted(name) +
                                      ", which is not in the directory");
    if (Error e = openFile(*path))
      return e;
  }
  // In sorted order, so that the message does not depend on hashing.
  const StringMapEntry<unsigned> *worst = nullptr;
  for (const auto &entry : index->tensors) {
    const TensorInfo *tensor = find(entry.first());
    if (!tensor || tensor->file != entry.second)
      if (!worst || entry.first() < worst->first())
        worst = &entry;
  }
  if (worst)
    return fileError(indexPath, "puts tensor " + quoted(worst->first()) +
                                    " into " + index->files[worst->second] +
                                    ", which does not have it");
  return Error::success();
}

Expected<std::unique_ptr<Checkpoint>> Checkpoint::open(StringRef directory) {
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint());
  checkpoint->root = directory.str();
  if (!sys::fs::exists(directory))
    return fileError(directory, "there is no such directory");
  if (isGgufPath(directory)) {
    checkpoint->gguf = true;
    Expected<GgufFile> file = readGguf(directory);
    if (!file)
      return file.takeError();
    for (const std::string &part : file->parts)
      if (Error e = checkpoint->openFile(part))
        return e;
    return checkpoint;
  }
  if (!sys::fs::is_directory(directory))
    return fileError(directory, "is not a directory; a checkpoint is a "
                                "directory with " +
                                    singleName + " or " + indexName +
                                    ", or a GGUF file");
  Error e = Error::success();
  if (auto single = findFile(directory, singleName))
    e = checkpoint->openFile(*single);
  else if (auto index = findFile(directory, indexName))
    e = checkpoint->openShards(*index);
  else if (auto adapter = findFile(directory, adapterName))
    e = checkpoint->openFile(*adapter);
  else
    e = fileError(directory, "has neither " + singleName + " nor " + indexName);
  if (e)
    return e;
  return checkpoint;
}

const TensorInfo *Checkpoint::find(StringRef name) const {
  auto entry = byName.find(name);
  return entry == byName.end() ? nullptr : &allTensors[entry->second];
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Error Checkpoint::checkUnchanged(const File &file) const {
  struct stat status;
  if (::fstat(file.descriptor, &status) != 0)
    return fileError(file.path, std::strerror(errno));
  if (static_cast<uint64_t>(status.st_size) != file.size)
    return fileError(file.path, "is now " + Twine(status.st_size) +
                                    " bytes long, it was " + Twine(file.size) +
                                    " when it was opened");
  if (modificationTime(status) != file.modified)
    return fileError(file.path, "was written to after it was opened");
  return Error::success();
}

Error Checkpoint::readRaw(const TensorInfo &tensor, uint64_t byteOffset,
                          MutableArrayRef<uint8_t> out) const {
  const File &file = files[tensor.file];
  if (byteOffset > tensor.bytes || out.size() > tensor.bytes - byteOffset)
    return fileError(file.path, "tensor " + quoted(tensor.name) + " has " +
                                    Twine(tensor.bytes) + " bytes, " +
                                    Twine(out.size()) + " from byte " +
                                    Twine(byteOffset) + " on were asked for");
  if (Error e = checkUnchanged(file))
    return e;
  return readAt(file.descriptor, file.path, tensor.offset + byteOffset,
                out.data(), out.size());
}

Error checkLoadable(const TensorInfo &tensor, StringRef fileName) {
  if (isLoadable(tensor.dtype))
    return Error::success();
  return fileError(fileName, "tensor " + quoted(tensor.name) + " is " +
                                 getName(tensor.dtype) +
                                 ", weights must be one of " + listLoadable());
}

Error Checkpoint::read(const TensorInfo &tensor, uint64_t firstElement,
                       MutableArrayRef<float> out) const {
  StringRef path = fileName(tensor.file);
  if (Error e = checkLoadable(tensor, path))
    return e;
  uint64_t total = tensor.elements();
  if (firstElement > total || out.size() > total - firstElement)
    return fileError(path, "tensor " + quoted(tensor.name) + " has " +
                               Twine(total) + " elements, " +
                               Twine(out.size()) + " from " +
                               Twine(firstElement) + " on were asked for");
  // Blocks that lie whole in the range go straight to `out`; the first and
  // last one may have to be cut.
  size_t bytes = getBits(tensor.dtype) / 8;
  size_t elements = getBlockElements(tensor.dtype);
  uint8_t window[1 << 16];
  float block[maxBlockElements];
  while (!out.empty()) {
    uint64_t first = firstElement / elements, skipped = firstElement % elements;
    bool isCut = skipped || out.size() < elements;
    size_t blocks =
        isCut ? 1 : std::min(out.size() / elements, sizeof(window) / bytes);
    if (Error e = readRaw(tensor, first * bytes,
                          MutableArrayRef<uint8_t>(window, blocks * bytes)))
      return e;
    size_t count = blocks * elements;
    if (isCut) {
      convertBlocks(tensor.dtype, window, block, 1);
      count = std::min<size_t>(elements - skipped, out.size());
      std::copy_n(block + skipped, count, out.data());
    } else {
      convertBlocks(tensor.dtype, window, out.data(), blocks);
    }
    firstElement += count;
    out = out.drop_front(count);
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Claims
//===----------------------------------------------------------------------===//

TensorClaims::TensorClaims(const Checkpoint &checkpoint)
    : checkpoint(checkpoint), claimed(checkpoint.tensors().size()) {}

Expected<const TensorInfo *> TensorClaims::claim(StringRef name,
                                                 ArrayRef<int64_t> shape) {
  const TensorInfo *tensor = checkpoint.find(name);
  if (!tensor)
    return fileError(checkpoint.directory(),
                     "tensor " + quoted(name) + " is missing");
  StringRef path = checkpoint.fileName(tensor->file);
  if (ArrayRef<int64_t>(tensor->shape) != shape)
    return fileError(path, "tensor " + quoted(name) + " has the shape " +
                               formatShape(tensor->shape) +
                               ", the configuration asks for " +
                               formatShape(shape));
  if (Error e = checkLoadable(*tensor, path))
    return std::move(e);
  claimed[tensor - checkpoint.tensors().data()] = true;
  return tensor;
}

Error TensorClaims::finish() const {
  constexpr unsigned listed = 4;
  std::string names;
  unsigned count = 0;
  for (const auto &[i, tensor] : enumerate(checkpoint.tensors())) {
    if (claimed[i] || StringRef(tensor.name).ends_with(".rotary_emb.inv_freq"))
      continue;
    if (++count <= listed)
      names += (count > 1 ? ", " : "") + quoted(tensor.name);
  }
  if (!count)
    return Error::success();
  return fileError(checkpoint.directory(),
                   Twine(count) + (count == 1 ? " tensor is" : " tensors are") +
                       " not part of the model: " + names +
                       (count > listed ? ", ..." : ""));
}

} // namespace fpmoe
