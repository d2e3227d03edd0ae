// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases | FileCheck %s
// RUN: sed 's/int_dot = amx_int8/int_dot = avx512_vnni/' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=VECTORS --implicit-check-not=llvm.x86.t

// With tile registers, up to four rows are multiplied by vectors, and others 16 at a
// time: weights become signed bytes on the stack, those of both vectors one after the
// other, and for each the sums of 16 rows are carried through the groups.

// CHECK-LABEL: llvm.func internal @decode.logits(
// CHECK-NOT: llvm.x86.t
// CHECK: "llvm.x86.avx512.vpdpbusd.512"
// CHECK-LABEL: llvm.func internal @prefill.logits(
// One, two, three and four rows.
// CHECK-COUNT-160: "llvm.x86.avx512.vpdpbusd.512"
// CHECK-NOT: vpdpbusd
// 16 and 32.
// CHECK: %[[ZERO:.*]] = arith.constant dense<-128> : vector<64xi8>
// CHECK-COUNT-8: arith.subi %{{.*}}, %[[ZERO]] : vector<64xi8>
// CHECK: arith.extf
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>
// CHECK: %[[ROWS:.*]] = arith.constant 16 : i16
// CHECK: "llvm.x86.tileloadd64.internal"(%[[ROWS]],
// CHECK: "llvm.x86.tileloadd64.internal"
// CHECK-COUNT-1: "llvm.x86.tdpbssd.internal"
// CHECK: "llvm.x86.tilestored64.internal"
// CHECK-COUNT-16: arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// CHECK: scf.yield
// CHECK-COUNT-3: "llvm.x86.tdpbssd.internal"
// CHECK-NOT: llvm.x86.tdp

// VECTORS-LABEL: llvm.func internal @prefill.logits(
// VECTORS: "llvm.x86.avx512.vpdpbusd.512"

module attributes {mega.target = #mega.target<cpu = "c", dot = amx_bf16, rows = 12, accumulators = 24, columns = 16, tile_rows = 32, int_dot = amx_int8>, fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
fpmoe.weight @table at 4096 stride 4096 : tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>> {
  %0 = fpmoe.load "table" : tensor<32x64xf32>
  %1 = fpmoe.convert %0 : tensor<32x64xf32> -> tensor<32x64x!fpmoe.int8>
  %2 = fpmoe.pack %1 : tensor<32x64x!fpmoe.int8> -> tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>>
  fpmoe.yield %2 : tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %a = mega.buffer shared at 0 : memref<1x2x1x40xi8>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>>
  mega.phase "logits" tiles [1, 1] {
    mega.linear %a, %table into %logits vectors 2 group 1 : memref<1x2x1x40xi8>, tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>>, memref<?x32xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 32 rows 32 context 64 {
  %a = mega.buffer shared at 0 : memref<1x2x32x40xi8>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>>
  mega.phase "logits" tiles [1, block_groups] {
    mega.linear %a, %table into %logits vectors 2 group 1 : memref<1x2x32x40xi8>, tensor<32x64x!fpmoe.int8, #mega.packed<n = 16, k = 32>>, memref<?x32xf32>
  }
  mega.barrier
}
}
