//===- OutputFile.cpp - a file that appears whole or not at all ---*- C++
//-*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A full disk often shows only when the file is closed, so commit checks that
// as well as every write.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fpmoe;

OutputFile::~OutputFile() {
  if (file)
    fclose(file);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

Status OutputFile::failure(int reason) const {
  return Status::error(target +
                       ": cannot write: " + strerror(reason ? reason : EIO));
}

Status OutputFile::open(const std::string &path,
                        const std::vector<std::string> &inputs) {
  target = path;
  struct stat info, other;
  bool exists = stat(path.c_str(), &info) == 0;
  bool inPlace = exists && !S_ISREG(info.st_mode);
  auto isTarget = [&](const std::string &input) {
    return stat(input.c_str(), &other) == 0 && other.st_dev == info.st_dev &&
           other.st_ino == info.st_ino;
  };
  if (exists && !inPlace &&
      (isTarget("/proc/self/exe") ||
       std::any_of(inputs.begin(), inputs.end(), isTarget)))
    return Status::error(target + ": cannot write: it is an input; give the "
                                  "output another name");
  std::string name = path;
  int flags = O_WRONLY | O_CLOEXEC;
  if (!inPlace) {
    name += format(".%d.partial", static_cast<int>(getpid()));
    flags |= O_CREAT | O_EXCL;
  }
  int descriptor = ::open(name.c_str(), flags, 0666);
  if (descriptor < 0)
    return failure(errno);
  if (!inPlace)
    temporary = name;
  file = fdopen(descriptor, "wb");
  return file ? Status::success() : failure(errno);
}

Status OutputFile::write(const void *data, size_t bytes) {
  errno = 0;
  if (fwrite(data, 1, bytes, file) != bytes)
    return failure(errno);
  return Status::success();
}

Status OutputFile::commit() {
  errno = 0;
  int result = fclose(file);
  file = nullptr;
  if (result)
    return failure(errno);
  if (!temporary.empty() && rename(temporary.c_str(), target.c_str()))
    return failure(errno);
  temporary.clear();
  return Status::success();
}
