// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases -split-input-file -verify-diagnostics
// RUN: not fpmoe-opt %S/lower-phases.mlir --mega-lower-phases 2>&1 | FileCheck %s

// CHECK: error: 'mega.phase' op stands in no function of its own; run mega-outline-phases first

// Code needs to know where memory and weights are.
fpmoe.weight @norm at 0 stride 128 : tensor<16xf32> {
  %0 = fpmoe.load "norm" : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{has no place; run mega-assign-buffers first}}
  %x = mega.buffer shared : memref<1x16xf32>
  %a = mega.buffer private at 0 : memref<1x16x1x1xf32>
  %norm = mega.weight @norm : tensor<16xf32>
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x16xf32>, tensor<16xf32>, memref<1x16x1x1xf32>
  }
  mega.barrier
}

// -----

fpmoe.weight @norm at 0 stride 128 : tensor<16xf32> {
  %0 = fpmoe.load "norm" : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared at 0 : memref<1x16xf32>
  // expected-error@+1 {{has no place; run mega-assign-buffers first}}
  %a = mega.buffer private : memref<1x16x1x1xf32>
  %norm = mega.weight @norm : tensor<16xf32>
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x16xf32>, tensor<16xf32>, memref<1x16x1x1xf32>
  }
  mega.barrier
}

// -----

fpmoe.weight @norm : tensor<16xf32> {
  %0 = fpmoe.load "norm" : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared at 0 : memref<1x16xf32>
  %a = mega.buffer private at 0 : memref<1x16x1x1xf32>
  // expected-error@+1 {{has no place; run fpmoe-assign-places first}}
  %norm = mega.weight @norm : tensor<16xf32>
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x16xf32>, tensor<16xf32>, memref<1x16x1x1xf32>
  }
  mega.barrier
}

// -----

// A weight of a body has an instance for each of its layers.
fpmoe.weight @norm layers [0] at 0 stride 128 : tensor<16xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{has other layers than the body it is used in}}
    %norm = mega.weight @norm[%layer] : tensor<16xf32>
    mega.barrier
  }
}

// -----

// Programs for a machine with dot products, and one without.
module attributes {mega.target = #mega.target<cpu = "this one", dot = none, rows = 4, accumulators = 24, columns = 16>} {
fpmoe.weight @w at 0 stride 4096 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "w" : tensor<32x32xbf16>
  %1 = fpmoe.pack %0 : tensor<32x32xbf16> -> tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
}
mega.program @prefill max_tokens 32 rows 4 context 64 {
  %a = mega.buffer shared at 0 : memref<8x16x4x2xbf16>
  %x = mega.buffer shared at 8192 : memref<32x32xf32>
  %w = mega.weight @w : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  mega.phase "product" tiles [1, block_groups] {
    // expected-error@+1 {{multiplies 'memref<8x16x4x2xbf16>' by 'tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>', which cpu 'this one' does not; schedule for the same mega.target}}
    mega.linear %a, %w into %x vectors 2 group 1 : memref<8x16x4x2xbf16>, tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>, memref<32x32xf32>
  }
  mega.barrier
}
}

// -----

// And the other way round.
module attributes {mega.target = #mega.target<cpu = "this one", dot = avx512_bf16, rows = 4, accumulators = 24, columns = 16>} {
fpmoe.weight @w at 0 stride 4096 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "w" : tensor<32x32xbf16>
  %1 = fpmoe.pack %0 : tensor<32x32xbf16> -> tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
}
mega.program @prefill max_tokens 32 rows 4 context 64 {
  %a = mega.buffer shared at 0 : memref<8x32x4x1xf32>
  %x = mega.buffer shared at 8192 : memref<32x32xf32>
  %w = mega.weight @w : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  mega.phase "product" tiles [1, block_groups] {
    // expected-error@+1 {{multiplies 'memref<8x32x4x1xf32>' by 'tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>', which cpu 'this one' does not; schedule for the same mega.target}}
    mega.linear %a, %w into %x vectors 2 group 1 : memref<8x32x4x1xf32>, tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>, memref<32x32xf32>
  }
  mega.barrier
}
}

// -----

