// RUN: fpmoe-opt %S/build-programs.mlir --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24 layer-inputs" | FileCheck %s --implicit-check-not=final_norm --implicit-check-not="phase \"logits\""
// RUN: fpmoe-opt %S/build-programs.mlir --fpmoe-schedule="prefill-tokens=24 layer-inputs" | FileCheck %s --check-prefix=BARRIERS
// RUN: fpmoe-opt %S/build-programs.mlir --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" | FileCheck %s --check-prefix=PLAIN

// Every layer, of either kind, first keeps the rows that go into it: three layers
// of 20 columns, which is more than the 40 of the vocabulary. What only the logits
// need is gone.

// CHECK-NOT: fpmoe.weight @final
// CHECK-LABEL: mega.program @decode
// CHECK: %[[X:.*]] = mega.buffer shared "x" : memref<1x32xf32>
// CHECK: %[[KEPT:.*]] = mega.buffer logits "logits" : memref<?x60xf32>
// CHECK: mega.layers order [0, 1, 1] {
// CHECK-NEXT: ^bb0(%[[LAYER:.*]]: index):
// CHECK: mega.phase "keep_rows" tiles [1] {
// CHECK-NEXT: mega.keep_rows %[[X]] of %logits_rows into %[[KEPT]] layer %[[LAYER]] columns 20 : memref<1x32xf32>, memref<?xi32>, memref<?x60xf32>
// CHECK: mega.phase "attention_norm"
// CHECK: }, {
// CHECK: mega.phase "keep_rows" tiles [1] {
// CHECK: mega.phase "attention_norm"
// CHECK-LABEL: mega.program @prefill
// CHECK: %[[X:.*]] = mega.buffer shared "x" : memref<24x32xf32>
// CHECK: mega.phase "keep_rows" tiles [tokens] {
// CHECK-NEXT: mega.keep_rows %[[X]] of %logits_rows into %{{.*}} : memref<24x32xf32>, memref<?xi32>, memref<?x60xf32>
// CHECK: mega.phase "attention_norm"
// CHECK: }, {
// CHECK: mega.phase "keep_rows" tiles [tokens] {

// It takes no barrier more: nobody reads the rows, and what is read stays as it is
// until the next barrier.
// BARRIERS-LABEL: mega.program @decode
// BARRIERS: mega.layers order [0, 1, 1] {
// BARRIERS: mega.phase "keep_rows" tiles [1]
// BARRIERS-COUNT-6: mega.barrier
// BARRIERS-NEXT: }, {
// BARRIERS-COUNT-6: mega.barrier
// BARRIERS-NEXT: {{^    }$}}

// PLAIN-NOT: keep_rows
