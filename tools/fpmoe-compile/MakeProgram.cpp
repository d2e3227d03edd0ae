//===- MakeProgram.cpp - From vectors to a program ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Weights are written first: the program has their digest in it.
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/MakeProgram.h"
#include "lib/Target/CPU/Object.h"
#include "lib/Target/Link/Link.h"
#include "lib/Target/Link/Payload.h"
#include "lib/Target/Link/StaticLibrary.h"
#include "lib/Tool/Output.h"
#include "lib/Weights/Write.h"
#include "mlir/Pass/PassManager.h"
#include "passes/CPU/Passes.h"
#include "passes/CUDA/Passes.h"
#include "tools/fpmoe-compile/DeviceCode.h"
#include "tools/fpmoe-compile/Progress.h"
#include "tools/fpmoe-compile/PromptStates.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <unistd.h>

using namespace llvm;
using namespace fpmoe;

namespace {

class ProgramMaker {
public:
  ProgramMaker(const CompileOptions &options, ProgramParts parts,
               Diagnostics &diagnostics)
      : options(options), parts(parts), description(parts.description),
        diagnostics(diagnostics) {}

  Error run();

private:
  Error lower();
  Expected<std::unique_ptr<llvm::Module>> translate();
  Error emit(OutputFile &object, StringRef name);
  Expected<std::string> link();
  Error addMpiLibraries();
  Expected<uint64_t> writeProgramWeights(int file, StringRef name,
                                         uint64_t offset);

  /// The level that asks for the least.
  const CpuTarget &getBase() const { return parts.levels.back().target; }
  bool hasCpu() const { return !getBase().isGpu; }

