//===- GroupFile.cpp - Groups made before the weights are -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/GroupFile.h"
#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

using namespace llvm;

namespace fpmoe {

Expected<std::unique_ptr<GroupFile>> GroupFile::create() {
  SmallString<128> folder;
  sys::path::system_temp_directory(/*ErasedOnReboot=*/true, folder);
  int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) { // not every file system has files without a name
    std::string path = (folder + "/fpmoe-groups-XXXXXX").str();
    file = ::mkostemp(path.data(), O_CLOEXEC);
    if (file >= 0)
      ::unlink(path.c_str());
  }
  if (file < 0)
    return fileError(folder,
                     "no temporary file can be made: " + sys::StrError());
  return std::unique_ptr<GroupFile>(new GroupFile(file, folder.str().str()));
}

GroupFile::~GroupFile() { ::close(file); }

void GroupFile::add(WeightOp weight, int64_t layer, int64_t groups) {
  if (starts.try_emplace(keyOf(weight, layer), size).second)
    size += groups;
}

int64_t GroupFile::placeOf(WeightOp weight, int64_t layer,
                           int64_t group) const {
  return (starts.at(keyOf(weight, layer)) + group) *
         static_cast<int64_t>(sizeof(Group));
}

Error GroupFile::write(WeightOp weight, int64_t layer, int64_t first,
                       ArrayRef<Group> groups) {
  int64_t place = placeOf(weight, layer, first);
  StringRef bytes(reinterpret_cast<const char *>(groups.data()),
                  groups.size() * sizeof(Group));
  while (!bytes.empty()) {
    ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), place);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return fileError(folder, "a temporary file cannot be written: " +
                                   sys::StrError(count < 0 ? errno : ENOSPC));
    bytes = bytes.drop_front(count);
    place += count;
  }
  return Error::success();
}

Error GroupFile::read(WeightOp weight, int64_t layer, int64_t first,
                      MutableArrayRef<Group> groups) const {
  return readAt(file, folder, placeOf(weight, layer, first),
                reinterpret_cast<uint8_t *>(groups.data()),
                groups.size() * sizeof(Group));
}

} // namespace fpmoe
