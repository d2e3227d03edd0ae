//===- Output.h - Files that appear whole or not at all ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A file without a name is gone with its process, however that ends. What needs
// a name is locked as long as its process lives, so that a later one can tell
// what has been left behind.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TOOL_OUTPUT_H
#define FPMOE_LIB_TOOL_OUTPUT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace fpmoe {

/// A file that gets its name when it is kept. Until then it has none, or where
/// the file system has no such files, a hidden one; dropped without keep(), or
/// by a signal, it is removed.
class OutputFile {
public:
  enum class Kind { Text, Program };

  static llvm::Expected<OutputFile> create(llvm::StringRef path,
                                           Kind kind = Kind::Text) {
    return create(path, path, kind);
  }
  /// Writes into the folder of the file `beside`; that of `path` need not be
  /// there before keep().
  static llvm::Expected<OutputFile>
  create(llvm::StringRef path, llvm::StringRef beside, Kind kind = Kind::Text);
  /// As where the file system has no files without a name.
  static llvm::Expected<OutputFile> createHidden(llvm::StringRef path,
                                                 llvm::StringRef beside,
                                                 Kind kind = Kind::Text);
  OutputFile(OutputFile &&other);
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  llvm::StringRef getPath() const { return path; }
  /// Open for reading and writing.
  int descriptor() const { return file; }
  /// A name that this process can open it by.
  std::string temporary() const;
  /// Appends to the content.
  llvm::Error write(llvm::StringRef bytes);
  /// Gives the file its name, in the place of an older file.
  llvm::Error keep();

private:
  OutputFile(llvm::StringRef path, int file) : path(path), file(file) {}
  void setHidden(llvm::StringRef name);
  void clearHidden();

  std::string path;
  /// The name until it is kept; empty: none.
  std::string hidden;
  int file;
};

/// A directory among the system's temporary files, removed with the files in it
/// at the end of its life and by signals. One at a time.
class TemporaryDirectory {
public:
  TemporaryDirectory() = default;
  TemporaryDirectory(const TemporaryDirectory &) = delete;
  ~TemporaryDirectory();
  llvm::Error create();
  std::string file(llvm::StringRef name) const {
    return path + "/" + name.str();
  }

private:
  std::string path;
  int lock = -1;
};

/// Removes temporary directories whose process was killed.
void removeLeftDirectories();
/// The same of hidden files in a folder; done where a new one is made, too.
void removeLeftFiles(llvm::StringRef folder);

/// Writes `text` to the file at `path`, or to the standard output for "-".
llvm::Error writeText(llvm::StringRef path, llvm::StringRef text);

} // namespace fpmoe

#endif
