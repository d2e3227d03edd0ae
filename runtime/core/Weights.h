//===- Weights.h - the weights of the program ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the weight blob in the program's own file or in the file beside it,
// checks that it belongs to this program, and maps it, or a rank's part of it.
// A decoded token reads all of that, for which huge pages are worth 10 to 30%.
// Recent kernels give them to the mapped file; where they do not, the team can
// copy the blob into huge pages piece by piece, between tokens.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_WEIGHTS_H
#define FPMOE_RUNTIME_CORE_WEIGHTS_H

#include "include/fpmoe/runtime/abi.h"
#include "runtime/core/Memory.h"
#include "runtime/core/Team.h"

#include <memory>
#include <string>

/// The file of the shared library that the model is in. Only such a library
/// has this function (runtime/capi/LibraryFile.cpp).
extern "C" __attribute__((weak)) const char *fpmoe_library_file();

namespace fpmoe {

/// Returns the path of the file that holds the weights: `chosen` when it is
/// not empty, else `besideName` in the folder of this executable, else this
/// executable itself, under the name that it was started by where there is no
/// /proc.
std::string weightsPath(const std::string &chosen, const char *besideName);

/// The folder of this program's file, with a slash at its end.
std::string programFolder();

/// Reads the trailer of an open file and checks it against the program.
/// `name` stands in messages.
Status readTrailer(int file, const std::string &name, uint64_t weightBytes,
                   uint64_t fingerprint, FpmoeTrailer &trailer);

/// When to move the weights into huge pages.
enum class HugePages { automatic, on, off };

class Weights {
public:
  /// Maps the blob of `path`, of which `model` and `fingerprint` say what it
  /// has to be; of a model that is split, the part of `rank` alone. Errors name
  /// the file.
  static Status open(const std::string &path, const FpmoeModel &model,
                     uint64_t fingerprint, std::unique_ptr<Weights> &weights,
                     int32_t rank = 0);
  ~Weights();

  /// The blob, or the rank's part, 64-byte aligned. Changes when a copy is
  /// complete, so a step takes it once.
  const uint8_t *data() const { return complete ? copy.data() : mapped; }
  int64_t size() const { return bytes; }

  /// Share of the blob's pages in memory that are huge, as the kernel has it.
  double hugeShare() const;

  /// Allocates the copy, when `when` and the free memory allow it, the file is
  /// not in huge pages anyway, and `uses` readings of the blob can pay for it.
  /// To be called after a first step, which maps the file.
  void planCopy(HugePages when, int64_t uses);

  /// Copies with the whole team for about this long, or to the end. Returns
  /// at once when no copy is planned or it is complete; gives it up when, at
  /// its speed so far, the rest takes longer than it is `worth`. Seconds.
  void continueCopy(Team &team, double forSeconds, double worth);

  /// A copy is made, or complete.
  bool isPlanned() const { return copy.data(); }
  /// The copy is complete and in use.
  bool isCopied() const { return complete; }

private:
  Weights() = default;
  const uint8_t *mapped = nullptr;
  int64_t bytes = 0;
  Memory copy;
  int64_t copied = 0;
  double copySeconds = 0;
  bool complete = false;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_WEIGHTS_H
