//===- BytePairs.cpp - byte-pair encoding of words --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A word starts as one symbol per character; the pair of lowest rank is merged,
// the leftmost of equals, until no pair has a merge. Short words are searched
// directly, long ones through queues by rank; words seen before come from a
// cache.
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/TokenizerTables.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>
#include <functional>

namespace fpmoe {

using namespace tokenizer_format;

/// Bounded, and cleared when full: source code repeats its words at short
/// distance. Small for a small text.
class WordCache {
public:
  static constexpr size_t kLongestWord = 64;

  explicit WordCache(size_t textSize) {
    size_t count = 64;
    while (count < textSize && count < kMostSlots)
      count *= 2;
    slots.resize(count);
  }

  /// Finds a word; else returns false and keeps its slot for `insert`.
  bool find(std::string_view word, std::vector<int32_t> &ids) {
    slot = hashText(word.data(), word.size()) & (slots.size() - 1);
    for (;; slot = (slot + 1) & (slots.size() - 1)) {
      const Entry &entry = slots[slot];
      if (entry.wordSize == 0)
        return false;
      if (std::string_view(words).substr(entry.wordBegin, entry.wordSize) ==
          word) {
        ids.insert(ids.end(), values.begin() + entry.idsBegin,
                   values.begin() + entry.idsBegin + entry.idsSize);
        return true;
      }
    }
  }

  /// After a `find` of `word` that found nothing: ids[from..] are its ids.
  void insert(std::string_view word, const std::vector<int32_t> &ids,
              size_t from) {
    if (used == slots.size() / 2) {
      std::fill(slots.begin(), slots.end(), Entry());
      words.clear();
      values.clear();
      used = 0;
      slot = hashText(word.data(), word.size()) & (slots.size() - 1);
    }
    slots[slot] = {static_cast<uint32_t>(words.size()),
                   static_cast<uint32_t>(values.size()),
                   static_cast<uint16_t>(word.size()),
                   static_cast<uint16_t>(ids.size() - from)};
    words += word;
    values.insert(values.end(), ids.begin() + from, ids.end());
    ++used;
  }

  std::vector<uint32_t> symbols; // scratch of encodeWord

private:
  static constexpr size_t kMostSlots = 1 << 15;
  struct Entry {
    uint32_t wordBegin = 0;
    uint32_t idsBegin = 0;
    uint16_t wordSize = 0; // 0: empty slot
    uint16_t idsSize = 0;
  };
  std::vector<Entry> slots; // a power of two
  std::string words;
  std::vector<int32_t> values;
  size_t used = 0;
  size_t slot = 0;
};

/// Merges by looking at all pairs each time.
static void mergeShort(const TokenizerTables &tables,
                       std::vector<uint32_t> &symbols) {
  constexpr size_t capacity = WordCache::kLongestWord * 4;
  uint32_t ranks[capacity], results[capacity];
  size_t count = symbols.size();
  auto look = [&](size_t i) {
    if (!tables.findMerge(symbols[i], symbols[i + 1], ranks[i], results[i]))
      ranks[i] = kNone;
  };
  for (size_t i = 0; i + 1 < count; ++i)
    look(i);
  while (count > 1) {
    size_t best = std::min_element(ranks, ranks + count - 1) - ranks;
    if (ranks[best] == kNone)
      break;
    symbols[best] = results[best];
    std::copy(symbols.begin() + best + 2, symbols.begin() + count,
              symbols.begin() + best + 1);
    std::copy(ranks + best + 1, ranks + count - 1, ranks + best);
    std::copy(results + best + 1, results + count - 1, results + best);
    --count;
    if (best != 0)
      look(best - 1);
    if (best + 1 < count)
      look(best);
  }
  symbols.resize(count);
}

namespace {

/// Pairs that can be merged: those of the lowest rank first, and of these the
/// leftmost. In whatever word, the symbols within a token are merged as they
/// are where it stands alone, so that its last merge is always the same; all
/// places of a pair come with the last merge of its second part or of its
/// first, from left to right. So a list for each rank holds them in order, and
/// only ranks have to be searched, which are few in a long word.
class Candidates {
public:
  Candidates() : queues(256) {}

  void push(uint32_t rank, uint32_t left) {
    Queue &queue = find(rank);
    auto place = static_cast<uint32_t>(places.size());
    places.push_back({left, kNone});
    if (queue.first == kNone) {
      queue = {rank, place, place};
      ranks.push_back(rank);
      std::push_heap(ranks.begin(), ranks.end(), std::greater<>());
      return;
    }
    places[queue.last].next = place;
    queue.last = place;
  }

  bool pop(uint32_t &rank, uint32_t &left) {
    if (ranks.empty())
      return false;
    rank = ranks.front();
    Queue &queue = find(rank);
    left = places[queue.first].left;
    queue.first = places[queue.first].next;
    if (queue.first == kNone) {
      std::pop_heap(ranks.begin(), ranks.end(), std::greater<>());
      ranks.pop_back();
    }
    return true;
  }

private:
  struct Place {
    uint32_t left, next;
  };
  struct Queue {
    uint32_t rank = kNone, first = kNone, last = kNone;
  };

  Queue &find(uint32_t rank) {
    size_t mask = queues.size() - 1;
    size_t slot = rank * 0x9e3779b1u >> 7 & mask;
    while (queues[slot].rank != rank && queues[slot].rank != kNone)
      slot = (slot + 1) & mask;
    if (queues[slot].rank == rank)
      return queues[slot];
    if (++used * 2 > queues.size()) {
      std::vector<Queue> old(queues.size() * 2);
      old.swap(queues);
      used = 0;
      for (const Queue &queue : old)
        if (queue.rank != kNone)
          find(queue.rank) = queue;
      return find(rank);
    }
    queues[slot].rank = rank;
    return queues[slot];
  }

