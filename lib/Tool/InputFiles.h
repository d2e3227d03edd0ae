//===- InputFiles.h - What must not be written to ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TOOL_INPUTFILES_H
#define FPMOE_LIB_TOOL_INPUTFILES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"

#include <map>
#include <string>

namespace fpmoe {

/// The files that a tool reads. They are known by device and inode, whatever
/// links lead to them.
class InputFiles {
public:
  /// A path that is not there is no input.
  void addFile(llvm::StringRef path);
  /// The files of a folder.
  void addFolder(llvm::StringRef path);
  /// The files of a model, adapter or gate: of its folder, those with an ending
  /// that they have. A program may be in the same folder. Or a GGUF file, and
  /// what is read beside it.
  void addModel(llvm::StringRef path);

  /// Fails if `path` is one of them.
  llvm::Error checkOutput(llvm::StringRef path) const;

private:
  /// With the names that they were added by.
  std::map<llvm::sys::fs::UniqueID, std::string> files;
};

/// Fails if `path` is no regular file: a reader that is not ours would wait for
/// a pipe, and read a device for ever.
llvm::Error checkRegularFile(llvm::StringRef path);

/// Fails if a directory that the IR in `file` names is not there. IR names
/// directories as its importer was given them.
llvm::Error checkSource(llvm::StringRef file, llvm::StringRef directory);

} // namespace fpmoe

#endif
