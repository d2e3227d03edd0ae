//===- SafetensorsFuzzer.cpp - fuzz target of the header reader -*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whatever the bytes are, the reader gives an error, or tensors which tile the
// data and whose JSON LLVM's parser accepts too.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Checkpoint.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

using namespace fpmoe;
using namespace llvm;

static void check(bool condition) {
  if (!condition)
    __builtin_trap();
}

/// The name is a part of every message.
template <typename T> static bool succeeded(Expected<T> &value) {
  if (value)
    return true;
  check(StringRef(toString(value.takeError())).starts_with("file:"));
  return false;
}

static void checkTensors(StringRef header, uint64_t fileSize) {
  auto tensors = parseSafetensorsHeader(header, fileSize, "file");
  if (!succeeded(tensors))
    return;
  uint64_t end = 8 + header.size();
  for (const TensorInfo &tensor : *tensors) {
    check(tensor.offset == end && tensor.bytes <= fileSize - end);
    end += tensor.bytes;
    check(tensor.elements() * static_cast<uint64_t>(getBits(tensor.dtype)) ==
          tensor.bytes * 8);
    check(json::isUTF8(tensor.name));
  }
  check(end == fileSize);
  Expected<json::Value> value = json::parse(header);
  check(bool(value));
  const json::Object *object = value->getAsObject();
  check(object && object->size() ==
                      tensors->size() + (object->get("__metadata__") ? 1 : 0));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  StringRef bytes(reinterpret_cast<const char *>(data), size);
  auto whole = parseSafetensors(bytes, "file");
  succeeded(whole);
  // Mutations seldom get the length right: also take the header alone, with
  // the size of the file in front.
  if (size >= 8)
    checkTensors(bytes.drop_front(8), support::endian::read64le(data));
  auto index = parseCheckpointIndex(bytes, "file");
  if (succeeded(index))
    for (StringRef file : index->files)
      check(!file.contains('/') && !file.contains(".."));
  return 0;
}
