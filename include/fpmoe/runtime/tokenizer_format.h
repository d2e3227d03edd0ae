//===- tokenizer_format.h - the compiled tokenizer --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layout of the tables that lib/Tokenizer writes and runtime/tokenizer
// reads. Position-independent and little-endian: every reference is an offset
// in bytes from the first byte of the blob, which needs no alignment.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_RUNTIME_TOKENIZER_FORMAT_H
#define FPMOE_RUNTIME_TOKENIZER_FORMAT_H

#include <cstddef>
#include <cstdint>

namespace fpmoe {
namespace tokenizer_format {

constexpr uint32_t kMagic = 0x4b545046; // "FPTK"
constexpr uint32_t kVersion = 3;
constexpr uint32_t kNone = 0xffffffff; // no id, an empty slot

/// An array: the offset of its first element, and how many there are.
struct Section {
  uint32_t offset;
  uint32_t count;
};

enum HeaderFlags : uint32_t {
  kIgnoreMerges = 1 << 0, // a word that is a token is taken whole
  kByteFallback = 1 << 1, // a missing character becomes its <0xXX> tokens
  kFuseUnknown = 1 << 2,  // neighbouring missing characters share one unknown
  kByteLevel = 1 << 3,    // each byte of a word is mapped to one character
  // No merge joins "x" + U+2581 for any x but U+2581, so that words may be cut
  // before each run of U+2581 without changing a single id.
  kCutAtMetaspace = 1 << 4,
};

enum TokenFlags : uint8_t {
  kInModel = 1 << 0, // in the vocabulary of the BPE model
  kAdded = 1 << 1,   // an added token, matched before anything else
  kSpecial = 1 << 2, // left out by decode(skipSpecialTokens)
  kLeftStrip = 1 << 3,
  kRightStrip = 1 << 4,
  kSingleWord = 1 << 5,
  kNormalized = 1 << 6, // matched in the normalized text
};

struct Header {
  uint32_t magic;   // kMagic
  uint32_t version; // kVersion
  uint32_t size;    // bytes of the whole blob
  uint32_t flags;   // HeaderFlags
  uint32_t idCount; // largest id + 1; an id without a token has flags 0
  uint32_t unknown; // id for missing characters, or kNone: they are dropped
  Section textEnds; // uint32_t[idCount + 1]: token i is text[ends[i],ends[i+1])
  Section tokenFlags;   // uint8_t[idCount]: TokenFlags
  Section text;         // char[]: UTF-8 of all tokens
  Section vocabulary;   // uint32_t[2^n], ids by hashText, kNone is empty
  Section merges;       // Merge[2^n] by hashPair, left == kNone is empty
  Section byteTokens;   // uint32_t[256] id of each byte's character, or kNone;
                        // empty unless kByteLevel
  Section fallback;     // uint32_t[256] ids of <0x00>...<0xFF>, or kNone; empty
                        // unless kByteFallback
  Section added;        // uint32_t[]: ids of the added tokens
  Section normalizer;   // Step[]
  Section preTokenizer; // Step[]
  Section decoder;      // Step[]
  Section prefix;       // uint32_t[]: ids put before a text
  Section suffix;       // uint32_t[]: ids put after a text
  Section chat;         // Chat[0 or 1]
};

/// (left, right) becomes `result`; a lower rank goes first.
struct Merge {
  uint32_t left;
  uint32_t right;
  uint32_t rank;
  uint32_t result;
};

enum class StepKind : uint32_t {
  // Normalizers.
  NFC,     // Unicode normal form C
  Prepend, // `content` goes before a text that is not empty
  // A normalizer or a decoder: occurrences of the pattern become `content`.
  Replace,
  // Pre-tokenizers.
  Split,       // words are the matches of the pattern, and what is between them
  PrefixSpace, // a space goes before a word that does not start with one
  // Spaces become `content`, which also goes before a word as `number` says:
  // 0 never, 1 the first word of the text, 2 always. A pre-tokenizer; as a
  // decoder the reverse (any number but 0: dropped in the first token).
  Metaspace,
  // Decoders.
  ByteLevel,    // characters become the bytes they stand for
  ByteFallback, // <0xXX> become bytes
  Fuse,         // all tokens become one
  Strip, // at most `number` `content` at a token's start, `number2` at its end
  Join,  // `content` goes between tokens
};
constexpr uint32_t kStepKinds = static_cast<uint32_t>(StepKind::Join) + 1;

enum StepFlags : uint32_t {
  kRegex = 1 << 0,         // `pattern` is a PCRE2 expression, else a plain text
  kRemoveMatches = 1 << 1, // Split: the matches are dropped
  kRemoveRest = 1 << 2,    // Split: what lies between the matches is dropped
  kCutWords = 1 << 3,      // Metaspace: a word begins at each `content`
};

struct Step {
  StepKind kind;
  uint32_t flags;   // StepFlags
  uint32_t number;  // see StepKind
  uint32_t number2; // see StepKind
  Section pattern;  // char[], UTF-8
  Section content;  // char[], UTF-8
};

/// What a conversation is written with. Special tokens in these texts are
/// tokens; in the messages between them they are text.
enum class ChatText : uint32_t {
  Family,        // of templates; empty: there is none, for this
  Problem,       // reason, a clause for people
  Begin,         // before all
  DefaultSystem, // stands in for a system message; empty: nothing does
  // Goes before what the system says, where it comes first, and makes that a
  // turn where nobody says anything.
  Preface,
  BeforeSystem,
  AfterSystem,
  BeforeUser,
  AfterUser,
  BeforeAssistant,
  AfterAssistant,
  Answer,     // what the model goes on from
  NoThoughts, // goes behind it where the model is not to think; empty: that
              // cannot be asked of it
};
constexpr uint32_t kChatTexts = static_cast<uint32_t>(ChatText::NoThoughts) + 1;

enum ChatFlags : uint32_t {
  kSystemFirst = 1 << 0,    // a system message may stand first
  kSystemAnywhere = 1 << 1, // or in any place
  // Not a turn of its own: in that of the first, or last, user, before the
  // content.
  kSystemInFirstUser = 1 << 2,
  kSystemInLastUser = 1 << 3,
  kAlternates = 1 << 4, // user and assistant take turns, the user begins
  // White space at both ends of the content goes, of that of the user with a
  // system message in it.
  kTrimSystem = 1 << 5,
  kTrimUser = 1 << 6,
  kTrimAssistant = 1 << 7,
  // DefaultSystem and Preface are formats of the day, as strftime() of the
  // locale "C" knows them, with %d %m %b %B %Y and %% alone.
  kDated = 1 << 8,
  kSystemNotAlone = 1 << 9, // another message follows one of the system
  kThinks = 1 << 10, // answers begin behind the last </think> in the content
  // But those behind the last question are written with what was thought, as
  // the template of Qwen3 does.
  kTellsThoughts = 1 << 11,
};

struct Chat {
  uint32_t flags; // ChatFlags
  uint32_t reserved;
  Section texts[kChatTexts]; // char[], UTF-8, by ChatText
};

static_assert(sizeof(Section) == 8 && sizeof(Merge) == 16, "fixed layout");
static_assert(sizeof(Step) == 32 && sizeof(Header) == 136, "fixed layout");
static_assert(sizeof(Chat) == 112, "fixed layout");
static_assert(offsetof(Header, textEnds) == 24, "fixed layout");
static_assert(offsetof(Step, pattern) == 16, "fixed layout");

/// Where the search for a text starts in `vocabulary` (linear probing).
inline uint32_t hashText(const char *text, size_t size) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (size_t i = 0; i != size; ++i)
    hash = (hash ^ static_cast<unsigned char>(text[i])) * 0x100000001b3ull;
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

/// Where the search for a pair starts in `merges` (linear probing).
inline uint32_t hashPair(uint32_t left, uint32_t right) {
  uint64_t hash = (uint64_t(left) << 32 | right) * 0x9e3779b97f4a7c15ull;
  return static_cast<uint32_t>(hash >> 32);
}

/// The character that stands for a byte in byte-level vocabularies: printable
/// Latin-1 stands for itself, the rest for U+0100 and up, in order.
inline uint32_t byteToCharacter(uint8_t byte) {
  bool printable = (byte >= 0x21 && byte <= 0x7e) ||
                   (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  if (printable)
    return byte;
  if (byte <= 0x20)
    return 0x100 + byte;
  if (byte == 0xad)
    return 0x143;
  return 0x121 + (byte - 0x7f); // 0x7f to 0xa0
}

} // namespace tokenizer_format
} // namespace fpmoe

#endif // FPMOE_RUNTIME_TOKENIZER_FORMAT_H
