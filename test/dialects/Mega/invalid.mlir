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

// dot2_c1
func.func @dot2(%acc: vector<16xf32>, %a: vector<16xbf16>) -> vector<16xf32> {
  // expected-error@+1 {{sums 16 products into 16 lanes, it takes two each (dot2_c1)}}
  %r = mega.dot2 %acc, %a, %a : vector<16xf32>, vector<16xbf16>
  return %r : vector<16xf32>
}
