// RUN: fpmoe-opt %s --fpmoe-fuse-heads | fpmoe-opt | FileCheck %s

// CHECK-LABEL: func.func @norms(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<?x8xf32>, %[[K:[a-z0-9]*]]: tensor<?x4xf32>, %[[V:[a-z0-9]*]]: tensor<?x4xf32>, %[[P:[a-z0-9]*]]: tensor<?xi32>
// CHECK-NEXT: %[[QR:.*]], %[[KR:.*]], %[[VR:.*]] = fpmoe.heads %[[Q]], %[[K]], %[[V]], %[[P]] norms %{{.*}} : tensor<4xf32>, %{{.*}} : tensor<4xf32> eps 9.9{{.*}}E-7 rope
// CHECK-NEXT: fpmoe.attention %[[QR]], %[[KR]], %[[VR]], %[[P]]
func.func @norms(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %positions: tensor<?xi32>, %layer: index, %gq: tensor<4xf32>, %gk: tensor<4xf32>, %rope: tensor<64x4xf32>) -> tensor<?x8xf32> {
  %qn = fpmoe.rms_norm %q, %gq eps 1.0e-6 : tensor<?x8xf32>, tensor<4xf32>
  %kn = fpmoe.rms_norm %k, %gk eps 1.0e-6 : tensor<?x4xf32>, tensor<4xf32>
  %qr = fpmoe.rope %qn, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %kn, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Clipping of all three.
// CHECK-LABEL: func.func @clip(
// CHECK-NEXT: fpmoe.heads {{.*}} clip 8.0{{.*}} rope
// CHECK-NOT: fpmoe.clamp
func.func @clip(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %positions: tensor<?xi32>, %layer: index, %rope: tensor<64x4xf32>) -> tensor<?x8xf32> {
  %qc = fpmoe.clamp %q to 8.0 : tensor<?x8xf32>
  %kc = fpmoe.clamp %k to 8.0 : tensor<?x4xf32>
  %vc = fpmoe.clamp %v to 8.0 : tensor<?x4xf32>
  %qr = fpmoe.rope %qc, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %kc, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %vc, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Latent attention: keys of 4 columns and a tail of 2, values of 3.
// CHECK-LABEL: func.func @latent(
// CHECK: fpmoe.heads {{.*}} tail %{{.*}} : tensor<?x2xf32> rope %{{.*}} heads 2 kv_heads 2 : tensor<?x12xf32>, tensor<?x8xf32>, tensor<?x6xf32>, tensor<64x2xf32> -> tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x6xf32>
// CHECK-NOT: fpmoe.extend_heads
func.func @latent(%q: tensor<?x12xf32>, %k: tensor<?x8xf32>, %v: tensor<?x6xf32>, %t: tensor<?x2xf32>, %positions: tensor<?xi32>, %layer: index, %rope: tensor<64x2xf32>) -> tensor<?x6xf32> {
  %qr = fpmoe.rope %q, %positions, %rope head_dim 6 : tensor<?x12xf32>, tensor<64x2xf32>
  %tr = fpmoe.rope %t, %positions, %rope : tensor<?x2xf32>, tensor<64x2xf32>
  %kt = fpmoe.extend_heads %k, %tr heads 2 : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x12xf32>
  %y = fpmoe.attention %qr, %kt, %v, %positions layer %layer heads 2 kv_heads 2 scale 0.5 : tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x6xf32> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// Only q has a norm.
// CHECK-LABEL: func.func @one_norm(
// CHECK-NOT: fpmoe.heads
func.func @one_norm(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %positions: tensor<?xi32>, %layer: index, %gq: tensor<4xf32>, %rope: tensor<64x4xf32>) -> tensor<?x8xf32> {
  %qn = fpmoe.rms_norm %q, %gq eps 1.0e-6 : tensor<?x8xf32>, tensor<4xf32>
  %qr = fpmoe.rope %qn, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %k, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// v is clipped elsewhere.
// CHECK-LABEL: func.func @two_clips(
// CHECK-NOT: fpmoe.heads
func.func @two_clips(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %positions: tensor<?xi32>, %layer: index, %rope: tensor<64x4xf32>) -> tensor<?x8xf32> {
  %qc = fpmoe.clamp %q to 8.0 : tensor<?x8xf32>
  %kc = fpmoe.clamp %k to 8.0 : tensor<?x4xf32>
  %vc = fpmoe.clamp %v to 4.0 : tensor<?x4xf32>
  %qr = fpmoe.rope %qc, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
  %kr = fpmoe.rope %kc, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
  %y = fpmoe.attention %qr, %kr, %vc, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
