/* The contract between a compiled model and the runtime linked beside it.
 *
 * Included by the runtime (C++), by the compiler, which emits these structures
 * and reads their fields from generated code, and by C test drivers. Bump
 * FPMOE_ABI_VERSION whenever a field moves or is added: the compiler asserts
 * every offset it relies on (lib/Target/CPU/Descriptor.cpp,
 * lib/Codegen/CPU/Phase.cpp). All integers are little-endian, all sizes are
 * bytes unless a name says otherwise.
 */
#ifndef FPMOE_RUNTIME_ABI_H
#define FPMOE_RUNTIME_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FPMOE_ABI_VERSION 9u
#define FPMOE_MAGIC 0x454f4d50464d4f45ull

/* The cache is made of pages of so many positions of one sequence each. */
#define FPMOE_PAGE_POSITIONS 32

/* Rows of the step that attend together: consecutive tokens of one sequence
 * that lie in one run of rows, [n query_rows, (n + 1) query_rows). */
typedef struct FpmoeQueryBlock {
  int32_t first; /* row                                                       */
  int32_t rows;  /* at least 1                                                */
} FpmoeQueryBlock;

/* One step of the model: the shared state of all workers of a team. Every
 * worker calls the same step function with the same step and its own number.
 * Its rows are tokens of one or more sequences; the rows of a sequence lie
 * together and are its next tokens. What a row gives does not depend on the
 * others. */
typedef struct FpmoeStep {
  const int32_t *tokens;  /* [count] token ids, each in [0, vocabulary)       */
  int64_t count;          /* rows: 1 for decode, 1..max_tokens for prefill    */
  const int32_t *positions; /* [count] in the sequence; the cache holds all
                             before                                           */
  const int32_t *const *pages; /* [count] pages of the row's sequence: page
                             pages[row][p / 32] holds position p. Rows of a
                             sequence have the same pointer, others another   */
  const FpmoeQueryBlock *query_blocks; /* of all rows, in their order         */
  int64_t query_block_count;
  const int32_t *logits_rows; /* [logits_count] rows that logits are computed
                             of, ascending; decode computes those of its row  */
  int64_t logits_count;
  float *logits;          /* [logits_count, rank_vocabulary]                  */
  const uint8_t *weights; /* the weight blob, 64-byte aligned                 */
  uint8_t *cache;         /* key/value cache, 64-byte aligned                 */
  int64_t cache_pages;    /* pages in it                                      */
  uint8_t *shared;        /* shared_bytes of scratch, 64-byte aligned         */
  int64_t *tickets;       /* [tickets] zeroed before every step               */
  int32_t *routes;        /* [layers, max_tokens, top_k] expert chosen, or -1,
                             by rows; null: not recorded                      */
  void *team;             /* handed to fpmoe_barrier                          */
  const int32_t *forced;  /* [count] expert forced for a row, or -1: the router;
                             null: none                                       */
  const int32_t *languages; /* [count] language of each row, or -1: none; null:
                             none of them has one                             */
  const int32_t *segments; /* [segment_count] first rows of the segments that
                             the step completes, ascending, where the model
                             routes segments; rows outside of them are routed
                             alone                                            */
  int64_t segment_count;
  int32_t workers;        /* size of the team, at least 1                     */
  int32_t whole_text;     /* 1: the rows are a whole text, whose segments, all
                             from row 0 on, are routed by the published rule
                             instead of the causal one                        */
  int64_t ahead;          /* bytes of weights of a phase that a worker may ask
                             for before it gets there, as far as there is room
                             in the cache; CPUs' code asks while it waits for
                             other ranks, GPUs' always                        */
  /* Of a program for several ranks (FpmoeModel.ranks), which run the same steps
   * at the same time: adds the numbers of all ranks up, in place. Neighbouring
   * ranks are added first, the lower one on the left, then pairs of them, and so
   * on, so that all ranks have the same bits. One worker calls it; there is no
   * return from an error. */
  void (*reduce)(void *ranks, float *numbers, int64_t count);
  void *ranks;            /* handed to reduce; of a kernel, its FpmoeMailbox  */
  int64_t first_token;    /* id of the first row of this rank's part of the
                             embedding; ids of other ranks' tokens are in
                             `tokens`, too                                    */
} FpmoeStep;

/* scratch: private_bytes of memory of this worker alone, 64-byte aligned. */
typedef void (*FpmoeStepFn)(const FpmoeStep *step, int64_t worker,
                            uint8_t *scratch);

/* Provided by the runtime: returns when all workers of the team are here. */
void fpmoe_barrier(void *team, int64_t worker);

