// RUN: fpmoe-opt %s --mega-pack-weights -split-input-file -verify-diagnostics

// A weight lies in one way: what one op takes for gate and up is no plain matrix of
// another one.
module {
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @both : tensor<32x8xbf16> {
    %0 = fpmoe.load "both" : tensor<32x8xbf16>
    fpmoe.yield %0 : tensor<32x8xbf16>
  }
  fpmoe.weight @down : tensor<8x16xbf16> {
    %0 = fpmoe.load "down" : tensor<8x16xbf16>
    fpmoe.yield %0 : tensor<8x16xbf16>
  }
  func.func @twice(%x: tensor<?x8xf32>) -> (tensor<?x32xf32>, tensor<?x8xf32>) {
    %norm = fpmoe.get @norm : tensor<8xf32>
    %w = fpmoe.get @both : tensor<32x8xbf16>
    %down = fpmoe.get @down : tensor<8x16xbf16>
    %y = fpmoe.linear %x, %w : tensor<?x8xf32>, tensor<32x8xbf16> -> tensor<?x32xf32>
    // expected-error@+1 {{'fpmoe.moe' op needs 'both' packed as #mega.packed<n = 16, k = 2, halves = true>, another op has it as #mega.packed<n = 16, k = 2>}}
    %z = fpmoe.moe %x norm %norm : tensor<8xf32> eps 1.0e-6 shared %w : tensor<32x8xbf16>, %down : tensor<8x16xbf16> -> tensor<?x8xf32>
    return %y, %z : tensor<?x32xf32>, tensor<?x8xf32>
  }
}

// -----

module {
  func.func @no_weight(%x: tensor<?x8xf32>, %w: tensor<32x8xbf16>) -> tensor<?x32xf32> {
    // expected-error@+1 {{'fpmoe.linear' op multiplies by what is no weight}}
    %y = fpmoe.linear %x, %w : tensor<?x8xf32>, tensor<32x8xbf16> -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}
