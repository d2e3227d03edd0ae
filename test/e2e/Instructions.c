/*===- Instructions.c - what instructions of other machines do --*- C -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// VDPBF16PS, VCVTNEPS2BF16 and the tile instructions of AMX, bit for bit as
// Intel's manual defines them, for machines with AVX2 and FMA. What a processor
// would refuse ends the program. Instructions.ll makes intrinsics calls of
// these.
//
//===---------------------------------------------------------------------===*/

#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MaxRows = 16, MaxRowBytes = 64, Lanes = MaxRowBytes / 4, Tiles = 256 };

/* These instructions neither consult nor update MXCSR: they round to nearest
 * even and take denormal numbers for zeros, their results too. */
static uint32_t enterOwnRounding(void) {
  const uint32_t flushToZero = 1u << 15, masks = 0x3fu << 7, daz = 1u << 6;
  uint32_t own = flushToZero | masks | daz, before = _mm_getcsr();
  __asm__ volatile("ldmxcsr %0" : : "m"(own) : "memory");
  return before;
}

static void leaveOwnRounding(uint32_t before) {
  __asm__ volatile("ldmxcsr %0" : : "m"(before) : "memory");
}

static __m256i load(const void *from) {
  return _mm256_loadu_si256((const __m256i *)from);
}

/* The f32 of the low or the high halves of pairs of bf16. */
static __m256 low(__m256i pairs) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}
static __m256 high(__m256i pairs) {
  return _mm256_castsi256_ps(
      _mm256_and_si256(pairs, _mm256_set1_epi32((int)0xffff0000)));
}

/* VDPBF16PS: the high halves first, each product by its own fused step. */
void emulateDot(float *sum, const uint16_t *lhs, const uint16_t *rhs) {
  uint32_t before = enterOwnRounding();
  for (int i = 0; i < Lanes; i += 8) {
    __m256i a = load(lhs + 2 * i), b = load(rhs + 2 * i);
    __m256 s = _mm256_fmadd_ps(high(a), high(b), _mm256_loadu_ps(sum + i));
    _mm256_storeu_ps(sum + i, _mm256_fmadd_ps(low(a), low(b), s));
  }
  leaveOwnRounding(before);
}

/* VCVTNEPS2BF16. */
void emulateRound(uint16_t *to, const uint32_t *from) {
  for (int i = 0; i < Lanes; ++i) {
    uint32_t bits = from[i], magnitude = bits & 0x7fffffff;
    if (magnitude < 0x00800000)
      bits &= 0x80000000;
    else if (magnitude > 0x7f800000)
      bits |= 0x00400000;
    else
      bits += 0x7fff + (bits >> 16 & 1);
    to[i] = bits >> 16;
  }
}

/* A tile. Values of LLVM's tile type are numbers of tiles, which never come
 * twice; those of long ago are gone. */
typedef struct Tile {
  int64_t number;
  int rows, rowBytes;
  uint32_t data[MaxRows][Lanes];
} Tile;

static _Thread_local Tile tiles[Tiles];
static _Thread_local int64_t numTiles;

static void require(int good, const char *what) {
  if (good)
    return;
  fprintf(stderr, "error: a tile instruction: %s\n", what);
  abort();
}

static Tile *makeTile(int rows, int rowBytes) {
  require(rows >= 1 && rows <= MaxRows, "rows are not 1 to 16");
  require(rowBytes >= 4 && rowBytes <= MaxRowBytes && rowBytes % 4 == 0,
          "bytes of a row are not 4, 8, ... 64");
  int64_t number = ++numTiles;
  Tile *tile = &tiles[number % Tiles];
  memset(tile, 0, sizeof *tile);
  tile->number = number;
  tile->rows = rows;
  tile->rowBytes = rowBytes;
  return tile;
}

static const Tile *getTile(int64_t number, int rows, int rowBytes) {
  const Tile *tile = &tiles[(uint64_t)number % Tiles];
  require(number > 0 && tile->number == number,
          "its operand is no tile or was overwritten");
  require(tile->rows == rows && tile->rowBytes == rowBytes,
          "its operand was made with another shape");
  return tile;
}

int64_t emulateTileZero(int rows, int rowBytes) {
  return makeTile(rows, rowBytes)->number;
}

int64_t emulateTileLoad(int rows, int rowBytes, const uint8_t *from,
                        int64_t stride) {
  Tile *tile = makeTile(rows, rowBytes);
  for (int row = 0; row < rows; ++row)
    memcpy(tile->data[row], from + row * stride, rowBytes);
  return tile->number;
}

void emulateTileStore(int rows, int rowBytes, uint8_t *to, int64_t stride,
                      int64_t number) {
  const Tile *tile = getTile(number, rows, rowBytes);
  for (int row = 0; row < rows; ++row)
    memcpy(to + row * stride, tile->data[row], rowBytes);
}

/* TDPBF16PS: low and high halves have sums of their own, which start at zero
 * and are added to each other before they are added to what was there. */
int64_t emulateTileDot(int rows, int rowBytes, int depthBytes, int64_t sum,
                       int64_t lhs, int64_t rhs) {
  require(depthBytes / 4 <= MaxRows, "too many pairs");
  Tile *result = makeTile(rows, rowBytes);
  const Tile *c = getTile(sum, rows, rowBytes);
  const Tile *a = getTile(lhs, rows, depthBytes);
  const Tile *b = getTile(rhs, depthBytes / 4, rowBytes);
  uint32_t before = enterOwnRounding();
  for (int m = 0; m < rows; ++m)
    for (int n = 0; n < Lanes; n += 8) {
      __m256 lows = _mm256_setzero_ps(), highs = _mm256_setzero_ps();
      for (int k = 0; k < depthBytes / 4; ++k) {
        __m256i x = _mm256_set1_epi32((int)a->data[m][k]);
        __m256i y = load(&b->data[k][n]);
        lows = _mm256_fmadd_ps(low(x), low(y), lows);
        highs = _mm256_fmadd_ps(high(x), high(y), highs);
      }
      __m256 old = _mm256_castsi256_ps(load(&c->data[m][n]));
      __m256 now = _mm256_add_ps(old, _mm256_add_ps(lows, highs));
      _mm256_storeu_si256((__m256i *)&result->data[m][n],
                          _mm256_castps_si256(now));
    }
  leaveOwnRounding(before);
  return result->number;
}

/* TDPBSSD: four products of bytes with a sign, summed to 32 bits. */
int64_t emulateTileDotBytes(int rows, int rowBytes, int depthBytes, int64_t sum,
                            int64_t lhs, int64_t rhs) {
  require(depthBytes / 4 <= MaxRows, "too many words");
  Tile *result = makeTile(rows, rowBytes);
  const Tile *c = getTile(sum, rows, rowBytes);
  const Tile *a = getTile(lhs, rows, depthBytes);
  const Tile *b = getTile(rhs, depthBytes / 4, rowBytes);
  for (int m = 0; m < rows; ++m)
    for (int n = 0; n < rowBytes / 4; ++n) {
      uint32_t total = c->data[m][n];
      for (int k = 0; k < depthBytes / 4; ++k) {
        const int8_t *x = (const int8_t *)&a->data[m][k];
        const int8_t *y = (const int8_t *)&b->data[k][n];
        for (int i = 0; i < 4; ++i)
          total += (uint32_t)(x[i] * y[i]);
      }
      result->data[m][n] = total;
    }
  return result->number;
}
