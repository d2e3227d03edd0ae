// RUN: fpmoe-opt %s -split-input-file -verify-diagnostics

// Code is emitted for the sizes that types say: one case at least for each numbered
// constraint of the work of a tile, named in front of it. Of experts they stand in
// experts-invalid.mlir.

// embed_c1: a table as the checkpoint has it
fpmoe.weight @table : tensor<64x50xf32> {
  %0 = fpmoe.load "table" : tensor<64x50xf32>
  fpmoe.yield %0 : tensor<64x50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %table = mega.weight @table : tensor<64x50xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{takes a table that is not a packed matrix (embed_c1)}}
    mega.embed %table at %tokens into %x : tensor<64x50xf32>, memref<?xi32>, memref<4x64xf32>
  }
}

// -----

// embed_c1
fpmoe.weight @table : tensor<2x64x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "table" : tensor<2x64x50xf32>
  %1 = fpmoe.pack %0 : tensor<2x64x50xf32> -> tensor<2x64x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x64x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %table = mega.weight @table : tensor<2x64x50xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{takes a table that is not a packed matrix (embed_c1)}}
    mega.embed %table at %tokens into %x : tensor<2x64x50xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<4x64xf32>
  }
}

// -----

// embed_c1: activations have whole vectors
fpmoe.weight @table : tensor<64x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "table" : tensor<64x50xf32>
  %1 = fpmoe.pack %0 : tensor<64x50xf32> -> tensor<64x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x50xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %table = mega.weight @table : tensor<64x50xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{gives rows of 64 columns into 'memref<4x50xf32>' (embed_c1)}}
    mega.embed %table at %tokens into %x : tensor<64x50xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<4x50xf32>
  }
}

// -----

// embed_c1
fpmoe.weight @table : tensor<64x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "table" : tensor<64x50xf32>
  %1 = fpmoe.pack %0 : tensor<64x50xf32> -> tensor<64x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64x1xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %table = mega.weight @table : tensor<64x50xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{gives rows of 64 columns into 'memref<4x64x1xf32>' (embed_c1)}}
    mega.embed %table at %tokens into %x : tensor<64x50xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<4x64x1xf32>
  }
}

// -----

// rope_c1
fpmoe.weight @f : tensor<6xf32> {
  %0 = fpmoe.rope_frequencies theta 1.0e4 : tensor<6xf32>
  fpmoe.yield %0 : tensor<6xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %angles = mega.buffer shared : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %f = mega.weight @f : tensor<6xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 'tensor<6xf32>' gives 'memref<4x16xf32>', which must have 12 columns (rope_c1)}}
    mega.rope %f at %positions into %angles magnitude 1.0 : tensor<6xf32>, memref<?xi32>, memref<4x16xf32>
  }
}

// -----

// norm_c1: more columns than the weight fills
fpmoe.weight @w : tensor<40xf32> {
  %0 = fpmoe.load "w" : tensor<40xf32>
  fpmoe.yield %0 : tensor<40xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %w = mega.weight @w : tensor<40xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<4x64xf32>' by 'tensor<40xf32>' into 'memref<1x64x4x1xf32>', which must both have 48 columns (norm_c1)}}
    mega.norm %x, %w into %a eps 1.0e-6 : memref<4x64xf32>, tensor<40xf32>, memref<1x64x4x1xf32>
  }
}

// -----

// norm_c1: an operand of less
fpmoe.weight @w : tensor<64xf32> {
  %0 = fpmoe.load "w" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %w = mega.weight @w : tensor<64xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<4x64xf32>' by 'tensor<64xf32>' into 'memref<1x48x4x1xf32>', which must both have 64 columns (norm_c1)}}
    mega.norm %x, %w into %a eps 1.0e-6 : memref<4x64xf32>, tensor<64xf32>, memref<1x48x4x1xf32>
  }
}

// -----

// norm_c1: no operand
fpmoe.weight @w : tensor<64xf32> {
  %0 = fpmoe.load "w" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %a = mega.buffer shared : memref<4x64xf32>
  %w = mega.weight @w : tensor<64xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<4x64xf32>' by 'tensor<64xf32>' into 'memref<4x64xf32>', which must both have 64 columns (norm_c1)}}
    mega.norm %x, %w into %a eps 1.0e-6 : memref<4x64xf32>, tensor<64xf32>, memref<4x64xf32>
  }
}

// -----

// quantize_c1: the tail begins a group
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<1x64x4x1xf32>
  %operand = mega.buffer shared : memref<1x2x4x40xi8>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<1x64x4x1xf32>' with 48 columns and a tail of 6 gives 'memref<1x2x4x40xi8>' (quantize_c1)}}
    mega.quantize %rows into %operand columns 48 tail 6 : memref<1x64x4x1xf32>, memref<1x2x4x40xi8>
  }
}

// -----

// quantize_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<1x64x4x1xbf16>
  %operand = mega.buffer shared : memref<1x2x4x40xi8>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<1x64x4x1xbf16>' with 64 columns and a tail of 0 gives 'memref<1x2x4x40xi8>' (quantize_c1)}}
    mega.quantize %rows into %operand columns 64 tail 0 : memref<1x64x4x1xbf16>, memref<1x2x4x40xi8>
  }
}

// -----

// quantize_c1: rows of other columns
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<1x64x4x1xf32>
  %operand = mega.buffer shared : memref<1x2x4x40xi8>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<1x64x4x1xf32>' with 48 columns and a tail of 0 gives 'memref<1x2x4x40xi8>' (quantize_c1)}}
    mega.quantize %rows into %operand columns 48 tail 0 : memref<1x64x4x1xf32>, memref<1x2x4x40xi8>
  }
}

// -----

