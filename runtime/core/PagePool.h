//===- PagePool.h - who has which page of the cache ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pages of the cache, counted by the sequences that read them. A page that is
// full can be published under what it was computed from; it is found by that
// even when no sequence has it any more, until its memory is needed. Those that
// were used least recently go first.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_PAGEPOOL_H
#define FPMOE_RUNTIME_CORE_PAGEPOOL_H

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

namespace fpmoe {

/// What the keys and values of a page depend on: two pages with equal keys hold
/// the same bytes.
struct PageKey {
  uint64_t before = 0; ///< serial of the page before it in the text; 0: none
  uint64_t owner = 0;  ///< whoever has another number does not find the page
  int32_t forced = -1;
  std::vector<int32_t> tokens;
  std::vector<int32_t> languages; ///< of the tokens; empty: they do not matter

  bool operator==(const PageKey &other) const {
    return before == other.before && owner == other.owner &&
           forced == other.forced && tokens == other.tokens &&
           languages == other.languages;
  }
};

class PagePool {
public:
  explicit PagePool(int64_t pages);

  /// A page of nobody, counted once; -1 if there is none.
  int32_t take();
  void retain(int32_t page);
  /// Gives up a page, which then waits to be found or taken. Of pages that are
  /// given up one after the other, the first is taken first.
  void release(int32_t page);

  /// The page that was published under this key, counted once more; -1 if there
  /// is none.
  int32_t find(const PageKey &key);
  /// Publishes a page, unless another one is under this key. Returns the serial
  /// of the one that is.
  uint64_t publish(int32_t page, PageKey key);
  uint64_t serialOf(int32_t page) const { return pages[page].serial; }

  int64_t size() const { return pages.size(); }
  /// Pages that `take` can give.
  int64_t available() const { return unused.size() + waiting.size(); }
  /// Of these, those that can be found.
  int64_t findable() const { return waiting.size(); }

private:
  struct Page {
    int64_t users = 0;
    uint64_t serial = 0; ///< 0: not published
    PageKey key;
    std::list<int32_t>::iterator place; ///< in `waiting`, without users
  };
  struct Hash {
    size_t operator()(const PageKey &key) const;
  };
  void forget(Page &page);

  std::vector<Page> pages;
  std::vector<int32_t> unused;
  std::list<int32_t> waiting; ///< published, the one to take first in front
  std::unordered_map<PageKey, int32_t, Hash> published;
  uint64_t lastSerial = 0;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_PAGEPOOL_H
