//===- Link.cpp - objects become a program ----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program is a position-independent executable: dynamic against libc.so.6
// alone, or static without an interpreter. Unused runtime code is dropped, but
// not of a relocatable object: lld would drop what unwinds the stack as well.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Link/Link.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <utility>

LLD_HAS_DRIVER(elf)

using namespace llvm;

static Error error(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

ArrayRef<StringLiteral> fpmoe::getLibraryFunctions() {
  static constexpr StringLiteral functions[] = {
      "fpmoe_version",    "fpmoe_error",  "fpmoe_open",
      "fpmoe_close",      "fpmoe_info",   "fpmoe_tokenize",
      "fpmoe_detokenize", "fpmoe_infill", "fpmoe_request_defaults",
      "fpmoe_start",      "fpmoe_next",   "fpmoe_cancel",
      "fpmoe_finish"};
  return functions;
}

Expected<std::string> fpmoe::findRuntimeDirectory(StringRef arch) {
  SmallString<256> directory;
  if (const char *chosen = std::getenv("FPMOE_RUNTIME_DIR")) {
    directory = chosen;
  } else {
    static int anchor;
    directory = sys::path::parent_path(
        sys::fs::getMainExecutable("fpmoe-compile", &anchor));
    sys::path::append(directory, "..", "lib", "fpmoe", arch + "-linux-gnu");
    sys::path::remove_dots(directory, /*remove_dot_dot=*/true);
  }
  if (!sys::fs::exists(directory + "/libfpmoe_runtime.a"))
    return error(directory + ": holds no runtime to link programs for " + arch +
                 " with (libfpmoe_runtime.a is missing): install it there, or "
                 "name its folder in FPMOE_RUNTIME_DIR");
  return std::string(directory);
}

static void replaceAll(std::string &text, StringRef from, StringRef to) {
  for (size_t at = 0; (at = text.find(from.str(), at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to.str());
}

/// Returns lld's messages on one line, without its name before each and
/// without the lines that only point into its inputs.
static std::string summarize(StringRef log) {
  std::string text;
  SmallVector<StringRef> lines;
  log.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    if (line.starts_with(">>>"))
      continue;
    line.consume_front("ld.lld: error: ");
    text += (text.empty() ? "" : "; ") + line.str();
  }
  return text.empty() ? "lld failed without a message" : text;
}

namespace {
/// Collects what is written to a path. lld writes to paths only, and replaces
/// what it finds there by a file of its own, but not a pipe.
class Pipe {
public:
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      return;
    writer = ends[1];
    thread = std::thread([this, reader = ends[0]] { collect(reader); });
  }
  ~Pipe() { finish(); }
  bool isOpen() const { return writer >= 0; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(writer); }
  /// Everything that was written.
  std::string &finish() {
    if (writer >= 0) {
      ::close(std::exchange(writer, -1));
      thread.join();
    }
    return bytes;
  }

private:
  void collect(int reader) {
    char buffer[1 << 16];
    ssize_t count;
    while ((count = ::read(reader, buffer, sizeof(buffer))) > 0 ||
           (count < 0 && errno == EINTR))
      if (count > 0)
        bytes.append(buffer, count);
    ::close(reader);
  }

  int writer = -1;
  std::string bytes;
  std::thread thread;
};

/// A file in memory, for what lld reads from paths only.
class MemoryFile {
public:
  explicit MemoryFile(StringRef content)
      : file(::memfd_create("fpmoe", MFD_CLOEXEC)) {
    raw_fd_ostream out(file, /*shouldClose=*/false);
    out << content;
  }
  MemoryFile(const MemoryFile &) = delete;
  ~MemoryFile() { ::close(file); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(file); }

private:
  int file;
};
} // namespace

Expected<std::string> fpmoe::linkProgram(const LinkOptions &options) {
  const std::string &name = options.name;
  Pipe program;
  if (!program.isOpen())
    return error(name + ": cannot link: " + std::strerror(errno));
  std::vector<std::string> arguments = {
      "ld.lld",        "-o", program.path(), "--threads=1", "--build-id=none",
      "--strip-debug", "-z", "noexecstack"};
  auto addOptions = [&](std::initializer_list<StringRef> more) {
    for (StringRef option : more)
      arguments.push_back(option.str());
  };
  std::string missing;
  auto add = [&](StringRef name) {
    std::string path = options.runtimeDirectory + "/" + name.str();
    if (missing.empty() && !sys::fs::exists(path))
      missing = path;
    arguments.push_back(path);
  };
  bool isArm =
      sys::fs::exists(options.runtimeDirectory + "/ld-linux-aarch64.so.1");
  StringRef loader = isArm ? "ld-linux-aarch64.so.1" : "ld-linux-x86-64.so.2";
  std::optional<MemoryFile> exports;
  if (options.isShared) {
    // Whatever else is in it is its own.
    exports.emplace("{ global: " + join(getLibraryFunctions(), "; ") +
                    "; local: *; };\n");
    addOptions({"-shared", "-u", "fpmoe_open", "-u", "fpmoe_library_file", "-z",
                "text", "--version-script=" + exports->path()});
  } else if (options.isRelocatable) {
    // No groups: of those with one name a linker takes the first, and ours
    // become local, which do not stand for those of other files.
    addOptions({"-r", "-u", "fpmoe_open", "--force-group-allocation"});
  } else if (options.isStatic) {
    addOptions({"-pie", "-static", "--no-dynamic-linker", "-z", "text"});
  } else {
    addOptions({"-pie", "-dynamic-linker",
                (isArm ? "/lib/" : "/lib64/") + loader.str()});
  }

  if (!options.isRelocatable) {
    addOptions({"--gc-sections", "--eh-frame-hdr", "-z", "relro", "-z", "now"});
    if (!options.isShared)
      add(options.isStatic ? "rcrt1.o" : "Scrt1.o");
    add("crti.o");
    add("crtbeginS.o");
  }
  for (const std::string &object : options.objects) {
    if (missing.empty() && !sys::fs::exists(object))
      missing = object;
    arguments.push_back(object);
  }
  arguments.push_back("--start-group");
  for (StringRef library :
       {"libfpmoe_runtime.a", "libfpmoe_runtime_tokenizer.a", "libpcre2-8.a",
        "libutf8proc.a", "libevent_core.a"})
    add(library);
  if (!options.isRelocatable) {
    for (StringRef library : {"libstdc++.a", "libgcc.a", "libgcc_eh.a"})
      add(library);
    if (options.isStatic) {
      add("libc.a");
    } else {
      add("libc.so.6");
      add("libc_nonshared.a");
      arguments.push_back("--as-needed");
      add(loader);
    }
  }
  arguments.push_back("--end-group");
  if (!options.isRelocatable) {
    add("crtendS.o");
    add("crtn.o");
  }
  if (!missing.empty())
    return error(missing + ": is missing; linking needs it");

  static bool canRun = true;
  if (!canRun)
    return error(name + ": cannot link: lld crashed before in this process");
  SmallVector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string log;
  raw_string_ostream stream(log);
  lld::Result result =
      lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  canRun = result.canRunAgain;
  if (result.retCode != 0) {
    // Names of temporary files would say nothing.
    std::string text = summarize(log);
    replaceAll(text, program.path(), name);
    for (StringRef object : options.objects)
      replaceAll(text, object, name);
    return error(name + ": cannot link: " + text);
  }
  return std::move(program.finish());
}
