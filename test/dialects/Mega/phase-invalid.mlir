// RUN: fpmoe-opt %s -split-input-file -verify-diagnostics

// What a phase must not hold: races of its tiles, of every kind that the
// verifier tells apart, and ops that do not fit its space.

fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}

fpmoe.weight @down : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "down" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}

// phase_c1: one op of a tile packs its block, the next one reads all blocks.
mega.program @reads_all max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %a = mega.buffer shared : memref<4x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  %down = mega.weight @down : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  // expected-error@+1 {{has tiles that read parts of 'memref<4x64x1x1xf32>' which other tiles write (phase_c1)}}
  mega.phase "race" tiles [blocks] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<4x64xf32>, tensor<64xf32>, memref<4x64x1x1xf32>
    mega.expert_down %a shared %down : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> into %x vectors 1 depth 64 : memref<4x64x1x1xf32>, memref<4x64xf32>
  }
}

// -----

// phase_c1: the other way round: all is read, then a part written.
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @gathers max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<4x64x1x1xf32>
  %groups = mega.buffer private : memref<64xi32>
  %a = mega.buffer shared : memref<8x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has tiles that read parts of 'memref<4x64x1x1xf32>' which other tiles write (phase_c1)}}
  mega.phase "race" tiles [expert_blocks] {
    mega.gather %rows by %groups into %a : memref<4x64x1x1xf32>, memref<64xi32>, memref<8x64x1x1xf32>
    mega.norm %x, %w into %rows eps 1.0e-6 : memref<4x64xf32>, tensor<64xf32>, memref<4x64x1x1xf32>
  }
}

// -----

// phase_c1: rows with logits start anywhere: they are not of the tile's token.
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @logits max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %a = mega.buffer shared : memref<4x64x1x1xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %logits_rows = mega.input logits_rows : memref<?xi32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  // expected-error@+1 {{has tiles that read parts of 'memref<4x64xf32>' which other tiles write (phase_c1)}}
  mega.phase "race" tiles [tokens] {
    mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<4x64xf32>
    mega.norm %x, %norm of %logits_rows : memref<?xi32> into %a eps 1.0e-6 : memref<4x64xf32>, tensor<64xf32>, memref<4x64x1x1xf32>
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
  %rows = mega.buffer shared : memref<4x64x1x1xf32>
  %experts = mega.buffer shared : memref<4x1xi32>
  %weights = mega.buffer shared : memref<4x2xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has tiles that write parts of 'memref<4x2xf32>' which other tiles write (phase_c1)}}
  mega.phase "race" tiles [blocks] {
    mega.route %x norm %w into %rows, %experts, %weights by %weights eps 1.0e-6 routing #fpmoe.fixed<expert = 0> experts 1 : memref<4x64xf32>, tensor<64xf32>, memref<4x64x1x1xf32>, memref<4x1xi32>, memref<4x2xf32>, memref<4x2xf32>
  }
}

// -----

// phase_c1: an operand of a product belongs to blocks, what attention gives to heads
// too: the product reads what other tiles write.
fpmoe.weight @w : tensor<64x48xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x48xf32>
  %1 = fpmoe.pack %0 : tensor<64x48xf32> -> tensor<64x48xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x48xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @heads max_tokens 4 rows 1 context 64 {
  %q = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %a = mega.buffer shared : memref<4x48x1x1xf32>
  %x = mega.buffer shared : memref<4x64xf32>
  %scores = mega.buffer private : memref<1x80xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<64x48xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{has tiles that read parts of 'memref<4x48x1x1xf32>' which other tiles write (phase_c1)}}
    mega.phase "race" tiles [4, query_blocks] {
      mega.attention %q, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<2x1x?x32xf32>, memref<?xi32>, memref<4x48x1x1xf32>, memref<1x80xf32>, memref<4x32xf32>
      mega.linear %a, %w into %x vectors 1 group 1 : memref<4x48x1x1xf32>, tensor<64x48xf32, #mega.packed<n = 16, k = 1>>, memref<4x64xf32>
    }
  }
}

// -----

// phase_c1: the cache is read whole, at all positions.
fpmoe.weight @qkv : tensor<6x12x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "qkv" : tensor<6x12x64xf32>
  %1 = fpmoe.pack %0 : tensor<6x12x64xf32> -> tensor<6x12x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x12x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @cache max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64x1x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %q = mega.buffer shared : memref<4x4x16xf32>
  %q1 = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %a = mega.buffer shared : memref<4x48x1x1xf32>
  %head = mega.buffer private : memref<1x16xf32>
  %scores = mega.buffer private : memref<1x80xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @qkv : tensor<6x12x64xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{has tiles that read parts of 'memref<2x1x?x32xf32>' which other tiles write (phase_c1)}}
    mega.phase "race" tiles [6, block_groups] {
      mega.qkv %x, %w rope %angles at %positions into %q, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 1 : memref<4x64x1x1xf32>, tensor<6x12x64xf32, #mega.packed<n = 16, k = 1>>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<2x1x?x32xf32>, memref<1x16xf32>
      mega.attention %q1, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<2x1x?x32xf32>, memref<?xi32>, memref<4x48x1x1xf32>, memref<1x80xf32>, memref<4x32xf32>
    }
  }
}

// -----

