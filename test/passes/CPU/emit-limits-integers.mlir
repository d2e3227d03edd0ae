// RUN: sed 's/TARGET/#mega.target<cpu = "c", dot = amx_bf16, rows = 12, accumulators = 2, columns = 16, tile_rows = 32, int_dot = amx_int8>/' %s | fpmoe-opt --mega-emit-limits | FileCheck %s --check-prefixes=CHECK,TILES
// RUN: sed 's/TARGET/#mega.target<cpu = "c", dot = none, rows = 12, accumulators = 2, columns = 16, int_dot = avx512_vnni>/' %s | fpmoe-opt --mega-emit-limits | FileCheck %s --check-prefixes=CHECK,WORDS --implicit-check-not=llvm.x86.t

// Of integers, tile registers are measured as deep as a group.

// CHECK-LABEL: llvm.func @fpmoe_dot_peak(
// TILES: %[[BYTES:.*]] = arith.constant 32 : i16
// TILES: "llvm.x86.tileloadd64.internal"(%{{.*}}, %[[BYTES]],
// TILES-COUNT-4: "llvm.x86.tdpbssd.internal"
// TILES-NOT: llvm.x86.tdp
// WORDS-COUNT-12: "llvm.x86.avx512.vpdpbusd.512"
// CHECK-LABEL: llvm.func @fpmoe_read_peak(

module attributes {mega.target = TARGET} {
fpmoe.weight @w : tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>> {
  %0 = fpmoe.load "w" : tensor<32x64xf32>
  %1 = fpmoe.convert %0 : tensor<32x64xf32> -> tensor<32x64x!fpmoe.int8>
  %2 = fpmoe.pack %1 : tensor<32x64x!fpmoe.int8> -> tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>>
  fpmoe.yield %2 : tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>>
}
}
