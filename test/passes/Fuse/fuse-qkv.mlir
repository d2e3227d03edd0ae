// RUN: fpmoe-opt %s --fpmoe-fuse-heads --fpmoe-fuse-qkv | fpmoe-opt | FileCheck %s

// The joint weight stands where that of q stood; those of k and v, which other
// functions of this file use, stay.
fpmoe.weight @g : tensor<8xf32> {
  %0 = fpmoe.load "g" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
fpmoe.weight @rope : tensor<64x4xf32> {
  %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x4xf32>
  fpmoe.yield %0 : tensor<64x4xf32>
}
// CHECK: fpmoe.weight @body.qkv layers [0, 1] : tensor<4x4x8xf32> {
// CHECK-NEXT: ^bb0(%[[L:.*]]: index):
// CHECK-NEXT: %[[Q:.*]] = fpmoe.load "q.{}"[%[[L]]] : tensor<8x8xf32>
// CHECK-NEXT: %[[K:.*]] = fpmoe.load "k.{}"[%[[L]]] : tensor<4x8xf32>
// CHECK-NEXT: %[[V:.*]] = fpmoe.load "v.{}"[%[[L]]] : tensor<4x8xf32>
// CHECK-NEXT: %[[ALL:.*]] = fpmoe.concat %[[Q]], %[[K]], %[[V]] : tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32> -> tensor<16x8xf32>
// CHECK-NEXT: %[[HEADS:.*]] = fpmoe.reshape %[[ALL]] : tensor<16x8xf32> -> tensor<4x4x8xf32>
// CHECK-NEXT: fpmoe.yield %[[HEADS]]
// CHECK: fpmoe.weight @biased.qkv layers [0, 1] : tensor<4x4x8xf32>
// CHECK: fpmoe.weight @biased.qkv_bias layers [0, 1] : tensor<4x4xf32> {
// CHECK: fpmoe.concat %{{.*}} : tensor<8xf32>, tensor<4xf32>, tensor<4xf32> -> tensor<16xf32>
// CHECK: fpmoe.reshape %{{.*}} : tensor<16xf32> -> tensor<4x4xf32>
fpmoe.weight @q layers [0, 1] : tensor<8x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "q.{}"[%layer] : tensor<8x8xf32>
  fpmoe.yield %0 : tensor<8x8xf32>
}
fpmoe.weight @k layers [0, 1] : tensor<4x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "k.{}"[%layer] : tensor<4x8xf32>
  fpmoe.yield %0 : tensor<4x8xf32>
}
fpmoe.weight @v layers [0, 1] : tensor<4x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "v.{}"[%layer] : tensor<4x8xf32>
  fpmoe.yield %0 : tensor<4x8xf32>
}
fpmoe.weight @bq layers [0, 1] : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "bq.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
fpmoe.weight @bk layers [0, 1] : tensor<4xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "bk.{}"[%layer] : tensor<4xf32>
  fpmoe.yield %0 : tensor<4xf32>
}
fpmoe.weight @bv layers [0, 1] : tensor<4xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "bv.{}"[%layer] : tensor<4xf32>
  fpmoe.yield %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @body(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[P:.*]]: tensor<?xi32>, %[[L:.*]]: index)
