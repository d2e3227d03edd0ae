// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=ocaml | fpmoe-opt | FileCheck %s --check-prefix=ONE
// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=scala,haskell | fpmoe-opt | FileCheck %s --check-prefix=TWO
// RUN: fpmoe-opt %s > %t.same
// RUN: fpmoe-opt %s --fpmoe-select-languages | diff - %t.same
// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=haskell,ocaml,scala | diff - %t.same

// ONE-NOT: @router
// TWO: fpmoe.weight @router : tensor<3x8xf32>
fpmoe.weight @router : tensor<3x8xf32> {
  %0 = fpmoe.load "router" : tensor<3x8xf32>
  fpmoe.yield %0 : tensor<3x8xf32>
}
// ONE: fpmoe.weight @raw_router
fpmoe.weight @raw_router : tensor<3x8xf32> {
  %0 = fpmoe.load "raw" : tensor<3x8xf32>
  fpmoe.yield %0 : tensor<3x8xf32>
}
// ONE: fpmoe.weight @gate.kept : tensor<1x6x8xf32> {
// ONE: fpmoe.select %{{.*}}[1] : tensor<3x6x8xf32> -> tensor<1x6x8xf32>
// ONE-NOT: fpmoe.weight @gate :
// TWO: fpmoe.weight @gate.kept : tensor<2x6x8xf32> {
// TWO: fpmoe.select %{{.*}}[0, 2] : tensor<3x6x8xf32> -> tensor<2x6x8xf32>
fpmoe.weight @gate : tensor<3x6x8xf32> {
  %0 = fpmoe.load "gate" : tensor<3x6x8xf32>
  fpmoe.yield %0 : tensor<3x6x8xf32>
}
fpmoe.weight @up : tensor<3x6x8xf32> {
  %0 = fpmoe.load "up" : tensor<3x6x8xf32>
  fpmoe.yield %0 : tensor<3x6x8xf32>
}
fpmoe.weight @down : tensor<3x8x6xf32> {
  %0 = fpmoe.load "down" : tensor<3x8x6xf32>
  fpmoe.yield %0 : tensor<3x8x6xf32>
}

// A single expert whose weight is renormalised has the weight 1.
// ONE-LABEL: func.func @renormalized(
// ONE: %[[W:.*]], %[[E:.*]] = fpmoe.route %{{.*}} : tensor<?x8xf32> by #fpmoe.fixed<expert = 0> -> tensor<?x1xf32>, tensor<?x1xi32>
// ONE-DAG: %[[G:.*]] = fpmoe.get @gate.kept
// ONE-DAG: %[[U:.*]] = fpmoe.get @up.kept
// ONE-DAG: %[[D:.*]] = fpmoe.get @down.kept
// ONE: fpmoe.experts %{{.*}}, %[[W]], %[[E]], %[[G]], %[[U]], %[[D]] names ["ocaml"]
// Of two, both are chosen where two were.
// TWO-LABEL: func.func @renormalized(
// TWO: fpmoe.route %{{.*}} router %{{.*}} by #fpmoe.token_choice<top_k = 2, renormalize = true, candidates = [0, 2]> -> tensor<?x2xf32>, tensor<?x2xi32>
// TWO: fpmoe.experts %{{.*}} names ["haskell", "scala"]
func.func @renormalized(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %router = fpmoe.get @router : tensor<3x8xf32>
  %gate = fpmoe.get @gate : tensor<3x6x8xf32>
  %up = fpmoe.get @up : tensor<3x6x8xf32>
  %down = fpmoe.get @down : tensor<3x8x6xf32>
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> -> tensor<?x2xf32>, tensor<?x2xi32>
  %y = fpmoe.experts %x, %w, %e, %gate, %up, %down names ["haskell", "ocaml", "scala"] : tensor<?x8xf32>, tensor<?x2xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
  return %y : tensor<?x8xf32>
}

// A weight that is not renormalised is a share of all scores: the router stays.
// ONE-LABEL: func.func @raw(
// ONE: %[[R:.*]] = fpmoe.get @raw_router
// ONE: fpmoe.route %{{.*}} router %[[R]] : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = false, candidates = [1]>
// TWO-LABEL: func.func @raw(
// TWO: by #fpmoe.token_choice<top_k = 1, renormalize = false, candidates = [0, 2]>
func.func @raw(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %router = fpmoe.get @raw_router : tensor<3x8xf32>
  %gate = fpmoe.get @gate : tensor<3x6x8xf32>
  %up = fpmoe.get @up : tensor<3x6x8xf32>
  %down = fpmoe.get @down : tensor<3x8x6xf32>
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = false> -> tensor<?x1xf32>, tensor<?x1xi32>
  %y = fpmoe.experts %x, %w, %e, %gate, %up, %down names ["haskell", "ocaml", "scala"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
  return %y : tensor<?x8xf32>
}

// Candidates are rows of the router, here in another order than the experts.
// ONE-LABEL: func.func @again(
// ONE: by #fpmoe.token_choice<top_k = 1, renormalize = false, candidates = [0]>
// TWO-LABEL: func.func @again(
// TWO: by #fpmoe.token_choice<top_k = 2, renormalize = false, candidates = [2, 1]>
func.func @again(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %router = fpmoe.get @raw_router : tensor<3x8xf32>
  %gate = fpmoe.get @gate : tensor<3x6x8xf32>
  %up = fpmoe.get @up : tensor<3x6x8xf32>
  %down = fpmoe.get @down : tensor<3x8x6xf32>
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 3, renormalize = false, candidates = [2, 0, 1]> -> tensor<?x3xf32>, tensor<?x3xi32>
  %y = fpmoe.experts %x, %w, %e, %gate, %up, %down names ["haskell", "ocaml", "scala"] : tensor<?x8xf32>, tensor<?x3xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
  return %y : tensor<?x8xf32>
}
