// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-elide-barriers))" | FileCheck %s
// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-elide-barriers,mega-verify-barriers))" | FileCheck %s
// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-elide-barriers))" -o %t.once
// RUN: fpmoe-opt %t.once --pass-pipeline="builtin.module(mega.program(mega-elide-barriers))" | diff - %t.once

fpmoe.weight @norm : tensor<64xf32> {
  %0 = fpmoe.load "norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "w" : tensor<64x64xf32>
  %1 = fpmoe.pack %0 : tensor<64x64xf32> -> tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
}

fpmoe.weight @parts : tensor<2x64x64xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "parts" : tensor<2x64x64xf32>
  %1 = fpmoe.pack %0 : tensor<2x64x64xf32> -> tensor<2x64x64xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<2x64x64xf32, #mega.packed<n = 16, k = 1>>
}

// Every worker makes the norm for itself: nobody waits for it.
// CHECK-LABEL: mega.program @private
// CHECK: mega.phase "norm"
// CHECK-NOT: mega.barrier
// CHECK: mega.phase "product"
// CHECK: mega.barrier
mega.program @private max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer private : memref<1x64x1x1xf32>
  %logits = mega.buffer logits : memref<?x64xf32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
  mega.barrier
  mega.phase "product" tiles [4, 1] {
    mega.linear %a, %w into %logits vectors 1 group 1 : memref<1x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?x64xf32>
  }
  mega.barrier
}

// A weight between a barrier and the phase behind it changes nothing.
// CHECK-LABEL: mega.program @weight_between
// CHECK: mega.phase "norm"
// CHECK-NOT: mega.barrier
// CHECK: mega.phase "product"
// CHECK: mega.barrier
mega.program @weight_between max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x64xf32>
  %a = mega.buffer private : memref<1x64x1x1xf32>
  %logits = mega.buffer logits : memref<?x64xf32>
  %norm = mega.weight @norm : tensor<64xf32>
  mega.phase "norm" {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
  mega.barrier
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "product" tiles [4, 1] {
    mega.linear %a, %w into %logits vectors 1 group 1 : memref<1x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?x64xf32>
  }
  mega.barrier
}

// Two phases may read the same. The third one writes it.
// CHECK-LABEL: mega.program @readers
// CHECK: mega.phase "first"
// CHECK-NOT: mega.barrier
// CHECK: mega.phase "second"
// CHECK: mega.barrier
// CHECK-NEXT: mega.phase "third"
mega.program @readers max_tokens 12 rows 1 context 64 {
  %x = mega.buffer shared : memref<12x64xf32>
  %a = mega.buffer shared : memref<12x64x1x1xf32>
  %b = mega.buffer shared : memref<12x64x1x1xf32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "first" tiles [blocks] {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
  }
  mega.barrier
  mega.phase "second" tiles [blocks] {
    mega.norm %x, %norm into %b eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
  }
  mega.barrier
  mega.phase "third" tiles [4, block_groups] {
    mega.linear %a, %w into %x vectors 1 group 1 accumulate : memref<12x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<12x64xf32>
  }
  mega.barrier
}

// The third phase needs the first, not the second: one barrier is enough, but
// that one stays.
// CHECK-LABEL: mega.program @skipping
// CHECK: mega.phase "first"
// CHECK-NOT: mega.barrier
// CHECK: mega.phase "second"
// CHECK: mega.barrier
// CHECK: mega.phase "third"
mega.program @skipping max_tokens 12 rows 1 context 64 {
  %x = mega.buffer shared : memref<12x64xf32>
  %y = mega.buffer shared : memref<12x64xf32>
  %a = mega.buffer shared : memref<12x64x1x1xf32>
  %b = mega.buffer shared : memref<12x64x1x1xf32>
  %c = mega.buffer shared : memref<12x64xf32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "first" tiles [blocks] {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
  }
  mega.barrier
  mega.phase "second" tiles [blocks] {
    mega.norm %y, %norm into %b eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
  }
  mega.barrier
  mega.phase "third" tiles [4, block_groups] {
    mega.linear %a, %w into %c vectors 1 group 1 : memref<12x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<12x64xf32>
  }
  mega.barrier
}

// The phase right behind the only barrier does not need it; the one after that
// does.
// CHECK-LABEL: mega.program @late
// CHECK: mega.phase "first"
// CHECK: mega.barrier
// CHECK: mega.phase "second"
// CHECK: mega.phase "third"
mega.program @late max_tokens 12 rows 1 context 64 {
  %x = mega.buffer shared : memref<12x64xf32>
  %y = mega.buffer shared : memref<12x64xf32>
  %a = mega.buffer shared : memref<12x64x1x1xf32>
  %b = mega.buffer shared : memref<12x64x1x1xf32>
  %c = mega.buffer shared : memref<12x64xf32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "first" tiles [blocks] {
    mega.norm %x, %norm into %a eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
  }
  mega.barrier
  mega.phase "second" tiles [blocks] {
    mega.norm %y, %norm into %b eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
  }
  mega.phase "third" tiles [4, block_groups] {
    mega.linear %a, %w into %c vectors 1 group 1 : memref<12x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<12x64xf32>
  }
  mega.barrier
}

