// RUN: fpmoe-opt %s --mega-to-vector -split-input-file -verify-diagnostics

// Rules of which a worker would have to know more than the step.

fpmoe.weight @norm at 0 stride 128 : tensor<16xf32> {
  %0 = fpmoe.load "norm" : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
fpmoe.weight @router at 128 stride 320 : tensor<3x16xf32> {
  %0 = fpmoe.load "router" : tensor<3x16xf32>
  fpmoe.yield %0 : tensor<3x16xf32>
}
mega.program @prefill max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x16xf32>
  %rows = mega.buffer shared : memref<4x16xf32>
  %experts = mega.buffer shared : memref<4x2xi32>
  %weights = mega.buffer shared : memref<4x3xf32>
  %scores = mega.buffer private : memref<6xf32>
  %norm = mega.weight @norm : tensor<16xf32>
  %router = mega.weight @router : tensor<3x16xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "route" tiles ["blocks"] {
      // expected-error@+1 {{cannot be compiled with routing #fpmoe.expert_choice<segment = 16, max_experts = 2, capacity = 1.000000e+00 : f64>}}
      mega.route %x norm %norm router %router : tensor<3x16xf32> into %rows, %experts, %weights by %scores layer %layer eps 1.0e-6 routing #fpmoe.expert_choice<segment = 16, max_experts = 2, capacity = 1.0> experts 3 : memref<4x16xf32>, tensor<16xf32>, memref<4x16xf32>, memref<4x2xi32>, memref<4x3xf32>, memref<6xf32>
    }
    mega.barrier
  }
}

// -----

fpmoe.weight @norm at 0 stride 128 : tensor<16xf32> {
  %0 = fpmoe.load "norm" : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x16xf32>
  %rows = mega.buffer private : memref<1x16xf32>
  %experts = mega.buffer private : memref<1x1xi32>
  %weights = mega.buffer private : memref<1x2xf32>
  %scores = mega.buffer private : memref<1xf32>
  %norm = mega.weight @norm : tensor<16xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "route" {
      // expected-error@+1 {{cannot be compiled with routing #fpmoe.language_choice<}}
      mega.route %x norm %norm into %rows, %experts, %weights by %scores layer %layer eps 1.0e-6 routing #fpmoe.language_choice<fallback = 0> experts 3 : memref<1x16xf32>, tensor<16xf32>, memref<1x16xf32>, memref<1x1xi32>, memref<1x2xf32>, memref<1xf32>
    }
    mega.barrier
  }
}

// -----

// Code needs to know where weights are.
fpmoe.weight @norm layers [0] : tensor<16xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  mega.layers order [0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{has no place; run fpmoe-assign-places first}}
    %norm = mega.weight @norm[%layer] : tensor<16xf32>
    mega.barrier
  }
}

// -----

fpmoe.weight @norm : tensor<16xf32> {
  %0 = fpmoe.load "norm" : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  // expected-error@+1 {{has no place; run fpmoe-assign-places first}}
  %norm = mega.weight @norm : tensor<16xf32>
}

// -----

// A weight of a body has an instance for each of its layers.
fpmoe.weight @norm layers [0] at 0 stride 128 : tensor<16xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    // expected-error@+1 {{has other layers than the body it is used in}}
    %norm = mega.weight @norm[%layer] : tensor<16xf32>
    mega.barrier
  }
}
