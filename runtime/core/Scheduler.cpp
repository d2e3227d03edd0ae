//===- Scheduler.cpp - many sequences in the steps of a model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sequence gets pages for its prompt when it starts, and one more whenever
// its text has filled them. Where there is none, the sequence that started last
// gives up its pages and waits to be computed again: to the same bits.
//
// Guesses of what follows are rows of the step like others, and taken as far as
// they are what would have been chosen anyway.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Scheduler.h"
#include "runtime/core/Machine.h"

using namespace fpmoe;

/// A sequence starts when there is room for so many tokens behind its prompt.
static constexpr int64_t tokensToCome = 128;

struct Scheduler::Job {
  Job(const FpmoeModel &model, Task &task)
      : task(task), sequence(model, task.forced), guesser(task.drafts) {
    sequence.tokens = task.prompt;
  }

  /// Whether its next token is all that it waits for.
  bool isWriting() const {
    return made > 0 && sequence.size() - sequence.fed() == 1;
  }
  int64_t toCome() const { return sequence.size() - sequence.fed(); }

  Task &task;
  Sequence sequence;
  int64_t made = 0;      ///< tokens behind the prompt
  int64_t guesses = 0;   ///< tokens at the end that are guessed
  int64_t age = 0;       ///< steps since the job started
  int64_t published = 0; ///< pages
  uint64_t lastSerial = 0;
  bool inStep = false;
  Guesser guesser;
};

struct Scheduler::Part {
  Job *job;
  StepRun run;
};

/// Where a job is in a list of jobs.
template <typename Jobs, typename Job>
static auto placeOf(Jobs &jobs, const Job *job) {
  return std::find_if(jobs.begin(), jobs.end(),
                      [&](const auto &each) { return each.get() == job; });
}

static int64_t pagesFor(int64_t positions) {
  return (positions + pagePositions - 1) / pagePositions;
}

Status Scheduler::create(const FpmoeModel &model, const FpmoeLevel &level,
                         Team &team, Weights &weights,
                         const SchedulerOptions &options,
                         std::unique_ptr<Scheduler> &result) {
  std::unique_ptr<Scheduler> made(new Scheduler(model));
  // Each sequence that is being written takes a row of every step.
  made->sequences =
      std::max<int64_t>(std::min(options.sequences, level.max_tokens), 1);
  made->stepSize = std::make_unique<StepSize>(
      level.max_tokens, level.block_rows, options.stepSeconds);
  StepperOptions memory;
  int64_t pageBytes = pagePositions * level.cache_bytes_per_position;
  int64_t wanted = made->sequences * pagesFor(model.context);
  memory.pages = options.cacheBytes
                     ? std::min(options.cacheBytes / pageBytes, wanted)
                     : wanted;
  if (memory.pages < 1)
    return Status::error(
        format("the cache of %lld bytes has no room for %lld positions, which "
               "take %lld",
               static_cast<long long>(options.cacheBytes),
               static_cast<long long>(pagePositions),
               static_cast<long long>(pageBytes)));
  memory.logitsRows =
      std::min(level.max_tokens, std::max<int64_t>(2 * made->sequences, 64));
  memory.recordRoutes = options.recordRoutes;
  Status status =
      Stepper::create(model, level, team, weights, memory, made->stepper);
  if (status.failed())
    return status;
  made->pool = std::make_unique<PagePool>(memory.pages);
  result = std::move(made);
  return status;
}

Scheduler::Scheduler(const FpmoeModel &model) : model(model) {}

Scheduler::~Scheduler() = default;

Status Scheduler::add(Task &task) {
  using Number = long long;
  if (broken.failed())
    return broken;
  int64_t size = task.prompt.size();
  if (size == 0)
    return Status::error("the prompt is empty");
  if (size > mostPositions())
    return Status::error(format(
        "the prompt has %lld tokens, there is room for %lld: the model's "
        "context is %lld, the cache has %lld positions",
        Number(size), Number(mostPositions()), Number(model.context),
        Number(room())));
  for (int64_t i = 0; i < size; ++i)
    if (task.prompt[i] < 0 || task.prompt[i] >= model.vocabulary)
      return Status::error(format("token %lld has id %d, outside the "
                                  "vocabulary of %lld",
                                  Number(i), task.prompt[i],
                                  Number(model.vocabulary)));
  waiting.push_back(std::make_unique<Job>(model, task));
  Job &job = *waiting.back();
  if (followsLanguages(job))
    job.sequence.languages = task.languagesOf(task.prompt);
  return Status::success();
}

