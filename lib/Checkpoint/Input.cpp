//===- Input.cpp - helpers of the readers of untrusted files ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Errors that name the file, text from a file made safe to print, and bounded
// reads. See Input.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

namespace fpmoe {

Error fileError(StringRef fileName, const Twine &what) {
  return createStringError(inconvertibleErrorCode(), fileName + ": " + what);
}

std::string printable(StringRef text, size_t limit) {
  std::string result;
  // A cut in the middle of a character leaves invalid UTF-8 as well.
  std::string valid = json::fixUTF8(text.take_front(limit));
  for (size_t i = 0; i < valid.size(); ++i) {
    unsigned char c = valid[i];
    // U+0080 to U+009F, which some terminals obey, are 0xC2 and one byte.
    unsigned char next = i + 1 < valid.size() ? valid[i + 1] : 0;
    bool isC1 = c == 0xC2 && next < 0xA0;
    if (isC1)
      c = valid[++i];
    if (c < 0x20 || c == 0x7F || isC1)
      result += "\\x" + utohexstr(c, /*LowerCase=*/true, 2);
    else
      result += valid[i];
  }
  return text.size() > limit ? result + "..." : result;
}

std::string quoted(StringRef text) { return "'" + printable(text) + "'"; }

/// How a file starts that git lfs has put in the place of a large one, and
/// what such a file is always shorter than.
static constexpr StringLiteral lfsStart = "version https://git-lfs.github.com/";
static constexpr uint64_t maxLfsPointer = 1024;

static bool isLfsPointer(int descriptor, uint64_t size) {
  char start[lfsStart.size()];
  return size > sizeof(start) && size < maxLfsPointer &&
         ::pread(descriptor, start, sizeof(start), 0) ==
             static_cast<ssize_t>(sizeof(start)) &&
         StringRef(start, sizeof(start)) == lfsStart;
}

Expected<int> openRegularFile(const std::string &path, uint64_t &size) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return fileError(path, Twine("cannot be opened: ") + std::strerror(errno));
  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return fileError(path, "is not a regular file");
  }
  size = static_cast<uint64_t>(status.st_size);
  if (isLfsPointer(descriptor, size)) {
    ::close(descriptor);
    return fileError(path, "is a pointer of git lfs, not the file itself; run "
                           "git lfs pull");
  }
  return descriptor;
}

Error readAt(int descriptor, StringRef path, uint64_t offset, uint8_t *out,
             uint64_t bytes) {
  while (bytes) {
    // One call transfers less than 2 GiB.
    size_t window = std::min<uint64_t>(bytes, 1 << 30);
    ssize_t count =
        ::pread(descriptor, out, window, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return fileError(path, "cannot be read at byte " + Twine(offset) + ": " +
                                 std::strerror(errno));
    if (count == 0)
      return fileError(path, "ends at byte " + Twine(offset) + ", " +
                                 Twine(bytes) + " more were to be read; it " +
                                 "became shorter after it was opened");
    out += count;
    offset += count;
    bytes -= count;
  }
  return Error::success();
}

Error writeAt(int descriptor, StringRef path, uint64_t offset,
              ArrayRef<uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::pwrite(descriptor, bytes.data(), bytes.size(),
                             static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return fileError(path, "cannot be written at byte " + Twine(offset) +
                                 ": " +
                                 std::strerror(count < 0 ? errno : ENOSPC));
    bytes = bytes.drop_front(count);
    offset += count;
  }
  return Error::success();
}

Expected<std::string> readSmallFile(const std::string &path, uint64_t limit) {
  uint64_t size = 0;
  Expected<int> descriptor = openRegularFile(path, size);
  if (!descriptor)
    return descriptor.takeError();
  if (size > limit) {
    ::close(*descriptor);
    return fileError(path, "is " + Twine(size) + " bytes long, the limit is " +
                               Twine(limit));
  }
  std::string text(size, '\0');
  uint64_t done = 0;
  while (done < size) {
    ssize_t count = ::read(*descriptor, &text[done], size - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      std::string reason = count < 0 ? std::strerror(errno)
                                     : "it became shorter while it was read";
      ::close(*descriptor);
      return fileError(path, "cannot be read: " + reason);
    }
    done += static_cast<uint64_t>(count);
  }
  ::close(*descriptor);
  return text;
}

std::optional<std::string> findFile(StringRef directoryOrFile, StringRef name) {
  if (!sys::fs::is_directory(directoryOrFile))
    return directoryOrFile.str();
  SmallString<256> path(directoryOrFile);
  sys::path::append(path, name);
  // A link that leads nowhere is there, and what opens it says so.
  sys::fs::file_status status;
  if (sys::fs::status(path, status, /*follow=*/false) ==
      errc::no_such_file_or_directory)
    return std::nullopt;
  return std::string(path);
}

} // namespace fpmoe
