// RUN: fpmoe-opt %s --fpmoe-build-programs="prefill-tokens=24 rows=12" | FileCheck %s --implicit-check-not=func.func --implicit-check-not=fpmoe.get
// RUN: fpmoe-opt %s --fpmoe-build-programs="prefill-tokens=24 rows=12" -o %t.once
// RUN: fpmoe-opt %t.once | diff - %t.once

// RUN: fpmoe-opt %s --fpmoe-build-programs="prefill-tokens=24 rows=12 streams=4" | FileCheck %s --check-prefix=STREAMS
// RUN: not fpmoe-opt %s --fpmoe-build-programs="streams=0" 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: streams is 0, it must be at least 1

// One token's products read as many panels at once; prefill stays.
// STREAMS-LABEL: mega.program @decode
// STREAMS: mega.expert_up {{.*}} pairs 2 :
// STREAMS: mega.expert_down {{.*}} panels 4 steps
// STREAMS: mega.phase "logits" tiles [1, 1]
// STREAMS: mega.linear {{.*}} panels 4 span
// STREAMS-LABEL: mega.program @prefill
// STREAMS-NOT: panels 4

// A fused model with a dense layer and two sparse ones becomes two programs.
// The names of the experts move to the model, since no op is left with them.

// CHECK: module attributes {fpmoe.model = {{.*}}experts = ["haskell", "ocaml", "scala"]

// Weights that are multiplied are packed behind the rest of their recipe: 40
// rows are 3 panels of 16, 20 columns are padded to 32, taken two by two.
// CHECK: fpmoe.weight @table : tensor<3x16x16x2xbf16> {
// CHECK: %[[ROUNDED:.*]] = fpmoe.convert %{{.*}} : tensor<40x20xf32> -> tensor<40x20xbf16>
// CHECK-NEXT: %[[PACKED:.*]] = fpmoe.pack %[[ROUNDED]] : tensor<40x20xbf16> -> tensor<3x16x16x2xbf16>
// CHECK-NEXT: fpmoe.yield %[[PACKED]]
// CHECK: fpmoe.weight @rope : tensor<64x4xf32> {
// CHECK: fpmoe.weight @final : tensor<20xf32> {
// CHECK: fpmoe.weight @dense.qkv layers [0] : tensor<4x1x16x16x2xbf16> {
// CHECK: fpmoe.weight @dense.bias layers [0] : tensor<4x4xf32> {
// CHECK: fpmoe.weight @sparse.router layers [1, 2] : tensor<3x20xf32> {
// CHECK: fpmoe.weight @sparse.gate_up layers [1, 2] : tensor<3x2x16x16x2xbf16> {

