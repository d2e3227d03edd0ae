// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=ocaml --fpmoe-verify-specialized=languages=ocaml | fpmoe-opt | FileCheck %s --check-prefix=BOTH
// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=scala | FileCheck %s --check-prefix=SEGMENT
// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=cobol | FileCheck %s --check-prefix=TOKEN
// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=ocaml,cobol | FileCheck %s --check-prefix=TWO
// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=ocaml,cobol --fpmoe-select-languages=languages=cobol | FileCheck %s --check-prefix=TOKEN
// RUN: fpmoe-opt %s > %t.same
// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=scala,cobol,ocaml | diff - %t.same
// RUN: not fpmoe-opt %s --fpmoe-select-languages=languages=shared 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not fpmoe-opt %s --fpmoe-verify-specialized=languages=ocaml 2>&1 | FileCheck %s --check-prefix=LEFT

// Of two levels, the experts of the languages stay on each, and the shared one. The
// router stays whole, because scores of segments are a share of all.

// NONE: no expert is named 'shared', the experts are 'ocaml', 'cobol', 'scala'
// LEFT: still has the expert 'cobol', which is not among the languages asked for

// BOTH: fpmoe.weight @router : tensor<5x8xf32>
fpmoe.weight @router : tensor<5x8xf32> {
  %0 = fpmoe.load "router" : tensor<5x8xf32>
  fpmoe.yield %0 : tensor<5x8xf32>
}
// BOTH: fpmoe.select %{{.*}}[0, 2, 3] : tensor<5x6x8xf32> -> tensor<3x6x8xf32>
// SEGMENT: fpmoe.select %{{.*}}[2, 4] : tensor<5x6x8xf32> -> tensor<2x6x8xf32>
// TOKEN: fpmoe.weight @up{{.*}} : tensor<2x6x8xf32>
fpmoe.weight @up : tensor<5x6x8xf32> {
  %0 = fpmoe.load "up" : tensor<5x6x8xf32>
  fpmoe.yield %0 : tensor<5x6x8xf32>
}
fpmoe.weight @down : tensor<5x8x6xf32> {
  %0 = fpmoe.load "down" : tensor<5x8x6xf32>
  fpmoe.yield %0 : tensor<5x8x6xf32>
}

// BOTH: fpmoe.route %{{.*}} router %{{.*}} : tensor<5x8xf32> by #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, {{.*}}, candidates = [0, 2, 3]> -> tensor<?x3xf32>, tensor<?x3xi32>
// BOTH: fpmoe.experts %{{.*}} names ["ocaml", "shared", "ocaml"]
// Tokens take the shared expert alone.
// SEGMENT: fpmoe.route {{.*}}, candidates = [2, 4]> -> tensor<?x2xf32>, tensor<?x2xi32>
// SEGMENT: fpmoe.experts %{{.*}} names ["shared", "scala"]
// Segments take none.
// TOKEN: fpmoe.route {{.*}}, candidates = [1, 2]> -> tensor<?x2xf32>, tensor<?x2xi32>
// TOKEN: fpmoe.experts %{{.*}} names ["cobol", "shared"]
// TWO: fpmoe.route {{.*}} top_k = 1, {{.*}}, candidates = [0, 1, 2, 3]> -> tensor<?x3xf32>, tensor<?x3xi32>
// TWO: fpmoe.experts %{{.*}} names ["ocaml", "cobol", "shared", "ocaml"]
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %router = fpmoe.get @router : tensor<5x8xf32>
  %up = fpmoe.get @up : tensor<5x6x8xf32>
  %down = fpmoe.get @down : tensor<5x8x6xf32>
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %router : tensor<5x8xf32> by #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3> -> tensor<?x4xf32>, tensor<?x4xi32>
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["ocaml", "cobol", "shared", "ocaml", "scala"] : tensor<?x8xf32>, tensor<?x4xf32>, tensor<5x6x8xf32>, tensor<5x8x6xf32>
  return %y : tensor<?x8xf32>
}
