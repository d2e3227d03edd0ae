; Shuffles, votes and reductions of a warp; named barriers of a block.
; RUN: fpmoe-emulate %s --kernel=warp --block=32 --schedules=4 \
; RUN:   --buffer=out:i32[32] --arg=out --print=out | FileCheck %s
; The sum of the lanes (496), plus what lane - 1 has, plus the ballot of odd
; lanes in lane 0, plus the maximum.
; CHECK: out: -1431655239 527 528 529

; RUN: fpmoe-emulate %s --kernel=named --block=96 --schedules=8 \
; RUN:   --buffer=out:i32[32] --arg=out --print=out | FileCheck --check-prefix=NAMED %s
; NAMED: out: 32 33 34

; A barrier for more threads than come.
; RUN: sed 's/i32 1, i32 64) ; SYNC/i32 1, i32 96)/; s/i32 1, i32 64) ; ARRIVE/i32 1, i32 96)/' %s > %t.count.ll
; RUN: not fpmoe-emulate %t.count.ll --kernel=named --block=96 \
; RUN:   --buffer=out:i32[32] --arg=out 2>&1 | FileCheck --check-prefix=DEADLOCK %s
; DEADLOCK: error: seed 1: deadlock:
; DEADLOCK-NEXT: block 0 threads 0-31: barrier 1 for 96 threads (named: call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 1, i32 96))
; RUN: sed 's/i32 1, i32 64) ; SYNC/i32 1, i32 96)/' %s > %t.other.ll
; RUN: not fpmoe-emulate %t.other.ll --kernel=named --block=96 \
; RUN:   --buffer=out:i32[32] --arg=out 2>&1 | FileCheck --check-prefix=OTHER %s
; OTHER: error: seed 1: barrier 1 for {{64|96}} threads, and others came to it for {{96|64}}

; A shuffle orders no memory: bar.warp.sync does.
; RUN: fpmoe-emulate %s --kernel=shared --block=32 --schedules=4 \
; RUN:   --buffer=out:i32[32] --arg=out --print=out | FileCheck --check-prefix=SHARED %s
; SHARED: out: 31 30 29
; RUN: sed 's/call void @llvm.nvvm.bar.warp.sync(i32 -1)/%z = call i32 @llvm.nvvm.shfl.sync.idx.i32(i32 -1, i32 0, i32 0, i32 31)/' %s > %t.shuffle.ll
; RUN: not fpmoe-emulate %t.shuffle.ll --kernel=shared --block=32 \
; RUN:   --buffer=out:i32[32] --arg=out 2>&1 | FileCheck --check-prefix=RACE %s
; RACE: error: seed 1: race: read at shared memory of block 0 + {{[0-9]+}} is not ordered with the write by block 0 thread {{[0-9]+}}, shared: store i32 %lane

; What is not modelled is refused by name.
; RUN: sed 's/@llvm.nvvm.redux.sync.umax/@llvm.nvvm.match.any.sync.i32/' %s > %t.match.ll
; RUN: not fpmoe-emulate %t.match.ll --kernel=warp --block=32 \
; RUN:   --buffer=out:i32[32] --arg=out 2>&1 | FileCheck --check-prefix=REFUSED %s
; REFUSED: error: not modelled, in kernel code of warp: %max = call i32 @llvm.nvvm.match.any.sync.i32
; RUN: sed 's/  call void @llvm.nvvm.bar.warp.sync(i32 -1)/  call void asm sideeffect "membar.gl;", ""()/' %s > %t.asm.ll
; RUN: not fpmoe-emulate %t.asm.ll --kernel=warp --block=32 \
; RUN:   --buffer=out:i32[32] --arg=out 2>&1 | FileCheck --check-prefix=ASM %s
; ASM: error: not modelled, in kernel code of shared: call void asm sideeffect "membar.gl;", ""()
; RUN: not fpmoe-emulate %s --kernel=warp --sm=75 --block=32 \
; RUN:   --buffer=out:i32[32] --arg=out 2>&1 | FileCheck --check-prefix=SM %s
; SM: error: redux.sync.umax needs sm_80, and the device is sm_75

