// RUN: fpmoe-opt %s --fpmoe-verify-recipes -allow-unregistered-dialect -split-input-file -verify-diagnostics

fpmoe.weight @sources : tensor<3x2x4xf32> {
  %0 = fpmoe.load "a" : tensor<2x4xf32>
  %1 = fpmoe.random "b" seed 1 mean 0.0 stddev 1.0 : tensor<2x4xf32>
  %2 = fpmoe.rope_table theta 1.0e4 : tensor<2x4xf32>
  %3 = fpmoe.stack %0, %1, %2 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32> -> tensor<3x2x4xf32>
  fpmoe.yield %3 : tensor<3x2x4xf32>
}

// -----

fpmoe.weight @unknown : tensor<2x4xf32> {
  // expected-error@+1 {{stands in the recipe of 'unknown', which comes from load, random, rope_table and fill alone}}
  %0 = "elsewhere.make"() : () -> tensor<2x4xf32>
  fpmoe.yield %0 : tensor<2x4xf32>
}
