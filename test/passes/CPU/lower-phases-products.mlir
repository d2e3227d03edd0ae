// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=WIDE
// RUN: sed 's/accumulators = 24/accumulators = 4/' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=NARROW
// RUN: sed 's/columns = 16/columns = 16, prefetch = 2560/' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=NEXT
// RUN: sed -e 's/columns = 16/columns = 16, prefetch = 2560/' -e 's/32x16xbf16/32x4096xbf16/g' -e 's/stride 1024/stride 262144/' -e 's/1x8x1x2xbf16/1x2048x1x2xbf16/g' -e 's/2x8x4x2xbf16/2x2048x4x2xbf16/g' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=AHEAD
// RUN: sed 's/accumulators = 24/accumulators = 2/' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=PARTS
// RUN: sed -e 's/dot = avx512_bf16/dot = none/' -e 's/1x8x1x2xbf16/1x16x1x1xf32/g' -e 's/2x8x4x2xbf16/2x16x4x1xf32/g' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=HALVES --implicit-check-not=mega.dot2
// RUN: sed -e 's/32x16xbf16/32x16xf16/g' -e 's/k = 2/k = 1/g' -e 's/1x8x1x2xbf16/1x16x1x1xf32/g' -e 's/2x8x4x2xbf16/2x16x4x1xf32/g' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=HALF --implicit-check-not=mega.dot2

// Four rows of two vectors: eight sums at once, or four and four. One token's row has no
// other behind it; of a block, the last vectors ask for the next block's rows, all of a
// step in a line.

// WIDE-LABEL: llvm.func internal @decode.logits(
// WIDE-NOT: llvm.intr.prefetch
// WIDE-LABEL: llvm.func internal @prefill.logits(
// WIDE: %[[BYTES:.*]] = arith.select %{{.*}}, %c0_i64{{.*}}, %c128_i64{{.*}} : i64
// WIDE: %[[ROWS:.*]] = llvm.getelementptr %[[NOW:[0-9]+]][%[[BYTES]]]
// WIDE-NEXT: "llvm.intr.prefetch"(%[[ROWS]]) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
// WIDE-NEXT: llvm.load %[[NOW]]
// WIDE-COUNT-8: mega.dot2
// WIDE: scf.yield {{(%[0-9a-z#]+, ){7}%[0-9a-z#]+}} : vector<16xf32>

// NARROW-LABEL: llvm.func internal @prefill.logits(
// NARROW: scf.yield {{(%[0-9a-z#]+, ){3}%[0-9a-z#]+}} : vector<16xf32>
// NARROW-NOT: scf.yield {{(%[0-9a-z#]+, ){7}%[0-9a-z#]+}} : vector<16xf32>

// Without the dot product, the lower halves of the weights' words are multiplied, and
// then the upper ones, by rows of f32.

// HALVES-LABEL: llvm.func internal @decode.logits(
// HALVES: arith.shli %{{.*}} : vector<16xi32>
// HALVES: vector.fma
// HALVES: arith.andi %{{.*}} : vector<16xi32>
// HALVES: vector.fma
// HALVES-LABEL: llvm.func internal @prefill.logits(
// HALVES-COUNT-2: arith.shli %{{.*}} : vector<16xi32>
// HALVES-COUNT-8: vector.fma
// HALVES-COUNT-2: arith.andi %{{.*}} : vector<16xi32>
// HALVES-COUNT-8: vector.fma
// HALVES: scf.yield {{(%[0-9a-z#]+, ){7}%[0-9a-z#]+}} : vector<16xf32>

// Weights of f16 are widened, on any target.

// HALF-LABEL: llvm.func internal @decode.logits(
// HALF: llvm.load %{{.*}} {alignment = 2 : i64} : !llvm.ptr -> vector<16xf16>
// HALF: arith.extf %{{.*}} : vector<16xf16> to vector<16xf32>
// HALF: vector.fma
// HALF-LABEL: llvm.func internal @prefill.logits(
// HALF-COUNT-2: arith.extf
// HALF-COUNT-8: vector.fma
// HALF: scf.yield {{(%[0-9a-z#]+, ){7}%[0-9a-z#]+}} : vector<16xf32>

// While some vectors are multiplied, the next ones are asked for: one of 512 bytes, or
// two. Of vectors that are too long for that, what follows.

// NEXT-LABEL: llvm.func internal @decode.logits(
// NEXT: %[[PLACE:.*]] = llvm.getelementptr %{{.*}}[512]
// NEXT-NEXT: "llvm.intr.prefetch"(%[[PLACE]]) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
// NEXT-LABEL: llvm.func internal @prefill.logits(
// NEXT: llvm.getelementptr %{{.*}}[1024]
// NEXT-NEXT: "llvm.intr.prefetch"

// AHEAD-LABEL: llvm.func internal @decode.logits(
// AHEAD: llvm.getelementptr %{{.*}}[2560]
// AHEAD-NEXT: "llvm.intr.prefetch"
// AHEAD-LABEL: llvm.func internal @prefill.logits(
// AHEAD: llvm.getelementptr %{{.*}}[2560]
// AHEAD-NEXT: "llvm.intr.prefetch"

// With room for two sums, the rows of a block are multiplied in runs of one or two. More
// than a block has are not its own.

// PARTS-LABEL: llvm.func internal @prefill.logits(
// PARTS: %[[LEFT:.*]] = arith.subi
// PARTS: %[[ROWS:.*]] = arith.minsi %[[LEFT]], %{{.*}} : i64
// PARTS: %[[MORE:.*]] = arith.addi %[[ROWS]], %{{.*}} : i64
// PARTS: %[[COUNT:.*]] = arith.divui %[[MORE]], %{{.*}} : i64
// PARTS: scf.for %[[TURN:.*]] = %{{.*}} to %[[COUNT]] step %{{.*}} : i64 {
// PARTS: %[[PRODUCT:.*]] = arith.muli %[[TURN]], %[[ROWS]] : i64
// PARTS: arith.divui %[[PRODUCT]], %[[COUNT]] : i64
// PARTS-NOT: scf.yield {{(%[0-9a-z#]+, ){2,}%[0-9a-z#]+}} : vector<16xf32>

module attributes {mega.target = #mega.target<cpu = "c", dot = avx512_bf16, rows = 4, accumulators = 24, columns = 16>, fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
fpmoe.weight @table at 4096 stride 1024 : tensor<32x16xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "table" : tensor<32x16xbf16>
  %1 = fpmoe.pack %0 : tensor<32x16xbf16> -> tensor<32x16xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<32x16xbf16, #mega.packed<n = 16, k = 2>>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %a = mega.buffer shared at 0 : memref<1x8x1x2xbf16>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<32x16xbf16, #mega.packed<n = 16, k = 2>>
  mega.phase "logits" tiles [2, 1] {
    mega.linear %a, %table into %logits vectors 1 group 1 : memref<1x8x1x2xbf16>, tensor<32x16xbf16, #mega.packed<n = 16, k = 2>>, memref<?x32xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 8 rows 4 context 64 {
  %a = mega.buffer shared at 0 : memref<2x8x4x2xbf16>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<32x16xbf16, #mega.packed<n = 16, k = 2>>
  mega.phase "logits" tiles [1, 1] {
    mega.linear %a, %table into %logits vectors 2 group 2 : memref<2x8x4x2xbf16>, tensor<32x16xbf16, #mega.packed<n = 16, k = 2>>, memref<?x32xf32>
  }
  mega.barrier
}
}