target triple = "nvptx64-nvidia-cuda"

@words = internal addrspace(3) global [32 x i32] undef, align 16

define ptx_kernel void @warp(ptr addrspace(1) %out) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %x16 = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %lane, i32 16, i32 31)
  %s16 = add i32 %lane, %x16
  %x8 = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %s16, i32 8, i32 31)
  %s8 = add i32 %s16, %x8
  %x4 = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %s8, i32 4, i32 31)
  %s4 = add i32 %s8, %x4
  %x2 = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %s4, i32 2, i32 31)
  %s2 = add i32 %s4, %x2
  %x1 = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %s2, i32 1, i32 31)
  %s1 = add i32 %s2, %x1
  %up = call i32 @llvm.nvvm.shfl.sync.up.i32(i32 -1, i32 %lane, i32 1, i32 0)
  %bit = trunc i32 %lane to i1
  %ballot = call i32 @llvm.nvvm.vote.ballot.sync(i32 -1, i1 %bit)
  %max = call i32 @llvm.nvvm.redux.sync.umax(i32 %lane, i32 -1)
  %first = icmp eq i32 %lane, 0
  %votes = select i1 %first, i32 %ballot, i32 0
  %a = add i32 %s1, %up
  %b = add i32 %a, %votes
  %c = add i32 %b, %max
  %to = getelementptr i32, ptr addrspace(1) %out, i32 %lane
  store i32 %c, ptr addrspace(1) %to, align 4
  ret void
}

; Warp 1 writes and arrives, warp 0 waits and reads; warp 2 has no part.
define ptx_kernel void @named(ptr addrspace(1) %out) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %lane = and i32 %tid, 31
  %warp = lshr i32 %tid, 5
  %word = getelementptr i32, ptr addrspace(3) @words, i32 %lane
  switch i32 %warp, label %end [ i32 0, label %wait
                                 i32 1, label %write ]
write:
  store i32 %tid, ptr addrspace(3) %word, align 4
  call void @llvm.nvvm.barrier.cta.arrive.aligned.count(i32 1, i32 64) ; ARRIVE
  br label %end
wait:
  call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 1, i32 64) ; SYNC
  %value = load i32, ptr addrspace(3) %word, align 4
  %to = getelementptr i32, ptr addrspace(1) %out, i32 %lane
  store i32 %value, ptr addrspace(1) %to, align 4
  br label %end
end:
  ret void
}

define ptx_kernel void @shared(ptr addrspace(1) %out) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %word = getelementptr i32, ptr addrspace(3) @words, i32 %lane
  store i32 %lane, ptr addrspace(3) %word, align 4
  call void @llvm.nvvm.bar.warp.sync(i32 -1)
  %other = xor i32 %lane, 31
  %from = getelementptr i32, ptr addrspace(3) @words, i32 %other
  %value = load i32, ptr addrspace(3) %from, align 4
  %to = getelementptr i32, ptr addrspace(1) %out, i32 %lane
  store i32 %value, ptr addrspace(1) %to, align 4
  ret void
}

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.laneid()
declare i32 @llvm.nvvm.shfl.sync.bfly.i32(i32, i32, i32, i32)
declare i32 @llvm.nvvm.shfl.sync.up.i32(i32, i32, i32, i32)
declare i32 @llvm.nvvm.shfl.sync.idx.i32(i32, i32, i32, i32)
declare i32 @llvm.nvvm.vote.ballot.sync(i32, i1)
declare i32 @llvm.nvvm.redux.sync.umax(i32, i32)
declare void @llvm.nvvm.bar.warp.sync(i32)
declare void @llvm.nvvm.barrier.cta.arrive.aligned.count(i32, i32)
declare void @llvm.nvvm.barrier.cta.sync.aligned.count(i32, i32)