void Scheduler::cancel(Task &task) {
  for (auto place = waiting.begin(); place != waiting.end(); ++place)
    if (&(*place)->task == &task) {
      waiting.erase(place);
      task.onEnd(Task::End::cancelled);
      return;
    }
  for (std::unique_ptr<Job> &job : running)
    if (&job->task == &task)
      return end(*job, Task::End::cancelled);
}

void Scheduler::end(Job &job, Task::End how) {
  releasePages(job);
  Task &task = job.task;
  running.erase(placeOf(running, &job));
  task.onEnd(how);
}

/// Ends all texts, as no step can be run any more.
void Scheduler::endAll() {
  std::move(waiting.begin(), waiting.end(), std::back_inserter(running));
  waiting.clear();
  for (; !running.empty(); end(*running.back(), Task::End::failed))
    running.back()->task.failure = broken;
}

void Scheduler::releasePages(Job &job) {
  // The last pages first: the others serve texts with another ending, too.
  std::vector<int32_t> &pages = job.sequence.pages;
  while (!pages.empty()) {
    pool->release(pages.back());
    pages.pop_back();
  }
  job.published = 0;
  job.lastSerial = 0;
}

/// Tokens of a text that its first `pages` pages were computed from: where
/// segments are routed, all of the segments that begin in them.
int64_t Scheduler::tokensBehind(int64_t pages) const {
  int64_t end = pages * pagePositions;
  return model.segment > 0
             ? (end + model.segment - 1) / model.segment * model.segment
             : end;
}

PageKey Scheduler::keyOf(const Job &job, int64_t page) const {
  const Sequence &sequence = job.sequence;
  PageKey key;
  key.before = job.lastSerial;
  key.owner = job.task.owner;
  auto part = [&](const std::vector<int32_t> &all) {
    return std::vector<int32_t>(all.begin() + page * pagePositions,
                                all.begin() + tokensBehind(page + 1));
  };
  key.tokens = part(sequence.tokens);
  if (job.task.forced >= 0 || model.languages == 0)
    key.forced = job.task.forced;
  else
    key.languages = part(sequence.languages);
  return key;
}

/// Takes the pages that are there already, but for the last token, whose logits
/// are wanted.
void Scheduler::findPages(Job &job) {
  Sequence &sequence = job.sequence;
  sequence.resume(0);
  if (job.task.wantsPromptLogits || job.task.wantsRoutes)
    return;
  if (followsLanguages(job))
    sequence.languages.resize(sequence.size(), -1);
  int64_t most = (sequence.size() - 1) / pagePositions;
  for (; job.published < most &&
         tokensBehind(job.published + 1) <= sequence.size();
       ++job.published) {
    int32_t page = pool->find(keyOf(job, job.published));
    if (page < 0)
      break;
    sequence.pages.push_back(page);
    job.lastSerial = pool->serialOf(page);
  }
  // Where segments are routed, the rest begins with one.
  while (model.segment > 0 &&
         job.published * pagePositions % model.segment != 0) {
    pool->release(sequence.pages.back());
    sequence.pages.pop_back();
    --job.published;
    job.lastSerial = job.published ? pool->serialOf(sequence.pages.back()) : 0;
  }
  sequence.resume(job.published * pagePositions);
}

void Scheduler::publishPages(Job &job) {
  Sequence &sequence = job.sequence;
  for (; (job.published + 1) * pagePositions <= sequence.closed();
       ++job.published)
    job.lastSerial =
        pool->publish(sequence.pages[job.published], keyOf(job, job.published));
}

/// Owners with fewest running sequences first, of one owner the oldest.
Scheduler::Job *Scheduler::findNext() {
  Job *best = nullptr;
  int64_t bestCount = 0;
  for (std::unique_ptr<Job> &job : waiting) {
    int64_t count = std::count_if(running.begin(), running.end(),
                                  [&](const std::unique_ptr<Job> &each) {
                                    return each->task.owner == job->task.owner;
                                  });
    if (!best || count < bestCount) {
      best = job.get();
      bestCount = count;
    }
  }
  return best;
}

