/*===- StepDriver.c - runs the step functions of an object ------*- C -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stands in for the runtime where that is not built: feeds token ids to the
// step functions of a compiled model and writes the logits of all of them.
// It needs the object, a weight blob and POSIX threads alone. All memory that
// it hands over has exactly the size that the interface states, so that the
// address sanitizer sees what is read beyond it. All that drivers know of the
// interface is in this file.
//
//===---------------------------------------------------------------------===*/

#include "fpmoe/runtime/abi.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MaxWorkers = 16 };

/* What a step has; scratch of each worker; languages of the text's tokens, or
 * null; and what fills memory that a step may not read before it writes there:
 * a byte, or -1 to leave it as it is. */
typedef struct Session {
  FpmoeStep step;
  uint8_t *scratch[MaxWorkers];
  const int32_t *languages;
  int fill;
} Session;

static pthread_barrier_t barrier;

/* The level of the object that runs: its first one, unless an option says. */
static const FpmoeLevel *level;

void fpmoe_barrier(void *team, int64_t worker) {
  (void)worker;
  pthread_barrier_wait((pthread_barrier_t *)team);
}

static void fail(const char *what) {
  fprintf(stderr, "error: %s\n", what);
  exit(1);
}

static int64_t atMost(int64_t value, int64_t limit) {
  return value < limit ? value : limit;
}

/* Returns zeroed memory, aligned as the interface asks for. */
static void *allocate(int64_t bytes) {
  void *memory;
  if (posix_memalign(&memory, 64, bytes))
    fail("no memory");
  return memset(memory, 0, bytes);
}

static uint8_t *readWeights(const char *path) {
  uint8_t *weights = allocate(fpmoe_model.weight_bytes);
  FILE *file = fopen(path, "rb");
  if (!file || fread(weights, 1, fpmoe_model.weight_bytes, file) !=
                   (size_t)fpmoe_model.weight_bytes)
    fail("the weights cannot be read or are too short");
  fclose(file);
  return weights;
}

/* Reads at most `limit` numbers; returns how many there are. */
static int64_t readNumbers(const char *path, int32_t *numbers, int64_t limit) {
  FILE *file = fopen(path, "r");
  if (!file)
    fail("a file of numbers cannot be read");
  int64_t count = 0;
  while (count < limit && fscanf(file, "%d", &numbers[count]) == 1)
    ++count;
  fclose(file);
  return count;
}

static FILE *openOutput(const char *path) {
  FILE *file = fopen(path, "wb");
  if (!file)
    fail("an output cannot be written");
  return file;
}

static void writeAll(FILE *file, const void *data, size_t size, size_t count) {
  if (fwrite(data, size, count, file) != count)
    fail("an output cannot be written");
}

/* The experts of each token of a step, layer by layer. */
static void writeRoutes(FILE *file, const FpmoeStep *step) {
  int64_t columns = fpmoe_model.top_k;
  for (int64_t token = 0; token < step->count; ++token)
    for (int64_t layer = 0; layer < fpmoe_model.layers; ++layer) {
      int64_t row = layer * level->max_tokens + token;
      writeAll(file, step->routes + row * columns, sizeof(int32_t), columns);
    }
}

typedef struct Worker {
  const FpmoeStep *step;
  int64_t number;
  uint8_t *scratch;
} Worker;

static void *work(void *argument) {
  Worker *worker = argument;
  const FpmoeStep *step = worker->step;
  (step->count == 1 ? level->decode : level->prefill)(step, worker->number,
                                                      worker->scratch);
  return NULL;
}

/* Runs `count` tokens on all workers, the first of which is the calling
 * thread. The logits of the last `rows` of them are computed. */
static void run(Session *session, const int32_t *tokens, int64_t position,
                int64_t count, int64_t rows, int32_t segments) {
  const FpmoeModel *model = &fpmoe_model;
  FpmoeStep *step = &session->step;
  step->tokens = tokens + position;
  step->position = position;
  step->count = count;
  step->logits_from = count - rows;
  step->segments = segments;
  step->languages = session->languages ? session->languages + position : NULL;
  memset(step->tickets, 0, level->tickets * sizeof(int64_t));
  if (session->fill >= 0) {
    memset(step->shared, session->fill, level->shared_bytes);
    memset(step->logits, session->fill,
           rows * model->vocabulary * sizeof(float));
    for (int i = 0; i < step->workers; ++i)
      memset(session->scratch[i], session->fill, level->private_bytes);
  }
  pthread_t threads[MaxWorkers];
  Worker workers[MaxWorkers];
  for (int i = step->workers - 1; i >= 0; --i) {
    workers[i] = (Worker){step, i, session->scratch[i]};
    if (i && pthread_create(&threads[i], NULL, work, &workers[i]))
      fail("no thread");
  }
  work(&workers[0]);
  for (int i = 1; i < step->workers; ++i)
    pthread_join(threads[i], NULL);
}

