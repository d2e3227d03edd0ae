// RUN: sed 's/^module .*/module attributes {mega.target = #mega.target<cpu = "c", dot = avx512_bf16, rows = 4, accumulators = 24, columns = 16>} {/' %s | fpmoe-opt --mega-lower-dot2 | FileCheck %s --check-prefixes=CHECK,AVX
// RUN: sed 's/^module .*/module attributes {mega.target = #mega.target<cpu = "c", dot = amx_bf16, rows = 4, accumulators = 24, columns = 16, tile_rows = 32>} {/' %s | fpmoe-opt --mega-lower-dot2 | FileCheck %s --check-prefixes=CHECK,AVX
// RUN: sed 's/^module .*/module attributes {mega.target = #mega.target<cpu = "c", dot = neon_bf16, rows = 4, accumulators = 5, columns = 16>} {/' %s | fpmoe-opt --mega-lower-dot2 | FileCheck %s --check-prefixes=CHECK,NEON
// RUN: sed 's/^module .*/module attributes {mega.target = #mega.target<cpu = "c", dot = none, rows = 4, accumulators = 24, columns = 16>} {/' %s | fpmoe-opt --mega-lower-dot2 | FileCheck %s --check-prefixes=CHECK,NONE
// RUN: fpmoe-opt %s --mega-lower-dot2 | FileCheck %s --check-prefixes=CHECK,NONE

// It is for the target of the module; without one, for any.

module {

// CHECK-LABEL: @dot2(
// CHECK-SAME: %[[ACC:.*]]: vector<16xf32>, %[[A:.*]]: vector<32xbf16>, %[[B:.*]]: vector<32xbf16>)
// AVX-NEXT: %[[R:.*]] = x86vector.avx512.dot %[[ACC]], %[[A]], %[[B]] : vector<32xbf16> -> vector<16xf32>

// A pair is a word: its second element is the upper half, and is an f32 once the
// lower half is cleared; the first one is moved up.
// NONE-DAG: %[[MASK:.*]] = arith.constant dense<-65536> : vector<16xi32>
// NONE-DAG: %[[SHIFT:.*]] = arith.constant dense<16> : vector<16xi32>
// NONE: %[[AW:.*]] = vector.bitcast %[[A]] : vector<32xbf16> to vector<16xi32>
// NONE-NEXT: %[[AL:.*]] = arith.shli %[[AW]], %[[SHIFT]]
// NONE-NEXT: %[[AH:.*]] = arith.andi %[[AW]], %[[MASK]]
// NONE-NEXT: %[[A0:.*]] = arith.bitcast %[[AL]] : vector<16xi32> to vector<16xf32>
// NONE-NEXT: %[[A1:.*]] = arith.bitcast %[[AH]] : vector<16xi32> to vector<16xf32>
// NONE-NEXT: %[[BW:.*]] = vector.bitcast %[[B]] : vector<32xbf16> to vector<16xi32>
// NONE-NEXT: %[[BL:.*]] = arith.shli %[[BW]], %[[SHIFT]]
// NONE-NEXT: %[[BH:.*]] = arith.andi %[[BW]], %[[MASK]]
// NONE-NEXT: %[[B0:.*]] = arith.bitcast %[[BL]] : vector<16xi32> to vector<16xf32>
// NONE-NEXT: %[[B1:.*]] = arith.bitcast %[[BH]] : vector<16xi32> to vector<16xf32>
// NONE-NEXT: %[[S:.*]] = vector.fma %[[A0]], %[[B0]], %[[ACC]] : vector<16xf32>
// NONE-NEXT: %[[R:.*]] = vector.fma %[[A1]], %[[B1]], %[[S]] : vector<16xf32>
// Four lanes at a time.
// NEON: %[[A0:.*]] = vector.extract_strided_slice %[[ACC]] {offsets = [0], sizes = [4], strides = [1]}
// NEON: %[[X0:.*]] = vector.extract_strided_slice %[[A]] {offsets = [0], sizes = [8], strides = [1]}
// NEON: %[[Y0:.*]] = vector.extract_strided_slice %[[B]] {offsets = [0], sizes = [8], strides = [1]}
// NEON: %[[S0:.*]] = llvm.call_intrinsic "llvm.aarch64.neon.bfdot.v4f32.v8bf16"(%[[A0]], %[[X0]], %[[Y0]])
// NEON: vector.insert_strided_slice %[[S0]], %[[ACC]] {offsets = [0], strides = [1]}
// NEON: vector.extract_strided_slice %[[A]] {offsets = [24], sizes = [8], strides = [1]}
// NEON: %[[R:.*]] = vector.insert_strided_slice %{{.*}} {offsets = [12], strides = [1]}
// CHECK-NEXT: return %[[R]]
func.func @dot2(%acc: vector<16xf32>, %a: vector<32xbf16>, %b: vector<32xbf16>) -> vector<16xf32> {
  %r = mega.dot2 %acc, %a, %b : vector<16xf32>, vector<32xbf16>
  return %r : vector<16xf32>
}

// The instruction of AVX-512 has 16 lanes; others stay as they are.
// CHECK-LABEL: @narrow(
// AVX: mega.dot2 %{{.*}}, %{{.*}}, %{{.*}} : vector<4xf32>, vector<8xbf16>
// NEON: llvm.call_intrinsic "llvm.aarch64.neon.bfdot.v4f32.v8bf16"
// NONE-NOT: mega.dot2
// NONE: vector.fma {{.*}} : vector<4xf32>
// NONE-NEXT: vector.fma {{.*}} : vector<4xf32>
func.func @narrow(%acc: vector<4xf32>, %a: vector<8xbf16>) -> vector<4xf32> {
  %r = mega.dot2 %acc, %a, %a : vector<4xf32>, vector<8xbf16>
  return %r : vector<4xf32>
}

// Nothing to do.
// CHECK-LABEL: @other(
// CHECK-NEXT: vector.fma
// CHECK-NEXT: return
func.func @other(%a: vector<16xf32>, %b: vector<16xf32>) -> vector<16xf32> {
  %r = vector.fma %a, %b, %a : vector<16xf32>
  return %r : vector<16xf32>
}

// Roundings to bf16 that the CPU lacks, too, are integer arithmetic.
// CHECK-LABEL: @round(
// AVX-NEXT: arith.truncf
// NEON-NEXT: arith.truncf
// NONE-NOT: arith.truncf
// NONE: arith.trunci
// CHECK: return
func.func @round(%x: vector<16xf32>) -> vector<16xbf16> {
  %r = arith.truncf %x : vector<16xf32> to vector<16xbf16>
  return %r : vector<16xbf16>
}

}