/* CPU features a program can need, as a bit mask. */
enum {
  FPMOE_CPU_AVX2 = 1 << 0, /* with FMA, BMI2, F16C: x86-64-v3 */
  FPMOE_CPU_AVX512 = 1 << 1, /* F, BW, CD, DQ, VL: x86-64-v4   */
  FPMOE_CPU_AVX512_BF16 = 1 << 2,
  FPMOE_CPU_AMX_BF16 = 1 << 3, /* with INT8 */
  FPMOE_CPU_AVX_VNNI = 1 << 4,
  FPMOE_CPU_AVX512_VNNI = 1 << 5,
  FPMOE_CPU_NEON_DOTPROD = 1 << 6,
  FPMOE_CPU_NEON_BF16 = 1 << 7 /* with I8MM: Armv8.6                          */
};

/* What is added to the logit of the last token of a sequence where the others
 * stand before it; -infinity bans the sequence. */
typedef struct FpmoeSequenceBias {
  const int32_t *tokens; /* [count]                                           */
  int64_t count;         /* at least 1                                        */
  double bias;
} FpmoeSequenceBias;

/* Defaults of generation_config.json beside temperature, top-p and top-k; each
 * means what it does in transformers. */
typedef struct FpmoeSampling {
  double min_p;                  /* 0: none                                   */
  double repetition_penalty;     /* 1: none                                   */
  int64_t no_repeat_ngram_size;  /* 0: none                                   */
  int64_t min_new_tokens;        /* 0: none                                   */
  int64_t min_length;            /* with the prompt; 0: none                  */
  int64_t max_new_tokens;        /* 0: not given                              */
  int64_t max_length;            /* with the prompt; 0: not given             */
  int64_t forced_bos_token;      /* -1: none                                  */
  const int32_t *forced_eos_tokens;
  int64_t forced_eos_count;
  const int32_t *suppress_tokens;
  int64_t suppress_count;
  const int32_t *begin_suppress_tokens;
  int64_t begin_suppress_count;
  const FpmoeSequenceBias *sequence_biases; /* bad words among them           */
  int64_t sequence_bias_count;
  const char *const *stop_strings;          /* not empty, UTF-8               */
  int64_t stop_string_count;
} FpmoeSampling;

/* Provided by the runtime: finds GPUs and runs levels on them (a fpmoe::Gpus,
 * runtime/core/Gpus.h). Programs without such a level do not refer to it, and
 * so are linked without that part of the runtime. */
void *fpmoe_gpus(void);

/* Code of a level for NVIDIA GPUs of some kind. */
typedef struct FpmoeCudaImage {
  const char *arch;    /* "sm_90a": a cubin for this architecture;
                          "compute_80": PTX for it and later ones            */
  const uint8_t *data;
  int64_t bytes;       /* PTX with its final zero                            */
} FpmoeCudaImage;

/* A level that runs on a GPU. Its step functions are the kernels fpmoe_decode
 * and fpmoe_prefill of every image, which take a pointer to an FpmoeStep, both
 * it and all that it points to in memory of the device. They are launched
 * cooperatively, with `workers` blocks, all of which have to be resident:
 * FpmoeStep.workers says so again. A block has private_bytes of dynamic shared
 * memory. `team` is not used; the tickets hold the barrier of the grid. */
typedef struct FpmoeCuda {
  const FpmoeCudaImage *images; /* [image_count]: cubins, then PTX            */
  int64_t image_count;
  int64_t threads;              /* of a block                                 */
  void *(*gpus)(void);          /* fpmoe_gpus                                 */
} FpmoeCuda;

/* What of a program depends on the machine that it was compiled for. All levels
 * of a program read the same weights; a process runs one of them. */
typedef struct FpmoeLevel {
  const char *name;             /* "avx512-bf16", "cuda"                      */
  uint32_t cpu_features;        /* FPMOE_CPU_*, all of them needed            */
  uint32_t query_rows;          /* rows that attend together at most; divides
                                   block_rows                                 */
  int64_t max_tokens;           /* largest count of one prefill step          */
  int64_t block_rows;           /* rows that prefill multiplies at a time     */
  int64_t cache_bytes_per_position; /* over all layers                        */
  int64_t shared_bytes;
  int64_t private_bytes;
  int64_t tickets;              /* int64s per step                            */
  FpmoeStepFn decode;           /* count must be 1                            */
  FpmoeStepFn prefill;
  /* Runs the dot instruction that prefill uses at its peak; returns the number
     of multiplications and additions it did. */
  int64_t (*dot_peak)(int64_t iterations);
  /* Reads every byte of [data, data+bytes), bytes a multiple of 1024. */
  int64_t (*read_peak)(const uint8_t *data, int64_t bytes);
  const FpmoeCuda *cuda;        /* a GPU's; the functions are null then, and
                                   cpu_features 0. null: a CPU's              */
} FpmoeLevel;

