// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-verify-barriers))" -split-input-file -verify-diagnostics

fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}

// All barriers that are needed.
mega.program @legal max_tokens 12 rows 1 context 64 {
  %x = mega.buffer shared : memref<12x64xf32>
  %a = mega.buffer shared : memref<12x64x1x1xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "embed" tiles [tokens] {
    mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<12x64xf32>
  }
  mega.barrier
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "norm" tiles [blocks] {
      mega.norm %x, %norm into %a eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
    }
    mega.barrier
    mega.phase "product" tiles [4, block_groups] {
      mega.linear %a, %w into %x vectors 1 group 1 accumulate : memref<12x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<12x64xf32>
    }
    mega.barrier
  }
  mega.phase "norm" tiles [blocks] {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
  }
}

// -----

fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}

// Written, then read. The phase between them hides nothing.
mega.program @read_after_write max_tokens 12 rows 1 context 64 {
  %x = mega.buffer shared : memref<12x64xf32>
  %y = mega.buffer shared : memref<12x64xf32>
  %a = mega.buffer shared : memref<12x64x1x1xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  // expected-note@+1 {{it touches what 'norm' does}}
  mega.phase "norm" tiles [blocks] {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
  }
  mega.phase "embed" tiles [tokens] {
    mega.embed %w at %tokens into %y : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<12x64xf32>
  }
  // expected-error@+1 {{'product' needs a barrier before it}}
  mega.phase "product" tiles [4, block_groups] {
    mega.linear %a, %w into %x vectors 1 group 1 : memref<12x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<12x64xf32>
  }
}

// -----

fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}

// Read by all, then written: a worker ahead would overwrite it.
mega.program @write_after_read max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer private : memref<1x64x1x1xf32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  // expected-note@+1 {{it touches what 'norm' does}}
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
  // expected-error@+1 {{'product' needs a barrier before it}}
  mega.phase "product" tiles [4, 1] {
    mega.linear %a, %w into %x vectors 1 group 1 : memref<1x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<1x64xf32>
  }
}

// -----

fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @before_layers max_tokens 12 rows 1 context 64 {
  %x = mega.buffer shared : memref<12x64xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "embed" tiles [tokens] {
    mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<12x64xf32>
  }
  // expected-error@+1 {{needs a barrier before it}}
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "embed" tiles [tokens] {
      mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<12x64xf32>
    }
    mega.barrier
  }
}

// -----

fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @end_of_layer max_tokens 12 rows 1 context 64 {
  %x = mega.buffer shared : memref<12x64xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{ends a layer without a barrier}}
    mega.phase "embed" tiles [tokens] {
      mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<12x64xf32>
    }
  }
}

// -----

fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}

// Of the workers, one does the only tile: the others have no norm.
mega.program @private_of_a_tile max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %y = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer private : memref<1x64x1x1xf32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  // expected-note@+1 {{only the worker of that tile of 'norm' has it}}
  mega.phase "norm" tiles [1] {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
  mega.barrier
  // expected-error@+1 {{'product' reads private memory that a tile of another phase writes}}
  mega.phase "product" tiles [4, 1] {
    mega.linear %a, %w into %y vectors 1 group 1 : memref<1x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<1x64xf32>
  }
}

// -----

fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}

// Layers that begin with a barrier need none at their ends.
mega.program @begins max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer private : memref<1x64x1x1xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "embed" tiles [1] {
    mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<1x64xf32>
  }
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "product_ahead" ahead tiles [4, 1] {
      mega.linear %a, %w into %x vectors 1 group 1 accumulate : memref<1x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<1x64xf32>
    }
    mega.barrier
    mega.phase "norm" {
      mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
    }
    mega.barrier
    mega.phase "product" tiles [4, 1] {
      mega.linear %a, %w into %x vectors 1 group 1 accumulate : memref<1x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<1x64xf32>
    }
  }
  mega.barrier
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}

// But what stands behind them does.
mega.program @behind_layers max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer private : memref<1x64x1x1xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "embed" tiles [1] {
    mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<1x64xf32>
  }
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "product_ahead" ahead tiles [4, 1] {
      mega.linear %a, %w into %x vectors 1 group 1 accumulate : memref<1x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<1x64xf32>
    }
    mega.barrier
    mega.phase "norm" {
      mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
    }
    mega.barrier
    // expected-note@+1 {{it touches what 'product' does}}
    mega.phase "product" tiles [4, 1] {
      mega.linear %a, %w into %x vectors 1 group 1 accumulate : memref<1x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<1x64xf32>
    }
  }
  // expected-error@+1 {{'norm' needs a barrier before it}}
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}
