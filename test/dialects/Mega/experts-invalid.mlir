// RUN: fpmoe-opt %s -split-input-file -verify-diagnostics

// Routes and experts, as tiles-invalid.mlir: one case at least for each numbered
// constraint, named in front of it.

// route_c1: a norm of other columns
fpmoe.weight @norm : tensor<40xf32> {
  %0 = fpmoe.load "norm" : tensor<40xf32>
  fpmoe.yield %0 : tensor<40xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<4x64x1x1xf32>
  %experts = mega.buffer shared : memref<4x2xi32>
  %weights = mega.buffer shared : memref<4x3xf32>
  %scores = mega.buffer private : memref<8xf32>
  %norm = mega.weight @norm : tensor<40xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<4x64xf32>' by 'tensor<40xf32>' gives 'memref<4x64x1x1xf32>', 'memref<4x2xi32>' and 'memref<4x3xf32>' (route_c1)}}
    mega.route %x norm %norm into %rows, %experts, %weights by %scores eps 1.0e-6 experts 3 : memref<4x64xf32>, tensor<40xf32>, memref<4x64x1x1xf32>, memref<4x2xi32>, memref<4x3xf32>, memref<8xf32>
  }
}

// -----

// route_c1: rows of a block together
fpmoe.weight @norm : tensor<50xf32> {
  %0 = fpmoe.load "norm" : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<1x64x4x1xf32>
  %experts = mega.buffer shared : memref<4x2xi32>
  %weights = mega.buffer shared : memref<4x3xf32>
  %scores = mega.buffer private : memref<8xf32>
  %norm = mega.weight @norm : tensor<50xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<4x64xf32>' by 'tensor<50xf32>' gives 'memref<1x64x4x1xf32>', 'memref<4x2xi32>' and 'memref<4x3xf32>' (route_c1)}}
    mega.route %x norm %norm into %rows, %experts, %weights by %scores eps 1.0e-6 experts 3 : memref<4x64xf32>, tensor<50xf32>, memref<1x64x4x1xf32>, memref<4x2xi32>, memref<4x3xf32>, memref<8xf32>
  }
}

// -----

// route_c1: rows with fewer columns
fpmoe.weight @norm : tensor<50xf32> {
  %0 = fpmoe.load "norm" : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<4x48x1x1xf32>
  %experts = mega.buffer shared : memref<4x2xi32>
  %weights = mega.buffer shared : memref<4x3xf32>
  %scores = mega.buffer private : memref<8xf32>
  %norm = mega.weight @norm : tensor<50xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<4x64xf32>' by 'tensor<50xf32>' gives 'memref<4x48x1x1xf32>', 'memref<4x2xi32>' and 'memref<4x3xf32>' (route_c1)}}
    mega.route %x norm %norm into %rows, %experts, %weights by %scores eps 1.0e-6 experts 3 : memref<4x64xf32>, tensor<50xf32>, memref<4x48x1x1xf32>, memref<4x2xi32>, memref<4x3xf32>, memref<8xf32>
  }
}

// -----

// route_c1: experts of other tokens
fpmoe.weight @norm : tensor<50xf32> {
  %0 = fpmoe.load "norm" : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<4x64x1x1xf32>
  %experts = mega.buffer shared : memref<3x2xi32>
  %weights = mega.buffer shared : memref<4x3xf32>
  %scores = mega.buffer private : memref<8xf32>
  %norm = mega.weight @norm : tensor<50xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<4x64xf32>' by 'tensor<50xf32>' gives 'memref<4x64x1x1xf32>', 'memref<3x2xi32>' and 'memref<4x3xf32>' (route_c1)}}
    mega.route %x norm %norm into %rows, %experts, %weights by %scores eps 1.0e-6 experts 3 : memref<4x64xf32>, tensor<50xf32>, memref<4x64x1x1xf32>, memref<3x2xi32>, memref<4x3xf32>, memref<8xf32>
  }
}

// -----

