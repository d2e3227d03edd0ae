//===- Assemble.cpp - From PTX to cubins ----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CUDA/Assemble.h"
#include "lib/Tool/Output.h"
#include "lib/Tool/Process.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

#include <cstdlib>

using namespace llvm;
using namespace fpmoe;

std::optional<std::string> fpmoe::findPtxas() {
  if (ErrorOr<std::string> path = sys::findProgramByName("ptxas"))
    return *path;
  const char *home = std::getenv("CUDA_HOME");
  std::string folder = (home && *home ? home : "/usr/local/cuda");
  if (ErrorOr<std::string> path =
          sys::findProgramByName("ptxas", {folder + "/bin"}))
    return *path;
  return std::nullopt;
}

/// The first lines, as one.
static std::string summarize(StringRef log) {
  constexpr size_t most = 5;
  SmallVector<StringRef> lines;
  log.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  std::string text;
  for (StringRef line : ArrayRef(lines).take_front(most))
    text += (text.empty() ? "" : "; ") + line.trim().str();
  if (lines.size() > most)
    text += "; and " + std::to_string(lines.size() - most) + " more lines";
  return text;
}

static std::string readFile(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> file =
      MemoryBuffer::getFile(path, /*IsText=*/false,
                            /*RequiresNullTerminator=*/false);
  return file ? (*file)->getBuffer().str() : "";
}

Expected<std::string> fpmoe::assemblePtx(StringRef ptxas, StringRef ptx,
                                         StringRef arch) {
  auto failed = [&](const Twine &what) {
    return createStringError(ptxas + ": cannot assemble for " + arch + ": " +
                             what +
                             "; another version of it or other architectures "
                             "(--gpu) may help");
  };
  TemporaryDirectory directory;
  if (Error error = directory.create())
    return std::move(error);
  // Cubins have the name of the source in them, but not its folder.
  std::string source = directory.file("fpmoe.ptx"),
              output = directory.file("fpmoe.cubin"),
              log = directory.file("log");
  if (Error error = writeText(source, ptx))
    return std::move(error);
  std::string problem;
  int status =
      runChild({ptxas, "--gpu-name=" + arch.str(), "-O3", "-o", output, source},
               log, problem);
  if (status != 0) {
    std::string text = summarize(readFile(log));
    if (problem.empty())
      problem = text.empty()
                    ? "it ended with the code " + std::to_string(status)
                    : text;
    return failed(problem);
  }
  std::string cubin = readFile(output);
  if (!StringRef(cubin).starts_with("\177ELF"))
    return failed("what it wrote is no cubin");
  return cubin;
}
