// RUN: fpmoe-opt %s --fpmoe-assemble | FileCheck %s
// RUN: fpmoe-opt %s --fpmoe-assemble -o %t.once
// RUN: fpmoe-opt %t.once --fpmoe-assemble | diff - %t.once

// The two are the same rows only when they are folded. What is assembled
// already stays as it is.

// CHECK: fpmoe.weight @a : tensor<2x8xf32>
// CHECK-NEXT: fpmoe.load "w" at [3] : tensor<2x8xf32>
fpmoe.weight @a : tensor<2x8xf32> {
  %0 = fpmoe.load "w" : tensor<10x8xf32>
  %1 = fpmoe.slice %0 from 3 : tensor<10x8xf32> -> tensor<2x8xf32>
  fpmoe.yield %1 : tensor<2x8xf32>
}
// CHECK-NOT: @b
fpmoe.weight @b : tensor<2x8xf32> {
  %0 = fpmoe.load "w" : tensor<10x8xf32>
  %1 = fpmoe.slice %0 from 1 : tensor<10x8xf32> -> tensor<5x8xf32>
  %2 = fpmoe.slice %1 from 2 : tensor<5x8xf32> -> tensor<2x8xf32>
  fpmoe.yield %2 : tensor<2x8xf32>
}

// CHECK-LABEL: func.func @both
// CHECK-NEXT: fpmoe.get @a
// CHECK-NEXT: fpmoe.get @a
func.func @both() -> (tensor<2x8xf32>, tensor<2x8xf32>) {
  %a = fpmoe.get @a : tensor<2x8xf32>
  %b = fpmoe.get @b : tensor<2x8xf32>
  return %a, %b : tensor<2x8xf32>, tensor<2x8xf32>
}