// route_c1: weights of other tokens
fpmoe.weight @norm : tensor<50xf32> {
  %0 = fpmoe.load "norm" : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<4x64x1x1xf32>
  %experts = mega.buffer shared : memref<4x2xi32>
  %weights = mega.buffer shared : memref<3x3xf32>
  %scores = mega.buffer private : memref<8xf32>
  %norm = mega.weight @norm : tensor<50xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<4x64xf32>' by 'tensor<50xf32>' gives 'memref<4x64x1x1xf32>', 'memref<4x2xi32>' and 'memref<3x3xf32>' (route_c1)}}
    mega.route %x norm %norm into %rows, %experts, %weights by %scores eps 1.0e-6 experts 3 : memref<4x64xf32>, tensor<50xf32>, memref<4x64x1x1xf32>, memref<4x2xi32>, memref<3x3xf32>, memref<8xf32>
  }
}

// -----

// route_c1: no weight for the shared expert
fpmoe.weight @norm : tensor<50xf32> {
  %0 = fpmoe.load "norm" : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<4x64x1x1xf32>
  %experts = mega.buffer shared : memref<4x2xi32>
  %weights = mega.buffer shared : memref<4x2xf32>
  %scores = mega.buffer private : memref<8xf32>
  %norm = mega.weight @norm : tensor<50xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{of 'memref<4x64xf32>' by 'tensor<50xf32>' gives 'memref<4x64x1x1xf32>', 'memref<4x2xi32>' and 'memref<4x2xf32>' (route_c1)}}
    mega.route %x norm %norm into %rows, %experts, %weights by %scores eps 1.0e-6 experts 3 : memref<4x64xf32>, tensor<50xf32>, memref<4x64x1x1xf32>, memref<4x2xi32>, memref<4x2xf32>, memref<8xf32>
  }
}

// -----

// route_c2: a worker would have to know more than the step
fpmoe.weight @norm : tensor<50xf32> {
  %0 = fpmoe.load "norm" : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<4x64x1x1xf32>
  %experts = mega.buffer shared : memref<4x2xi32>
  %weights = mega.buffer shared : memref<4x3xf32>
  %scores = mega.buffer private : memref<8xf32>
  %norm = mega.weight @norm : tensor<50xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{cannot route by #fpmoe.expert_choice<segment = 16, max_experts = 2, capacity = 1.000000e+00 : f64> (route_c2)}}
    mega.route %x norm %norm into %rows, %experts, %weights by %scores eps 1.0e-6 routing #fpmoe.expert_choice<segment = 16, max_experts = 2, capacity = 1.0> experts 3 : memref<4x64xf32>, tensor<50xf32>, memref<4x64x1x1xf32>, memref<4x2xi32>, memref<4x3xf32>, memref<8xf32>
  }
}

// -----

// record_routes_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %experts = mega.buffer shared : memref<4x2xi32>
  %routes = mega.input routes : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{records 0 experts of 4 tokens (record_routes_c1)}}
      mega.record_routes of %experts : memref<4x2xi32> into %routes layer %layer columns 0 max_tokens 4 : memref<?xi32>
    }
  }
}

// -----

// record_routes_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %experts = mega.buffer shared : memref<4x2xi32>
  %routes = mega.input routes : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{records 2 experts of 0 tokens (record_routes_c1)}}
      mega.record_routes of %experts : memref<4x2xi32> into %routes layer %layer columns 2 max_tokens 0 : memref<?xi32>
    }
  }
}

// -----

// record_routes_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %experts = mega.buffer shared : memref<4x2xi32>
  %routes = mega.input routes : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{records -1 experts of 4 tokens (record_routes_c1)}}
      mega.record_routes of %experts : memref<4x2xi32> into %routes layer %layer columns -1 max_tokens 4 : memref<?xi32>
    }
  }
}

// -----

// record_routes_c1
mega.program @p max_tokens 4 rows 4 context 64 {
  %experts = mega.buffer shared : memref<4x2xi32>
  %routes = mega.input routes : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "p" tiles [tokens] {
      // expected-error@+1 {{records 2 experts of -4 tokens (record_routes_c1)}}
      mega.record_routes of %experts : memref<4x2xi32> into %routes layer %layer columns 2 max_tokens -4 : memref<?xi32>
    }
  }
}

// -----