// quantize_c1: shards of half a group
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<1x64x4x1xf32>
  %operand = mega.buffer shared : memref<1x4x4x40xi8>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<1x64x4x1xf32>' with 16 columns and a tail of 6 in several shards gives 'memref<1x4x4x40xi8>' (quantize_c1)}}
    mega.quantize %rows into %operand columns 16 tail 6 shards 2 : memref<1x64x4x1xf32>, memref<1x4x4x40xi8>
  }
}

// -----

// quantize_c1: the tail of one shard alone
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<1x80x4x1xf32>
  %operand = mega.buffer shared : memref<1x3x4x40xi8>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<1x80x4x1xf32>' with 32 columns and a tail of 6 in several shards gives 'memref<1x3x4x40xi8>' (quantize_c1)}}
    mega.quantize %rows into %operand columns 32 tail 6 shards 2 : memref<1x80x4x1xf32>, memref<1x3x4x40xi8>
  }
}

// -----

// low_rank_c2: of no shards
fpmoe.weight @a : tensor<6x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<6x64xf32>
  %1 = fpmoe.pack %0 : tensor<6x64xf32> -> tensor<6x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x64x4x1xf32>
  %widened = mega.buffer shared : memref<1x80x4x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<6x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of ranks that sum up to 6 by 'tensor<6x64xf32, #mega.packed<n = 16, k = 1>>' widens 'memref<1x64x4x1xf32>' to 'memref<1x80x4x1xf32>' (low_rank_c2)}}
    mega.low_rank %operand, %a of %languages into %widened : memref<1x80x4x1xf32> ranks [2, 4] : memref<1x64x4x1xf32>, tensor<6x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}

// -----

// low_rank_c2: shards of 24 columns
fpmoe.weight @a : tensor<2x6x24xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<2x6x24xf32>
  %1 = fpmoe.pack %0 : tensor<2x6x24xf32> -> tensor<2x6x24xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x6x24xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x48x4x1xf32>
  %widened = mega.buffer shared : memref<1x80x4x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<2x6x24xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of ranks that sum up to 6 by 'tensor<2x6x24xf32, #mega.packed<n = 16, k = 1>>' widens 'memref<1x48x4x1xf32>' to 'memref<1x80x4x1xf32>' (low_rank_c2)}}
    mega.low_rank %operand, %a of %languages into %widened : memref<1x80x4x1xf32> ranks [2, 4] : memref<1x48x4x1xf32>, tensor<2x6x24xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}

// -----

// low_rank_c2: room for one of them
fpmoe.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<2x6x32xf32>
  %1 = fpmoe.pack %0 : tensor<2x6x32xf32> -> tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x64x4x1xf32>
  %widened = mega.buffer shared : memref<1x80x4x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of ranks that sum up to 6 by 'tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>' widens 'memref<1x64x4x1xf32>' to 'memref<1x80x4x1xf32>' (low_rank_c2)}}
    mega.low_rank %operand, %a of %languages into %widened : memref<1x80x4x1xf32> ranks [2, 4] : memref<1x64x4x1xf32>, tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}

// -----

// low_rank_c2: of another operand
fpmoe.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<2x6x32xf32>
  %1 = fpmoe.pack %0 : tensor<2x6x32xf32> -> tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x80x4x1xf32>
  %widened = mega.buffer shared : memref<1x96x4x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of ranks that sum up to 6 by 'tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>' widens 'memref<1x80x4x1xf32>' to 'memref<1x96x4x1xf32>' (low_rank_c2)}}
    mega.low_rank %operand, %a of %languages into %widened : memref<1x96x4x1xf32> ranks [2, 4] : memref<1x80x4x1xf32>, tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}

// -----

// low_rank_c2: other rows
fpmoe.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<2x6x32xf32>
  %1 = fpmoe.pack %0 : tensor<2x6x32xf32> -> tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x64x4x1xf32>
  %widened = mega.buffer shared : memref<1x96x2x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of ranks that sum up to 6 by 'tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>' widens 'memref<1x64x4x1xf32>' to 'memref<1x96x2x1xf32>' (low_rank_c2)}}
    mega.low_rank %operand, %a of %languages into %widened : memref<1x96x2x1xf32> ranks [2, 4] : memref<1x64x4x1xf32>, tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}

// -----

// low_rank_c2: other numbers
fpmoe.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<2x6x32xf32>
  %1 = fpmoe.pack %0 : tensor<2x6x32xf32> -> tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x64x4x1xf32>
  %widened = mega.buffer shared : memref<1x48x4x2xbf16>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of ranks that sum up to 6 by 'tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>' widens 'memref<1x64x4x1xf32>' to 'memref<1x48x4x2xbf16>' (low_rank_c2)}}
    mega.low_rank %operand, %a of %languages into %widened : memref<1x48x4x2xbf16> ranks [2, 4] : memref<1x64x4x1xf32>, tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}

// -----

// low_rank_c2: other ranks
fpmoe.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<2x6x32xf32>
  %1 = fpmoe.pack %0 : tensor<2x6x32xf32> -> tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x64x4x1xf32>
  %widened = mega.buffer shared : memref<1x96x4x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of ranks that sum up to 5 by 'tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>' widens 'memref<1x64x4x1xf32>' to 'memref<1x96x4x1xf32>' (low_rank_c2)}}
    mega.low_rank %operand, %a of %languages into %widened : memref<1x96x4x1xf32> ranks [2, 3] : memref<1x64x4x1xf32>, tensor<2x6x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}

// -----

// low_rank_c1
fpmoe.weight @a : tensor<6x50xf32> {
  %0 = fpmoe.load "a" : tensor<6x50xf32>
  fpmoe.yield %0 : tensor<6x50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x80x4x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<6x50xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{takes a weight that is not a packed matrix (low_rank_c1)}}
    mega.low_rank %operand, %a of %languages ranks [2, 4] : memref<1x80x4x1xf32>, tensor<6x50xf32>, memref<?xi32>
  }
}

// -----

