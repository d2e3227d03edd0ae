// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases-to-blocks --canonicalize --cse | FileCheck %s

// Each warp has a head; a lane has two positions of a span, whose keys are read
// together, then columns of values, which meet the weight of a position from
// the lane that has it. Threads of other warps are not waited for.
// CHECK-LABEL: llvm.func internal @decode.kind0.attention(
// CHECK: %[[WARP:.*]] = arith.divui
// CHECK: scf.for %{{.*}} = %[[WARP]] to
// CHECK: scf.for
// CHECK-COUNT-2: llvm.load %{{.*}} : !llvm.ptr -> i32
// CHECK-COUNT-4: llvm.intr.fma
// CHECK: scf.yield
// CHECK-NOT: {{nvvm.barrier|fpmoe_partials}}
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK-NOT: {{nvvm.barrier|fpmoe_partials}}
// CHECK: nvvm.shfl.sync idx
// CHECK: nvvm.shfl.sync idx
// CHECK: llvm.load
// CHECK: llvm.intr.fma
// CHECK-NOT: {{nvvm.barrier|fpmoe_partials}}
// CHECK: llvm.store %{{.*}} : f32
// CHECK: nvvm.barrier
// CHECK: llvm.return

// A prefill does the same, span by span, with what came before in registers.
// CHECK-LABEL: llvm.func internal @prefill.kind0.attention(
// CHECK: scf.for
// CHECK: scf.for %{{.*}} iter_args(%{{.*}}, %{{.*}}, %{{.*}}) -> (f32, f32, f32)
// CHECK: nvvm.shfl.sync idx
// CHECK: llvm.store %{{.*}} : bf16

module attributes {mega.target = #mega.target<cpu = "cuda", dot = cuda_mma, rows = 64, accumulators = 1, columns = 16, span = 64, threads = 256>} {
mega.program @decode max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared at 0 : memref<1x4x16xf32>
  %partial = mega.buffer shared at 256 : memref<1x1x4x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xbf16>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "attention" tiles [1, spans] {
      mega.attend_span %query, %cache at %positions into %partial layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<1x4x16xf32>, memref<1x1x?x32xbf16>, memref<?xi32>, memref<1x1x4x32xf32>
    }
    mega.barrier
  }
}
mega.program @prefill max_tokens 64 rows 64 context 64 {
  %query = mega.buffer shared at 0 : memref<64x4x16xf32>
  %attended = mega.buffer shared at 16384 : memref<1x24x64x2xbf16>
  %cache = mega.buffer cache : memref<1x1x?x32xbf16>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "attention" tiles [1, query_blocks] {
      mega.attention %query, %cache at %positions into %attended layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<64x4x16xf32>, memref<1x1x?x32xbf16>, memref<?xi32>, memref<1x24x64x2xbf16>
    }
    mega.barrier
  }
}
}
