// RUN: fpmoe-opt %s --fpmoe-merge-weights | fpmoe-opt | FileCheck %s

// CHECK: fpmoe.weight @a : tensor<8xf32>
// CHECK-NEXT: fpmoe.load "norm"
fpmoe.weight @a : tensor<8xf32> {
  %0 = fpmoe.load "norm" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
// The same as @a.
// CHECK-NOT: @b
fpmoe.weight @b : tensor<8xf32> {
  %0 = fpmoe.load "norm" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
// Another tensor.
// CHECK: fpmoe.weight @c : tensor<8xf32>
fpmoe.weight @c : tensor<8xf32> {
  %0 = fpmoe.load "other" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
// Another element type.
// CHECK: fpmoe.weight @d : tensor<8xbf16>
fpmoe.weight @d : tensor<8xbf16> {
  %0 = fpmoe.load "norm" : tensor<8xbf16>
  fpmoe.yield %0 : tensor<8xbf16>
}
// CHECK: fpmoe.weight @e layers [0, 1] : tensor<8xf32>
fpmoe.weight @e layers [0, 1] : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
// Other layers.
// CHECK: fpmoe.weight @f layers [0, 2] : tensor<8xf32>
fpmoe.weight @f layers [0, 2] : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
// The same as @e.
// CHECK-NOT: @g
fpmoe.weight @g layers [0, 1] : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// CHECK-LABEL: func.func @all(
// CHECK-SAME: %[[L:.*]]: index)
// CHECK-NEXT: %[[A:.*]] = fpmoe.get @a
// CHECK-NEXT: %[[B:.*]] = fpmoe.get @a
// CHECK-NEXT: %[[C:.*]] = fpmoe.get @c
// CHECK-NEXT: fpmoe.get @d
// CHECK-NEXT: fpmoe.get @e[%[[L]]]
// CHECK-NEXT: fpmoe.get @f[%[[L]]]
// CHECK-NEXT: fpmoe.get @e[%[[L]]]
// CHECK-NEXT: return %[[A]], %[[B]], %[[C]]
func.func @all(%layer: index) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xbf16>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %a = fpmoe.get @a : tensor<8xf32>
  %b = fpmoe.get @b : tensor<8xf32>
  %c = fpmoe.get @c : tensor<8xf32>
  %d = fpmoe.get @d : tensor<8xbf16>
  %e = fpmoe.get @e[%layer] : tensor<8xf32>
  %f = fpmoe.get @f[%layer] : tensor<8xf32>
  %g = fpmoe.get @g[%layer] : tensor<8xf32>
  return %a, %b, %c, %d, %e, %f, %g : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xbf16>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}
