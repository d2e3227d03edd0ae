//===- Output.cpp - Files that appear whole or not at all -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Tool/Output.h"
#include "lib/Tool/Process.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace llvm;
using namespace fpmoe;

static constexpr StringLiteral hiddenEnding = ".fpmoe-partial";
static constexpr StringLiteral directoryBeginning = "fpmoe-prompts-";
static constexpr size_t uniqueLength = 8;

static std::error_code lastError() {
  return std::error_code(errno, std::generic_category());
}

/// The folder and the name of a file that is to be.
static std::pair<std::string, std::string> split(StringRef path) {
  StringRef folder = sys::path::parent_path(path);
  return {folder.empty() ? "." : folder.str(), sys::path::filename(path).str()};
}

static std::string makeUnique() {
  uint32_t number = sys::Process::GetRandomNumber();
  return utohexstr(number, /*LowerCase=*/true, uniqueLength);
}

/// A name for a hidden file beside `path`.
static std::string makeHiddenName(StringRef path) {
  auto [folder, name] = split(path);
  // A name is at most 255 bytes long.
  return folder + "/." + name.substr(0, 200) + "." + makeUnique() +
         hiddenEnding.str();
}

static bool isUnique(StringRef text) {
  return text.size() == uniqueLength && all_of(text, isHexDigit);
}

static bool isHiddenName(StringRef name) {
  return name.consume_front(".") && name.consume_back(hiddenEnding) &&
         isUnique(name.rsplit('.').second);
}

static bool isLeftDirectoryName(StringRef name) {
  return name.consume_front(directoryBeginning) && isUnique(name);
}

/// Whether `path` still leads to an open file.
static bool isAt(StringRef path, int file) {
  struct stat ofPath, ofFile;
  return ::lstat(path.str().c_str(), &ofPath) == 0 &&
         ::fstat(file, &ofFile) == 0 && ofPath.st_dev == ofFile.st_dev &&
         ofPath.st_ino == ofFile.st_ino;
}

/// Removes what has such a name in a folder, is of the given type and ours, and
/// is locked by no living process.
static void removeLeft(StringRef folder, bool (*isName)(StringRef),
                       mode_t type) {
  std::error_code error;
  for (sys::fs::directory_iterator entry(folder, error, false), end;
       !error && entry != end; entry.increment(error)) {
    StringRef path = entry->path();
    struct stat status;
    if (!isName(sys::path::filename(path)) ||
        ::lstat(path.str().c_str(), &status) != 0 ||
        (status.st_mode & S_IFMT) != type || status.st_uid != ::geteuid())
      continue;
    int file = ::open(path.str().c_str(),
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
      continue;
    if (::flock(file, LOCK_EX | LOCK_NB) == 0 && isAt(path, file)) {
      if (type == S_IFDIR)
        sys::fs::remove_directories(path);
      else
        sys::fs::remove(path);
    }
    ::close(file);
  }
}

void fpmoe::removeLeftFiles(StringRef folder) {
  removeLeft(folder, isHiddenName, S_IFREG);
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static Error cannotWrite(StringRef path, std::error_code error) {
  return createStringError(path + ": cannot be written: " + error.message());
}

static Error checkReplaceable(StringRef path) {
  if (sys::fs::is_directory(path))
    return createStringError(path + ": is a directory, not a file to write");
  // The file takes its name in the place of another, even of a device.
  if (sys::fs::exists(path) && !sys::fs::is_regular_file(path))
    return createStringError(path + ": is not a regular file");
  return Error::success();
}

static mode_t modeOf(OutputFile::Kind kind) {
  return kind == OutputFile::Kind::Program ? 0777 : 0666;
}

static std::string nameOf(int file) {
  return "/proc/self/fd/" + std::to_string(file);
}

Expected<OutputFile> OutputFile::create(StringRef path, StringRef beside,
                                        Kind kind) {
  if (Error error = checkReplaceable(path))
    return std::move(error);
  std::string folder = split(beside).first;
  removeLeftFiles(folder);
  int file =
      ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, modeOf(kind));
  bool isSupported =
      file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL);
  if (file >= 0 && ::access(nameOf(file).c_str(), F_OK) != 0) {
    ::close(file); // without /proc it could never get a name
    isSupported = false;
  }
  if (!isSupported)
    return createHidden(path, beside, kind);
  if (file < 0)
    return cannotWrite(path, lastError());
  // For the moment in which it gets a hidden name; see keep().
  ::flock(file, LOCK_EX | LOCK_NB);
  return OutputFile(path, file);
}

