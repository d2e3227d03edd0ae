//===- fpmoe-emulate.cpp - runs a kernel on the emulated GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a kernel on the emulated GPU, under several schedules, and prints what
// is in its buffers.
//
//===----------------------------------------------------------------------===//

#include "EmulateArguments.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fpmoe::emulator;

static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::desc("<.ll or .bc for nvptx64>"));
static cl::opt<std::string> kernelName("kernel", cl::Required,
                                       cl::desc("The kernel to run"));
static cl::opt<std::string> grid("grid", cl::init("1"), cl::desc("Blocks"));
static cl::opt<std::string> block("block", cl::init("32"),
                                  cl::desc("Threads of a block"));
static cl::opt<uint64_t> shared("shared", cl::init(0),
                                cl::desc("Bytes of dynamic shared memory"));
static cl::opt<uint64_t> seed("seed", cl::init(1),
                              cl::desc("Of the first schedule"));
static cl::opt<unsigned> schedules("schedules", cl::init(1),
                                   cl::desc("How many; all must agree"));
static cl::opt<Copies> copies(
    "copies", cl::init(Copies::Random),
    cl::desc("When asynchronous copies are carried out"),
    cl::values(clEnumValN(Copies::Eager, "eager", "At once"),
               clEnumValN(Copies::Lazy, "lazy", "When nothing else is left"),
               clEnumValN(Copies::Random, "random", "At any time between")));
static cl::opt<unsigned> sm("sm", cl::init(90),
                            cl::desc("Compute capability, 90 for 9.0"));
static cl::opt<bool> noRaces("no-races", cl::desc("Do not look for races"));
static cl::opt<bool>
    allowUnwritten("allow-unwritten",
                   cl::desc("Allow reads of memory that was never written"));
static cl::list<std::string>
    bufferTexts("buffer",
                cl::desc("name:type[count]=zero|iota|random(seed)|1,2,3|@file; "
                         "unwritten without '='"));
static cl::list<std::string>
    argumentTexts("arg", cl::desc("i32:N, i64:N, f32:X or buffer[+bytes]"));
static cl::list<std::string> prints("print", cl::desc("Buffers to print"));

static int fail(const Twine &message) {
  WithColor::error() << message << '\n';
  return 1;
}

template <typename T> static bool isError(Expected<T> &value) {
  if (value)
    return false;
  fail(toString(value.takeError()));
  return true;
}

static void print(const Buffer &buffer) {
  outs() << buffer.name << ':';
  for (uint64_t i = 0; i < buffer.count; ++i)
    outs() << ' ' << format("%.10g", buffer.get(i));
  outs() << '\n';
}

static std::string contents(ArrayRef<Buffer> buffers) {
  std::string all;
  for (const Buffer &buffer : buffers)
    all.append(reinterpret_cast<const char *>(buffer.address),
               buffer.count * buffer.elementBytes());
  return all;
}

int main(int argc, char **argv) {
  constexpr int wrongUsage = 2;
  if (!cl::ParseCommandLineOptions(argc, argv, "Runs a kernel without a GPU\n",
                                   &errs()))
    return wrongUsage;
  auto image = MemoryBuffer::getFile(input);
  if (!image)
    return fail("cannot read '" + input + "': " + image.getError().message());
  Device device({sm, !noRaces, !allowUnwritten});
  auto program = device.load(**image);
  if (isError(program))
    return 1;
  const Kernel *kernel = (*program)->find(kernelName);
  if (!kernel)
    return fail("'" + input + "' has no kernel '" + kernelName + "'");

  std::vector<Buffer> buffers;
  for (const std::string &text : bufferTexts) {
    auto buffer = parseBuffer(text);
    if (isError(buffer))
      return wrongUsage;
    buffer->address =
        device.memory.allocate(buffer->count * buffer->elementBytes(),
                               "buffer '" + buffer->name + "'");
    buffers.push_back(*buffer);
  }
  std::vector<uint64_t> values;
  for (const std::string &text : argumentTexts) {
    auto value = parseArgument(text, buffers);
    if (isError(value))
      return wrongUsage;
    values.push_back(*value);
  }
  if (values.size() != kernel->argumentBytes.size())
    return fail("kernel '" + kernelName + "' has " +
                Twine(kernel->argumentBytes.size()) + " arguments, not " +
                Twine(values.size()));
  std::vector<void *> arguments;
  for (uint64_t &value : values)
    arguments.push_back(&value);

  LaunchConfig config;
  auto gridSize = parseDim3(grid), blockSize = parseDim3(block);
  if (isError(gridSize) || isError(blockSize))
    return wrongUsage;
  config.grid = *gridSize;
  config.block = *blockSize;
  config.sharedBytes = shared;
  config.copies = copies;
  std::string first;
  for (unsigned i = 0; i < schedules; ++i) {
    config.seed = seed + i;
    for (const Buffer &buffer : buffers)
      if (Error error = buffer.initialise(device.memory))
        return fail(toString(std::move(error)));
    if (Error error = device.launch(*kernel, config, arguments.data()))
      return fail("seed " + Twine(config.seed) + ": " +
                  toString(std::move(error)));
    std::string now = contents(buffers);
    if (i == 0)
      first = now;
    else if (now != first)
      return fail("seed " + Twine(config.seed) + ": other results than seed " +
                  Twine(seed));
  }
  for (const std::string &name : prints)
    for (const Buffer &buffer : buffers)
      if (buffer.name == name)
        print(buffer);
  outs() << "ok: " << schedules << " schedules\n";
  return 0;
}
