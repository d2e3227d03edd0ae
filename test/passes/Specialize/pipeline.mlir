// RUN: fpmoe-opt %s --fpmoe-specialize=languages=scala | FileCheck %s
// RUN: fpmoe-opt %s > %t.same
// RUN: fpmoe-opt %s --fpmoe-specialize | diff - %t.same

// Of the other experts nothing is loaded.

// CHECK-NOT: "router"
fpmoe.weight @router : tensor<3x8xf32> {
  %0 = fpmoe.load "router" : tensor<3x8xf32>
  fpmoe.yield %0 : tensor<3x8xf32>
}
// CHECK: fpmoe.weight @up.kept : tensor<1x6x8xf32> {
// CHECK-NEXT: %[[UP:.*]] = fpmoe.load "up.2" : tensor<6x8xf32>
// CHECK-NEXT: fpmoe.stack %[[UP]]
fpmoe.weight @up : tensor<3x6x8xf32> {
  %0 = fpmoe.load "up.0" : tensor<6x8xf32>
  %1 = fpmoe.load "up.1" : tensor<6x8xf32>
  %2 = fpmoe.load "up.2" : tensor<6x8xf32>
  %3 = fpmoe.stack %0, %1, %2 : tensor<6x8xf32>, tensor<6x8xf32>, tensor<6x8xf32> -> tensor<3x6x8xf32>
  fpmoe.yield %3 : tensor<3x6x8xf32>
}
// CHECK: fpmoe.weight @down.kept : tensor<1x8x6xf32> {
// CHECK-NEXT: %[[DOWN:.*]] = fpmoe.load "down.2" : tensor<8x6xf32>
fpmoe.weight @down : tensor<3x8x6xf32> {
  %0 = fpmoe.load "down.0" : tensor<8x6xf32>
  %1 = fpmoe.load "down.1" : tensor<8x6xf32>
  %2 = fpmoe.load "down.2" : tensor<8x6xf32>
  %3 = fpmoe.stack %0, %1, %2 : tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32> -> tensor<3x8x6xf32>
  fpmoe.yield %3 : tensor<3x8x6xf32>
}

// CHECK-LABEL: func.func @block
// CHECK: fpmoe.route %{{.*}} by #fpmoe.fixed<expert = 0>
// CHECK: fpmoe.experts %{{.*}} names ["scala"]
func.func @block(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %router = fpmoe.get @router : tensor<3x8xf32>
  %up = fpmoe.get @up : tensor<3x6x8xf32>
  %down = fpmoe.get @down : tensor<3x8x6xf32>
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["haskell", "ocaml", "scala"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
  return %y : tensor<?x8xf32>
}
