// RUN: fpmoe-opt %s --mega-to-vector | FileCheck %s --implicit-check-not=mega. --implicit-check-not=fpmoe.weight
// RUN: fpmoe-opt %s --mega-to-vector -o %t
// RUN: fpmoe-opt %t | diff - %t
// RUN: fpmoe-opt %S/../Schedule/build-programs.mlir --fpmoe-schedule --mega-to-vector | FileCheck %s --check-prefix=KINDS

// A function for each phase, and one for each program, that calls them and waits
// at the barriers.

// CHECK: module {
// CHECK: llvm.func @fpmoe_barrier(!llvm.ptr, i64)
// CHECK-LABEL: llvm.func @fpmoe_decode(
// CHECK-SAME: %[[STEP:.*]]: !llvm.ptr, %[[WORKER:.*]]: i64, %[[SCRATCH:.*]]: !llvm.ptr) {
// CHECK: llvm.call @decode.embed(%[[STEP]], %[[WORKER]], %[[SCRATCH]],
// CHECK: llvm.call @fpmoe_barrier(%{{.*}}, %[[WORKER]])
// CHECK: llvm.call @decode.norm(%[[STEP]], %[[WORKER]], %[[SCRATCH]],
// CHECK-NOT: fpmoe_barrier
// CHECK: llvm.call @decode.logits(%[[STEP]], %[[WORKER]], %[[SCRATCH]],
// CHECK: llvm.call @fpmoe_barrier(%{{.*}}, %[[WORKER]])
// CHECK-NOT: llvm.call
// CHECK: llvm.return

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

// Of many, workers draw tickets. The ticket is the phase's own.
// CHECK-LABEL: llvm.func @fpmoe_prefill(
// CHECK: llvm.call @prefill.embed(
// CHECK: llvm.call @fpmoe_barrier(
// CHECK: %[[P:.*]] = arith.addi %{{.*}}, %{{.*}} : i64
// CHECK: %[[OFFSET:.*]] = arith.muli %[[P]], %{{.*}} : i64
// CHECK: %[[TICKET:.*]] = llvm.getelementptr %{{.*}}[%[[OFFSET]]]
// CHECK: llvm.call @prefill.norm({{.*}}, %[[TICKET]])
// CHECK: llvm.call @fpmoe_barrier(
// CHECK: llvm.call @prefill.logits(
// CHECK: llvm.call @fpmoe_barrier(
// CHECK: llvm.return

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

// CHECK-LABEL: llvm.func @fpmoe_dot_peak(%{{.*}}: i64) -> i64
// CHECK-LABEL: llvm.func @fpmoe_read_peak(%{{.*}}: !llvm.ptr, %{{.*}}: i64) -> i64

// With two kinds of layers, a table says of each layer its kind and which of
// that kind it is. Each kind has functions of its own.
// KINDS-LABEL: llvm.func @fpmoe_decode(
// KINDS: llvm.mlir.addressof @decode.kinds
// KINDS: scf.for
// KINDS: scf.if
// KINDS: llvm.call @decode.kind0.attention_norm(
// KINDS: llvm.call @decode.kind0.expert_down(
// KINDS: llvm.call @fpmoe_barrier(
// KINDS: scf.if
// KINDS: llvm.call @decode.kind1.attention_norm(
// KINDS: llvm.call @decode.kind1.expert_down(
// KINDS: llvm.call @decode.final_norm(
// KINDS: llvm.mlir.global internal constant @decode.kinds(dense<[0, 0, 1, 0, 1, 1]>
// KINDS-LABEL: llvm.func internal @decode.kind1.expert_up(
// KINDS: mega.dot2
// KINDS-LABEL: llvm.func internal @prefill.kind1.gather(

module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
fpmoe.weight @norm at 0 stride 128 : tensor<16xf32> {
  %0 = fpmoe.load "norm" : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
fpmoe.weight @table at 4096 stride 2048 : tensor<2x16x16x1xf32> {
  %0 = fpmoe.load "table" : tensor<32x16xf32>
  %1 = fpmoe.pack %0 : tensor<32x16xf32> -> tensor<2x16x16x1xf32>
  fpmoe.yield %1 : tensor<2x16x16x1xf32>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x16xf32>
  %a = mega.buffer private : memref<1x16x1x1xf32>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<2x16x16x1xf32>
  %norm = mega.weight @norm : tensor<16xf32>
  mega.phase "embed" tiles [1] {
    mega.embed %table into %x : tensor<2x16x16x1xf32>, memref<1x16xf32>
  }
  mega.barrier
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x16xf32>, tensor<16xf32>, memref<1x16x1x1xf32>
  }
  mega.phase "logits" tiles [2, 1] {
    mega.linear %a, %table into %logits columns 32 panels 1 span 1 : memref<1x16x1x1xf32>, tensor<2x16x16x1xf32>, memref<?x32xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 8 rows 4 context 64 {
  %x = mega.buffer shared : memref<8x16xf32>
  %a = mega.buffer shared : memref<2x16x4x1xf32>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<2x16x16x1xf32>
  %norm = mega.weight @norm : tensor<16xf32>
  mega.phase "embed" tiles ["tokens"] {
    mega.embed %table into %x : tensor<2x16x16x1xf32>, memref<8x16xf32>
  }
  mega.barrier
  mega.phase "norm" tiles ["logits"] {
    mega.norm %x, %norm into %a eps 1.0e-6 logits : memref<8x16xf32>, tensor<16xf32>, memref<2x16x4x1xf32>
  }
  mega.barrier
  mega.phase "logits" tiles [2, 1] {
    mega.linear %a, %table into %logits columns 32 panels 1 span 2 : memref<2x16x4x1xf32>, tensor<2x16x16x1xf32>, memref<?x32xf32>
  }
  mega.barrier
}
}
