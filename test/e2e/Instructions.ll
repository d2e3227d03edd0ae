; Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
; SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
;
; What emulation.py makes of intrinsics and types that x86-64-v3 lacks: calls of
; Instructions.c. A tile is the number that it has there.

declare void @emulateDot(ptr, ptr, ptr)
declare void @emulateRound(ptr, ptr)
declare i64 @emulateTileZero(i32, i32)
declare i64 @emulateTileLoad(i32, i32, ptr, i64)
declare void @emulateTileStore(i32, i32, ptr, i64, i64)
declare i64 @emulateTileDot(i32, i32, i32, i64, i64, i64)
declare i64 @emulateTileDotBytes(i32, i32, i32, i64, i64, i64)

define internal <16 x float> @emulated.avx512bf16.dpbf16ps.512(<16 x float> %sum, <32 x i16> %lhs, <32 x i16> %rhs) noinline {
  %s = alloca <16 x float>
  %l = alloca <32 x i16>
  %r = alloca <32 x i16>
  store <16 x float> %sum, ptr %s
  store <32 x i16> %lhs, ptr %l
  store <32 x i16> %rhs, ptr %r
  call void @emulateDot(ptr %s, ptr %l, ptr %r)
  %result = load <16 x float>, ptr %s
  ret <16 x float> %result
}

define internal <16 x i16> @emulated.vcvtneps2bf16(<16 x float> %x) noinline {
  %from = alloca <16 x float>
  %to = alloca <16 x i16>
  store <16 x float> %x, ptr %from
  call void @emulateRound(ptr %to, ptr %from)
  %result = load <16 x i16>, ptr %to
  ret <16 x i16> %result
}

define internal i64 @emulated.tilezero.internal(i16 %rows, i16 %bytes) {
  %r = zext i16 %rows to i32
  %b = zext i16 %bytes to i32
  %tile = call i64 @emulateTileZero(i32 %r, i32 %b)
  ret i64 %tile
}

define internal i64 @emulated.tileloadd64.internal(i16 %rows, i16 %bytes, ptr %from, i64 %stride) {
  %r = zext i16 %rows to i32
  %b = zext i16 %bytes to i32
  %tile = call i64 @emulateTileLoad(i32 %r, i32 %b, ptr %from, i64 %stride)
  ret i64 %tile
}

define internal void @emulated.tilestored64.internal(i16 %rows, i16 %bytes, ptr %to, i64 %stride, i64 %tile) {
  %r = zext i16 %rows to i32
  %b = zext i16 %bytes to i32
  call void @emulateTileStore(i32 %r, i32 %b, ptr %to, i64 %stride, i64 %tile)
  ret void
}

define internal i64 @emulated.tdpbf16ps.internal(i16 %rows, i16 %bytes, i16 %depth, i64 %sum, i64 %lhs, i64 %rhs) {
  %r = zext i16 %rows to i32
  %b = zext i16 %bytes to i32
  %d = zext i16 %depth to i32
  %tile = call i64 @emulateTileDot(i32 %r, i32 %b, i32 %d, i64 %sum, i64 %lhs, i64 %rhs)
  ret i64 %tile
}

define internal i64 @emulated.tdpbssd.internal(i16 %rows, i16 %bytes, i16 %depth, i64 %sum, i64 %lhs, i64 %rhs) {
  %r = zext i16 %rows to i32
  %b = zext i16 %bytes to i32
  %d = zext i16 %depth to i32
  %tile = call i64 @emulateTileDotBytes(i32 %r, i32 %b, i32 %d, i64 %sum, i64 %lhs, i64 %rhs)
  ret i64 %tile
}

; VPDPBUSD: four bytes of words, without a sign, times four of rows, with one.
define internal <8 x i32> @emulated.avx512.vpdpbusd.256(<8 x i32> %sum, <32 x i8> %words, <32 x i8> %rows) noinline {
  %a = zext <32 x i8> %words to <32 x i32>
  %b = sext <32 x i8> %rows to <32 x i32>
  %ab = mul <32 x i32> %a, %b
  %p0 = shufflevector <32 x i32> %ab, <32 x i32> poison, <8 x i32> <i32 0, i32 4, i32 8, i32 12, i32 16, i32 20, i32 24, i32 28>
  %s0 = add <8 x i32> %sum, %p0
  %p1 = shufflevector <32 x i32> %ab, <32 x i32> poison, <8 x i32> <i32 1, i32 5, i32 9, i32 13, i32 17, i32 21, i32 25, i32 29>
  %s1 = add <8 x i32> %s0, %p1
  %p2 = shufflevector <32 x i32> %ab, <32 x i32> poison, <8 x i32> <i32 2, i32 6, i32 10, i32 14, i32 18, i32 22, i32 26, i32 30>
  %s2 = add <8 x i32> %s1, %p2
  %p3 = shufflevector <32 x i32> %ab, <32 x i32> poison, <8 x i32> <i32 3, i32 7, i32 11, i32 15, i32 19, i32 23, i32 27, i32 31>
  %s3 = add <8 x i32> %s2, %p3
  ret <8 x i32> %s3
}

; VPDPBUSD: four bytes of words, without a sign, times four of rows, with one.
define internal <16 x i32> @emulated.avx512.vpdpbusd.512(<16 x i32> %sum, <64 x i8> %words, <64 x i8> %rows) noinline {
  %a = zext <64 x i8> %words to <64 x i32>
  %b = sext <64 x i8> %rows to <64 x i32>
  %ab = mul <64 x i32> %a, %b
  %p0 = shufflevector <64 x i32> %ab, <64 x i32> poison, <16 x i32> <i32 0, i32 4, i32 8, i32 12, i32 16, i32 20, i32 24, i32 28, i32 32, i32 36, i32 40, i32 44, i32 48, i32 52, i32 56, i32 60>
  %s0 = add <16 x i32> %sum, %p0
  %p1 = shufflevector <64 x i32> %ab, <64 x i32> poison, <16 x i32> <i32 1, i32 5, i32 9, i32 13, i32 17, i32 21, i32 25, i32 29, i32 33, i32 37, i32 41, i32 45, i32 49, i32 53, i32 57, i32 61>
  %s1 = add <16 x i32> %s0, %p1
  %p2 = shufflevector <64 x i32> %ab, <64 x i32> poison, <16 x i32> <i32 2, i32 6, i32 10, i32 14, i32 18, i32 22, i32 26, i32 30, i32 34, i32 38, i32 42, i32 46, i32 50, i32 54, i32 58, i32 62>
  %s2 = add <16 x i32> %s1, %p2
  %p3 = shufflevector <64 x i32> %ab, <64 x i32> poison, <16 x i32> <i32 3, i32 7, i32 11, i32 15, i32 19, i32 23, i32 27, i32 31, i32 35, i32 39, i32 43, i32 47, i32 51, i32 55, i32 59, i32 63>
  %s3 = add <16 x i32> %s2, %p3
  ret <16 x i32> %s3
}
