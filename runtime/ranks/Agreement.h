//===- Agreement.h - what ranks have to have in common ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ranks can only run a model together that run the same code of the same
// program. What they have of their machines, they share with their neighbours
// there.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_RANKS_AGREEMENT_H
#define FPMOE_RUNTIME_RANKS_AGREEMENT_H

#include "include/fpmoe/runtime/abi.h"
#include "runtime/ranks/Ranks.h"

#include <string>
#include <vector>

namespace fpmoe {

/// What a rank has of its machine.
struct RankMachine {
  uint64_t levels = 0;     ///< bit i: it runs level i of the program
  int64_t memoryBytes = 0; ///< of the machine
  int64_t gpuBytes = 0;    ///< of the GPU that the rank runs on, if it does
  int32_t usableCpus = 0;
  int32_t machineCpus = 0;
  uint64_t cpus[64] = {}; ///< bit i: it may use CPU i
};

/// Of this one; `levels` as above.
RankMachine readRankMachine(uint64_t levels);

class Agreement {
public:
  /// Finds what all ranks run. They all get the same result or the same error.
  static Status find(Ranks &ranks, const FpmoeModel &model,
                     const RankMachine &own, Agreement &agreement);

  /// The same of machines that are known, by their names and of all ranks.
  Status choose(const FpmoeModel &model, std::vector<RankMachine> machines,
                std::vector<std::string> hosts);

  /// The best level that all ranks run.
  const FpmoeLevel &level() const { return *chosen; }
  /// CPUs of a rank, in equal parts where others may use them, too.
  int32_t cpusOf(size_t rank) const;
  /// Memory of the machine that has the least for each of its ranks.
  int64_t memoryBytes() const;
  /// Memory of the smallest GPU that a rank runs on; 0 where one has none.
  int64_t gpuBytes() const;
  /// What is to be said when each rank has so many threads, or, where that is
  /// 0, as many as it has CPUs; "" if nothing.
  std::string noteOf(int64_t threads) const;

private:
  const FpmoeLevel *chosen = nullptr;
  std::vector<RankMachine> machines;
  std::vector<std::string> hosts;
};

/// A number that differs between programs: of their code and constants.
uint64_t programHash();

} // namespace fpmoe

#endif // FPMOE_RUNTIME_RANKS_AGREEMENT_H
