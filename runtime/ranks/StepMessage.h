//===- StepMessage.h - a step as rank 0 tells it ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What rank 0 says to the others: what a step is to compute, in one message,
// and commands about runners. All integers have the order of the machine's
// bytes; ranks run the same program.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_RANKS_STEPMESSAGE_H
#define FPMOE_RUNTIME_RANKS_STEPMESSAGE_H

#include "runtime/core/StepRunner.h"

#include <vector>

namespace fpmoe {

/// What begins every message.
struct RanksCommand {
  enum Kind : int32_t {
    open,      ///< weights and threads: OpenCommand follows
    create,    ///< a runner: StepperOptions follow
    step,      ///< of a runner, see encodeStep
    fillCache, ///< of a runner
    destroy,   ///< a runner
    leave      ///< this is the end
  };
  int32_t kind;
  int32_t runner; ///< number of the runner that it is about, else 0
};

using RanksMessage = std::vector<uint8_t>;

/// Appends the bytes of a structure or of an array.
template <typename T>
void append(RanksMessage &message, const T *data, int64_t count = 1) {
  size_t at = message.size();
  message.resize(at + count * sizeof(T));
  if (count > 0)
    __builtin_memcpy(&message[at], data, count * sizeof(T));
}

/// Takes them out again, from the front; remembers when there are too few.
class MessageReader {
public:
  explicit MessageReader(const RanksMessage &message)
      : at(message.data()), end(message.data() + message.size()) {}

  template <typename T> void read(T *data, int64_t count = 1) {
    const uint8_t *from = take(count, sizeof(T));
    if (from && count > 0)
      __builtin_memcpy(data, from, count * sizeof(T));
  }
  template <typename T> void read(std::vector<T> &data, int64_t count) {
    const uint8_t *from = take(count, sizeof(T));
    data.resize(from ? count : 0);
    if (from && count > 0)
      __builtin_memcpy(data.data(), from, count * sizeof(T));
  }

  bool failed() const { return isShort; }
  /// All was taken, and not more.
  bool isDone() const { return !isShort && at == end; }

private:
  const uint8_t *take(int64_t count, int64_t size) {
    if (isShort || count < 0 || count > (end - at) / size) {
      isShort = true;
      return nullptr;
    }
    const uint8_t *from = at;
    at += count * size;
    return from;
  }

  const uint8_t *at, *end;
  bool isShort = false;
};

/// How far rank 0 is with its copy of the weights into huge pages.
enum class CopyState : int32_t { none, planned, complete };

/// Appends what the step says. Of the pages of a sequence, those that it uses.
void encodeStep(const FpmoeStep &step, CopyState copy, RanksMessage &message);

/// A step with what it points to.
struct DecodedStep {
  /// Reads what encodeStep wrote. Refuses all that generated code could not
  /// take: whatever it is, it ends inside of the memory of a runner that was
  /// made with these options.
  Status decode(MessageReader &reader, const FpmoeModel &model,
                const FpmoeLevel &level, const StepperOptions &options);

  FpmoeStep step = {};
  CopyState copy = CopyState::none;

private:
  Status readPages(MessageReader &reader, const FpmoeModel &model,
                   int32_t sequences);
  std::vector<int32_t> tokens, positions, logitsRows, segments, forced,
      languages, tables;
  std::vector<FpmoeQueryBlock> blocks;
  std::vector<const int32_t *> pages;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_RANKS_STEPMESSAGE_H