// segment_scores_c1: rows of the segment level alone
fpmoe.weight @norm : tensor<50xf32> {
  %0 = fpmoe.load "norm" : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
fpmoe.weight @router : tensor<2x50xf32> {
  %0 = fpmoe.load "router" : tensor<2x50xf32>
  fpmoe.yield %0 : tensor<2x50xf32>
}
mega.program @p max_tokens 24 rows 12 context 64 {
  %x = mega.buffer shared : memref<24x64xf32>
  %scores = mega.buffer shared : memref<3x2xf32>
  %pooled = mega.buffer private : memref<64xf32>
  %segments = mega.input segments : memref<?xi32>
  %norm = mega.weight @norm : tensor<50xf32>
  %router = mega.weight @router : tensor<2x50xf32>
  mega.phase "p" tiles [3] {
    // expected-error@+1 {{by 'tensor<2x50xf32>' gives 'memref<3x2xf32>' with scratch 'memref<64xf32>' (segment_scores_c1)}}
    mega.segment_scores %x norm %norm router %router of %segments into %scores by %pooled eps 1.0e-6 routing <token_experts = 2, shared = 1, top_k = 1, token_share = 0.5, whole = <segment = 8, max_experts = 1, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.5> : memref<24x64xf32>, tensor<50xf32>, tensor<2x50xf32>, memref<?xi32>, memref<3x2xf32>, memref<64xf32>
  }
}

// -----

// segment_scores_c1: scratch of no whole vectors
fpmoe.weight @norm : tensor<50xf32> {
  %0 = fpmoe.load "norm" : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
fpmoe.weight @router : tensor<4x50xf32> {
  %0 = fpmoe.load "router" : tensor<4x50xf32>
  fpmoe.yield %0 : tensor<4x50xf32>
}
mega.program @p max_tokens 24 rows 12 context 64 {
  %x = mega.buffer shared : memref<24x64xf32>
  %scores = mega.buffer shared : memref<3x2xf32>
  %pooled = mega.buffer private : memref<50xf32>
  %segments = mega.input segments : memref<?xi32>
  %norm = mega.weight @norm : tensor<50xf32>
  %router = mega.weight @router : tensor<4x50xf32>
  mega.phase "p" tiles [3] {
    // expected-error@+1 {{by 'tensor<4x50xf32>' gives 'memref<3x2xf32>' with scratch 'memref<50xf32>' (segment_scores_c1)}}
    mega.segment_scores %x norm %norm router %router of %segments into %scores by %pooled eps 1.0e-6 routing <token_experts = 2, shared = 1, top_k = 1, token_share = 0.5, whole = <segment = 8, max_experts = 1, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.5> : memref<24x64xf32>, tensor<50xf32>, tensor<4x50xf32>, memref<?xi32>, memref<3x2xf32>, memref<50xf32>
  }
}

// -----

// segment_choose_c1
mega.program @p max_tokens 24 rows 12 context 64 {
  %scores = mega.buffer shared : memref<3x2xf32>
  %experts = mega.buffer shared : memref<24x3xi32>
  %weights = mega.buffer shared : memref<24x4xf32>
  %taken = mega.buffer private : memref<8xi32>
  %segments = mega.input segments : memref<?xi32>
  mega.phase "p" tiles [1] {
    // expected-error@+1 {{needs scratch of 9 numbers, it has 'memref<8xi32>' (segment_choose_c1)}}
    mega.segment_choose %scores of %segments into %experts, %weights by %taken routing <token_experts = 2, shared = 1, top_k = 1, token_share = 0.5, whole = <segment = 8, max_experts = 1, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.5> : memref<3x2xf32>, memref<?xi32>, memref<24x3xi32>, memref<24x4xf32>, memref<8xi32>
  }
}

// -----

// group_c1: 5 numbers of groups, 9 of each block, and one too many
mega.program @p max_tokens 8 rows 4 context 64 {
  %experts = mega.buffer private : memref<8x2xi32>
  %weights = mega.buffer private : memref<8x3xf32>
  %groups = mega.buffer private : memref<24xi32>
  mega.phase "p" {
    // expected-error@+1 {{makes 4 groups of blocks of 4 rows in 'memref<24xi32>', which is no whole table (group_c1)}}
    mega.group %experts, %weights into %groups experts 3 shared true : memref<8x2xi32>, memref<8x3xf32>, memref<24xi32>
  }
}

// -----

// group_c1: no block
mega.program @p max_tokens 8 rows 4 context 64 {
  %experts = mega.buffer private : memref<8x2xi32>
  %weights = mega.buffer private : memref<8x3xf32>
  %groups = mega.buffer private : memref<5xi32>
  mega.phase "p" {
    // expected-error@+1 {{makes 4 groups of blocks of 4 rows in 'memref<5xi32>', which is no whole table (group_c1)}}
    mega.group %experts, %weights into %groups experts 3 shared true : memref<8x2xi32>, memref<8x3xf32>, memref<5xi32>
  }
}

// -----

// gather_c1: activations
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<4x64xf32>
  %groups = mega.buffer private : memref<80xi32>
  %operand = mega.buffer shared : memref<8x64x4x1xf32>
  mega.phase "p" tiles [expert_blocks] {
    // expected-error@+1 {{packs rows of 'memref<4x64xf32>' into 'memref<8x64x4x1xf32>' (gather_c1)}}
    mega.gather %rows by %groups into %operand : memref<4x64xf32>, memref<80xi32>, memref<8x64x4x1xf32>
  }
}

// -----

// gather_c1: rows of a block
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<1x64x4x1xf32>
  %groups = mega.buffer private : memref<80xi32>
  %operand = mega.buffer shared : memref<8x64x4x1xf32>
  mega.phase "p" tiles [expert_blocks] {
    // expected-error@+1 {{packs rows of 'memref<1x64x4x1xf32>' into 'memref<8x64x4x1xf32>' (gather_c1)}}
    mega.gather %rows by %groups into %operand : memref<1x64x4x1xf32>, memref<80xi32>, memref<8x64x4x1xf32>
  }
}

