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
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MaxWorkers = 16, Company = 3 };

/* A text of which some tokens are in the cache. */
typedef struct Sequence {
  const int32_t *tokens, *languages; /* of the text; languages or null        */
  int32_t *pages;
  int64_t fed;
} Sequence;

/* Rows of a step, in the arrays that it points to. */
typedef struct Rows {
  int32_t *tokens, *positions, *languages, *logits, *segments;
  const int32_t **pages;
  FpmoeQueryBlock *blocks;
} Rows;

/* What steps have; scratch of each worker; what fills memory that a step may
 * not read before it writes there: a byte, or -1 to leave it as it is; and
 * other texts that take part in steps, if `company` is not 0. */
typedef struct Session {
  FpmoeStep step;
  Rows rows;
  uint8_t *scratch[MaxWorkers];
  int fill;
  unsigned company;
  Sequence text, others[Company];
} Session;

static pthread_barrier_t barrier;

/* Processes of a model that is split, and what they share: numbers of each
 * rank, and logits of all. */
static int64_t rank;
static struct {
  pthread_barrier_t *meeting;
  float *numbers, *logits;
  int64_t most; /* numbers of a rank */
} ranks;

/* The level of the object that runs: its first one, unless an option says. */
static const FpmoeLevel *level;

/* Levels of GPUs are not run here. */
void *fpmoe_gpus(void) { return NULL; }

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

/* Pages that a text needs. */
static int64_t pagesOfText(void) {
  return (fpmoe_model.context + FPMOE_PAGE_POSITIONS - 1) /
         FPMOE_PAGE_POSITIONS;
}

static void *allocateForAll(int64_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    fail("no memory");
  return memory;
}

/* The sum of `count` ranks from `first` on, of their numbers `i`. */
static float addRanks(int64_t first, int64_t count, int64_t i) {
  if (count == 1)
    return ranks.numbers[first * ranks.most + i];
  return addRanks(first, count / 2, i) +
         addRanks(first + count / 2, count / 2, i);
}

/* FpmoeStep.reduce */
static void reduce(void *unused, float *numbers, int64_t count) {
  (void)unused;
  if (count > ranks.most)
    fail("more numbers than there are");
  memcpy(ranks.numbers + rank * ranks.most, numbers, count * sizeof(float));
  pthread_barrier_wait(ranks.meeting);
  for (int64_t i = 0; i < count; ++i)
    numbers[i] = addRanks(0, fpmoe_model.ranks, i);
  pthread_barrier_wait(ranks.meeting);
}

/* Makes the processes of a model that is split. */
static void startRanks(FpmoeStep *step, int64_t logits) {
  const FpmoeModel *model = &fpmoe_model;
  if (model->ranks == 1)
    return;
  ranks.most = level->max_tokens * ((model->hidden + 15) / 16 * 16);
  ranks.numbers =
      allocateForAll(model->ranks * ranks.most * (int64_t)sizeof(float));
  ranks.logits =
      allocateForAll(logits * model->vocabulary * (int64_t)sizeof(float));
  ranks.meeting = allocateForAll(sizeof(pthread_barrier_t));
  pthread_barrierattr_t attributes;
  pthread_barrierattr_init(&attributes);
  pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(ranks.meeting, &attributes, model->ranks);
  while (rank + 1 < model->ranks) {
    pid_t child = fork();
    if (child < 0)
      fail("no process");
    if (child > 0)
      break;
    ++rank; /* each starts the next one */
  }
  step->reduce = reduce;
  step->first_token = rank * model->rank_vocabulary;
}

/* The logits of all ranks, of `count` rows. */
static const float *gatherLogits(const FpmoeStep *step, int64_t count) {
  const FpmoeModel *model = &fpmoe_model;
  if (model->ranks == 1)
    return step->logits;
  int64_t first = rank * model->rank_vocabulary;
  for (int64_t row = 0; row < count; ++row)
    for (int64_t i = 0;
         i < model->rank_vocabulary && first + i < model->vocabulary; ++i)
      ranks.logits[row * model->vocabulary + first + i] =
          step->logits[row * model->rank_vocabulary + i];
  pthread_barrier_wait(ranks.meeting);
  return ranks.logits;
}

