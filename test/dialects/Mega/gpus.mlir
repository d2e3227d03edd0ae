// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// What programs for GPUs alone have: weights asked for ahead, parts of heads.

#packed = #mega.packed<n = 16, k = 1>
fpmoe.weight @o : tensor<50x48xf32, #packed> {
  %0 = fpmoe.load "o" : tensor<50x48xf32>
  %1 = fpmoe.pack %0 : tensor<50x48xf32> -> tensor<50x48xf32, #packed>
  fpmoe.yield %1 : tensor<50x48xf32, #packed>
}
fpmoe.weight @qkv : tensor<6x64x50xf32, #packed> {
  %0 = fpmoe.load "qkv" : tensor<6x64x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x64x50xf32> -> tensor<6x64x50xf32, #packed>
  fpmoe.yield %1 : tensor<6x64x50xf32, #packed>
}

// CHECK-LABEL: mega.program @ahead
// CHECK: mega.phase "output_ahead" ahead tiles [4, 1] {
// CHECK: mega.phase "output" tiles [4, 1] {
mega.program @ahead max_tokens 1 rows 1 context 256 {
  %attended = mega.buffer shared : memref<1x48x1x1xf32>
  %x = mega.buffer shared : memref<1x64xf32>
  %o = mega.weight @o : tensor<50x48xf32, #packed>
  mega.phase "output_ahead" ahead tiles [4, 1] {
    mega.linear %attended, %o into %x vectors 1 group 1 accumulate : memref<1x48x1x1xf32>, tensor<50x48xf32, #packed>, memref<1x64xf32>
  }
  mega.barrier
  mega.phase "output" tiles [4, 1] {
    mega.linear %attended, %o into %x vectors 1 group 1 accumulate : memref<1x48x1x1xf32>, tensor<50x48xf32, #packed>, memref<1x64xf32>
  }
}

// CHECK-LABEL: mega.program @parts
// CHECK: mega.phase "qkv" tiles [12, 1] {
// CHECK: mega.qkv {{.*}} head_dim 64 group 1 pairs :
mega.program @parts max_tokens 1 rows 1 context 256 {
  %normed = mega.buffer private : memref<1x64x1x1xf32>
  %angles = mega.buffer private : memref<1x64xf32>
  %query = mega.buffer shared : memref<1x4x64xf32>
  %cache = mega.buffer cache : memref<1x1x?x128xf32>
  %head = mega.buffer private : memref<1x64xf32>
  %positions = mega.input positions : memref<?xi32>
  %qkv = mega.weight @qkv : tensor<6x64x50xf32, #packed>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "qkv" tiles [12, 1] {
      mega.qkv %normed, %qkv rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 64 group 1 pairs : memref<1x64x1x1xf32>, tensor<6x64x50xf32, #packed>, memref<1x64xf32>, memref<?xi32>, memref<1x4x64xf32>, memref<1x1x?x128xf32>, memref<1x64xf32>
    }
  }
}
