// RUN: fpmoe-opt %s -split-input-file -verify-diagnostics

// One case at least for each numbered constraint, named in front of it.

// program_c1
// expected-error@+1 {{has max_tokens 0, rows 1 and context 64; all must be positive and rows at most max_tokens (program_c1)}}
mega.program @no_tokens max_tokens 0 rows 1 context 64 {}

// -----

// program_c1
// expected-error@+1 {{has max_tokens 4, rows 0 and context 64; all must be positive and rows at most max_tokens (program_c1)}}
mega.program @no_rows max_tokens 4 rows 0 context 64 {}

// -----

// program_c1
// expected-error@+1 {{has max_tokens 4, rows 4 and context -1; all must be positive and rows at most max_tokens (program_c1)}}
mega.program @no_context max_tokens 4 rows 4 context -1 {}

// -----

// program_c1
// expected-error@+1 {{has max_tokens 11, rows 12 and context 64; all must be positive and rows at most max_tokens (program_c1)}}
mega.program @wide max_tokens 11 rows 12 context 64 {}

// -----

// buffer_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{is 'memref<1x0xf32>', dimension 1 must not be 0 (buffer_c1)}}
  %0 = mega.buffer shared : memref<1x0xf32>
}

// -----

// buffer_c2
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{is 'memref<2x8x16x2xbf16, strided<[256, 2, 16, 2]>>', whose layout is neither the default nor, of an operand, row-major (buffer_c2)}}
  %0 = mega.buffer shared : memref<2x8x16x2xbf16, strided<[256, 2, 16, 2]>>
}

// -----

// buffer_c2
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{whose layout is neither the default nor, of an operand, row-major (buffer_c2)}}
  %0 = mega.buffer shared : memref<16x16xf32, affine_map<(i, j) -> (j, i)>>
}

// -----

// buffer_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{is 'memref<1x?xf32>', dimension 1 must be static (buffer_c1)}}
  %0 = mega.buffer shared : memref<1x?xf32>
}

// -----

// buffer_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{is 'memref<2x1x64x16xf32>', dimension 2 must be dynamic (buffer_c1)}}
  %0 = mega.buffer cache : memref<2x1x64x16xf32>
}

// -----

// buffer_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{is 'memref<1x101xf32>', dimension 0 must be dynamic (buffer_c1)}}
  %0 = mega.buffer logits : memref<1x101xf32>
}

// -----

// buffer_c3
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{stands at 96 of shared memory; only scratch has an offset, a multiple of 64 (buffer_c3)}}
  %0 = mega.buffer shared at 96 : memref<1x64xf32>
}

// -----

// buffer_c3
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{stands at -64 of private memory; only scratch has an offset, a multiple of 64 (buffer_c3)}}
  %0 = mega.buffer private at -64 : memref<1x64xf32>
}

// -----

// buffer_c3
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{stands at 64 of cache memory; only scratch has an offset, a multiple of 64 (buffer_c3)}}
  %0 = mega.buffer cache at 64 : memref<2x1x?x32xf32>
}

// -----

// buffer_c3
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{stands at 0 of logits memory; only scratch has an offset, a multiple of 64 (buffer_c3)}}
  %0 = mega.buffer logits at 0 : memref<?x101xf32>
}

// -----

// input_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{'tokens' is 'memref<1xi32>', it must be 'memref<?xi32>' (input_c1)}}
  %0 = mega.input tokens : memref<1xi32>
}

// -----

// input_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{'positions' is 'memref<1xi64>', it must be 'memref<?xi32>' (input_c1)}}
  %0 = mega.input positions : memref<1xi64>
}

// -----

// input_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{'segments' is 'memref<4xi32>', it must be 'memref<?xi32>' (input_c1)}}
  %0 = mega.input segments : memref<4xi32>
}

// -----

// mega_weight_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{'w' is not a weight of type 'tensor<8xf32>' (mega_weight_c1)}}
  %0 = mega.weight @w : tensor<8xf32>
}

// -----

// mega_weight_c1
fpmoe.weight @w : tensor<8xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{'w' is not a weight of type 'tensor<4xf32>' (mega_weight_c1)}}
  %0 = mega.weight @w : tensor<4xf32>
}

