// RUN: fpmoe-opt %s --fpmoe-select-languages=languages=ocaml,cobol -split-input-file -verify-diagnostics

func.func @unknown(%x: tensor<?x8xf32>, %w: tensor<?x1xf32>, %e: tensor<?x1xi32>, %up: tensor<2x6x8xf32>, %down: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{no expert is named 'cobol', the experts are 'haskell', 'ocaml'}}
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["haskell", "ocaml"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<2x6x8xf32>, tensor<2x8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

// expected-error@+1 {{no expert is named 'ocaml', the model has no experts}}
module {
}

// -----

func.func @no_route(%x: tensor<?x8xf32>, %w: tensor<?x1xf32>, %e: tensor<?x1xi32>, %up: tensor<3x6x8xf32>, %down: tensor<3x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{is not got from weights and a route, so that no part of it can be kept}}
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["haskell", "ocaml", "cobol"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

fpmoe.weight @up : tensor<3x6x8xf32> {
  %0 = fpmoe.load "up" : tensor<3x6x8xf32>
  fpmoe.yield %0 : tensor<3x6x8xf32>
}
fpmoe.weight @down : tensor<3x8x6xf32> {
  %0 = fpmoe.load "down" : tensor<3x8x6xf32>
  fpmoe.yield %0 : tensor<3x8x6xf32>
}
func.func @fixed_elsewhere(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %up = fpmoe.get @up : tensor<3x6x8xf32>
  %down = fpmoe.get @down : tensor<3x8x6xf32>
  // expected-error@+1 {{takes expert 0 alone, which is not one of those kept}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> by #fpmoe.fixed<expert = 0> -> tensor<?x1xf32>, tensor<?x1xi32>
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["haskell", "ocaml", "cobol"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

fpmoe.weight @up : tensor<3x6x8xf32> {
  %0 = fpmoe.load "up" : tensor<3x6x8xf32>
  fpmoe.yield %0 : tensor<3x6x8xf32>
}
fpmoe.weight @down : tensor<3x8x6xf32> {
  %0 = fpmoe.load "down" : tensor<3x8x6xf32>
  fpmoe.yield %0 : tensor<3x8x6xf32>
}
func.func @segments(%x: tensor<?x8xf32>, %r: tensor<3x8xf32>) -> tensor<?x8xf32> {
  %up = fpmoe.get @up : tensor<3x6x8xf32>
  %down = fpmoe.get @down : tensor<3x8x6xf32>
  // expected-error@+1 {{has the rule #fpmoe.segment_choice<segment = 8, top_k = 1>, a part of the experts can be kept only where tokens choose or the expert is fixed}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<3x8xf32> by #fpmoe.segment_choice<segment = 8, top_k = 1> -> tensor<?x1xf32>, tensor<?x1xi32>
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["haskell", "ocaml", "cobol"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<3x6x8xf32>, tensor<3x8x6xf32>
  return %y : tensor<?x8xf32>
}
