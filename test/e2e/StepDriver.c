/*===- StepDriver.c - runs the step functions of an object ------*- C -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stands in for the runtime where that is not built: feeds token ids to the
// step functions of a compiled model and writes the logits of all of them.
// It needs the object, a weight blob and POSIX threads alone.
//
//===---------------------------------------------------------------------===*/

#include "fpmoe/runtime/abi.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MaxWorkers = 16 };

static pthread_barrier_t barrier;

void fpmoe_barrier(void *team, int64_t worker) {
  (void)worker;
  pthread_barrier_wait((pthread_barrier_t *)team);
}

static void fail(const char *what) {
  fprintf(stderr, "error: %s\n", what);
  exit(1);
}

/* Returns zeroed memory, aligned as the interface asks for. */
static void *allocate(int64_t bytes) {
  size_t size = ((size_t)bytes + 63) / 64 * 64 + 64;
  void *memory = aligned_alloc(64, size);
  if (!memory)
    fail("no memory");
  return memset(memory, 0, size);
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

typedef struct Worker {
  const FpmoeStep *step;
  int64_t number;
  uint8_t *scratch;
} Worker;

static void *work(void *argument) {
  Worker *worker = argument;
  const FpmoeStep *step = worker->step;
  (step->count == 1 ? fpmoe_model.decode : fpmoe_model.prefill)(
      step, worker->number, worker->scratch);
  return NULL;
}

/* Runs one step on all workers, the first of which is the calling thread. */
static void run(const FpmoeStep *step, uint8_t *const *scratch) {
  pthread_t threads[MaxWorkers];
  Worker workers[MaxWorkers];
  for (int i = step->workers - 1; i >= 0; --i) {
    workers[i] = (Worker){step, i, scratch[i]};
    if (i && pthread_create(&threads[i], NULL, work, &workers[i]))
      fail("no thread");
  }
  work(&workers[0]);
  for (int i = 1; i < step->workers; ++i)
    pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: %s WEIGHTS IDS LOGITS CHUNK WORKERS\n", argv[0]);
    return 2;
  }
  const FpmoeModel *model = &fpmoe_model;
  int64_t chunk = atoll(argv[4]);
  int workers = atoi(argv[5]);
  if (model->magic != FPMOE_MAGIC || model->abi_version != FPMOE_ABI_VERSION)
    fail("the object was compiled for another interface");
  if (chunk < 1 || chunk > model->max_tokens || workers < 1 ||
      workers > MaxWorkers)
    fail("the chunk or the team is too large");

  int32_t *tokens = allocate(model->context * sizeof(int32_t));
  int64_t count = 0;
  FILE *ids = fopen(argv[2], "r");
  if (!ids)
    fail("the ids cannot be read");
  while (count < model->context && fscanf(ids, "%d", &tokens[count]) == 1)
    ++count;
  fclose(ids);

  int64_t capacity = (model->context + 15) / 16 * 16;
  FpmoeStep step = {0};
  step.weights = readWeights(argv[1]);
  step.cache = allocate(capacity * model->cache_bytes_per_position);
  step.cache_capacity = capacity;
  step.shared = allocate(model->shared_bytes);
  step.tickets = allocate(model->tickets * sizeof(int64_t));
  step.logits = allocate(chunk * model->vocabulary * sizeof(float));
  step.team = &barrier;
  step.workers = workers;
  step.language = -1;
  uint8_t *scratch[MaxWorkers];
  for (int i = 0; i < workers; ++i)
    scratch[i] = allocate(model->private_bytes);
  pthread_barrier_init(&barrier, NULL, workers);

  FILE *out = fopen(argv[3], "wb");
  if (!out)
    fail("the logits cannot be written");
  for (; step.position < count; step.position += step.count) {
    step.tokens = tokens + step.position;
    step.count = count - step.position < chunk ? count - step.position : chunk;
    memset(step.tickets, 0, model->tickets * sizeof(int64_t));
    run(&step, scratch);
    size_t values = step.count * model->vocabulary;
    if (fwrite(step.logits, sizeof(float), values, out) != values)
      fail("the logits cannot be written");
  }
  return fclose(out) ? 1 : 0;
}