// -----

// mega_weight_c1
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "w.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{'w' and its use disagree on whether it has layers (mega_weight_c1)}}
  %0 = mega.weight @w : tensor<8xf32>
}

// -----

// mega_weight_c1
fpmoe.weight @w : tensor<8xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  mega.layers order [0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{'w' and its use disagree on whether it has layers (mega_weight_c1)}}
    %0 = mega.weight @w[%layer] : tensor<8xf32>
  }
}

// -----

// mega_layers_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{runs region 1 of only 1 (mega_layers_c1)}}
  mega.layers order [0, 1] {
  ^bb0(%layer: index):
    mega.barrier
  }
}

// -----

// mega_layers_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{runs region -1 of only 1 (mega_layers_c1)}}
  mega.layers order [-1] {
  ^bb0(%layer: index):
    mega.barrier
  }
}

// -----

// mega_layers_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{never runs region 1 (mega_layers_c1)}}
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    mega.barrier
  }, {
  ^bb0(%layer: index):
    mega.barrier
  }
}

// -----

// mega_layers_c2
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{has a region that does not take one index (mega_layers_c2)}}
  mega.layers order [0] {
    mega.barrier
  }
}

// -----

// mega_layers_c2
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{has a region that does not take one index (mega_layers_c2)}}
  mega.layers order [0] {
  ^bb0(%layer: i64):
    mega.barrier
  }
}

// -----

// mega_layers_c2
mega.program @p max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{has a region that does not take one index (mega_layers_c2)}}
  mega.layers order [0] {
  ^bb0(%layer: index, %other: index):
    mega.barrier
  }
}

// -----

