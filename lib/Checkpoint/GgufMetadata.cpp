//===- GgufMetadata.cpp - values of GGUF files ----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Typed views of what the parser has stored as bytes. See Gguf.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Gguf.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace llvm::support::endian;

namespace fpmoe {

namespace {
struct MetadataType {
  GgufType type;
  StringLiteral name;
  unsigned bytes;
};
} // namespace

static constexpr MetadataType metadataTypes[] = {
    {GgufType::U8, "U8", 1},         {GgufType::I8, "I8", 1},
    {GgufType::U16, "U16", 2},       {GgufType::I16, "I16", 2},
    {GgufType::U32, "U32", 4},       {GgufType::I32, "I32", 4},
    {GgufType::F32, "F32", 4},       {GgufType::Bool, "BOOL", 1},
    {GgufType::String, "STRING", 8}, {GgufType::Array, "ARRAY", 12},
    {GgufType::U64, "U64", 8},       {GgufType::I64, "I64", 8},
    {GgufType::F64, "F64", 8},
};

StringRef getName(GgufType type) {
  return metadataTypes[static_cast<unsigned>(type)].name;
}

unsigned getBytes(GgufType type) {
  return metadataTypes[static_cast<unsigned>(type)].bytes;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

std::optional<int64_t> GgufValue::integer(uint64_t i) const {
  const char *at = bytes.data();
  switch (type) {
  case GgufType::U8:
    return static_cast<uint8_t>(at[i]);
  case GgufType::I8:
    return static_cast<int8_t>(at[i]);
  case GgufType::U16:
    return read16le(at + 2 * i);
  case GgufType::I16:
    return static_cast<int16_t>(read16le(at + 2 * i));
  case GgufType::U32:
    return read32le(at + 4 * i);
  case GgufType::I32:
    return static_cast<int32_t>(read32le(at + 4 * i));
  case GgufType::I64:
    return static_cast<int64_t>(read64le(at + 8 * i));
  case GgufType::U64:
    if (uint64_t value = read64le(at + 8 * i); value <= INT64_MAX)
      return static_cast<int64_t>(value);
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

std::optional<double> GgufValue::real(uint64_t i) const {
  if (type == GgufType::F32)
    return bit_cast<float>(read32le(bytes.data() + 4 * i));
  if (type == GgufType::F64)
    return bit_cast<double>(read64le(bytes.data() + 8 * i));
  return std::nullopt;
}

std::optional<bool> GgufValue::boolean(uint64_t i) const {
  if (type != GgufType::Bool)
    return std::nullopt;
  return bytes[i] != 0;
}

std::optional<StringRef> GgufValue::string(uint64_t i) const {
  if (type != GgufType::String)
    return std::nullopt;
  return StringRef(bytes).slice(i ? ends[i - 1] : 0, ends[i]);
}

std::string GgufValue::describe() const {
  std::string name = getName(type).str();
  if (isArray)
    return "an array of " + std::to_string(count) + " " + name;
  if (auto value = integer())
    return "the " + name + " " + std::to_string(*value);
  if (auto value = real())
    return "the " + name + " " + std::to_string(*value);
  if (auto value = boolean())
    return "the BOOL " + std::string(*value ? "true" : "false");
  if (auto value = string())
    return "the STRING " + quoted(*value);
  return "a " + name + " above 63 bits";
}

//===----------------------------------------------------------------------===//
// Metadata
//===----------------------------------------------------------------------===//

const GgufValue *GgufMetadata::find(StringRef key) const {
  auto entry = entries.find(std::string_view(key));
  return entry == entries.end() ? nullptr : &entry->second;
}

Error GgufMetadata::error(StringRef key, const Twine &what) const {
  return fileError(fileName, printable(key) + " " + what);
}

Error GgufMetadata::wrong(StringRef key, StringRef expected) const {
  const GgufValue *value = find(key);
  if (!value)
    return fileError(fileName, "has no key " + quoted(key));
  return error(key, "is " + value->describe() + ", it must be " + expected);
}

Expected<int64_t> GgufMetadata::getInteger(StringRef key) const {
  const GgufValue *value = find(key);
  if (value && !value->isArray)
    if (std::optional<int64_t> number = value->integer())
      return *number;
  return wrong(key, "an integer");
}

Expected<double> GgufMetadata::getReal(StringRef key) const {
  const GgufValue *value = find(key);
  if (value && !value->isArray) {
    if (std::optional<double> number = value->real())
      return *number;
    if (std::optional<int64_t> number = value->integer())
      return static_cast<double>(*number);
  }
  return wrong(key, "a number");
}

Expected<bool> GgufMetadata::getBool(StringRef key) const {
  const GgufValue *value = find(key);
  if (value && !value->isArray)
    if (std::optional<bool> flag = value->boolean())
      return *flag;
  return wrong(key, "a BOOL");
}

Expected<StringRef> GgufMetadata::getString(StringRef key) const {
  const GgufValue *value = find(key);
  if (value && !value->isArray)
    if (std::optional<StringRef> text = value->string())
      return *text;
  return wrong(key, "a STRING");
}

Expected<const GgufValue *> GgufMetadata::getArray(StringRef key,
                                                   GgufType type) const {
  const GgufValue *value = find(key);
  if (value && value->isArray && value->type == type)
    return value;
  return wrong(key, ("an array of " + getName(type)).str());
}

} // namespace fpmoe