// -----

// gather_c1: another element
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<4x64x1x1xbf16>
  %groups = mega.buffer private : memref<80xi32>
  %operand = mega.buffer shared : memref<8x64x4x1xf32>
  mega.phase "p" tiles [expert_blocks] {
    // expected-error@+1 {{packs rows of 'memref<4x64x1x1xbf16>' into 'memref<8x64x4x1xf32>' (gather_c1)}}
    mega.gather %rows by %groups into %operand : memref<4x64x1x1xbf16>, memref<80xi32>, memref<8x64x4x1xf32>
  }
}

// -----

// gather_c1: other columns
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<4x48x1x1xf32>
  %groups = mega.buffer private : memref<80xi32>
  %operand = mega.buffer shared : memref<8x64x4x1xf32>
  mega.phase "p" tiles [expert_blocks] {
    // expected-error@+1 {{packs rows of 'memref<4x48x1x1xf32>' into 'memref<8x64x4x1xf32>' (gather_c1)}}
    mega.gather %rows by %groups into %operand : memref<4x48x1x1xf32>, memref<80xi32>, memref<8x64x4x1xf32>
  }
}

// -----

// gather_c1: pairs
mega.program @p max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared : memref<4x64x1x1xbf16>
  %groups = mega.buffer private : memref<80xi32>
  %operand = mega.buffer shared : memref<8x32x4x2xbf16>
  mega.phase "p" tiles [expert_blocks] {
    // expected-error@+1 {{packs rows of 'memref<4x64x1x1xbf16>' into 'memref<8x32x4x2xbf16>' (gather_c1)}}
    mega.gather %rows by %groups into %operand : memref<4x64x1x1xbf16>, memref<80xi32>, memref<8x32x4x2xbf16>
  }
}

// -----

// expert_up_c1: nobody to take a token
mega.program @p max_tokens 1 rows 1 context 64 {
  %rows = mega.buffer private : memref<1x64x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %weights = mega.buffer private : memref<1x3xf32>
  %groups = mega.buffer private : memref<32xi32>
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  mega.phase "p" tiles [9] {
    // expected-error@+1 {{multiplies 'memref<1x64x1x1xf32>' by no expert (expert_up_c1)}}
    mega.expert_up %rows chosen %experts : memref<1x2xi32>, %weights : memref<1x3xf32> into %act pairs 1 : memref<1x64x1x1xf32>, memref<3x48x1x1xf32>
  }
}

