//===- FakeModel.cpp - a model by hand for the runtime's tests --*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stands in for what the compiler generates, so that the command line can be
// tested without it. After token t at position p the logit of token
// (t + 1) % vocabulary is highest; every logit also depends on the position, on
// the token before (through the cache) and on one byte of the weights.
//
// With FAKE_RANKS it is split over so many ranks, which give the same logits:
// each adds its part of what depends on the weights and computes some columns.
//
//===----------------------------------------------------------------------===//

#include "include/fpmoe/runtime/abi.h"
#ifdef FAKE_CUDA
#include "test/runtime/cli/FakeKernels.h"
#endif

#include <atomic>
#include <cmath>
#include <cstring>

// Of levels from the best to the last.
#ifndef FAKE_CPU_FEATURES
#define FAKE_CPU_FEATURES 0
#endif
#ifndef FAKE_WEIGHTS_FILE
#define FAKE_WEIGHTS_FILE ""
#endif
#ifndef FAKE_FINGERPRINT
#define FAKE_FINGERPRINT 0x1234
#endif

#ifndef FAKE_RANKS
#define FAKE_RANKS 1
#endif

static constexpr int64_t vocabulary = 300, layers = 4, context = 64,
                         maxTokens = 8, topK = 1, experts = 3,
                         weightBytes = 1 << 20, positionBytes = 4;
// The columns of several ranks are some more than there are tokens.
static constexpr int64_t ranks = FAKE_RANKS, rankWeightBytes = 2 << 20,
                         columns =
                             ranks > 1 ? vocabulary / ranks + 5 : vocabulary;
// "stop" in the tokenizer of these tests; the model never ends before it.
static constexpr int32_t stopToken = 299;

/// The expert for a token: its third of the vocabulary; layer 1 differs by one
/// so that layers do not all look alike, layer 2 is dense.
static int32_t route(int32_t forced, int32_t token, int64_t layer) {
  if (layer == 2)
    return -1;
  if (forced >= 0)
    return forced;
  return (token / 3 + (layer == 1)) % experts;
}

/// What level number `level` computes.
static void runLevel(const FpmoeStep *step, int64_t worker, uint8_t *scratch,
                     int64_t level) {
  scratch[0] = static_cast<uint8_t>(worker);
  auto *cache = reinterpret_cast<int32_t *>(step->cache);
  auto seenAt = [&](int64_t row, int64_t position) -> int32_t & {
    int32_t page = step->pages[row][position / FPMOE_PAGE_POSITIONS];
    return cache[page * FPMOE_PAGE_POSITIONS + position % FPMOE_PAGE_POSITIONS];
  };
  if (worker == 0)
    for (int64_t i = 0; i < step->count; ++i)
      seenAt(i, step->positions[i]) = step->tokens[i];
  // What ranks have of the weights is a multiple of what there is without.
  auto *weight = reinterpret_cast<float *>(step->shared);
  if (worker == 0) {
    int64_t rank = ranks > 1 ? step->first_token / columns : 0;
    *weight = static_cast<float>(step->weights[7] - rank) / ranks;
  }
  fpmoe_barrier(step->team, worker);
  // The last worker, which is another thread where there are some.
  if (ranks > 1 && worker == step->workers - 1)
    step->reduce(step->ranks, weight, 1);
  fpmoe_barrier(step->team, worker);
  // Rows are taken by ticket, as the compiled phases do.
  auto *ticket = reinterpret_cast<std::atomic<int64_t> *>(step->tickets);
  for (int64_t i; (i = ticket->fetch_add(1)) < step->count;) {
    int32_t token = step->tokens[i];
    int64_t position = step->positions[i];
    if (step->routes)
      for (int64_t layer = 0; layer < layers; ++layer)
        step->routes[(layer * maxTokens + i) * topK] =
            route(step->forced[i], token, layer);
    int64_t wanted = 0;
    while (wanted < step->logits_count && step->logits_rows[wanted] != i)
      ++wanted;
    if (wanted == step->logits_count)
      continue;
    float *row = step->logits + wanted * columns;
    int32_t before = position ? seenAt(i, position - 1) : 0;
    // Each level goes on in steps of its own, so that texts tell which one ran.
    int64_t next = (token + 1 + level) % vocabulary;
    for (int64_t column = 0; column < columns; ++column) {
      int64_t v = step->first_token + column;
      row[column] =
          v == next ? 4 + *weight * 0.25f
          : v == stopToken
              ? 0
              : static_cast<float>((v * 7 + position * 3 + before) % 11) *
                    0.125f;
    }
  }
  fpmoe_barrier(step->team, worker);
}

template <int64_t level>
static void run(const FpmoeStep *step, int64_t worker, uint8_t *scratch) {
  runLevel(step, worker, scratch, level);
}

static int64_t dotPeak(int64_t iterations) {
  float sum = 1;
  for (int64_t i = 0; i < iterations; ++i)
    sum = sum * 0.5f + 1;
  static volatile float sink;
  sink = sum;
  return 2 * iterations;
}

static int64_t readPeak(const uint8_t *data, int64_t bytes) {
  uint64_t sum = 0, word;
  for (int64_t i = 0; i < bytes; i += sizeof(word)) {
    memcpy(&word, data + i, sizeof(word));
    sum += word;
  }
  return static_cast<int64_t>(sum);
}

