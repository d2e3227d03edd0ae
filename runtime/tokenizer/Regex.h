//===- Regex.h - regular expressions over UTF-8 -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A compiled PCRE2 expression with Unicode properties, run by PCRE2's own
// machine code where the system allows that and by its interpreter elsewhere.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_RUNTIME_TOKENIZER_REGEX_H
#define FPMOE_RUNTIME_TOKENIZER_REGEX_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

struct pcre2_real_code_8;
struct pcre2_real_match_context_8;
struct pcre2_real_match_data_8;

namespace fpmoe {

/// Immutable once compiled; may be used by several threads at once.
class Regex {
public:
  Regex() = default;
  Regex(Regex &&other) noexcept : code(other.code) { other.code = nullptr; }
  Regex &operator=(Regex &&other) noexcept;
  ~Regex();

  /// Returns false and says in `error` what PCRE2 finds wrong, and where. The
  /// pattern is UTF-8.
  bool compile(std::string_view pattern, std::string &error);

  /// As often may a pattern go back at one place of a text, as for Oniguruma.
  static constexpr uint32_t kMostSteps = 10'000'000;

  /// Walks over the matches in one text, left to right, without overlap. An
  /// empty match right behind the previous match is passed over. A search that
  /// goes back too often, or takes too much memory or time, ends with a
  /// failure: what it has found by then are not all matches.
  class Finder {
  public:
    explicit Finder(const Regex &regex, uint32_t mostSteps = kMostSteps);
    Finder(const Finder &) = delete;
    Finder &operator=(const Finder &) = delete;
    ~Finder();

    void start(std::string_view newText);
    /// Returns false at the end of the text and after a failure.
    bool next(size_t &begin, size_t &end);
    /// Why the search gave up, or null.
    const char *failure() const { return why; }

  private:
    bool match(size_t at);
    bool fail(const char *reason);
    bool lookAtClock();

    const pcre2_real_code_8 *code;
    pcre2_real_match_data_8 *data;
    pcre2_real_match_context_8 *context;
    std::string_view text;
    size_t position = 0;
    size_t lastEnd = 0;
    const char *why = nullptr;
    bool jit;
    unsigned calls = 0;
    size_t places = 16; // where a call may begin a match
    // In seconds of this thread.
    double looked;
    double deadline;
  };

private:
  pcre2_real_code_8 *code = nullptr;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_TOKENIZER_REGEX_H