  const CompileOptions &options;
  ProgramParts parts;
  ProgramDescription description; ///< with the code for GPUs
  DeviceCode device;              ///< of a level of GPUs
  Diagnostics &diagnostics;
  LLVMContext context;
};

Error ProgramMaker::run() {
  if (options.stopAfter == Phase::LLVM) {
    Expected<std::unique_ptr<llvm::Module>> translated = translate();
    if (!translated)
      return translated.takeError();
    std::string text = device.ir;
    raw_string_ostream os(text);
    if (hasCpu()) {
      os << (text.empty() ? "" : "; -----\n");
      (*translated)->print(os, nullptr);
    }
    return writeText(options.output, text);
  }
  if (options.stopAfter == Phase::Object) {
    Expected<OutputFile> object = OutputFile::create(options.output);
    if (!object)
      return object.takeError();
    if (Error error = emit(*object, options.output))
      return error;
    return object->keep();
  }

  Expected<OutputFile> program = OutputFile::create(
      options.output,
      options.emitStatic ? OutputFile::Kind::Text : OutputFile::Kind::Program);
  if (!program)
    return program.takeError();
  Expected<std::string> code = link();
  if (!code)
    return code.takeError();
  std::optional<OutputFile> weights;
  if (options.weightsFile) {
    Expected<OutputFile> beside = OutputFile::create(*options.weightsFile);
    if (!beside)
      return beside.takeError();
    weights.emplace(std::move(*beside));
  }
  Expected<uint64_t> digest =
      weights
          ? writeProgramWeights(weights->descriptor(), *options.weightsFile, 0)
          : writeProgramWeights(program->descriptor(), options.output,
                                payloadOffset(code->size()));
  if (!digest)
    return digest.takeError();
  if (Error error = setFingerprint(*code, *digest))
    return error;
  if (options.emitStatic)
    if (Error error =
            makeStaticLibrary(*code, options.symbolPrefix, options.output)
                .moveInto(*code))
      return error;
  if (Error error = program->write(*code))
    return error;
  if (weights)
    if (Error error = weights->keep())
      return error;
  if (description.ranks > 1)
    if (Error error = addMpiLibraries())
      return error;
  return program->keep();
}

/// Puts the libraries for MPI beside the program, which looks for them there.
/// Those that are there stay: they may be for an MPI of the user's own.
Error ProgramMaker::addMpiLibraries() {
  Expected<std::string> folder = findRuntimeDirectory(getBase().arch);
  if (!folder)
    return folder.takeError();
  for (StringRef name : {"libfpmoe-openmpi.so", "libfpmoe-mpich.so"}) {
    SmallString<128> from(*folder), to(sys::path::parent_path(options.output));
    sys::path::append(from, name);
    sys::path::append(to, name);
    if (!sys::fs::exists(from) || sys::fs::exists(to))
      continue;
    ErrorOr<std::unique_ptr<MemoryBuffer>> library =
        MemoryBuffer::getFile(from);
    if (!library)
      return createStringError(from + ": " + library.getError().message());
    Expected<OutputFile> copy = OutputFile::create(to);
    if (!copy)
      return copy.takeError();
    if (Error error = copy->write((*library)->getBuffer()))
      return error;
    if (Error error = copy->keep())
      return error;
  }
  return Error::success();
}

/// The code of a level of GPUs becomes part of the description.
Error ProgramMaker::lower() {
  for (auto [level, described] : zip(parts.levels, description.levels)) {
    mlir::ModuleOp module = level.module;
    mlir::PassManager pm(module.getContext());
    bool isGpu = level.target.isGpu;
    isGpu ? populateLowerToNVVMPipeline(pm) : populateLowerToLLVMPipeline(pm);
    if (mlir::failed(pm.run(module)))
      return diagnostics.take("the code could not be lowered to LLVM");
    if (!isGpu)
      continue;
    if (Error error = checkSharedMemory(parts.targets, described, module))
      return error;
    if (Error error =
            makeDeviceCode(options, parts.targets, module).moveInto(device))
      return error;
    described.threads = device.threads;
    if (!options.assembly)
      described.images = device.images;
  }
  return Error::success();
}

Expected<std::unique_ptr<llvm::Module>> ProgramMaker::translate() {
  if (Error error = lower())
    return std::move(error);
  return translateToLLVM(parts.levels, description, context);
}

/// Errors call the object `name`.
Error ProgramMaker::emit(OutputFile &object, StringRef name) {
  Expected<std::unique_ptr<llvm::Module>> translated = translate();
  if (!translated)
    return translated.takeError();
  raw_fd_ostream out(object.descriptor(), /*shouldClose=*/false);
  if (options.assembly)
    out << device.ptx << (hasCpu() && !device.ptx.empty() ? "// -----\n" : "");
  if (hasCpu() || !options.assembly)
    if (Error failed =
            emitObject(**translated, getBase(), out, options.assembly))
      return failed;
  out.flush();
  if (std::error_code error = out.error()) {
    out.clear_error();
    return createStringError(name + ": cannot be written: " + error.message());
  }
  return Error::success();
}

Expected<std::string> ProgramMaker::link() {
  LinkOptions link;
  if (Error error =
          findRuntimeDirectory(getBase().arch).moveInto(link.runtimeDirectory))
    return std::move(error);
  Expected<OutputFile> object = OutputFile::create(options.output + ".o");
  if (!object)
    return object.takeError();
  if (Error error = emit(*object, options.output))
    return std::move(error);
  link.objects = {object->temporary()};
  link.name = options.output;
  link.isShared = options.emitShared;
  link.isRelocatable = options.emitStatic;
  link.isStatic = options.isStatic.value_or(false) && !link.isShared;
  return linkProgram(link);
}

/// Returns the digest of the weights. Errors call the file `name`.
Expected<uint64_t> ProgramMaker::writeProgramWeights(int file, StringRef name,
                                                     uint64_t offset) {
  Expected<Sources> sources = openSources(parts.scheduled, parts.checkpoint);
  if (!sources)
    return sources.takeError();
  if (Error error = addPromptStates(parts.scheduled, *sources))
    return std::move(error);
  sources->setGroups(parts.groups);
  ProgressBar bar("weights");
  WriteOptions write;
  write.fileName = name.str();
  int64_t ranks = parts.description.ranks;
  uint64_t rankBytes = parts.description.rankWeightBytes;
  std::vector<uint64_t> digests(ranks);
  for (write.rank = 0; write.rank < ranks; ++write.rank) {
    write.digest = &digests[write.rank];
    write.progress = [&](uint64_t done, uint64_t total) {
      bar.update(write.rank * total + done, ranks * total);
    };
    if (Error error = writeWeights(parts.scheduled, *sources, file,
                                   offset + write.rank * rankBytes, write))
      return std::move(error);
  }
  uint64_t digest = digests.front();
  if (ranks > 1)
    digest =
        xxh3_64bits(ArrayRef(reinterpret_cast<const uint8_t *>(digests.data()),
                             digests.size() * sizeof(uint64_t)));
  uint64_t bytes = parts.description.weightBytes;
  if (::ftruncate(file, offset + bytes) != 0)
    return createStringError(name + ": cannot be written: " + sys::StrError());
  if (Error error =
          writeTrailer(file, name, makeTrailer(offset, bytes, digest)))
    return std::move(error);
  return digest;
}

} // namespace

Error fpmoe::makeProgram(const CompileOptions &options, ProgramParts parts,
                         Diagnostics &diagnostics) {
  return ProgramMaker(options, parts, diagnostics).run();
}
