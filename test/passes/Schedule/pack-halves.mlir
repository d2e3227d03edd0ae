// RUN: fpmoe-opt %s --mega-pack-weights | FileCheck %s

// Gate and up stand beside each other in panels: each is filled up to whole vectors, so
// that 20 columns of each are 4 vectors, and 18 are. What low ranks multiply stands at
// a vector of its own behind the other columns. Experts and the shared one have formats
// of their own.

// CHECK: fpmoe.weight @gate_up : tensor<3x40x8xbf16, #mega.packed<n = 64, k = 2, halves = true>>
// CHECK: fpmoe.weight @down : tensor<3x8x20xbf16, #mega.packed<n = 16, k = 2>>
// CHECK: fpmoe.weight @shared_gate_up : tensor<36x13xf32, #mega.packed<n = 64, k = 1, halves = true, tail = 5>>
// CHECK: fpmoe.weight @shared_down : tensor<8x24xf32, #mega.packed<n = 16, k = 1, tail = 6>>
// CHECK: fpmoe.weight @up_low : tensor<5x8xf32, #mega.packed<n = 16, k = 1>>
// CHECK: fpmoe.weight @down_low : tensor<6x18xf32, #mega.packed<n = 16, k = 1>>
module attributes {mega.target = #mega.target<cpu = "avx512", dot = none, rows = 12, accumulators = 24, columns = 64>} {
  fpmoe.weight @norm : tensor<8xf32> {
    %0 = fpmoe.load "norm" : tensor<8xf32>
    fpmoe.yield %0 : tensor<8xf32>
  }
  fpmoe.weight @gate_up : tensor<3x40x8xbf16> {
    %0 = fpmoe.load "gate_up" : tensor<3x40x8xbf16>
    fpmoe.yield %0 : tensor<3x40x8xbf16>
  }
  fpmoe.weight @down : tensor<3x8x20xbf16> {
    %0 = fpmoe.load "down" : tensor<3x8x20xbf16>
    fpmoe.yield %0 : tensor<3x8x20xbf16>
  }
  fpmoe.weight @router : tensor<3x8xf32> {
    %0 = fpmoe.load "router" : tensor<3x8xf32>
    fpmoe.yield %0 : tensor<3x8xf32>
  }
  fpmoe.weight @shared_gate_up : tensor<36x13xf32> {
    %0 = fpmoe.load "shared_gate_up" : tensor<36x13xf32>
    fpmoe.yield %0 : tensor<36x13xf32>
  }
  fpmoe.weight @shared_down : tensor<8x24xf32> {
    %0 = fpmoe.load "shared_down" : tensor<8x24xf32>
    fpmoe.yield %0 : tensor<8x24xf32>
  }
  fpmoe.weight @up_low : tensor<5x8xf32> {
    %0 = fpmoe.load "up_low" : tensor<5x8xf32>
    fpmoe.yield %0 : tensor<5x8xf32>
  }
  fpmoe.weight @down_low : tensor<6x18xf32> {
    %0 = fpmoe.load "down_low" : tensor<6x18xf32>
    fpmoe.yield %0 : tensor<6x18xf32>
  }

  // CHECK-LABEL: @experts
  // CHECK: fpmoe.moe {{.*}}experts %{{.*}} : tensor<3x40x8xbf16, #mega.packed<n = 64, k = 2, halves = true>>, %{{.*}} : tensor<3x8x20xbf16, #mega.packed<n = 16, k = 2>>
  func.func @experts(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %norm = fpmoe.get @norm : tensor<8xf32>
    %router = fpmoe.get @router : tensor<3x8xf32>
    %gate_up = fpmoe.get @gate_up : tensor<3x40x8xbf16>
    %down = fpmoe.get @down : tensor<3x8x20xbf16>
    %y = fpmoe.moe %x norm %norm : tensor<8xf32> eps 1.0e-6 router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> experts %gate_up : tensor<3x40x8xbf16>, %down : tensor<3x8x20xbf16> names ["a", "b", "c"] -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
  func.func @languages(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %norm = fpmoe.get @norm : tensor<8xf32>
    %gate_up = fpmoe.get @shared_gate_up : tensor<36x13xf32>
    %down = fpmoe.get @shared_down : tensor<8x24xf32>
    %up_low = fpmoe.get @up_low : tensor<5x8xf32>
    %down_low = fpmoe.get @down_low : tensor<6x18xf32>
    %y = fpmoe.moe %x norm %norm : tensor<8xf32> eps 1.0e-6 shared %gate_up : tensor<36x13xf32>, %down : tensor<8x24xf32> up_low_rank %up_low : tensor<5x8xf32> up_ranks [2, 3] down_low_rank %down_low : tensor<6x18xf32> down_ranks [0, 6] -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}