/* This rank's part. */
static uint8_t *readWeights(const char *path) {
  int64_t bytes = fpmoe_model.rank_weight_bytes;
  uint8_t *weights = allocate(bytes);
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, rank * bytes, SEEK_SET) ||
      fread(weights, 1, bytes, file) != (size_t)bytes)
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

/* The experts of each token of a step of one text, layer by layer. */
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

/* A number below `limit`, the next one of a sequence that `state` goes through.
 */
static int64_t draw(unsigned *state, int64_t limit) {
  *state = *state * 1664525u + 1013904223u;
  return (int64_t)(*state >> 8) % limit;
}

/* Adds `count` tokens of a text, from `position` on, as rows of the step. */
static void addRows(Session *session, const Sequence *sequence,
                    int64_t position, int64_t count) {
  FpmoeStep *step = &session->step;
  Rows *rows = &session->rows;
  for (int64_t i = 0; i < count; ++i) {
    int64_t row = step->count++, at = position + i;
    rows->tokens[row] = sequence->tokens[at];
    rows->positions[row] = (int32_t)at;
    rows->languages[row] = sequence->languages ? sequence->languages[at] : -1;
    rows->pages[row] = sequence->pages;
    if (i == 0 || row % level->query_rows == 0)
      rows->blocks[step->query_block_count++] =
          (FpmoeQueryBlock){(int32_t)row, 0};
    ++rows->blocks[step->query_block_count - 1].rows;
  }
}

/* Adds some tokens of other texts, as far as there is room beside `count`. */
static void addCompany(Session *session, int64_t count) {
  if (!session->company)
    return;
  for (int i = 0; i < Company; ++i) {
    Sequence *other = &session->others[i];
    if (other->fed == 0 || draw(&session->company, 2)) {
      int64_t room = level->max_tokens - count - session->step.count;
      int64_t some = atMost(1 + draw(&session->company, 9), room);
      int64_t now = atMost(some, fpmoe_model.context);
      if (other->fed + now > fpmoe_model.context)
        other->fed = 0;
      addRows(session, other, other->fed, now);
      other->fed += now;
    }
  }
}

/* Runs `count` tokens on all workers, the first of which is the calling
 * thread. The logits of the last `logits` of them are computed, and the first
 * `segments` segments of them are complete. */
