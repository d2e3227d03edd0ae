// RUN: fpmoe-opt %s --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" | FileCheck %s --implicit-check-not=func.func --implicit-check-not=fpmoe.get
// RUN: fpmoe-opt %s --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" -o %t.once
// RUN: fpmoe-opt %t.once | diff - %t.once

// Of other machines: one with panels of 32 columns, one without the dot product, one
// of fewer registers and rows. What is no module's target is of none in particular.

// RUN: sed 's/columns = 16/columns = 32/' %s | fpmoe-opt --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" | FileCheck %s --check-prefix=WIDE
// RUN: sed 's/dot = avx512_bf16/dot = none/' %s | fpmoe-opt --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" | FileCheck %s --check-prefix=PLAIN
// RUN: sed 's/rows = 12, accumulators = 24/rows = 5, accumulators = 1/' %s | fpmoe-opt --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" | FileCheck %s --check-prefix=FEW
// RUN: sed 's/mega.target = #target, //' %s | fpmoe-opt --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" | FileCheck %s --check-prefix=PLAIN

// RUN: sed -e 's/tensor<40x20xbf16>/tensor<40x20xf16>/g' %s | fpmoe-opt --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" | FileCheck %s --check-prefix=MIXED

// Every product has rows of the format of its own weight.
// MIXED: fpmoe.weight @table : tensor<40x20xf16, #mega.packed<n = 16, k = 1>>
// MIXED-LABEL: mega.program @decode
// MIXED: %attention_norm = mega.buffer private "attention_norm" : memref<1x16x1x2xbf16>
// MIXED: %rows_with_logits = mega.buffer private "rows_with_logits" : memref<1x32x1x1xf32>
// MIXED: mega.embed %table at %tokens into %x : tensor<40x20xf16, #mega.packed<n = 16, k = 1>>
// MIXED: mega.linear %rows_with_logits, {{.*}} : memref<1x32x1x1xf32>, tensor<40x20xf16, #mega.packed<n = 16, k = 1>>

// A tile takes whole panels, as far as there are any: of 20 columns there is one.
// WIDE-LABEL: mega.program @decode
// WIDE: mega.linear {{.*}} vectors 4 group 16 accumulate {{.*}}#mega.packed<n = 32, k = 2>>
// WIDE: mega.expert_up {{.*}} pairs 2 :
// WIDE-LABEL: mega.program @prefill
// WIDE: mega.linear {{.*}} vectors 2 group 16 accumulate {{.*}}#mega.packed<n = 32, k = 2>>
// WIDE: mega.expert_up {{.*}} pairs 1 :

// Without the dot product, rows of f32 are multiplied, whatever weights are.
// PLAIN-LABEL: mega.program @decode
// PLAIN: %attention_norm = mega.buffer private "attention_norm" : memref<1x32x1x1xf32>
// PLAIN: %attended = mega.buffer shared "attended" : memref<1x16x1x1xf32>
// PLAIN-LABEL: mega.program @prefill
// PLAIN: %attention_norm = mega.buffer shared "attention_norm" : memref<2x32x12x1xf32>
// PLAIN: mega.qkv {{.*}} : memref<2x32x12x1xf32>, tensor<4x4x20xbf16, #mega.packed<n = 16, k = 2>>

// Blocks have the target's rows; one token's products read as many vectors at once as
// there are sums for.
// FEW-LABEL: mega.program @decode
// FEW: mega.phase "output" tiles [2, 1] {
// FEW: mega.linear {{.*}} vectors 1 group 16 accumulate
// FEW: mega.expert_up {{.*}} pairs 1 :
// FEW: mega.phase "logits" tiles [3, 1] {
// FEW-LABEL: mega.program @prefill max_tokens 24 rows 5 context 64
// FEW: memref<5x16x5x2xbf16>

// A fused model with a dense layer and two sparse ones becomes two programs.
// The names of the experts move to the model, since no op is left with them.

// CHECK: module attributes {fpmoe.model = {{.*}}experts = ["haskell", "ocaml", "scala"]

// Of a rotary table its frequencies are left, which programs need.
// CHECK-NOT: fpmoe.rope_table
// CHECK: fpmoe.weight @rope.frequencies : tensor<2xf32> {
// CHECK-NEXT: fpmoe.rope_frequencies theta 1.000000e+04 : tensor<2xf32>
// CHECK-NOT: fpmoe.rope_table