// packed_c1
// expected-error@+1 {{packs n = 48 columns and k = 2 elements together; n must be 16, 32 or 64, k 1, 2, 4 or 32 (packed_c1)}}
func.func private @f(tensor<20x8xbf16, #mega.packed<n = 48, k = 2>>)

// -----

// packed_c1
// expected-error@+1 {{packs n = 0 columns and k = 1 elements together; n must be 16, 32 or 64, k 1, 2, 4 or 32 (packed_c1)}}
func.func private @f(tensor<20x8xbf16, #mega.packed<n = 0, k = 1>>)

// -----

// packed_c1
// expected-error@+1 {{packs n = 16 columns and k = 3 elements together; n must be 16, 32 or 64, k 1, 2, 4 or 32 (packed_c1)}}
func.func private @f(tensor<20x8xbf16, #mega.packed<n = 16, k = 3>>)

// -----

// packed_c2: a group of integers is 32
// expected-error@+1 {{packs a tensor of '!fpmoe.int8' whose shape is [20, 64] with #mega.packed<n = 16, k = 4>, which it does not fit (packed_c2)}}
func.func private @f(tensor<20x64x!fpmoe.int8, #mega.packed<n = 16, k = 4>>)

// -----

// packed_c2
// expected-error@+1 {{which it does not fit (packed_c2)}}
func.func private @f(tensor<20x64xf32, #mega.packed<n = 16, k = 32>>)

// -----

// packed_c2: 8 bytes together
// expected-error@+1 {{packs a tensor of 'f32' whose shape is [20, 8] with #mega.packed<n = 16, k = 2>, which it does not fit (packed_c2)}}
fpmoe.weight @wide : tensor<20x8xf32, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "w" : tensor<20x8xf32>
  %1 = fpmoe.pack %0 : tensor<20x8xf32> -> tensor<20x8xf32, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<20x8xf32, #mega.packed<n = 16, k = 2>>
}

// -----

// packed_c2
// expected-error@+1 {{whose shape is [20] with #mega.packed<n = 16, k = 1>, which it does not fit (packed_c2)}}
func.func private @f(tensor<20xf32, #mega.packed<n = 16, k = 1>>)

// -----

// packed_c2
// expected-error@+1 {{whose shape is [21, 8] with #mega.packed<n = 16, k = 2, halves = true>, which it does not fit (packed_c2)}}
func.func private @f(tensor<21x8xbf16, #mega.packed<n = 16, k = 2, halves = true>>)

// -----

// packed_c2
// expected-error@+1 {{whose shape is [20, 8] with #mega.packed<n = 16, k = 2, tail = 8>, which it does not fit (packed_c2)}}
func.func private @f(tensor<20x8xbf16, #mega.packed<n = 16, k = 2, tail = 8>>)

// -----

// packed_c2
// expected-error@+1 {{whose shape is [20, 8] with #mega.packed<n = 16, k = 2, tail = -1>, which it does not fit (packed_c2)}}
func.func private @f(tensor<20x8xbf16, #mega.packed<n = 16, k = 2, tail = -1>>)

// -----

// packed_c2
// expected-error@+1 {{which it does not fit (packed_c2)}}
func.func private @f(tensor<?x8xbf16, #mega.packed<n = 16, k = 2>>)

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 0, accumulators = 5, columns = 16, tile_rows = 0, prefetch = 0, span = 512, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = none, rows = 0, accumulators = 5, columns = 16, tile_rows = 0, prefetch = 0>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 0, columns = 16, tile_rows = 0, prefetch = 0, span = 512, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = none, rows = 5, accumulators = 0, columns = 16, tile_rows = 0, prefetch = 0>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 5, columns = 48, tile_rows = 0, prefetch = 0, span = 512, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = none, rows = 5, accumulators = 5, columns = 48, tile_rows = 0, prefetch = 0>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 5, columns = 16, tile_rows = 0, prefetch = -64, span = 512, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = none, rows = 5, accumulators = 5, columns = 16, tile_rows = 0, prefetch = -64>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 5, columns = 16, tile_rows = 16, prefetch = 0, span = 512, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = none, rows = 5, accumulators = 5, columns = 16, tile_rows = 16, prefetch = 0>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 5, columns = 16, tile_rows = 32, prefetch = 0, span = 512, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = avx512_bf16, rows = 5, accumulators = 5, columns = 16, tile_rows = 32, prefetch = 0>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 5, columns = 16, tile_rows = 0, prefetch = 0, span = 512, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = amx_bf16, rows = 5, accumulators = 5, columns = 16, tile_rows = 0, prefetch = 0>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 5, columns = 16, tile_rows = 0, prefetch = 0, span = 512, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = none, rows = 5, accumulators = 5, columns = 16, prefetch = 0, int_dot = amx_int8>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 5, columns = 16, tile_rows = 24, prefetch = 0, span = 512, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = amx_bf16, rows = 5, accumulators = 5, columns = 16, tile_rows = 24, prefetch = 0>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 5, columns = 16, tile_rows = 0, prefetch = 0, span = 60, threads = 1 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = none, rows = 5, accumulators = 5, columns = 16, span = 60>} {
}

// -----

// target_c1
// expected-error@+1 {{describes 'c' by rows = 5, accumulators = 5, columns = 16, tile_rows = 0, prefetch = 0, span = 64, threads = 0 (target_c1)}}
module attributes {mega.target = #mega.target<cpu = "c", dot = cuda_mma, rows = 5, accumulators = 5, columns = 16, span = 64, threads = 0>} {
}

// -----

// target_c2
// expected-error@+1 {{has 'mega.target' = "x86-64-v3", which must be a #mega.target of a module (target_c2)}}
module attributes {mega.target = "x86-64-v3"} {
}

// -----

// target_c2
// expected-error@+1 {{has 'mega.target' = #mega.target<cpu = "c", dot = none, rows = 5, accumulators = 5, columns = 16>, which must be a #mega.target of a module (target_c2)}}
mega.program @p max_tokens 1 rows 1 context 64 {} {mega.target = #mega.target<cpu = "c", dot = none, rows = 5, accumulators = 5, columns = 16>}

// -----

// dot2_c1
func.func @dot2(%acc: vector<16xf32>, %a: vector<16xbf16>) -> vector<16xf32> {
  // expected-error@+1 {{sums 16 products into 16 lanes, it takes two each (dot2_c1)}}
  %r = mega.dot2 %acc, %a, %a : vector<16xf32>, vector<16xbf16>
  return %r : vector<16xf32>
}
