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
