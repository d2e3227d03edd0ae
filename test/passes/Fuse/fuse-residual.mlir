// RUN: fpmoe-opt %s --fpmoe-fuse-residual | fpmoe-opt | FileCheck %s

fpmoe.weight @w : tensor<8x4xf32> {
  %0 = fpmoe.load "w" : tensor<8x4xf32>
  fpmoe.yield %0 : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @right(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[A:.*]]: tensor<?x4xf32>)
// CHECK-NOT: fpmoe.add
// CHECK: %[[Y:.*]] = fpmoe.linear %[[A]], %{{.*}} residual %[[X]] : tensor<?x8xf32> : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @right(%x: tensor<?x8xf32>, %a: tensor<?x4xf32>) -> tensor<?x8xf32> {
  %w = fpmoe.get @w : tensor<8x4xf32>
  %o = fpmoe.linear %a, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %y = fpmoe.add %x, %o : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The residual is computed after the product: the product moves behind it.
// CHECK-LABEL: func.func @left(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[A:.*]]: tensor<?x4xf32>, %{{.*}}: tensor<8xf32>)
// CHECK: %[[N:.*]] = fpmoe.rms_norm
// CHECK: fpmoe.linear %[[A]], %{{.*}} residual %[[N]]
func.func @left(%x: tensor<?x8xf32>, %a: tensor<?x4xf32>, %g: tensor<8xf32>) -> tensor<?x8xf32> {
  %w = fpmoe.get @w : tensor<8x4xf32>
  %o = fpmoe.linear %a, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %y = fpmoe.add %o, %n : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The product is used twice.
// CHECK-LABEL: func.func @other_user(
// CHECK: fpmoe.add
func.func @other_user(%x: tensor<?x8xf32>, %a: tensor<?x4xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %w = fpmoe.get @w : tensor<8x4xf32>
  %o = fpmoe.linear %a, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %y = fpmoe.add %x, %o : tensor<?x8xf32>
  return %y, %o : tensor<?x8xf32>, tensor<?x8xf32>
}

// Both operands are the product.
// CHECK-LABEL: func.func @doubled(
// CHECK: fpmoe.add
func.func @doubled(%a: tensor<?x4xf32>) -> tensor<?x8xf32> {
  %w = fpmoe.get @w : tensor<8x4xf32>
  %o = fpmoe.linear %a, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %y = fpmoe.add %o, %o : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// A linear map takes one residual.
// CHECK-LABEL: func.func @second_residual(
// CHECK: fpmoe.linear
// CHECK: fpmoe.add
func.func @second_residual(%x: tensor<?x8xf32>, %a: tensor<?x4xf32>) -> tensor<?x8xf32> {
  %w = fpmoe.get @w : tensor<8x4xf32>
  %o = fpmoe.linear %a, %w residual %x : tensor<?x8xf32> : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %y = fpmoe.add %x, %o : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
