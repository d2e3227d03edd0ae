//===- GgufFiles.cpp - finding and opening GGUF files ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model may lie in several files, which name each other by their number. See
// Gguf.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Gguf.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

using namespace llvm;

namespace fpmoe {

Expected<GgufFile> parseGguf(StringRef buffer, StringRef fileName) {
  auto read = [&](uint64_t offset, MutableArrayRef<uint8_t> out) {
    std::copy_n(buffer.begin() + offset, out.size(), out.begin());
    return Error::success();
  };
  return parseGguf(read, buffer.size(), fileName);
}

/// Of one file, whose number among all is `part`.
static Expected<GgufFile> readHeader(StringRef path, unsigned part) {
  uint64_t size = 0;
  Expected<int> descriptor = openRegularFile(path.str(), size);
  if (!descriptor)
    return descriptor.takeError();
  scope_exit close([&] { ::close(*descriptor); });
  auto read = [&](uint64_t offset, MutableArrayRef<uint8_t> out) {
    return readAt(*descriptor, path, offset, out.data(), out.size());
  };
  return parseGguf(read, size, path, part);
}

static std::string partEnding(int64_t number, int64_t count) {
  std::string ending;
  raw_string_ostream(ending)
      << format("-%05d-of-%05d.gguf", static_cast<int>(number + 1),
                static_cast<int>(count));
  return ending;
}

/// All parts of the model that the file is one of.
static Expected<GgufFile> readParts(StringRef path, const GgufFile &given) {
  int64_t count = given.partCount;
  std::string ending = partEnding(given.partNumber, count);
  StringRef start = path;
  if (!start.consume_back(ending))
    return fileError(path, "is one of " + Twine(count) +
                               " parts of a model; its name must end in " +
                               ending + ", so that the others can be found");
  GgufFile whole;
  for (int64_t i = 0; i < count; ++i) {
    whole.parts.push_back(start.str() + partEnding(i, count));
    const std::string &name = whole.parts.back();
    Expected<GgufFile> part = readHeader(name, i);
    if (!part)
      return part.takeError();
    if (part->partNumber != i || part->partCount != count)
      return fileError(name, "is part " + Twine(part->partNumber + 1) + " of " +
                                 Twine(part->partCount) +
                                 ", its name says part " + Twine(i + 1) +
                                 " of " + Twine(count));
    append_range(whole.tensors, part->tensors);
    if (i == 0)
      whole.metadata = std::move(part->metadata);
  }
  const StringRef totalKey = "split.tensors.count";
  if (!whole.metadata.has(totalKey))
    return whole;
  Expected<int64_t> total = whole.metadata.getInteger(totalKey);
  if (!total)
    return total.takeError();
  if (*total != static_cast<int64_t>(whole.tensors.size()))
    return whole.metadata.error(totalKey, "is " + Twine(*total) + ", the " +
                                              Twine(count) + " parts have " +
                                              Twine(whole.tensors.size()) +
                                              " tensors");
  return whole;
}

Expected<GgufFile> readGguf(StringRef path) {
  Expected<GgufFile> file = readHeader(path, 0);
  if (!file)
    return file.takeError();
  if (file->partCount > 1)
    return readParts(path, *file);
  file->parts = {path.str()};
  return file;
}

bool isGgufPath(StringRef path) {
  if (!sys::fs::is_regular_file(path))
    return false;
  if (path.ends_with(".gguf"))
    return true;
  uint64_t size = 0;
  Expected<int> descriptor = openRegularFile(path.str(), size);
  if (!descriptor) {
    consumeError(descriptor.takeError());
    return false;
  }
  char start[ggufMagic.size()] = {};
  bool isWhole = ::pread(*descriptor, start, sizeof(start), 0) ==
                 static_cast<ssize_t>(sizeof(start));
  ::close(*descriptor);
  return isWhole && StringRef(start, sizeof(start)) == ggufMagic;
}

} // namespace fpmoe
