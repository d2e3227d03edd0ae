// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases-to-blocks --canonicalize | FileCheck %s

// Rows of tokens that another rank has are -0 in this one.
// CHECK-LABEL: llvm.func internal @decode.embed(
// CHECK-SAME: %[[STEP:[a-z0-9]*]]: !llvm.ptr
// CHECK: %[[FIRST:.*]] = llvm.getelementptr %[[STEP]][192]
// CHECK: %[[TOKEN:.*]] = llvm.load %[[FIRST]]
// CHECK: %[[ID:.*]] = arith.subi %{{.*}}, %[[TOKEN]] : i64
// CHECK: %[[HERE:.*]] = arith.cmpi ult, %[[ID]]
// CHECK: scf.if %[[HERE]]
// CHECK: else
// CHECK: llvm.store %{{.*}}

// Threads write what is sent; one says so, behind a fence that the host sees, and waits
// until the host has added it; then all take it from there.
// CHECK-LABEL: llvm.func internal @decode.exchange(
// CHECK-SAME: %[[STEP:[a-z0-9]*]]: !llvm.ptr
// CHECK: %[[FIELD:.*]] = llvm.getelementptr %[[STEP]][184]
// CHECK: %[[BOX:.*]] = llvm.load %[[FIELD]]
// CHECK: %[[NUMBERS:.*]] = llvm.getelementptr %[[BOX]][64]
// CHECK: scf.for
// CHECK: llvm.store
// CHECK: nvvm.barrier
// CHECK: scf.if
// CHECK: %[[BEFORE:.*]] = llvm.load %[[BOX]] atomic acquire
// CHECK: %[[SENT:.*]] = arith.addi %[[BEFORE]]
// CHECK: %[[COUNT:.*]] = llvm.getelementptr %[[BOX]][16]
// CHECK: llvm.store %{{.*}}, %[[COUNT]]
// CHECK: llvm.fence acq_rel
// CHECK: llvm.store %[[SENT]], %[[BOX]] atomic release
// CHECK: %[[DONE:.*]] = llvm.getelementptr %[[BOX]][8]
// CHECK: scf.while
// CHECK: %[[SEEN:.*]] = llvm.load %[[DONE]] atomic acquire
// CHECK: arith.cmpi ne, %[[SEEN]], %[[SENT]]
// CHECK: nvvm.barrier
// CHECK: scf.for
// CHECK: llvm.load
// CHECK: llvm.store

module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m", ranks = 2 : i64}} {
fpmoe.weight @table at 0 stride 2048 : tensor<32x16xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "table" : tensor<32x16xf32>
  %1 = fpmoe.pack %0 : tensor<32x16xf32> -> tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared at 0 : memref<1x16xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %table = mega.weight @table : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "embed" tiles [1] {
    mega.embed %table part at %tokens into %x : tensor<32x16xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<1x16xf32>
  }
  mega.barrier
  mega.phase "exchange" tiles [1] {
    mega.exchange %x : memref<1x16xf32>
  }
  mega.barrier
}
}