static const FpmoeLevel *findLevel(int argc, char **argv) {
  const char *name = fpmoe_model.levels[0].name;
  for (int i = 6; i < argc; ++i)
    if (!strncmp(argv[i], "level=", 6))
      name = argv[i] + 6;
  for (uint32_t i = 0; i < fpmoe_model.level_count; ++i)
    if (!strcmp(fpmoe_model.levels[i].name, name))
      return &fpmoe_model.levels[i];
  fail("the object has no such level");
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 6) {
    fprintf(
        stderr,
        "usage: %s WEIGHTS IDS LOGITS CHUNK WORKERS [OPTION ...]\n"
        "fill=BYTE       scratch and logits hold it before every step, the\n"
        "                cache before the first; else they are zero at first\n"
        "languages=FILE  languages of the tokens\n"
        "level=NAME      the level of the object that runs; else its first\n"
        "routes=FILE     to write the experts of each token to, as int32\n"
        "whole           one step, its segments routed as a whole text's\n",
        argv[0]);
    return 2;
  }
  const FpmoeModel *model = &fpmoe_model;
  int64_t chunk = atoll(argv[4]);
  int workers = atoi(argv[5]), whole = 0;
  if (model->magic != FPMOE_MAGIC || model->abi_version != FPMOE_ABI_VERSION)
    fail("the object was compiled for another interface");
  level = findLevel(argc, argv);
  if (chunk < 1 || workers < 1 || workers > MaxWorkers)
    fail("the chunk is too small or the team too large");

  int32_t *tokens = allocate(model->context * sizeof(int32_t));
  int64_t count = readNumbers(argv[2], tokens, model->context);
  Session session = {.fill = -1};
  FpmoeStep *step = &session.step;
  FILE *out = openOutput(argv[3]), *routes = NULL;
  for (int i = 6; i < argc; ++i) {
    const char *value = strchr(argv[i], '=');
    value = value ? value + 1 : "";
    if (!strncmp(argv[i], "fill=", 5)) {
      session.fill = (int)strtol(value, NULL, 0);
    } else if (!strncmp(argv[i], "languages=", 10)) {
      int32_t *languages = allocate(model->context * sizeof(int32_t));
      if (readNumbers(value, languages, count) < count)
        fail("there are fewer languages than tokens");
      session.languages = languages;
    } else if (!strncmp(argv[i], "routes=", 7)) {
      routes = openOutput(value);
      step->routes = allocate(model->layers * level->max_tokens * model->top_k *
                              sizeof(int32_t));
    } else if (!strncmp(argv[i], "level=", 6)) {
      continue; /* findLevel's */
    } else if (!strcmp(argv[i], "whole")) {
      whole = 1;
      chunk = count;
    } else {
      fail("an option is none of fill, languages, level, routes and whole");
    }
  }
  if (whole && count > level->max_tokens)
    fail("the whole text is too long for a step");
  chunk = atMost(chunk, level->max_tokens);

  int64_t capacity = (model->context + 15) / 16 * 16;
  step->weights = readWeights(argv[1]);
  step->cache = allocate(capacity * level->cache_bytes_per_position);
  step->cache_capacity = capacity;
  step->shared = allocate(level->shared_bytes);
  step->tickets = allocate(level->tickets * sizeof(int64_t));
  step->logits = allocate(chunk * model->vocabulary * sizeof(float));
  step->team = &barrier;
  step->workers = workers;
  step->language = -1;
  for (int i = 0; i < workers; ++i)
    session.scratch[i] = allocate(level->private_bytes);
  if (session.fill >= 0)
    memset(step->cache, session.fill,
           capacity * level->cache_bytes_per_position);
  pthread_barrier_init(&barrier, NULL, workers);

  /* The loop that measures what steps could reach is code of the model too. */
  if (level->dot_peak(3) < 1)
    fail("the loop of dot products did none");

  /* As the runtime does, steps end where segments do: later tokens see the
   * keys and values that tokens have when their segment is complete. */
  int64_t length = whole ? 0 : model->segment;
  for (int64_t position = 0, now; position < count; position += now) {
    now = atMost(chunk - position % chunk, count - position);
    if (length > 0)
      now = atMost(now, length - position % length);
    run(&session, tokens, position, now, now,
        whole ? FPMOE_SEGMENTS_WHOLE : FPMOE_SEGMENTS_OPEN);
    writeAll(out, step->logits, sizeof(float), now * model->vocabulary);
    if (routes)
      writeRoutes(routes, step);
    if (length > 0 && (position + now) % length == 0)
      run(&session, tokens, position + now - length, length, 0,
          FPMOE_SEGMENTS_CLOSED);
  }
  return fclose(out) || (routes && fclose(routes)) ? 1 : 0;
}
