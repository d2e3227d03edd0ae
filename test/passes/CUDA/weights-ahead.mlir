// RUN: fpmoe-opt %S/../Schedule/prefetch-weights.mlir --pass-pipeline="builtin.module(fpmoe-assign-places,mega.program(mega-prefetch-weights,mega-assign-buffers),mega-outline-phases,mega-lower-phases-to-blocks,canonicalize)" | FileCheck %s

// A block asks for its first tiles, as many as it has room for: threads ask for
// a sector each, up to the end of a tile or of the room. Nobody meets.
// CHECK-LABEL: llvm.func internal @decode.kind0.small_ahead(
// CHECK-SAME: %[[STEP:[a-z0-9]*]]: !llvm.ptr, %[[WORKER:[a-z0-9]*]]: i64,
// CHECK-DAG: %[[TILES:.*]] = arith.constant 4 : i64
// CHECK-DAG: %[[BYTES:.*]] = arith.constant 4096 : i64
// CHECK-DAG: %[[SECTOR:.*]] = arith.constant 32 : i64
// CHECK-DAG: %[[STRIDE:.*]] = arith.constant 8192 : i64
// CHECK: %[[PLACE:.*]] = llvm.getelementptr %[[STEP]][168]
// CHECK: %[[AHEAD:.*]] = llvm.load %[[PLACE]]
// CHECK: %[[FIT:.*]] = arith.divui %[[AHEAD]], %[[BYTES]]
// CHECK: %[[SOME:.*]] = arith.maxsi %[[FIT]],
// CHECK: %[[WORKERS:.*]] = arith.extsi
// CHECK: %[[DISTANCE:.*]] = arith.muli %[[SOME]], %[[WORKERS]]
// CHECK: %[[LAST:.*]] = arith.addi %[[WORKER]], %[[DISTANCE]]
// CHECK: %[[END:.*]] = arith.minsi %[[LAST]], %[[TILES]]
// CHECK: scf.for %{{.*}} = %[[WORKER]] to %[[END]] step %[[WORKERS]]
// CHECK: %[[SIZE:.*]] = arith.minsi %{{.*}}, %[[AHEAD]]
// CHECK: %[[FROM:.*]] = arith.muli %{{.*}}, %[[SECTOR]]
// CHECK: scf.for %{{.*}} = %[[FROM]] to %[[SIZE]] step %[[STRIDE]]
// CHECK: llvm.inline_asm has_side_effects "prefetch.global.L2 [$0];", "l" %{{.*}} : (!llvm.ptr<1>) -> ()
// CHECK-NOT: nvvm.
// CHECK: llvm.return

// The experts are not known yet: only the shared one's weights are.
// CHECK-LABEL: llvm.func internal @decode.kind0.up_ahead(
// CHECK-COUNT-1: prefetch.global.L2
// CHECK-NOT: nvvm.
// CHECK: llvm.return

// Before a tile, a block asks for a later one.
// CHECK-LABEL: llvm.func internal @decode.kind0.small(
// CHECK: scf.for %[[TILE:.*]] = %
// CHECK: %[[NEXT:.*]] = arith.addi %[[TILE]], %
// CHECK: %[[IS_TILE:.*]] = arith.cmpi slt, %[[NEXT]], %
// CHECK: scf.if %[[IS_TILE]]
// CHECK: prefetch.global.L2
// CHECK: llvm.intr.fma

// A routed expert, if there is one.
// CHECK-LABEL: llvm.func internal @decode.kind0.up(
// CHECK-COUNT-2: prefetch.global.L2
// CHECK: llvm.intr.fma
// CHECK-LABEL: llvm.func internal @decode.kind0.down_ahead(
// CHECK: prefetch.global.L2
// CHECK: arith.cmpi slt
// CHECK: prefetch.global.L2
// CHECK-NOT: nvvm.
// CHECK: llvm.return

// Many tokens: nothing is asked for.
// CHECK-LABEL: llvm.func internal @prefill.kind0.keep(
// CHECK-NOT: prefetch.global.L2