static void run(Session *session, int64_t position, int64_t count,
                int64_t logits, int64_t segments, int whole) {
  const FpmoeModel *model = &fpmoe_model;
  FpmoeStep *step = &session->step;
  step->count = step->query_block_count = 0;
  step->logits_count = step->segment_count = 0;
  step->whole_text = whole;
  int before = session->company && draw(&session->company, 2);
  if (before)
    addCompany(session, count);
  int64_t first = step->count;
  addRows(session, &session->text, position, count);
  if (!before)
    addCompany(session, 0);
  for (int64_t i = count - logits; i < count; ++i)
    session->rows.logits[step->logits_count++] = (int32_t)(first + i);
  for (int64_t i = 0; i < segments; ++i)
    session->rows.segments[step->segment_count++] =
        (int32_t)(first + i * model->segment);
  memset(step->tickets, 0, level->tickets * sizeof(int64_t));
  if (session->fill >= 0) {
    memset(step->shared, session->fill, level->shared_bytes);
    memset(step->logits, session->fill,
           logits * model->rank_vocabulary * sizeof(float));
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

/* Pages of a cache of `texts` texts, in an order that `seed` draws; 0: as they
 * come. */
static int32_t *makePages(int64_t texts, unsigned seed) {
  int64_t count = texts * pagesOfText();
  int32_t *pages = allocate(count * sizeof(int32_t));
  for (int64_t i = 0; i < count; ++i) {
    int64_t j = seed ? draw(&seed, i + 1) : i;
    pages[i] = pages[j];
    pages[j] = (int32_t)i;
  }
  return pages;
}

/* Memory of rows, and of texts beside the one that is measured. */
static void makeRows(Session *session) {
  int64_t rows = level->max_tokens;
  FpmoeStep *step = &session->step;
  Rows *r = &session->rows;
  step->tokens = r->tokens = allocate(rows * sizeof(int32_t));
  step->positions = r->positions = allocate(rows * sizeof(int32_t));
  r->languages = allocate(rows * sizeof(int32_t));
  step->languages = session->text.languages ? r->languages : NULL;
  step->logits_rows = r->logits = allocate(rows * sizeof(int32_t));
  step->segments = r->segments = allocate(rows * sizeof(int32_t));
  r->pages = allocate(rows * sizeof(*r->pages));
  step->pages = r->pages;
  step->query_blocks = r->blocks = allocate(rows * sizeof(*r->blocks));
  int64_t texts = session->company ? 1 + Company : 1;
  int32_t *pages = makePages(texts, session->company);
  step->cache_pages = texts * pagesOfText();
  session->text.pages = pages;
  for (int i = 0; session->company && i < Company; ++i) {
    Sequence *other = &session->others[i];
    int64_t context = fpmoe_model.context;
    int32_t *tokens = allocate(context * sizeof(int32_t));
    int32_t *languages = allocate(context * sizeof(int32_t));
    for (int64_t t = 0; t < context; ++t) {
      tokens[t] = (int32_t)draw(&session->company, fpmoe_model.vocabulary);
      languages[t] =
          (int32_t)draw(&session->company, 1 + fpmoe_model.languages) - 1;
    }
    *other = (Sequence){tokens, languages, pages + (1 + i) * pagesOfText(), 0};
  }
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
        "company=SEED    steps hold tokens of other texts too, and pages lie\n"
        "                anywhere, as the seed, not 0, draws\n"
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
  session.text.tokens = tokens;
  FpmoeStep *step = &session.step;
  FILE *out = openOutput(argv[3]), *routes = NULL;
  for (int i = 6; i < argc; ++i) {
    const char *value = strchr(argv[i], '=');
    value = value ? value + 1 : "";
    if (!strncmp(argv[i], "company=", 8)) {
      session.company = (unsigned)strtoul(value, NULL, 0);
    } else if (!strncmp(argv[i], "fill=", 5)) {
      session.fill = (int)strtol(value, NULL, 0);
    } else if (!strncmp(argv[i], "languages=", 10)) {
      int32_t *languages = allocate(model->context * sizeof(int32_t));
      if (readNumbers(value, languages, count) < count)
        fail("there are fewer languages than tokens");
      session.text.languages = languages;
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
      fail("an option is none of company, fill, languages, level, routes and "
           "whole");
    }
  }
  if (whole && count > level->max_tokens)
    fail("the whole text is too long for a step");
  if (session.company && (whole || routes))
    fail("a text with company is not whole, and has no routes");
  chunk = atMost(chunk, level->max_tokens);

  startRanks(step, chunk);
  step->weights = readWeights(argv[1]);
  makeRows(&session);
  int64_t cacheBytes = step->cache_pages * FPMOE_PAGE_POSITIONS *
                       level->cache_bytes_per_position;
  step->cache = allocate(cacheBytes);
  step->shared = allocate(level->shared_bytes);
  step->tickets = allocate(level->tickets * sizeof(int64_t));
  step->logits = allocate(chunk * model->rank_vocabulary * sizeof(float));
  step->team = &barrier;
  step->workers = workers;
  for (int i = 0; i < workers; ++i)
    session.scratch[i] = allocate(level->private_bytes);
  if (session.fill >= 0)
    memset(step->cache, session.fill, cacheBytes);
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
    run(&session, position, now, now, whole ? now / model->segment : 0, whole);
    const float *logits = gatherLogits(step, now);
    if (rank == 0) {
      writeAll(out, logits, sizeof(float), now * model->vocabulary);
      if (routes)
        writeRoutes(routes, step);
    }
    if (model->ranks > 1)
      pthread_barrier_wait(ranks.meeting);
    if (length > 0 && (position + now) % length == 0)
      run(&session, position + now - length, length, 0, 1, 0);
  }
  if (rank > 0)
    _exit(rank + 1 < model->ranks && wait(NULL) < 0);
  return fclose(out) || (routes && fclose(routes)) ||
                 (model->ranks > 1 && wait(NULL) < 0)
             ? 1
             : 0;
}