// -----

// expert_up_c1: gate and up behind each other
fpmoe.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "gate_up" : tensor<3x72x50xf32>
  %1 = fpmoe.pack %0 : tensor<3x72x50xf32> -> tensor<3x72x50xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %rows = mega.buffer private : memref<1x64x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %weights = mega.buffer private : memref<1x3xf32>
  %groups = mega.buffer private : memref<32xi32>
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %gate_up = mega.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [9] {
    // expected-error@+1 {{multiplies 'memref<1x64x1x1xf32>' by 'tensor<3x72x50xf32, #mega.packed<n = 16, k = 1>>' (expert_up_c1)}}
    mega.expert_up %rows experts %gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x2xi32>, %weights : memref<1x3xf32> into %act pairs 1 : memref<1x64x1x1xf32>, memref<3x48x1x1xf32>
  }
}

// -----

// expert_up_c1: one matrix where there are experts
fpmoe.weight @gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "gate_up" : tensor<72x50xf32>
  %1 = fpmoe.pack %0 : tensor<72x50xf32> -> tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %rows = mega.buffer private : memref<1x64x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %weights = mega.buffer private : memref<1x3xf32>
  %groups = mega.buffer private : memref<32xi32>
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %gate_up = mega.weight @gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  mega.phase "p" tiles [9] {
    // expected-error@+1 {{multiplies 'memref<1x64x1x1xf32>' by 'tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>' (expert_up_c1)}}
    mega.expert_up %rows experts %gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> chosen %experts : memref<1x2xi32>, %weights : memref<1x3xf32> into %act pairs 1 : memref<1x64x1x1xf32>, memref<3x48x1x1xf32>
  }
}

// -----

// expert_up_c1: not packed
fpmoe.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "gate_up" : tensor<3x72x50xf32>
  %1 = fpmoe.pack %0 : tensor<3x72x50xf32> -> tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
fpmoe.weight @shared_gate_up : tensor<72x50xf32> {
  %0 = fpmoe.load "shared_gate_up" : tensor<72x50xf32>
  fpmoe.yield %0 : tensor<72x50xf32>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %rows = mega.buffer private : memref<1x64x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %weights = mega.buffer private : memref<1x3xf32>
  %groups = mega.buffer private : memref<32xi32>
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %gate_up = mega.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  %shared_gate_up = mega.weight @shared_gate_up : tensor<72x50xf32>
  mega.phase "p" tiles [9] {
    // expected-error@+1 {{multiplies 'memref<1x64x1x1xf32>' by 'tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>' 'tensor<72x50xf32>' (expert_up_c1)}}
    mega.expert_up %rows experts %gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> shared %shared_gate_up : tensor<72x50xf32> chosen %experts : memref<1x2xi32>, %weights : memref<1x3xf32> into %act pairs 1 : memref<1x64x1x1xf32>, memref<3x48x1x1xf32>
  }
}

// -----

// expert_up_c1: another K
fpmoe.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "gate_up" : tensor<3x72x50xf32>
  %1 = fpmoe.pack %0 : tensor<3x72x50xf32> -> tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
fpmoe.weight @shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "shared_gate_up" : tensor<72x50xf32>
  %1 = fpmoe.pack %0 : tensor<72x50xf32> -> tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %rows = mega.buffer private : memref<1x48x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %weights = mega.buffer private : memref<1x3xf32>
  %groups = mega.buffer private : memref<32xi32>
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %gate_up = mega.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  %shared_gate_up = mega.weight @shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  mega.phase "p" tiles [9] {
    // expected-error@+1 {{multiplies 'memref<1x48x1x1xf32>' by 'tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>' 'tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>' (expert_up_c1)}}
    mega.expert_up %rows experts %gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> shared %shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> chosen %experts : memref<1x2xi32>, %weights : memref<1x3xf32> into %act pairs 1 : memref<1x48x1x1xf32>, memref<3x48x1x1xf32>
  }
}

