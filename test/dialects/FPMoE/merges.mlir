// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// The arithmetic of recipes, each op as its documentation shows it, which
// examples.test compares.

module attributes {fpmoe.model = {name = "toy", architecture = "a", context = 4 : i64, source = "base", parts = {base = "base", haskell = "parts/haskell"}}} {

// CHECK: fpmoe.weight @part layers [0, 1] : tensor<4x8xf32> {
fpmoe.weight @part layers [0, 1] : tensor<4x8xf32> {
^bb0(%layer: index):
  // CHECK: fpmoe.load "w.{}"[%{{.*}}] from "haskell" at [1] : tensor<4x8xf32>
  %0 = fpmoe.load "w.{}"[%layer] from "haskell" at [1] : tensor<4x8xf32>
  fpmoe.yield %0 : tensor<4x8xf32>
}

// CHECK: fpmoe.weight @fill : tensor<1x8xf32> {
fpmoe.weight @fill : tensor<1x8xf32> {
  // CHECK: fpmoe.fill 0.000000e+00 : tensor<1x8xf32>
  %0 = fpmoe.fill 0.0 : tensor<1x8xf32>
  fpmoe.yield %0 : tensor<1x8xf32>
}

// CHECK: fpmoe.weight @by_layer layers [0, 1, 2] : tensor<4x8xf32> {
fpmoe.weight @by_layer layers [0, 1, 2] : tensor<4x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "a" : tensor<4x8xf32>
  %1 = fpmoe.load "b" : tensor<4x8xf32>
  // CHECK: fpmoe.by_layer %{{.*}}, %{{.*}}, %{{.*}} of {{\[}}[0, 2], [1]] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %2 = fpmoe.by_layer %layer, %0, %1 of [[0, 2], [1]] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  fpmoe.yield %2 : tensor<4x8xf32>
}

// CHECK: fpmoe.weight @transpose : tensor<8x4xf32> {
fpmoe.weight @transpose : tensor<8x4xf32> {
  %0 = fpmoe.load "a" : tensor<4x8xf32>
  // CHECK: fpmoe.transpose %{{.*}} : tensor<4x8xf32> -> tensor<8x4xf32>
  %1 = fpmoe.transpose %0 : tensor<4x8xf32> -> tensor<8x4xf32>
  fpmoe.yield %1 : tensor<8x4xf32>
}

// CHECK: fpmoe.weight @product : tensor<8x6xf32> {
fpmoe.weight @product : tensor<8x6xf32> {
  %0 = fpmoe.load "b" : tensor<8x2xf32>
  %1 = fpmoe.load "a" : tensor<2x6xf32>
  // CHECK: fpmoe.product %{{.*}}, %{{.*}} : tensor<8x2xf32>, tensor<2x6xf32> -> tensor<8x6xf32>
  %2 = fpmoe.product %0, %1 : tensor<8x2xf32>, tensor<2x6xf32> -> tensor<8x6xf32>
  fpmoe.yield %2 : tensor<8x6xf32>
}

// CHECK: fpmoe.weight @weighted_sum : tensor<4x8xf32> {
fpmoe.weight @weighted_sum : tensor<4x8xf32> {
  %0 = fpmoe.load "a" : tensor<4x8xf32>
  %1 = fpmoe.load "b" : tensor<4x8xf32>
  // CHECK: fpmoe.weighted_sum %{{.*}}, %{{.*}} weights [5.000000e-01, 1.500000e+00] normalized : tensor<4x8xf32>
  %2 = fpmoe.weighted_sum %0, %1 weights [0.5, 1.5] normalized : tensor<4x8xf32>
  // CHECK: fpmoe.weighted_sum %{{.*}} weights [2.000000e+00] : tensor<4x8xf32>
  %3 = fpmoe.weighted_sum %2 weights [2.0] : tensor<4x8xf32>
  fpmoe.yield %3 : tensor<4x8xf32>
}

