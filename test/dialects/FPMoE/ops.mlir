// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// Each op of the graph as its documentation shows it, which examples.test
// compares, and the parts that may be left out.

fpmoe.weight @q_proj layers [0, 1] : tensor<8x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "q.{}"[%layer] : tensor<8x8xf32>
  fpmoe.yield %0 : tensor<8x8xf32>
}
fpmoe.weight @single : tensor<8xf32> {
  %0 = fpmoe.load "single" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// CHECK-LABEL: @get
// CHECK-NEXT: fpmoe.get @q_proj[%{{.*}}] : tensor<8x8xf32>
// CHECK-NEXT: fpmoe.get @single : tensor<8xf32>
func.func @get(%layer: index) -> (tensor<8x8xf32>, tensor<8xf32>) {
  %w = fpmoe.get @q_proj[%layer] : tensor<8x8xf32>
  %s = fpmoe.get @single : tensor<8xf32>
  return %w, %s : tensor<8x8xf32>, tensor<8xf32>
}

func.func private @sparse(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
func.func private @dense(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}

// CHECK-LABEL: @layers
// CHECK-NEXT: fpmoe.layers %{{.*}}, %{{.*}} bodies [@sparse, @dense] order [0, 1] : tensor<?x8xf32>
func.func @layers(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) -> tensor<?x8xf32> {
  %y = fpmoe.layers %x, %positions bodies [@sparse, @dense] order [0, 1] : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @embedding
// CHECK-NEXT: fpmoe.embedding %{{.*}}, %{{.*}} : tensor<16x8xf32> -> tensor<?x8xf32>
func.func @embedding(%ids: tensor<?xi32>, %table: tensor<16x8xf32>) -> tensor<?x8xf32> {
  %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}

// CHECK-LABEL: @rms_norm
// CHECK-NEXT: fpmoe.rms_norm %{{.*}}, %{{.*}} eps 9.9{{.*}}E-7 : tensor<?x8xf32>, tensor<8xf32>
func.func @rms_norm(%x: tensor<?x8xf32>, %w: tensor<8xf32>) -> tensor<?x8xf32> {
  %y = fpmoe.rms_norm %x, %w eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @linear
// CHECK-NEXT: fpmoe.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
// CHECK-NEXT: fpmoe.linear %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
// CHECK-NEXT: fpmoe.linear %{{.*}}, %{{.*}} norm %{{.*}} : tensor<8xf32> eps 9.9{{.*}}E-7 bias %{{.*}} : tensor<4xf32> residual %{{.*}} : tensor<?x4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
func.func @linear(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xf32>, %n: tensor<8xf32>) -> tensor<?x4xf32> {
  %y = fpmoe.linear %x, %w bias %b : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %z = fpmoe.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %all = fpmoe.linear %x, %w norm %n : tensor<8xf32> eps 1.0e-6 bias %b : tensor<4xf32> residual %y : tensor<?x4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %all : tensor<?x4xf32>
}

// CHECK-LABEL: @rope
// CHECK-NEXT: fpmoe.rope %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<64x4xf32>
func.func @rope(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %table: tensor<64x4xf32>) -> tensor<?x8xf32> {
  %y = fpmoe.rope %x, %positions, %table : tensor<?x8xf32>, tensor<64x4xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @attention
// CHECK-NEXT: fpmoe.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} layer %{{.*}} heads 2 kv_heads 1 scale 5.000000e-01 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
// CHECK-NEXT: fpmoe.attention {{.*}} scale 5.000000e-01 window 9 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
func.func @attention(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  %y = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  %z = fpmoe.attention %y, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 window 9 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// CHECK-LABEL: @add
// CHECK-NEXT: fpmoe.add %{{.*}}, %{{.*}} : tensor<?x8xf32>
func.func @add(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %z = fpmoe.add %x, %y : tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// CHECK-LABEL: @route
// CHECK-NEXT: fpmoe.route %{{.*}} : tensor<?x8xf32> router %{{.*}} : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
// CHECK-NEXT: fpmoe.route %{{.*}} : tensor<?x8xf32> by #fpmoe.fixed<expert = 2> -> tensor<?x1xf32>, tensor<?x1xi32>
func.func @route(%x: tensor<?x8xf32>, %g: tensor<3x8xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>) {
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %g : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
  %w2, %e2 = fpmoe.route %x : tensor<?x8xf32> by #fpmoe.fixed<expert = 2> -> tensor<?x1xf32>, tensor<?x1xi32>
  return %w, %w2 : tensor<?x1xf32>, tensor<?x1xf32>
}

// CHECK-LABEL: @experts
// CHECK-NEXT: fpmoe.experts %{{.*}} names ["haskell", "ocaml"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<2x6x8xf32>, tensor<2x8x6xf32>
func.func @experts(%x: tensor<?x8xf32>, %w: tensor<?x1xf32>, %e: tensor<?x1xi32>, %gate: tensor<2x6x8xf32>, %up: tensor<2x6x8xf32>, %down: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  %y = fpmoe.experts %x, %w, %e, %gate, %up, %down names ["haskell", "ocaml"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<2x6x8xf32>, tensor<2x8x6xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @mlp
// CHECK-NEXT: fpmoe.mlp %{{.*}} scaled %{{.*}} : tensor<1x8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
// CHECK-NEXT: fpmoe.mlp %{{.*}}, %{{.*}}, %{{.*}}, %{{[a-z0-9]*}} : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
func.func @mlp(%x: tensor<?x8xf32>, %gate: tensor<6x8xf32>, %up: tensor<6x8xf32>, %down: tensor<8x6xf32>, %g: tensor<1x8xf32>) -> tensor<?x8xf32> {
  %y = fpmoe.mlp %x, %gate, %up, %down scaled %g : tensor<1x8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %z = fpmoe.mlp %y, %gate, %up, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  return %z : tensor<?x8xf32>
}

// CHECK-LABEL: @qkv
// CHECK-NEXT: %[[Q:.*]], %[[K:.*]], %[[V:.*]] = fpmoe.qkv %{{.*}}, %{{.*}} norm %{{.*}} eps 9.9{{.*}}E-7 weight %{{.*}} bias %{{.*}} : tensor<4x4xf32> rope %{{.*}} : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
// CHECK-NEXT: fpmoe.qkv %{{.*}} weight %{{[a-z0-9]*}} rope %{{.*}} : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xbf16>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
func.func @qkv(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<4x4x8xf32>, %w16: tensor<4x4x8xbf16>, %b: tensor<4x4xf32>, %t: tensor<64x4xf32>) -> tensor<?x4xf32> {
  %q, %k, %v = fpmoe.qkv %x, %positions norm %n eps 1.0e-6 weight %w bias %b : tensor<4x4xf32> rope %t : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  %q2, %k2, %v2 = fpmoe.qkv %q, %positions norm %n eps 1.0e-6 weight %w16 rope %t : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xbf16>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  return %v2 : tensor<?x4xf32>
}

// CHECK-LABEL: @moe
// CHECK-NEXT: fpmoe.moe %{{.*}} norm %{{.*}} : tensor<8xf32> eps 9.9{{.*}}E-7 shared %{{.*}} : tensor<12x8xf32>, %{{.*}} : tensor<8x6xf32> -> tensor<?x8xf32>
// CHECK-NEXT: fpmoe.moe %{{.*}} eps 9.9{{.*}}E-7 by #fpmoe.fixed<expert = 0> experts %{{.*}} : tensor<2x12x8xf32>, %{{.*}} : tensor<2x8x6xf32> names ["haskell", "ocaml"] -> tensor<?x8xf32>
// CHECK-NEXT: fpmoe.moe %{{.*}} eps 9.9{{.*}}E-7 router %{{.*}} : tensor<2x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = false> experts %{{.*}} : tensor<2x12x8xf32>, %{{.*}} : tensor<2x8x6xf32> names ["haskell", "ocaml"] shared %{{.*}} : tensor<12x8xf32>, %{{.*}} : tensor<8x6xf32> scaled %{{.*}} : tensor<1x8xf32> -> tensor<?x8xf32>
func.func @moe(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %r: tensor<2x8xf32>, %egu: tensor<2x12x8xf32>, %ed: tensor<2x8x6xf32>, %gu: tensor<12x8xf32>, %d: tensor<8x6xf32>, %s: tensor<1x8xf32>) -> tensor<?x8xf32> {
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<8x6xf32> -> tensor<?x8xf32>
  %z = fpmoe.moe %y norm %n : tensor<8xf32> eps 1.0e-6 by #fpmoe.fixed<expert = 0> experts %egu : tensor<2x12x8xf32>, %ed : tensor<2x8x6xf32> names ["haskell", "ocaml"] -> tensor<?x8xf32>
  %all = fpmoe.moe %z norm %n : tensor<8xf32> eps 1.0e-6 router %r : tensor<2x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = false> experts %egu : tensor<2x12x8xf32>, %ed : tensor<2x8x6xf32> names ["haskell", "ocaml"] shared %gu : tensor<12x8xf32>, %d : tensor<8x6xf32> scaled %s : tensor<1x8xf32> -> tensor<?x8xf32>
  return %all : tensor<?x8xf32>
}

// CHECK-LABEL: @multipliers
// CHECK-NEXT: fpmoe.embedding %{{.*}}, %{{.*}} times 1.2{{.*}} : tensor<16x8xf32> -> tensor<?x8xf32>
// CHECK-NEXT: fpmoe.linear %{{.*}}, %{{.*}} times 2.0{{.*}} : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
// CHECK-NEXT: fpmoe.moe %{{.*}} times 2.2{{.*}} -> tensor<?x8xf32>
func.func @multipliers(%ids: tensor<?xi32>, %table: tensor<16x8xf32>, %n: tensor<8xf32>, %gu: tensor<12x8xf32>, %d: tensor<8x6xf32>) -> tensor<?x8xf32> {
  %x = fpmoe.embedding %ids, %table times 12.0 : tensor<16x8xf32> -> tensor<?x8xf32>
  %y = fpmoe.linear %x, %table times 2.0 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  %z = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<8x6xf32> times 0.22 -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// CHECK-LABEL: @extend_heads
// CHECK-NEXT: fpmoe.extend_heads %{{.*}}, %{{.*}} heads 2 : tensor<?x8xf32>, tensor<?x4xf32> -> tensor<?x16xf32>
// CHECK-NEXT: fpmoe.rope %{{.*}} head_dim 8 : tensor<?x16xf32>, tensor<64x4xf32>
func.func @extend_heads(%x: tensor<?x8xf32>, %t: tensor<?x4xf32>, %positions: tensor<?xi32>, %table: tensor<64x4xf32>) {
  %y = fpmoe.extend_heads %x, %t heads 2 : tensor<?x8xf32>, tensor<?x4xf32> -> tensor<?x16xf32>
  %z = fpmoe.rope %y, %positions, %table head_dim 8 : tensor<?x16xf32>, tensor<64x4xf32>
  return
}
// CHECK-LABEL: @clamp
// CHECK-NEXT: fpmoe.clamp %{{.*}} to 8.000000e+00 : tensor<?x8xf32>
func.func @clamp(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = fpmoe.clamp %x to 8.0 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
// CHECK-LABEL: @scale
// CHECK-NEXT: fpmoe.scale %{{.*}} by 2.2{{.*}}-01 : tensor<?x8xf32>
func.func @scale(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = fpmoe.scale %x by 0.22 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @heads
// CHECK-NEXT: fpmoe.heads %{{.*}} rope %{{.*}} heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
// CHECK-NEXT: fpmoe.heads %{{.*}} tail %{{.*}} : tensor<?x2xf32> clip 8.0{{.*}} rope
// CHECK-NEXT: fpmoe.heads %{{.*}} norms %{{.*}} : tensor<8xf32>, %{{.*}} : tensor<4xf32> eps 9.9{{.*}}E-7 rope
func.func @heads(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %positions: tensor<?xi32>, %t: tensor<64x4xf32>, %k2: tensor<?x2xf32>, %t2: tensor<64x2xf32>, %nq: tensor<8xf32>, %nk: tensor<4xf32>) {
  %query, %key, %value = fpmoe.heads %q, %k, %v, %positions rope %t heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  %a:3 = fpmoe.heads %q, %k2, %v, %positions tail %k2 : tensor<?x2xf32> clip 8.0 rope %t2 heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x4xf32>, tensor<64x2xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  %b:3 = fpmoe.heads %q, %k, %v, %positions norms %nq : tensor<8xf32>, %nk : tensor<4xf32> eps 1.0e-6 rope %t heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  return
}

// What a rank has of a product, of a dense network and of norms of whole rows.
// CHECK-LABEL: func.func @shards
// CHECK-NEXT: fpmoe.linear %{{.*}}, %{{.*}} low_rank %{{.*}} : tensor<2x3x4xf32> ranks [1, 2] : tensor<?x8xf32>, tensor<2x8x7xf32> -> tensor<?x8xf32>
// CHECK-NEXT: fpmoe.moe %{{.*}} shared %{{.*}} : tensor<12x8xf32>, %{{.*}} : tensor<2x8x5xf32> down_low_rank %{{.*}} : tensor<2x2x3xf32> down_ranks [2] -> tensor<?x8xf32>
func.func @shards(%x: tensor<?x8xf32>, %w: tensor<2x8x7xf32>, %a: tensor<2x3x4xf32>, %n: tensor<8xf32>, %gu: tensor<12x8xf32>, %d: tensor<2x8x5xf32>, %b: tensor<2x2x3xf32>) -> tensor<?x8xf32> {
  %y = fpmoe.linear %x, %w low_rank %a : tensor<2x3x4xf32> ranks [1, 2] : tensor<?x8xf32>, tensor<2x8x7xf32> -> tensor<?x8xf32>
  %z = fpmoe.moe %y norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<2x8x5xf32> down_low_rank %b : tensor<2x2x3xf32> down_ranks [2] -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @shards_of_heads
// CHECK-NEXT: fpmoe.heads {{.*}} heads 2 kv_heads 1 shards 2 : tensor<?x64xf32>
func.func @shards_of_heads(%q: tensor<?x64xf32>, %k: tensor<?x32xf32>, %positions: tensor<?xi32>, %n: tensor<64xf32>, %m: tensor<32xf32>, %t: tensor<64x32xf32>) {
  %a:3 = fpmoe.heads %q, %k, %k, %positions norms %n : tensor<64xf32>, %m : tensor<32xf32> eps 1.0e-6 rope %t heads 2 kv_heads 1 shards 2 : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  return
}