// The rows of tiles lie together.
module attributes {mega.target = #mega.target<cpu = "this one", dot = amx_bf16, rows = 32, accumulators = 24, columns = 16, tile_rows = 32>} {
fpmoe.weight @w at 0 stride 4096 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "w" : tensor<32x32xbf16>
  %1 = fpmoe.pack %0 : tensor<32x32xbf16> -> tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
}
mega.program @prefill max_tokens 32 rows 32 context 64 {
  %a = mega.buffer shared at 0 : memref<1x16x32x2xbf16>
  %x = mega.buffer shared at 8192 : memref<32x32xf32>
  %w = mega.weight @w : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  mega.phase "product" tiles [1, block_groups] {
    // expected-error@+1 {{multiplies 'memref<1x16x32x2xbf16>' by 'tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>', which cpu 'this one' does not; schedule for the same mega.target}}
    mega.linear %a, %w into %x vectors 2 group 1 : memref<1x16x32x2xbf16>, tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>, memref<32x32xf32>
  }
  mega.barrier
}
}

// -----

// There are a multiple of 16 of them.
module attributes {mega.target = #mega.target<cpu = "this one", dot = amx_bf16, rows = 12, accumulators = 24, columns = 16, tile_rows = 32>} {
fpmoe.weight @w at 0 stride 4096 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "w" : tensor<32x32xbf16>
  %1 = fpmoe.pack %0 : tensor<32x32xbf16> -> tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
}
mega.program @prefill max_tokens 32 rows 12 context 64 {
  %a = mega.buffer shared at 0 : memref<3x16x12x2xbf16, strided<[384, 2, 32, 1]>>
  %x = mega.buffer shared at 8192 : memref<32x32xf32>
  %w = mega.weight @w : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  mega.phase "product" tiles [1, block_groups] {
    // expected-error@+1 {{multiplies 'memref<3x16x12x2xbf16, strided<[384, 2, 32, 1]>>' by 'tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>', which cpu 'this one' does not; schedule for the same mega.target}}
    mega.linear %a, %w into %x vectors 2 group 1 : memref<3x16x12x2xbf16, strided<[384, 2, 32, 1]>>, tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>, memref<32x32xf32>
  }
  mega.barrier
}
}

// -----

// Other formats multiply rows of f32, whatever the machine has.
module attributes {mega.target = #mega.target<cpu = "this one", dot = avx512_bf16, rows = 4, accumulators = 24, columns = 16>} {
fpmoe.weight @w at 0 stride 4096 : tensor<32x32xf16, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<32x32xf16>
  %1 = fpmoe.pack %0 : tensor<32x32xf16> -> tensor<32x32xf16, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<32x32xf16, #mega.packed<n = 16, k = 1>>
}
mega.program @prefill max_tokens 32 rows 4 context 64 {
  %a = mega.buffer shared at 0 : memref<8x16x4x2xbf16>
  %x = mega.buffer shared at 8192 : memref<32x32xf32>
  %w = mega.weight @w : tensor<32x32xf16, #mega.packed<n = 16, k = 1>>
  mega.phase "product" tiles [1, block_groups] {
    // expected-error@+1 {{multiplies 'memref<8x16x4x2xbf16>' by 'tensor<32x32xf16, #mega.packed<n = 16, k = 1>>', which cpu 'this one' does not; schedule for the same mega.target}}
    mega.linear %a, %w into %x vectors 2 group 1 : memref<8x16x4x2xbf16>, tensor<32x32xf16, #mega.packed<n = 16, k = 1>>, memref<32x32xf32>
  }
  mega.barrier
}
}

// -----

module attributes {mega.target = #mega.target<cpu = "this one", dot = avx512_bf16, rows = 4, accumulators = 24, columns = 16>} {
fpmoe.weight @w at 0 stride 4096 : tensor<32x32xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<32x32xf32>
  %1 = fpmoe.pack %0 : tensor<32x32xf32> -> tensor<32x32xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<32x32xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @prefill max_tokens 32 rows 4 context 64 {
  %a = mega.buffer shared at 0 : memref<8x16x4x2xbf16>
  %x = mega.buffer shared at 8192 : memref<32x32xf32>
  %w = mega.weight @w : tensor<32x32xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "product" tiles [1, block_groups] {
    // expected-error@+1 {{multiplies 'memref<8x16x4x2xbf16>' by 'tensor<32x32xf32, #mega.packed<n = 16, k = 1>>', which cpu 'this one' does not; schedule for the same mega.target}}
    mega.linear %a, %w into %x vectors 2 group 1 : memref<8x16x4x2xbf16>, tensor<32x32xf32, #mega.packed<n = 16, k = 1>>, memref<32x32xf32>
  }
  mega.barrier
}
}

