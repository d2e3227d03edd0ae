//===- EmulateArguments.cpp - buffers and arguments of fpmoe-emulate ---*- C++
//-*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulateArguments.h"
#include "Numbers.h"
#include "Operations.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace llvm;
using namespace fpmoe::emulator;

uint64_t Buffer::elementBytes() const {
  return StringSwitch<uint64_t>(type)
      .Cases({"i8", "u8"}, 1)
      .Cases({"bf16", "f16", "i16"}, 2)
      .Cases({"f32", "i32"}, 4)
      .Case("i64", 8)
      .Default(0);
}

double Buffer::get(uint64_t index) const {
  uint64_t bits = 0, bytes = elementBytes();
  std::memcpy(&bits, reinterpret_cast<void *>(address + index * bytes), bytes);
  if (type == "f32")
    return asFloat(bits);
  if (type == "bf16" || type == "f16")
    return toFloat(bits, type == "f16" ? Format::F16 : Format::BF16);
  if (type == "u8")
    return bits;
  unsigned unused = 64 - 8 * bytes;
  return int64_t(bits << unused) >> unused;
}

void Buffer::set(uint64_t index, double value) const {
  uint64_t bits = int64_t(value);
  if (type == "f32")
    bits = asBits(value);
  else if (type == "bf16" || type == "f16")
    bits = fromDouble(value, type == "f16" ? Format::F16 : Format::BF16);
  std::memcpy(reinterpret_cast<void *>(address + index * elementBytes()), &bits,
              elementBytes());
}

Error Buffer::initialise(Memory &memory) const {
  StringRef how = fill;
  if (how.empty()) {
    memory.markUnwritten(address, count * elementBytes());
    return Error::success();
  }
  memory.markWritten(address, count * elementBytes());
  if (how.consume_front("@")) {
    auto file = MemoryBuffer::getFile(how);
    if (!file)
      return createStringError("buffer '" + name + "': cannot read '" + how +
                               "': " + file.getError().message());
    if ((*file)->getBufferSize() != count * elementBytes())
      return createStringError(
          "buffer '" + name + "' has " + Twine(count * elementBytes()) +
          " bytes, file '" + how + "' " + Twine((*file)->getBufferSize()));
    std::memcpy(reinterpret_cast<void *>(address), (*file)->getBufferStart(),
                (*file)->getBufferSize());
    return Error::success();
  }
  if (how == "zero" || how == "iota") {
    for (uint64_t i = 0; i < count; ++i)
      set(i, how == "iota" ? i : 0);
    return Error::success();
  }
  if (how.consume_front("random")) {
    uint64_t seed = 1;
    how.consume_front("(");
    how.consume_back(")");
    if (!how.empty() && how.getAsInteger(10, seed))
      return createStringError("buffer '" + name + "': seed '" + how + "'");
    std::mt19937_64 draw(seed);
    for (uint64_t i = 0; i < count; ++i)
      set(i, elementBytes() < 2 || type[0] == 'i'
                 ? double(draw() % 255) - (type == "u8" ? 0 : 127)
                 : double(draw() % 2048) / 1024 - 1);
    return Error::success();
  }
  SmallVector<StringRef> values;
  how.split(values, ',');
  if (values.size() != count)
    return createStringError("buffer '" + name + "' has " + Twine(count) +
                             " elements, and is filled with " +
                             Twine(values.size()));
  for (auto [i, text] : enumerate(values)) {
    double value;
    if (text.getAsDouble(value))
      return createStringError("buffer '" + name + "': '" + text +
                               "' is no number");
    set(i, value);
  }
  return Error::success();
}

Expected<Buffer> fpmoe::emulator::parseBuffer(StringRef text) {
  Buffer buffer;
  auto [head, fill] = text.split('=');
  auto [name, type] = head.split(':');
  auto [element, count] = type.split('[');
  buffer.name = name.str();
  buffer.type = element.str();
  buffer.fill = fill.str();
  if (!count.consume_back("]") || count.getAsInteger(10, buffer.count) ||
      buffer.elementBytes() == 0 || name.empty())
    return createStringError("--buffer=" + text +
                             ": expected name:type[count], with a type of i8, "
                             "u8, i16, i32, i64, f16, bf16, f32");
  return buffer;
}

Expected<uint64_t> fpmoe::emulator::parseArgument(StringRef text,
                                                  ArrayRef<Buffer> buffers) {
  auto [type, value] = text.split(':');
  double number;
  int64_t integer;
  if (type == "f32" && !value.getAsDouble(number))
    return asBits(number);
  if ((type == "i32" || type == "i64") && !value.getAsInteger(0, integer))
    return uint64_t(integer);
  auto [name, offset] = text.split('+');
  uint64_t bytes = 0;
  const auto *found = find_if(
      buffers, [name = name](const Buffer &each) { return each.name == name; });
  if (found == buffers.end() ||
      (!offset.empty() && offset.getAsInteger(10, bytes)))
    return createStringError("--arg=" + text +
                             ": expected i32:N, i64:N, f32:X, or a buffer, "
                             "maybe with +bytes");
  return found->address + bytes;
}

Expected<Dim3> fpmoe::emulator::parseDim3(StringRef text) {
  SmallVector<StringRef> parts;
  text.split(parts, ',');
  Dim3 result;
  unsigned *sizes[] = {&result.x, &result.y, &result.z};
  if (parts.size() > 3)
    return createStringError("'" + text + "' has more than three sizes");
  for (auto [part, size] : zip(parts, sizes))
    if (part.getAsInteger(10, *size) || *size == 0)
      return createStringError("'" + part + "' is no size");
  return result;
}
