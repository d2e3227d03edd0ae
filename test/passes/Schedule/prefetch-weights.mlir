// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-prefetch-weights,mega-verify-barriers))" | FileCheck %s
// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-prefetch-weights))" -o %t
// RUN: fpmoe-opt %t --pass-pipeline="builtin.module(mega.program(mega-elide-barriers))" | diff - %t

// For a CPU, nothing changes.
// RUN: sed 's/threads = 256/threads = 1/' %s | fpmoe-opt -o %t.cpu
// RUN: fpmoe-opt %t.cpu --pass-pipeline="builtin.module(mega.program(mega-prefetch-weights))" | diff - %t.cpu

// What a layer reads first is asked for in the layer, and so its barrier is
// there. Weights have two barriers to come, or one where much is read between:
// those of `large`. Which experts are chosen is known behind the route.
// CHECK-LABEL: mega.program @decode
// CHECK: mega.phase "embed"
// CHECK: }
// CHECK-NEXT: mega.layers
// CHECK-NEXT: ^bb0(%[[LAYER:.*]]: index):
// CHECK-NEXT: %[[W:.*]] = mega.weight @w[%[[LAYER]]]
// CHECK-NEXT: mega.phase "small_ahead" ahead tiles [4, 1] {
// CHECK-NEXT: mega.linear %{{.*}}, %[[W]] into
// CHECK: mega.weight @shared_up[%[[LAYER]]]
// CHECK-NEXT: mega.phase "up_ahead" ahead tiles [8] {
// CHECK-NEXT: mega.expert_up %{{[^ ]*}} shared %shared_up
// CHECK: mega.barrier
// CHECK: mega.phase "small" tiles [4, 1] {
// CHECK: }
// CHECK-NEXT: mega.barrier
// CHECK: mega.phase "route" {
// CHECK: mega.phase "up" tiles [8] {
// CHECK: mega.weight @down
// CHECK: mega.phase "down_ahead" ahead tiles [4] {
// CHECK-NEXT: mega.expert_down %{{[^ ]*}} experts %down
// CHECK: mega.barrier
// CHECK: mega.phase "down" tiles [4] {
// CHECK: }
// CHECK-NEXT: {{^  }$}}
// CHECK: mega.phase "large_ahead" ahead tiles [625, 1] {
// CHECK: mega.barrier
// CHECK: mega.phase "large" tiles [625, 1] {
// CHECK: mega.phase "behind_ahead" ahead tiles [625, 1] {
// CHECK: mega.barrier
// CHECK: mega.phase "behind" tiles [625, 1] {
// CHECK: mega.barrier
// CHECK-NOT: ahead

// Many tokens: nothing changes.
// CHECK-LABEL: mega.program @prefill
// CHECK-NOT: ahead
// CHECK: mega.layers
// CHECK-NEXT: ^bb0(%{{.*}}: index):
// CHECK-NEXT: mega.weight
// CHECK-NEXT: mega.phase "keep"

