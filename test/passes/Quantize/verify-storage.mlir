// RUN: fpmoe-opt %s --fpmoe-verify-storage -split-input-file -verify-diagnostics

fpmoe.weight @table : tensor<16x8xbf16> {
  %0 = fpmoe.load "table" : tensor<16x8xbf16>
  fpmoe.yield %0 : tensor<16x8xbf16>
}
fpmoe.weight @norm : tensor<8xf32> {
  %0 = fpmoe.load "norm" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
func.func @right(%ids: tensor<?xi32>) -> tensor<?x16xf32> {
  %table = fpmoe.get @table : tensor<16x8xbf16>
  %norm = fpmoe.get @norm : tensor<8xf32>
  %x = fpmoe.embedding %ids, %table : tensor<16x8xbf16> -> tensor<?x8xf32>
  %y = fpmoe.linear %x, %table norm %norm : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<16x8xbf16> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

fpmoe.weight @table : tensor<16x8xbf16> {
  %0 = fpmoe.load "table" : tensor<16x8xbf16>
  fpmoe.yield %0 : tensor<16x8xbf16>
}
fpmoe.weight @head : tensor<16x8xf32> {
  %0 = fpmoe.load "head" : tensor<16x8xf32>
  fpmoe.yield %0 : tensor<16x8xf32>
}
// Every matrix has a format of its own.
func.func @two_formats(%ids: tensor<?xi32>) -> tensor<?x16xf32> {
  %table = fpmoe.get @table : tensor<16x8xbf16>
  %head = fpmoe.get @head : tensor<16x8xf32>
  %x = fpmoe.embedding %ids, %table : tensor<16x8xbf16> -> tensor<?x8xf32>
  %y = fpmoe.linear %x, %head : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

fpmoe.weight @norm : tensor<8xbf16> {
  %0 = fpmoe.load "norm" : tensor<8xbf16>
  fpmoe.yield %0 : tensor<8xbf16>
}
func.func @small(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{gives 'bf16' to 'fpmoe.rms_norm', which takes f32 in this place}}
  %norm = fpmoe.get @norm : tensor<8xbf16>
  %y = fpmoe.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xbf16>
  return %y : tensor<?x8xf32>
}

// -----

fpmoe.weight @router : tensor<3x8xf16> {
  %0 = fpmoe.load "router" : tensor<3x8xf16>
  fpmoe.yield %0 : tensor<3x8xf16>
}
func.func @route(%x: tensor<?x8xf32>) -> tensor<?x1xf32> {
  // expected-error@+1 {{gives 'f16' to 'fpmoe.route', which takes f32 in this place}}
  %router = fpmoe.get @router : tensor<3x8xf16>
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %router : tensor<3x8xf16> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
  return %w : tensor<?x1xf32>
}
