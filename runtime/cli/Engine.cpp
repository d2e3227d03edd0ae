//===- Engine.cpp - the parts that run the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights are checked before a thread is started, so that a broken file is
// told at once.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Engine.h"
#include "runtime/cli/Console.h"
#include "runtime/core/Level.h"
#include "runtime/core/Machine.h"
#include "runtime/language/LanguageTracker.h"

#include <algorithm>
#include <cstdlib>

using namespace fpmoe;

static LevelChoice used;

/// More than any machine has.
static constexpr int64_t mostGpus = 1024;

static bool hasGpuLevel() {
  const FpmoeLevel *levels = fpmoe_model.levels;
  return std::any_of(levels, levels + fpmoe_model.level_count,
                     [](const FpmoeLevel &level) { return level.cuda; });
}

Status fpmoe::chooseLevel() {
  LevelWish wish;
  wish.name = getenv("FPMOE_CPU");
  const char *gpu = getenv("FPMOE_DEVICE");
  if (gpu && *gpu && hasGpuLevel() &&
      (!parseInteger(gpu, wish.gpu) || wish.gpu < 0 || wish.gpu >= mostGpus))
    return Status::error(format("FPMOE_DEVICE is '%s', it has to be the number "
                                "of a GPU, from 0 on; unset it, or name one "
                                "that nvidia-smi lists",
                                gpu));
  LevelChoice choice;
  Status status = chooseLevel(fpmoe_model, readCpuWords(), wish, choice);
  if (!status.failed() && !used.level) // other engines of a process have it
    used = choice;
  return status;
}

void fpmoe::assumeLevel() { used.level = fpmoe_model.levels; }

const std::string &fpmoe::whyNoGpu() { return used.noGpu; }

const FpmoeLevel &fpmoe::usedLevel() { return *used.level; }

void fpmoe::useLevel(const FpmoeLevel &level) { used.level = &level; }

const GpuInfo *fpmoe::usedGpu() {
  return used.level->cuda ? &gpusOf(*used.level).chosen() : nullptr;
}

std::string fpmoe::usedTarget() {
  return format("%s %s", fpmoe_model.target, used.level->name);
}

std::string fpmoe::runnerText(const Team &team) {
  const GpuInfo *gpu = usedGpu();
  return gpu ? gpu->name : format("%d threads", team.size());
}

void Engine::declare(Arguments &arguments) {
  arguments.integer(threads, "--threads", 1, mostThreads,
                    "worker threads (default: the CPUs this process may use)");
  arguments.text(weightsFile, "--weights", "FILE",
                 "weights file, instead of the program's own");
  arguments.choice(hugePages, "--huge-pages", {"auto", "on", "off"},
                   "copy the weights into huge pages, which makes decoding\n"
                   "faster and takes their size in memory (default: auto)");
  if (hasGpuLevel())
    arguments.integer(gpu, "--device", 0, mostGpus - 1,
                      "number of the GPU to run on (default: FPMOE_DEVICE, or\n"
                      "the first that can)");
  declareRanks(arguments);
}

std::string Engine::weightsPath() const {
  return fpmoe::weightsPath(weightsFile, fpmoe_weights_file);
}

/// The GPU of --device instead of the one that was chosen with the level.
static Status chooseGpu(int64_t number) {
  if (number < 0)
    return Status::success();
  if (!used.level->cuda)
    return Status::error(
        format("--device is %lld, but %s is in use: %s",
               static_cast<long long>(number), used.level->name,
               used.noGpu.empty() ? "FPMOE_CPU names it" : used.noGpu.c_str()));
  Status status = gpusOf(*used.level).choose(*used.level, number);
  return status.failed() ? Status::error(format("--device is %lld, but %s",
                                                static_cast<long long>(number),
                                                status.message().c_str()))
                         : status;
}

