// RUN: sed 's/TARGET/#mega.target<cpu = "c", dot = avx512_bf16, rows = 12, accumulators = 3, columns = 16>/' %s | fpmoe-opt --mega-emit-limits | FileCheck %s --check-prefixes=CHECK,DOT --implicit-check-not=llvm.x86
// RUN: sed 's/TARGET/#mega.target<cpu = "c", dot = none, rows = 12, accumulators = 2, columns = 16>/' %s | fpmoe-opt --mega-emit-limits | FileCheck %s --check-prefixes=CHECK,FMA --implicit-check-not=mega.dot2
// RUN: sed 's/TARGET/#mega.target<cpu = "c", dot = amx_bf16, rows = 12, accumulators = 24, columns = 16, tile_rows = 32>/' %s | fpmoe-opt --mega-emit-limits | FileCheck %s --check-prefixes=CHECK,TILES
// RUN: sed -e 's/TARGET/#mega.target<cpu = "c", dot = amx_bf16, rows = 12, accumulators = 2, columns = 16, tile_rows = 32>/' -e '/^fpmoe.weight @narrow/,/^}/d' %s | fpmoe-opt --mega-emit-limits | FileCheck %s --check-prefixes=CHECK,FMA --implicit-check-not=llvm.x86
// RUN: echo 'module {}' | fpmoe-opt --mega-emit-limits | FileCheck %s --check-prefix=NONE

// What is measured is what products of the format do in which the most is stored: here
// bf16, of which there are 3 KB beside 2 KB of f32 and of f16. Without it, and without
// any weight, it is f32.

// NONE: llvm.func @fpmoe_dot_peak(
// NONE: vector.fma
// NONE: llvm.func @fpmoe_read_peak(

// CHECK: fpmoe.weight @wide
// CHECK-LABEL: llvm.func @fpmoe_dot_peak(
// CHECK-SAME: %[[N:.*]]: i64) -> i64 {
// DOT: scf.for {{.*}} to %[[N]]
// DOT-COUNT-3: mega.dot2
// DOT-NOT: mega.dot2
// FMA: scf.for {{.*}} to %[[N]]
// FMA-COUNT-2: vector.fma
// FMA-NOT: vector.fma
// TILES: "llvm.x86.tdpbf16ps.internal"
// CHECK: llvm.return
// CHECK-LABEL: llvm.func @fpmoe_read_peak(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %{{.*}}: i64) -> i64 {
// CHECK: llvm.load
// CHECK: llvm.return

module attributes {mega.target = TARGET} {
fpmoe.weight @wide : tensor<32x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "wide" : tensor<32x16xf32>
  %1 = fpmoe.pack %0 : tensor<32x16xf32> -> tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @narrow : tensor<96x16xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "narrow" : tensor<96x16xbf16>
  %1 = fpmoe.pack %0 : tensor<96x16xbf16> -> tensor<96x16xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<96x16xbf16, #mega.packed<n = 16, k = 2>>
}
fpmoe.weight @half : tensor<64x16xf16, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "half" : tensor<64x16xf16>
  %1 = fpmoe.pack %0 : tensor<64x16xf16> -> tensor<64x16xf16, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x16xf16, #mega.packed<n = 16, k = 1>>
}
}
