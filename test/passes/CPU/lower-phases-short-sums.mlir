// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefixes=CHECK,ZERO
// RUN: sed 's/fpmoe.int4/fpmoe.uint4/g' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefixes=CHECK,MINIMUM
// RUN: sed 's/fpmoe.int4/fpmoe.int8/g' %s | fpmoe-opt --mega-outline-phases --mega-lower-phases | FileCheck %s --check-prefix=SPLIT

// Sums of 16 bits begin with half of what a zero of 8 takes off, which rows have twice
// beside their bytes. Nothing is taken off afterwards.

// CHECK-LABEL: llvm.func internal @decode.logits(
// ZERO: %[[SUM:.*]] = llvm.getelementptr %{{.*}}[36]
// ZERO: %[[SPREAD:.*]] = vector.broadcast %{{.*}} : i32 to vector<8xi32>
// ZERO: %[[LESS:.*]] = vector.bitcast %[[SPREAD]] : vector<8xi32> to vector<16xi16>
// ZERO: %[[PRODUCT:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// ZERO-NEXT: arith.addi %[[LESS]], %[[PRODUCT]] : vector<16xi16>
// CHECK-NOT: arith.subi {{.*}} : vector<8xi32>
// CHECK-LABEL: llvm.func internal @prefill.quantize(
// CHECK: vector.reduction <add>
// CHECK-NEXT: %[[MINUS:.*]] = arith.constant -4 : i32
// CHECK-NEXT: %[[HALF:.*]] = arith.muli %{{.*}}, %[[MINUS]] : i32
// CHECK-NEXT: %[[SHORT:.*]] = arith.trunci %[[HALF]] : i32 to i16
// CHECK: vector.broadcast %[[SHORT]] : i16 to vector<2xi16>

// A word of four rows meets two registers of weights, each loaded where it is used, word
// after word in a loop; then totals in memory take what the group gave.

// CHECK-LABEL: llvm.func internal @prefill.logits(
// CHECK: scf.for {{.*}} -> (vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>)
// CHECK-COUNT-2: llvm.load volatile %{{.*}} : !llvm.ptr -> vector<32xi8>
// CHECK-COUNT-8: "llvm.x86.avx2.pmadd.ub.sw"
// CHECK-COUNT-2: llvm.load volatile %{{.*}} : !llvm.ptr -> vector<32xi8>
// CHECK-COUNT-8: "llvm.x86.avx2.pmadd.ub.sw"
// CHECK: scf.yield
// MINIMUM: arith.constant -2.500000e-01 : f32
// CHECK: "llvm.x86.avx2.pmadd.wd"
// CHECK-NOT: arith.subi {{.*}} : vector<8xi32>
// CHECK: %[[TOTAL:.*]] = llvm.load volatile %[[PLACE:.*]] {alignment = 32 : i64} : !llvm.ptr -> vector<8xf32>
// CHECK: llvm.store volatile %{{.*}}, %[[PLACE]] {alignment = 32 : i64} : vector<8xf32>
// CHECK-COUNT-7: llvm.store volatile

// Of bytes, the registers are the lower and the upper 4 bits, of which 16 times the sum
// is added.

// SPLIT-LABEL: llvm.func internal @prefill.logits(
// SPLIT: scf.for {{.*}} -> (vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>)
// SPLIT-COUNT-8: "llvm.x86.avx2.pmadd.ub.sw"
// SPLIT-NOT: pmadd.ub.sw
// SPLIT: %[[LOWER:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// SPLIT: %[[FACTOR:.*]] = arith.constant dense<16> : vector<16xi16>
// SPLIT: %[[UPPER:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%{{.*}}, %[[FACTOR]])
// SPLIT: arith.addi %[[LOWER]], %[[UPPER]] : vector<8xi32>
// SPLIT: llvm.store volatile

module attributes {mega.target = #mega.target<cpu = "c", dot = none, rows = 4, accumulators = 5, columns = 16, int_dot = avx2>, fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, name = "m", source = "m"}} {
fpmoe.weight @table at 4096 stride 4096 : tensor<32x64x!fpmoe.int4, #mega.packed<n = 16, k = 32>> {
  %0 = fpmoe.load "table" : tensor<32x64xf32>
  %1 = fpmoe.convert %0 : tensor<32x64xf32> -> tensor<32x64x!fpmoe.int4>
  %2 = fpmoe.pack %1 : tensor<32x64x!fpmoe.int4> -> tensor<32x64x!fpmoe.int4, #mega.packed<n = 16, k = 32>>
  fpmoe.yield %2 : tensor<32x64x!fpmoe.int4, #mega.packed<n = 16, k = 32>>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %a = mega.buffer shared at 0 : memref<1x2x1x40xi8>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<32x64x!fpmoe.int4, #mega.packed<n = 16, k = 32>>
  mega.phase "logits" tiles [1, 1] {
    mega.linear %a, %table into %logits vectors 2 group 1 : memref<1x2x1x40xi8>, tensor<32x64x!fpmoe.int4, #mega.packed<n = 16, k = 32>>, memref<?x32xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 4 rows 4 context 64 {
  %rows = mega.buffer shared at 0 : memref<1x64x4x1xf32>
  %a = mega.buffer shared at 1024 : memref<1x2x4x40xi8>
  %logits = mega.buffer logits : memref<?x32xf32>
  %table = mega.weight @table : tensor<32x64x!fpmoe.int4, #mega.packed<n = 16, k = 32>>
  mega.phase "quantize" tiles [1] {
    mega.quantize %rows into %a columns 64 tail 0 : memref<1x64x4x1xf32>, memref<1x2x4x40xi8>
  }
  mega.barrier
  mega.phase "logits" tiles [1, block_groups] {
    mega.linear %a, %table into %logits vectors 2 group 1 : memref<1x2x4x40xi8>, tensor<32x64x!fpmoe.int4, #mega.packed<n = 16, k = 32>>, memref<?x32xf32>
  }
  mega.barrier
}
}
