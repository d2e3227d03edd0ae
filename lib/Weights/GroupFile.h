//===- GroupFile.h - Groups made before the weights are ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Where integers are chosen with regard to what a matrix multiplies, they are
// made in the order of the layers and read in that of the program's weights. A
// file without a name holds them meanwhile.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_GROUPFILE_H
#define FPMOE_LIB_WEIGHTS_GROUPFILE_H

#include "lib/Tool/Output.h"
#include "lib/Weights/Groups.h"

#include <map>
#include <memory>
#include <string>

namespace fpmoe {

/// Groups of instances of weights, row by row. Reading is thread-safe.
class GroupFile {
public:
  /// In the system's folder of temporary files.
  static llvm::Expected<std::unique_ptr<GroupFile>> create();

  /// Makes room for the groups of an instance, which all have to be written.
  void add(WeightOp weight, int64_t layer, int64_t groups);
  bool contains(WeightOp weight, int64_t layer) const {
    return instances.count(keyOf(weight, layer));
  }
  /// So many as were added.
  int64_t getNumGroups(WeightOp weight, int64_t layer) const {
    return instances.at(keyOf(weight, layer)).groups;
  }

  /// Groups from number `first` on of an instance that was added.
  llvm::Error write(WeightOp weight, int64_t layer, int64_t first,
                    llvm::ArrayRef<Group> groups);
  llvm::Error read(WeightOp weight, int64_t layer, int64_t first,
                   llvm::MutableArrayRef<Group> groups) const;

private:
  /// Modules of later phases have the weight by the same name.
  using Key = std::pair<std::string, int64_t>;
  static Key keyOf(WeightOp weight, int64_t layer) {
    return {weight.getSymName().str(), layer};
  }

  explicit GroupFile(OutputFile file) : file(std::move(file)) {}
  int64_t placeOf(WeightOp weight, int64_t layer, int64_t group) const;

  OutputFile file;  ///< never kept
  int64_t size = 0; ///< in groups
  struct Instance {
    int64_t start, groups;
  };
  std::map<Key, Instance> instances;
};

} // namespace fpmoe

#endif
