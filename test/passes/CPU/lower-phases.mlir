// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases | FileCheck %s --implicit-check-not=mega. --implicit-check-not=fpmoe.weight
// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases -o %t
// RUN: fpmoe-opt %t | diff - %t
// RUN: fpmoe-opt %t --mega-lower-phases | diff - %t
// RUN: fpmoe-opt %S/../Schedule/build-programs.mlir --fpmoe-schedule --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=KINDS

// CHECK: module {

// Of one token, each worker takes an equal run of tiles: from tiles * worker /
// workers to tiles * (worker + 1) / workers.
// CHECK-LABEL: llvm.func internal @decode.embed(
// CHECK-NOT: llvm.atomicrmw
// CHECK: scf.for

// Without tiles, every worker does all of it.
// CHECK-LABEL: llvm.func internal @decode.norm(
// CHECK-NOT: llvm.atomicrmw
// CHECK-NOT: arith.divui
// CHECK: vector.fma {{.*}} : vector<16xf32>

// CHECK-LABEL: llvm.func internal @decode.logits(
// CHECK-SAME: %{{[a-z0-9]*}}: !llvm.ptr, %[[WORKER:[a-z0-9]*]]: i64,
// CHECK-NOT: llvm.atomicrmw
// CHECK: %[[WORKERS:.*]] = arith.extsi %{{.*}} : i32 to i64
// CHECK: %[[A:.*]] = arith.muli %[[TILES:.*]], %[[WORKER]] : i64
// CHECK: %[[BEGIN:.*]] = arith.divui %[[A]], %[[WORKERS]] : i64
// CHECK: %[[NEXT:.*]] = arith.addi %[[WORKER]], %{{.*}} : i64
// CHECK: %[[B:.*]] = arith.muli %[[TILES]], %[[NEXT]] : i64
// CHECK: %[[END:.*]] = arith.divui %[[B]], %[[WORKERS]] : i64
// CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]]

// Of many, workers draw tickets.
// CHECK-LABEL: llvm.func internal @prefill.embed(
// CHECK-SAME: %[[TICKET:[a-z0-9]*]]: !llvm.ptr) attributes {no_inline} {
// CHECK: %[[FIRST:.*]] = llvm.atomicrmw add %[[TICKET]], %{{.*}} monotonic : !llvm.ptr, i64
// CHECK: scf.while (%[[TILE:.*]] = %[[FIRST]])
// CHECK: arith.cmpi slt, %[[TILE]], %{{.*}} : i64
// CHECK: %[[MORE:.*]] = llvm.atomicrmw add %[[TICKET]], %{{.*}} monotonic : !llvm.ptr, i64
// CHECK: scf.yield %[[MORE]] : i64
// CHECK-LABEL: llvm.func internal @prefill.norm(
// CHECK-COUNT-2: llvm.atomicrmw
// CHECK-LABEL: llvm.func internal @prefill.logits(
// CHECK-COUNT-2: llvm.atomicrmw


// KINDS-LABEL: llvm.func internal @decode.kind1.expert_up(
// KINDS: mega.dot2
// KINDS-LABEL: llvm.func internal @prefill.kind1.gather(

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
