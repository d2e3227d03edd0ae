// RUN: fpmoe-opt %s --mega-to-vector | FileCheck %s --check-prefix=WIDE --implicit-check-not=llvm.intr.prefetch
// RUN: fpmoe-opt %s --mega-to-vector="sums=4" | FileCheck %s --check-prefix=NARROW
// RUN: fpmoe-opt %s --mega-to-vector="sums=4 halves" | FileCheck %s --check-prefix=HALVES
// RUN: fpmoe-opt %s --mega-to-vector="prefetch=2560" | FileCheck %s --check-prefix=AHEAD

// Four rows of two panels: eight sums at once, or four and four.

// WIDE-LABEL: llvm.func internal @prefill.logits(
// WIDE-COUNT-8: mega.dot2
// WIDE: scf.yield {{(%[0-9a-z#]+, ){7}%[0-9a-z#]+}} : vector<16xf32>

// NARROW-LABEL: llvm.func internal @prefill.logits(
// NARROW: scf.yield {{(%[0-9a-z#]+, ){3}%[0-9a-z#]+}} : vector<16xf32>
// NARROW-NOT: scf.yield {{(%[0-9a-z#]+, ){7}%[0-9a-z#]+}} : vector<16xf32>
// NARROW: llvm.func @fpmoe_dot_peak

// One row keeps the dot product; the operand of several is widened to the
// stack, and then come the lower halves of the weights and the upper ones.

// HALVES-LABEL: llvm.func internal @decode.logits(
// HALVES-NOT: llvm.alloca
// HALVES: mega.dot2
// HALVES-LABEL: llvm.func internal @prefill.logits(
// HALVES: %[[STACK:.*]] = llvm.alloca
// HALVES-NOT: llvm.alloca
// HALVES: arith.shli %{{.*}} : vector<8xi32>
// HALVES: arith.andi %{{.*}} : vector<8xi32>
// HALVES: scf.for
// HALVES: arith.shli %{{.*}} : vector<16xi32>
// HALVES-COUNT-4: vector.fma
// HALVES: scf.yield {{(%[0-9a-z#]+, ){3}%[0-9a-z#]+}} : vector<16xf32>
// HALVES: scf.for
// HALVES: arith.andi %{{.*}} : vector<16xi32>
// HALVES-COUNT-4: vector.fma
// HALVES: scf.yield {{(%[0-9a-z#]+, ){3}%[0-9a-z#]+}} : vector<16xf32>

// The weights of one row are used once, and asked for early.

// AHEAD-LABEL: llvm.func internal @decode.logits(
// AHEAD: llvm.load %[[FROM:.*]] {alignment = 4 : i64} : !llvm.ptr -> vector<32xbf16>
// AHEAD-NEXT: %[[AHEAD:.*]] = llvm.getelementptr %[[FROM]][2560]
// AHEAD-NEXT: "llvm.intr.prefetch"(%[[AHEAD]]) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
// AHEAD-LABEL: llvm.func internal @prefill.logits(
// AHEAD: llvm.intr.prefetch
// AHEAD: scf.for
// AHEAD: } else {
// AHEAD-NOT: llvm.intr.prefetch
// AHEAD: llvm.func @fpmoe_dot_peak

module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
fpmoe.weight @table at 4096 stride 1024 : tensor<2x8x16x2xbf16> {
  %0 = fpmoe.load "table" : tensor<32x16xbf16>
  %1 = fpmoe.pack %0 : tensor<32x16xbf16> -> tensor<2x8x16x2xbf16>
  fpmoe.yield %1 : tensor<2x8x16x2xbf16>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %a = mega.buffer shared : memref<1x8x1x2xbf16>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<2x8x16x2xbf16>
  mega.phase "logits" tiles [2, 1] {
    mega.linear %a, %table into %logits columns 32 panels 1 span 1 : memref<1x8x1x2xbf16>, tensor<2x8x16x2xbf16>, memref<?x32xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 8 rows 4 context 64 {
  %a = mega.buffer shared : memref<2x8x4x2xbf16>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<2x8x16x2xbf16>
  mega.phase "logits" tiles [1, 1] {
    mega.linear %a, %table into %logits columns 32 panels 2 span 2 : memref<2x8x4x2xbf16>, tensor<2x8x16x2xbf16>, memref<?x32xf32>
  }
  mega.barrier
}
}