// CHECK: fpmoe.weight @task_arithmetic : tensor<4x8xf32> {
fpmoe.weight @task_arithmetic : tensor<4x8xf32> {
  %0 = fpmoe.load "a" : tensor<4x8xf32>
  %1 = fpmoe.load "b" : tensor<4x8xf32>
  %2 = fpmoe.load "c" : tensor<4x8xf32>
  // CHECK: fpmoe.task_arithmetic %{{.*}} plus %{{.*}}, %{{.*}} weights [5.000000e-01, 1.000000e+00] lambda 1.000000e+00 : tensor<4x8xf32>
  %3 = fpmoe.task_arithmetic %0 plus %1, %2 weights [0.5, 1.0] lambda 1.0 : tensor<4x8xf32>
  fpmoe.yield %3 : tensor<4x8xf32>
}

// CHECK: fpmoe.weight @ties : tensor<4x8xf32> {
fpmoe.weight @ties : tensor<4x8xf32> {
  %0 = fpmoe.load "a" : tensor<4x8xf32>
  %1 = fpmoe.load "b" : tensor<4x8xf32>
  %2 = fpmoe.load "c" : tensor<4x8xf32>
  // CHECK: fpmoe.ties mergekit %{{.*}} plus %{{.*}}, %{{.*}} weights [5.000000e-01, 1.000000e+00] densities [2.000000e-01, 3.000000e-01] lambda 1.000000e+00 normalized : tensor<4x8xf32>
  %3 = fpmoe.ties mergekit %0 plus %1, %2 weights [0.5, 1.0] densities [0.2, 0.3] lambda 1.0 normalized : tensor<4x8xf32>
  // CHECK: fpmoe.ties peft %{{.*}} plus %{{.*}} weights [5.000000e-01] densities [1.000000e+00] lambda 2.000000e+00 : tensor<4x8xf32>
  %4 = fpmoe.ties peft %0 plus %3 weights [0.5] densities [1.0] lambda 2.0 : tensor<4x8xf32>
  fpmoe.yield %4 : tensor<4x8xf32>
}

// CHECK: fpmoe.weight @unit : tensor<8xf32> {
fpmoe.weight @unit : tensor<8xf32> {
  %0 = fpmoe.load "a" : tensor<4x8xf32>
  // CHECK: fpmoe.sum_rows %{{.*}}[2, 0, 2] : tensor<4x8xf32> -> tensor<8xf32>
  %1 = fpmoe.sum_rows %0[2, 0, 2] : tensor<4x8xf32> -> tensor<8xf32>
  // CHECK: fpmoe.unit %{{.*}} : tensor<8xf32>
  %2 = fpmoe.unit %1 : tensor<8xf32>
  fpmoe.yield %2 : tensor<8xf32>
}

// CHECK: fpmoe.weight @unit_alone : tensor<8xf32> {
fpmoe.weight @unit_alone : tensor<8xf32> {
  %0 = fpmoe.load "model.norm.weight" : tensor<8xf32>
  // CHECK: fpmoe.unit %{{.*}} : tensor<8xf32>
  %1 = fpmoe.unit %0 : tensor<8xf32>
  fpmoe.yield %1 : tensor<8xf32>
}

// CHECK: fpmoe.weight @state layers [0, 1] : tensor<8xf32> {
fpmoe.weight @state layers [0, 1] : tensor<8xf32> {
^bb0(%layer: index):
  // CHECK: fpmoe.prompt_state %{{.*}} from "base" prompts {{\[\[}}1, 2], [3]] average padding 0 : tensor<8xf32>
  %0 = fpmoe.prompt_state %layer from "base" prompts [[1, 2], [3]] average padding 0 : tensor<8xf32>
  // CHECK: fpmoe.prompt_state %{{.*}} from "base" prompts {{\[\[}}4]] : tensor<8xf32>
  %1 = fpmoe.prompt_state %layer from "base" prompts [[4]] : tensor<8xf32>
  %2 = fpmoe.weighted_sum %0, %1 weights [1.0, -1.0] : tensor<8xf32>
  fpmoe.yield %2 : tensor<8xf32>
}
}