// low_rank_c1
fpmoe.weight @a : tensor<6x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<6x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x50xf32> -> tensor<6x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x80x4x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<6x50xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of ranks that sum up to 5 by 'tensor<6x50xf32, #mega.packed<n = 16, k = 1>>' widens 'memref<1x80x4x1xf32>', which must have 80 columns (low_rank_c1)}}
    mega.low_rank %operand, %a of %languages ranks [2, 3] : memref<1x80x4x1xf32>, tensor<6x50xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}

// -----

// low_rank_c1: no room behind the columns
fpmoe.weight @a : tensor<6x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<6x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x50xf32> -> tensor<6x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %operand = mega.buffer shared : memref<1x64x4x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @a : tensor<6x50xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of ranks that sum up to 6 by 'tensor<6x50xf32, #mega.packed<n = 16, k = 1>>' widens 'memref<1x64x4x1xf32>', which must have 80 columns (low_rank_c1)}}
    mega.low_rank %operand, %a of %languages ranks [2, 4] : memref<1x64x4x1xf32>, tensor<6x50xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}

// -----

// qkv_c1: not packed
fpmoe.weight @w : tensor<6x12x50xf32> {
  %0 = fpmoe.load "w" : tensor<6x12x50xf32>
  fpmoe.yield %0 : tensor<6x12x50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x12x50xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{makes 6 heads of 12 columns of 'memref<1x64x4x1xf32>' by 'tensor<6x12x50xf32>', turned by 'memref<4x12xf32>' (qkv_c1)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 1 : memref<1x64x4x1xf32>, tensor<6x12x50xf32>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<4x16xf32>
    }
  }
}

// -----

// qkv_c1: fewer heads
fpmoe.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<6x12x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x12x50xf32> -> tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{makes 4 heads of 12 columns of 'memref<1x64x4x1xf32>' by 'tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>', turned by 'memref<4x12xf32>' (qkv_c1)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 2 kv_heads 1 head_dim 12 group 1 : memref<1x64x4x1xf32>, tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<4x16xf32>
    }
  }
}

// -----

// qkv_c1: other columns
fpmoe.weight @w : tensor<6x16x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<6x16x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x16x50xf32> -> tensor<6x16x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x16x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x16x50xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{makes 6 heads of 12 columns of 'memref<1x64x4x1xf32>' by 'tensor<6x16x50xf32, #mega.packed<n = 16, k = 1>>', turned by 'memref<4x12xf32>' (qkv_c1)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 1 : memref<1x64x4x1xf32>, tensor<6x16x50xf32, #mega.packed<n = 16, k = 1>>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<4x16xf32>
    }
  }
}

// -----

// qkv_c1: an operand of another K
fpmoe.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<6x12x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x12x50xf32> -> tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x48x4x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{makes 6 heads of 12 columns of 'memref<1x48x4x1xf32>' by 'tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>', turned by 'memref<4x12xf32>' (qkv_c1)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 1 : memref<1x48x4x1xf32>, tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<4x16xf32>
    }
  }
}

// -----

// qkv_c1: angles of another width
fpmoe.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<6x12x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x12x50xf32> -> tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x16xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{makes 6 heads of 12 columns of 'memref<1x64x4x1xf32>' by 'tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>', turned by 'memref<4x16xf32>' (qkv_c1)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 1 : memref<1x64x4x1xf32>, tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>, memref<4x16xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<4x16xf32>
    }
  }
}

// -----

// qkv_c1: heads of no whole vectors
fpmoe.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<6x12x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x12x50xf32> -> tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x12xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{stores heads of 16 columns into 'memref<4x4x12xf32>' and 'memref<1x1x?x32xf32>' by 'memref<4x16xf32>' (qkv_c1)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 1 : memref<1x64x4x1xf32>, tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>, memref<4x12xf32>, memref<?xi32>, memref<4x4x12xf32>, memref<1x1x?x32xf32>, memref<4x16xf32>
    }
  }
}

// -----

// qkv_c1: a cache without values
fpmoe.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<6x12x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x12x50xf32> -> tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x16xf32>
  %head = mega.buffer private : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{stores heads of 16 columns into 'memref<4x4x16xf32>' and 'memref<1x1x?x16xf32>' by 'memref<4x16xf32>' (qkv_c1)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 1 : memref<1x64x4x1xf32>, tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x16xf32>, memref<4x16xf32>
    }
  }
}

// -----

// qkv_c1: wider scratch
fpmoe.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<6x12x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x12x50xf32> -> tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{stores heads of 16 columns into 'memref<4x4x16xf32>' and 'memref<1x1x?x32xf32>' by 'memref<4x32xf32>' (qkv_c1)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 1 : memref<1x64x4x1xf32>, tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<4x32xf32>
    }
  }
}

// -----

// heads_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x48xf32>
  %k = mega.buffer shared : memref<4x16xf32>
  %v = mega.buffer shared : memref<4x16xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x64xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<1x16xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{stores heads of 16 columns into 'memref<4x64xf32>' and 'memref<1x1x?x32xf32>' by 'memref<1x16xf32>' (heads_c1)}}
      mega.heads %q, %k, %v rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 : memref<4x48xf32>, memref<4x16xf32>, memref<4x16xf32>, memref<4x12xf32>, memref<?xi32>, memref<4x64xf32>, memref<1x1x?x32xf32>, memref<1x16xf32>
    }
  }
}

// -----

// heads_c1: scratch for keys, not for the wider values
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x48xf32>
  %k = mega.buffer shared : memref<4x16xf32>
  %v = mega.buffer shared : memref<4x16xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x48xf32>
  %head = mega.buffer private : memref<1x16xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{stores heads of 16 columns into 'memref<4x4x16xf32>' and 'memref<1x1x?x48xf32>' by 'memref<1x16xf32>' (heads_c1)}}
      mega.heads %q, %k, %v rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 20 : memref<4x48xf32>, memref<4x16xf32>, memref<4x16xf32>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x48xf32>, memref<1x16xf32>
    }
  }
}