static const int32_t ends[] = {stopToken};
#ifdef FAKE_AUTHORS
static const char *const names[experts] = {"\033[31mhaskell", "o\ncaml",
                                           "scala\xc2\x9b"};
static const int32_t suppressed[] = {102}, word[] = {100, 101};
static const FpmoeSequenceBias biases[] = {{word, 2, -INFINITY}};
static const char *const stops[] = {"mn"};
static const FpmoeSampling sampling = {
    /*min_p=*/0.25,
    /*repetition_penalty=*/1,
    /*no_repeat_ngram=*/3,
    /*min_new_tokens=*/2,
    /*min_length=*/0,
    /*max_new_tokens=*/0,
    /*max_length=*/20,
    /*forced_bos_token=*/-1,
    /*forced_eos=*/nullptr,
    0,
    suppressed,
    1,
    /*begin_suppress=*/nullptr,
    0,
    biases,
    1,
    stops,
    1};
#else
static const char *const names[experts] = {"haskell", "ocaml", "scala"};
#endif

extern "C" {
extern const uint8_t fake_tokenizer[];
extern const uint8_t fake_tokenizer_end[];
}

template <int64_t number>
static FpmoeLevel makeLevel(const char *name, uint32_t features) {
  FpmoeLevel level = {};
  level.name = name;
  level.cpu_features = features;
  level.max_tokens = maxTokens;
  level.block_rows = 3;
  level.query_rows = 3;
  level.cache_bytes_per_position = positionBytes;
  level.shared_bytes = 4096;
  level.private_bytes = 128;
  level.tickets = 1;
  level.decode = level.prefill = run<number>;
  level.dot_peak = dotPeak;
  level.read_peak = readPeak;
  return level;
}

#ifdef FAKE_CUDA
static const FpmoeCudaImage image = {
    "compute_80", reinterpret_cast<const uint8_t *>(fakeKernels),
    sizeof(fakeKernels)};
static const FpmoeCuda cuda = {&image, 1, /*threads=*/64, fpmoe_gpus};

static FpmoeLevel makeCudaLevel() {
  FpmoeLevel level = makeLevel<0>("cuda", 0);
  level.decode = level.prefill = nullptr;
  level.dot_peak = nullptr;
  level.read_peak = nullptr;
  level.cuda = &cuda;
  return level;
}
#endif

[[maybe_unused]] static const uint32_t features[] = {FAKE_CPU_FEATURES};
static const FpmoeLevel levels[] = {
#ifdef FAKE_CUDA
    makeCudaLevel(),
#else
    makeLevel<0>("avx512-bf16", features[0]),
#endif
#ifdef FAKE_LEVELS
    makeLevel<1>("x86-64-v3-vnni", features[1]),
    makeLevel<2>("x86-64-v3", features[2]),
#endif
};

static const FpmoeMatrix matrices[] = {
    {"sparse.qkv", "int4", 64, 36, 0.0712},
    {"embed_tokens", "bf16", 1000, 2000, 0},
    {"lm_head", "uint4", 64, 40, -1},
};

static FpmoeModel makeModel() {
  FpmoeModel model = {};
  model.magic = FPMOE_MAGIC;
  model.abi_version = FPMOE_ABI_VERSION;
  model.level_count = sizeof(levels) / sizeof(*levels);
  model.levels = levels;
  model.name = "fake <model>";
  model.architecture = "FakeForCausalLM";
  model.target = "x86_64";
  model.weight_format = "bf16";
  model.compiler = "fpmoe 0.1.0";
  model.vocabulary = vocabulary;
  model.hidden = 16;
  model.layers = layers;
  model.heads = 4;
  model.kv_heads = 2;
  model.head_dim = 4;
  model.context = context;
  model.experts = experts;
  model.top_k = topK;
  model.expert_names = names;
  model.parameters = 1234567;
  model.active_parameters = 456789;
  model.weight_bytes = ranks > 1 ? ranks * rankWeightBytes : weightBytes;
  model.decode_weight_bytes = weightBytes / 2;
  model.ranks = ranks;
  model.rank_weight_bytes = ranks > 1 ? rankWeightBytes : weightBytes;
  model.rank_vocabulary = columns;
  model.token_dot_ops = 1000;
  model.logits_dot_ops = 9600;
#ifdef FAKE_PLAIN
  model.experts = model.top_k = 0;
  model.eos_count = 0;
#else
  model.matrices = matrices;
  model.matrix_count = sizeof(matrices) / sizeof(*matrices);
  model.tokenizer = fake_tokenizer;
  model.tokenizer_bytes = fake_tokenizer_end - fake_tokenizer;
#endif
  model.eos_tokens = ends;
  model.eos_count = 1;
  model.temperature = 0;
  model.top_p = 1;
#ifdef FAKE_AUTHORS
  model.name = "\033]0;title\a";
  model.sampling = &sampling;
  model.eos_count = 0;
#endif
  return model;
}

extern "C" const FpmoeModel fpmoe_model = makeModel();

extern "C" const uint64_t fpmoe_weights_fingerprint = FAKE_FINGERPRINT;
extern "C" const char fpmoe_weights_file[] = FAKE_WEIGHTS_FILE;
