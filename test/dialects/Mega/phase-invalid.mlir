// RUN: fpmoe-opt %s -split-input-file -verify-diagnostics

// What a phase must not hold: races of its tiles, of every kind that the
// verifier tells apart, and ops that do not fit its space.

fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}

// phase_c1: one op of a tile packs its block, the next one reads all blocks.
mega.program @reads_all max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %a = mega.buffer shared : memref<4x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has tiles that read parts of 'memref<4x64x1x1xf32>' which other tiles write (phase_c1)}}
  mega.phase "race" tiles ["blocks"] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<4x64xf32>, tensor<64xf32>, memref<4x64x1x1xf32>
    mega.expert_down %a into %x panels 1 steps 64 : memref<4x64x1x1xf32>, memref<4x64xf32>
  }
}

// -----

// phase_c1: the other way round: all is read, then a part written.
mega.program @gathers max_tokens 4 rows 1 context 64 {
  %rows = mega.buffer shared : memref<4x64xf32>
  %groups = mega.buffer private : memref<64xi32>
  %a = mega.buffer shared : memref<8x64x1x1xf32>
  %act = mega.buffer shared : memref<8x48x1x1xf32>
  // expected-error@+1 {{has tiles that read parts of 'memref<4x64xf32>' which other tiles write (phase_c1)}}
  mega.phase "race" tiles ["slots"] {
    mega.gather %rows by %groups into %a : memref<4x64xf32>, memref<64xi32>, memref<8x64x1x1xf32>
    mega.expert_down %act into %rows panels 1 steps 48 : memref<8x48x1x1xf32>, memref<4x64xf32>
  }
}

// -----

// phase_c1: rows with logits start anywhere: they are not of the tile's block.
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @logits max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has tiles that read parts of 'memref<4x64x1x1xf32>' which other tiles write (phase_c1)}}
  mega.phase "race" tiles ["logits"] {
    mega.norm %x, %w into %x eps 1.0e-6 logits : memref<4x64x1x1xf32>, tensor<64xf32>, memref<4x64x1x1xf32>
  }
}

// -----

// phase_c1: all tiles write the scratch, which here is also what each writes a
// part of.
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @both max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<4x64xf32>
  %experts = mega.buffer shared : memref<4x1xi32>
  %weights = mega.buffer shared : memref<4x2xf32>
  %w = mega.weight @norm : tensor<64xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{has tiles that write parts of 'memref<4x2xf32>' which other tiles write (phase_c1)}}
    mega.phase "race" tiles ["blocks"] {
      mega.route %x norm %w into %rows, %experts, %weights by %weights layer %layer eps 1.0e-6 experts 0 : memref<4x64xf32>, tensor<64xf32>, memref<4x64xf32>, memref<4x1xi32>, memref<4x2xf32>, memref<4x2xf32>
    }
  }
}

// -----

// phase_c1: one op of which tiles read what others write: the operand of a
// product belongs to blocks, the result to columns too.
fpmoe.weight @w : tensor<4x64x16x1xf32> {
  %0 = fpmoe.load "w" : tensor<4x64x16x1xf32>
  fpmoe.yield %0 : tensor<4x64x16x1xf32>
}
mega.program @in_place max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64x1x1xf32>
  %w = mega.weight @w : tensor<4x64x16x1xf32>
  // expected-error@+1 {{has tiles that read parts of 'memref<4x64x1x1xf32>' which other tiles write (phase_c1)}}
  mega.phase "race" tiles [4, "spans"] {
    mega.linear %x, %w into %x columns 64 panels 1 span 1 : memref<4x64x1x1xf32>, tensor<4x64x16x1xf32>, memref<4x64x1x1xf32>
  }
}

// -----

