// RUN: fpmoe-opt %s --mega-pack-weights --fpmoe-build-programs="prefill-tokens=17" | fpmoe-opt | FileCheck %s
// RUN: not fpmoe-opt %s --mega-pack-weights --fpmoe-build-programs="prefill-tokens=7" 2>&1 | FileCheck %s --check-prefix=SHORT

// Experts that choose segments: their scores and the choice are phases of their
// own, in the program for many tokens alone. One token completes no segment, and
// has room for the two experts of the token level only.

// SHORT: 'fpmoe.moe' op routes segments of 8 tokens, a step has at most prefill-tokens, 7

// CHECK-LABEL: mega.program @decode
// CHECK-NOT:   segment_
// CHECK:       mega.route
// CHECK-SAME:  memref<1x2xi32>, memref<1x3xf32>

// CHECK-LABEL: mega.program @prefill
// CHECK-DAG:   %[[SCORES:.*]] = mega.buffer shared "segment_scores" : memref<2x3xf32>
// CHECK-DAG:   %[[TAKEN:.*]] = mega.buffer private "taken" : memref<8xi32>
// CHECK:       mega.phase "route" tiles [blocks] {
// CHECK-NEXT:    mega.route %[[X:.*]] norm {{.*}} into %{{.*}}, %[[EXPERTS:.*]], %[[WEIGHTS:.*]] by
// CHECK-SAME:    memref<17x4xi32>, memref<17x5xf32>
// CHECK:       mega.barrier
// CHECK:       mega.phase "segment_scores" tiles [2] {
// CHECK-NEXT:    mega.segment_scores %[[X]] norm {{.*}} of %segments into %[[SCORES]] by
// CHECK:       mega.barrier
// CHECK-NEXT:  mega.phase "segment_choose" tiles [1] {
// CHECK-NEXT:    mega.segment_choose %[[SCORES]] of %segments into %[[EXPERTS]], %[[WEIGHTS]] by %[[TAKEN]]
// CHECK:       mega.barrier
// CHECK-NEXT:  mega.phase "group" {
// CHECK-NEXT:    mega.group %[[EXPERTS]], %[[WEIGHTS]]

#rule = #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3>

module attributes {mega.target = #mega.target<cpu = "x86-64-v3", dot = none, rows = 4, accumulators = 5, columns = 16>, fpmoe.model = {architecture = "MultiPLMoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @router : tensor<6x8xf32> {
    %0 = fpmoe.load "router" : tensor<6x8xf32>
    fpmoe.yield %0 : tensor<6x8xf32>
  }
  fpmoe.weight @gate_up : tensor<6x12x8xf32> {
    %0 = fpmoe.load "gate_up" : tensor<6x12x8xf32>
    fpmoe.yield %0 : tensor<6x12x8xf32>
  }
  fpmoe.weight @down : tensor<6x8x6xf32> {
    %0 = fpmoe.load "down" : tensor<6x8x6xf32>
    fpmoe.yield %0 : tensor<6x8x6xf32>
  }
  func.func private @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
    %norm = fpmoe.get @norm : tensor<8xf32>
    %router = fpmoe.get @router : tensor<6x8xf32>
    %gate_up = fpmoe.get @gate_up : tensor<6x12x8xf32>
    %down = fpmoe.get @down : tensor<6x8x6xf32>
    %y = fpmoe.moe %x norm %norm : tensor<8xf32> eps 1.0e-6 router %router : tensor<6x8xf32> by #rule experts %gate_up : tensor<6x12x8xf32>, %down : tensor<6x8x6xf32> names ["a", "b", "shared", "s0", "s1", "s2"] -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    %y = fpmoe.layers %x, %positions bodies [@body] order [0] : tensor<?x8xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}
