// RUN: fpmoe-opt %s --fpmoe-fold-recipes | fpmoe-opt | FileCheck %s

// A part of a tensor of a part is loaded from that part; merges stay as they
// are, and so does rounding after them.
module attributes {fpmoe.model = {name = "toy", architecture = "a", context = 4 : i64, source = "base", parts = {base = "base", ocaml = "ocaml"}}} {
  // CHECK-LABEL: fpmoe.weight @parts
  // CHECK: fpmoe.load "w" from "ocaml" at [1] : tensor<4x8xf32>
  fpmoe.weight @parts : tensor<1x4x8xf32> {
    %0 = fpmoe.load "w" from "ocaml" : tensor<3x4x8xf32>
    %1 = fpmoe.select %0[1] : tensor<3x4x8xf32> -> tensor<1x4x8xf32>
    fpmoe.yield %1 : tensor<1x4x8xf32>
  }
  // CHECK-LABEL: fpmoe.weight @merged
  // CHECK: %[[A:.*]] = fpmoe.load "w" from "base" : tensor<4x8xf32>
  // CHECK: %[[B:.*]] = fpmoe.load "w" from "ocaml" : tensor<4x8xf32>
  // CHECK: %[[M:.*]] = fpmoe.ties mergekit %[[A]] plus %[[B]]
  // CHECK: fpmoe.convert %[[M]] : tensor<4x8xf32> -> tensor<4x8xbf16>
  fpmoe.weight @merged : tensor<4x8xbf16> {
    %0 = fpmoe.load "w" from "base" : tensor<4x8xf32>
    %1 = fpmoe.load "w" from "ocaml" : tensor<4x8xf32>
    %2 = fpmoe.ties mergekit %0 plus %1 weights [1.0] densities [0.5] lambda 1.0 normalized : tensor<4x8xf32>
    %3 = fpmoe.convert %2 : tensor<4x8xf32> -> tensor<4x8xbf16>
    fpmoe.yield %3 : tensor<4x8xbf16>
  }
  func.func @use() -> (tensor<1x4x8xf32>, tensor<4x8xbf16>) {
    %0 = fpmoe.get @parts : tensor<1x4x8xf32>
    %1 = fpmoe.get @merged : tensor<4x8xbf16>
    return %0, %1 : tensor<1x4x8xf32>, tensor<4x8xbf16>
  }
}
