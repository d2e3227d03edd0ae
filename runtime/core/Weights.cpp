//===- Weights.cpp - the weights of the program ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing in the file is believed before the trailer agrees with the program
// in magic, version, size and fingerprint. The blob is mapped, not read, so
// that a program starts at once, however large it is.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Weights.h"
#include "runtime/core/Machine.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fpmoe;

static_assert(sizeof(FpmoeTrailer) == FPMOE_TRAILER_BYTES,
              "the trailer has no padding");

static const char ownFile[] = "/proc/self/exe";

/// The name that this program was started by.
static std::string startName() {
  auto name = reinterpret_cast<const char *>(getauxval(AT_EXECFN));
  return name ? name : "";
}

/// The path of this program's file, for people and to find its neighbours.
static std::string ownPath() {
  if (fpmoe_library_file)
    return fpmoe_library_file();
  char self[PATH_MAX];
  ssize_t length = readlink(ownFile, self, sizeof(self));
  return length > 0 ? std::string(self, length) : startName();
}

std::string fpmoe::programFolder() {
  std::string path = ownPath();
  return path.substr(0, path.rfind('/') + 1);
}

std::string fpmoe::weightsPath(const std::string &chosen,
                               const char *besideName) {
  if (!chosen.empty())
    return chosen;
  if (*besideName)
    return programFolder() + besideName;
  if (fpmoe_library_file)
    return fpmoe_library_file();
  return access(ownFile, F_OK) == 0 ? ownFile : startName();
}

Status fpmoe::readTrailer(int file, const std::string &name,
                          uint64_t weightBytes, uint64_t fingerprint,
                          FpmoeTrailer &trailer) {
  using Number = unsigned long long;
  auto error = [&](const std::string &what) {
    return Status::error(name + ": " + what);
  };
  struct stat info;
  if (fstat(file, &info))
    return error(strerror(errno));
  if (!S_ISREG(info.st_mode))
    return error("is not a regular file, so it holds no weights");
  uint64_t size = info.st_size;
  if (size < FPMOE_TRAILER_BYTES)
    return error(format("has %llu bytes, too few to hold weights: %d bytes at "
                        "the end must say where they are",
                        Number(size), FPMOE_TRAILER_BYTES));
  if (pread(file, &trailer, sizeof(trailer), size - FPMOE_TRAILER_BYTES) !=
      FPMOE_TRAILER_BYTES)
    return error(format("cannot be read: %s", strerror(errno)));
  if (trailer.magic != FPMOE_MAGIC)
    return error("has no weights at its end: it was truncated or stripped, or "
                 "is not a weights file");
  if (trailer.abi_version != FPMOE_ABI_VERSION)
    return error(format("holds weights of format %u, this program reads %u",
                        trailer.abi_version, FPMOE_ABI_VERSION));
  uint64_t room = size - FPMOE_TRAILER_BYTES;
  if (trailer.offset % hugePageBytes || trailer.offset > room ||
      trailer.bytes != room - trailer.offset)
    return error(format("its weights should be bytes %llu to %llu + %llu, but "
                        "the file has %llu bytes before its last %d",
                        Number(trailer.offset), Number(trailer.offset),
                        Number(trailer.bytes), Number(room),
                        FPMOE_TRAILER_BYTES));
  if (trailer.fingerprint != fingerprint)
    return error("its weights belong to another program");
  if (trailer.bytes != weightBytes)
    return error(format("holds %llu bytes of weights, the program needs %llu",
                        Number(trailer.bytes), Number(weightBytes)));
  return Status::success();
}

/// Asks the kernel to read the blob ahead when it is not in memory yet.
/// Sampling keeps the start of a warm program free of a walk over all pages.
static void readAhead(const uint8_t *data, int64_t bytes) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  for (int i = 0; i < 64; ++i) {
    int64_t offset = bytes / 64 * i / page * page;
    unsigned char resident = 1;
    if (!mincore(const_cast<uint8_t *>(data) + offset, 1, &resident) &&
        !(resident & 1)) {
      madvise(const_cast<uint8_t *>(data), bytes, MADV_WILLNEED);
      return;
    }
  }
}

/// Maps the blob so that whole huge pages of the file can be mapped as such:
/// at an address that is a multiple of their size, as its offset is.
static void *mapBlob(int file, uint64_t offset, uint64_t bytes) {
  size_t reserved = bytes + hugePageBytes;
  void *room = mmap(nullptr, reserved, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED)
    return MAP_FAILED;
  auto first = reinterpret_cast<uintptr_t>(room);
  uintptr_t aligned =
      (first + hugePageBytes - 1) & ~uintptr_t(hugePageBytes - 1);
  void *mapped = mmap(reinterpret_cast<void *>(aligned), bytes, PROT_READ,
                      MAP_SHARED | MAP_FIXED, file, offset);
  if (mapped == MAP_FAILED) {
    munmap(room, reserved);
    return MAP_FAILED;
  }
  madvise(mapped, bytes, MADV_HUGEPAGE); // a wish, for reading ahead
  return mapped;
}

