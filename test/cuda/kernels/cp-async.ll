; Copies of 16 bytes for each thread, in groups, one of them ahead; then the
; same signalled on an mbarrier.
; DEFINE: %{run} = fpmoe-emulate --block=64 --shared=2064 \
; DEFINE:   --buffer=in:i32[1024]=iota --buffer=out:i32[64] --arg=in --arg=out
; RUN: %{run} %s --kernel=groups --schedules=4 --copies=eager --print=out | FileCheck %s
; RUN: %{run} %s --kernel=groups --schedules=4 --copies=lazy --print=out | FileCheck %s
; RUN: %{run} %s --kernel=groups --schedules=4 --copies=random --print=out | FileCheck %s
; Thread 63 - t's words of four chunks.
; CHECK: out: 2544 2528 2512

; A wait that leaves the wanted group in flight.
; RUN: sed 's/wait.group(i32 1)/wait.group(i32 2)/' %s > %t.wait.ll
; RUN: not %{run} %t.wait.ll --kernel=groups --copies=eager 2>&1 | FileCheck --check-prefix=WAIT %s
; RUN: not %{run} %t.wait.ll --kernel=groups --copies=lazy 2>&1 | FileCheck --check-prefix=WAIT %s
; WAIT: error: seed 1: race: read at shared memory of block 0 + {{[0-9]+}} is not ordered with the write by cp.async.cg.shared.global.16 of block 0 thread {{[0-9]+}}, groups: call void @llvm.nvvm.cp.async
; RUN: sed '/;WAIT/d' %s > %t.none.ll
; RUN: not %{run} %t.none.ll --kernel=groups --copies=eager 2>&1 | FileCheck --check-prefix=WAIT %s

; The copies of others are seen only behind a barrier.
; RUN: sed '/;READY/d' %s > %t.ready.ll
; RUN: not %{run} %t.ready.ll --allow-unwritten --kernel=groups --copies=eager 2>&1 | FileCheck --check-prefix=FREE %s
; The next copy overwrites what others still read.
; RUN: sed '/;FREE/d' %s > %t.free.ll
; RUN: not %{run} %t.free.ll --kernel=groups --copies=eager 2>&1 | FileCheck --check-prefix=FREE %s
; FREE: error: seed 1: race: {{write by cp.async.* is not ordered with the read by|read at .* is not ordered with the write by cp.async}}

; RUN: %{run} %s --kernel=signal --schedules=4 --copies=eager --print=out | FileCheck --check-prefix=SIGNAL %s
; RUN: %{run} %s --kernel=signal --schedules=4 --copies=lazy --print=out | FileCheck --check-prefix=SIGNAL %s
; SIGNAL: out: 252 248 244
; An arrival that does not wait for the copies.
; RUN: sed 's/  call void @llvm.nvvm.cp.async.mbarrier.arrive.noinc.shared(ptr addrspace(3) %bar)/  %x = call i64 @llvm.nvvm.mbarrier.arrive.shared(ptr addrspace(3) %bar)/' %s > %t.arrive.ll
; RUN: not %{run} %t.arrive.ll --kernel=signal --copies=eager 2>&1 | FileCheck --check-prefix=ARRIVE %s
; RUN: not %{run} %t.arrive.ll --kernel=signal --copies=lazy 2>&1 | FileCheck --check-prefix=ARRIVE %s
; ARRIVE: error: seed 1: race: read at shared memory {{.*}} by cp.async.cg.shared.global.16 of

target triple = "nvptx64-nvidia-cuda"

@slots = external addrspace(3) global [0 x i8], align 1024

define ptx_kernel void @groups(ptr addrspace(1) %in, ptr addrspace(1) %out) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %mine = shl i32 %tid, 4
  %from = getelementptr i8, ptr addrspace(1) %in, i32 %mine
  %to = getelementptr i8, ptr addrspace(3) @slots, i32 %mine
  %theirs = sub i32 1008, %mine
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %to, ptr addrspace(1) %from)
  call void @llvm.nvvm.cp.async.commit.group()
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %next, %step ]
  %sum = phi i32 [ 0, %entry ], [ %total, %step ]
  %next = add i32 %i, 1
  %ahead = icmp ult i32 %next, 4
  br i1 %ahead, label %copy, label %step0
copy:
  %chunk = shl i32 %next, 10
  %source = getelementptr i8, ptr addrspace(1) %from, i32 %chunk
  %odd = and i32 %next, 1
  %slot = shl i32 %odd, 10
  %target = getelementptr i8, ptr addrspace(3) %to, i32 %slot
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %target, ptr addrspace(1) %source)
  br label %step0
step0:
  call void @llvm.nvvm.cp.async.commit.group()
  call void @llvm.nvvm.cp.async.wait.group(i32 1) ;WAIT
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0) ;READY
  %parity = and i32 %i, 1
  %here = shl i32 %parity, 10
  %where = add i32 %here, %theirs
  %word = getelementptr i8, ptr addrspace(3) @slots, i32 %where
  %value = load i32, ptr addrspace(3) %word, align 4
  br label %step
step:
  %total = add i32 %sum, %value
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0) ;FREE
  br i1 %ahead, label %loop, label %end
end:
  %store = getelementptr i32, ptr addrspace(1) %out, i32 %tid
  store i32 %total, ptr addrspace(1) %store, align 4
  ret void
}

define ptx_kernel void @signal(ptr addrspace(1) %in, ptr addrspace(1) %out) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %bar = getelementptr i8, ptr addrspace(3) @slots, i32 2048
  %first = icmp eq i32 %tid, 0
  br i1 %first, label %init, label %meet
init:
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) %bar, i32 64)
  br label %meet
meet:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %mine = shl i32 %tid, 4
  %from = getelementptr i8, ptr addrspace(1) %in, i32 %mine
  %to = getelementptr i8, ptr addrspace(3) @slots, i32 %mine
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %to, ptr addrspace(1) %from)
  call void @llvm.nvvm.cp.async.mbarrier.arrive.noinc.shared(ptr addrspace(3) %bar)
  br label %wait
wait:
  %done = call i1 @llvm.nvvm.mbarrier.test.wait.parity.scope.cta.space.cta(ptr addrspace(3) %bar, i32 0)
  br i1 %done, label %read, label %wait
read:
  %theirs = sub i32 1008, %mine
  %word = getelementptr i8, ptr addrspace(3) @slots, i32 %theirs
  %value = load i32, ptr addrspace(3) %word, align 4
  %store = getelementptr i32, ptr addrspace(1) %out, i32 %tid
  store i32 %value, ptr addrspace(1) %store, align 4
  ret void
}

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3), ptr addrspace(1))
declare void @llvm.nvvm.cp.async.commit.group()
declare void @llvm.nvvm.cp.async.wait.group(i32)
declare void @llvm.nvvm.cp.async.mbarrier.arrive.noinc.shared(ptr addrspace(3))
declare void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3), i32)
declare i64 @llvm.nvvm.mbarrier.arrive.shared(ptr addrspace(3))
declare i1 @llvm.nvvm.mbarrier.test.wait.parity.scope.cta.space.cta(ptr addrspace(3), i32)
