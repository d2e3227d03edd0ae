//===- Support.h - helpers of the tests of readers -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Messages of errors as strings, safetensors files made in memory, and
// directories that vanish after the test.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_LIB_CHECKPOINT_SUPPORT_H
#define FPMOE_TEST_LIB_CHECKPOINT_SUPPORT_H

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include "gtest/gtest.h"

#include <string>

namespace fpmoe::test {

inline std::string message(llvm::Error error) {
  return error ? llvm::toString(std::move(error)) : "no error";
}

template <typename T> std::string message(llvm::Expected<T> value) {
  return value ? "no error" : llvm::toString(value.takeError());
}

/// The value, which must be there.
template <typename T> T valueOf(llvm::Expected<T> value) {
  if (value)
    return std::move(*value);
  ADD_FAILURE() << llvm::toString(value.takeError());
  return T();
}

/// A file of that header and `bytes` bytes of data: 0, 1, 2 ...
inline std::string safetensors(llvm::StringRef header, size_t bytes) {
  std::string file(8, '\0');
  llvm::support::endian::write64le(file.data(), header.size());
  file += header;
  for (size_t i = 0; i < bytes; ++i)
    file += static_cast<char>(i);
  return file;
}

/// A directory for one test.
class TemporaryDirectory {
public:
  TemporaryDirectory() {
    std::error_code error = llvm::sys::fs::createUniqueDirectory("fpmoe", path);
    EXPECT_FALSE(error) << error.message();
  }
  ~TemporaryDirectory() { llvm::sys::fs::remove_directories(path); }

  std::string operator/(llvm::StringRef name) const {
    return (path + "/" + name).str();
  }
  void write(llvm::StringRef name, llvm::StringRef content) const {
    std::error_code error;
    llvm::raw_fd_ostream out(*this / name, error);
    ASSERT_FALSE(error) << error.message();
    out << content;
  }
  std::string str() const { return std::string(path); }

private:
  llvm::SmallString<128> path;
};

} // namespace fpmoe::test

#endif // FPMOE_TEST_LIB_CHECKPOINT_SUPPORT_H
