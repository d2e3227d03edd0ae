// RUN: fpmoe-opt %s --fpmoe-fuse-scale | fpmoe-opt | FileCheck %s

// CHECK-LABEL: func.func @linear(
// CHECK-NEXT: %[[Y:.*]] = fpmoe.linear %{{.*}}, %{{.*}} times 2.2{{.*}} : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @linear(%a: tensor<?x4xf32>, %w: tensor<8x4xf32>) -> tensor<?x8xf32> {
  %o = fpmoe.linear %a, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %y = fpmoe.scale %o by 0.22 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @embedding(
// CHECK-NEXT: %[[X:.*]] = fpmoe.embedding %{{.*}}, %{{.*}} times 1.2{{.*}} : tensor<16x8xf32> -> tensor<?x8xf32>
// CHECK-NEXT: return %[[X]]
func.func @embedding(%ids: tensor<?xi32>, %table: tensor<16x8xf32>) -> tensor<?x8xf32> {
  %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
  %y = fpmoe.scale %x by 12.0 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The residual is not scaled by a linear map, here it is.
// CHECK-LABEL: func.func @residual(
// CHECK: fpmoe.scale
func.func @residual(%a: tensor<?x4xf32>, %w: tensor<8x4xf32>, %x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = fpmoe.linear %a, %w residual %x : tensor<?x8xf32> : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %y = fpmoe.scale %o by 0.22 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The product has another user.
// CHECK-LABEL: func.func @used(
// CHECK: fpmoe.scale
func.func @used(%a: tensor<?x4xf32>, %w: tensor<8x4xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %o = fpmoe.linear %a, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %y = fpmoe.scale %o by 0.22 : tensor<?x8xf32>
  return %o, %y : tensor<?x8xf32>, tensor<?x8xf32>
}
