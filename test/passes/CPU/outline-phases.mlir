// RUN: fpmoe-opt %s --mega-outline-phases | FileCheck %s --implicit-check-not=mega.program --implicit-check-not=mega.barrier
// RUN: fpmoe-opt %s --mega-outline-phases -o %t
// RUN: fpmoe-opt %t | diff - %t
// RUN: fpmoe-opt %S/../Schedule/build-programs.mlir --fpmoe-schedule --mega-outline-phases | FileCheck %s --check-prefix=KINDS
// RUN: echo 'module {}' | fpmoe-opt --mega-outline-phases | FileCheck %s --check-prefix=NONE

// A function for each program, that calls those of its phases and waits at the
// barriers; and one for each phase, which holds the phase and what that takes.

// CHECK: llvm.func @fpmoe_barrier(!llvm.ptr, i64)
// CHECK: fpmoe.weight @norm at 0 stride 128
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

// CHECK-LABEL: llvm.func internal @decode.embed(
// CHECK-SAME: !llvm.ptr, %{{.*}}: i64, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr) attributes {mega.max_tokens = 1 : i64, mega.rows = 1 : i64, no_inline} {
// CHECK-NEXT: %table = mega.weight @table : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
// CHECK-NEXT: %tokens = mega.input tokens : memref<?xi32>
// CHECK-NEXT: %[[X:.*]] = mega.buffer shared at 0 : memref<1x16xf32>
// CHECK-NEXT: mega.phase "embed" tiles [1] {
// CHECK-NEXT: mega.embed %table at %tokens into %[[X]]
// CHECK-NEXT: }
// CHECK-NEXT: llvm.return

// CHECK-LABEL: llvm.func internal @decode.norm(
// CHECK: mega.phase "norm" {
// CHECK-LABEL: llvm.func internal @decode.logits(
// CHECK-NEXT: mega.buffer private at 0 : memref<1x16x1x1xf32>
// CHECK-NEXT: mega.weight @table
// CHECK-NEXT: mega.buffer logits
// CHECK-NEXT: mega.phase "logits" tiles [2, 1] {

// The ticket of a phase is its own.
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
// CHECK-LABEL: llvm.func internal @prefill.norm(
// CHECK-SAME: attributes {mega.max_tokens = 8 : i64, mega.rows = 4 : i64, no_inline} {
// CHECK: mega.phase "norm" tiles [logits_blocks] {

// With two kinds of layers, a table says of each layer its kind and which of that kind
// it is. Each kind has functions of its own; weights of a layer go by the second number,
// the cache by the number of the layer.
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
// KINDS-LABEL: llvm.func internal @decode.kind1.qkv(
// KINDS-SAME: %{{[a-z0-9]*}}: !llvm.ptr, %{{[a-z0-9]*}}: i64, %{{[a-z0-9]*}}: !llvm.ptr, %[[LAYER:[a-z0-9]*]]: i64, %[[OF_KIND:[a-z0-9]*]]: i64,
// KINDS-DAG: %[[I:.*]] = arith.index_cast %[[OF_KIND]] : i64 to index
// KINDS-DAG: %[[W:.*]] = mega.weight @sparse.qkv[%[[I]]]
// KINDS-DAG: %[[L:.*]] = arith.index_cast %[[LAYER]] : i64 to index
// KINDS: mega.qkv %{{.*}}, %[[W]] {{.*}} layer %[[L]]
// KINDS-LABEL: llvm.func internal @prefill.kind1.gather(

// Without a program there is nothing to do, but what the others call is there.
// NONE: module {
// NONE-NEXT: llvm.func @fpmoe_barrier(!llvm.ptr, i64)
// NONE-NEXT: }

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