  std::vector<Place> places;
  std::vector<Queue> queues; ///< by rank, a power of two, half of it free
  size_t used = 0;
  std::vector<uint32_t> ranks; ///< that have places; a heap
};

} // namespace

/// Merges candidates over a linked list of symbols.
static void mergeLong(const TokenizerTables &tables,
                      std::vector<uint32_t> &symbols) {
  uint32_t count = static_cast<uint32_t>(symbols.size());
  std::vector<uint32_t> next(count), previous(count);
  Candidates candidates;
  for (uint32_t i = 0; i != count; ++i) {
    next[i] = i + 1;
    previous[i] = i - 1; // kNone for the first
  }
  uint32_t rank, result;
  auto push = [&](uint32_t left) {
    if (tables.findMerge(symbols[left], symbols[next[left]], rank, result) &&
        rank != kNone)
      candidates.push(rank, left);
  };
  for (uint32_t i = 0; i + 1 < count; ++i)
    push(i);
  uint32_t wanted, left;
  while (candidates.pop(wanted, left)) {
    // Candidates whose symbols have changed since are out of date.
    if (symbols[left] == kNone || next[left] == count)
      continue;
    uint32_t right = next[left];
    if (!tables.findMerge(symbols[left], symbols[right], rank, result) ||
        rank != wanted)
      continue;
    symbols[left] = result;
    symbols[right] = kNone;
    next[left] = next[right];
    if (next[left] != count) {
      previous[next[left]] = left;
      push(left);
    }
    if (previous[left] != kNone)
      push(previous[left]);
  }
  symbols.erase(std::remove(symbols.begin(), symbols.end(), kNone),
                symbols.end());
}

void TokenizerTables::startSymbols(std::string_view word,
                                   std::vector<uint32_t> &symbols) const {
  // An unknown character waits here, so that its neighbours can join it.
  bool unknownWaits = false;
  auto flushUnknown = [&] {
    if (unknownWaits)
      symbols.push_back(header.unknown);
    unknownWaits = false;
  };
  auto addMissing = [&](std::string_view character) {
    if (header.flags & kByteFallback) {
      uint32_t ids[4];
      size_t count = 0;
      for (char byte : character)
        ids[count++] =
            this->word(header.fallback, static_cast<unsigned char>(byte));
      if (std::find(ids, ids + count, kNone) == ids + count) {
        symbols.insert(symbols.end(), ids, ids + count);
        return;
      }
    }
    if (header.unknown == kNone)
      return;
    if (!(header.flags & kFuseUnknown))
      flushUnknown();
    unknownWaits = true;
  };
  std::string mapped;
  for (size_t at = 0; at < word.size();) {
    auto lead = static_cast<unsigned char>(word[at]);
    size_t size = header.flags & kByteLevel ? 1 : characterSize(word[at]);
    std::string_view character = word.substr(at, size);
    at += size;
    uint32_t id = header.flags & kByteLevel
                      ? this->word(header.byteTokens, lead)
                  : lead < 0x80 ? asciiIds[lead]
                                : findToken(character, /*model=*/true);
    if (id != kNone) {
      flushUnknown();
      symbols.push_back(id);
      continue;
    }
    if (header.flags & kByteLevel) {
      mapped.clear();
      appendCharacter(byteToCharacter(lead), mapped);
      character = mapped;
    }
    addMissing(character);
  }
  flushUnknown();
}

void TokenizerTables::encodeWord(std::string_view word, WordCache &cache,
                                 std::vector<int32_t> &ids) const {
  bool useCache = word.size() <= WordCache::kLongestWord;
  if (useCache && cache.find(word, ids))
    return;
  size_t from = ids.size();
  uint32_t whole = kNone;
  if (header.flags & kIgnoreMerges) {
    std::string mapped;
    if (header.flags & kByteLevel)
      for (char byte : word)
        appendCharacter(byteToCharacter(static_cast<uint8_t>(byte)), mapped);
    whole = findToken(header.flags & kByteLevel ? mapped : word, true);
  }
  if (whole != kNone) {
    ids.push_back(static_cast<int32_t>(whole));
  } else {
    std::vector<uint32_t> &symbols = cache.symbols;
    symbols.clear();
    startSymbols(word, symbols);
    if (symbols.size() <= WordCache::kLongestWord)
      mergeShort(*this, symbols);
    else
      mergeLong(*this, symbols);
    for (uint32_t symbol : symbols)
      ids.push_back(static_cast<int32_t>(symbol));
  }
  if (useCache)
    cache.insert(word, ids, from);
}

void TokenizerTables::encodePieces(std::string_view text,
                                   const std::vector<Piece> &pieces,
                                   std::vector<int32_t> &ids) const {
  constexpr std::string_view mark = "\xe2\x96\x81";
  WordCache cache(text.size());
  for (const Piece &piece : pieces) {
    if (piece.id != kNone) {
      ids.push_back(static_cast<int32_t>(piece.id));
      continue;
    }
    std::string_view word = text.substr(piece.begin, piece.end - piece.begin);
    if (!(header.flags & kCutAtMetaspace)) {
      encodeWord(word, cache, ids);
      continue;
    }
    for (size_t begin = 0; begin < word.size();) {
      size_t end = begin;
      while (word.substr(end, mark.size()) == mark)
        end += mark.size();
      end = std::min(word.find(mark, end), word.size());
      encodeWord(word.substr(begin, end - begin), cache, ids);
      begin = end;
    }
  }
}

} // namespace fpmoe
