//===- GgufFuzzer.cpp - fuzz target of the GGUF reader ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whatever the bytes are, the reader gives an error, or values that can all be
// looked at and tensors inside the file, whose blocks can be converted.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Gguf.h"

#include "llvm/Support/JSON.h"

using namespace fpmoe;
using namespace llvm;

static void check(bool condition) {
  if (!condition)
    __builtin_trap();
}

static void checkValue(const GgufValue &value) {
  check(value.isArray || value.count == 1);
  check(!value.describe().empty());
  for (uint64_t i = 0; i < value.count; ++i) {
    int kinds = value.integer(i).has_value() + value.real(i).has_value() +
                value.boolean(i).has_value() + value.string(i).has_value();
    check(kinds == 1 || (kinds == 0 && value.type == GgufType::U64));
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  StringRef bytes(reinterpret_cast<const char *>(data), size);
  Expected<GgufFile> file = parseGguf(bytes, "file");
  if (!file) {
    std::string message = toString(file.takeError());
    check(StringRef(message).starts_with("file: ") && json::isUTF8(message));
    return 0;
  }
  for (const auto &[key, value] : file->metadata.values()) {
    check(!key.empty() && json::isUTF8(key));
    checkValue(value);
  }
  uint64_t end = 24;
  for (const TensorInfo &tensor : file->tensors) {
    check(tensor.offset >= end && tensor.offset <= size);
    check(tensor.bytes <= size - tensor.offset);
    end = tensor.offset + tensor.bytes;
    unsigned block = getBlockElements(tensor.dtype);
    check(tensor.shape.back() % block == 0);
    check(tensor.elements() / block * getBits(tensor.dtype) / 8 ==
          tensor.bytes);
    float out[maxBlockElements];
    if (tensor.bytes && isLoadable(tensor.dtype))
      convertBlocks(tensor.dtype, data + tensor.offset, out, 1);
  }
  return 0;
}
