//===- Input.h - helpers of the readers of untrusted files ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the readers of this folder share: errors that name the file, text from
// a file made safe to print, and a bounded read of a small file.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CHECKPOINT_INPUT_H
#define FPMOE_LIB_CHECKPOINT_INPUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>

namespace fpmoe {

/// The longest JSON or TOML file with settings, in bytes.
constexpr uint64_t maxConfigFile = 1 << 20;

/// "FILE: what".
llvm::Error fileError(llvm::StringRef fileName, const llvm::Twine &what);

/// The text made safe to print: control characters are escaped, since a file
/// must not drive the terminal, invalid UTF-8 is replaced, and what comes
/// after `limit` bytes is cut.
std::string printable(llvm::StringRef text, size_t limit = 120);

/// The same in single quotes.
std::string quoted(llvm::StringRef text);

/// Opens a regular file for reading, without waiting for a pipe's other end.
/// Returns the descriptor and sets `size`. What git lfs has put in the place of
/// a file is an error.
llvm::Expected<int> openRegularFile(const std::string &path, uint64_t &size);

/// Reads exactly `bytes` bytes at `offset` of an open file.
llvm::Error readAt(int descriptor, llvm::StringRef path, uint64_t offset,
                   uint8_t *out, uint64_t bytes);

/// Writes all bytes at `offset` of an open file.
llvm::Error writeAt(int descriptor, llvm::StringRef path, uint64_t offset,
                    llvm::ArrayRef<uint8_t> bytes);

/// Reads a file of at most `limit` bytes.
llvm::Expected<std::string> readSmallFile(const std::string &path,
                                          uint64_t limit);

/// `name` in `directoryOrFile` if that is a directory, else the path itself.
/// Nothing if it is a directory without that file.
std::optional<std::string> findFile(llvm::StringRef directoryOrFile,
                                    llvm::StringRef name);

} // namespace fpmoe

#endif // FPMOE_LIB_CHECKPOINT_INPUT_H
