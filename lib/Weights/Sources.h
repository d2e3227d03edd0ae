//===- Sources.h - the checkpoints of a model -------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the loads of recipes find their tensors: in the model's own checkpoint,
// or in one of the named parts that the model is assembled from. Also holds
// what prompts make of a part, which whoever can run it adds.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_SOURCES_H
#define FPMOE_LIB_WEIGHTS_SOURCES_H

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Checkpoint/Checkpoint.h"

#include <memory>

namespace fpmoe {

class GroupFile;

/// Cheap to copy; the model's own checkpoint must outlive it.
class Sources {
public:
  /// One checkpoint and no parts; null if nothing is loaded without a part.
  /*implicit*/ Sources(const Checkpoint *own = nullptr) : own(own) {}

  void add(llvm::StringRef part, std::shared_ptr<const Checkpoint> checkpoint) {
    parts[part] = std::move(checkpoint);
  }

  /// Gives every op with the attributes of `op` its vectors, [layers, width].
  void addState(PromptStateOp op, std::vector<float> vectors) {
    states[op->getAttrDictionary()] =
        std::make_shared<std::vector<float>>(std::move(vectors));
  }

  /// The vector of a layer; empty if it is not known.
  llvm::ArrayRef<float> findState(PromptStateOp op, int64_t layer) const {
    llvm::ArrayRef<float> all;
    if (auto found = states.lookup(op->getAttrDictionary()))
      all = *found;
    size_t width = op.getResult().getType().getDimSize(0);
    return all.size() / width > static_cast<size_t>(layer)
               ? all.slice(layer * width, width)
               : llvm::ArrayRef<float>();
  }

  /// Groups that take the place of those that `fpmoe.convert` makes.
  void setGroups(std::shared_ptr<const GroupFile> file) {
    groups = std::move(file);
  }
  /// Null: none were made.
  const GroupFile *getGroups() const { return groups.get(); }

  /// The checkpoint of a part, or of the model for an empty name; may be null.
  const Checkpoint *find(llvm::StringRef part = "") const {
    return part.empty() ? own : parts.lookup(part).get();
  }

private:
  const Checkpoint *own;
  llvm::StringMap<std::shared_ptr<const Checkpoint>> parts;
  /// By the attributes of a prompt_state.
  llvm::DenseMap<mlir::Attribute, std::shared_ptr<const std::vector<float>>>
      states;
  std::shared_ptr<const GroupFile> groups;
};

/// Opens the parts that recipes of the module load from, in the directories
/// that its `fpmoe.model` gives.
llvm::Expected<Sources> openSources(mlir::ModuleOp module,
                                    const Checkpoint *own);

} // namespace fpmoe

#endif // FPMOE_LIB_WEIGHTS_SOURCES_H
