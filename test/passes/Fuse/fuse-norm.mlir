// RUN: fpmoe-opt %s --fpmoe-fuse-norm | fpmoe-opt | FileCheck %s

fpmoe.weight @g : tensor<8xf32> {
  %0 = fpmoe.load "g" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
fpmoe.weight @w : tensor<4x8xf32> {
  %0 = fpmoe.load "w" : tensor<4x8xf32>
  fpmoe.yield %0 : tensor<4x8xf32>
}
fpmoe.weight @b : tensor<4xf32> {
  %0 = fpmoe.load "b" : tensor<4xf32>
  fpmoe.yield %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @one_user(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>)
// CHECK-DAG: %[[G:.*]] = fpmoe.get @g
// CHECK-DAG: %[[W:.*]] = fpmoe.get @w
// CHECK-NOT: rms_norm
// CHECK: %[[Y:.*]] = fpmoe.linear %[[X]], %[[W]] norm %[[G]] : tensor<8xf32> eps 9.9{{.*}}E-7 : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
// CHECK: return %[[Y]]
func.func @one_user(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %w = fpmoe.get @w : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %y = fpmoe.linear %n, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// Each of two linear maps takes the norm; bias and residual stay.
// CHECK-LABEL: func.func @two_users(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[R:.*]]: tensor<?x4xf32>)
// CHECK-NOT: rms_norm
// CHECK: fpmoe.linear %[[X]], %{{.*}} norm %{{.*}} : tensor<8xf32> eps 9.9{{.*}}E-7 bias %{{.*}} : tensor<4xf32> residual %[[R]]
// CHECK: fpmoe.linear %[[X]], %{{.*}} norm %{{.*}} : tensor<8xf32> eps 9.9{{.*}}E-7 : tensor<?x8xf32>
func.func @two_users(%x: tensor<?x8xf32>, %r: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = fpmoe.get @g : tensor<8xf32>
  %w = fpmoe.get @w : tensor<4x8xf32>
  %b = fpmoe.get @b : tensor<4xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %y = fpmoe.linear %n, %w bias %b : tensor<4xf32> residual %r : tensor<?x4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %z = fpmoe.linear %n, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
}

// The norm is returned, too: it would be computed twice.
// CHECK-LABEL: func.func @other_user(
// CHECK: %[[N:.*]] = fpmoe.rms_norm
// CHECK: fpmoe.linear %[[N]], %{{.*}} : tensor<?x8xf32>
func.func @other_user(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x8xf32>) {
  %g = fpmoe.get @g : tensor<8xf32>
  %w = fpmoe.get @w : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %y = fpmoe.linear %n, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %y, %n : tensor<?x4xf32>, tensor<?x8xf32>
}

// The linear map has a norm of its own, after this one.
// CHECK-LABEL: func.func @second_norm(
// CHECK: %[[N:.*]] = fpmoe.rms_norm
// CHECK: fpmoe.linear %[[N]], %{{.*}} norm
func.func @second_norm(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %w = fpmoe.get @w : tensor<4x8xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %y = fpmoe.linear %n, %w norm %g : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
