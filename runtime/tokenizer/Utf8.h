//===- Utf8.h - characters of UTF-8 text ------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding, validation and the few Unicode properties that added tokens need.
// All functions but isValidUtf8 and appendLossy expect valid UTF-8.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_RUNTIME_TOKENIZER_UTF8_H
#define FPMOE_RUNTIME_TOKENIZER_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fpmoe {

/// Whether `text` is UTF-8 (no surrogates, no overlong forms). If not,
/// `badOffset` is the offset of the first byte of the first bad sequence.
bool isValidUtf8(std::string_view text, size_t &badOffset);

/// Bytes of the character that starts with `lead`.
inline size_t characterSize(char lead) {
  auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/// The character at the start of `text`, which is not empty.
uint32_t decodeCharacter(std::string_view text);

void appendCharacter(uint32_t character, std::string &out);

/// Appends `bytes` with U+FFFD for each longest bad sequence. An incomplete
/// character at the end is left alone unless `final`; returns the number of
/// bytes used.
size_t appendLossy(std::string_view bytes, bool final, std::string &out);

/// Unicode White_Space.
bool isWhitespace(uint32_t character);

/// A letter, mark, decimal digit, connector or joiner, as `\w` matches.
bool isWordCharacter(uint32_t character);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_TOKENIZER_UTF8_H
