; A thread streams memory through a ring of two slots, a warp sums what comes:
; bulk copies, an mbarrier for full and one for empty slots.
; DEFINE: %{run} = fpmoe-emulate --kernel=ring --grid=2 --block=64 --shared=1056 \
; DEFINE:   --buffer=in:i32[1280]=iota --buffer=out:i32[32] --arg=in --arg=out \
; DEFINE:   --arg=i32:10
; RUN: %{run} %s --schedules=8 --copies=eager --print=out | FileCheck %s
; RUN: %{run} %s --schedules=8 --copies=lazy --print=out | FileCheck %s
; RUN: %{run} %s --schedules=8 --copies=random --print=out | FileCheck %s
; CHECK: out: 23100 23260 23420
; CHECK: ok: 8 schedules

; A slot is freed before it is read.
; RUN: sed -e 's/;EARLY//' -e '/;LATE/d' %s > %t.early.ll
; RUN: not %{run} %t.early.ll --copies=eager 2>&1 | FileCheck --check-prefix=RACE %s
; RUN: not %{run} %t.early.ll --copies=lazy 2>&1 | FileCheck --check-prefix=RACE %s
; RACE: error: seed 1: race: {{read|write}}{{.*}} at shared memory of block {{[01]}} + {{[0-9]+}} is not ordered with the {{read|write}} by

; The consumer waits for the wrong parity: it reads what has not come.
; RUN: sed 's/xor i32 %odd, 0 ; PARITY/xor i32 %odd, 1/' %s > %t.parity.ll
; RUN: not %{run} %t.parity.ll --copies=lazy 2>&1 | FileCheck --check-prefix=PARITY %s
; PARITY: error: seed 1: {{race: read|race: write|read of 16 bytes that were never written}}

; The producer does not wait for the slot.
; RUN: sed 's/xor i32 %used, 1 ; EMPTY/xor i32 %used, 0/' %s > %t.empty.ll
; RUN: not %{run} %t.empty.ll 2>&1 | FileCheck --check-prefix=DEADLOCK %s

; One arrival, or some bytes, too few.
; RUN: sed 's/%full, i32 1) ; COUNT/%full, i32 2)/' %s > %t.count.ll
; RUN: not %{run} %t.count.ll 2>&1 | FileCheck --check-prefix=DEADLOCK %s
; DEADLOCK: error: seed 1: deadlock:
; DEADLOCK-NEXT: block 0 thread
; RUN: sed 's/i32 512) ; BYTES/i32 528)/' %s > %t.bytes.ll
; RUN: not %{run} %t.bytes.ll 2>&1 | FileCheck --check-prefix=BYTES %s
; BYTES: deadlock:
; BYTES: block 0 threads 32-63: {{.*}} which misses 0 arrivals and 16 bytes (ring: %done = call i1 @llvm.nvvm.mbarrier.try.wait
; RUN: sed 's/%empty, i32 32) ; COUNT/%empty, i32 31)/' %s > %t.more.ll
; RUN: not %{run} %t.more.ll 2>&1 | FileCheck --check-prefix=MORE %s
; MORE: error: seed 1: {{race: |more than the 31 arrivals of a phase}}

; The mbarriers are used before the other threads may see them.
; RUN: sed '/;SYNC/d' %s > %t.sync.ll
; RUN: not %{run} %t.sync.ll 2>&1 | FileCheck --check-prefix=SYNC %s
; SYNC: error: seed 1: {{race: .*mbarrier.init|read of 8 bytes that were never written|no mbarrier was initialised}}

; RUN: not fpmoe-emulate %s --kernel=ring --grid=2 --block=64 --shared=1056 \
; RUN:   --buffer=in:i32[1280]=iota --buffer=out:i32[32] --arg=in --arg=out \
; RUN:   --arg=i32:11 2>&1 | FileCheck --check-prefix=BOUNDS %s
; BOUNDS: error: seed 1: out of bounds: read of 512 bytes at buffer 'in' + 5120, which has 5120 bytes (block {{[01]}} thread 0, ring: call void @llvm.nvvm.cp.async.bulk
; RUN: not fpmoe-emulate %s --kernel=ring --grid=2 --block=64 --shared=1056 \
; RUN:   --buffer=in:i32[1280]=iota --buffer=out:i32[32] --arg=in+8 --arg=out \
; RUN:   --arg=i32:2 2>&1 | FileCheck --check-prefix=ALIGN %s
; ALIGN: error: seed 1: misaligned read of 512 bytes at buffer 'in' + 8: the address is no multiple of 16
; RUN: not %{run} %s --sm=80 2>&1 | FileCheck --check-prefix=SM %s
; SM: error: {{.*}} needs sm_90, and the device is sm_80

target triple = "nvptx64-nvidia-cuda"

@slots = external addrspace(3) global [0 x i8], align 1024

define ptx_kernel void @ring(ptr addrspace(1) %in, ptr addrspace(1) %out, i32 %chunks) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %lane = and i32 %tid, 31
  %first = icmp eq i32 %tid, 0
  br i1 %first, label %init, label %meet

init:
  %slot.init = phi i32 [ 0, %entry ], [ 1, %init ]
  %full.init = add i32 %slot.init, 128
  %full = getelementptr i64, ptr addrspace(3) @slots, i32 %full.init
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) %full, i32 1) ; COUNT
  %empty = getelementptr i8, ptr addrspace(3) %full, i32 16
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) %empty, i32 32) ; COUNT
  %more.init = icmp eq i32 %slot.init, 0
  br i1 %more.init, label %init, label %fence