// phase_c2: cosines and sines of the team.
fpmoe.weight @f : tensor<6xf32> {
  %0 = fpmoe.rope_frequencies theta 1.0e4 : tensor<6xf32>
  fpmoe.yield %0 : tensor<6xf32>
}
mega.program @angles max_tokens 4 rows 1 context 64 {
  %angles = mega.buffer shared : memref<4x12xf32>
  %positions = mega.input positions : memref<?xi32>
  %f = mega.weight @f : tensor<6xf32>
  // expected-error@+1 {{is done by every worker, but writes 'memref<4x12xf32>' of the team (phase_c2)}}
  mega.phase "rope" {
    mega.rope %f at %positions into %angles magnitude 1.0 : tensor<6xf32>, memref<?xi32>, memref<4x12xf32>
  }
}

// -----

// phase_c1: scratch of a tile, which all tiles write, in memory of the team.
mega.program @scratch max_tokens 4 rows 1 context 64 {
  %q = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %a = mega.buffer shared : memref<4x48x1x1xf32>
  %scores = mega.buffer shared : memref<1x80xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{has tiles along dimension 0 that write the same part of 'memref<1x80xf32>' (phase_c1)}}
    mega.phase "race" tiles [4, query_blocks] {
      mega.attention %q, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<2x1x?x32xf32>, memref<?xi32>, memref<4x48x1x1xf32>, memref<1x80xf32>, memref<4x32xf32>
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
mega.program @callers max_tokens 1 rows 1 context 64 {
  %experts = mega.buffer private : memref<1x1xi32>
  %routes = mega.input routes : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{is done by every worker, but writes 'memref<?xi32>' of the team (phase_c2)}}
    mega.phase "record_routes" {
      mega.record_routes of %experts : memref<1x1xi32> into %routes layer %layer columns 1 max_tokens 1 : memref<?xi32>
    }
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
  mega.phase "norm" tiles [blocks, 1] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c1: groups are made by one for all, or by every worker for itself.
mega.program @group max_tokens 4 rows 1 context 64 {
  %experts = mega.buffer shared : memref<4x1xi32>
  %weights = mega.buffer shared : memref<4x2xf32>
  %groups = mega.buffer shared : memref<62xi32>
  mega.phase "one" tiles [1] {
    mega.group %experts, %weights into %groups experts 3 shared true : memref<4x1xi32>, memref<4x2xf32>, memref<62xi32>
  }
  // expected-error@+1 {{has tiles along dimension 0 that write the same part of 'memref<62xi32>' (phase_c1)}}
  mega.phase "group" tiles [4] {
    mega.group %experts, %weights into %groups experts 3 shared true : memref<4x1xi32>, memref<4x2xf32>, memref<62xi32>
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
mega.program @negative max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has -1 : i64 tiles, which is neither a positive number nor a size that 'mega.norm' has (phase_c4)}}
  mega.phase "norm" tiles [-1] {
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
  // expected-error@+1 {{'pages' is no size of a tile space (phase_c4)}}
  mega.phase "norm" tiles [pages] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c4
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @groups max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has 'block_groups' tiles, which is neither a positive number nor a size that 'mega.norm' has (phase_c4)}}
  mega.phase "norm" tiles [block_groups] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c4
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @experts max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has 'expert_blocks' tiles, which is neither a positive number nor a size that 'mega.norm' has (phase_c4)}}
  mega.phase "norm" tiles [expert_blocks] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c4: other attributes, which only the generic form can hold.
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @fraction max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has 1.500000e+00 : f64 tiles, which is neither a positive number nor a size that 'mega.norm' has (phase_c4)}}
  "mega.phase"() <{name = "norm", tiles = [1.5]}> ({
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }) : () -> ()
}

// -----

// phase_c4: rows of a product are taken in groups of blocks.
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @blocks max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %a = mega.buffer shared : memref<4x64x1x1xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  // expected-error@+1 {{has 'blocks' tiles, which is neither a positive number nor a size that 'mega.linear' has (phase_c4)}}
  mega.phase "product" tiles [4, blocks] {
    mega.linear %a, %w into %x vectors 1 group 1 : memref<4x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<4x64xf32>
  }
}

// -----

// phase_c4: only the norm knows which rows have logits, and only if it is told.
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @embed max_tokens 4 rows 1 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  // expected-error@+1 {{has 'logits_blocks' tiles, which is neither a positive number nor a size that 'mega.embed' has (phase_c4)}}
  mega.phase "embed" tiles [logits_blocks] {
    mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<4x64xf32>
  }
}

// -----

// phase_c4
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @no_logits max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{has 'logits_blocks' tiles, which is neither a positive number nor a size that 'mega.norm' has (phase_c4)}}
  mega.phase "norm" tiles [logits_blocks] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// What a tile touches can only be told of buffers and of what the caller gives.
func.func @no_buffer(%x: memref<4x64xf32>, %w: tensor<64x64xf32, #mega.packed<n = 16, k = 1>>) {
  %tokens = mega.input tokens : memref<?xi32>
  mega.phase "embed" tiles [tokens] {
    // expected-error@+1 {{takes memory that is neither a mega.buffer nor a mega.input}}
    mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<4x64xf32>
  }
  return
}

// -----

// phase_c5
fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @ahead_of_no_product max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer shared : memref<1x64x1x1xf32>
  %w = mega.weight @norm : tensor<64xf32>
  // expected-error@+1 {{asks for weights ahead, and is not one op that multiplies by them, of a number of tiles in the first dimension alone (phase_c5)}}
  mega.phase "norm" ahead tiles [1] {
    mega.norm %x, %w into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// -----

// phase_c5
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @ahead_of_blocks max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %out = mega.buffer shared : memref<4x64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  // expected-error@+1 {{in the first dimension alone (phase_c5)}}
  mega.phase "product" ahead tiles [4, block_groups] {
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<4x64xf32>
  }
}