// For one token, norm and route are done by every worker into its own memory,
// and experts need no grouping: their chunks are of two chosen and the shared one.
// CHECK-LABEL: mega.program @decode max_tokens 1 rows 1 context 64 {
// CHECK: %[[X:.*]] = mega.buffer shared : memref<1x32xf32>
// CHECK: %[[CACHE:.*]] = mega.buffer cache : memref<3x1x?x32xf32>
// CHECK: %[[ATTENDED:.*]] = mega.buffer shared : memref<1x8x1x2xbf16>
// CHECK: %[[ROWS:.*]] = mega.buffer private : memref<1x32xbf16>
// CHECK: %[[ACT:.*]] = mega.buffer shared : memref<1x8x1x2xbf16>
// CHECK: %[[ROWS1:.*]] = mega.buffer private : memref<1x32xbf16>
// CHECK: %[[ACT1:.*]] = mega.buffer shared : memref<3x16x1x2xbf16>
// CHECK: %[[LOGITS:.*]] = mega.buffer logits : memref<?x40xf32>
// CHECK: mega.phase "embed" tiles [1] {
// CHECK-NEXT: mega.embed %{{.*}} into %[[X]]
// CHECK: mega.barrier
// CHECK: mega.layers order [0, 1, 1] {
// CHECK: mega.phase "attention_norm" {
// CHECK-NEXT: mega.norm %[[X]], %{{.*}} into %{{.*}} eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "qkv" tiles [4, 1] {
// CHECK-NEXT: mega.qkv %{{.*}}, %{{.*}} bias %{{.*}} : {{.*}} rope %{{.*}} into %{{.*}}, %[[CACHE]] by %{{.*}} layer %{{.*}} heads 2 kv_heads 1 head_dim 4 span 16
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [1, 1] {
// CHECK-NEXT: mega.attention %{{.*}}, %[[CACHE]] into %[[ATTENDED]] by %{{.*}} layer %{{.*}} heads 2 kv_heads 1 head_dim 4 value_dim 4 scale 5.0{{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [2, 1] {
// CHECK-NEXT: mega.linear %[[ATTENDED]], %{{.*}} into %[[X]] columns 20 panels 1 span 16 accumulate
// CHECK: mega.barrier
// CHECK: mega.phase "route" {
// CHECK-NEXT: mega.route %[[X]] norm %{{.*}} into %[[ROWS]], %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} eps {{.*}} experts 0
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [1] {
// CHECK-NEXT: mega.expert_up %[[ROWS]] shared %{{.*}} : {{.*}} chosen %{{.*}} : {{.*}}, %{{.*}} : {{.*}} into %[[ACT]] pairs 1
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [2] {
// CHECK-NEXT: mega.expert_down %[[ACT]] shared %{{.*}} : {{.*}} chosen %{{.*}} : {{.*}} into %[[X]] panels 1 steps 8
// CHECK: mega.barrier
// CHECK: }, {
// CHECK: mega.phase "attention_norm" {
// CHECK-NEXT: mega.norm %[[X]], %{{.*}} into %{{.*}} eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "qkv" tiles [4, 1] {
// CHECK-NEXT: mega.qkv %{{.*}}, %{{.*}} bias %{{.*}} : {{.*}} rope %{{.*}} into %{{.*}}, %[[CACHE]] by %{{.*}} layer %{{.*}} heads 2 kv_heads 1 head_dim 4 span 16
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [1, 1] {
// CHECK-NEXT: mega.attention %{{.*}}, %[[CACHE]] into %{{.*}} by %{{.*}} layer %{{.*}} heads 2 kv_heads 1 head_dim 4 value_dim 4 scale 5.0{{.*}} window 16
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [2, 1] {
// CHECK-NEXT: mega.linear %{{.*}}, %{{.*}} into %[[X]] columns 20 panels 1 span 16 accumulate
// CHECK: mega.barrier
// CHECK: mega.phase "route" {
// CHECK-NEXT: mega.route %[[X]] norm %{{.*}} router %{{.*}} : {{.*}} scaled %{{.*}} : {{.*}} into %[[ROWS1]], %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} eps {{.*}} routing #fpmoe.token_choice<top_k = 2, renormalize = true> experts 3
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [4] {
// CHECK-NEXT: mega.expert_up %[[ROWS1]] experts %{{.*}} : {{.*}} shared %{{.*}} : {{.*}} chosen %{{.*}} : {{.*}}, %{{.*}} : {{.*}} into %[[ACT1]] pairs 1
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [2] {
// CHECK-NEXT: mega.expert_down %[[ACT1]] experts %{{.*}} : {{.*}} shared %{{.*}} : {{.*}} chosen %{{.*}} : {{.*}} into %[[X]] panels 1 steps 16
// CHECK: mega.barrier
// CHECK: mega.phase "final_norm" {
// CHECK-NEXT: mega.norm %[[X]], %{{.*}} into %{{.*}} eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "logits" tiles [3, 1] {
// CHECK-NEXT: mega.linear %{{.*}}, %{{.*}} into %[[LOGITS]] columns 40 panels 1 span 1
// CHECK: mega.barrier

// For many, norm and route are tiled by blocks, and the tokens are grouped.
// CHECK-LABEL: mega.program @prefill max_tokens 24 rows 12 context 64 {
// CHECK: %[[X:.*]] = mega.buffer shared : memref<24x32xf32>
// CHECK: %[[CACHE:.*]] = mega.buffer cache : memref<3x1x?x32xf32>
// CHECK: %[[GROUPS:.*]] = mega.buffer private : memref<52xi32>
// CHECK: %[[PACKED:.*]] = mega.buffer shared : memref<2x16x12x2xbf16>
// CHECK: %[[GROUPS1:.*]] = mega.buffer private : memref<230xi32>
// CHECK: %[[PACKED1:.*]] = mega.buffer shared : memref<9x16x12x2xbf16>
// CHECK: %[[LOGITS:.*]] = mega.buffer logits : memref<?x40xf32>
// CHECK: mega.phase "embed" tiles ["tokens"] {
// CHECK-NEXT: mega.embed %{{.*}} into %[[X]]
// CHECK: mega.barrier
// CHECK: mega.layers order [0, 1, 1] {
// CHECK: mega.phase "attention_norm" tiles ["blocks"] {
// CHECK-NEXT: mega.norm %[[X]], %{{.*}} into %{{.*}} eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "qkv" tiles [4, "spans"] {
// CHECK-NEXT: mega.qkv %{{.*}}, %{{.*}} bias %{{.*}} : {{.*}} rope %{{.*}} into %{{.*}}, %[[CACHE]] by %{{.*}} layer %{{.*}} heads 2 kv_heads 1 head_dim 4 span 16
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [2, "blocks"] {
// CHECK-NEXT: mega.attention %{{.*}}, %[[CACHE]] into %{{.*}} by %{{.*}} layer %{{.*}} heads 2 kv_heads 1 head_dim 4 value_dim 4 scale 5.0{{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [1, "spans"] {
// CHECK-NEXT: mega.linear %{{.*}}, %{{.*}} into %[[X]] columns 20 panels 2 span 16 accumulate
// CHECK: mega.barrier
// CHECK: mega.phase "route" tiles ["blocks"] {
// CHECK-NEXT: mega.route %[[X]] norm %{{.*}} into %{{.*}}, %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} eps {{.*}} experts 0
// CHECK: mega.barrier
// CHECK: mega.phase "group" {
// CHECK-NEXT: mega.group %{{.*}}, %{{.*}} into %[[GROUPS]] experts 0 shared true
// CHECK: mega.barrier
// CHECK: mega.phase "gather" tiles ["slots"] {
// CHECK-NEXT: mega.gather %{{.*}} by %[[GROUPS]] into %[[PACKED]]
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [1] {
// CHECK-NEXT: mega.expert_up %[[PACKED]] shared %{{.*}} : {{.*}} groups %[[GROUPS]] : {{.*}} into %{{.*}} pairs 1
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [1] {
// CHECK-NEXT: mega.expert_down %{{.*}} shared %{{.*}} : {{.*}} groups %[[GROUPS]] : {{.*}} into %[[X]] panels 2 steps 8
// CHECK: mega.barrier
// CHECK: }, {
// CHECK: mega.phase "attention_norm" tiles ["blocks"] {
// CHECK-NEXT: mega.norm %[[X]], %{{.*}} into %{{.*}} eps {{.*}}
// CHECK: mega.barrier
// CHECK: mega.phase "qkv" tiles [4, "spans"] {
// CHECK-NEXT: mega.qkv %{{.*}}, %{{.*}} bias %{{.*}} : {{.*}} rope %{{.*}} into %{{.*}}, %[[CACHE]] by %{{.*}} layer %{{.*}} heads 2 kv_heads 1 head_dim 4 span 16
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [2, "blocks"] {
// CHECK-NEXT: mega.attention %{{.*}}, %[[CACHE]] into %{{.*}} by %{{.*}} layer %{{.*}} heads 2 kv_heads 1 head_dim 4 value_dim 4 scale 5.0{{.*}} window 16
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [1, "spans"] {
// CHECK-NEXT: mega.linear %{{.*}}, %{{.*}} into %[[X]] columns 20 panels 2 span 16 accumulate
// CHECK: mega.barrier
// CHECK: mega.phase "route" tiles ["blocks"] {
// CHECK-NEXT: mega.route %[[X]] norm %{{.*}} router %{{.*}} : {{.*}} scaled %{{.*}} : {{.*}} into %{{.*}}, %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} eps {{.*}} routing #fpmoe.token_choice<top_k = 2, renormalize = true> experts 3
// CHECK: mega.barrier
// CHECK: mega.phase "group" {
// CHECK-NEXT: mega.group %{{.*}}, %{{.*}} into %[[GROUPS1]] experts 3 shared true
// CHECK: mega.barrier
// CHECK: mega.phase "gather" tiles ["slots"] {
// CHECK-NEXT: mega.gather %{{.*}} by %[[GROUPS1]] into %[[PACKED1]]
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [5] {
// CHECK-NEXT: mega.expert_up %[[PACKED1]] experts %{{.*}} : {{.*}} shared %{{.*}} : {{.*}} groups %[[GROUPS1]] : {{.*}} into %{{.*}} pairs 1
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [1] {
// CHECK-NEXT: mega.expert_down %{{.*}} experts %{{.*}} : {{.*}} shared %{{.*}} : {{.*}} groups %[[GROUPS1]] : {{.*}} into %[[X]] panels 2 steps 16
// CHECK: mega.barrier
// CHECK: mega.phase "final_norm" tiles ["logits"] {
// CHECK-NEXT: mega.norm %[[X]], %{{.*}} into %{{.*}} eps {{.*}} logits
// CHECK: mega.barrier
// CHECK: mega.phase "logits" tiles [2, 1] {
// CHECK-NEXT: mega.linear %{{.*}}, %{{.*}} into %[[LOGITS]] columns 40 panels 2 span 2
// CHECK: mega.barrier

module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, dtype = "bf16", eos = array<i32>, name = "two", source = "two", temperature = 0.0 : f64, top_k = 0 : i64, top_p = 1.0 : f64}} {
  fpmoe.weight @table : tensor<40x20xbf16> {
    %0 = fpmoe.load "table" : tensor<40x20xf32>
    %1 = fpmoe.convert %0 : tensor<40x20xf32> -> tensor<40x20xbf16>
    fpmoe.yield %1 : tensor<40x20xbf16>
  }
  fpmoe.weight @rope : tensor<64x4xf32> {
    %0 = fpmoe.load "rope" : tensor<64x4xf32>
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
  fpmoe.weight @dense.gate_up layers [0] : tensor<32x20xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "dense.gate_up.{}"[%layer] : tensor<32x20xf32>
    %1 = fpmoe.convert %0 : tensor<32x20xf32> -> tensor<32x20xbf16>
    fpmoe.yield %1 : tensor<32x20xbf16>
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
  fpmoe.weight @sparse.gate_up layers [1, 2] : tensor<3x32x20xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "sparse.gate_up.{}"[%layer] : tensor<3x32x20xf32>
    %1 = fpmoe.convert %0 : tensor<3x32x20xf32> -> tensor<3x32x20xbf16>
    fpmoe.yield %1 : tensor<3x32x20xbf16>
  }
  fpmoe.weight @sparse.down layers [1, 2] : tensor<3x20x6xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "sparse.down.{}"[%layer] : tensor<3x20x6xf32>
    %1 = fpmoe.convert %0 : tensor<3x20x6xf32> -> tensor<3x20x6xbf16>
    fpmoe.yield %1 : tensor<3x20x6xbf16>
  }
  fpmoe.weight @shared.gate_up layers [1, 2] : tensor<64x20xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "shared.gate_up.{}"[%layer] : tensor<64x20xf32>
    %1 = fpmoe.convert %0 : tensor<64x20xf32> -> tensor<64x20xbf16>
    fpmoe.yield %1 : tensor<64x20xbf16>
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
    %gate_up = fpmoe.get @dense.gate_up[%layer] : tensor<32x20xbf16>
    %down = fpmoe.get @dense.down[%layer] : tensor<20x6xbf16>
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv bias %bias : tensor<4x4xf32> rope %rope : tensor<?x20xf32>, tensor<20xf32>, tensor<4x4x20xbf16>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %x1 = fpmoe.linear %a, %o residual %x : tensor<?x20xf32> : tensor<?x8xf32>, tensor<20x8xbf16> -> tensor<?x20xf32>
    %y = fpmoe.moe %x1 norm %norm : tensor<20xf32> eps 1.0e-6 shared %gate_up : tensor<32x20xbf16>, %down : tensor<20x6xbf16> -> tensor<?x20xf32>
    return %y : tensor<?x20xf32>
  }
  func.func private @sparse(%x: tensor<?x20xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x20xf32> {
    %norm = fpmoe.get @sparse.norm[%layer] : tensor<20xf32>
    %rope = fpmoe.get @rope : tensor<64x4xf32>
    %qkv = fpmoe.get @sparse.qkv[%layer] : tensor<4x4x20xbf16>
    %bias = fpmoe.get @sparse.bias[%layer] : tensor<4x4xf32>
    %o = fpmoe.get @sparse.o[%layer] : tensor<20x8xbf16>
    %router = fpmoe.get @sparse.router[%layer] : tensor<3x20xf32>
    %gate_up = fpmoe.get @sparse.gate_up[%layer] : tensor<3x32x20xbf16>
    %down = fpmoe.get @sparse.down[%layer] : tensor<3x20x6xbf16>
    %shared_gate_up = fpmoe.get @shared.gate_up[%layer] : tensor<64x20xbf16>
    %shared_down = fpmoe.get @shared.down[%layer] : tensor<20x18xbf16>
    %scale = fpmoe.get @shared.scale[%layer] : tensor<1x20xf32>
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv bias %bias : tensor<4x4xf32> rope %rope : tensor<?x20xf32>, tensor<20xf32>, tensor<4x4x20xbf16>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 window 16 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %x1 = fpmoe.linear %a, %o residual %x : tensor<?x20xf32> : tensor<?x8xf32>, tensor<20x8xbf16> -> tensor<?x20xf32>
    %y = fpmoe.moe %x1 norm %norm : tensor<20xf32> eps 1.0e-6 router %router : tensor<3x20xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> experts %gate_up : tensor<3x32x20xbf16>, %down : tensor<3x20x6xbf16> names ["haskell", "ocaml", "scala"] shared %shared_gate_up : tensor<64x20xbf16>, %shared_down : tensor<20x18xbf16> scaled %scale : tensor<1x20xf32> -> tensor<?x20xf32>
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