fence:
  call void @llvm.nvvm.fence.mbarrier_init.release.cluster()
  br label %meet

meet:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0) ;SYNC
  br i1 %first, label %produce, label %others
others:
  %consumes = icmp ugt i32 %tid, 31
  br i1 %consumes, label %consume, label %end

produce:
  %p = phi i32 [ 0, %meet ], [ %p.next, %copy ]
  %p.slot = and i32 %p, 1
  %p.round = lshr i32 %p, 1
  %used = and i32 %p.round, 1
  %p.parity = xor i32 %used, 1 ; EMPTY
  %p.index = add i32 %p.slot, 130
  %p.empty = getelementptr i64, ptr addrspace(3) @slots, i32 %p.index
  br label %p.wait
p.wait:
  %free = call i1 @llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta(ptr addrspace(3) %p.empty, i32 %p.parity)
  br i1 %free, label %copy, label %p.wait
copy:
  %p.full = getelementptr i8, ptr addrspace(3) %p.empty, i32 -16
  %token = call i64 @llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta(ptr addrspace(3) %p.full, i32 512) ; BYTES
  %p.bytes = shl i32 %p, 9
  %from = getelementptr i8, ptr addrspace(1) %in, i32 %p.bytes
  %p.offset = shl i32 %p.slot, 9
  %to = getelementptr i8, ptr addrspace(3) @slots, i32 %p.offset
  %to.cluster = addrspacecast ptr addrspace(3) %to to ptr addrspace(7)
  call void @llvm.nvvm.cp.async.bulk.global.to.shared.cluster(ptr addrspace(7) %to.cluster, ptr addrspace(3) %p.full, ptr addrspace(1) %from, i32 512, i16 0, i64 0, i1 false, i1 false)
  %p.next = add i32 %p, 1
  %p.more = icmp ult i32 %p.next, %chunks
  br i1 %p.more, label %produce, label %end

consume:
  %c = phi i32 [ 0, %others ], [ %c.next, %read ]
  %sum = phi i32 [ 0, %others ], [ %total, %read ]
  %slot = and i32 %c, 1
  %round = lshr i32 %c, 1
  %odd = and i32 %round, 1
  %parity = xor i32 %odd, 0 ; PARITY
  %index = add i32 %slot, 128
  %c.full = getelementptr i64, ptr addrspace(3) @slots, i32 %index
  %c.empty = getelementptr i8, ptr addrspace(3) %c.full, i32 16
  br label %c.wait
c.wait:
  %done = call i1 @llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta(ptr addrspace(3) %c.full, i32 %parity)
  br i1 %done, label %read, label %c.wait
read:
;EARLY  %early = call i64 @llvm.nvvm.mbarrier.arrive.shared(ptr addrspace(3) %c.empty)
  %offset = shl i32 %slot, 9
  %base = getelementptr i8, ptr addrspace(3) @slots, i32 %offset
  %quad = getelementptr <4 x i32>, ptr addrspace(3) %base, i32 %lane
  %words = load <4 x i32>, ptr addrspace(3) %quad, align 16
  %late = call i64 @llvm.nvvm.mbarrier.arrive.shared(ptr addrspace(3) %c.empty) ;LATE
  %part = call i32 @llvm.vector.reduce.add.v4i32(<4 x i32> %words)
  %total = add i32 %sum, %part
  %c.next = add i32 %c, 1
  %c.more = icmp ult i32 %c.next, %chunks
  br i1 %c.more, label %consume, label %write

write:
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %writes = icmp eq i32 %block, 0
  br i1 %writes, label %store, label %end
store:
  %where = getelementptr i32, ptr addrspace(1) %out, i32 %lane
  store i32 %total, ptr addrspace(1) %where, align 4
  br label %end
end:
  ret void
}

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.vector.reduce.add.v4i32(<4 x i32>)
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare void @llvm.nvvm.fence.mbarrier_init.release.cluster()
declare void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3), i32)
declare i64 @llvm.nvvm.mbarrier.arrive.shared(ptr addrspace(3))
declare i64 @llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta(ptr addrspace(3), i32)
declare i1 @llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta(ptr addrspace(3), i32)
declare void @llvm.nvvm.cp.async.bulk.global.to.shared.cluster(ptr addrspace(7), ptr addrspace(3), ptr addrspace(1), i32, i16, i64, i1, i1)
