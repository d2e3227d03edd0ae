//===- Checkpoint.h - the tensors of a checkpoint ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens `model.safetensors` of a directory, or the shards that its
// `model.safetensors.index.json` names, or a GGUF file, and reads windows of
// their tensors as f32. Nothing is mapped: a file that shrinks or changes while
// it is read gives an error, not a signal.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CHECKPOINT_CHECKPOINT_H
#define FPMOE_LIB_CHECKPOINT_CHECKPOINT_H

#include "lib/Checkpoint/Safetensors.h"

#include "llvm/ADT/StringMap.h"

#include <memory>

namespace fpmoe {

/// Which shard holds which tensor, from `model.safetensors.index.json`.
struct CheckpointIndex {
  /// Plain file names, in the order of their first use.
  std::vector<std::string> files;
  /// Tensor name to index into `files`.
  llvm::StringMap<unsigned> tensors;
};

/// Parses an index. A file name that could leave the directory is refused.
llvm::Expected<CheckpointIndex> parseCheckpointIndex(llvm::StringRef json,
                                                     llvm::StringRef fileName);

/// An open checkpoint. All const members may be called from many threads.
class Checkpoint {
public:
  /// Opens the checkpoint in `directory`, or the GGUF file of that name with
  /// all other parts of the model, and checks every header. When both a single
  /// file and an index are there, the single file is taken, as transformers
  /// does; where neither is, the file of an adapter.
  static llvm::Expected<std::unique_ptr<Checkpoint>>
  open(llvm::StringRef directory);

  ~Checkpoint();
  Checkpoint(const Checkpoint &) = delete;
  Checkpoint &operator=(const Checkpoint &) = delete;

  /// The tensor of that name, or null. Valid as long as the checkpoint.
  const TensorInfo *find(llvm::StringRef name) const;
  /// All tensors, by file and offset.
  llvm::ArrayRef<TensorInfo> tensors() const { return allTensors; }

  /// The directory or GGUF file as it was given to open().
  llvm::StringRef directory() const { return root; }
  /// Whether it is a GGUF file, whose tensors have names of their own.
  bool isGguf() const { return gguf; }
  /// Path of a file of the checkpoint, for TensorInfo::file.
  llvm::StringRef fileName(unsigned file) const { return files[file].path; }

  /// Reads out.size() elements from `firstElement` on, converted to f32 (F64
  /// is rounded to nearest, blocks are dequantised). Errors: a dtype that is
  /// not loadable, a range outside the tensor, a file that changed since
  /// open(), an I/O error.
  llvm::Error read(const TensorInfo &tensor, uint64_t firstElement,
                   llvm::MutableArrayRef<float> out) const;

  /// Reads out.size() bytes of the tensor as they lie in the file.
  llvm::Error readRaw(const TensorInfo &tensor, uint64_t byteOffset,
                      llvm::MutableArrayRef<uint8_t> out) const;

private:
  struct File {
    std::string path;
    int descriptor = -1;
    uint64_t size = 0;
    /// Last modification, in nanoseconds.
    int64_t modified = 0;
  };

  Checkpoint() = default;
  llvm::Error openFile(std::string path);
  llvm::Expected<std::vector<TensorInfo>>
  readSafetensors(const File &file) const;
  llvm::Expected<std::vector<TensorInfo>>
  readGgufTensors(const File &file) const;
  llvm::Error openShards(llvm::StringRef indexPath);
  llvm::Error checkUnchanged(const File &file) const;

  std::string root;
  bool gguf = false;
  std::vector<File> files;
  std::vector<TensorInfo> allTensors;
  llvm::StringMap<unsigned> byName;
};

/// Fails if Checkpoint::read() cannot read the tensor of that file.
llvm::Error checkLoadable(const TensorInfo &tensor, llvm::StringRef fileName);

/// Book-keeping of an importer: which tensors a model needs, and which of the
/// checkpoint it did not ask for. Not thread-safe.
class TensorClaims {
public:
  explicit TensorClaims(const Checkpoint &checkpoint);

  /// The tensor of that name, which must have that shape and a loadable dtype.
  llvm::Expected<const TensorInfo *> claim(llvm::StringRef name,
                                           llvm::ArrayRef<int64_t> shape);
  /// Whether claim() could find it; claims nothing.
  bool has(llvm::StringRef name) const { return checkpoint.find(name); }

  /// Fails if a tensor was not claimed, naming the first few. Buffers that
  /// old exporters saved (`*.rotary_emb.inv_freq`) do not count: they follow
  /// from the configuration.
  llvm::Error finish() const;

private:
  const Checkpoint &checkpoint;
  std::vector<bool> claimed;
};

} // namespace fpmoe

#endif // FPMOE_LIB_CHECKPOINT_CHECKPOINT_H
