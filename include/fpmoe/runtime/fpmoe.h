/* A compiled model as a library.
 *
 * `fpmoe-compile MODEL --emit=shared -o libmodel.so` makes a shared library that
 * has these functions, and no other ones, and the weights in its own file.
 * `--emit=static -o libmodel.a` makes a static one, to be linked with
 * `-lstdc++ -lm -lpthread`; fpmoe_options has to name its weights file.
 *
 * Static libraries of `--symbol-prefix=NAME_` have NAME_open instead of
 * fpmoe_open, and so on. With `#define FPMOE_PREFIX NAME_` before it, this
 * header declares these, and fpmoe_open stands for NAME_open. It may be
 * included again with another prefix; what one library makes is not for the
 * functions of another.
 *
 * An engine runs the model in threads of its own; sequences are texts that it
 * makes, several at a time, which share its steps and what they have in common.
 * Nothing of that changes a bit of what a sequence gives.
 *
 * Threads: all functions may be called from any thread. Of one sequence, only
 * fpmoe_cancel may be called while another call is under way. An engine is
 * closed when none of its sequences is left.
 *
 * Errors: functions that return int or int64_t return 0 or more when all is
 * well, and a negative number when not; fpmoe_error() then says why, in one
 * line. Structures begin with their size, by which later versions of this
 * header and of libraries know what the other side has.
 */
#ifndef FPMOE_RUNTIME_FPMOE_H
#define FPMOE_RUNTIME_FPMOE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FPMOE_API_VERSION 1
#define FPMOE_JOIN(prefix, name) prefix##name
#define FPMOE_NAME(prefix, name) FPMOE_JOIN(prefix, name)

#if defined(__GNUC__)
#define FPMOE_API __attribute__((visibility("default")))
#else
#define FPMOE_API
#endif

typedef struct fpmoe_engine fpmoe_engine;
typedef struct fpmoe_sequence fpmoe_sequence;

enum {
  FPMOE_ERROR = -1,   /* what was asked for is wrong, or went wrong          */
  FPMOE_TOO_SMALL = -2, /* the memory of the caller                          */
  FPMOE_TIMEOUT = -3  /* nothing happened in time                            */
};

typedef struct fpmoe_options {
  size_t size;              /* sizeof(fpmoe_options)                           */
  const char *weights_file; /* null: the shared library's own                  */
  int32_t threads;          /* 0: the CPUs that the process may use            */
  int32_t sequences;        /* made at a time, 0: 8                            */
  int64_t cache_bytes;      /* for keys and values, 0: what they can need      */
} fpmoe_options;

typedef struct fpmoe_request {
  size_t size;              /* sizeof(fpmoe_request)                           */
  const int32_t *prompt;    /* [prompt_count] token ids, copied                */
  size_t prompt_count;      /* at least 1                                      */
  int64_t max_tokens;
  double temperature;       /* 0: the likeliest token                          */
  double top_p, min_p;      /* 1 and 0: all tokens                             */
  int64_t top_k;            /* 0: all tokens                                   */
  double repetition_penalty, presence_penalty, frequency_penalty;
  uint64_t seed;            /* the same one makes the same text                */
  const char *const *stops; /* [stop_count] texts that end the text, copied    */
  size_t stop_count;
  const char *language;     /* expert, or language of tokens; null: by itself  */
  int32_t drafts;           /* tokens to guess in a step, 0 to 15              */
  int32_t logprobs;         /* 1: log-probabilities of tokens are wanted       */
} fpmoe_request;

enum { FPMOE_EVENT_TEXT = 0, FPMOE_EVENT_END = 1 };
enum {
  FPMOE_END_STOP = 0,       /* the model, or a stop text, ended it             */
  FPMOE_END_LENGTH = 1,     /* max_tokens, or the context is full              */
  FPMOE_END_CANCELLED = 2
};

/* What is new of a sequence. Pointers are valid until its next call. */
typedef struct fpmoe_event {
  size_t size;              /* sizeof(fpmoe_event), set by the caller          */
  int32_t kind;             /* FPMOE_EVENT_*; nothing follows the end          */
  int32_t reason;           /* FPMOE_END_*, of the end                         */
  const char *text;         /* [text_bytes] UTF-8, whole characters, ends in 0 */
  size_t text_bytes;
  const int32_t *tokens;    /* [token_count] may be told before their text     */
  const double *logprobs;   /* [token_count], or null                          */
  size_t token_count;
  int64_t cached_tokens;    /* of the prompt, that were in the cache: the end  */
} fpmoe_event;

