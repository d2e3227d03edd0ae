// RUN: fpmoe-opt %s --mega-to-vector=tiles | FileCheck %s
// RUN: fpmoe-opt %s --mega-to-vector | FileCheck %s --check-prefix=NONE --implicit-check-not=llvm.x86

// 32 rows times two panels are four sums, over 16 steps at a time; 16 rows are
// two. Fewer rows, and panels without a neighbour, are no reason to do without.

// CHECK-LABEL: llvm.func internal @decode.logits(
// CHECK-NOT: llvm.x86
// CHECK: mega.dot2
// CHECK-LABEL: llvm.func internal @prefill.logits(
// CHECK: mega.dot2
// CHECK: %[[ROWS:.*]] = arith.constant 16 : i16
// CHECK: %[[BYTES:.*]] = arith.constant 64 : i16
// CHECK: llvm.call_intrinsic "llvm.x86.tilezero.internal"(%[[ROWS]], %[[BYTES]]) : (i16, i16) -> !llvm.x86_amx
// CHECK: scf.for {{.*}} -> (!llvm.x86_amx, !llvm.x86_amx) : i64
// CHECK-COUNT-2: "llvm.x86.tdpbf16ps.internal"
// CHECK: scf.yield
// CHECK-COUNT-2: "llvm.x86.tilestored64.internal"
// CHECK: scf.for {{.*}} -> (!llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx) : i64
// CHECK-COUNT-4: "llvm.x86.tdpbf16ps.internal"
// CHECK: scf.yield
// CHECK-COUNT-4: "llvm.x86.tilestored64.internal"

// The steps of the other operand's rows do not lie together.
// CHECK-LABEL: llvm.func internal @prefill.output(
// CHECK-NOT: llvm.x86
// CHECK: llvm.func @fpmoe_dot_peak
// CHECK: "llvm.x86.tdpbf16ps.internal"

// NONE-LABEL: llvm.func internal @prefill.logits(
// NONE: mega.dot2

module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
fpmoe.weight @table at 4096 stride 2048 : tensor<2x16x16x2xbf16> {
  %0 = fpmoe.load "table" : tensor<32x32xbf16>
  %1 = fpmoe.pack %0 : tensor<32x32xbf16> -> tensor<2x16x16x2xbf16>
  fpmoe.yield %1 : tensor<2x16x16x2xbf16>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %a = mega.buffer shared : memref<1x16x1x2xbf16>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<2x16x16x2xbf16>
  mega.phase "logits" tiles [2, 1] {
    mega.linear %a, %table into %logits columns 32 panels 1 span 1 : memref<1x16x1x2xbf16>, tensor<2x16x16x2xbf16>, memref<?x32xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 32 rows 32 context 64 {
  %a = mega.buffer shared : memref<1x16x32x2xbf16, strided<[1024, 2, 32, 1]>>
  %c = mega.buffer shared : memref<1x16x32x2xbf16>
  %x = mega.buffer shared : memref<32x32xf32>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<2x16x16x2xbf16>
  mega.phase "logits" tiles [1, 1] {
    mega.linear %a, %table into %logits columns 32 panels 2 span 1 : memref<1x16x32x2xbf16, strided<[1024, 2, 32, 1]>>, tensor<2x16x16x2xbf16>, memref<?x32xf32>
  }
  mega.barrier
  mega.phase "output" tiles [1, 1] {
    mega.linear %c, %table into %x columns 32 panels 2 span 1 : memref<1x16x32x2xbf16>, tensor<2x16x16x2xbf16>, memref<32x32xf32>
  }
  mega.barrier
}
}