// -----

// squares_c1: three shards
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x96xf32>
  %k = mega.buffer shared : memref<4x48xf32>
  %sums = mega.buffer shared : memref<4x16xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 3 shards of 'memref<4x96xf32>' and 'memref<4x48xf32>' gives 'memref<4x16xf32>' (squares_c1)}}
    mega.squares %q, %k into %sums shards 3 : memref<4x96xf32>, memref<4x48xf32>, memref<4x16xf32>
  }
}

// -----

// squares_c1: shards of 8 columns
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x64xf32>
  %k = mega.buffer shared : memref<4x32xf32>
  %sums = mega.buffer shared : memref<4x16xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 4 shards of 'memref<4x64xf32>' and 'memref<4x32xf32>' gives 'memref<4x16xf32>' (squares_c1)}}
    mega.squares %q, %k into %sums shards 4 : memref<4x64xf32>, memref<4x32xf32>, memref<4x16xf32>
  }
}

// -----

// squares_c1: no shards
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x64xf32>
  %k = mega.buffer shared : memref<4x32xf32>
  %sums = mega.buffer shared : memref<4x16xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 0 shards of 'memref<4x64xf32>' and 'memref<4x32xf32>' gives 'memref<4x16xf32>' (squares_c1)}}
    mega.squares %q, %k into %sums shards 0 : memref<4x64xf32>, memref<4x32xf32>, memref<4x16xf32>
  }
}

// -----

// squares_c1: two vectors
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x64xf32>
  %k = mega.buffer shared : memref<4x32xf32>
  %sums = mega.buffer shared : memref<4x32xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 2 shards of 'memref<4x64xf32>' and 'memref<4x32xf32>' gives 'memref<4x32xf32>' (squares_c1)}}
    mega.squares %q, %k into %sums shards 2 : memref<4x64xf32>, memref<4x32xf32>, memref<4x32xf32>
  }
}

// -----

// squares_c1: other tokens
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x64xf32>
  %k = mega.buffer shared : memref<2x32xf32>
  %sums = mega.buffer shared : memref<4x16xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 2 shards of 'memref<4x64xf32>' and 'memref<2x32xf32>' gives 'memref<4x16xf32>' (squares_c1)}}
    mega.squares %q, %k into %sums shards 2 : memref<4x64xf32>, memref<2x32xf32>, memref<4x16xf32>
  }
}

// -----

// heads_c3: no norms
fpmoe.weight @n : tensor<64xf32> {
  %0 = fpmoe.load "n" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @m : tensor<32xf32> {
  %0 = fpmoe.load "m" : tensor<32xf32>
  fpmoe.yield %0 : tensor<32xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x64xf32>
  %k = mega.buffer shared : memref<4x32xf32>
  %squares = mega.buffer shared : memref<4x16xf32>
  %angles = mega.buffer shared : memref<4x32xf32>
  %query = mega.buffer shared : memref<4x2x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xf32>
  %head = mega.buffer private : memref<1x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %n = mega.weight @n : tensor<64xf32>
  %m = mega.weight @m : tensor<32xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{has squares without norms or ranks, ranks without squares, or not one vector of them (heads_c3)}}
      mega.heads %q, %k, %k squares %squares : memref<4x16xf32> ranks 2 rope %angles at %positions into %query, %cache by %head layer %layer heads 2 kv_heads 1 head_dim 32 value_dim 32 : memref<4x64xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<?xi32>, memref<4x2x32xf32>, memref<1x1x?x64xf32>, memref<1x32xf32>
    }
  }
}

// -----

// heads_c3: no ranks
fpmoe.weight @n : tensor<64xf32> {
  %0 = fpmoe.load "n" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @m : tensor<32xf32> {
  %0 = fpmoe.load "m" : tensor<32xf32>
  fpmoe.yield %0 : tensor<32xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x64xf32>
  %k = mega.buffer shared : memref<4x32xf32>
  %squares = mega.buffer shared : memref<4x16xf32>
  %angles = mega.buffer shared : memref<4x32xf32>
  %query = mega.buffer shared : memref<4x2x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xf32>
  %head = mega.buffer private : memref<1x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %n = mega.weight @n : tensor<64xf32>
  %m = mega.weight @m : tensor<32xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{has squares without norms or ranks, ranks without squares, or not one vector of them (heads_c3)}}
      mega.heads %q, %k, %k norms %n : tensor<64xf32>, %m : tensor<32xf32> squares %squares : memref<4x16xf32> eps 1.0e-6 rope %angles at %positions into %query, %cache by %head layer %layer heads 2 kv_heads 1 head_dim 32 value_dim 32 : memref<4x64xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<?xi32>, memref<4x2x32xf32>, memref<1x1x?x64xf32>, memref<1x32xf32>
    }
  }
}

// -----

// heads_c3: no squares
fpmoe.weight @n : tensor<64xf32> {
  %0 = fpmoe.load "n" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @m : tensor<32xf32> {
  %0 = fpmoe.load "m" : tensor<32xf32>
  fpmoe.yield %0 : tensor<32xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x64xf32>
  %k = mega.buffer shared : memref<4x32xf32>
  %squares = mega.buffer shared : memref<4x16xf32>
  %angles = mega.buffer shared : memref<4x32xf32>
  %query = mega.buffer shared : memref<4x2x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xf32>
  %head = mega.buffer private : memref<1x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %n = mega.weight @n : tensor<64xf32>
  %m = mega.weight @m : tensor<32xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{has squares without norms or ranks, ranks without squares, or not one vector of them (heads_c3)}}
      mega.heads %q, %k, %k norms %n : tensor<64xf32>, %m : tensor<32xf32> ranks 2 eps 1.0e-6 rope %angles at %positions into %query, %cache by %head layer %layer heads 2 kv_heads 1 head_dim 32 value_dim 32 : memref<4x64xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<?xi32>, memref<4x2x32xf32>, memref<1x1x?x64xf32>, memref<1x32xf32>
    }
  }
}