Status Engine::openParts(int32_t rank) {
  Status status = Weights::open(weightsPath(), fpmoe_model,
                                fpmoe_weights_fingerprint, weights, rank);
  if (status.failed())
    return status;
  int32_t cpus = ownCpus();
  int32_t wanted = threads ? static_cast<int32_t>(threads) : cpus;
  status = Team::create(wanted, team, cpus);
  std::string refused = status.message();
  for (int32_t fewer = wanted / 2; status.failed() && fewer > 0; fewer /= 2) {
    status = Team::create(fewer, team, cpus);
    if (!status.failed() && rank == 0)
      note(format("%s; going on with %d", refused.c_str(), fewer));
  }
  return status;
}

Status Engine::open() {
  Status status = chooseGpu(gpu);
  if (status.failed())
    return status;
  Ranks *ranks = Ranks::joined();
  if (!ranks)
    return openParts(/*rank=*/0);
  tellRanks(*ranks);
  return ranks->agree(openParts(ranks->rank()));
}

HugePages Engine::hugePagesChoice() const {
  if (used.level->cuda || hugePages == "off")
    return HugePages::off;
  return hugePages == "on" ? HugePages::on : HugePages::automatic;
}

static int64_t weightBytesOfRank() {
  return fpmoe_model.ranks > 1 ? fpmoe_model.rank_weight_bytes
                               : fpmoe_model.weight_bytes;
}

int64_t fpmoe::defaultCacheBytes(int64_t sequences) {
  int64_t position = used.level->cache_bytes_per_position;
  int64_t pages =
      (fpmoe_model.context + pagePositions - 1) / pagePositions * sequences;
  int64_t memory = machineMemory() / 4;
  if (const GpuInfo *gpu = usedGpu()) // all but the weights is for this
    memory = (gpuMemory(*gpu) - weightBytesOfRank()) / 2;
  int64_t most = std::max<int64_t>(memory / position / pagePositions, 1);
  return std::min(pages, most) * pagePositions * position;
}

/// The same among the languages that tokens can have, by any of their names.
static Status findAdapter(const std::string &name, int32_t &language) {
  const char *const *first = fpmoe_model.language_names;
  std::vector<std::string> names(first, first + fpmoe_model.languages);
  language = LanguageTracker(names).find(name);
  if (language >= 0)
    return Status::success();
  std::string known;
  for (const std::string &each : names)
    known += (known.empty() ? "" : ", ") + each;
  return Status::error(format("--language=%s: this program has no adapter for "
                              "it, it has: %s",
                              name.c_str(), known.c_str()));
}

Status fpmoe::findLanguage(const std::string &name, int32_t &language) {
  language = -1;
  if (name.empty())
    return Status::success();
  if (fpmoe_model.segment > 0)
    return Status::error(format("--language=%s: a program that routes segments "
                                "takes no language; fpmoe-compile --languages "
                                "keeps the experts of some",
                                name.c_str()));
  if (fpmoe_model.languages > 0)
    return findAdapter(name, language);
  std::string known;
  for (int64_t i = 0; i < fpmoe_model.experts; ++i) {
    if (name == fpmoe_model.expert_names[i]) {
      language = static_cast<int32_t>(i);
      return Status::success();
    }
    known += (known.empty() ? "" : ", ") + expertName(i);
  }
  return Status::error(
      known.empty()
          ? format("--language=%s: this program has no experts to choose from",
                   name.c_str())
          : format("--language=%s: this program has no such expert, it has: %s",
                   name.c_str(), known.c_str()));
}

std::string fpmoe::expertName(int64_t expert) {
  return fpmoe_model.expert_names[expert];
}

int32_t fpmoe::mainExpert(const int32_t *routes) {
  std::vector<int64_t> votes(fpmoe_model.experts);
  for (int64_t i = 0; i < fpmoe_model.layers * fpmoe_model.top_k; ++i)
    if (routes[i] >= 0 && routes[i] < fpmoe_model.experts)
      ++votes[routes[i]];
  int32_t best = -1;
  for (int32_t i = 0; i < fpmoe_model.experts; ++i)
    if (votes[i] > 0 && (best < 0 || votes[i] > votes[best]))
      best = i;
  return best;
}