// -----

// expert_up_c2: neither
fpmoe.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "gate_up" : tensor<3x72x50xf32>
  %1 = fpmoe.pack %0 : tensor<3x72x50xf32> -> tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
fpmoe.weight @shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "shared_gate_up" : tensor<72x50xf32>
  %1 = fpmoe.pack %0 : tensor<72x50xf32> -> tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %rows = mega.buffer private : memref<1x64x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %weights = mega.buffer private : memref<1x3xf32>
  %groups = mega.buffer private : memref<32xi32>
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %gate_up = mega.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  %shared_gate_up = mega.weight @shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  mega.phase "p" tiles [9] {
    // expected-error@+1 {{needs the groups of many tokens, or the experts and weights of one (expert_up_c2)}}
    mega.expert_up %rows experts %gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> shared %shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> into %act pairs 1 : memref<1x64x1x1xf32>, memref<3x48x1x1xf32>
  }
}

// -----

// expert_up_c2: both
fpmoe.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "gate_up" : tensor<3x72x50xf32>
  %1 = fpmoe.pack %0 : tensor<3x72x50xf32> -> tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
fpmoe.weight @shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "shared_gate_up" : tensor<72x50xf32>
  %1 = fpmoe.pack %0 : tensor<72x50xf32> -> tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %rows = mega.buffer private : memref<1x64x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %weights = mega.buffer private : memref<1x3xf32>
  %groups = mega.buffer private : memref<32xi32>
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %gate_up = mega.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  %shared_gate_up = mega.weight @shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  mega.phase "p" tiles [9] {
    // expected-error@+1 {{needs the groups of many tokens, or the experts and weights of one (expert_up_c2)}}
    mega.expert_up %rows experts %gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> shared %shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> groups %groups : memref<32xi32> chosen %experts : memref<1x2xi32>, %weights : memref<1x3xf32> into %act pairs 1 : memref<1x64x1x1xf32>, memref<3x48x1x1xf32>
  }
}

// -----

// expert_down_c1: nobody to take a token
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %x = mega.buffer shared : memref<1x64xf32>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{multiplies 'memref<3x48x1x1xf32>' by no expert (expert_down_c1)}}
    mega.expert_down %act chosen %experts : memref<1x2xi32> into %x vectors 1 depth 48 : memref<3x48x1x1xf32>, memref<1x64xf32>
  }
}

// -----

// expert_down_c1: halves are of gate and up
fpmoe.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "down" : tensor<3x50x36xf32>
  %1 = fpmoe.pack %0 : tensor<3x50x36xf32> -> tensor<3x50x36xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %x = mega.buffer shared : memref<1x64xf32>
  %down = mega.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1, halves = true>>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{multiplies 'memref<3x48x1x1xf32>' by 'tensor<3x50x36xf32, #mega.packed<n = 16, k = 1, halves = true>>' (expert_down_c1)}}
    mega.expert_down %act experts %down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1, halves = true>> chosen %experts : memref<1x2xi32> into %x vectors 1 depth 48 : memref<3x48x1x1xf32>, memref<1x64xf32>
  }
}

// -----

// expert_down_c1: not packed
fpmoe.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "down" : tensor<3x50x36xf32>
  %1 = fpmoe.pack %0 : tensor<3x50x36xf32> -> tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @shared_down : tensor<50x36xf32> {
  %0 = fpmoe.load "shared_down" : tensor<50x36xf32>
  fpmoe.yield %0 : tensor<50x36xf32>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %x = mega.buffer shared : memref<1x64xf32>
  %down = mega.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  %shared_down = mega.weight @shared_down : tensor<50x36xf32>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{multiplies 'memref<3x48x1x1xf32>' by 'tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>' 'tensor<50x36xf32>' (expert_down_c1)}}
    mega.expert_down %act experts %down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> shared %shared_down : tensor<50x36xf32> chosen %experts : memref<1x2xi32> into %x vectors 1 depth 48 : memref<3x48x1x1xf32>, memref<1x64xf32>
  }
}

// -----