// -----

// heads_c3
fpmoe.weight @n : tensor<64xf32> {
  %0 = fpmoe.load "n" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @m : tensor<32xf32> {
  %0 = fpmoe.load "m" : tensor<32xf32>
  fpmoe.yield %0 : tensor<32xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x64xf32>
  %k = mega.buffer shared : memref<4x32xf32>
  %squares = mega.buffer shared : memref<4x16xf32>
  %angles = mega.buffer shared : memref<4x32xf32>
  %query = mega.buffer shared : memref<4x2x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xf32>
  %head = mega.buffer private : memref<1x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %n = mega.weight @n : tensor<64xf32>
  %m = mega.weight @m : tensor<32xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{has squares without norms or ranks, ranks without squares, or not one vector of them (heads_c3)}}
      mega.heads %q, %k, %k norms %n : tensor<64xf32>, %m : tensor<32xf32> squares %squares : memref<4x16xf32> ranks 0 eps 1.0e-6 rope %angles at %positions into %query, %cache by %head layer %layer heads 2 kv_heads 1 head_dim 32 value_dim 32 : memref<4x64xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<?xi32>, memref<4x2x32xf32>, memref<1x1x?x64xf32>, memref<1x32xf32>
    }
  }
}

// -----

// heads_c3
fpmoe.weight @n : tensor<64xf32> {
  %0 = fpmoe.load "n" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @m : tensor<32xf32> {
  %0 = fpmoe.load "m" : tensor<32xf32>
  fpmoe.yield %0 : tensor<32xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x64xf32>
  %k = mega.buffer shared : memref<4x32xf32>
  %squares = mega.buffer shared : memref<4x32xf32>
  %angles = mega.buffer shared : memref<4x32xf32>
  %query = mega.buffer shared : memref<4x2x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xf32>
  %head = mega.buffer private : memref<1x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %n = mega.weight @n : tensor<64xf32>
  %m = mega.weight @m : tensor<32xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{has squares without norms or ranks, ranks without squares, or not one vector of them (heads_c3)}}
      mega.heads %q, %k, %k norms %n : tensor<64xf32>, %m : tensor<32xf32> squares %squares : memref<4x32xf32> ranks 2 eps 1.0e-6 rope %angles at %positions into %query, %cache by %head layer %layer heads 2 kv_heads 1 head_dim 32 value_dim 32 : memref<4x64xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<4x32xf32>, memref<?xi32>, memref<4x2x32xf32>, memref<1x1x?x64xf32>, memref<1x32xf32>
    }
  }
}

// -----

// heads_c2
mega.program @p max_tokens 4 rows 4 context 64 {
  %q = mega.buffer shared : memref<4x48xf32>
  %k = mega.buffer shared : memref<4x16xf32>
  %v = mega.buffer shared : memref<4x16xf32>
  %angles = mega.buffer shared : memref<4x16xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<1x16xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{turns heads of 12 columns by 'memref<4x16xf32>' (heads_c2)}}
      mega.heads %q, %k, %v rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 : memref<4x48xf32>, memref<4x16xf32>, memref<4x16xf32>, memref<4x16xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<1x16xf32>
    }
  }
}

// -----

// attention_c1: heads that cannot share keys
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x3x?x32xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{of 4 heads on 3 takes 'memref<4x4x16xf32>' and 'memref<1x3x?x32xf32>' (attention_c1)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 3 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x3x?x32xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x80xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c1: none to share
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{of 4 heads on 0 takes 'memref<4x4x16xf32>' and 'memref<1x1x?x32xf32>' (attention_c1)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 0 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x80xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c1: a query of other heads
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x3x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{of 4 heads on 1 takes 'memref<4x3x16xf32>' and 'memref<1x1x?x32xf32>' (attention_c1)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x3x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x80xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c1: a cache of other heads
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x2x?x32xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{of 4 heads on 1 takes 'memref<4x4x16xf32>' and 'memref<1x2x?x32xf32>' (attention_c1)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x2x?x32xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x80xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c1: a cache of wider values
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x48xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{of 4 heads on 1 takes 'memref<4x4x16xf32>' and 'memref<1x1x?x48xf32>' (attention_c1)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x1x?x48xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x80xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c2: an operand of less
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x32x4x1xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{gives 4 heads of 12 columns to 'memref<1x32x4x1xf32>' (attention_c2)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x32x4x1xf32>, memref<4x80xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c2: two heads in one pair
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x24x4x2xbf16>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{gives 4 heads of 11 columns to 'memref<1x24x4x2xbf16>' (attention_c2)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 11 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x24x4x2xbf16>, memref<4x80xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c1: a cache of integers
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xi16>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{takes 'memref<4x4x16xf32>' and 'memref<1x1x?x32xi16>' (attention_c1)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x1x?x32xi16>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x80xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c3: a span of no whole vectors
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x76xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{in spans of 60 has scores 'memref<4x76xf32>' and sums 'memref<16x32xf32>' (attention_c3)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 60 scale 0.25 : memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x76xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c3: scores of another span
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x64xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{in spans of 64 has scores 'memref<4x64xf32>' and sums 'memref<16x32xf32>' (attention_c3)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x64xf32>, memref<16x32xf32>
    }
  }
}

// -----

// attention_c3: sums without totals
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<16x16xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{in spans of 64 has scores 'memref<4x80xf32>' and sums 'memref<16x16xf32>' (attention_c3)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x80xf32>, memref<16x16xf32>
    }
  }
}

// -----

// attention_c3: sums of fewer rows
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<15x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4, query_blocks] {
      // expected-error@+1 {{in spans of 64 has scores 'memref<4x80xf32>' and sums 'memref<15x32xf32>' (attention_c3)}}
      mega.attention %query, %cache at %positions into %a by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<4x80xf32>, memref<15x32xf32>
    }
  }
}

// -----

// attention_c3: sums and no scores
mega.program @p max_tokens 4 rows 4 context 64 {
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %sums = mega.buffer private : memref<16x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [1, query_blocks] {
      // expected-error@+1 {{in spans of 64 has scores 'none' and sums 'memref<16x32xf32>' (attention_c3)}}
      "mega.attention"(%query, %cache, %positions, %a, %sums, %layer) <{operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 1, 1>, heads = 4 : i64, kv_heads = 1 : i64, head_dim = 12 : i64, value_dim = 12 : i64, span = 64 : i64, scale = 0.25 : f64}> : (memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x48x4x1xf32>, memref<16x32xf32>, index) -> ()
    }
  }
}

// -----

// attend_span_c1
mega.program @p max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x3x?x32xf32>
  %a = mega.buffer shared : memref<1x48x1x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [1, spans] {
      // expected-error@+1 {{of 4 heads on 3 takes 'memref<1x4x16xf32>' and 'memref<1x3x?x32xf32>' (attend_span_c1)}}
      mega.attend_span %query, %cache at %positions into %partial by %scores layer %layer heads 4 kv_heads 3 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<1x4x16xf32>, memref<1x3x?x32xf32>, memref<?xi32>, memref<1x1x4x32xf32>, memref<4x80xf32>
    }
  }
}

