// RUN: fpmoe-opt %S/../Schedule/prefetch-weights-cpu.mlir --pass-pipeline="builtin.module(fpmoe-assign-places,mega.program(mega-prefetch-weights,mega-assign-buffers),mega-outline-phases,mega-lower-phases,canonicalize)" | FileCheck %s

// All workers but the last one, which adds up ranks' rows, ask for the first
// tiles of a run, as many as there is room for; they have all tiles among them. A
// line at a time, up to the end of a tile or of the room.
// CHECK-LABEL: llvm.func internal @decode.kind0.second_ahead(
// CHECK-SAME: %[[STEP:[a-z0-9]*]]: !llvm.ptr, %[[WORKER:[a-z0-9]*]]: i64,
// CHECK-DAG: %[[TILES:.*]] = arith.constant 4 : i64
// CHECK-DAG: %[[BYTES:.*]] = arith.constant 4096 : i64
// CHECK-DAG: %[[LINE:.*]] = arith.constant 64 : i64
// CHECK: %[[WORKERS:.*]] = arith.extsi
// CHECK: %[[OTHERS:.*]] = arith.subi %[[WORKERS]], %
// CHECK: %[[IS_OTHER:.*]] = arith.cmpi slt, %[[WORKER]], %[[OTHERS]]
// CHECK: scf.if %[[IS_OTHER]] {
// CHECK: %[[PLACE:.*]] = llvm.getelementptr %[[STEP]][168]
// CHECK: %[[AHEAD:.*]] = llvm.load %[[PLACE]]
// CHECK: %[[FIT:.*]] = arith.divui %[[AHEAD]], %[[BYTES]]
// CHECK: %[[ROOM:.*]] = arith.maxsi %[[FIT]],
// CHECK: %[[FIRST:.*]] = arith.divui %{{.*}}, %[[OTHERS]]
// CHECK: %[[LAST:.*]] = arith.divui %{{.*}}, %[[OTHERS]]
// CHECK: %[[SOME:.*]] = arith.addi %[[FIRST]], %[[ROOM]]
// CHECK: %[[END:.*]] = arith.minsi %[[SOME]], %[[LAST]]
// CHECK: scf.for %{{.*}} = %[[FIRST]] to %[[END]] step
// CHECK: %[[SIZE:.*]] = arith.minsi %{{.*}}, %[[AHEAD]]
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[SIZE]] step %[[LINE]]
// CHECK: "llvm.intr.prefetch"(%{{.*}}) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
// CHECK-NOT: llvm.store
// CHECK: llvm.return