// -----

// A program for workers of many threads, which attend without scratch.
module attributes {mega.target = #mega.target<cpu = "this one", dot = none, rows = 4, accumulators = 24, columns = 16>} {
mega.program @decode max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared at 0 : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %partial = mega.buffer shared at 256 : memref<1x1x4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "attention" tiles [1, spans] {
      // expected-error@+1 {{has no scores, which cpu 'this one' needs; schedule for the same mega.target}}
      mega.attend_span %query, %cache at %positions into %partial layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<1x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x1x4x32xf32>
    }
    mega.barrier
  }
}
}

// -----

// Parts of heads.
module attributes {mega.target = #mega.target<cpu = "this one", dot = none, rows = 4, accumulators = 24, columns = 16>} {
fpmoe.weight @w at 0 stride 24576 : tensor<3x32x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<3x32x64xf32>
  %1 = fpmoe.pack %0 : tensor<3x32x64xf32> -> tensor<3x32x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<3x32x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %a = mega.buffer private at 0 : memref<1x64x1x1xf32>
  %angles = mega.buffer private at 256 : memref<1x32xf32>
  %head = mega.buffer private at 384 : memref<1x32xf32>
  %query = mega.buffer shared at 0 : memref<1x1x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<3x32x64xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "qkv" tiles [3, 1] {
      // expected-error@+1 {{takes pairs of vectors, and cpu 'this one' whole heads; schedule for the same mega.target}}
      mega.qkv %a, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 1 kv_heads 1 head_dim 32 group 1 pairs : memref<1x64x1x1xf32>, tensor<3x32x64xf32, #mega.packed<n = 16, k = 1>>, memref<1x32xf32>, memref<?xi32>, memref<1x1x32xf32>, memref<1x1x?x64xf32>, memref<1x32xf32>
    }
    mega.barrier
  }
}
}

// -----

// Scores of fewer rows than a tile has.
module attributes {mega.target = #mega.target<cpu = "this one", dot = amx_bf16, rows = 12, accumulators = 24, columns = 16, tile_rows = 32>} {
mega.program @decode max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared at 0 : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xbf16>
  %partial = mega.buffer shared at 256 : memref<1x1x4x32xf32>
  %scores = mega.buffer private at 0 : memref<3x80xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "attention" tiles [1, spans] {
      // expected-error@+1 {{has scores 'memref<3x80xf32>' and spans of 64, of which tiles of cpu 'this one' take 4 rows and 32 positions at a time; schedule for the same mega.target}}
      mega.attend_span %query, %cache at %positions into %partial by %scores layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<1x4x16xf32>, memref<1x1x?x32xbf16>, memref<?xi32>, memref<1x1x4x32xf32>, memref<3x80xf32>
    }
    mega.barrier
  }
}
}

// -----

// Spans that end in the middle of a page.
module attributes {mega.target = #mega.target<cpu = "this one", dot = amx_bf16, rows = 12, accumulators = 24, columns = 16, tile_rows = 32>} {
mega.program @prefill max_tokens 32 rows 32 context 64 {
  %query = mega.buffer shared at 0 : memref<32x1x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xbf16>
  %operand = mega.buffer shared at 2048 : memref<1x16x32x1xf32>
  %scores = mega.buffer private at 0 : memref<16x64xf32>
  %sums = mega.buffer private at 4096 : memref<32x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "attention" tiles [1, query_blocks] {
      // expected-error@+1 {{has scores 'memref<16x64xf32>' and spans of 48, of which tiles of cpu 'this one' take 16 rows and 32 positions at a time; schedule for the same mega.target}}
      mega.attention %query, %cache at %positions into %operand by %scores, %sums layer %layer heads 1 kv_heads 1 head_dim 16 value_dim 16 span 48 scale 0.25 : memref<32x1x16xf32>, memref<1x1x?x32xbf16>, memref<?xi32>, memref<1x16x32x1xf32>, memref<16x64xf32>, memref<32x32xf32>
    }
    mega.barrier
  }
}
}