// All stay: what is read was written before, and what was read is written after.
// So do the barrier before the layers and the one that ends a layer, though the
// phases beside them in the text do not conflict.
// CHECK-LABEL: mega.program @all_stay
// CHECK: mega.phase "embed"
// CHECK: mega.barrier
// CHECK: mega.layers
// CHECK: mega.phase "norm"
// CHECK: mega.barrier
// CHECK: mega.phase "product"
// CHECK: mega.barrier
// CHECK: mega.phase "private"
// CHECK: mega.barrier
// CHECK: }
mega.program @all_stay max_tokens 12 rows 1 context 64 {
  %x = mega.buffer shared : memref<12x64xf32>
  %a = mega.buffer shared : memref<12x64x1x1xf32>
  %p = mega.buffer private : memref<12x64x1x1xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @w : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "embed" tiles [tokens] {
    mega.embed %w at %tokens into %x : tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<12x64xf32>
  }
  mega.barrier
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    mega.phase "norm" tiles [blocks] {
      mega.norm %x, %norm into %a eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
    }
    mega.barrier
    mega.phase "product" tiles [4, block_groups] {
      mega.linear %a, %w into %x vectors 1 group 1 accumulate : memref<12x64x1x1xf32>, tensor<64x64xf32, #mega.packed<n = 16, k = 1>>, memref<12x64xf32>
    }
    mega.barrier
    mega.phase "private" {
      mega.norm %x, %norm into %p eps 1.0e-6 : memref<12x64xf32>, tensor<64xf32>, memref<12x64x1x1xf32>
    }
    mega.barrier
  }
}

// Of one token, the same worker does what is one tile: it does not wait for
// itself. All wait for it, and it waits for all.
// CHECK-LABEL: mega.program @one_tile
// CHECK: mega.phase "product"
// CHECK: mega.barrier
// CHECK-NEXT: mega.phase "reduce"
// CHECK-NOT: mega.barrier
// CHECK: mega.phase "exchange"
// CHECK-NOT: mega.barrier
// CHECK: mega.phase "add"
// CHECK: mega.barrier
// CHECK-NEXT: mega.phase "norm"
mega.program @one_tile max_tokens 1 rows 1 context 64 {
  %a = mega.buffer shared : memref<1x128x1x1xf32>
  %parts = mega.buffer shared : memref<2x1x64xf32>
  %sum = mega.buffer shared : memref<1x1x64xf32>
  %x = mega.buffer shared : memref<1x64xf32>
  %b = mega.buffer private : memref<1x64x1x1xf32>
  %norm = mega.weight @norm : tensor<64xf32>
  %w = mega.weight @parts : tensor<2x64x64xf32, #mega.packed<n = 16, k = 1>>
  mega.phase "product" tiles [8, 1] {
    mega.linear %a, %w into %parts vectors 1 group 1 : memref<1x128x1x1xf32>, tensor<2x64x64xf32, #mega.packed<n = 16, k = 1>>, memref<2x1x64xf32>
  }
  mega.barrier
  mega.phase "reduce" tiles [1] {
    mega.reduce %parts into %sum : memref<2x1x64xf32>, memref<1x1x64xf32>
  }
  mega.barrier
  mega.phase "exchange" tiles [1] {
    mega.exchange %sum : memref<1x1x64xf32>
  }
  mega.barrier
  mega.phase "add" tiles [1] {
    mega.reduce %sum into %x accumulate : memref<1x1x64xf32>, memref<1x64xf32>
  }
  mega.barrier
  mega.phase "norm" {
    mega.norm %x, %norm into %b eps 1.0e-6 : memref<1x64xf32>, tensor<64xf32>, memref<1x64x1x1xf32>
  }
}

// Of several tokens, whoever is there does it: all barriers stay.
// CHECK-LABEL: mega.program @one_tile_of_many
// CHECK: mega.phase "exchange"
// CHECK: mega.barrier
// CHECK-NEXT: mega.phase "again"
// CHECK: mega.barrier
mega.program @one_tile_of_many max_tokens 12 rows 1 context 64 {
  %sum = mega.buffer shared : memref<1x12x64xf32>
  mega.phase "exchange" tiles [1] {
    mega.exchange %sum : memref<1x12x64xf32>
  }
  mega.barrier
  mega.phase "again" tiles [1] {
    mega.exchange %sum : memref<1x12x64xf32>
  }
  mega.barrier
}
