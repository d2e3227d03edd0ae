// RUN: fpmoe-opt %s --fpmoe-verify-fused -split-input-file -verify-diagnostics

// All of these have a kernel of their own.
func.func @fused(%ids: tensor<?xi32>, %table: tensor<16x8xf32>, %g: tensor<8xf32>) -> tensor<?x16xf32> {
  %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x8xf32>
  %y = fpmoe.linear %x, %table norm %g : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

func.func @norm(%x: tensor<?x8xf32>, %g: tensor<8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{'fpmoe.rms_norm' op is left after the fuse phase}}
  %y = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @rope(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %t: tensor<64x4xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{'fpmoe.rope' op is left after the fuse phase}}
  %y = fpmoe.rope %x, %positions, %t : tensor<?x8xf32>, tensor<64x4xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @route(%x: tensor<?x8xf32>, %r: tensor<3x8xf32>) -> tensor<?x1xf32> {
  // expected-error@+1 {{'fpmoe.route' op is left after the fuse phase}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
  return %w : tensor<?x1xf32>
}

// -----

func.func @experts(%x: tensor<?x8xf32>, %w: tensor<?x1xf32>, %e: tensor<?x1xi32>, %up: tensor<1x6x8xf32>, %down: tensor<1x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{'fpmoe.experts' op is left after the fuse phase}}
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["scala"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<1x6x8xf32>, tensor<1x8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @mlp(%x: tensor<?x8xf32>, %up: tensor<6x8xf32>, %down: tensor<8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{'fpmoe.mlp' op is left after the fuse phase}}
  %y = fpmoe.mlp %x, %up, %up, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @add(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{'fpmoe.add' op is left after the fuse phase}}
  %y = fpmoe.add %x, %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
