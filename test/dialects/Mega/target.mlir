// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// How weights lie in memory, which is the encoding of their types, and for what
// machine a module is compiled.

// What has its default is not printed: no tile registers, nothing asked for early.
// CHECK: module attributes {mega.target = #mega.target<cpu = "avx512-bf16", dot = avx512_bf16, rows = 12, accumulators = 24, columns = 64, prefetch = 2560>}
module attributes {mega.target =
  #mega.target<cpu = "avx512-bf16", dot = avx512_bf16, rows = 12, accumulators = 24, columns = 64, prefetch = 2560>
} {

// CHECK-LABEL: module @plain
// CHECK-SAME: mega.target = #mega.target<cpu = "x86-64-v3", dot = none, rows = 5, accumulators = 5, columns = 16>
module @plain attributes {mega.target = #mega.target<cpu = "x86-64-v3", dot = none, rows = 5, accumulators = 5, columns = 16, tile_rows = 0, prefetch = 0>} {
}

// CHECK-LABEL: module @tiles
// CHECK-SAME: mega.target = #mega.target<cpu = "amx-bf16", dot = amx_bf16, rows = 12, accumulators = 24, columns = 32, tile_rows = 32>
module @tiles attributes {mega.target = #mega.target<cpu = "amx-bf16", dot = amx_bf16, rows = 12, accumulators = 24, columns = 32, tile_rows = 32>} {
}

// CHECK-LABEL: @packed(
// CHECK-SAME: tensor<3x20x8xbf16, #mega.packed<n = 16, k = 2>>)
func.func private @packed(
  tensor<3x20x8xbf16, #mega.packed<n = 16, k = 2>>
)

// Gate and up beside each other, low ranks behind the rest; defaults are not printed.
// CHECK-LABEL: @all(
// CHECK-SAME: tensor<20x8xf32, #mega.packed<n = 32, k = 1, halves = true, tail = 6>>
// CHECK-SAME: tensor<20x8xf16, #mega.packed<n = 64, k = 2>>
func.func private @all(
  tensor<20x8xf32, #mega.packed<n = 32, k = 1, halves = true, tail = 6>>,
  tensor<20x8xf16, #mega.packed<n = 64, k = 2, halves = false, tail = 0>>)

// What stands together is a size of its own: nothing of a shape must be a multiple.
// CHECK-LABEL: fpmoe.weight @odd : tensor<7x3xbf16, #mega.packed<n = 64, k = 2, tail = 2>>
// CHECK: fpmoe.pack %{{.*}} : tensor<7x3xbf16> -> tensor<7x3xbf16, #mega.packed<n = 64, k = 2, tail = 2>>
fpmoe.weight @odd : tensor<7x3xbf16, #mega.packed<n = 64, k = 2, tail = 2>> {
  %0 = fpmoe.load "odd" : tensor<7x3xbf16>
  %1 = fpmoe.pack %0 : tensor<7x3xbf16> -> tensor<7x3xbf16, #mega.packed<n = 64, k = 2, tail = 2>>
  fpmoe.yield %1 : tensor<7x3xbf16, #mega.packed<n = 64, k = 2, tail = 2>>
}

}
