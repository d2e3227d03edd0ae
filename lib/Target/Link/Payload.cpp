//===- Payload.cpp - weights behind a program -------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The counterpart of runtime/core/Weights.cpp, which checks at every start
// what is written here.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Link/Payload.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/MathExtras.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

static_assert(sizeof(FpmoeTrailer) == FPMOE_TRAILER_BYTES,
              "the trailer is written as it lies in memory");

static constexpr uint64_t alignment = 2 << 20;

uint64_t fpmoe::payloadOffset(uint64_t bytes) {
  return alignTo(bytes, alignment);
}

FpmoeTrailer fpmoe::makeTrailer(uint64_t offset, uint64_t bytes,
                                uint64_t fingerprint) {
  FpmoeTrailer trailer = {};
  trailer.magic = FPMOE_MAGIC;
  trailer.abi_version = FPMOE_ABI_VERSION;
  trailer.offset = offset;
  trailer.bytes = bytes;
  trailer.fingerprint = fingerprint;
  return trailer;
}

Error fpmoe::writeTrailer(int file, StringRef name,
                          const FpmoeTrailer &trailer) {
  struct stat status;
  if (::fstat(file, &status) != 0)
    return createStringError(name + ": " + sys::StrError());
  uint64_t size = status.st_size;
  if (trailer.offset % alignment || size < trailer.offset ||
      size - trailer.offset != trailer.bytes)
    return createStringError(
        name + ": has " + Twine(size) + " bytes, its weights should be " +
        Twine(trailer.bytes) + " bytes at " + Twine(trailer.offset));
  ssize_t written = sys::RetryAfterSignal(-1, ::pwrite, file, &trailer,
                                          sizeof(trailer), status.st_size);
  if (written != sizeof(trailer))
    return createStringError(name + ": cannot be written: " +
                             sys::StrError(written < 0 ? errno : ENOSPC));
  return Error::success();
}

Error fpmoe::setFingerprint(std::string &program, uint64_t fingerprint) {
  auto file = object::ELFFile<object::ELF64LE>::create(program);
  if (!file)
    return file.takeError();
  auto sections = file->sections();
  if (!sections)
    return sections.takeError();
  for (const auto &table : *sections) {
    if (table.sh_type != ELF::SHT_SYMTAB)
      continue;
    auto symbols = file->symbols(&table);
    if (!symbols)
      return symbols.takeError();
    auto names = file->getStringTableForSymtab(table);
    if (!names)
      return names.takeError();
    for (const auto &symbol : *symbols) {
      auto name = symbol.getName(*names);
      if (!name)
        return name.takeError();
      if (*name != "fpmoe_weights_fingerprint")
        continue;
      auto section = file->getSection(symbol.st_shndx);
      if (!section)
        return section.takeError();
      uint64_t at =
          (*section)->sh_offset + symbol.st_value - (*section)->sh_addr;
      support::endian::write64le(&program[at], fingerprint);
      return Error::success();
    }
  }
  return createStringError("the program has no fpmoe_weights_fingerprint");
}

bool fpmoe::hasTrailer(const std::string &path) {
  int file = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0)
    return false;
  FpmoeTrailer trailer = {};
  struct stat status;
  bool isRead =
      ::fstat(file, &status) == 0 && status.st_size >= FPMOE_TRAILER_BYTES &&
      ::pread(file, &trailer, sizeof(trailer),
              status.st_size - FPMOE_TRAILER_BYTES) == FPMOE_TRAILER_BYTES;
  ::close(file);
  return isRead && trailer.magic == FPMOE_MAGIC;
}