// -----

// attend_span_c2: partial sums of other heads
mega.program @p max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x1x1xf32>
  %partial = mega.buffer shared : memref<1x1x3x32xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [1, spans] {
      // expected-error@+1 {{in spans of 64 has scores 'memref<4x80xf32>' and gives 'memref<1x1x3x32xf32>' (attend_span_c2)}}
      mega.attend_span %query, %cache at %positions into %partial by %scores layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<1x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x1x3x32xf32>, memref<4x80xf32>
    }
  }
}

// -----

// attend_span_c2: partial sums without totals
mega.program @p max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x1x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x16xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [1, spans] {
      // expected-error@+1 {{gives 'memref<1x1x4x16xf32>' (attend_span_c2)}}
      mega.attend_span %query, %cache at %positions into %partial by %scores layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<1x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x1x4x16xf32>, memref<4x80xf32>
    }
  }
}

// -----

// attend_span_c2: no span
mega.program @p max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x1x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x16xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [1, spans] {
      // expected-error@+1 {{in spans of 0 has scores 'memref<4x16xf32>' and gives 'memref<1x1x4x32xf32>' (attend_span_c2)}}
      mega.attend_span %query, %cache at %positions into %partial by %scores layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 0 scale 0.25 : memref<1x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x1x4x32xf32>, memref<4x16xf32>
    }
  }
}

// -----

// merge_spans_c1: columns of wider heads
mega.program @p max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x1x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4] {
      // expected-error@+1 {{of 20 columns puts 'memref<1x1x4x32xf32>' together (merge_spans_c1)}}
      mega.merge_spans %partial at %positions into %a value_dim 20 span 64 : memref<1x1x4x32xf32>, memref<?xi32>, memref<1x48x1x1xf32>
    }
  }
}

// -----

// merge_spans_c1: an operand of less
mega.program @p max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x32x1x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4] {
      // expected-error@+1 {{gives 4 heads of 12 columns to 'memref<1x32x1x1xf32>' (merge_spans_c1)}}
      mega.merge_spans %partial at %positions into %a value_dim 12 span 64 : memref<1x1x4x32xf32>, memref<?xi32>, memref<1x32x1x1xf32>
    }
  }
}

// -----

// merge_spans_c2
mega.program @p max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %a = mega.buffer shared : memref<1x48x1x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %scores = mega.buffer private : memref<4x80xf32>
  %sums = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [4] {
      // expected-error@+1 {{puts spans of 8 together (merge_spans_c2)}}
      mega.merge_spans %partial at %positions into %a value_dim 12 span 8 : memref<1x1x4x32xf32>, memref<?xi32>, memref<1x48x1x1xf32>
    }
  }
}

// -----

// linear_c1: not packed
fpmoe.weight @w : tensor<40x64xf32> {
  %0 = fpmoe.load "w" : tensor<40x64xf32>
  fpmoe.yield %0 : tensor<40x64xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %out = mega.buffer shared : memref<4x48xf32>
  %w = mega.weight @w : tensor<40x64xf32>
  mega.phase "p" tiles [3, block_groups] {
    // expected-error@+1 {{takes a weight that is not a packed matrix, or gives no rows (linear_c1)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<40x64xf32>, memref<4x48xf32>
  }
}

// -----

// linear_c3: packed, but several
fpmoe.weight @w : tensor<2x40x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x40x64xf32>
  %1 = fpmoe.pack %0 : tensor<2x40x64xf32> -> tensor<2x40x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x40x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %out = mega.buffer shared : memref<4x48xf32>
  %w = mega.weight @w : tensor<2x40x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [3, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x64x4x1xf32>' by 'tensor<2x40x64xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<4x48xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<2x40x64xf32, #mega.packed<n = 16, k = 1>>, memref<4x48xf32>
  }
}

// -----

// linear_c1: no rows
fpmoe.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<40x64xf32>
  %1 = fpmoe.pack %0 : tensor<40x64xf32> -> tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %out = mega.buffer shared : memref<1x48x4x1xf32>
  %w = mega.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [3, block_groups] {
    // expected-error@+1 {{takes a weight that is not a packed matrix, or gives no rows (linear_c1)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<40x64xf32, #mega.packed<n = 16, k = 1>>, memref<1x48x4x1xf32>
  }
}

// -----