/* A matrix of the model, in all layers that have it. */
typedef struct FpmoeMatrix {
  const char *name;             /* in the graph: "sparse.qkv"                 */
  const char *format;           /* "int4"                                     */
  int64_t elements;
  int64_t bytes;                /* of these, without padding                  */
  double error;                 /* what the format changes, as some rows tell:
                                   root of sum of squared differences over sum
                                   of squares; 0: nothing, negative: unknown  */
} FpmoeMatrix;

/* What the compiler knows of the program; one constant per program. */
typedef struct FpmoeModel {
  uint64_t magic;               /* FPMOE_MAGIC                                */
  uint32_t abi_version;         /* FPMOE_ABI_VERSION                          */
  uint32_t level_count;         /* at least 1                                 */
  const FpmoeLevel *levels;     /* [level_count], the best one first          */
  const char *name;             /* file name of the model, for people         */
  const char *architecture;     /* "Qwen2MoeForCausalLM"                      */
  const char *target;           /* of all levels: "x86_64"                    */
  const char *weight_format;    /* of matrices: "bf16", "int4, int8"          */
  const char *compiler;         /* "fpmoe 0.1.0"                              */
  int64_t vocabulary;
  int64_t hidden;
  int64_t layers;
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;
  int64_t context;              /* largest number of positions                */
  int64_t experts;              /* routed experts that are in the program     */
  int64_t top_k;                /* routed experts per token, 0: none          */
  const char *const *expert_names; /* [experts]                               */
  int64_t parameters;           /* in the program                             */
  int64_t active_parameters;    /* used per token, embedding row excluded     */
  int64_t weight_bytes;         /* size of the weight blob                    */
  int64_t decode_weight_bytes;  /* read per decoded token                     */
  int64_t token_dot_ops;        /* multiplications and additions per token in
                                   weight products, vocabulary product aside  */
  int64_t logits_dot_ops;       /* of the vocabulary product, per row         */
  const uint8_t *tokenizer;     /* include/fpmoe/runtime/tokenizer_format.h   */
  int64_t tokenizer_bytes;      /* 0: the program takes and gives ids only    */
  const int32_t *eos_tokens;    /* [eos_count] end a generation               */
  int64_t eos_count;
  float temperature;            /* defaults of generation_config.json; 0:     */
  float top_p;                  /* greedy                                     */
  int64_t default_top_k;        /* 0: no limit                                */
  int64_t segment;              /* tokens of a routed segment, 0: none        */
  int64_t languages;            /* that tokens can have, 0: it does not matter */
  const char *const *language_names; /* [languages]                           */
  const FpmoeSampling *sampling; /* null: no further defaults                 */
  const FpmoeMatrix *matrices;  /* [matrix_count]; null: they are not known   */
  int64_t matrix_count;
  int64_t ranks;                /* processes that the model is split over, a
                                   power of two; 1: it is not. All that is said
                                   above is of the whole model, but what a level
                                   says and decode_weight_bytes and *_dot_ops,
                                   which are a rank's                         */
  int64_t rank_weight_bytes;    /* of a rank's part of the weights, which are
                                   the parts of all ranks one behind the other;
                                   with several, a multiple of 2 MiB          */
  int64_t rank_vocabulary;      /* columns of the logits that a rank computes,
                                   those from rank * rank_vocabulary on:
                                   FpmoeStep.logits is [logits_count,
                                   rank_vocabulary]. Columns past the vocabulary
                                   are zero                                   */
} FpmoeModel;

/* The program's only model. Generated. */
extern const FpmoeModel fpmoe_model;

/* Weights follow the program in its own file, or stand in a file beside it.
 * The last FPMOE_TRAILER_BYTES of that file say where. */
typedef struct FpmoeTrailer {
  uint64_t magic;       /* FPMOE_MAGIC                                        */
  uint32_t abi_version;
  uint32_t reserved;    /* 0                                                  */
  uint64_t offset;      /* of the blob in this file, a multiple of 2 MiB      */
  uint64_t bytes;       /* of the blob; equals FpmoeModel.weight_bytes        */
  uint64_t fingerprint; /* equals fpmoe_weights_fingerprint of the program    */
  uint64_t checksum;    /* reserved, 0                                        */
} FpmoeTrailer;
#define FPMOE_TRAILER_BYTES 48

/* Ties a weights file to the program that was compiled with it. Generated. */
extern const uint64_t fpmoe_weights_fingerprint;
/* Name of the weights file beside the program, or "" when the weights are in
 * the program's own file. Generated. */
extern const char fpmoe_weights_file[];

#ifdef __cplusplus
}
#endif
#endif
