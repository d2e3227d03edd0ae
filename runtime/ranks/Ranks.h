//===- Ranks.h - the processes that run a model together ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program that is split runs as several processes, which MPI starts and
// connects. Rank 0 runs the command; the others wait for what it tells them.
// MPI is in a library that is opened when it is wanted (runtime/mpi).
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_RANKS_RANKS_H
#define FPMOE_RUNTIME_RANKS_RANKS_H

#include "runtime/core/Status.h"
#include "runtime/mpi/Mpi.h"

#include <cstdint>
#include <vector>

namespace fpmoe {

/// What started this process, as the environment has it.
struct Launch {
  const char *library = nullptr; ///< of runtime/mpi that goes with it
  int64_t rank = -1;             ///< negative: it was started alone
  int64_t localRank = -1;        ///< of those on its machine
};
Launch findLaunch();

class Ranks {
public:
  /// Opens the library `file`, or the one that goes with what started this
  /// process, and starts MPI. Waits for other ranks for `timeout` seconds.
  static Status join(const std::string &file, double timeout);

  /// Those that this process joined; null: none.
  static Ranks *joined();

  /// Over MPI that is started.
  explicit Ranks(const FpmoeMpi &mpi) : mpi(mpi) {}

  int32_t rank() const { return mpi.rank(); }
  int32_t count() const { return mpi.count(); }
  /// "rank 3 on node4", for people.
  std::string nameOf(int32_t rank) const;
  std::string hostOf(int32_t rank) const { return mpi.host(rank); }

  // What goes wrong with a message ends all ranks: there is no going on.

  /// To all others, from rank 0, and what they get, however long it takes.
  void send(const std::vector<uint8_t> &message);
  std::vector<uint8_t> receive();

  /// Gives rank 0 a record of each rank.
  template <typename T> std::vector<T> collect(const T &own) {
    std::vector<T> all(rank() ? 0 : count());
    collect(&own, sizeof(T), all.data());
    return all;
  }
  /// Gives each rank a record of each.
  template <typename T> std::vector<T> share(const T &own) {
    std::vector<T> all(count());
    collect(&own, sizeof(T), all.data());
    share(all.data(), all.size() * sizeof(T));
    return all;
  }
  /// Returns, on rank 0, the error of the first rank that has one, by its name;
  /// on others their own.
  Status agree(const Status &own);

  /// See FpmoeStep.reduce and FpmoeMpi.gather.
  void reduce(float *numbers, int64_t count);
  void gather(const float *part, int64_t rows, int64_t partColumns, float *all,
              int64_t columns);

  /// A number for the next runner of rank 0, by which all ranks know it.
  int32_t numberRunner() { return runners++; }

  /// Ends MPI, which all ranks have to do; the process, too, with this code,
  /// where MPI takes too long for that.
  void leave(int code);
  /// Ends all ranks with an error that this one tells, if it is not empty.
  [[noreturn]] void end(const std::string &error);

private:
  void check(int result);
  void collect(const void *own, int64_t bytes, void *all);
  void share(void *data, int64_t bytes);

  const FpmoeMpi &mpi;
  int32_t runners = 0;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_RANKS_RANKS_H