// expert_down_c1: wider than what the first product gives
fpmoe.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "down" : tensor<3x50x36xf32>
  %1 = fpmoe.pack %0 : tensor<3x50x36xf32> -> tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "shared_down" : tensor<50x36xf32>
  %1 = fpmoe.pack %0 : tensor<50x36xf32> -> tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<3x32x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %x = mega.buffer shared : memref<1x64xf32>
  %down = mega.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  %shared_down = mega.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{multiplies 'memref<3x32x1x1xf32>' by 'tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>' 'tensor<50x36xf32, #mega.packed<n = 16, k = 1>>' (expert_down_c1)}}
    mega.expert_down %act experts %down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> shared %shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x2xi32> into %x vectors 1 depth 48 : memref<3x32x1x1xf32>, memref<1x64xf32>
  }
}

// -----

// expert_down_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<1x32x1x1xf32>
  %experts = mega.buffer private : memref<1x1xi32>
  %x = mega.buffer shared : memref<4x1x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{of shards 'memref<1x32x1x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<4x1x32xf32>', or has not their tiles (expert_down_c3)}}
    mega.expert_down %act shared %w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x1xi32> into %x vectors 1 depth 16 : memref<1x32x1x1xf32>, memref<4x1x32xf32>
  }
}

// -----

// expert_down_c3
fpmoe.weight @w : tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x24xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x24xf32> -> tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<1x64x1x1xf32>
  %experts = mega.buffer private : memref<1x1xi32>
  %x = mega.buffer shared : memref<2x1x32xf32>
  %w = mega.weight @w : tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{of shards 'memref<1x64x1x1xf32>' by 'tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x1x32xf32>', or has not their tiles (expert_down_c3)}}
    mega.expert_down %act shared %w : tensor<2x20x24xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x1xi32> into %x vectors 1 depth 16 : memref<1x64x1x1xf32>, memref<2x1x32xf32>
  }
}

// -----

// expert_down_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<1x16x1x1xf32>
  %experts = mega.buffer private : memref<1x1xi32>
  %x = mega.buffer shared : memref<2x1x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{of shards 'memref<1x16x1x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x1x32xf32>', or has not their tiles (expert_down_c3)}}
    mega.expert_down %act shared %w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x1xi32> into %x vectors 1 depth 16 : memref<1x16x1x1xf32>, memref<2x1x32xf32>
  }
}

// -----

// expert_down_c3
fpmoe.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<2x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<2x20x16xf32> -> tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<1x32x1x1xf32>
  %experts = mega.buffer private : memref<1x1xi32>
  %x = mega.buffer shared : memref<2x1x32xf32>
  %w = mega.weight @w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [6] {
    // expected-error@+1 {{of shards 'memref<1x32x1x1xf32>' by 'tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>>' gives 'memref<2x1x32xf32>', or has not their tiles (expert_down_c3)}}
    mega.expert_down %act shared %w : tensor<2x20x16xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x1xi32> into %x vectors 1 depth 16 : memref<1x32x1x1xf32>, memref<2x1x32xf32>
  }
}

// -----

// expert_down_c2
fpmoe.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "down" : tensor<3x50x36xf32>
  %1 = fpmoe.pack %0 : tensor<3x50x36xf32> -> tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "shared_down" : tensor<50x36xf32>
  %1 = fpmoe.pack %0 : tensor<50x36xf32> -> tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %x = mega.buffer shared : memref<1x64xf32>
  %down = mega.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  %shared_down = mega.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{takes 1 vectors, and K 0 elements at a time, which must be a multiple of 16 (expert_down_c2)}}
    mega.expert_down %act experts %down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> shared %shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x2xi32> into %x vectors 1 depth 0 : memref<3x48x1x1xf32>, memref<1x64xf32>
  }
}

// -----

