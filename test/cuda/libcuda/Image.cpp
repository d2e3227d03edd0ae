//===- Image.cpp - modules and functions ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a module is loaded from: LLVM IR itself, as bitcode or text, or PTX or a
// cubin, for which the folder FPMOE_EMULATOR_IMAGES has the bitcode by the
// SHA-256 of the image.
//
//===----------------------------------------------------------------------===//

#include "Driver.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"
#include <cstring>

using namespace llvm;
using namespace fpmoe;
using namespace fpmoe::libcuda;

// The driver's interface gives no size. Of bitcode: LLVM Bitcode File Format,
// its blocks, the last of which has the strings.
static size_t bitcodeBytes(const char *image) {
  constexpr unsigned identification = 13, module = 8, strings = 23,
                     symbols = 25;
  size_t at = 4;
  for (;;) {
    BitstreamCursor cursor(StringRef(image + at, 16));
    auto abbreviation = cursor.ReadCode();
    if (!abbreviation || *abbreviation != bitc::ENTER_SUBBLOCK)
      return at;
    auto block = cursor.ReadVBR(bitc::BlockIDWidth);
    auto width = cursor.ReadVBR(bitc::CodeLenWidth);
    if (!block || !width)
      return at;
    if (*block != identification && *block != module && *block != strings &&
        *block != symbols)
      return at;
    uint32_t words;
    std::memcpy(&words, image + at + 4, 4);
    at += 8 + size_t(words) * 4;
    if (*block == strings)
      return at;
  }
}

template <typename T> static T field(const char *image, size_t offset) {
  T value;
  std::memcpy(&value, image + offset, sizeof value);
  return value;
}

// To the end of the sections and of their table.
static size_t elfBytes(const char *image) {
  uint64_t table = field<uint64_t>(image, 40);
  unsigned entry = field<uint16_t>(image, 58);
  unsigned count = field<uint16_t>(image, 60);
  uint64_t end = table + uint64_t(entry) * count;
  for (unsigned i = 0; i < count; ++i) {
    const char *section = image + table + uint64_t(i) * entry;
    constexpr uint32_t noBits = 8;
    if (field<uint32_t>(section, 4) != noBits)
      end = std::max(end, field<uint64_t>(section, 24) +
                              field<uint64_t>(section, 32));
  }
  return end;
}

// Code for one GPU runs on those of its major version that are no older; PTX
// on all that are no older; with an "a", on that one alone.
static bool runsOn(unsigned target, bool isBinary, bool alone,
                   unsigned capability) {
  if (alone)
    return target == capability;
  return target <= capability && (!isBinary || target / 10 == capability / 10);
}

static bool fits(StringRef image, unsigned capability) {
  if (image.starts_with("\177ELF")) {
    uint32_t flags = field<uint32_t>(image.data(), 48);
    bool isNew = field<uint8_t>(image.data(), 8) >= 8;
    unsigned target = isNew ? flags >> 8 & 0xff : flags & 0xff;
    return runsOn(target, true, false, capability);
  }
  StringRef target = image.substr(image.find(".target sm_")).drop_front(11);
  StringRef digits = target.take_while(isDigit);
  unsigned number = 0;
  digits.getAsInteger(10, number);
  return runsOn(number, false, target.substr(digits.size()).starts_with("a"),
                capability);
}

Expected<std::unique_ptr<emulator::Program>>
fpmoe::libcuda::loadImage(Driver &driver, const void *image, CUresult &error) {
  const char *bytes = static_cast<const char *>(image);
  auto parse = [&](MemoryBufferRef buffer) {
    error = CUDA_ERROR_INVALID_IMAGE;
    return driver.device.load(buffer);
  };
  if (!std::memcmp(bytes, "BC\xc0\xde", 4))
    return parse({StringRef(bytes, bitcodeBytes(bytes)), "bitcode"});
  bool isBinary = !std::memcmp(bytes, "\177ELF", 4);
  StringRef text(bytes, isBinary ? elfBytes(bytes) : std::strlen(bytes));
  bool isPtx = text.contains(".target sm_");
  if (!isBinary && !isPtx) {
    if (text.contains("define "))
      return parse({text, "text"});
    error = CUDA_ERROR_INVALID_PTX;
    return createStringError(
        "the image is neither LLVM IR nor PTX nor a cubin");
  }
  error = CUDA_ERROR_NO_BINARY_FOR_GPU;
  if (!fits(text, driver.settings.capability))
    return createStringError("the image is not for sm_" +
                             Twine(driver.settings.capability));
  std::string name = toHex(SHA256::hash(arrayRefFromStringRef(text)),
                           /*LowerCase=*/true) +
                     ".bc";
  std::string path = driver.settings.images + "/" + name;
  auto bitcode = MemoryBuffer::getFile(path);
  if (!bitcode) {
    error = CUDA_ERROR_FILE_NOT_FOUND;
    return createStringError("the emulator has no bitcode of this image: " +
                             path + ": " + bitcode.getError().message());
  }
  return parse(**bitcode);
}
