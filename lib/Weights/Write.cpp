//===- Write.cpp - the weights of a program, into a file --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every instance of a weight is cut into chunks of a few megabytes, which
// threads take in file order. A chunk is made block by block in a buffer of its
// thread and written at once.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Write.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Weights/Evaluate.h"
#include "lib/Weights/Pack.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/xxhash.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

using namespace llvm;
using namespace mlir;

static_assert(llvm::endianness::native == llvm::endianness::little,
              "weights are written as they lie in memory");

namespace fpmoe {

static constexpr uint64_t pageBytes = 4096;
/// Bytes of a chunk, and of the buffer that it is written from.
static constexpr int64_t chunkBytes = int64_t(4) << 20;
static constexpr unsigned maxThreads = 32;

namespace {

/// One instance of a weight.
struct Instance {
  WeightOp weight;
  int64_t layer;
  /// Absolute position in the file.
  uint64_t position;
  uint64_t bytes;
  /// Units that are never split: panels of a packed weight, 16-byte pieces
  /// else.
  int64_t units;
  int64_t unitsPerChunk;
  /// Number of the first chunk among those of all instances.
  int64_t firstChunk;

  int64_t chunks() const { return (units + unitsPerChunk - 1) / unitsPerChunk; }
};

/// What one thread works with.
struct Buffers {
  std::vector<float> rows;
  std::vector<uint8_t> chunk = std::vector<uint8_t>(chunkBytes);
};

class Writer {
public:
  Writer(const Sources &sources, int descriptor, const WriteOptions &options)
      : evaluator(sources, options.rank), descriptor(descriptor),
        options(options) {}

  Error plan(ModuleOp module, uint64_t base);
  Error plan(ArrayRef<Placement> placements);
  Error run();

private:
  void add(const Placement &placement);
  Error order();
  void work();
  Error writeChunk(const Instance &instance, int64_t chunk, Buffers &buffers);
  Error writePlain(const Instance &instance, int64_t first, int64_t end,
                   Buffers &buffers);
  Error writePanels(const Instance &instance, PackOp pack, int64_t first,
                    int64_t end, Buffers &buffers);
  Error write(ArrayRef<uint8_t> bytes, uint64_t position);

  RecipeEvaluator evaluator;
  int descriptor;
  const WriteOptions &options;
  uint64_t base = 0;
  std::vector<Instance> instances;
  uint64_t total = 0;
  int64_t numChunks = 0;