// expert_down_c2
fpmoe.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "down" : tensor<3x50x36xf32>
  %1 = fpmoe.pack %0 : tensor<3x50x36xf32> -> tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "shared_down" : tensor<50x36xf32>
  %1 = fpmoe.pack %0 : tensor<50x36xf32> -> tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %x = mega.buffer shared : memref<1x64xf32>
  %down = mega.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  %shared_down = mega.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{takes 1 vectors, and K 40 elements at a time, which must be a multiple of 16 (expert_down_c2)}}
    mega.expert_down %act experts %down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> shared %shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x2xi32> into %x vectors 1 depth 40 : memref<3x48x1x1xf32>, memref<1x64xf32>
  }
}

// -----

// expert_down_c2
fpmoe.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "down" : tensor<3x50x36xf32>
  %1 = fpmoe.pack %0 : tensor<3x50x36xf32> -> tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "shared_down" : tensor<50x36xf32>
  %1 = fpmoe.pack %0 : tensor<50x36xf32> -> tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %x = mega.buffer shared : memref<1x64xf32>
  %down = mega.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  %shared_down = mega.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{takes 1 vectors, and K -16 elements at a time, which must be a multiple of 16 (expert_down_c2)}}
    mega.expert_down %act experts %down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> shared %shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x2xi32> into %x vectors 1 depth -16 : memref<3x48x1x1xf32>, memref<1x64xf32>
  }
}

// -----

// expert_down_c2
fpmoe.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "down" : tensor<3x50x36xf32>
  %1 = fpmoe.pack %0 : tensor<3x50x36xf32> -> tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
}
fpmoe.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "shared_down" : tensor<50x36xf32>
  %1 = fpmoe.pack %0 : tensor<50x36xf32> -> tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %x = mega.buffer shared : memref<1x64xf32>
  %down = mega.weight @down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>>
  %shared_down = mega.weight @shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "p" tiles [4] {
    // expected-error@+1 {{takes 0 vectors, and K}}
    mega.expert_down %act experts %down : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> shared %shared_down : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> chosen %experts : memref<1x2xi32> into %x vectors 0 depth 0 : memref<3x48x1x1xf32>, memref<1x64xf32>
  }
}

// -----

// route_c3
fpmoe.weight @norm : tensor<50xf32> {
  %0 = fpmoe.load "norm" : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
mega.program @p max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %rows = mega.buffer shared : memref<4x64x1x1xf32>
  %experts = mega.buffer shared : memref<4x2xi32>
  %weights = mega.buffer shared : memref<4x3xf32>
  %scores = mega.buffer private : memref<8xf32>
  %norm = mega.weight @norm : tensor<50xf32>
  mega.phase "p" tiles [blocks] {
    // expected-error@+1 {{takes 2 experts a token, but has no rule, or no router for it, or has a rule and takes none (route_c3)}}
    mega.route %x norm %norm into %rows, %experts, %weights by %scores eps 1.0e-6 experts 3 : memref<4x64xf32>, tensor<50xf32>, memref<4x64x1x1xf32>, memref<4x2xi32>, memref<4x3xf32>, memref<8xf32>
  }
}

// -----

// expert_up_c3
fpmoe.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "gate_up" : tensor<3x72x50xf32>
  %1 = fpmoe.pack %0 : tensor<3x72x50xf32> -> tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
fpmoe.weight @shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> {
  %0 = fpmoe.load "shared_gate_up" : tensor<72x50xf32>
  %1 = fpmoe.pack %0 : tensor<72x50xf32> -> tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  fpmoe.yield %1 : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
}
mega.program @p max_tokens 1 rows 1 context 64 {
  %rows = mega.buffer private : memref<1x64x1x1xf32>
  %experts = mega.buffer private : memref<1x2xi32>
  %weights = mega.buffer private : memref<1x3xf32>
  %groups = mega.buffer private : memref<32xi32>
  %act = mega.buffer shared : memref<3x48x1x1xf32>
  %gate_up = mega.weight @gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  %shared_gate_up = mega.weight @shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>>
  mega.phase "p" tiles [9] {
    // expected-error@+1 {{takes 0 pairs a tile (expert_up_c3)}}
    mega.expert_up %rows experts %gate_up : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> shared %shared_gate_up : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> chosen %experts : memref<1x2xi32>, %weights : memref<1x3xf32> into %act pairs 0 : memref<1x64x1x1xf32>, memref<3x48x1x1xf32>
  }
}
