//===- Utf8.cpp - characters of UTF-8 text ----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Validation is a single pass that skips ASCII eight bytes at a time; the
// properties come from utf8proc.
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/Utf8.h"

#include <cstring>
#include <utf8proc.h>

namespace fpmoe {

/// The size of the good character at `text[at]`, or 0 if it is bad; then
/// `badSize` is the longest prefix of a good character that stands there, at
/// least 1, and `incomplete` says whether the text ended within it.
static size_t checkCharacter(std::string_view text, size_t at, size_t &badSize,
                             bool &incomplete) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(at);
  badSize = 1;
  incomplete = false;
  if (lead < 0x80)
    return 1;
  if (lead < 0xc2 || lead > 0xf4)
    return 0;
  size_t size = characterSize(text[at]);
  // The second byte excludes overlong forms, surrogates and what is too large.
  unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (size_t i = 1; i != size; ++i, low = 0x80, high = 0xbf) {
    if (at + i == text.size()) {
      incomplete = true;
      return 0;
    }
    if (byte(at + i) < low || byte(at + i) > high)
      return 0;
    badSize = i + 1;
  }
  return size;
}

bool isValidUtf8(std::string_view text, size_t &badOffset) {
  size_t badSize;
  bool incomplete;
  for (size_t at = 0; at < text.size();) {
    uint64_t eight;
    if (at + sizeof(eight) <= text.size()) {
      std::memcpy(&eight, text.data() + at, sizeof(eight));
      if ((eight & 0x8080808080808080ull) == 0) {
        at += sizeof(eight);
        continue;
      }
    }
    size_t size = checkCharacter(text, at, badSize, incomplete);
    if (size == 0) {
      badOffset = at;
      return false;
    }
    at += size;
  }
  return true;
}

uint32_t decodeCharacter(std::string_view text) {
  auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[i]));
  };
  switch (characterSize(text[0])) {
  case 1:
    return byte(0);
  case 2:
    return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
  case 3:
    return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  default:
    return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 |
           (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
  }
}

void appendCharacter(uint32_t character, std::string &out) {
  if (character < 0x80) {
    out += static_cast<char>(character);
    return;
  }
  if (character < 0x800) {
    out += static_cast<char>(0xc0 | character >> 6);
  } else {
    if (character < 0x10000) {
      out += static_cast<char>(0xe0 | character >> 12);
    } else {
      out += static_cast<char>(0xf0 | character >> 18);
      out += static_cast<char>(0x80 | (character >> 12 & 0x3f));
    }
    out += static_cast<char>(0x80 | (character >> 6 & 0x3f));
  }
  out += static_cast<char>(0x80 | (character & 0x3f));
}

size_t appendLossy(std::string_view bytes, bool final, std::string &out) {
  size_t at = 0;
  while (at < bytes.size()) {
    size_t badSize;
    bool incomplete;
    size_t size = checkCharacter(bytes, at, badSize, incomplete);
    if (size != 0) {
      out.append(bytes, at, size);
      at += size;
      continue;
    }
    if (incomplete && !final)
      break;
    out += "\xef\xbf\xbd";
    at += badSize;
  }
  return at;
}

bool isWhitespace(uint32_t c) {
  return (c >= 0x9 && c <= 0xd) || c == 0x20 || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool isWordCharacter(uint32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_PC:
    return true;
  case UTF8PROC_CATEGORY_SO: // circled and squared letters are alphabetic
    return (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
           (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
  default:
    return c == 0x200c || c == 0x200d;
  }
}

} // namespace fpmoe