  std::atomic<int64_t> nextChunk{0};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> digest{0};
  /// Guards what follows, and calls of options.progress.
  std::mutex mutex;
  uint64_t done = 0;
  Error failure = Error::success();
};

} // namespace

//===----------------------------------------------------------------------===//
// Planning
//===----------------------------------------------------------------------===//

uint64_t getBlobBytes(ModuleOp module) {
  uint64_t end = 0;
  for (WeightOp weight : module.getOps<WeightOp>())
    if (weight.getOffset())
      end = std::max(end,
                     *weight.getOffset() +
                         (weight.getNumInstances() - 1) * *weight.getStride() +
                         weight.getInstanceBytes());
  return (end + pageBytes - 1) / pageBytes * pageBytes;
}

static PackOp getPack(WeightOp weight) {
  return weight.getResultValue().getDefiningOp<PackOp>();
}

Error Writer::plan(ModuleOp module, uint64_t base) {
  this->base = base;
  for (WeightOp weight : module.getOps<WeightOp>()) {
    if (!weight.getOffset())
      continue;
    uint64_t bytes = weight.getInstanceBytes();
    for (int64_t i = 0, e = weight.getNumInstances(); i < e; ++i) {
      uint64_t position, end;
      if (__builtin_mul_overflow(*weight.getStride(), i, &position) ||
          __builtin_add_overflow(position, *weight.getOffset(), &position) ||
          __builtin_add_overflow(position, base, &position) ||
          __builtin_add_overflow(position, bytes, &end) ||
          end > static_cast<uint64_t>(INT64_MAX))
        return createStringError("weight " + quoted(weight.getSymName()) +
                                 ": instance " + Twine(i) +
                                 " does not fit in a file");
      int64_t layer = weight.getLayers() ? (*weight.getLayers())[i] : 0;
      add({weight, layer, position});
    }
  }
  return order();
}

Error Writer::plan(ArrayRef<Placement> placements) {
  for (const Placement &placement : placements)
    add(placement);
  return order();
}

void Writer::add(const Placement &placement) {
  uint64_t bytes = WeightOp(placement.weight).getInstanceBytes();
  int64_t unitBytes = 16;
  if (PackOp pack = getPack(placement.weight))
    unitBytes = PanelPacker(pack, evaluator).getLayout().panelBytes();
  Instance instance{};
  instance.weight = placement.weight;
  instance.layer = placement.layer;
  instance.position = placement.position;
  instance.bytes = bytes;
  instance.units = (bytes + unitBytes - 1) / unitBytes;
  instance.unitsPerChunk = std::max<int64_t>(chunkBytes / unitBytes, 1);
  instances.push_back(instance);
}

/// Sorts the instances and numbers their chunks.
Error Writer::order() {
  llvm::sort(instances, [](const Instance &a, const Instance &b) {
    return a.position < b.position;
  });
  Instance *previous = nullptr;
  for (Instance &instance : instances) {
    if (previous && instance.position < previous->position + previous->bytes)
      return createStringError("weights " +
                               quoted(previous->weight.getSymName()) + " and " +
                               quoted(instance.weight.getSymName()) +
                               " overlap at byte " + Twine(instance.position));
    previous = &instance;
    instance.firstChunk = numChunks;
    numChunks += instance.chunks();
    total += instance.bytes;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Working
//===----------------------------------------------------------------------===//

Error Writer::run() {
  unsigned threads =
      options.threads ? options.threads : std::thread::hardware_concurrency();
  threads = std::clamp(threads, 1u, maxThreads);
  threads = std::min<uint64_t>(threads, std::max<int64_t>(numChunks, 1));
  std::vector<std::thread> team;
  for (unsigned i = 1; i < threads; ++i)
    team.emplace_back([this] { work(); });
  work();
  for (std::thread &thread : team)
    thread.join();
  if (options.digest)
    *options.digest = digest;
  return std::move(failure);
}

void Writer::work() {
  Buffers buffers;
  while (!stop) {
    int64_t chunk = nextChunk++;
    if (chunk >= numChunks)
      return;
    const Instance &instance = *std::prev(llvm::partition_point(
        instances, [&](const Instance &i) { return i.firstChunk <= chunk; }));
    chunk -= instance.firstChunk;
    Error e = writeChunk(instance, chunk, buffers);
    std::lock_guard<std::mutex> lock(mutex);
    if (e) {
      if (stop)
        consumeError(std::move(e));
      else
        failure = std::move(e);
      stop = true;
      return;
    }
    // All units but the last of an instance are of the same size.
    uint64_t share = instance.bytes / instance.chunks();
    if (chunk == 0)
      share = instance.bytes - share * (instance.chunks() - 1);
    done += share;
    if (options.progress)
      options.progress(done, total);
  }
}

Error Writer::writeChunk(const Instance &instance, int64_t chunk,
                         Buffers &buffers) {
  int64_t first = chunk * instance.unitsPerChunk;
  int64_t end = std::min(first + instance.unitsPerChunk, instance.units);
  if (PackOp pack = getPack(instance.weight))
    return writePanels(instance, pack, first, end, buffers);
  return writePlain(instance, first, end, buffers);
}

/// Units [first, end) of 16 bytes of a weight that is not packed.
Error Writer::writePlain(const Instance &instance, int64_t first, int64_t end,
                         Buffers &buffers) {
  WeightOp weight = instance.weight;
  int64_t from = first * 16;
  int64_t bytes = std::min<int64_t>(end * 16, instance.bytes) - from;
  mlir::Type element = weight.getTensorType().getElementType();
  if (getGroupFormat(element))
    return createStringError("weight " + quoted(weight.getSymName()) +
                             " of integers is not packed");
  auto fill = [&](auto *out) -> Error {
    int64_t size = sizeof(*out);
    return evaluator.evaluate(weight.getResultValue(), instance.layer,
                              from / size, MutableArrayRef(out, bytes / size));
  };
  uint8_t *chunk = buffers.chunk.data();
  if (element.isF16()) {
    buffers.rows.resize(bytes / 2);
    if (Error e = evaluator.evaluate(weight.getResultValue(), instance.layer,
                                     from / 2, buffers.rows))
      return e;
    if (Error e = storeF16(buffers.rows, reinterpret_cast<uint16_t *>(chunk),
                           weight.getSymName()))
      return e;
  } else if (Error e = element.isBF16()
                           ? fill(reinterpret_cast<uint16_t *>(chunk))
                           : fill(reinterpret_cast<float *>(chunk))) {
    return e;
  }
  return write(ArrayRef(buffers.chunk).take_front(bytes),
               instance.position + from);
}

Error Writer::writePanels(const Instance &instance, PackOp pack, int64_t first,
                          int64_t end, Buffers &buffers) {
  PanelPacker packer(pack, evaluator);
  int64_t stepBytes = packer.getLayout().stepBytes();
  int64_t depth = packer.getLayout().depth;
  uint64_t position =
      instance.position + first * packer.getLayout().panelBytes();
  int64_t filled = 0;
  for (int64_t panel = first; panel < end; ++panel)
    for (int64_t from = 0; from < depth; from += packer.getBlockDepth()) {
      int64_t to = std::min(from + packer.getBlockDepth(), depth);
      if (filled + (to - from) * stepBytes > chunkBytes) {
        if (Error e =
                write(ArrayRef(buffers.chunk).take_front(filled), position))
          return e;
        position += filled;
        filled = 0;
        if (stop)
          return Error::success();
      }
      if (Error e = packer.pack(instance.layer, panel, from, to, buffers.rows,
                                buffers.chunk.data() + filled))
        return e;
      filled += (to - from) * stepBytes;
    }
  return write(ArrayRef(buffers.chunk).take_front(filled), position);
}

Error Writer::write(ArrayRef<uint8_t> bytes, uint64_t position) {
  // A sum is the same in whatever order threads add to it.
  uint64_t part[] = {xxh3_64bits(bytes), position - base};
  digest += xxh3_64bits(ArrayRef(reinterpret_cast<const uint8_t *>(part), 16));
  return writeAt(descriptor, options.fileName, position, bytes);
}

Error writeWeights(ModuleOp module, const Sources &sources, int descriptor,
                   uint64_t base, const WriteOptions &options) {
  if (Error e = checkRecipes(module, sources))
    return e;
  Writer writer(sources, descriptor, options);
  if (Error e = writer.plan(module, base))
    return e;
  return writer.run();
}

Error writeInstances(ArrayRef<Placement> placements, const Sources &sources,
                     int descriptor, const WriteOptions &options) {
  Writer writer(sources, descriptor, options);
  if (Error e = writer.plan(placements))
    return e;
  return writer.run();
}

} // namespace fpmoe