void Scheduler::admit() {
  while (!waiting.empty() && static_cast<int64_t>(running.size()) < sequences) {
    Job &job = *findNext();
    int64_t size = job.sequence.size();
    int64_t wanted = pagesFor(std::min(size + tokensToCome, mostPositions()));
    findPages(job);
    int64_t missing = wanted - job.sequence.pages.size();
    if (pool->available() < missing && !running.empty())
      return releasePages(job);
    start(job);
  }
}

void Scheduler::start(Job &job) {
  auto place = placeOf(waiting, &job);
  running.push_back(std::move(*place));
  waiting.erase(place);
  Sequence &sequence = job.sequence;
  if (job.made == 0) {
    numbers.promptTokens += sequence.size();
    numbers.foundTokens += sequence.fed();
    job.task.onStart(sequence.fed());
  }
  job.age = 0;
  while (static_cast<int64_t>(sequence.pages.size()) <
         pagesFor(sequence.size()))
    sequence.pages.push_back(pool->take());
}

/// Makes another sequence give up its pages, if one can.
bool Scheduler::preemptFor(Job &job) {
  for (size_t i = running.size(); i-- > 0;) {
    Job &victim = *running[i];
    if (&victim == &job || victim.inStep)
      continue;
    ++numbers.preemptions;
    releasePages(victim);
    waiting.push_front(std::move(running[i]));
    running.erase(running.begin() + i);
    return true;
  }
  return false;
}

bool Scheduler::hasPages(Job &job, int64_t positions) {
  std::vector<int32_t> &pages = job.sequence.pages;
  while (static_cast<int64_t>(pages.size()) < pagesFor(positions)) {
    int32_t page = pool->take();
    if (page < 0) {
      if (!preemptFor(job))
        return false;
      continue;
    }
    pages.push_back(page);
  }
  return true;
}

/// Puts guesses of what follows behind the text.
void Scheduler::addGuesses(Job &job, int64_t most) {
  if (job.task.wantsRoutes) // which are told as soon as a step has them
    return;
  Sequence &sequence = job.sequence;
  int64_t pages = sequence.pages.size();
  most =
      std::min({most, sequence.guessRoom(), mostPositions() - sequence.size(),
                pages * pagePositions - sequence.size()});
  std::vector<int32_t> guesses = job.guesser.guess(sequence.tokens, most);
  sequence.tokens.insert(sequence.tokens.end(), guesses.begin(), guesses.end());
  job.guesses = guesses.size();
  if (followsLanguages(job)) {
    std::vector<int32_t> ahead = job.task.languagesAhead(guesses);
    sequence.languages.insert(sequence.languages.end(), ahead.begin(),
                              ahead.end());
  }
}

/// Whether the task says in which languages its tokens are.
bool Scheduler::followsLanguages(const Job &job) const {
  return model.languages > 0 && job.task.forced < 0;
}

/// Adds what a job has for the step, if that fits.
bool Scheduler::addPart(Job &job, int64_t most, int64_t mostLogits) {
  Sequence &sequence = job.sequence;
  int64_t wanted = sequence.size() - 1 - job.guesses;
  if (job.task.wantsPromptLogits && job.made == 0) {
    wanted = 0;
    most = std::min(most, mostLogits);
  }
  if (most < 1 || mostLogits < 1 + job.guesses)
    return false;
  Part part{&job, sequence.plan(most, wanted)};
  if (part.run.count > most)
    return false;
  job.inStep = true;
  parts.push_back(part);
  return true;
}

void Scheduler::planStep() {
  parts.clear();
  int64_t rows = 0, logits = stepper->logitsRows(), most = stepper->maxTokens();
  std::vector<Job *> writing, reading;
  for (std::unique_ptr<Job> &job : running) {
    job->inStep = false;
    ++job->age;
    (job->isWriting() ? writing : reading).push_back(job.get());
  }
  auto isRunning = [&](Job *job) {
    return placeOf(running, job) != running.end();
  };
  auto take = [&](Job *job, int64_t limit) {
    if (!addPart(*job, limit, logits))
      return int64_t(0);
    const StepRun &run = parts.back().run;
    rows += run.count;
    logits -= run.count - run.logitsFrom;
    return run.count;
  };
  // Every sequence that is written has a row and its logits.
  int64_t spare = std::min(logits, most) - static_cast<int64_t>(writing.size());
  for (Job *job : writing) {
    // One before it may have taken its pages.
    if (!isRunning(job) || job->task.isHeld ||
        !hasPages(*job, job->sequence.size()))
      continue;
    addGuesses(*job, spare / static_cast<int64_t>(writing.size()));
    take(job, most - rows);
  }
  // Short ones first, but none is put off for ever.
  auto rank = [](const Job *job) { return job->toCome() - 256 * job->age; };
  std::stable_sort(reading.begin(), reading.end(),
                   [&](Job *a, Job *b) { return rank(a) < rank(b); });
  int64_t left = stepSize->promptRows(rows);
  for (Job *job : reading)
    if (left > 0 && isRunning(job))
      left -= take(job, left);
}