typedef struct fpmoe_model_info {
  size_t size;              /* sizeof(fpmoe_model_info), set by the caller     */
  const char *name;
  int64_t vocabulary, context, experts, languages;
  int32_t has_tokenizer, has_fill_in;
} fpmoe_model_info;

#ifdef __cplusplus
}
#endif
#endif

/* From here on for each prefix. */
#ifdef FPMOE_PREFIX
#define fpmoe_version FPMOE_NAME(FPMOE_PREFIX, version)
#define fpmoe_error FPMOE_NAME(FPMOE_PREFIX, error)
#define fpmoe_open FPMOE_NAME(FPMOE_PREFIX, open)
#define fpmoe_close FPMOE_NAME(FPMOE_PREFIX, close)
#define fpmoe_info FPMOE_NAME(FPMOE_PREFIX, info)
#define fpmoe_tokenize FPMOE_NAME(FPMOE_PREFIX, tokenize)
#define fpmoe_detokenize FPMOE_NAME(FPMOE_PREFIX, detokenize)
#define fpmoe_infill FPMOE_NAME(FPMOE_PREFIX, infill)
#define fpmoe_request_defaults FPMOE_NAME(FPMOE_PREFIX, request_defaults)
#define fpmoe_start FPMOE_NAME(FPMOE_PREFIX, start)
#define fpmoe_next FPMOE_NAME(FPMOE_PREFIX, next)
#define fpmoe_cancel FPMOE_NAME(FPMOE_PREFIX, cancel)
#define fpmoe_finish FPMOE_NAME(FPMOE_PREFIX, finish)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* FPMOE_API_VERSION of the library. */
FPMOE_API int fpmoe_version(void);

/* Why the last call of this thread failed; "" when none did. */
FPMOE_API const char *fpmoe_error(void);

/* Opens the model. Options may be null. */
FPMOE_API int fpmoe_open(const fpmoe_options *options, fpmoe_engine **engine);
/* Frees an engine of which no sequence is left. Null is nothing. */
FPMOE_API void fpmoe_close(fpmoe_engine *engine);
FPMOE_API int fpmoe_info(const fpmoe_engine *engine, fpmoe_model_info *info);

/* Token ids of a text in UTF-8, with what the model puts around a text where
 * `whole` is not 0; else texts of special tokens are text like any other.
 * Returns how many ids there are; writes them if `ids` is not null and has
 * room for all. */
FPMOE_API int64_t fpmoe_tokenize(const fpmoe_engine *engine, const char *text,
                                 size_t bytes, int whole, int32_t *ids,
                                 size_t capacity);
/* The text of token ids, in the same way; no 0 is put behind it. */
FPMOE_API int64_t fpmoe_detokenize(const fpmoe_engine *engine,
                                   const int32_t *ids, size_t count, char *text,
                                   size_t capacity);
/* The prompt that the text between two texts follows. Fails where the model has
 * no tokens for it. */
FPMOE_API int64_t fpmoe_infill(const fpmoe_engine *engine, const char *prefix,
                               size_t prefix_bytes, const char *suffix,
                               size_t suffix_bytes, int32_t *ids,
                               size_t capacity);

/* Fills a request with the defaults of the model: its size, sampling, 128
 * tokens and 7 drafts. */
FPMOE_API void fpmoe_request_defaults(fpmoe_request *request);
/* Begins a sequence. */
FPMOE_API int fpmoe_start(fpmoe_engine *engine, const fpmoe_request *request,
                          fpmoe_sequence **sequence);
/* Waits for what is next of a sequence, for ever where the time is negative.
 * Behind the end, the end again. */
FPMOE_API int fpmoe_next(fpmoe_sequence *sequence, int32_t timeout_ms,
                         fpmoe_event *event);
/* Ends a sequence early; its end is told by fpmoe_next. From any thread. */
FPMOE_API void fpmoe_cancel(fpmoe_sequence *sequence);
/* Frees a sequence, ended or not. Null is nothing. */
FPMOE_API void fpmoe_finish(fpmoe_sequence *sequence);

#ifdef __cplusplus
}
#endif