// phase_c1: the cache is read whole, at all positions.
mega.program @cache max_tokens 4 rows 1 context 64 {
  %q = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %scores = mega.buffer private : memref<1x80xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{has tiles that read parts of 'memref<2x1x?x32xf32>' which other tiles write (phase_c1)}}
    mega.phase "race" tiles [4, "blocks"] {
      mega.attention %q, %cache into %cache by %scores layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 scale 0.25 : memref<4x4x16xf32>, memref<2x1x?x32xf32>, memref<2x1x?x32xf32>, memref<1x80xf32>
    }
  }
}

// -----

// phase_c1: scratch of a tile, which all tiles write, in memory of the team.
mega.program @scratch max_tokens 4 rows 1 context 64 {
  %q = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %a = mega.buffer shared : memref<4x48x1x1xf32>
  %scores = mega.buffer shared : memref<1x80xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{has tiles along dimension 0 that write the same part of 'memref<1x80xf32>' (phase_c1)}}
    mega.phase "race" tiles [4, "blocks"] {
      mega.attention %q, %cache into %a by %scores layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 scale 0.25 : memref<4x4x16xf32>, memref<2x1x?x32xf32>, memref<4x48x1x1xf32>, memref<1x80xf32>
    }
  }
}

// -----

// phase_c2: every worker for itself, but into memory of the team.
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @everyone max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{is done by every worker, but writes 'memref<1x64x1x1xf32>' of the team (phase_c2)}}
  mega.phase "norm" {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c2: the caller's memory is of the team too.
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @callers max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %logits = mega.buffer logits : memref<?x64xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{is done by every worker, but writes 'memref<?x64xf32>' of the team (phase_c2)}}
  mega.phase "norm" {
    mega.norm %x, %w into %logits eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<?x64xf32>
  }
}

// -----

// phase_c3
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @rank max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has 2 dimensions, 'mega.norm' has 1 (phase_c3)}}
  mega.phase "norm" tiles ["blocks", 1] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c3: groups are made by every worker for itself.
mega.program @group max_tokens 4 rows 1 context 64 {
  %experts = mega.buffer shared : memref<4x1xi32>
  %weights = mega.buffer shared : memref<4x2xf32>
  %groups = mega.buffer private : memref<64xi32>
  // expected-error@+1 {{has 1 dimensions, 'mega.group' has 0 (phase_c3)}}
  mega.phase "group" tiles [4] {
    mega.group %experts, %weights into %groups experts 3 shared true : memref<4x1xi32>, memref<4x2xf32>, memref<64xi32>
  }
}

// -----

// phase_c3
mega.program @no_tile max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{holds 'mega.barrier', which is not the work of a tile (phase_c3)}}
  mega.phase "barrier" tiles [1] {
    mega.barrier
  }
}

// -----

// phase_c3
mega.program @empty max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{holds no work of a tile (phase_c3)}}
  mega.phase "empty" tiles [4] {
  }
}

// -----

// phase_c4
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @number max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has 0 : i64 tiles, which is neither a positive number nor a size that 'mega.norm' has (phase_c4)}}
  mega.phase "norm" tiles [0] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c4
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @fraction max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has 1.500000e+00 : f64 tiles, which is neither a positive number nor a size that 'mega.norm' has (phase_c4)}}
  mega.phase "norm" tiles [1.5] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c4
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @name max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has "pages" tiles, which is neither a positive number nor a size that 'mega.norm' has (phase_c4)}}
  mega.phase "norm" tiles ["pages"] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c4
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @slots max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has "slots" tiles, which is neither a positive number nor a size that 'mega.norm' has (phase_c4)}}
  mega.phase "norm" tiles ["slots"] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// What a tile touches can only be told of buffers.
func.func @no_buffer(%x: memref<4x64xf32>, %w: tensor<4x64x16x1xf32>) {
  mega.phase "embed" tiles ["tokens"] {
    // expected-error@+1 {{takes memory that is not a mega.buffer}}
    mega.embed %w into %x : tensor<4x64x16x1xf32>, memref<4x64xf32>
  }
  return
}
