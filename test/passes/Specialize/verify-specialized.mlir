// RUN: fpmoe-opt %s --fpmoe-verify-specialized=languages=ocaml,scala -verify-diagnostics
// RUN: fpmoe-opt %s --fpmoe-verify-specialized

func.func @asked_for(%x: tensor<?x8xf32>, %w: tensor<?x1xf32>, %e: tensor<?x1xi32>, %up: tensor<1x6x8xf32>, %down: tensor<1x8x6xf32>) -> tensor<?x8xf32> {
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["scala"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<1x6x8xf32>, tensor<1x8x6xf32>
  return %y : tensor<?x8xf32>
}
func.func @left_over(%x: tensor<?x8xf32>, %w: tensor<?x1xf32>, %e: tensor<?x1xi32>, %up: tensor<2x6x8xf32>, %down: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{still has the expert 'haskell', which is not among the languages asked for}}
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["haskell", "ocaml"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<2x6x8xf32>, tensor<2x8x6xf32>
  return %y : tensor<?x8xf32>
}
