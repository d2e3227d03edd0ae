//===- Output.cpp - Files that appear whole or not at all -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Output.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fpmoe;

Expected<OutputFile> OutputFile::create(StringRef path, StringRef beside) {
  if (sys::fs::is_directory(path))
    return createStringError(path + ": is a directory, not a file to write");
  // The file takes its name by renaming, which would replace a device.
  if (sys::fs::exists(path) && !sys::fs::is_regular_file(path))
    return createStringError(path + ": is not a regular file");
  int descriptor;
  SmallString<128> temporary;
  if (std::error_code error = sys::fs::createUniqueFile(
          beside + ".%%%%%%.partial", descriptor, temporary))
    return createStringError(path + ": cannot be written: " + error.message());
  sys::fs::file_t file = sys::fs::convertFDToNativeFile(descriptor);
  sys::fs::closeFile(file);
  sys::RemoveFileOnSignal(temporary);
  return OutputFile(path.str(), std::string(temporary));
}

OutputFile::OutputFile(OutputFile &&other)
    : path(std::move(other.path)),
      temporaryPath(std::move(other.temporaryPath)) {
  other.temporaryPath.clear();
}

OutputFile::~OutputFile() {
  if (temporaryPath.empty())
    return;
  sys::fs::remove(temporaryPath);
  sys::DontRemoveFileOnSignal(temporaryPath);
}

Error OutputFile::write(StringRef text) {
  std::error_code error;
  raw_fd_ostream out(temporaryPath, error);
  if (!error) {
    out << text;
    out.close();
    error = out.error();
    out.clear_error();
  }
  if (error)
    return createStringError(path + ": cannot be written: " + error.message());
  return Error::success();
}

Error OutputFile::keep() {
  if (std::error_code error = sys::fs::rename(temporaryPath, path))
    return createStringError(path + ": cannot be written: " + error.message());
  sys::DontRemoveFileOnSignal(temporaryPath);
  temporaryPath.clear();
  return Error::success();
}

Error fpmoe::writeText(StringRef path, StringRef text) {
  if (path == "-") {
    outs() << text;
    outs().flush();
    return Error::success();
  }
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (Error error = file->write(text))
    return error;
  // Unique files are private by default.
  sys::fs::setPermissions(file->temporary(), sys::fs::perms(0644));
  return file->keep();
}
