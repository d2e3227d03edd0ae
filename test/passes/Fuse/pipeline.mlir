// RUN: fpmoe-opt %s --fpmoe-fuse | FileCheck %s
// RUN: fpmoe-opt %s --fpmoe-fuse -o %t.once
// RUN: fpmoe-opt %t.once --fpmoe-fuse | diff - %t.once

// A model of one sparse layer. What is fused already stays as it is.

module {
  fpmoe.weight @table : tensor<16x8xf32> {
    %0 = fpmoe.load "table" : tensor<16x8xf32>
    fpmoe.yield %0 : tensor<16x8xf32>
  }
  fpmoe.weight @rope : tensor<64x4xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x4xf32>
    fpmoe.yield %0 : tensor<64x4xf32>
  }
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @q layers [0] : tensor<8x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "q.{}"[%layer] : tensor<8x8xf32>
    fpmoe.yield %0 : tensor<8x8xf32>
  }
  fpmoe.weight @k layers [0] : tensor<4x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "k.{}"[%layer] : tensor<4x8xf32>
    fpmoe.yield %0 : tensor<4x8xf32>
  }
  fpmoe.weight @v layers [0] : tensor<4x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "v.{}"[%layer] : tensor<4x8xf32>
    fpmoe.yield %0 : tensor<4x8xf32>
  }
  fpmoe.weight @o layers [0] : tensor<8x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "o.{}"[%layer] : tensor<8x8xf32>
    fpmoe.yield %0 : tensor<8x8xf32>
  }
  fpmoe.weight @router layers [0] : tensor<3x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "router.{}"[%layer] : tensor<3x8xf32>
    fpmoe.yield %0 : tensor<3x8xf32>
  }
  fpmoe.weight @gate layers [0] : tensor<3x6x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "gate.{}"[%layer] : tensor<3x6x8xf32>
    fpmoe.yield %0 : tensor<3x6x8xf32>
  }
  fpmoe.weight @up layers [0] : tensor<3x6x8xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "up.{}"[%layer] : tensor<3x6x8xf32>
    fpmoe.yield %0 : tensor<3x6x8xf32>
  }
  fpmoe.weight @down layers [0] : tensor<3x8x6xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "down.{}"[%layer] : tensor<3x8x6xf32>
    fpmoe.yield %0 : tensor<3x8x6xf32>
  }

  // CHECK-LABEL: func.func private @body(
  // CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %{{.*}}: tensor<?xi32>, %{{.*}}: index)
  // CHECK: %[[Q:.*]], %[[K:.*]], %[[V:.*]] = fpmoe.qkv %[[X]],
  // CHECK-NEXT: %[[A:.*]] = fpmoe.attention %[[Q]], %[[K]], %[[V]],
  // CHECK: %[[X1:.*]] = fpmoe.linear %[[A]], %{{.*}} residual %[[X]]
  // CHECK: %[[Y:.*]] = fpmoe.moe %[[X1]] norm
  // CHECK-NEXT: return %[[Y]]
  func.func private @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
    %norm = fpmoe.get @norm : tensor<8xf32>
    %rope = fpmoe.get @rope : tensor<64x4xf32>
    %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
    %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
    %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
    %wo = fpmoe.get @o[%layer] : tensor<8x8xf32>
    %router = fpmoe.get @router[%layer] : tensor<3x8xf32>
    %gate = fpmoe.get @gate[%layer] : tensor<3x6x8xf32>
    %up = fpmoe.get @up[%layer] : tensor<3x6x8xf32>
    %down = fpmoe.get @down[%layer] : tensor<3x8x6xf32>
    %n = fpmoe.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %qr = fpmoe.rope %q, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
    %kr = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
    %a = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %o = fpmoe.linear %a, %wo : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %x1 = fpmoe.add %x, %o : tensor<?x8xf32>
    %n1 = fpmoe.rms_norm %x1, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %w, %e = fpmoe.route %n1 : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
    %m = fpmoe.experts %n1, %w, %e, %gate, %up, %down names ["haskell", "ocaml", "scala"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
    %y = fpmoe.add %x1, %m : tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }

  // CHECK-LABEL: func.func @main(
  // CHECK: fpmoe.embedding
  // CHECK: %[[Z:.*]] = fpmoe.layers
  // CHECK: %[[L:.*]] = fpmoe.linear %[[Z]], %{{.*}} norm %{{.*}} eps
  // CHECK-NEXT: return %[[L]]
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
    %table = fpmoe.get @table : tensor<16x8xf32>
    %norm = fpmoe.get @norm : tensor<8xf32>
    %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
    %y = fpmoe.layers %x, %positions bodies [@body] order [0] : tensor<?x8xf32>
    %n = fpmoe.rms_norm %y, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %logits = fpmoe.linear %n, %table : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %logits : tensor<?x16xf32>
  }
}
