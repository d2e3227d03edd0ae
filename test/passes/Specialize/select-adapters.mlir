// RUN: fpmoe-opt %s --fpmoe-select-adapters=languages=ocaml | fpmoe-opt | FileCheck %s --check-prefix=ONE
// RUN: fpmoe-opt %s --fpmoe-select-adapters=languages=scala,haskell | fpmoe-opt | FileCheck %s --check-prefix=TWO
// RUN: fpmoe-opt %s > %t.same
// RUN: fpmoe-opt %s --fpmoe-select-adapters | diff - %t.same
// RUN: fpmoe-opt %s --fpmoe-select-adapters=languages=haskell,ocaml,scala | diff - %t.same
// RUN: not fpmoe-opt %s --fpmoe-select-adapters=languages=java 2>&1 | FileCheck %s --check-prefix=NONE

// NONE: no adapter is for 'java', there are those for 'haskell', 'ocaml', 'scala'

// With one language, its path and the shared one are in the weight.
// ONE-NOT: languages
// TWO: languages = ["haskell", "scala"]
module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, languages = ["haskell", "ocaml", "scala"], name = "m", source = "m"}} {
  // ONE-NOT: @a
  // TWO: fpmoe.weight @a.kept : tensor<5x8xf32> {
  // TWO: %[[S:.*]] = fpmoe.slice %[[A:.*]] from 0 : tensor<7x8xf32> -> tensor<1x8xf32>
  // TWO: %[[H:.*]] = fpmoe.slice %[[A]] from 1 : tensor<7x8xf32> -> tensor<2x8xf32>
  // TWO: %[[L:.*]] = fpmoe.slice %[[A]] from 5 : tensor<7x8xf32> -> tensor<2x8xf32>
  // TWO: fpmoe.concat %[[S]], %[[H]], %[[L]]
  fpmoe.weight @a : tensor<7x8xf32> {
    %0 = fpmoe.load "a" : tensor<7x8xf32>
    fpmoe.yield %0 : tensor<7x8xf32>
  }
  // ONE: fpmoe.weight @w.kept : tensor<4x8xf32> {
  // ONE: %[[W:.*]] = fpmoe.load "w" : tensor<4x8xf32>
  // ONE: %[[P:.*]] = fpmoe.product %{{.*}}, %{{.*}} : tensor<4x3xf32>, tensor<3x8xf32> -> tensor<4x8xf32>
  // ONE: fpmoe.weighted_sum %[[W]], %[[P]] weights [1.000000e+00, 1.000000e+00] : tensor<4x8xf32>
  // TWO: fpmoe.weight @w.kept : tensor<4x13xf32> {
  // TWO: fpmoe.append_columns %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<4x5xf32> -> tensor<4x13xf32>
  fpmoe.weight @w : tensor<4x15xf32> {
    %0 = fpmoe.load "w" : tensor<4x8xf32>
    %1 = fpmoe.load "b" : tensor<4x7xf32>
    %2 = fpmoe.append_columns %0, %1 : tensor<4x8xf32>, tensor<4x7xf32> -> tensor<4x15xf32>
    fpmoe.yield %2 : tensor<4x15xf32>
  }
  // ONE-LABEL: func.func @f(
  // ONE: fpmoe.linear %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  // TWO-LABEL: func.func @f(
  // TWO: fpmoe.linear %{{.*}}, %{{.*}} low_rank %{{.*}} : tensor<5x8xf32> ranks [1, 2, 2] : tensor<?x8xf32>, tensor<4x13xf32> -> tensor<?x4xf32>
  func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
    %w = fpmoe.get @w : tensor<4x15xf32>
    %a = fpmoe.get @a : tensor<7x8xf32>
    %y = fpmoe.linear %x, %w low_rank %a : tensor<7x8xf32> ranks [1, 2, 2, 2] : tensor<?x8xf32>, tensor<4x15xf32> -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}
