// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-assign-buffers))" | FileCheck %s
// RUN: fpmoe-opt %s --pass-pipeline="builtin.module(mega.program(mega-assign-buffers))" -o %t.once
// RUN: fpmoe-opt %t.once --pass-pipeline="builtin.module(mega.program(mega-assign-buffers))" | diff - %t.once

// Memory of the team and of a worker is counted apart, and anew in each program. 20
// floats are 80 bytes, 128 at the next multiple of 64; what was there before is of no
// account.

// CHECK-LABEL: mega.program @decode
// CHECK-NEXT: %x = mega.buffer shared "x" at 0 : memref<1x20xf32>
// CHECK-NEXT: %scores = mega.buffer private "scores" at 0 : memref<1x16xf32>
// CHECK-NEXT: %rows = mega.buffer shared "rows" at 128 : memref<1x8x1x2xbf16, strided<[16, 2, 16, 1]>>
// CHECK-NEXT: %{{.*}} = mega.buffer shared at 192 : memref<3xi32>
// CHECK-NEXT: %head = mega.buffer private "head" at 64 : memref<1x16xf32>
mega.program @decode max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared "x" at 4096 : memref<1x20xf32>
  %scores = mega.buffer private "scores" : memref<1x16xf32>
  %rows = mega.buffer shared "rows" : memref<1x8x1x2xbf16, strided<[16, 2, 16, 1]>>
  %3 = mega.buffer shared : memref<3xi32>
  %head = mega.buffer private "head" : memref<1x16xf32>
}

// What the caller has, has no place in scratch.
// CHECK-LABEL: mega.program @prefill
// CHECK-NEXT: mega.buffer cache "cache" : memref<2x1x?x32xf32>
// CHECK-NEXT: mega.buffer logits "logits" : memref<?x101xf32>
// CHECK-NEXT: mega.input tokens : memref<?xi32>
// CHECK-NEXT: mega.buffer shared "x" at 0 : memref<8x20xf32>
// CHECK-NEXT: mega.buffer shared "y" at 640 : memref<8x20xf32>
mega.program @prefill max_tokens 8 rows 4 context 64 {
  %cache = mega.buffer cache "cache" : memref<2x1x?x32xf32>
  %logits = mega.buffer logits "logits" : memref<?x101xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %x = mega.buffer shared "x" : memref<8x20xf32>
  %y = mega.buffer shared "y" : memref<8x20xf32>
}