/// Leaves of the blob what a rank has of it.
static Status takePart(const FpmoeModel &model, int32_t rank,
                       const std::string &name, FpmoeTrailer &trailer) {
  using Number = unsigned long long;
  uint64_t part = model.rank_weight_bytes, whole;
  if (model.ranks <= 1)
    return Status::success();
  if (rank < 0 || rank >= model.ranks || part % hugePageBytes ||
      __builtin_mul_overflow(part, uint64_t(model.ranks), &whole) ||
      whole != trailer.bytes)
    return Status::error(format("%s: rank %d of %llu cannot have %llu of its "
                                "%llu bytes of weights",
                                name.c_str(), rank, Number(model.ranks),
                                Number(part), Number(trailer.bytes)));
  trailer.offset += rank * part;
  trailer.bytes = part;
  return Status::success();
}

Status Weights::open(const std::string &path, const FpmoeModel &model,
                     uint64_t fingerprint, std::unique_ptr<Weights> &result,
                     int32_t rank) {
  std::string name = path == ownFile ? ownPath() : path;
  // What is no regular file is refused below: it must not be waited for.
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    int reason = errno;
    std::string advice;
    if (access("/proc/self", F_OK))
      advice = "; /proc is not mounted, which tells where the program is: name "
               "the file with --weights";
    return Status::error(format("%s: cannot open the weights: %s%s",
                                name.c_str(), strerror(reason),
                                advice.c_str()));
  }
  FpmoeTrailer trailer;
  Status status =
      readTrailer(file, name, model.weight_bytes, fingerprint, trailer);
  if (!status.failed())
    status = takePart(model, rank, name, trailer);
  if (status.failed()) {
    close(file);
    return status;
  }
  std::unique_ptr<Weights> weights(new Weights);
  weights->bytes = trailer.bytes;
  void *mapped =
      trailer.bytes ? mapBlob(file, trailer.offset, trailer.bytes) : nullptr;
  int reason = errno;
  close(file);
  if (mapped == MAP_FAILED)
    return Status::error(format(
        "%s: cannot map %llu bytes of weights: %s", name.c_str(),
        static_cast<unsigned long long>(trailer.bytes), strerror(reason)));
  weights->mapped = static_cast<const uint8_t *>(mapped);
  if (mapped)
    readAhead(weights->mapped, weights->bytes);
  result = std::move(weights);
  return Status::success();
}

Weights::~Weights() {
  if (mapped)
    munmap(const_cast<uint8_t *>(mapped), bytes);
}

double Weights::hugeShare() const {
  FILE *file = fopen("/proc/self/smaps", "r");
  if (!file)
    return 0;
  auto first = reinterpret_cast<uintptr_t>(data());
  bool isBlob = false;
  double resident = 0, huge = 0;
  char line[512], name[64];
  while (fgets(line, sizeof(line), file)) {
    unsigned long long start, end, kilobytes;
    if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
      isBlob = first >= start && first < end;
    else if (isBlob &&
             sscanf(line, "%63[^:]: %llu kB", name, &kilobytes) == 2) {
      if (!strcmp(name, "Rss"))
        resident += kilobytes;
      if (!strcmp(name, "AnonHugePages") || !strcmp(name, "FilePmdMapped"))
        huge += kilobytes;
    }
  }
  fclose(file);
  return resident > 0 ? huge / resident : 0;
}

void Weights::planCopy(HugePages when, int64_t uses) {
  // Below this size the translation caches cover the blob, and below this
  // number of uses no copy pays.
  constexpr int64_t smallest = 64 << 20, fewest = 32, margin = 1 << 30;
  if (copy.data() || bytes == 0 || when == HugePages::off)
    return;
  if (when == HugePages::automatic &&
      (bytes < smallest || uses <= fewest ||
       availableMemory() - margin < bytes || hugeShare() > 0.75))
    return;
  if (copy.allocate(bytes, "the weights in huge pages").failed())
    copy.release(); // the mapped file serves as well, only slower
}

void Weights::continueCopy(Team &team, double forSeconds, double worth) {
  if (complete || !copy.data())
    return;
  double start = seconds(), before = copySeconds;
  do {
    int64_t piece = hugePageBytes * 4;
    int64_t first = copied;
    team.run([&](int64_t worker) {
      int64_t from = first + worker * piece;
      if (from < bytes)
        memcpy(copy.data() + from, mapped + from,
               std::min(piece, bytes - from));
    });
    copied = std::min<int64_t>(bytes, first + team.size() * piece);
    copySeconds = before + seconds() - start;
    if (copySeconds / copied * (bytes - copied) > worth) {
      copy.release();
      copied = 0;
      return;
    }
  } while (copied < bytes && seconds() - start < forSeconds);
  if (copied < bytes)
    return;
  complete = true;
  munmap(const_cast<uint8_t *>(mapped), bytes);
  mapped = nullptr;
}