bool Scheduler::step() {
  admit();
  if (running.empty())
    return false;
  planStep();
  if (parts.empty())
    return false;
  std::vector<StepRun> runs;
  int64_t rows = 0;
  for (const Part &part : parts) {
    runs.push_back(part.run);
    rows += part.run.count;
  }
  double before = seconds();
  broken = stepper->step(runs);
  if (broken.failed()) {
    endAll();
    return false;
  }
  double took = seconds() - before;
  numbers.stepSeconds += took;
  ++numbers.steps;
  auto isWriting = [](const Part &part) { return part.job->isWriting(); };
  auto numWriting =
      static_cast<size_t>(std::count_if(parts.begin(), parts.end(), isWriting));
  if (numWriting < parts.size())
    stepSize->learn(rows, /*isMixed=*/numWriting > 0, took);
  int64_t row = 0, logitsRow = 0;
  std::vector<Part> done;
  done.swap(parts);
  for (const Part &part : done) {
    finishPart(part, row, logitsRow);
    row += part.run.count;
    logitsRow += part.run.count - part.run.logitsFrom;
  }
  return true;
}

void Scheduler::finishPart(const Part &part, int64_t row, int64_t logitsRow) {
  Job &job = *part.job;
  const StepRun &run = part.run;
  job.inStep = false;
  int64_t added = job.sequence.advance(run);
  if (job.task.wantsRoutes) {
    std::vector<int32_t> routes;
    for (int64_t i = run.count - added; i < run.count; ++i) {
      routes.clear();
      stepper->appendRoutes(row + i, routes);
      job.task.onRoutes(run.position + i, routes.data());
    }
  }
  int64_t rows = run.count - run.logitsFrom;
  bool isBehind = job.sequence.isBehind();
  if (job.task.wantsPromptLogits && job.made == 0)
    for (int64_t i = 0; i < rows - (isBehind ? 0 : 1); ++i)
      job.task.onPromptLogits(run.position + run.logitsFrom + i,
                              stepper->logitsRow(logitsRow + i));
  if (isBehind)
    return publishPages(job);
  takeToken(job, part, logitsRow, rows);
}

void Scheduler::takeToken(Job &job, const Part &part, int64_t logitsRow,
                          int64_t rows) {
  Sequence &sequence = job.sequence;
  int64_t known = sequence.size() - job.guesses, right = 0;
  std::vector<int32_t> guesses(sequence.tokens.begin() + known,
                               sequence.tokens.end());
  sequence.tokens.resize(known);
  int64_t count = guesses.size();
  logitsRow += rows - 1 - count;
  Task::Next next = {-1, true};
  for (int64_t i = 0; i <= count; ++i) {
    next = job.task.next(stepper->logitsRow(logitsRow + i));
    if (next.token < 0)
      break;
    sequence.tokens.push_back(next.token);
    ++job.made;
    ++numbers.madeTokens;
    if (next.isLast || i == count || next.token != guesses[i])
      break;
    ++right;
  }
  if (count > 0) {
    numbers.drafted += count;
    numbers.accepted += right;
    job.guesser.learn(count, right);
    job.guesses = 0;
    // What was guessed wrongly is written again.
    sequence.rewind(known + right);
  }
  publishPages(job);
  if (next.token < 0 || next.isLast)
    return end(job, Task::End::finished);
  if (sequence.size() > mostPositions())
    return end(job, Task::End::full);
  if (followsLanguages(job)) {
    std::vector<int32_t> more = job.task.languagesOf(std::vector<int32_t>(
        sequence.tokens.begin() + known, sequence.tokens.end()));
    sequence.languages.resize(known, -1);
    sequence.languages.insert(sequence.languages.end(), more.begin(),
                              more.end());
  }
}

const SchedulerCounts &Scheduler::counts() {
  numbers.running = running.size();
  numbers.waiting = waiting.size();
  numbers.pages = pool->size();
  numbers.pagesInUse = pool->size() - pool->available();
  return numbers;
}
