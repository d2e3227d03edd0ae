//===- Agreement.cpp - what ranks have to have in common ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/ranks/Agreement.h"
#include "runtime/core/Machine.h"

#include <algorithm>
#include <cstring>
#include <link.h>
#include <sched.h>
#include <unistd.h>

using namespace fpmoe;

/// Between constants, a sanitizer has bytes that nothing else should read.
__attribute__((no_sanitize("address"))) static uint64_t
hashBytes(const char *data, size_t bytes, uint64_t hash) {
  uint64_t word;
  for (size_t at = 0; at + sizeof(word) <= bytes; at += sizeof(word)) {
    std::memcpy(&word, data + at, sizeof(word));
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return hash;
}

uint64_t fpmoe::programHash() {
  // The first object is the program. What is not written is the same wherever
  // it was loaded.
  uint64_t hash = 0xcbf29ce484222325;
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *to) {
        auto &hash = *static_cast<uint64_t *>(to);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto &part = info->dlpi_phdr[i];
          if (part.p_type != PT_LOAD || part.p_flags & PF_W)
            continue;
          hash = hashBytes(
              reinterpret_cast<const char *>(info->dlpi_addr + part.p_vaddr),
              part.p_filesz, hash);
        }
        return 1; // no others
      },
      &hash);
  return hash;
}

RankMachine fpmoe::readRankMachine(uint64_t levels) {
  RankMachine machine;
  machine.levels = levels;
  machine.memoryBytes = installedMemory();
  machine.usableCpus = usableCpus();
  machine.machineCpus = static_cast<int32_t>(sysconf(_SC_NPROCESSORS_ONLN));
  // Of a machine with more CPUs, nothing is known.
  sched_getaffinity(0, sizeof(machine.cpus),
                    reinterpret_cast<cpu_set_t *>(machine.cpus));
  return machine;
}

static int32_t countCpus(const uint64_t *cpus) {
  int32_t count = 0;
  for (size_t i = 0; i < sizeof(RankMachine::cpus) / sizeof(*cpus); ++i)
    count += __builtin_popcountll(cpus[i]);
  return count;
}

static bool shareCpus(const RankMachine &a, const RankMachine &b) {
  for (size_t i = 0; i < sizeof(a.cpus) / sizeof(*a.cpus); ++i)
    if (a.cpus[i] & b.cpus[i])
      return true;
  return false;
}

static std::string nameOf(size_t rank, const std::string &host) {
  return format("rank %zu on %s", rank, host.c_str());
}

/// "avx512-bf16, x86-64-v3"
static std::string namesOf(const FpmoeModel &model, uint64_t levels) {
  std::string names;
  for (uint32_t i = 0; i < model.level_count && i < 64; ++i)
    if (levels >> i & 1)
      names += (names.empty() ? "" : ", ") + std::string(model.levels[i].name);
  return names.empty() ? "none" : names;
}

Status Agreement::choose(const FpmoeModel &model,
                         std::vector<RankMachine> theMachines,
                         std::vector<std::string> theHosts) {
  machines = std::move(theMachines);
  hosts = std::move(theHosts);
  uint64_t all = ~uint64_t(0);
  for (const RankMachine &machine : machines)
    all &= machine.levels;
  if (all) {
    chosen = &model.levels[__builtin_ctzll(all)];
    return Status::success();
  }
  std::string text = "no level of this program runs on all ranks: ";
  for (size_t i = 0; i < machines.size(); ++i)
    text += (i ? "; " : "") + nameOf(i, hosts[i]) + " has " +
            namesOf(model, machines[i].levels);
  return Status::error(text + ". Compile it for a CPU that all have, too, such "
                              "as --cpu=native,x86-64-v3.");
}

Status Agreement::find(Ranks &ranks, const FpmoeModel &model,
                       const RankMachine &own, Agreement &agreement) {
  std::vector<uint64_t> programs = ranks.share(programHash());
  for (size_t i = 1; i < programs.size(); ++i)
    if (programs[i] != programs[0])
      return Status::error(format("%s runs another program than %s; all have "
                                  "to run the same file",
                                  ranks.nameOf(i).c_str(),
                                  ranks.nameOf(0).c_str()));
  int32_t count = ranks.count();
  if (model.ranks <= 1 && count > 1)
    return Status::error(
        format("%d ranks were started, and this program is not split, so that "
               "each would run all of it; compile it with --ranks=%d",
               count, count));
  if (model.ranks > 1 && count != model.ranks)
    return Status::error(format(
        "%d rank%s started, and this program is split over %lld", count,
        count == 1 ? " was" : "s were", static_cast<long long>(model.ranks)));
  std::vector<std::string> hosts;
  for (int32_t i = 0; i < count; ++i)
    hosts.push_back(ranks.hostOf(i));
  return agreement.choose(model, ranks.share(own),
                          std::move(hosts));
}

int32_t Agreement::cpusOf(size_t rank) const {
  int32_t users = 0;
  for (size_t i = 0; i < machines.size(); ++i)
    users += i == rank || (hosts[i] == hosts[rank] &&
                           shareCpus(machines[i], machines[rank]));
  return std::max(machines[rank].usableCpus / users, 1);
}

int64_t Agreement::memoryBytes() const {
  int64_t least = INT64_MAX;
  for (size_t i = 0; i < machines.size(); ++i)
    least = std::min<int64_t>(
        least, machines[i].memoryBytes /
                   std::count(hosts.begin(), hosts.end(), hosts[i]));
  return least;
}

int64_t Agreement::gpuBytes() const {
  int64_t least = INT64_MAX;
  for (const RankMachine &machine : machines)
    least = std::min(least, machine.gpuBytes);
  return least;
}

std::string Agreement::noteOf(int64_t wanted) const {
  for (size_t first = 0; first < machines.size(); ++first) {
    if (std::find(hosts.begin(), hosts.end(), hosts[first]) !=
        hosts.begin() + first)
      continue;      // the machine was looked at
    RankMachine all; // CPUs that one of its ranks may use
    int64_t threads = 0, ranks = 0;
    for (size_t i = first; i < machines.size(); ++i) {
      if (hosts[i] != hosts[first])
        continue;
      ++ranks;
      threads += wanted ? wanted : cpusOf(i);
      for (size_t j = 0; j < sizeof(all.cpus) / sizeof(*all.cpus); ++j)
        all.cpus[j] |= machines[i].cpus[j];
    }
    int32_t cpus = countCpus(all.cpus);
    // A control group may leave less.
    if (machines[first].usableCpus < countCpus(machines[first].cpus))
      cpus = machines[first].usableCpus;
    const char *host = hosts[first].c_str();
    if (threads > cpus && cpus > 0)
      return format("%lld ranks on %s have %lld threads together, and %d CPUs: "
                    "they wait for each other; start fewer there, or say with "
                    "--threads how many each has",
                    static_cast<long long>(ranks), host,
                    static_cast<long long>(threads), cpus);
    if (!wanted && cpus > 0 && cpus < machines[first].machineCpus)
      return format("of the %d CPUs of %s, %d may be used; where mpirun binds "
                    "ranks to some, --bind-to none lets them use all",
                    machines[first].machineCpus, host, cpus);
  }
  return "";
}
