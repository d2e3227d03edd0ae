//===- Regex.cpp - regular expressions over UTF-8 ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The options here fix the meaning of every pattern: Unicode properties, lines
// that end in "\n" alone, and ^ and $ that match at each of them.
//
//===----------------------------------------------------------------------===//
#define PCRE2_CODE_UNIT_WIDTH 8
#include "runtime/tokenizer/Regex.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>
#include <ctime>
#include <pcre2.h>

namespace fpmoe {

/// After a call that finds no match, and after so many that find one, it is
/// time to look at the clock.
static constexpr unsigned kCallsPerLook = 16;

/// A call looks for a match at so many places that it takes about this long.
static constexpr size_t kMostPlaces = 1 << 16;
static constexpr double kSecondsPerCall = 1e-3;

/// A pattern that looks far ahead at every place takes quadratic time, which
/// PCRE2's own limits let pass. Useful ones are a hundred times as fast.
static constexpr double kSeconds = 1, kSecondsPerByte = 2e-6;

/// For patterns that repeat a group millions of times, in KiB.
static constexpr uint32_t kMostHeap = 256 << 10;

static double threadSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

Regex &Regex::operator=(Regex &&other) noexcept {
  if (this != &other) {
    pcre2_code_free(code);
    code = other.code;
    other.code = nullptr;
  }
  return *this;
}

Regex::~Regex() { pcre2_code_free(code); }

bool Regex::compile(std::string_view pattern, std::string &error) {
  pcre2_compile_context *context = pcre2_compile_context_create(nullptr);
  if (!context) {
    error = "out of memory";
    return false;
  }
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  int problem = 0;
  size_t offset = 0;
  pcre2_code *compiled = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C |
          PCRE2_USE_OFFSET_LIMIT,
      &problem, &offset, context);
  pcre2_compile_context_free(context);
  if (!compiled) {
    unsigned char message[256];
    pcre2_get_error_message(problem, message, sizeof(message));
    error = reinterpret_cast<const char *>(message);
    error += " at offset " + std::to_string(offset);
    return false;
  }
  pcre2_code_free(code);
  code = compiled;
  // Fails where memory must not be both written and run; the interpreter is
  // always there.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return true;
}

Regex::Finder::Finder(const Regex &regex, uint32_t mostSteps)
    : code(regex.code), looked(threadSeconds()), deadline(looked + kSeconds) {
  data = pcre2_match_data_create(1, nullptr);
  context = pcre2_match_context_create(nullptr);
  size_t jitSize = 0;
  jit = pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &jitSize) == 0 &&
        jitSize != 0;
  if (!data || !context) {
    fail("runs out of memory");
    return;
  }
  pcre2_set_match_limit(context, mostSteps);
  pcre2_set_heap_limit(context, kMostHeap);
}

Regex::Finder::~Finder() {
  pcre2_match_data_free(data);
  pcre2_match_context_free(context);
}

void Regex::Finder::start(std::string_view newText) {
  text = newText;
  position = 0;
  lastEnd = PCRE2_UNSET;
  deadline += kSecondsPerByte * double(text.size());
}

bool Regex::Finder::fail(const char *reason) {
  why = reason;
  return false;
}

bool Regex::Finder::lookAtClock() {
  double now = threadSeconds();
  places = now - looked < kSecondsPerCall ? std::min(places * 2, kMostPlaces)
                                          : std::max(places / 4, size_t(1));
  looked = now;
  return now < deadline;
}

bool Regex::Finder::match(size_t at) {
  auto *subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  bool look = ++calls % kCallsPerLook == 0;
  for (;; look = true) {
    if (look && !lookAtClock())
      return fail("takes too long");
    size_t last = at + places;
    pcre2_set_offset_limit(context, last);
    int found = PCRE2_ERROR_JIT_STACKLIMIT;
    if (jit)
      found = pcre2_jit_match(code, subject, text.size(), at, 0, data, context);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = pcre2_match(code, subject, text.size(), at,
                          PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, context);
    if (found >= 0)
      return true;
    switch (found) {
    case PCRE2_ERROR_NOMATCH:
      break;
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
      return fail("goes back over the text too often");
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_NOMEMORY:
      return fail("needs too much memory");
    default:
      return fail("stops with an internal error");
    }
    if (last >= text.size())
      return false;
    at = last + 1;
    while (at < text.size() &&
           (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80)
      ++at;
  }
}

bool Regex::Finder::next(size_t &begin, size_t &end) {
  while (!why && position <= text.size() && match(position)) {
    const size_t *offsets = pcre2_get_ovector_pointer(data);
    begin = offsets[0];
    end = offsets[1];
    // A lookbehind with \K could move the start behind the end.
    if (begin > end)
      return fail("matches backwards");
    if (begin == end && lastEnd == end) {
      position += position < text.size() ? characterSize(text[position]) : 1;
      continue;
    }
    position = lastEnd = end;
    return true;
  }
  return false;
}

} // namespace fpmoe
