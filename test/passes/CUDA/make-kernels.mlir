// RUN: fpmoe-opt %S/lower-phases-to-blocks.mlir --mega-outline-phases --mega-lower-phases-to-blocks --mega-make-kernels -o %t
// RUN: FileCheck %s < %t
// RUN: fpmoe-opt %t | diff - %t
// RUN: not fpmoe-opt %t --mega-make-kernels 2>&1 | FileCheck %s --check-prefix=AGAIN
// RUN: echo "module {}" | not fpmoe-opt --mega-make-kernels 2>&1 | FileCheck %s --check-prefix=NONE

// The barrier of the grid: what blocks wrote is released before they count
// themselves in, and acquired when all have.
// CHECK-LABEL: llvm.func internal @fpmoe_barrier(
// CHECK-SAME: %[[STEP:[a-z0-9]*]]: !llvm.ptr) attributes {convergent} {
// CHECK: nvvm.barrier
// CHECK: scf.if
// CHECK: %[[PLACE:.*]] = llvm.getelementptr %[[STEP]][104]
// CHECK: %[[TICKETS:.*]] = llvm.load %[[PLACE]]
// CHECK: %[[COUNTER:.*]] = llvm.addrspacecast %[[TICKETS]] : !llvm.ptr to !llvm.ptr<1>
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: llvm.atomicrmw add %[[COUNTER]], %{{.*}} syncscope("device") monotonic
// CHECK: llvm.getelementptr %[[STEP]][176]
// CHECK: llvm.icmp "eq"
// CHECK: %[[MOST:.*]] = arith.select
// CHECK: %[[BEGIN:.*]] = nvvm.read.ptx.sreg.globaltimer
// CHECK: scf.while
// CHECK: llvm.load %[[COUNTER]] atomic syncscope("device") acquire
// CHECK: arith.cmpi slt, %[[MOST]]
// CHECK: llvm.intr.trap
// CHECK: nvvm.barrier
// CHECK: llvm.return

// CHECK-LABEL: llvm.func internal @fpmoe_decode_device(
// CHECK-SAME: %[[STEP:[a-z0-9]*]]: !llvm.ptr, %{{.*}}: i64, %{{.*}}: !llvm.ptr) attributes {convergent}
// CHECK: llvm.call @decode.embed(
// CHECK: llvm.call @fpmoe_barrier(%[[STEP]])

// CHECK-LABEL: llvm.func @fpmoe_decode(
// CHECK-SAME: %[[STEP:[a-z0-9]*]]: !llvm.ptr) attributes {convergent, nvvm.kernel, nvvm.minctasm = 1 : i32, nvvm.reqntid = array<i32: 256>} {
// CHECK: %[[NUMBER:.*]] = nvvm.read.ptx.sreg.ctaid.x
// CHECK: %[[SHARED:.*]] = llvm.mlir.addressof @fpmoe_shared : !llvm.ptr<3>
// CHECK: %[[SCRATCH:.*]] = llvm.addrspacecast %[[SHARED]] : !llvm.ptr<3> to !llvm.ptr
// CHECK: %[[WORKER:.*]] = arith.extui %[[NUMBER]] : i32 to i64
// CHECK: llvm.call @fpmoe_decode_device(%[[STEP]], %[[WORKER]], %[[SCRATCH]])

// CHECK-LABEL: llvm.func @fpmoe_prefill(
// CHECK-SAME: nvvm.kernel

// AGAIN: error: has kernels already
// NONE: error: has no '@fpmoe_barrier'; run mega-outline-phases first
