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
#include <unistd.h>

using namespace fpmoe;

static const FpmoeLevel *used;

Status fpmoe::chooseLevel() {
  return chooseLevel(fpmoe_model, readCpuWords(), getenv("FPMOE_CPU"), used);
}

const FpmoeLevel &fpmoe::usedLevel() { return *used; }

std::string fpmoe::usedTarget() {
  return format("%s %s", fpmoe_model.target, used->name);
}

void Engine::declare(Arguments &arguments) {
  arguments.integer(threads, "--threads", 1, mostThreads,
                    "worker threads (default: the CPUs this process may use)");
  arguments.text(weightsFile, "--weights", "FILE",
                 "weights file, instead of the program's own");
  arguments.choice(hugePages, "--huge-pages", {"auto", "on", "off"},
                   "copy the weights into huge pages, which makes decoding\n"
                   "faster and takes their size in memory (default: auto)");
}

std::string Engine::weightsPath() const {
  return fpmoe::weightsPath(weightsFile, fpmoe_weights_file);
}

Status Engine::open() {
  Status status = Weights::open(weightsPath(), fpmoe_model,
                                fpmoe_weights_fingerprint, weights);
  if (status.failed())
    return status;
  int32_t wanted = threads ? static_cast<int32_t>(threads) : usableCpus();
  status = Team::create(wanted, team);
  std::string refused = status.message();
  for (int32_t fewer = wanted / 2; status.failed() && fewer > 0; fewer /= 2) {
    status = Team::create(fewer, team);
    if (!status.failed())
      note(format("%s; going on with %d", refused.c_str(), fewer));
  }
  return status;
}

HugePages Engine::hugePagesChoice() const {
  return hugePages == "on"    ? HugePages::on
         : hugePages == "off" ? HugePages::off
                              : HugePages::automatic;
}

int64_t fpmoe::defaultCacheBytes(int64_t sequences) {
  int64_t position = used->cache_bytes_per_position;
  int64_t pages =
      (fpmoe_model.context + pagePositions - 1) / pagePositions * sequences;
  int64_t memory = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  int64_t most = std::max<int64_t>(memory / 4 / position / pagePositions, 1);
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
