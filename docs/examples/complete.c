/* Goes on with two texts at a time.
 *
 *   fpmoe-compile models/nano --emit=shared -o libnano.so
 *   cc -Iinclude docs/examples/complete.c ./libnano.so -o complete
 *   ./complete 'fibonacci :: Int -> Integer' 'let rec map f = '
 *
 * With a static library, the weights are in a file that has to be named:
 *
 *   fpmoe-compile models/nano --emit=static -o libnano.a
 *   cc -Iinclude docs/examples/complete.c libnano.a -lstdc++ -lm -lpthread \
 *     -o complete
 *   WEIGHTS=libnano.weights ./complete 'let rec map f = '
 */
#include "fpmoe/runtime/fpmoe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, fpmoe_error());
  exit(1);
}

static fpmoe_sequence *start(fpmoe_engine *engine, const char *text) {
  int64_t count = fpmoe_tokenize(engine, text, strlen(text), 1, NULL, 0);
  if (count < 0)
    fail("tokenize");
  int32_t *ids = malloc(count * sizeof(*ids) + 1);
  fpmoe_tokenize(engine, text, strlen(text), 1, ids, count);
  fpmoe_request request;
  fpmoe_request_defaults(&request);
  request.prompt = ids;
  request.prompt_count = count;
  request.max_tokens = 24;
  request.temperature = 0;
  fpmoe_sequence *sequence;
  if (fpmoe_start(engine, &request, &sequence) < 0)
    fail("start");
  free(ids);
  return sequence;
}

int main(int argc, char **argv) {
  enum { Most = 8 };
  fpmoe_sequence *sequences[Most];
  int count = argc - 1 < Most ? argc - 1 : Most;
  fpmoe_engine *engine;
  fpmoe_options options = {.size = sizeof(options),
                           .weights_file = getenv("WEIGHTS")};
  if (fpmoe_open(&options, &engine) < 0)
    fail("open");
  /* All of them are under way before the first is read. */
  for (int i = 0; i < count; ++i)
    sequences[i] = start(engine, argv[i + 1]);
  for (int i = 0; i < count; ++i) {
    fpmoe_event event = {.size = sizeof(event)};
    printf("%s", argv[i + 1]);
    do {
      if (fpmoe_next(sequences[i], -1, &event) < 0)
        fail("next");
      printf("%s", event.text);
    } while (event.kind != FPMOE_EVENT_END);
    printf("\n");
    fpmoe_finish(sequences[i]);
  }
  fpmoe_close(engine);
  return 0;
}
