//===- ConvertBlocks.cpp - elements of checkpoints to f32 -------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function per type. In the quantised ones an element is an integer times
// the scale of its block, and minus or plus a minimum. Built without fused
// multiply-add, so that every host gives the same bits. See DType.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/DType.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/ErrorHandling.h"

using namespace llvm;
using namespace llvm::support::endian;

namespace fpmoe {

/// Widens an IEEE half exactly: the exponent is moved by a multiplication,
/// which also normalises subnormals; infinities and NaNs are patched.
static float halfToFloat(uint16_t half) {
  uint32_t magnitude = static_cast<uint32_t>(half & 0x7fff) << 13;
  float scaled = bit_cast<float>(magnitude) * bit_cast<float>(0x77800000u);
  uint32_t bits = bit_cast<uint32_t>(scaled);
  if (magnitude >= 0x0f800000u)
    bits = magnitude | 0x7f800000u;
  return bit_cast<float>(bits | static_cast<uint32_t>(half & 0x8000) << 16);
}

static float readHalf(const uint8_t *from) {
  return halfToFloat(read16le(from));
}

//===----------------------------------------------------------------------===//
// Blocks of 32: low nibbles are elements 0 to 15, high ones 16 to 31
//===----------------------------------------------------------------------===//

/// Scale, nibbles.
static void convertQ4_0(const uint8_t *block, float *to) {
  float scale = readHalf(block);
  for (int i = 0; i < 16; ++i) {
    to[i] = static_cast<float>((block[2 + i] & 15) - 8) * scale;
    to[i + 16] = static_cast<float>((block[2 + i] >> 4) - 8) * scale;
  }
}

/// Scale, minimum, nibbles.
static void convertQ4_1(const uint8_t *block, float *to) {
  float scale = readHalf(block), min = readHalf(block + 2);
  for (int i = 0; i < 16; ++i) {
    to[i] = static_cast<float>(block[4 + i] & 15) * scale + min;
    to[i + 16] = static_cast<float>(block[4 + i] >> 4) * scale + min;
  }
}

/// The integers of 5 bits: nibbles, and a word with the fifth bit of each.
static int get5Bits(uint32_t fifth, const uint8_t *nibbles, int i) {
  int low = i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;
  return low | static_cast<int>(fifth >> i & 1) << 4;
}

/// Scale, fifth bits, nibbles.
static void convertQ5_0(const uint8_t *block, float *to) {
  float scale = readHalf(block);
  uint32_t fifth = read32le(block + 2);
  for (int i = 0; i < 32; ++i)
    to[i] = static_cast<float>(get5Bits(fifth, block + 6, i) - 16) * scale;
}

/// Scale, minimum, fifth bits, nibbles.
static void convertQ5_1(const uint8_t *block, float *to) {
  float scale = readHalf(block), min = readHalf(block + 2);
  uint32_t fifth = read32le(block + 4);
  for (int i = 0; i < 32; ++i)
    to[i] = static_cast<float>(get5Bits(fifth, block + 8, i)) * scale + min;
}

/// Scale, bytes.
static void convertQ8_0(const uint8_t *block, float *to) {
  float scale = readHalf(block);
  for (int i = 0; i < 32; ++i)
    to[i] = static_cast<float>(static_cast<int8_t>(block[2 + i])) * scale;
}

//===----------------------------------------------------------------------===//
// Blocks of 256
//===----------------------------------------------------------------------===//

namespace {
struct ScaleAndMin {
  float scale, min;
};
} // namespace

/// Q4_K and Q5_K start with a scale and a minimum of the block, and 12 bytes
/// with 6 bits of each for its eight groups: six low bits for the first four
/// groups, whose upper two hold the upper bits of the other four.
static ScaleAndMin getGroup(const uint8_t *block, int group) {
  const uint8_t *packed = block + 4;
  int scale, min;
  if (group < 4) {
    scale = packed[group] & 63;
    min = packed[group + 4] & 63;
  } else {
    scale = (packed[group + 4] & 15) | packed[group - 4] >> 6 << 4;
    min = packed[group + 4] >> 4 | packed[group] >> 6 << 4;
  }
  return {readHalf(block) * static_cast<float>(scale),
          readHalf(block + 2) * static_cast<float>(min)};
}

/// Groups of 32; the nibbles of 32 bytes are two groups.
static void convertQ4_K(const uint8_t *block, float *to) {
  for (int group = 0; group < 8; ++group, to += 32) {
    auto [scale, min] = getGroup(block, group);
    const uint8_t *nibbles = block + 16 + group / 2 * 32;
    for (int i = 0; i < 32; ++i) {
      int value = group % 2 ? nibbles[i] >> 4 : nibbles[i] & 15;
      to[i] = scale * static_cast<float>(value) - min;
    }
  }
}

/// As Q4_K; bit g of 32 more bytes is the fifth bit of group g.
static void convertQ5_K(const uint8_t *block, float *to) {
  const uint8_t *fifth = block + 16;
  for (int group = 0; group < 8; ++group, to += 32) {
    auto [scale, min] = getGroup(block, group);
    const uint8_t *nibbles = block + 48 + group / 2 * 32;
    for (int i = 0; i < 32; ++i) {
      int value = group % 2 ? nibbles[i] >> 4 : nibbles[i] & 15;
      value += (fifth[i] >> group & 1) << 4;
      to[i] = scale * static_cast<float>(value) - min;
    }
  }
}

/// 128 bytes of low nibbles, 64 bytes of upper two bits, 16 scales of a byte
/// for 16 elements each, and the scale of the block. Each half of the elements
/// has half of the bytes, and four runs of 32 in it.
static void convertQ6_K(const uint8_t *block, float *to) {
  float whole = readHalf(block + 208);
  for (int i = 0; i < 256; ++i) {
    int half = i / 128, run = i / 32 % 4, at = i % 32;
    uint8_t nibbles = block[half * 64 + run % 2 * 32 + at];
    int low = run < 2 ? nibbles & 15 : nibbles >> 4;
    int high = block[128 + half * 32 + at] >> (2 * run) & 3;
    float scale = whole * static_cast<int8_t>(block[192 + i / 16]);
    to[i] = scale * static_cast<float>((low | high << 4) - 32);
  }
}

//===----------------------------------------------------------------------===//
// Plain types: blocks of one element
//===----------------------------------------------------------------------===//

static void convertF32(const uint8_t *from, float *to) {
  *to = bit_cast<float>(read32le(from));
}

static void convertF16(const uint8_t *from, float *to) { *to = readHalf(from); }

static void convertBF16(const uint8_t *from, float *to) {
  *to = bit_cast<float>(static_cast<uint32_t>(read16le(from)) << 16);
}

static void convertF64(const uint8_t *from, float *to) {
  *to = static_cast<float>(bit_cast<double>(read64le(from)));
}

//===----------------------------------------------------------------------===//

/// A template, so that `convert` is inlined.
template <void convert(const uint8_t *, float *)>
static void forEachBlock(DType dtype, const uint8_t *from, float *to,
                         size_t blocks) {
  size_t bytes = getBits(dtype) / 8, elements = getBlockElements(dtype);
  for (size_t i = 0; i < blocks; ++i)
    convert(from + i * bytes, to + i * elements);
}

void convertBlocks(DType dtype, const uint8_t *from, float *to, size_t blocks) {
  switch (dtype) {
  case DType::F32:
    return forEachBlock<convertF32>(dtype, from, to, blocks);
  case DType::F16:
    return forEachBlock<convertF16>(dtype, from, to, blocks);
  case DType::BF16:
    return forEachBlock<convertBF16>(dtype, from, to, blocks);
  case DType::F64:
    return forEachBlock<convertF64>(dtype, from, to, blocks);
  case DType::Q4_0:
    return forEachBlock<convertQ4_0>(dtype, from, to, blocks);
  case DType::Q4_1:
    return forEachBlock<convertQ4_1>(dtype, from, to, blocks);
  case DType::Q5_0:
    return forEachBlock<convertQ5_0>(dtype, from, to, blocks);
  case DType::Q5_1:
    return forEachBlock<convertQ5_1>(dtype, from, to, blocks);
  case DType::Q8_0:
    return forEachBlock<convertQ8_0>(dtype, from, to, blocks);
  case DType::Q4_K:
    return forEachBlock<convertQ4_K>(dtype, from, to, blocks);
  case DType::Q5_K:
    return forEachBlock<convertQ5_K>(dtype, from, to, blocks);
  case DType::Q6_K:
    return forEachBlock<convertQ6_K>(dtype, from, to, blocks);
  default:
    llvm_unreachable("isLoadable() was checked");
  }
}

} // namespace fpmoe