// CHECK-DAG: %[[G:.*]] = fpmoe.get @g
// CHECK-DAG: %[[T:.*]] = fpmoe.get @rope
// CHECK-DAG: %[[W:.*]] = fpmoe.get @body.qkv[%[[L]]] : tensor<4x4x8xf32>
// CHECK-NOT: fpmoe.get
// CHECK: %[[Q:.*]], %[[K:.*]], %[[V:.*]] = fpmoe.qkv %[[X]], %[[P]] norm %[[G]] eps 9.9{{.*}}E-7 weight %[[W]] rope %[[T]] : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
// CHECK-NEXT: fpmoe.attention %[[Q]], %[[K]], %[[V]], %[[P]] layer %[[L]] heads 2 kv_heads 1
func.func @body(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = fpmoe.rope %q, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @biased(
// CHECK-DAG: %[[W:.*]] = fpmoe.get @biased.qkv[
// CHECK-DAG: %[[B:.*]] = fpmoe.get @biased.qkv_bias[
// CHECK: fpmoe.qkv %{{.*}} weight %[[W]] bias %[[B]] : tensor<4x4xf32> rope
func.func @biased(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
  %bq = fpmoe.get @bq[%layer] : tensor<8xf32>
  %bk = fpmoe.get @bk[%layer] : tensor<4xf32>
  %bv = fpmoe.get @bv[%layer] : tensor<4xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq bias %bq : tensor<8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk bias %bk : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %n, %wv bias %bv : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = fpmoe.rope %q, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Only two of the three have a bias.
// CHECK-LABEL: func.func @two_biases(
// CHECK-NOT: fpmoe.qkv
func.func @two_biases(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
  %bq = fpmoe.get @bq[%layer] : tensor<8xf32>
  %bk = fpmoe.get @bk[%layer] : tensor<4xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq bias %bq : tensor<8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk bias %bk : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = fpmoe.rope %q, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The norm has another user.
// CHECK-LABEL: func.func @norm_used(
// CHECK-NOT: fpmoe.qkv
func.func @norm_used(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = fpmoe.rope %q, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y, %n : tensor<?x8xf32>, tensor<?x8xf32>
}

// The rotated keys have another user.
// CHECK-LABEL: func.func @key_used(
// CHECK-NOT: fpmoe.qkv
func.func @key_used(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> (tensor<?x8xf32>, tensor<?x4xf32>) {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = fpmoe.rope %q, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y, %kr : tensor<?x8xf32>, tensor<?x4xf32>
}

// q and k are turned by different positions.
// CHECK-LABEL: func.func @other_positions(
// CHECK-NOT: fpmoe.qkv
func.func @other_positions(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index, %others: tensor<?xi32>) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = fpmoe.rope %q, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %k, %others, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// v comes from another layer, so there is no joint weight.
// CHECK-LABEL: func.func @other_layer(
// CHECK-NOT: fpmoe.qkv
func.func @other_layer(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index, %other: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%other] : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = fpmoe.rope %q, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// v is not computed of the norm.
// CHECK-LABEL: func.func @other_input(
// CHECK-NOT: fpmoe.qkv
func.func @other_input(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = fpmoe.rope %q, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Norms of heads go along; those of whole rows need all heads first.
// CHECK-LABEL: func.func @head_norms(
// CHECK: fpmoe.qkv %{{.*}} head_norms %{{.*}} : tensor<4xf32>, %{{.*}} : tensor<4xf32> head_eps 9.9{{.*}}E-7 clip 8.0{{.*}} rope
func.func @head_norms(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index, %gq: tensor<4xf32>, %gk: tensor<4xf32>) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr, %kr, %vr = fpmoe.heads %q, %k, %v, %positions norms %gq : tensor<4xf32>, %gk : tensor<4xf32> eps 1.0e-6 clip 8.0 rope %rope heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  %y = fpmoe.attention %qr, %kr, %vr, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @row_norms(
// CHECK-NOT: fpmoe.qkv
// CHECK: fpmoe.heads
func.func @row_norms(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %layer: index, %gq: tensor<8xf32>, %gk: tensor<4xf32>) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %rope = fpmoe.get @rope : tensor<64x4xf32>
  %wq = fpmoe.get @q[%layer] : tensor<8x8xf32>
  %wk = fpmoe.get @k[%layer] : tensor<4x8xf32>
  %wv = fpmoe.get @v[%layer] : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr, %kr, %vr = fpmoe.heads %q, %k, %v, %positions norms %gq : tensor<8xf32>, %gk : tensor<4xf32> eps 1.0e-6 rope %rope heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  %y = fpmoe.attention %qr, %kr, %vr, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