#packed = #mega.packed<n = 16, k = 1>
#halves = #mega.packed<n = 16, k = 1, halves = true>
module attributes {mega.target = #mega.target<cpu = "cuda", dot = none, rows = 64, accumulators = 1, columns = 16, span = 64, threads = 256>} {
fpmoe.weight @table : tensor<10000x64xf32, #packed> {
  %0 = fpmoe.load "table" : tensor<10000x64xf32>
  %1 = fpmoe.pack %0 : tensor<10000x64xf32> -> tensor<10000x64xf32, #packed>
  fpmoe.yield %1 : tensor<10000x64xf32, #packed>
}
fpmoe.weight @wide : tensor<10000x256xf32, #packed> {
  %0 = fpmoe.load "wide" : tensor<10000x256xf32>
  %1 = fpmoe.pack %0 : tensor<10000x256xf32> -> tensor<10000x256xf32, #packed>
  fpmoe.yield %1 : tensor<10000x256xf32, #packed>
}
fpmoe.weight @norm layers [0, 1] : tensor<64xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @router layers [0, 1] : tensor<3x64xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "router.{}"[%layer] : tensor<3x64xf32>
  fpmoe.yield %0 : tensor<3x64xf32>
}
fpmoe.weight @w layers [0, 1] : tensor<64x64xf32, #packed> {
^bb0(%layer: index):
  %0 = fpmoe.load "w.{}"[%layer] : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #packed>
  fpmoe.yield %1 : tensor<64x64xf32, #packed>
}
fpmoe.weight @up layers [0, 1] : tensor<3x128x64xf32, #halves> {
^bb0(%layer: index):
  %0 = fpmoe.load "up.{}"[%layer] : tensor<3x128x64xf32>
  %1 = fpmoe.pack %0 : tensor<3x128x64xf32> -> tensor<3x128x64xf32, #halves>
  fpmoe.yield %1 : tensor<3x128x64xf32, #halves>
}
fpmoe.weight @shared_up layers [0, 1] : tensor<128x64xf32, #halves> {
^bb0(%layer: index):
  %0 = fpmoe.load "shared_up.{}"[%layer] : tensor<128x64xf32>
  %1 = fpmoe.pack %0 : tensor<128x64xf32> -> tensor<128x64xf32, #halves>
  fpmoe.yield %1 : tensor<128x64xf32, #halves>
}
fpmoe.weight @down layers [0, 1] : tensor<3x64x64xf32, #packed> {
^bb0(%layer: index):
  %0 = fpmoe.load "down.{}"[%layer] : tensor<3x64x64xf32>
  %1 = fpmoe.pack %0 : tensor<3x64x64xf32> -> tensor<3x64x64xf32, #packed>
  fpmoe.yield %1 : tensor<3x64x64xf32, #packed>
}
fpmoe.weight @shared_down layers [0, 1] : tensor<64x64xf32, #packed> {
^bb0(%layer: index):
  %0 = fpmoe.load "shared_down.{}"[%layer] : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #packed>
  fpmoe.yield %1 : tensor<64x64xf32, #packed>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer private : memref<1x64x1x1xf32>
  %b = mega.buffer private : memref<1x256x1x1xf32>
  %y = mega.buffer shared : memref<1x10000xf32>
  %act = mega.buffer shared : memref<2x64x1x1xf32>
  %chosen = mega.buffer private : memref<1x1xi32>
  %by = mega.buffer private : memref<1x2xf32>
  %scores = mega.buffer private : memref<6xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %forced = mega.input forced : memref<?xi32>
  %table = mega.weight @table : tensor<10000x64xf32, #packed>
  mega.phase "embed" tiles [1] {
    mega.embed %table at %tokens into %x : tensor<10000x64xf32, #packed>, memref<?xi32>, memref<1x64xf32>
  }
  mega.barrier
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    %w = mega.weight @w[%layer] : tensor<64x64xf32, #packed>
    mega.phase "small" tiles [4, 1] {
      mega.linear %a, %w into %x vectors 1 group 1 : memref<1x64x1x1xf32>, tensor<64x64xf32, #packed>, memref<1x64xf32>
    }
    mega.barrier
    %norm = mega.weight @norm[%layer] : tensor<64xf32>
    %router = mega.weight @router[%layer] : tensor<3x64xf32>
    mega.phase "route" {
      mega.route %x norm %norm router %router : tensor<3x64xf32> forced %forced : memref<?xi32> into %a, %chosen, %by by %scores eps 1.0e-6 routing #fpmoe.token_choice<top_k = 1, renormalize = true> experts 3 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>, memref<1x1xi32>, memref<1x2xf32>, memref<6xf32>
    }
    %up = mega.weight @up[%layer] : tensor<3x128x64xf32, #halves>
    %shared_up = mega.weight @shared_up[%layer] : tensor<128x64xf32, #halves>
    mega.phase "up" tiles [8] {
      mega.expert_up %a experts %up : tensor<3x128x64xf32, #halves> shared %shared_up : tensor<128x64xf32, #halves> chosen %chosen : memref<1x1xi32>, %by : memref<1x2xf32> into %act pairs 1 : memref<1x64x1x1xf32>, memref<2x64x1x1xf32>
    }
    mega.barrier
    %down = mega.weight @down[%layer] : tensor<3x64x64xf32, #packed>
    %shared_down = mega.weight @shared_down[%layer] : tensor<64x64xf32, #packed>
    mega.phase "down" tiles [4] {
      mega.expert_down %act experts %down : tensor<3x64x64xf32, #packed> shared %shared_down : tensor<64x64xf32, #packed> chosen %chosen : memref<1x1xi32> into %x vectors 1 depth 64 : memref<2x64x1x1xf32>, memref<1x64xf32>
    }
    mega.barrier
  }
  %wide = mega.weight @wide : tensor<10000x256xf32, #packed>
  mega.phase "large" tiles [625, 1] {
    mega.linear %b, %wide into %y vectors 1 group 1 : memref<1x256x1x1xf32>, tensor<10000x256xf32, #packed>, memref<1x10000xf32>
  }
  mega.barrier
  mega.phase "behind" tiles [625, 1] {
    mega.linear %b, %wide into %y vectors 1 group 1 : memref<1x256x1x1xf32>, tensor<10000x256xf32, #packed>, memref<1x10000xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 4 rows 4 context 64 {
  %x = mega.buffer shared : memref<4x64xf32>
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %table = mega.weight @table : tensor<10000x64xf32, #packed>
  mega.phase "embed" tiles [tokens] {
    mega.embed %table at %tokens into %x : tensor<10000x64xf32, #packed>, memref<?xi32>, memref<4x64xf32>
  }
  mega.barrier
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    %w = mega.weight @w[%layer] : tensor<64x64xf32, #packed>
    mega.phase "keep" tiles [4, block_groups] {
      mega.linear %a, %w into %x vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<64x64xf32, #packed>, memref<4x64xf32>
    }
    mega.barrier
  }
}
}
