/*===- StaticLibraries.c - two models in one program ------------*- C -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes what each of two models makes of one prompt, both at the same time.
// Its own symbols have names of what is inside of the libraries.
//
//===---------------------------------------------------------------------===*/

#define FPMOE_PREFIX haskell_
#include "fpmoe/runtime/fpmoe.h"
#undef FPMOE_PREFIX
#define FPMOE_PREFIX ocaml_
#include "fpmoe/runtime/fpmoe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fpmoe_model = 1, event_base_new = 2, pcre2_match_8 = 3;

static void check(int isGood, const char *error) {
  if (isGood)
    return;
  fprintf(stderr, "%s\n", error);
  exit(1);
}

static void fill(fpmoe_request *request, const int32_t *ids, int64_t count) {
  request->prompt = ids;
  request->prompt_count = count;
  request->max_tokens = 24;
  request->temperature = 0;
}

int main(int argc, char **argv) {
  check(argc == 4, "give two weights files and a prompt");
  const char *prompt = argv[3];
  fpmoe_options options = {.size = sizeof(options)};
  fpmoe_engine *haskell, *ocaml;
  check(haskell_open(NULL, &haskell) < 0, "there are no weights");
  printf("%s\n", haskell_error());
  check(!*ocaml_error(), "that was an error of the other one");
  options.weights_file = argv[2];
  check(haskell_open(&options, &haskell) < 0, "those are not its weights");
  printf("%s\n", strrchr(haskell_error(), '/'));
  options.weights_file = argv[1];
  check(haskell_open(&options, &haskell) == 0, haskell_error());
  options.weights_file = argv[2];
  check(ocaml_open(&options, &ocaml) == 0, ocaml_error());

  int32_t ids[256];
  fpmoe_request request;
  fpmoe_sequence *sequences[2];
  int64_t count =
      haskell_tokenize(haskell, prompt, strlen(prompt), 1, ids, 256);
  check(count > 0, haskell_error());
  haskell_request_defaults(&request);
  fill(&request, ids, count);
  check(haskell_start(haskell, &request, &sequences[0]) == 0, haskell_error());
  count = ocaml_tokenize(ocaml, prompt, strlen(prompt), 1, ids, 256);
  check(count > 0, ocaml_error());
  ocaml_request_defaults(&request);
  fill(&request, ids, count);
  check(ocaml_start(ocaml, &request, &sequences[1]) == 0, ocaml_error());

  fpmoe_event event = {.size = sizeof(event)};
  printf("%s", prompt);
  do {
    check(haskell_next(sequences[0], -1, &event) == 0, haskell_error());
    printf("%s", event.text);
  } while (event.kind != FPMOE_EVENT_END);
  printf("\n%s", prompt);
  do {
    check(ocaml_next(sequences[1], -1, &event) == 0, ocaml_error());
    printf("%s", event.text);
  } while (event.kind != FPMOE_EVENT_END);
  printf("\n");
  haskell_finish(sequences[0]);
  ocaml_finish(sequences[1]);
  haskell_close(haskell);
  ocaml_close(ocaml);
  return fpmoe_model + event_base_new + pcre2_match_8 != 6;
}
