// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases | FileCheck %s --implicit-check-not=mega.dot2
// RUN: sed -e 's/dot = amx_bf16/dot = avx512_bf16/' -e 's/, tile_rows = 32//' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=DOT --implicit-check-not=llvm.x86
// RUN: sed -e 's/dot = amx_bf16/dot = none/' -e 's/, tile_rows = 32//' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=WIDE --implicit-check-not=llvm.x86 --implicit-check-not=mega.dot2
// RUN: sed -e 's/?x64xbf16/?x64xf32/' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=WIDE --implicit-check-not=llvm.x86 --implicit-check-not=mega.dot2

// Over a cache of bf16, rows and powers are rounded to it where the target sums products
// of bf16. In tile registers, a page of 32 positions is two tiles of scores, of 16 pairs
// of columns, and one step of the sums of two vectors of values. One token has tiles of
// as many rows as there are heads that share keys, many tokens have 16.

// CHECK-LABEL: llvm.func internal @decode.kind0.attention(
// CHECK: arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK: %[[ROWS:.*]] = arith.constant 3 : i16
// CHECK: llvm.call_intrinsic "llvm.x86.tilezero.internal"(%[[ROWS]],
// CHECK-COUNT-2: "llvm.x86.tdpbf16ps.internal"
// CHECK-NOT: tdpbf16ps
// CHECK-COUNT-2: "llvm.x86.tilestored64.internal"
// The softmax:
// CHECK: arith.fptosi
// CHECK: arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK: scf.for {{.*}} -> (!llvm.x86_amx, !llvm.x86_amx) : i64
// CHECK-COUNT-2: "llvm.x86.tdpbf16ps.internal"
// CHECK-NOT: tdpbf16ps
// CHECK: scf.yield
// CHECK-COUNT-2: "llvm.x86.tilestored64.internal"
// CHECK-LABEL: llvm.func internal @prefill.kind0.attention(
// CHECK: %[[ROWS:.*]] = arith.constant 16 : i16
// CHECK: llvm.call_intrinsic "llvm.x86.tilezero.internal"(%[[ROWS]],
// CHECK-NOT: arith.constant 3 : i16

// DOT-LABEL: llvm.func internal @decode.kind0.attention(
// DOT: arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// DOT: mega.dot2
// DOT: arith.fptosi
// DOT: arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// DOT: mega.dot2
// DOT-LABEL: llvm.func internal @prefill.kind0.attention(
// DOT: mega.dot2

// WIDE-LABEL: llvm.func internal @decode.kind0.attention(
// WIDE-NOT: arith.truncf
// WIDE: vector.fma
// WIDE: arith.fptosi
// WIDE-NOT: arith.truncf
// WIDE: vector.fma

module attributes {mega.target = #mega.target<cpu = "c", dot = amx_bf16, rows = 12, accumulators = 24, columns = 16, tile_rows = 32>, fpmoe.model = {architecture = "LlamaForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
mega.program @decode max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared at 0 : memref<1x3x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xbf16>
  %partial = mega.buffer shared at 512 : memref<1x1x3x48xf32>
  %scores = mega.buffer private at 0 : memref<12x80xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "attention" tiles [1, spans] {
      mega.attend_span %query, %cache at %positions into %partial by %scores layer %layer heads 3 kv_heads 1 head_dim 32 value_dim 32 span 64 scale 0.25 : memref<1x3x32xf32>, memref<1x1x?x64xbf16>, memref<?xi32>, memref<1x1x3x48xf32>, memref<12x80xf32>
    }
    mega.barrier
  }
}
mega.program @prefill max_tokens 32 rows 32 context 64 {
  %query = mega.buffer shared at 0 : memref<32x3x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xbf16>
  %operand = mega.buffer shared at 16384 : memref<1x96x32x1xf32>
  %scores = mega.buffer private at 0 : memref<16x80xf32>
  %sums = mega.buffer private at 8192 : memref<96x48xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "attention" tiles [1, query_blocks] {
      mega.attention %query, %cache at %positions into %operand by %scores, %sums layer %layer heads 3 kv_heads 1 head_dim 32 value_dim 32 span 64 scale 0.25 : memref<32x3x32xf32>, memref<1x1x?x64xbf16>, memref<?xi32>, memref<1x96x32x1xf32>, memref<16x80xf32>, memref<96x48xf32>
    }
    mega.barrier
  }
}
}
