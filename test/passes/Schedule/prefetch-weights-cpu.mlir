// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-prefetch-weights,mega-verify-barriers))" | FileCheck %s
// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-prefetch-weights))" -o %t
// RUN: fpmoe-opt %t --pass-pipeline="builtin.module(mega.program(mega-elide-barriers))" | diff - %t

// Without sums over ranks, nothing changes.
// RUN: sed '/^ *mega.phase "exchange/,/}/d' %s | fpmoe-opt -o %t.alone
// RUN: fpmoe-opt %t.alone --pass-pipeline="builtin.module(mega.program(mega-prefetch-weights))" | diff - %t.alone

// While one worker adds ranks' rows, the others ask for what comes behind the
// barrier: in a layer, at the beginning of the next one, and behind the layers.
// `behind` has no such sum in front of its barrier.
// CHECK-LABEL: mega.program @decode
// CHECK: mega.layers
// CHECK-NEXT: ^bb0(%[[LAYER:.*]]: index):
// CHECK-NEXT: %[[FIRST:.*]] = mega.weight @first[%[[LAYER]]]
// CHECK-NEXT: mega.phase "first_ahead" ahead tiles [8, 1] {
// CHECK-NEXT: mega.linear %{{.*}}, %[[FIRST]] into
// CHECK: mega.barrier
// CHECK-NOT: ahead
// CHECK: mega.phase "first" tiles [8, 1]
// CHECK: mega.barrier
// CHECK: mega.phase "exchange"
// CHECK: %[[SECOND:.*]] = mega.weight @second[%[[LAYER]]]
// CHECK-NEXT: mega.phase "second_ahead" ahead tiles [4, 1] {
// CHECK-NEXT: mega.linear %{{.*}}, %[[SECOND]] into
// CHECK: mega.barrier
// CHECK: mega.phase "second" tiles [4, 1]
// CHECK-NOT: ahead
// CHECK: mega.phase "behind" tiles [8, 1]
// CHECK: mega.barrier
// CHECK: mega.phase "exchange_1"
// CHECK: mega.phase "logits_ahead" ahead tiles [4, 1] {
// CHECK: mega.barrier
// CHECK: mega.phase "logits" tiles [4, 1] {
// CHECK-NOT: ahead

// Many tokens: nothing changes.
// CHECK-LABEL: mega.program @prefill
// CHECK-NOT: ahead

#packed = #mega.packed<n = 16, k = 1>
fpmoe.weight @first layers [0, 1] : tensor<2x64x64xf32, #packed> {
^bb0(%layer: index):
  %0 = fpmoe.load "first.{}"[%layer] : tensor<2x64x64xf32>
  %1 = fpmoe.pack %0 : tensor<2x64x64xf32> -> tensor<2x64x64xf32, #packed>
  fpmoe.yield %1 : tensor<2x64x64xf32, #packed>
}
fpmoe.weight @second layers [0, 1] : tensor<64x64xf32, #packed> {
^bb0(%layer: index):
  %0 = fpmoe.load "second.{}"[%layer] : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #packed>
  fpmoe.yield %1 : tensor<64x64xf32, #packed>
}
fpmoe.weight @head : tensor<64x64xf32, #packed> {
  %0 = fpmoe.load "head" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #packed>
  fpmoe.yield %1 : tensor<64x64xf32, #packed>
}
mega.program @decode max_tokens 1 rows 1 context 64 {
  %a = mega.buffer shared : memref<1x128x1x1xf32>
  %b = mega.buffer private : memref<1x64x1x1xf32>
  %parts = mega.buffer shared : memref<2x1x64xf32>
  %sum = mega.buffer shared : memref<1x1x64xf32>
  %x = mega.buffer shared : memref<1x64xf32>
  %logits = mega.buffer logits : memref<?x64xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %head = mega.weight @head : tensor<64x64xf32, #packed>
  mega.phase "embed" tiles [1] {
    mega.embed %head at %tokens into %x : tensor<64x64xf32, #packed>, memref<?xi32>, memref<1x64xf32>
  }
  mega.barrier
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    %first = mega.weight @first[%layer] : tensor<2x64x64xf32, #packed>
    mega.phase "first" tiles [8, 1] {
      mega.linear %a, %first into %parts vectors 1 group 1 : memref<1x128x1x1xf32>, tensor<2x64x64xf32, #packed>, memref<2x1x64xf32>
    }
    mega.barrier
    mega.phase "reduce" tiles [1] {
      mega.reduce %parts into %sum : memref<2x1x64xf32>, memref<1x1x64xf32>
    }
    mega.phase "exchange" tiles [1] {
      mega.exchange %sum : memref<1x1x64xf32>
    }
    mega.phase "add" tiles [1] {
      mega.reduce %sum into %x accumulate : memref<1x1x64xf32>, memref<1x64xf32>
    }
    mega.barrier
    %second = mega.weight @second[%layer] : tensor<64x64xf32, #packed>
    mega.phase "second" tiles [4, 1] {
      mega.linear %b, %second into %x vectors 1 group 1 : memref<1x64x1x1xf32>, tensor<64x64xf32, #packed>, memref<1x64xf32>
    }
    mega.phase "behind" tiles [8, 1] {
      mega.linear %a, %first into %parts vectors 1 group 1 : memref<1x128x1x1xf32>, tensor<2x64x64xf32, #packed>, memref<2x1x64xf32>
    }
    mega.barrier
    mega.phase "reduce_1" tiles [1] {
      mega.reduce %parts into %sum : memref<2x1x64xf32>, memref<1x1x64xf32>
    }
    mega.phase "exchange_1" tiles [1] {
      mega.exchange %sum : memref<1x1x64xf32>
    }
    mega.barrier
  }
  mega.phase "logits" tiles [4, 1] {
    mega.linear %b, %head into %logits vectors 1 group 1 : memref<1x64x1x1xf32>, tensor<64x64xf32, #packed>, memref<?x64xf32>
  }
  mega.barrier
}
mega.program @prefill max_tokens 4 rows 4 context 64 {
  %sum = mega.buffer shared : memref<1x4x64xf32>
  %a = mega.buffer shared : memref<1x64x4x1xf32>
  %x = mega.buffer shared : memref<4x64xf32>
  %head = mega.weight @head : tensor<64x64xf32, #packed>
  mega.phase "exchange" tiles [1] {
    mega.exchange %sum : memref<1x4x64xf32>
  }
  mega.barrier
  mega.phase "add" tiles [tokens] {
    mega.reduce %sum into %x : memref<1x4x64xf32>, memref<4x64xf32>
  }
  mega.barrier
  mega.phase "product" tiles [4, block_groups] {
    mega.linear %a, %head into %x vectors 1 group 1 : memref<1x64x4x1xf32>, tensor<64x64xf32, #packed>, memref<4x64xf32>
  }
  mega.barrier
}
