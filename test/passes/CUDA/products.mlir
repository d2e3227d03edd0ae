// RUN: fpmoe-opt %s --mega-outline-phases --mega-lower-phases-to-blocks --canonicalize --cse | FileCheck %s

// Products of bf16 and of integers by mma.sync.

// One row: the columns of weights are the rows of A. A lane has two columns of
// two elements in a load, twice; a part is an instruction. Eight parts go
// together, and then those that are left.
// CHECK-LABEL: llvm.func internal @decode.bf16(
// CHECK: scf.for
// CHECK-COUNT-16: llvm.load %{{.*}} invariant {alignment = 8 : i64} : !llvm.ptr<1> -> i64
// CHECK-COUNT-8: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.bf16"(%{{.*}}) : (i32, i32, i32, i32, i32, i32, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
// CHECK-COUNT-7: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.bf16"
// Of the sums those of the row alone are stored, and those of warps added.
// CHECK: llvm.store %{{.*}} : vector<2xf32>
// CHECK: nvvm.barrier
// CHECK-COUNT-7: arith.addf
// CHECK: llvm.return

// A group of 8 bits has four loads of words, and one of scales; its integers
// begin with the zero of the weights times the sum of the row.
// CHECK-LABEL: llvm.func internal @decode.int8(
// CHECK-COUNT-2: llvm.load %{{.*}} invariant {alignment = 8 : i64} : !llvm.ptr<1> -> i64
// CHECK: llvm.load %{{.*}} invariant {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k32.row.col.u8.s8"(%{{.*}}) : (i32, i32, i32, i32, i32, i32, i32, i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
// CHECK: arith.sitofp
// CHECK: llvm.intr.fma

// Of many rows, code for few and for all: eight rows are one instruction for
// each of four vectors, 64 rows are 32, which the next part's loads precede.
// CHECK-LABEL: llvm.func internal @prefill.bf16(
// CHECK: scf.if
// CHECK: scf.for
// CHECK-COUNT-8: llvm.load %{{.*}} invariant {alignment = 8 : i64} : !llvm.ptr<1> -> i64
// CHECK-COUNT-16: llvm.load %{{.*}} : !llvm.ptr -> i32
// CHECK-COUNT-32: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.bf16"
// CHECK: scf.yield
// CHECK: } else {

#packed = #mega.packed<n = 16, k = 2>
#groups = #mega.packed<n = 16, k = 32>
module attributes {mega.target = #mega.target<cpu = "cuda", dot = cuda_mma, rows = 64, accumulators = 1, columns = 16, span = 64, threads = 256>} {
fpmoe.weight @w at 0 stride 32768 : tensor<64x256xbf16, #packed> {
  %0 = fpmoe.load "w" : tensor<64x256xbf16>
  %1 = fpmoe.pack %0 : tensor<64x256xbf16> -> tensor<64x256xbf16, #packed>
  fpmoe.yield %1 : tensor<64x256xbf16, #packed>
}
fpmoe.weight @i at 32768 stride 32768 : tensor<64x256x!fpmoe.int8, #groups> {
  %0 = fpmoe.load "i" : tensor<64x256xf32>
  %1 = fpmoe.convert %0 : tensor<64x256xf32> -> tensor<64x256x!fpmoe.int8>
  %2 = fpmoe.pack %1 : tensor<64x256x!fpmoe.int8> -> tensor<64x256x!fpmoe.int8, #groups>
  fpmoe.yield %2 : tensor<64x256x!fpmoe.int8, #groups>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared at 0 : memref<1x64xf32>
  %y = mega.buffer shared at 256 : memref<1x64xf32>
  %a = mega.buffer shared at 512 : memref<1x128x1x2xbf16>
  %q = mega.buffer shared at 1024 : memref<1x8x1x40xi8>
  %w = mega.weight @w : tensor<64x256xbf16, #packed>
  %i = mega.weight @i : tensor<64x256x!fpmoe.int8, #groups>
  mega.phase "bf16" tiles [4, 1] {
    mega.linear %a, %w into %x vectors 1 group 1 : memref<1x128x1x2xbf16>, tensor<64x256xbf16, #packed>, memref<1x64xf32>
  }
  mega.phase "int8" tiles [4, 1] {
    mega.linear %q, %i into %y vectors 1 group 1 : memref<1x8x1x40xi8>, tensor<64x256x!fpmoe.int8, #groups>, memref<1x64xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 64 rows 64 context 64 {
  %x = mega.buffer shared at 0 : memref<64x64xf32>
  %a = mega.buffer shared at 16384 : memref<1x128x64x2xbf16>
  %w = mega.weight @w : tensor<64x256xbf16, #packed>
  mega.phase "bf16" tiles [1, block_groups] {
    mega.linear %a, %w into %x vectors 4 group 1 : memref<1x128x64x2xbf16>, tensor<64x256xbf16, #packed>, memref<64x64xf32>
  }
  mega.barrier
}
}
