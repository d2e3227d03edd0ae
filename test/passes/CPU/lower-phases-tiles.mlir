// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases | FileCheck %s --implicit-check-not=mega.dot2
// RUN: sed -e 's/dot = amx_bf16/dot = avx512_bf16/' -e 's/, tile_rows = 32//' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=NONE --implicit-check-not=llvm.x86
// RUN: sed -e 's/columns = 16/columns = 64, prefetch = 2560/' -e 's/n = 16/n = 64/g' -e 's/at 8192/at 16384/' -e 's/stride 4096/stride 8192/' -e 's/stride 2048/stride 4096/' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases --canonicalize | FileCheck %s --check-prefix=AHEAD

// 32 rows times two vectors are four sums, over 16 steps at a time; 16 rows or fewer are
// two. One token has tiles of one row.

// CHECK-LABEL: llvm.func internal @decode.logits(
// CHECK-NOT: scf.if
// CHECK: %[[ONE:.*]] = arith.constant 1 : i16
// CHECK: llvm.call_intrinsic "llvm.x86.tilezero.internal"(%[[ONE]], %{{.*}}) : (i16, i16) -> !llvm.x86_amx
// CHECK: scf.for {{.*}} -> (!llvm.x86_amx) : i64
// CHECK-COUNT-1: "llvm.x86.tdpbf16ps.internal"
// CHECK-NOT: tdpbf16ps
// CHECK: scf.yield
// CHECK-COUNT-1: "llvm.x86.tilestored64.internal"
// CHECK-LABEL: llvm.func internal @prefill.logits(
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

// Weights of f32 have no use for them.
// CHECK-LABEL: llvm.func internal @prefill.output(
// CHECK-NOT: llvm.x86
// CHECK: vector.fma
// CHECK-NOT: llvm.x86

// 4 KB are read at once: what is asked for lies behind them.
// AHEAD-LABEL: llvm.func internal @decode.logits(
// AHEAD: tileloadd64
// AHEAD-NEXT: %[[AHEAD:.*]] = llvm.getelementptr %{{.*}}[4096] : (!llvm.ptr) -> !llvm.ptr, i8
// AHEAD-NEXT: "llvm.intr.prefetch"(%[[AHEAD]])

// NONE-LABEL: llvm.func internal @prefill.logits(
// NONE: mega.dot2

module attributes {mega.target = #mega.target<cpu = "c", dot = amx_bf16, rows = 12, accumulators = 24, columns = 16, tile_rows = 32>, fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
fpmoe.weight @table at 4096 stride 2048 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "table" : tensor<32x32xbf16>
  %1 = fpmoe.pack %0 : tensor<32x32xbf16> -> tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
}
fpmoe.weight @wide at 8192 stride 4096 : tensor<32x32xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "wide" : tensor<32x32xf32>
  %1 = fpmoe.pack %0 : tensor<32x32xf32> -> tensor<32x32xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<32x32xf32, #mega.packed<n = 16, k = 1>>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %a = mega.buffer shared at 0 : memref<1x16x1x2xbf16, strided<[32, 2, 32, 1]>>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  mega.phase "logits" tiles [2, 1] {
    mega.linear %a, %table into %logits vectors 1 group 1 : memref<1x16x1x2xbf16, strided<[32, 2, 32, 1]>>, tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>, memref<?x32xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 32 rows 32 context 64 {
  %a = mega.buffer shared at 0 : memref<1x16x32x2xbf16, strided<[1024, 2, 32, 1]>>
  %c = mega.buffer shared at 2048 : memref<1x32x32x1xf32>
  %x = mega.buffer shared at 6144 : memref<32x32xf32>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>
  %wide = mega.weight @wide : tensor<32x32xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "logits" tiles [1, 1] {
    mega.linear %a, %table into %logits vectors 2 group 1 : memref<1x16x32x2xbf16, strided<[1024, 2, 32, 1]>>, tensor<32x32xbf16, #mega.packed<n = 16, k = 2>>, memref<?x32xf32>
  }
  mega.barrier
  mega.phase "output" tiles [1, 1] {
    mega.linear %c, %wide into %x vectors 2 group 1 : memref<1x32x32x1xf32>, tensor<32x32xf32, #mega.packed<n = 16, k = 1>>, memref<32x32xf32>
  }
  mega.barrier
}
}