// linear_c1: an operand of another K
fpmoe.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<40x64xf32>
  %1 = fpmoe.pack %0 : tensor<40x64xf32> -> tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %out = mega.buffer shared : memref<4x48xf32>
  %w = mega.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [3, block_groups] {
    // expected-error@+1 {{of 'memref<1x48x4x1xf32>' by 'tensor<40x64xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<4x48xf32>' (linear_c1)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x48x4x1xf32>, tensor<40x64xf32, #mega.packed<n = 16, k = 1>>, memref<4x48xf32>
  }
}

// -----

// linear_c1: activations of no whole vectors
fpmoe.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<40x64xf32>
  %1 = fpmoe.pack %0 : tensor<40x64xf32> -> tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %out = mega.buffer shared : memref<4x40xf32>
  %w = mega.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [3, block_groups] {
    // expected-error@+1 {{of 'memref<1x64x4x1xf32>' by 'tensor<40x64xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<4x40xf32>' (linear_c1)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<40x64xf32, #mega.packed<n = 16, k = 1>>, memref<4x40xf32>
  }
}

// -----

// linear_c1: logits have what the weight has
fpmoe.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<40x64xf32>
  %1 = fpmoe.pack %0 : tensor<40x64xf32> -> tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %out = mega.buffer logits : memref<?x64xf32>
  %w = mega.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [3, block_groups] {
    // expected-error@+1 {{of 'memref<1x64x4x1xf32>' by 'tensor<40x64xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<?x64xf32>' (linear_c1)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<40x64xf32, #mega.packed<n = 16, k = 1>>, memref<?x64xf32>
  }
}

// -----

// linear_c1: a bias of another size
fpmoe.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<40x64xf32>
  %1 = fpmoe.pack %0 : tensor<40x64xf32> -> tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @bias : tensor<48xf32> {
  %0 = fpmoe.load "bias" : tensor<48xf32>
  fpmoe.yield %0 : tensor<48xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %out = mega.buffer shared : memref<4x48xf32>
  %w = mega.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  %bias = mega.weight @bias : tensor<48xf32>
  mega.phase "p" tiles [3, block_groups] {
    // expected-error@+1 {{of 'memref<1x64x4x1xf32>' by 'tensor<40x64xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<4x48xf32>' (linear_c1)}}
    mega.linear %a, %w bias %bias : tensor<48xf32> into %out vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<40x64xf32, #mega.packed<n = 16, k = 1>>, memref<4x48xf32>
  }
}

// -----

// keep_rows_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %out = mega.buffer logits : memref<?x130xf32>
  %logits_rows = mega.input logits_rows : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{keeps 65 columns of 'memref<4x64xf32>' (keep_rows_c1)}}
      mega.keep_rows %x of %logits_rows into %out layer %layer columns 65 : memref<4x64xf32>, memref<?xi32>, memref<?x130xf32>
    }
  }
}

// -----
// qkv_c2
fpmoe.weight @w : tensor<6x12x50xf32> {
  %0 = fpmoe.load "w" : tensor<6x12x50xf32>
  fpmoe.yield %0 : tensor<6x12x50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x12x50xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{takes 0 blocks a tile (qkv_c2)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 0 : memref<1x64x4x1xf32>, tensor<6x12x50xf32>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<4x16xf32>
    }
  }
}

// -----
// qkv_c3
fpmoe.weight @w : tensor<6x12x50xf32> {
  %0 = fpmoe.load "w" : tensor<6x12x50xf32>
  fpmoe.yield %0 : tensor<6x12x50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x12xf32>
  %query = mega.buffer shared : memref<4x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<4x16xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x12x50xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{takes pairs of vectors of heads of 12 columns, which must have no norm and be a multiple of 32 (qkv_c3)}}
      mega.qkv %x, %w rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 1 pairs : memref<1x64x4x1xf32>, tensor<6x12x50xf32>, memref<4x12xf32>, memref<?xi32>, memref<4x4x16xf32>, memref<1x1x?x32xf32>, memref<4x16xf32>
    }
  }
}

