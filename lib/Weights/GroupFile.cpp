//===- GroupFile.cpp - Groups made before the weights are -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/GroupFile.h"
#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

#include <unistd.h>

using namespace llvm;

namespace fpmoe {

Expected<std::unique_ptr<GroupFile>> GroupFile::create() {
  SmallString<128> path;
  sys::path::system_temp_directory(/*ErasedOnReboot=*/true, path);
  sys::path::append(path, "fpmoe-groups-" + Twine(::getpid()));
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  return std::unique_ptr<GroupFile>(new GroupFile(std::move(*file)));
}

void GroupFile::add(WeightOp weight, int64_t layer, int64_t groups) {
  if (instances.try_emplace(keyOf(weight, layer), Instance{size, groups})
          .second)
    size += groups;
}

int64_t GroupFile::placeOf(WeightOp weight, int64_t layer,
                           int64_t group) const {
  return (instances.at(keyOf(weight, layer)).start + group) *
         static_cast<int64_t>(sizeof(Group));
}

Error GroupFile::write(WeightOp weight, int64_t layer, int64_t first,
                       ArrayRef<Group> groups) {
  return writeAt(file.descriptor(), file.getPath(),
                 placeOf(weight, layer, first),
                 ArrayRef(reinterpret_cast<const uint8_t *>(groups.data()),
                          groups.size() * sizeof(Group)));
}

Error GroupFile::read(WeightOp weight, int64_t layer, int64_t first,
                      MutableArrayRef<Group> groups) const {
  return readAt(file.descriptor(), file.getPath(),
                placeOf(weight, layer, first),
                reinterpret_cast<uint8_t *>(groups.data()),
                groups.size() * sizeof(Group));
}

} // namespace fpmoe
