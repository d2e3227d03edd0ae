/*===- Library.c - the library from several threads -------------*- C -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every thread makes texts of its own, cancels some, asks for wrong things, and
// compares what it gets with what one thread got before.
//
//===---------------------------------------------------------------------===*/

#include "fpmoe/runtime/fpmoe.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { Threads = 6, Texts = 8, Most = 4096 };

static fpmoe_engine *engine;
static char expected[Texts][Most];

static void check(int good, const char *what) {
  if (good)
    return;
  fprintf(stderr, "%s: %s\n", what, fpmoe_error());
  exit(1);
}

static fpmoe_sequence *start(int text) {
  static const char *const prompts[4] = {"fibonacci :: Int", "let rec map f",
                                         "object Main", "import Data.List\n"};
  int32_t ids[256];
  const char *prompt = prompts[text % 4];
  int64_t count = fpmoe_tokenize(engine, prompt, strlen(prompt), 1, ids, 256);
  check(count > 0, "tokenize");
  fpmoe_request request;
  fpmoe_request_defaults(&request);
  request.prompt = ids;
  request.prompt_count = count;
  request.max_tokens = 20 + text;
  request.temperature = text % 2 ? 0.8 : 0;
  request.seed = text;
  request.logprobs = 1;
  fpmoe_sequence *sequence;
  check(fpmoe_start(engine, &request, &sequence) == 0, "start");
  return sequence;
}

static void make(int text, char *out) {
  fpmoe_sequence *sequence = start(text);
  fpmoe_event event = {.size = sizeof(event)};
  size_t bytes = 0, tokens = 0;
  do {
    check(fpmoe_next(sequence, -1, &event) == 0, "next");
    check(bytes + event.text_bytes < Most, "the text is too long");
    memcpy(out + bytes, event.text, event.text_bytes);
    bytes += event.text_bytes;
    tokens += event.token_count;
    for (size_t i = 0; i < event.token_count; ++i)
      check(event.logprobs && event.logprobs[i] <= 0, "logprobs");
  } while (event.kind != FPMOE_EVENT_END);
  out[bytes] = 0;
  check(tokens <= 20 + (size_t)text, "too many tokens");
  check(event.reason != FPMOE_END_CANCELLED, "cancelled");
  fpmoe_finish(sequence);
}

static void *work(void *argument) {
  int thread = *(int *)argument;
  for (int round = 0; round < 6; ++round) {
    int text = (thread + round) % Texts;
    char got[Most];
    make(text, got);
    check(!strcmp(got, expected[text]), "another text");
    fpmoe_sequence *gone = start(text);
    fpmoe_event event = {.size = sizeof(event)};
    if (round % 2) {
      fpmoe_cancel(gone);
      do
        check(fpmoe_next(gone, 10000, &event) == 0, "next of a cancelled one");
      while (event.kind != FPMOE_EVENT_END);
    }
    fpmoe_finish(gone);
    fpmoe_request request;
    fpmoe_request_defaults(&request);
    check(fpmoe_start(engine, &request, &gone) == FPMOE_ERROR &&
              strstr(fpmoe_error(), "prompt is empty"),
          "an empty prompt");
    int32_t bad = -5;
    request.prompt = &bad;
    request.prompt_count = 1;
    check(fpmoe_start(engine, &request, &gone) == FPMOE_ERROR &&
              strstr(fpmoe_error(), "-5"),
          "a bad id");
    request.temperature = -1;
    check(fpmoe_start(engine, &request, &gone) == FPMOE_ERROR &&
              strstr(fpmoe_error(), "temperature"),
          "a bad temperature");
  }
  return NULL;
}

int main(void) {
  check(fpmoe_version() == FPMOE_API_VERSION, "version");
  fpmoe_options options = {.size = sizeof(options), .threads = -1};
  check(fpmoe_open(&options, &engine) == FPMOE_ERROR, "-1 threads");
  options.threads = 2;
  options.weights_file = "/nonexistent";
  check(fpmoe_open(&options, &engine) == FPMOE_ERROR &&
            strstr(fpmoe_error(), "/nonexistent"),
        "weights that are not there");
  options.weights_file = NULL;
  options.sequences = 4;
  check(fpmoe_open(&options, &engine) == 0, "open");
  fpmoe_model_info info = {.size = sizeof(info)};
  check(fpmoe_info(engine, &info) == 0 && info.vocabulary > 0, "info");
  int32_t id;
  check(fpmoe_tokenize(engine, "let rec map", 11, 1, &id, 1) == FPMOE_TOO_SMALL,
        "too little room");
  check(fpmoe_infill(engine, "a", 1, "b", 1, NULL, 0) ==
            (info.has_fill_in ? 5 : FPMOE_ERROR),
        "fill-in");
  for (int text = 0; text < Texts; ++text)
    make(text, expected[text]);
  pthread_t threads[Threads];
  int numbers[Threads];
  for (int i = 0; i < Threads; ++i) {
    numbers[i] = i;
    pthread_create(&threads[i], NULL, work, &numbers[i]);
  }
  for (int i = 0; i < Threads; ++i)
    pthread_join(threads[i], NULL);
  fpmoe_close(engine);
  fpmoe_close(NULL);
  puts("all is well");
  return 0;
}
