// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases-to-blocks --canonicalize | FileCheck %s --implicit-check-not=mega. --implicit-check-not=fpmoe.weight
// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases-to-blocks -o %t
// RUN: fpmoe-opt %t | diff - %t
// RUN: fpmoe-opt %t --mega-lower-phases-to-blocks | diff - %t

// What a block has of private buffers comes with the launch.
// CHECK: llvm.mlir.global external @fpmoe_shared() {addr_space = 3 : i32
// CHECK: llvm.mlir.global internal @fpmoe_partials() {addr_space = 3 : i32

// A block does every workers-th tile, from its own number on; its threads share
// the columns out, and meet behind each op.
// CHECK-LABEL: llvm.func internal @decode.embed(
// CHECK-SAME: %[[STEP:[a-z0-9]*]]: !llvm.ptr, %[[WORKER:[a-z0-9]*]]: i64,
// CHECK-DAG: %[[THREADS:.*]] = arith.constant 256 : i64
// CHECK-DAG: %[[COLUMNS:.*]] = arith.constant 16 : i64
// CHECK: %[[X:.*]] = nvvm.read.ptx.sreg.tid.x
// CHECK: %[[THREAD:.*]] = arith.extui %[[X]] : i32 to i64
// CHECK: %[[FIELD:.*]] = llvm.getelementptr %[[STEP]][160]
// CHECK: %[[FEW:.*]] = llvm.load %[[FIELD]]
// CHECK: %[[WORKERS:.*]] = arith.extsi %[[FEW]] : i32 to i64
// CHECK: scf.for %{{.*}} = %[[WORKER]] to %{{.*}} step %[[WORKERS]]
// CHECK: scf.for %{{.*}} = %[[THREAD]] to %[[COLUMNS]] step %[[THREADS]]
// CHECK: llvm.store
// CHECK-NEXT: }
// CHECK-NEXT: nvvm.barrier

// Without tiles, every block does all of it. The sum over a warp is one of
// shuffles, that over the block is made of those of all warps, in their order.
// CHECK-LABEL: llvm.func internal @decode.norm(
// CHECK-NOT: getelementptr %{{.*}}[160]
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK: llvm.store
// CHECK: nvvm.barrier
// CHECK-COUNT-7: arith.addf
// CHECK: nvvm.barrier

// A product: a lane has four columns and a part of K, weights are never written;
// of lanes with the same columns the sums are added, then those of warps.
// CHECK-LABEL: llvm.func internal @decode.logits(
// CHECK: llvm.addrspacecast %{{.*}} : !llvm.ptr to !llvm.ptr<1>
// CHECK: llvm.load %{{.*}} invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK: llvm.intr.fma
// CHECK-COUNT-12: nvvm.shfl.sync bfly
// CHECK: nvvm.barrier
// CHECK-COUNT-7: arith.addf
// CHECK: nvvm.barrier

// Of many rows, those of a block lie together.
// CHECK-LABEL: llvm.func internal @prefill.logits(
// CHECK: llvm.load %{{.*}} invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
// CHECK-COUNT-16: llvm.intr.fma

module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
fpmoe.weight @norm at 0 stride 128 : tensor<16xf32> {
  %0 = fpmoe.load "norm" : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
fpmoe.weight @table at 4096 stride 2048 : tensor<32x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "table" : tensor<32x16xf32>
  %1 = fpmoe.pack %0 : tensor<32x16xf32> -> tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared at 0 : memref<1x16xf32>
  %a = mega.buffer private at 0 : memref<1x16x1x1xf32>
  %logits = mega.buffer logits : memref<?x32xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %table = mega.weight @table : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
  %norm = mega.weight @norm : tensor<16xf32>
  mega.phase "embed" tiles [1] {
    mega.embed %table at %tokens into %x : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<1x16xf32>
  }
  mega.barrier
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x16xf32>, tensor<16xf32>, memref<1x16x1x1xf32>
  }
  mega.phase "logits" tiles [2, 1] {
    mega.linear %a, %table into %logits vectors 1 group 1 : memref<1x16x1x1xf32>, tensor<32x16xf32, #mega.packed<n = 16, k = 1>>, memref<?x32xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 8 rows 4 context 64 {
  %x = mega.buffer shared at 0 : memref<8x16xf32>
  %a = mega.buffer shared at 512 : memref<2x16x4x1xf32>
  %logits = mega.buffer logits : memref<?x32xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %logits_rows = mega.input logits_rows : memref<?xi32>
  %table = mega.weight @table : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
  %norm = mega.weight @norm : tensor<16xf32>
  mega.phase "embed" tiles [tokens] {
    mega.embed %table at %tokens into %x : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<8x16xf32>
  }
  mega.barrier
  mega.phase "norm" tiles [logits_blocks] {
    mega.norm %x, %norm of %logits_rows : memref<?xi32> into %a eps 1.0e-6 : memref<8x16xf32>, tensor<16xf32>, memref<2x16x4x1xf32>
  }
  mega.barrier
  mega.phase "logits" tiles [2, 1] {
    mega.linear %a, %table of %logits_rows : memref<?xi32> into %logits vectors 1 group 2 : memref<2x16x4x1xf32>, tensor<32x16xf32, #mega.packed<n = 16, k = 1>>, memref<?x32xf32>
  }
  mega.barrier
}
}
