// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases-to-blocks -split-input-file -verify-diagnostics
// RUN: not fpmoe-opt %S/lower-phases-to-blocks.mlir --mega-lower-phases-to-blocks 2>&1 | FileCheck %s

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

// A program for a CPU without dot products of bf16.
module attributes {mega.target = #mega.target<cpu = "this one", dot = none, rows = 4, accumulators = 24, columns = 16>} {
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
    // expected-error@+1 {{multiplies rows of 'memref<8x32x4x1xf32>', which blocks of threads do not; schedule for 'cuda'}}
    mega.linear %a, %w into %x vectors 2 group 1 : memref<8x32x4x1xf32>, tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>, memref<32x32xf32>
  }
  mega.barrier
}
}

// -----

// More rows than threads have sums of, or others than they have code for.
mega.program @prefill max_tokens 32 rows 12 context 64 {
  %a = mega.buffer shared at 0 : memref<3x32x12x1xf32>
  %x = mega.buffer shared at 8192 : memref<32x32xf32>
  %w = mega.weight @w : tensor<32x32xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "product" tiles [1, block_groups] {
    // expected-error@+1 {{multiplies 12 rows at a time; blocks of threads do 8 at most, or 64; schedule for 'cuda'}}
    mega.linear %a, %w into %x vectors 2 group 1 : memref<3x32x12x1xf32>, tensor<32x32xf32, #mega.packed<n = 16, k = 1>>, memref<32x32xf32>
  }
  mega.barrier
}
fpmoe.weight @w at 0 stride 4096 : tensor<32x32xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<32x32xf32>
  %1 = fpmoe.pack %0 : tensor<32x32xf32> -> tensor<32x32xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<32x32xf32, #mega.packed<n = 16, k = 1>>
}

// -----

// Spans that do not begin where pages do.
mega.program @decode max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared at 0 : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %partial = mega.buffer shared at 256 : memref<1x2x4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "attention" tiles [1, spans] {
      // expected-error@+1 {{has spans of 48 positions; blocks of threads take whole pages, of 32; schedule for 'cuda'}}
      mega.attend_span %query, %cache at %positions into %partial layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 48 scale 0.25 : memref<1x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x2x4x32xf32>
    }
    mega.barrier
  }
}

// -----

// Workers of other sizes.
module attributes {mega.target = #mega.target<cpu = "cuda", dot = cuda_mma, rows = 64, accumulators = 1, columns = 16, span = 64, threads = 128>} {
mega.program @decode max_tokens 1 rows 1 context 64 {
  %experts = mega.buffer shared at 0 : memref<4x1xi32>
  %weights = mega.buffer shared at 64 : memref<4x2xf32>
  %groups = mega.buffer shared at 128 : memref<62xi32>
  mega.phase "one" tiles [1] {
    // expected-error@+1 {{is for workers of 128 threads; blocks have 256; schedule for 'cuda'}}
    mega.group %experts, %weights into %groups experts 3 shared true : memref<4x1xi32>, memref<4x2xf32>, memref<62xi32>
  }
  mega.barrier
}
}