Expected<OutputFile> OutputFile::createHidden(StringRef path, StringRef beside,
                                              Kind kind) {
  if (Error error = checkReplaceable(path))
    return std::move(error);
  removeLeftFiles(split(beside).first);
  SignalsBlocked blocked;
  while (true) {
    std::string name = makeHiddenName(beside);
    int file = ::open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC,
                      modeOf(kind));
    if (file < 0 && errno == EEXIST)
      continue;
    if (file < 0)
      return cannotWrite(path, lastError());
    // Another process may take it for left before it is locked.
    if (::flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
      if (isAt(name, file)) {
        OutputFile result(path, file);
        result.setHidden(name);
        return std::move(result);
      }
    }
    ::close(file);
  }
}

OutputFile::OutputFile(OutputFile &&other)
    : path(std::move(other.path)), hidden(std::move(other.hidden)),
      file(other.file) {
  other.hidden.clear();
  other.file = -1;
}

OutputFile::~OutputFile() {
  if (!hidden.empty()) {
    sys::fs::remove(hidden);
    clearHidden();
  }
  if (file >= 0)
    ::close(file);
}

void OutputFile::setHidden(StringRef name) {
  hidden = name.str();
  sys::RemoveFileOnSignal(hidden);
}

void OutputFile::clearHidden() {
  sys::DontRemoveFileOnSignal(hidden);
  hidden.clear();
}

std::string OutputFile::temporary() const {
  return hidden.empty() ? nameOf(file) : hidden;
}

Error OutputFile::write(StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return cannotWrite(path, lastError());
    bytes = bytes.drop_front(count);
  }
  return Error::success();
}

/// Gives a file its first name.
static std::error_code link(int file, StringRef name) {
  if (::linkat(AT_FDCWD, nameOf(file).c_str(), AT_FDCWD, name.str().c_str(),
               AT_SYMLINK_FOLLOW) != 0)
    return lastError();
  return std::error_code();
}

Error OutputFile::keep() {
  SignalsBlocked blocked;
  // Linking replaces nothing, renaming does.
  if (hidden.empty()) {
    std::error_code error = link(file, path);
    if (error == std::errc::file_exists) {
      do {
        setHidden(makeHiddenName(path));
        error = link(file, hidden);
        if (error)
          clearHidden();
      } while (error == std::errc::file_exists);
    }
    if (error)
      return cannotWrite(path, error);
  }
  if (!hidden.empty()) {
    if (::rename(hidden.c_str(), path.c_str()) != 0)
      return cannotWrite(path, lastError());
    clearHidden();
  }
  // Some file systems write no earlier than here.
  int closed = std::exchange(file, -1);
  if (::close(closed) != 0)
    return cannotWrite(path, lastError());
  return Error::success();
}

Error fpmoe::writeText(StringRef path, StringRef text) {
  if (path == "-") {
    outs() << text; // finishTool() says whether it could be written
    return Error::success();
  }
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (Error error = file->write(text))
    return error;
  return file->keep();
}

//===----------------------------------------------------------------------===//
// Directories
//===----------------------------------------------------------------------===//

static std::string getTemporaryFolder() {
  SmallString<128> folder;
  sys::path::system_temp_directory(/*ErasedOnReboot=*/true, folder);
  return std::string(folder);
}

void fpmoe::removeLeftDirectories() {
  removeLeft(getTemporaryFolder(), isLeftDirectoryName, S_IFDIR);
}

Error TemporaryDirectory::create() {
  SignalsBlocked blocked;
  while (true) {
    std::string unique =
        getTemporaryFolder() + "/" + directoryBeginning.str() + makeUnique();
    if (::mkdir(unique.c_str(), 0700) != 0) {
      if (errno == EEXIST)
        continue;
      return createStringError("no temporary file can be made: " +
                               lastError().message());
    }
    // Another process may take it for left before it is locked.
    lock = ::open(unique.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock >= 0 &&
        (::flock(lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) &&
        isAt(unique, lock)) {
      path = unique;
      setDirectoryToRemove(path.c_str());
      return Error::success();
    }
    if (lock >= 0)
      ::close(std::exchange(lock, -1));
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  if (path.empty())
    return;
  sys::fs::remove_directories(path);
  setDirectoryToRemove(nullptr);
  ::close(lock);
}