// -----
// qkv_c3
fpmoe.weight @w : tensor<6x32x50xf32> {
  %0 = fpmoe.load "w" : tensor<6x32x50xf32>
  fpmoe.yield %0 : tensor<6x32x50xf32>
}
fpmoe.weight @norm : tensor<32xf32> {
  %0 = fpmoe.load "norm" : tensor<32xf32>
  fpmoe.yield %0 : tensor<32xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<1x64x4x1xf32>
  %angles = mega.buffer shared : memref<4x32xf32>
  %query = mega.buffer shared : memref<4x4x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xf32>
  %head = mega.buffer private : memref<4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %w = mega.weight @w : tensor<6x32x50xf32>
  %norm = mega.weight @norm : tensor<32xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [6, block_groups] {
      // expected-error@+1 {{takes pairs of vectors of heads of 32 columns, which must have no norm and be a multiple of 32 (qkv_c3)}}
      mega.qkv %x, %w norms %norm : tensor<32xf32>, %norm : tensor<32xf32> eps 1.0e-6 rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 32 group 1 pairs : memref<1x64x4x1xf32>, tensor<6x32x50xf32>, memref<4x32xf32>, memref<?xi32>, memref<4x4x32xf32>, memref<1x1x?x64xf32>, memref<4x32xf32>
    }
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %out = mega.buffer shared : memref<2x4x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x48x4x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x4x32xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x48x4x1xf32>, tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<2x4x32xf32>
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %out = mega.buffer shared : memref<2x4x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x64x4x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x4x32xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<2x4x32xf32>
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x24xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x24xf32> -> tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x48x4x1xf32>
  %out = mega.buffer shared : memref<2x4x32xf32>
  %w = mega.weight @w : tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x48x4x1xf32>' by 'tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x4x32xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x48x4x1xf32>, tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>>, memref<2x4x32xf32>
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x32x4x1xf32>
  %out = mega.buffer shared : memref<3x4x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x32x4x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<3x4x32xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x32x4x1xf32>, tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<3x4x32xf32>
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x32x4x1xf32>
  %out = mega.buffer shared : memref<2x4x16xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x32x4x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x4x16xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x32x4x1xf32>, tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<2x4x16xf32>
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x32x4x1xf32>
  %out = mega.buffer shared : memref<4x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x32x4x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<4x32xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x32x4x1xf32>, tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<4x32xf32>
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x32x4x1xf32>
  %out = mega.buffer shared : memref<2x4x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x32x4x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x4x32xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 accumulate : memref<1x32x4x1xf32>, tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<2x4x32xf32>
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x32x4x1xf32>
  %out = mega.buffer shared : memref<2x4x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x32x4x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x4x32xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 times 2.0 : memref<1x32x4x1xf32>, tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<2x4x32xf32>
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @bias : tensor<20xf32> {
  %0 = fpmoe.load "bias" : tensor<20xf32>
  fpmoe.yield %0 : tensor<20xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x32x4x1xf32>
  %out = mega.buffer shared : memref<2x4x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  %bias = mega.weight @bias : tensor<20xf32>
  mega.phase "p" tiles [4, block_groups] {
    // expected-error@+1 {{of shards 'memref<1x32x4x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x4x32xf32>', has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w bias %bias : tensor<20xf32> into %out vectors 1 group 1 : memref<1x32x4x1xf32>, tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<2x4x32xf32>
  }
}

// -----

// linear_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x32x4x1xf32>
  %out = mega.buffer shared : memref<2x4x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [5, block_groups] {
    // expected-error@+1 {{has what belongs to their sum, or not their tiles (linear_c3)}}
    mega.linear %a, %w into %out vectors 1 group 1 : memref<1x32x4x1xf32>, tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<2x4x32xf32>
  }
}

// -----

// reduce_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %sums = mega.buffer shared : memref<3x4x32xf32>
  %out = mega.buffer shared : memref<4x32xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 'memref<3x4x32xf32>' gives 'memref<4x32xf32>' (reduce_c1)}}
    mega.reduce %sums into %out : memref<3x4x32xf32>, memref<4x32xf32>
  }
}

// -----

// reduce_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %sums = mega.buffer shared : memref<4x32xf32>
  %out = mega.buffer shared : memref<4x32xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 'memref<4x32xf32>' gives 'memref<4x32xf32>' (reduce_c1)}}
    mega.reduce %sums into %out : memref<4x32xf32>, memref<4x32xf32>
  }
}

// -----

// reduce_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %sums = mega.buffer shared : memref<2x4x32xf32>
  %out = mega.buffer shared : memref<4x48xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 'memref<2x4x32xf32>' gives 'memref<4x48xf32>' (reduce_c1)}}
    mega.reduce %sums into %out : memref<2x4x32xf32>, memref<4x48xf32>
  }
}

// -----

// reduce_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %sums = mega.buffer shared : memref<2x4x32xf32>
  %out = mega.buffer shared : memref<8x32xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 'memref<2x4x32xf32>' gives 'memref<8x32xf32>' (reduce_c1)}}
    mega.reduce %sums into %out : memref<2x4x32xf32>, memref<8x32xf32>
  }
}

// -----

// reduce_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %sums = mega.buffer shared : memref<2x4x32xf32>
  %out = mega.buffer shared : memref<2x4x32xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 'memref<2x4x32xf32>' gives 'memref<2x4x32xf32>' (reduce_c1)}}
    mega.reduce %sums into %out : memref<2x4x32xf32>, memref<2x4x32xf32>
  }
}

// -----

// reduce_c1
fpmoe.weight @bias : tensor<20xf32> {
  %0 = fpmoe.load "bias" : tensor<20xf32>
  fpmoe.yield %0 : tensor<20xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %sums = mega.buffer shared : memref<2x4x48xf32>
  %out = mega.buffer shared : memref<4x48xf32>
  %bias = mega.weight @bias : tensor<20xf32>
  mega.phase "p" tiles [tokens] {
    // expected-error@+1 {{of 'memref<2x4x48xf32>' gives 'memref<4x48xf32>' (reduce_c1)}}
    mega.reduce %sums bias %bias : tensor<20xf32> into %out : memref<2x4x48xf32>, memref<4x48xf32>
  }
}

// -----

// exchange_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<2x4x32xf32>
  mega.phase "p" tiles [1] {
    // expected-error@+1 {{adds 'memref<2x4x32xf32>', which is no rows (exchange_c1)}}
    mega.exchange %rows : memref<2x4x32xf32>
  }
}

// -----

// exchange_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<32xf32>
  mega.phase "p" tiles [1] {
    // expected-error@+1 {{adds 'memref<32xf32>', which is no rows (exchange_c1)}}
    mega.exchange %rows : memref<32xf32>
  }
}

// -----

// linear_c2
fpmoe.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<40x64xf32>
  %1 = fpmoe.pack %0 : tensor<40x64xf32> -> tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @bias : tensor<48xf32> {
  %0 = fpmoe.load "bias" : tensor<48xf32>
  fpmoe.yield %0 : tensor<48xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %out = mega.buffer shared : memref<4x48xf32>
  %w = mega.weight @w : tensor<40x64xf32, #mega.packed<n = 16, k = 1>>
  %bias = mega.weight @bias : tensor<48xf32>
  mega.phase "p" tiles [3, block_groups] {
    // expected-error@+1 {{takes -1 vectors and 1 blocks a tile (linear_c2)}}
    mega.linear %a, %w bias %bias : tensor<48xf32> into %out vectors -1 group 1 : memref<1x64x4x1xf32>, tensor<40x64xf32, #mega.packed<n = 16, k = 1>>, memref<4x48xf32>
  }
}
