// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// A whole model: two layers, the first dense and the second sparse.

// CHECK: module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64
module attributes {fpmoe.model = {name = "toy", architecture = "Qwen2MoeForCausalLM",
                                  context = 64, source = "toy"}} {
  // CHECK: fpmoe.weight @table : tensor<16x8xf32> {
  fpmoe.weight @table : tensor<16x8xf32> {
    // CHECK-NEXT: fpmoe.load "model.embed_tokens.weight" : tensor<16x8xf32>
    %0 = fpmoe.load "model.embed_tokens.weight" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @rope : tensor<64x4xf32> {
    // CHECK: fpmoe.rope_table theta 1.000000e+04 : tensor<64x4xf32>
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x4xf32>
    fpmoe.yield %0 : tensor<64x4xf32>
  }
  // CHECK: fpmoe.weight @norm layers [0, 1] : tensor<8xf32> {
  // CHECK-NEXT: ^bb0(%[[LAYER:.*]]: index):
  fpmoe.weight @norm layers [0, 1] : tensor<8xf32> {
  ^bb0(%layer: index):
    // CHECK-NEXT: fpmoe.load "model.layers.{}.norm.weight"[%[[LAYER]]] : tensor<8xf32>
    %0 = fpmoe.load "model.layers.{}.norm.weight"[%layer] : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @q layers [0, 1] : tensor<8x8xf32> {
  ^bb0(%layer: index):
    // CHECK: fpmoe.random "q.{}"[%{{.*}}] seed 7 mean 0.000000e+00 stddev 1.000000e-01
    %0 = fpmoe.random "q.{}"[%layer] seed 7 mean 0.0 stddev 0.1 : tensor<8x8xf32>
    fpmoe.yield %0 : tensor<8x8xf32>
  }
  fpmoe.weight @kv layers [0, 1] : tensor<4x8xf32> {
  ^bb0(%layer: index):
    // CHECK: fpmoe.load "kv.{}"[%{{.*}}] at [4] : tensor<4x8xf32>
    %0 = fpmoe.load "kv.{}"[%layer] at [4] : tensor<4x8xf32>
    fpmoe.yield %0 : tensor<4x8xf32>
  }
  fpmoe.weight @bias layers [0, 1] : tensor<4xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "bias.{}"[%layer] : tensor<4xf32>
    fpmoe.yield %0 : tensor<4xf32>
  }
  fpmoe.weight @gate layers [0, 1] : tensor<6x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "gate.{}"[%layer] : tensor<6x8xf32>
    fpmoe.yield %0 : tensor<6x8xf32>
  }
  fpmoe.weight @down layers [0, 1] : tensor<8x6xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "down.{}"[%layer] : tensor<8x6xf32>
    fpmoe.yield %0 : tensor<8x6xf32>
  }
  fpmoe.weight @scale layers [1] : tensor<1x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "scale.{}"[%layer] : tensor<1x8xf32>
    fpmoe.yield %0 : tensor<1x8xf32>
  }
  fpmoe.weight @router layers [1] : tensor<3x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "router.{}"[%layer] : tensor<3x8xf32>
    fpmoe.yield %0 : tensor<3x8xf32>
  }
  fpmoe.weight @experts.gate layers [1] : tensor<3x6x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "e0.{}"[%layer] : tensor<6x8xf32>
    %1 = fpmoe.load "e1.{}"[%layer] : tensor<6x8xf32>
    %2 = fpmoe.load "e2.{}"[%layer] : tensor<6x8xf32>
    // CHECK: fpmoe.stack %{{.*}}, %{{.*}}, %{{.*}} : tensor<6x8xf32>, tensor<6x8xf32>, tensor<6x8xf32> -> tensor<3x6x8xf32>
    %3 = fpmoe.stack %0, %1, %2 : tensor<6x8xf32>, tensor<6x8xf32>, tensor<6x8xf32> -> tensor<3x6x8xf32>
    fpmoe.yield %3 : tensor<3x6x8xf32>
  }
  fpmoe.weight @experts.down layers [1] : tensor<3x8x6xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "downs.{}"[%layer] : tensor<3x8x6xf32>
    fpmoe.yield %0 : tensor<3x8x6xf32>
  }

  // CHECK: func.func private @dense
  func.func private @dense(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
    // CHECK: fpmoe.get @norm[%{{.*}}] : tensor<8xf32>
    %norm = fpmoe.get @norm[%layer] : tensor<8xf32>
    // CHECK: fpmoe.rms_norm %{{.*}}, %{{.*}} eps 9.9{{.*}}E-7 : tensor<?x8xf32>, tensor<8xf32>
    %n = fpmoe.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
    %wkv = fpmoe.get @kv[%layer] : tensor<4x8xf32>
    %b = fpmoe.get @bias[%layer] : tensor<4xf32>
    %rope = fpmoe.get @rope : tensor<64x4xf32>
    // CHECK: fpmoe.linear %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %q0 = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    // CHECK: fpmoe.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %k0 = fpmoe.linear %n, %wkv bias %b : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    // CHECK: fpmoe.linear %{{.*}}, %{{.*}} norm %{{.*}} : tensor<8xf32> eps 9.9{{.*}}E-7 : tensor<?x8xf32>
    %v = fpmoe.linear %x, %wkv norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    // CHECK: fpmoe.rope %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<64x4xf32>
    %q = fpmoe.rope %q0, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
    %k = fpmoe.rope %k0, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
    // CHECK: fpmoe.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} layer %{{.*}} heads 2 kv_heads 1 scale 5.000000e-01 window 8 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 window 8 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    // CHECK: fpmoe.linear %{{.*}}, %{{.*}} residual %{{.*}} : tensor<?x8xf32> : tensor<?x8xf32>
    %x1 = fpmoe.linear %a, %wq residual %x : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
    %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
    // CHECK: fpmoe.mlp %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
    %m = fpmoe.mlp %x1, %gate, %gate, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
    // CHECK: fpmoe.add %{{.*}}, %{{.*}} : tensor<?x8xf32>
    %y = fpmoe.add %x1, %m : tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
  func.func private @sparse(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
    %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
    %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
    %scale = fpmoe.get @scale[%layer] : tensor<1x8xf32>
    %router = fpmoe.get @router[%layer] : tensor<3x8xf32>
    %eg = fpmoe.get @experts.gate[%layer] : tensor<3x6x8xf32>
    %ed = fpmoe.get @experts.down[%layer] : tensor<3x8x6xf32>
    // CHECK: fpmoe.route %{{.*}} : tensor<?x8xf32> router %{{.*}} : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = false> -> tensor<?x2xf32>, tensor<?x2xi32>
    %w, %e = fpmoe.route %x : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = false> -> tensor<?x2xf32>, tensor<?x2xi32>
    // CHECK: fpmoe.experts %{{.*}} names ["haskell", "ocaml", "scala"]
    %y = fpmoe.experts %x, %w, %e, %eg, %eg, %ed names ["haskell", "ocaml", "scala"] : tensor<?x8xf32>, tensor<?x2xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
    // CHECK: fpmoe.mlp %{{.*}} scaled %{{.*}} : tensor<1x8xf32>
    %s = fpmoe.mlp %x, %gate, %gate, %down scaled %scale : tensor<1x8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
    %z = fpmoe.add %y, %s : tensor<?x8xf32>
    return %z : tensor<?x8xf32>
  }
  // CHECK: func.func @main
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    // CHECK: fpmoe.embedding %{{.*}}, %{{.*}} : tensor<16x8xf32> -> tensor<?x8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    // CHECK: fpmoe.layers %{{.*}}, %{{.*}} bodies [@dense, @sparse] order [0, 1] : tensor<?x8xf32>
    %y = fpmoe.layers %x, %positions bodies [@dense, @sparse] order [0, 1] : tensor<?x8xf32>
    %logits = fpmoe.linear %y, %table : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}
