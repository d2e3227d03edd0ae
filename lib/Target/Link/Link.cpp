//===- Link.cpp - objects become a program ----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program is a position-independent executable: dynamic against libc.so.6
// alone, or static without an interpreter. Unused runtime code is dropped.
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

#include <cstdlib>
#include <fcntl.h>

LLD_HAS_DRIVER(elf)

using namespace llvm;

static Error error(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
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
                 " with (libfpmoe_runtime.a is missing)");
  return std::string(directory);
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

/// Finds out whether the disk has room for the program: lld writes through a
/// memory map, where a full disk would be a bus error.
static Error checkSpace(const fpmoe::LinkOptions &options) {
  uint64_t bytes = 4 << 20; // more than the runtime and its libraries
  for (const std::string &object : options.objects) {
    uint64_t size = 0;
    sys::fs::file_size(object, size); // a missing one is reported elsewhere
    bytes += size;
  }
  Expected<sys::fs::TempFile> probe =
      sys::fs::TempFile::create(options.output + ".%%%%%%.space");
  if (!probe)
    return error(options.output +
                 ": cannot write: " + toString(probe.takeError()));
  int code = ::posix_fallocate(probe->FD, 0, bytes);
  consumeError(probe->discard());
  if (code != 0)
    return error(options.output + ": cannot write: " +
                 std::generic_category().message(code) + " (" + Twine(bytes) +
                 " bytes are needed)");
  return Error::success();
}

Error fpmoe::linkProgram(const LinkOptions &options) {
  const std::string &output = options.output;
  // lld writes to a file of its own and renames it, which a device or an
  // unwritable folder would make into an obscure message.
  int descriptor;
  bool existed = sys::fs::exists(output);
  if (std::error_code code = sys::fs::openFileForWrite(
          output, descriptor, sys::fs::CD_OpenAlways, sys::fs::OF_Append))
    return error(output + ": cannot write: " + code.message());
  sys::fs::closeFile(descriptor);
  if (!existed)
    sys::fs::remove(output);
  else if (!sys::fs::is_regular_file(output))
    return error(output + ": cannot be replaced by a program: it is not a "
                          "regular file");

  std::vector<std::string> arguments = {"ld.lld",
                                        "-o",
                                        output,
                                        "-pie",
                                        "--gc-sections",
                                        "--build-id=none",
                                        "--strip-debug",
                                        "--eh-frame-hdr",
                                        "-z",
                                        "relro",
                                        "-z",
                                        "now",
                                        "-z",
                                        "noexecstack"};
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
  if (options.isStatic)
    for (const char *argument :
         {"-static", "--no-dynamic-linker", "-z", "text"})
      arguments.push_back(argument);
  else
    for (std::string argument : {std::string("-dynamic-linker"),
                                 (isArm ? "/lib/" : "/lib64/") + loader.str()})
      arguments.push_back(argument);

  add(options.isStatic ? "rcrt1.o" : "Scrt1.o");
  add("crti.o");
  add("crtbeginS.o");
  for (const std::string &object : options.objects) {
    if (missing.empty() && !sys::fs::exists(object))
      missing = object;
    arguments.push_back(object);
  }
  arguments.push_back("--start-group");
  for (StringRef library :
       {"libfpmoe_runtime.a", "libfpmoe_runtime_tokenizer.a", "libpcre2-8.a",
        "libutf8proc.a", "libstdc++.a", "libgcc.a", "libgcc_eh.a"})
    add(library);
  if (options.isStatic) {
    add("libc.a");
  } else {
    add("libc.so.6");
    add("libc_nonshared.a");
    arguments.push_back("--as-needed");
    add(loader);
  }
  arguments.push_back("--end-group");
  add("crtendS.o");
  add("crtn.o");
  if (!missing.empty())
    return error(missing + ": is missing; linking needs it");

  if (Error full = checkSpace(options))
    return full;

  static bool canRun = true;
  if (!canRun)
    return error(output + ": cannot link: lld crashed before in this process");
  SmallVector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string log;
  raw_string_ostream stream(log);
  lld::Result result =
      lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  canRun = result.canRunAgain;
  if (result.retCode == 0)
    return Error::success();
  if (!existed)
    sys::fs::remove(output);
  return error(output + ": cannot link: " + summarize(log));
}
