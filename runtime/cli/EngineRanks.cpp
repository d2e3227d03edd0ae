//===- EngineRanks.cpp - the engine of several ranks ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All ranks are started with the same arguments. As soon as these are parsed
// they join, and from then on rank 0 alone runs the command: the others read no
// input, write nothing, and end where rank 0 does.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Console.h"
#include "runtime/cli/Engine.h"
#include "runtime/core/Cpu.h"
#include "runtime/core/Gpus.h"
#include "runtime/core/Level.h"
#include "runtime/core/Machine.h"
#include "runtime/ranks/Agreement.h"
#include "runtime/ranks/Follower.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>

using namespace fpmoe;

static Agreement agreement;

namespace {
/// What rank 0 says of weights and threads; the name of the file follows.
struct OpenCommand {
  int64_t threads;
  HugePages hugePages;
  int32_t nameBytes;
};
} // namespace

static RanksMessage makeMessage(RanksCommand::Kind kind) {
  RanksCommand command = {kind, 0};
  RanksMessage message;
  append(message, &command);
  return message;
}

/// "mpirun -n 4 coder generate --mpi": how all ranks are started.
static std::string startText(const std::string &command) {
  return format("mpirun -n %lld %s --mpi",
                static_cast<long long>(std::max<int64_t>(fpmoe_model.ranks, 1)),
                command.c_str());
}

int32_t Engine::ownCpus() const {
  Ranks *ranks = Ranks::joined();
  return ranks ? agreement.cpusOf(ranks->rank()) : usableCpus();
}

int64_t fpmoe::machineMemory() {
  return Ranks::joined() ? agreement.memoryBytes() : installedMemory();
}

int64_t fpmoe::gpuMemory(const GpuInfo &gpu) {
  // A program that is not split has nothing to agree on.
  return fpmoe_model.ranks > 1 ? agreement.gpuBytes() : gpu.memoryBytes;
}

void Engine::declareRanks(Arguments &arguments) {
  std::string example = startText(arguments.name());
  arguments.optionalText(
      withMpi, mpiLibrary, "--mpi", "FILE",
      format("run together with the other ranks that mpirun starts, on\n"
             "one machine or several (docs/machines.md):\n"
             "  %s ...\n"
             "FILE is the library for this MPI (default:\n"
             "libfpmoe-openmpi.so or libfpmoe-mpich.so, beside the program)",
             example.c_str())
          .c_str());
  arguments.integer(mpiTimeout, "--mpi-timeout", 1, 86400,
                    "seconds after which a rank that does not answer ends\n"
                    "all (default: 30)");
  arguments.whenParsed([this, &arguments] { return join(arguments.name()); });
}

/// Adds the level and the memory of the GPU that this rank runs on, if it does,
/// to what it has of its machine. Ranks of a machine have a GPU each, unless
/// FPMOE_DEVICE names one.
Status Engine::chooseGpuOfRank(RankMachine &own) const {
  const FpmoeLevel &level = usedLevel();
  if (fpmoe_model.ranks <= 1 || !level.cuda)
    return Status::success();
  if (gpu >= 0)
    return Status::error(format("--device is %lld, which is of one process; of "
                                "several, set FPMOE_DEVICE where each starts",
                                static_cast<long long>(gpu)));
  const char *named = getenv("FPMOE_DEVICE");
  if (!named || !*named) {
    int64_t process = std::max<int64_t>(findLaunch().localRank, 0);
    Status status = gpusOf(level).chooseFor(level, process);
    // It runs on its CPU instead, if the program can.
    if (status.failed())
      return own.levels ? Status::success() : status;
  }
  own.levels |= uint64_t(1) << (&level - fpmoe_model.levels);
  own.gpuBytes = gpusOf(level).chosen().memoryBytes;
  return Status::success();
}

Status Engine::join(const std::string &command) {
  if (!withMpi && fpmoe_model.ranks > 1)
    return Status::error(format(
        "this program is split over %lld ranks, which mpirun starts: "
        "%s ...",
        static_cast<long long>(fpmoe_model.ranks), startText(command).c_str()));
  if (!withMpi)
    return Status::success();
  LevelWish wish;
  wish.name = getenv("FPMOE_CPU");
  RankMachine own =
      readRankMachine(runnableLevels(fpmoe_model, readCpuWords(), wish));
  Status status = chooseGpuOfRank(own);
  if (!status.failed())
    status = Ranks::join(mpiLibrary, double(mpiTimeout));
  if (status.failed()) {
    muteErrors(findLaunch().localRank > 0); // it is of this machine
    std::exit(fail(status));
  }
  muteErrors(false);
  assumeNoTerminal(); // Open MPI's mpirun makes one for each rank
  Ranks &ranks = *Ranks::joined();
  // One that is not split may run on its GPU.
  if (fpmoe_model.ranks <= 1)
    own.levels = ~uint64_t(0);
  status = Agreement::find(ranks, fpmoe_model, own, agreement);
  if (status.failed()) {
    int code = ranks.rank() ? exitSuccess : fail(status);
    ranks.leave(code);
    std::exit(code);
  }
  if (fpmoe_model.ranks > 1)
    useLevel(agreement.level());
  if (ranks.rank())
    std::exit(follow(ranks));
  return status;
}

void Engine::tellRanks(Ranks &ranks) const {
  RanksMessage message = makeMessage(RanksCommand::open);
  OpenCommand command = {threads, hugePagesChoice(),
                         static_cast<int32_t>(weightsFile.size())};
  append(message, &command);
  append(message, weightsFile.data(), weightsFile.size());
  ranks.send(message);
  std::string text = agreement.noteOf(threads);
  if (!text.empty() && ranks.count() > 1)
    note(text);
}

/// Reads what tellRanks wrote.
HugePages Engine::takeTold(MessageReader &reader) {
  OpenCommand command = {};
  reader.read(&command);
  std::vector<char> name;
  reader.read(name, command.nameBytes);
  weightsFile.assign(name.begin(), name.end());
  threads = std::min(std::max<int64_t>(command.threads, 0), mostThreads);
  return command.hugePages;
}

int Engine::follow(Ranks &ranks) {
  // Ctrl-C is for rank 0, which lets the others go.
  signal(SIGINT, SIG_IGN);
  std::unique_ptr<Follower> follower;
  while (true) {
    RanksMessage message = ranks.receive();
    MessageReader reader(message);
    RanksCommand command = {};
    reader.read(&command);
    if (command.kind == RanksCommand::leave) {
      follower.reset();
      ranks.leave(exitSuccess);
      return exitSuccess;
    }
    if (follower) {
      follower->obey(command, reader);
      continue;
    }
    HugePages hugePages = takeTold(reader);
    if (reader.failed() || command.kind != RanksCommand::open)
      ranks.end(ranks.nameOf(ranks.rank()) + " does not understand rank 0");
    Status status = ranks.agree(openParts(ranks.rank()));
    if (!status.failed())
      follower = std::make_unique<Follower>(ranks, fpmoe_model, usedLevel(),
                                            *team, *weights, hugePages);
  }
}

void fpmoe::leaveRanks(int code) {
  Ranks *ranks = Ranks::joined();
  if (!ranks)
    return;
  ranks->send(makeMessage(RanksCommand::leave));
  ranks->leave(code);
}
