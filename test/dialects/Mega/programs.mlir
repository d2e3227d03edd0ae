// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// What programs are made of, as its documentation shows it, which
// examples.test compares. Tile ops stand in tiles.mlir.

fpmoe.weight @norm layers [0, 1] : tensor<64xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @final : tensor<64xf32> {
  %0 = fpmoe.load "final" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}

// CHECK-LABEL: mega.program @decode max_tokens 1 rows 1 context 64
mega.program @decode max_tokens 1 rows 1 context 64 {}

// Buffers have names, of which the values get theirs, and scratch has its place.
// CHECK-LABEL: mega.program @buffers max_tokens 512 rows 12 context 64 {
// CHECK-NEXT: %{{[0-9]+}} = mega.buffer shared at 4096 : memref<1x64xf32>
// CHECK-NEXT: %{{[0-9]+}} = mega.buffer private : memref<12x80xf32>
// CHECK-NEXT: %normed = mega.buffer shared "normed" : memref<2x8x16x2xbf16, strided<[256, 2, 16, 1]>>
// CHECK-NEXT: %scores = mega.buffer private "scores" at 64 : memref<1x64xf32>
// CHECK-NEXT: %cache = mega.buffer cache : memref<2x1x?x32xf32>
// CHECK-NEXT: %logits = mega.buffer logits : memref<?x101xf32>
mega.program @buffers max_tokens 512 rows 12 context 64 {
  %x = mega.buffer shared at 4096 : memref<1x64xf32>
  %scratch = mega.buffer private : memref<12x80xf32>
  %rows = mega.buffer shared "normed" : memref<2x8x16x2xbf16, strided<[256, 2, 16, 1]>>
  %sums = mega.buffer private "scores" at 64 : memref<1x64xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %all = mega.buffer logits : memref<?x101xf32>
}

// CHECK-LABEL: mega.program @inputs max_tokens 512 rows 12 context 64 {
// CHECK-NEXT: %tokens = mega.input tokens : memref<?xi32>
// CHECK-NEXT: %positions = mega.input positions : memref<?xi32>
// CHECK-NEXT: %logits_rows = mega.input logits_rows : memref<?xi32>
// CHECK-NEXT: %forced = mega.input forced : memref<?xi32>
// CHECK-NEXT: %languages = mega.input languages : memref<?xi32>
// CHECK-NEXT: %segments = mega.input segments : memref<?xi32>
// CHECK-NEXT: %routes = mega.input routes : memref<?xi32>
mega.program @inputs max_tokens 512 rows 12 context 64 {
  %tokens = mega.input tokens : memref<?xi32>
  %first = mega.input positions : memref<?xi32>
  %from = mega.input logits_rows : memref<?xi32>
  %forced = mega.input forced : memref<?xi32>
  %languages = mega.input languages : memref<?xi32>
  %mode = mega.input segments : memref<?xi32>
  %routes = mega.input routes : memref<?xi32>
}

// CHECK-LABEL: mega.program @prefill max_tokens 512 rows 12 context 64 {
// CHECK-NEXT: %[[X:.*]] = mega.buffer
// CHECK-NEXT: %[[A:.*]] = mega.buffer
// CHECK-NEXT: mega.layers order [0, 1] {
// CHECK-NEXT: ^bb0(%[[LAYER:.*]]: index):
// CHECK-NEXT: %[[W:.*]] = mega.weight @norm[%[[LAYER]]] : tensor<64xf32>
// CHECK-NEXT: mega.phase "norm" tiles [blocks] {
// CHECK-NEXT: mega.norm %[[X]], %[[W]] into %[[A]] eps 9.9{{.*}}E-7 : memref<512x64xf32>, tensor<64xf32>, memref<43x32x12x2xbf16>
// CHECK-NEXT: }
// CHECK-NEXT: mega.barrier
// CHECK-NEXT: }, {
// CHECK-NEXT: ^bb0(%{{.*}}: index):
// CHECK-NEXT: mega.barrier
// CHECK-NEXT: }
// CHECK-NEXT: %[[FINAL:.*]] = mega.weight @final : tensor<64xf32>
// CHECK-NEXT: mega.phase "final" tiles [43] {
// CHECK-NEXT: mega.norm %[[X]], %[[FINAL]] into %[[A]]
mega.program @prefill max_tokens 512 rows 12 context 64 {
  %x = mega.buffer shared : memref<512x64xf32>
  %operand = mega.buffer shared : memref<43x32x12x2xbf16>
  mega.layers order [0, 1] {
  ^bb0(%layer: index):
    %w = mega.weight @norm[%layer] : tensor<64xf32>
    mega.phase "norm" tiles [blocks] {
      mega.norm %x, %w into %operand eps 1.0e-6 : memref<512x64xf32>, tensor<64xf32>, memref<43x32x12x2xbf16>
    }
    mega.barrier
  }, {
  ^bb0(%layer: index):
    mega.barrier
  }
  %w = mega.weight @final : tensor<64xf32>
  mega.phase "final" tiles [43] {
    mega.norm %x, %w into %operand eps 1.0e-6 : memref<512x64xf32>, tensor<64xf32>, memref<43x32x12x2xbf16>
  }
}

// CHECK-LABEL: @dot2
// CHECK: mega.dot2 %{{.*}}, %{{.*}}, %{{.*}} : vector<16xf32>, vector<32xbf16>
// CHECK-NEXT: mega.dot2 %{{.*}}, %{{.*}}, %{{.*}} : vector<4xf32>, vector<8xbf16>
func.func @dot2(%acc: vector<16xf32>, %a: vector<32xbf16>, %b: vector<32xbf16>,
                %sacc: vector<4xf32>, %sa: vector<8xbf16>) -> (vector<16xf32>, vector<4xf32>) {
  %r = mega.dot2 %acc, %a, %b : vector<16xf32>, vector<32xbf16>
  %s = mega.dot2 %sacc, %sa, %sa : vector<4xf32>, vector<8xbf16>
  return %r, %s : vector<16xf32>, vector<4xf32>
}