// For one token, norm, route and cosines are done by every worker into its own memory,
// and experts need no grouping: their chunks are of two chosen and the shared one.
// CHECK-LABEL: mega.program @decode max_tokens 1 rows 1 context 64 {
// CHECK: %x = mega.buffer shared "x" : memref<1x32xf32>
// CHECK: %tokens = mega.input tokens : memref<?xi32>
// CHECK: %query = mega.buffer shared "query" : memref<1x2x16xf32>
// CHECK: %cache = mega.buffer cache "cache" : memref<3x1x?x32xbf16>
// CHECK: %angles = mega.buffer private "angles" : memref<1x4xf32>
// CHECK: %positions = mega.input positions : memref<?xi32>
// CHECK: %attention_norm = mega.buffer private "attention_norm" : memref<1x16x1x2xbf16>
// CHECK: %head = mega.buffer private "head" : memref<1x16xf32>
// CHECK: %attended = mega.buffer shared "attended" : memref<1x8x1x2xbf16>
// CHECK: %scores = mega.buffer private "scores" : memref<2x80xf32>
// CHECK: %partial = mega.buffer shared "partial" : memref<1x1x2x32xf32>
// CHECK: %normed = mega.buffer private "normed" : memref<1x16x1x2xbf16>
// CHECK: %chosen = mega.buffer private "chosen" : memref<1x1xi32>
// CHECK: %weights = mega.buffer private "weights" : memref<1x1xf32>
// CHECK: %router_scores = mega.buffer private "router_scores" : memref<1xf32>
// CHECK: %routes = mega.input routes : memref<?xi32>
// CHECK: %active = mega.buffer shared "active" : memref<1x8x1x2xbf16>
// CHECK: %query_1 = mega.buffer shared "query_1" : memref<1x2x16xf32>
// CHECK: %attention_norm_1 = mega.buffer private "attention_norm_1" : memref<1x16x1x2xbf16>
// CHECK: %head_1 = mega.buffer private "head_1" : memref<1x16xf32>
// CHECK: %attended_1 = mega.buffer shared "attended_1" : memref<1x8x1x2xbf16>
// CHECK: %scores_1 = mega.buffer private "scores_1" : memref<2x80xf32>
// CHECK: %partial_1 = mega.buffer shared "partial_1" : memref<1x1x2x32xf32>
// CHECK: %normed_1 = mega.buffer private "normed_1" : memref<1x16x1x2xbf16>
// CHECK: %chosen_1 = mega.buffer private "chosen_1" : memref<1x2xi32>
// CHECK: %weights_1 = mega.buffer private "weights_1" : memref<1x3xf32>
// CHECK: %router_scores_1 = mega.buffer private "router_scores_1" : memref<6xf32>
// CHECK: %forced = mega.input forced : memref<?xi32>
// CHECK: %active_1 = mega.buffer shared "active_1" : memref<3x16x1x2xbf16>
// CHECK: %rows_with_logits = mega.buffer private "rows_with_logits" : memref<1x16x1x2xbf16>
// CHECK: %logits = mega.buffer logits "logits" : memref<?x40xf32>
// CHECK: mega.phase "embed" tiles [1] {
// CHECK-NEXT: mega.embed %table at %tokens into %x
// CHECK: mega.barrier
// CHECK: mega.phase "rope" {
// CHECK-NEXT: mega.rope %rope.frequencies at %positions into %angles magnitude 1.000000e+00
// CHECK: mega.barrier
// CHECK: mega.layers order [0, 1, 1] {
// CHECK-NEXT: ^bb0(%[[LAYER:.*]]: index):
// CHECK: mega.phase "attention_norm" {
// CHECK-NEXT: mega.norm %x, %dense.norm into %attention_norm eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "qkv" tiles [4, 1] {
// CHECK-NEXT: mega.qkv %attention_norm, %dense.qkv bias %dense.bias : tensor<4x4xf32> rope %angles at %positions into %query, %cache by %head layer %[[LAYER]] heads 2 kv_heads 1 head_dim 4 group 16
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [1, spans] {
// CHECK-NEXT: mega.attend_span %query, %cache at %positions into %partial by %scores layer %[[LAYER]] heads 2 kv_heads 1 head_dim 4 value_dim 4 span 64 scale 5.000000e-01
// CHECK: mega.barrier
// CHECK: mega.phase "merge_spans" tiles [2] {
// CHECK-NEXT: mega.merge_spans %partial at %positions into %attended value_dim 4 span 64
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [1, 1] {
// CHECK-NEXT: mega.linear %attended, %dense.o into %x vectors 4 group 16 accumulate
// CHECK: mega.barrier
// CHECK: mega.phase "route" {
// CHECK-NEXT: mega.route %x norm %dense.norm_1 into %normed, %chosen, %weights by %router_scores eps {{.*}} experts 0
// CHECK: mega.barrier
// CHECK: mega.phase "record_routes" tiles [1] {
// CHECK-NEXT: mega.record_routes into %routes layer %[[LAYER]] columns 2 max_tokens 24
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [1] {
// CHECK-NEXT: mega.expert_up %normed shared %dense.gate_up : tensor<12x20xbf16, #mega.packed<n = 16, k = 2, halves = true>> chosen %chosen : memref<1x1xi32>, %weights : memref<1x1xf32> into %active pairs 2
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [1] {
// CHECK-NEXT: mega.expert_down %active shared %dense.down : tensor<20x6xbf16, #mega.packed<n = 16, k = 2>> chosen %chosen : memref<1x1xi32> into %x vectors 4 depth 16
// CHECK: mega.barrier
// CHECK: }, {
// CHECK-NEXT: ^bb0(%[[LAYER:.*]]: index):
// CHECK: mega.phase "attention_norm" {
// CHECK-NEXT: mega.norm %x, %sparse.norm into %attention_norm_1 eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "qkv" tiles [4, 1] {
// CHECK-NEXT: mega.qkv %attention_norm_1, %sparse.qkv bias %sparse.bias : tensor<4x4xf32> rope %angles at %positions into %query_1, %cache by %head_1 layer %[[LAYER]] heads 2 kv_heads 1 head_dim 4 group 16
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [1, spans] {
// CHECK-NEXT: mega.attend_span %query_1, %cache at %positions into %partial_1 by %scores_1 layer %[[LAYER]] heads 2 kv_heads 1 head_dim 4 value_dim 4 span 64 scale 5.000000e-01 window 16
// CHECK: mega.barrier
// CHECK: mega.phase "merge_spans" tiles [2] {
// CHECK-NEXT: mega.merge_spans %partial_1 at %positions into %attended_1 value_dim 4 span 64 window 16
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [1, 1] {
// CHECK-NEXT: mega.linear %attended_1, %sparse.o into %x vectors 4 group 16 accumulate
// CHECK: mega.barrier
// CHECK: mega.phase "route" {
// CHECK-NEXT: mega.route %x norm %sparse.norm_1 router %sparse.router : tensor<3x20xf32> scaled %shared.scale : tensor<1x20xf32> forced %forced : memref<?xi32> into %normed_1, %chosen_1, %weights_1 by %router_scores_1 eps {{.*}} routing #fpmoe.token_choice<top_k = 2, renormalize = true> experts 3
// CHECK: mega.barrier
// CHECK: mega.phase "record_routes" tiles [1] {
// CHECK-NEXT: mega.record_routes of %chosen_1 : memref<1x2xi32> into %routes layer %[[LAYER]] columns 2 max_tokens 24
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [3] {
// CHECK-NEXT: mega.expert_up %normed_1 experts %sparse.gate_up : tensor<3x12x20xbf16, #mega.packed<n = 16, k = 2, halves = true>> shared %shared.gate_up : tensor<36x20xbf16, #mega.packed<n = 16, k = 2, halves = true>> chosen %chosen_1 : memref<1x2xi32>, %weights_1 : memref<1x3xf32> into %active_1 pairs 2
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [1] {
// CHECK-NEXT: mega.expert_down %active_1 experts %sparse.down : tensor<3x20x6xbf16, #mega.packed<n = 16, k = 2>> shared %shared.down : tensor<20x18xbf16, #mega.packed<n = 16, k = 2>> chosen %chosen_1 : memref<1x2xi32> into %x vectors 4 depth 32
// CHECK: mega.barrier
// CHECK: mega.phase "final_norm" {
// CHECK-NEXT: mega.norm %x, %final into %rows_with_logits eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "logits" tiles [1, 1] {
// CHECK-NEXT: mega.linear %rows_with_logits, %table_0 into %logits vectors 4 group 1
// CHECK: mega.barrier

// For many, norm and route are tiled by blocks, and the tokens are grouped.
// CHECK-LABEL: mega.program @prefill max_tokens 24 rows 12 context 64 {
// CHECK: %x = mega.buffer shared "x" : memref<24x32xf32>
// CHECK: %cache = mega.buffer cache "cache" : memref<3x1x?x32xbf16>
// CHECK: %angles = mega.buffer shared "angles" : memref<24x4xf32>
// CHECK: %attention_norm = mega.buffer shared "attention_norm" : memref<2x16x12x2xbf16>
// CHECK: %normed = mega.buffer shared "normed" : memref<24x16x1x2xbf16>
// CHECK: %groups = mega.buffer private "groups" : memref<52xi32>
// CHECK: %gathered = mega.buffer shared "gathered" : memref<2x16x12x2xbf16>
// CHECK: %groups_1 = mega.buffer private "groups_1" : memref<230xi32>
// CHECK: %gathered_1 = mega.buffer shared "gathered_1" : memref<9x16x12x2xbf16>
// CHECK: %active_1 = mega.buffer shared "active_1" : memref<9x16x12x2xbf16>
// CHECK: %logits = mega.buffer logits "logits" : memref<?x40xf32>
// CHECK: mega.phase "embed" tiles [tokens] {
// CHECK-NEXT: mega.embed %table at %tokens into %x
// CHECK: mega.barrier
// CHECK: mega.phase "rope" tiles [tokens] {
// CHECK-NEXT: mega.rope %rope.frequencies at %positions into %angles magnitude 1.000000e+00
// CHECK: mega.barrier
// CHECK: mega.layers order [0, 1, 1] {
// CHECK-NEXT: ^bb0(%[[LAYER:.*]]: index):
// CHECK: mega.phase "attention_norm" tiles [blocks] {
// CHECK-NEXT: mega.norm %x, %dense.norm into %attention_norm eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "qkv" tiles [4, block_groups] {
// CHECK-NEXT: mega.qkv %attention_norm, %dense.qkv bias %dense.bias : tensor<4x4xf32> rope %angles at %positions into %query, %cache by %head layer %[[LAYER]] heads 2 kv_heads 1 head_dim 4 group 16
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [1, query_blocks] {
// CHECK-NEXT: mega.attention %query, %cache at %positions into %attended by %scores, %sums layer %[[LAYER]] heads 2 kv_heads 1 head_dim 4 value_dim 4 span 64 scale 5.000000e-01
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [1, block_groups] {
// CHECK-NEXT: mega.linear %attended, %dense.o into %x vectors 2 group 16 accumulate
// CHECK: mega.barrier
// CHECK: mega.phase "route" tiles [blocks] {
// CHECK-NEXT: mega.route %x norm %dense.norm_1 into %normed, %chosen, %weights by %router_scores eps {{.*}} experts 0
// CHECK: mega.barrier
// CHECK: mega.phase "record_routes" tiles [tokens] {
// CHECK-NEXT: mega.record_routes into %routes layer %[[LAYER]] columns 2 max_tokens 24
// CHECK: mega.barrier
// CHECK: mega.phase "group" {
// CHECK-NEXT: mega.group %chosen, %weights into %groups experts 0 shared true
// CHECK: mega.barrier
// CHECK: mega.phase "gather" tiles [expert_blocks] {
// CHECK-NEXT: mega.gather %normed by %groups into %gathered
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [1] {
// CHECK-NEXT: mega.expert_up %gathered shared %dense.gate_up : tensor<12x20xbf16, #mega.packed<n = 16, k = 2, halves = true>> groups %groups : memref<52xi32> into %active pairs 1
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [1] {
// CHECK-NEXT: mega.expert_down %active shared %dense.down : tensor<20x6xbf16, #mega.packed<n = 16, k = 2>> groups %groups : memref<52xi32> into %x vectors 2 depth 16
// CHECK: mega.barrier
// CHECK: }, {
// CHECK-NEXT: ^bb0(%[[LAYER:.*]]: index):
// CHECK: mega.phase "attention_norm" tiles [blocks] {
// CHECK-NEXT: mega.norm %x, %sparse.norm into %attention_norm_1 eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "qkv" tiles [4, block_groups] {
// CHECK-NEXT: mega.qkv %attention_norm_1, %sparse.qkv bias %sparse.bias : tensor<4x4xf32> rope %angles at %positions into %query_1, %cache by %head_1 layer %[[LAYER]] heads 2 kv_heads 1 head_dim 4 group 16
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [1, query_blocks] {
// CHECK-NEXT: mega.attention %query_1, %cache at %positions into %attended_1 by %scores_1, %sums_1 layer %[[LAYER]] heads 2 kv_heads 1 head_dim 4 value_dim 4 span 64 scale 5.000000e-01 window 16
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [1, block_groups] {
// CHECK-NEXT: mega.linear %attended_1, %sparse.o into %x vectors 2 group 16 accumulate
// CHECK: mega.barrier
// CHECK: mega.phase "route" tiles [blocks] {
// CHECK-NEXT: mega.route %x norm %sparse.norm_1 router %sparse.router : tensor<3x20xf32> scaled %shared.scale : tensor<1x20xf32> forced %forced : memref<?xi32> into %normed_1, %chosen_1, %weights_1 by %router_scores_1 eps {{.*}} routing #fpmoe.token_choice<top_k = 2, renormalize = true> experts 3
// CHECK: mega.barrier
// CHECK: mega.phase "record_routes" tiles [tokens] {
// CHECK-NEXT: mega.record_routes of %chosen_1 : memref<24x2xi32> into %routes layer %[[LAYER]] columns 2 max_tokens 24
// CHECK: mega.barrier
// CHECK: mega.phase "group" {
// CHECK-NEXT: mega.group %chosen_1, %weights_1 into %groups_1 experts 3 shared true
// CHECK: mega.barrier
// CHECK: mega.phase "gather" tiles [expert_blocks] {
// CHECK-NEXT: mega.gather %normed_1 by %groups_1 into %gathered_1
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [5] {
// CHECK-NEXT: mega.expert_up %gathered_1 experts %sparse.gate_up : tensor<3x12x20xbf16, #mega.packed<n = 16, k = 2, halves = true>> shared %shared.gate_up : tensor<36x20xbf16, #mega.packed<n = 16, k = 2, halves = true>> groups %groups_1 : memref<230xi32> into %active_1 pairs 1
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [1] {
// CHECK-NEXT: mega.expert_down %active_1 experts %sparse.down : tensor<3x20x6xbf16, #mega.packed<n = 16, k = 2>> shared %shared.down : tensor<20x18xbf16, #mega.packed<n = 16, k = 2>> groups %groups_1 : memref<230xi32> into %x vectors 2 depth 32
// CHECK: mega.barrier
// CHECK: mega.phase "final_norm" tiles [logits_blocks] {
// CHECK-NEXT: mega.norm %x, %final of %logits_rows : memref<?xi32> into %rows_with_logits eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "logits" tiles [2, 1] {
// CHECK-NEXT: mega.linear %rows_with_logits, %table_0 of %logits_rows : memref<?xi32> into %logits vectors 2 group 2
// CHECK: mega.barrier

#target = #mega.target<cpu = "avx512-bf16", dot = avx512_bf16, rows = 12, accumulators = 24, columns = 16>

module attributes {mega.target = #target, fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, dtype = "bf16", eos = array<i32>, name = "two", source = "two", temperature = 0.0 : f64, top_k = 0 : i64, top_p = 1.0 : f64}} {
  fpmoe.weight @table : tensor<40x20xbf16> {
    %0 = fpmoe.load "table" : tensor<40x20xf32>
    %1 = fpmoe.convert %0 : tensor<40x20xf32> -> tensor<40x20xbf16>
    fpmoe.yield %1 : tensor<40x20xbf16>
  }
  fpmoe.weight @rope : tensor<64x4xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x4xf32>
    fpmoe.yield %0 : tensor<64x4xf32>
  }
  fpmoe.weight @final : tensor<20xf32> {
    %0 = fpmoe.load "final" : tensor<20xf32>
    fpmoe.yield %0 : tensor<20xf32>
  }
  fpmoe.weight @dense.norm layers [0] : tensor<20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "dense.norm.{}"[%layer] : tensor<20xf32>
    fpmoe.yield %0 : tensor<20xf32>
  }
  fpmoe.weight @dense.qkv layers [0] : tensor<4x4x20xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "dense.qkv.{}"[%layer] : tensor<4x4x20xf32>
    %1 = fpmoe.convert %0 : tensor<4x4x20xf32> -> tensor<4x4x20xbf16>
    fpmoe.yield %1 : tensor<4x4x20xbf16>
  }
  fpmoe.weight @dense.bias layers [0] : tensor<4x4xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "dense.bias.{}"[%layer] : tensor<4x4xf32>
    fpmoe.yield %0 : tensor<4x4xf32>
  }
  fpmoe.weight @dense.o layers [0] : tensor<20x8xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "dense.o.{}"[%layer] : tensor<20x8xf32>
    %1 = fpmoe.convert %0 : tensor<20x8xf32> -> tensor<20x8xbf16>
    fpmoe.yield %1 : tensor<20x8xbf16>
  }
  fpmoe.weight @sparse.norm layers [1, 2] : tensor<20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "sparse.norm.{}"[%layer] : tensor<20xf32>
    fpmoe.yield %0 : tensor<20xf32>
  }
  fpmoe.weight @sparse.qkv layers [1, 2] : tensor<4x4x20xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "sparse.qkv.{}"[%layer] : tensor<4x4x20xf32>
    %1 = fpmoe.convert %0 : tensor<4x4x20xf32> -> tensor<4x4x20xbf16>
    fpmoe.yield %1 : tensor<4x4x20xbf16>
  }
  fpmoe.weight @sparse.bias layers [1, 2] : tensor<4x4xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "sparse.bias.{}"[%layer] : tensor<4x4xf32>
    fpmoe.yield %0 : tensor<4x4xf32>
  }
  fpmoe.weight @sparse.o layers [1, 2] : tensor<20x8xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "sparse.o.{}"[%layer] : tensor<20x8xf32>
    %1 = fpmoe.convert %0 : tensor<20x8xf32> -> tensor<20x8xbf16>
    fpmoe.yield %1 : tensor<20x8xbf16>
  }
  fpmoe.weight @dense.gate_up layers [0] : tensor<12x20xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "dense.gate_up.{}"[%layer] : tensor<12x20xf32>
    %1 = fpmoe.convert %0 : tensor<12x20xf32> -> tensor<12x20xbf16>
    fpmoe.yield %1 : tensor<12x20xbf16>
  }
  fpmoe.weight @dense.down layers [0] : tensor<20x6xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "dense.down.{}"[%layer] : tensor<20x6xf32>
    %1 = fpmoe.convert %0 : tensor<20x6xf32> -> tensor<20x6xbf16>
    fpmoe.yield %1 : tensor<20x6xbf16>
  }
  fpmoe.weight @sparse.router layers [1, 2] : tensor<3x20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "sparse.router.{}"[%layer] : tensor<3x20xf32>
    fpmoe.yield %0 : tensor<3x20xf32>
  }
  fpmoe.weight @sparse.gate_up layers [1, 2] : tensor<3x12x20xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "sparse.gate_up.{}"[%layer] : tensor<3x12x20xf32>
    %1 = fpmoe.convert %0 : tensor<3x12x20xf32> -> tensor<3x12x20xbf16>
    fpmoe.yield %1 : tensor<3x12x20xbf16>
  }
  fpmoe.weight @sparse.down layers [1, 2] : tensor<3x20x6xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "sparse.down.{}"[%layer] : tensor<3x20x6xf32>
    %1 = fpmoe.convert %0 : tensor<3x20x6xf32> -> tensor<3x20x6xbf16>
    fpmoe.yield %1 : tensor<3x20x6xbf16>
  }
  fpmoe.weight @shared.gate_up layers [1, 2] : tensor<36x20xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "shared.gate_up.{}"[%layer] : tensor<36x20xf32>
    %1 = fpmoe.convert %0 : tensor<36x20xf32> -> tensor<36x20xbf16>
    fpmoe.yield %1 : tensor<36x20xbf16>
  }
  fpmoe.weight @shared.down layers [1, 2] : tensor<20x18xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "shared.down.{}"[%layer] : tensor<20x18xf32>
    %1 = fpmoe.convert %0 : tensor<20x18xf32> -> tensor<20x18xbf16>
    fpmoe.yield %1 : tensor<20x18xbf16>
  }
  fpmoe.weight @shared.scale layers [1, 2] : tensor<1x20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "shared.scale.{}"[%layer] : tensor<1x20xf32>
    fpmoe.yield %0 : tensor<1x20xf32>
  }
  func.func private @dense(%x: tensor<?x20xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x20xf32> {
    %norm = fpmoe.get @dense.norm[%layer] : tensor<20xf32>
    %rope = fpmoe.get @rope : tensor<64x4xf32>
    %qkv = fpmoe.get @dense.qkv[%layer] : tensor<4x4x20xbf16>
    %bias = fpmoe.get @dense.bias[%layer] : tensor<4x4xf32>
    %o = fpmoe.get @dense.o[%layer] : tensor<20x8xbf16>
    %gate_up = fpmoe.get @dense.gate_up[%layer] : tensor<12x20xbf16>
    %down = fpmoe.get @dense.down[%layer] : tensor<20x6xbf16>
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv bias %bias : tensor<4x4xf32> rope %rope : tensor<?x20xf32>, tensor<20xf32>, tensor<4x4x20xbf16>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 cache bf16 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %x1 = fpmoe.linear %a, %o residual %x : tensor<?x20xf32> : tensor<?x8xf32>, tensor<20x8xbf16> -> tensor<?x20xf32>
    %y = fpmoe.moe %x1 norm %norm : tensor<20xf32> eps 1.0e-6 shared %gate_up : tensor<12x20xbf16>, %down : tensor<20x6xbf16> -> tensor<?x20xf32>
    return %y : tensor<?x20xf32>
  }
  func.func private @sparse(%x: tensor<?x20xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x20xf32> {
    %norm = fpmoe.get @sparse.norm[%layer] : tensor<20xf32>
    %rope = fpmoe.get @rope : tensor<64x4xf32>
    %qkv = fpmoe.get @sparse.qkv[%layer] : tensor<4x4x20xbf16>
    %bias = fpmoe.get @sparse.bias[%layer] : tensor<4x4xf32>
    %o = fpmoe.get @sparse.o[%layer] : tensor<20x8xbf16>
    %router = fpmoe.get @sparse.router[%layer] : tensor<3x20xf32>
    %gate_up = fpmoe.get @sparse.gate_up[%layer] : tensor<3x12x20xbf16>
    %down = fpmoe.get @sparse.down[%layer] : tensor<3x20x6xbf16>
    %shared_gate_up = fpmoe.get @shared.gate_up[%layer] : tensor<36x20xbf16>
    %shared_down = fpmoe.get @shared.down[%layer] : tensor<20x18xbf16>
    %scale = fpmoe.get @shared.scale[%layer] : tensor<1x20xf32>
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv bias %bias : tensor<4x4xf32> rope %rope : tensor<?x20xf32>, tensor<20xf32>, tensor<4x4x20xbf16>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 window 16 cache bf16 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %x1 = fpmoe.linear %a, %o residual %x : tensor<?x20xf32> : tensor<?x8xf32>, tensor<20x8xbf16> -> tensor<?x20xf32>
    %y = fpmoe.moe %x1 norm %norm : tensor<20xf32> eps 1.0e-6 router %router : tensor<3x20xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> experts %gate_up : tensor<3x12x20xbf16>, %down : tensor<3x20x6xbf16> names ["haskell", "ocaml", "scala"] shared %shared_gate_up : tensor<36x20xbf16>, %shared_down : tensor<20x18xbf16> scaled %scale : tensor<1x20xf32> -> tensor<?x20xf32>
    return %y : tensor<?x20xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x40xf32> {
    %table = fpmoe.get @table : tensor<40x20xbf16>
    %norm = fpmoe.get @final : tensor<20xf32>
    %x = fpmoe.embedding %ids, %table : tensor<40x20xbf16> -> tensor<?x20xf32>
    %y = fpmoe.layers %x, %positions bodies [@dense, @sparse] order [0, 1, 1] : tensor<?x20xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<20xf32> eps 1.0e-6 : tensor<?x20xf32>, tensor<40x20xbf16> -> tensor<?x40xf32>
    return %logits : tensor<?x40xf32>
  }
}
