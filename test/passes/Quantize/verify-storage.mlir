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
func.func @two_formats(%ids: tensor<?xi32>) -> tensor<?x16xf32> {
  %table = fpmoe.get @table : tensor<16x8xbf16>
  // expected-error@+1 {{gives a matrix of 'f32', 'table' is of 'bf16'}}
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
