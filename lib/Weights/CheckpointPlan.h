//===- CheckpointPlan.h - weights as safetensors files ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lays out the tensors of a model in one safetensors file or several shards
// with an index, as Hugging Face directories have them.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_CHECKPOINTPLAN_H
#define FPMOE_LIB_WEIGHTS_CHECKPOINTPLAN_H

#include "lib/Weights/Write.h"

namespace fpmoe {

/// One file: its header with the length in front, then the tensors.
struct CheckpointShard {
  std::string fileName;
  std::string header;
  std::vector<Placement> placements;
  /// Of the whole file.
  uint64_t bytes = 0;
};

struct CheckpointPlan {
  std::vector<CheckpointShard> shards;
  /// The text of model.safetensors.index.json; empty with one shard.
  std::string index;
};

/// Each weight of the module is a tensor, one for each layer if it has any: its
/// symbol is the name, with `{}` for the layer. A shard holds tensors of at
/// most `shardBytes`, or a single one.
CheckpointPlan planCheckpoint(mlir::ModuleOp tensors, uint64_t shardBytes);

} // namespace fpmoe

#endif // FPMOE_LIB_WEIGHTS_CHECKPOINTPLAN_H
