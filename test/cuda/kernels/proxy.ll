; What threads write, a bulk copy reads: it is of another proxy, and needs a
; fence.proxy.async on the way.
; DEFINE: %{run} = fpmoe-emulate --kernel=proxy --block=64 \
; DEFINE:   --buffer=words:i32[64] --buffer=out:i32[64] --arg=words --arg=out
; RUN: %{run} %s --schedules=8 --print=out | FileCheck %s
; CHECK: out: 63 62 61

; RUN: sed '/proxy.async() ;FENCE/d' %s > %t.fence.ll
; RUN: not %{run} %t.fence.ll 2>&1 | FileCheck --check-prefix=FENCE %s
; FENCE: error: seed 1: race of proxies: read by cp.async.bulk.global.to.shared.cta of block 0 thread 0 at buffer 'words' + 0 without a fence.proxy.async after the write by block 0 thread 0, proxy: store i32 %tid

; The fence alone orders nothing between threads.
; RUN: sed '/;SYNC/d' %s > %t.sync.ll
; RUN: not %{run} %t.sync.ll 2>&1 | FileCheck --check-prefix=SYNC %s
; SYNC: error: seed 1: {{race: (read by cp.async.bulk|write at)|no mbarrier was initialised|read of 8 bytes that were never written}}

target triple = "nvptx64-nvidia-cuda"

@copy = internal addrspace(3) global [64 x i32] undef, align 128
@full = internal addrspace(3) global i64 undef, align 8

define ptx_kernel void @proxy(ptr addrspace(1) %words, ptr addrspace(1) %out) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %word = getelementptr i32, ptr addrspace(1) %words, i32 %tid
  store i32 %tid, ptr addrspace(1) %word, align 4
  call void @llvm.nvvm.fence.proxy.async() ;FENCE
  %first = icmp eq i32 %tid, 0
  br i1 %first, label %init, label %meet
init:
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) @full, i32 1)
  call void @llvm.nvvm.fence.mbarrier_init.release.cluster()
  br label %meet
meet:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0) ;SYNC
  br i1 %first, label %bulk, label %join
bulk:
  %token = call i64 @llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta(ptr addrspace(3) @full, i32 256)
  call void @llvm.nvvm.cp.async.bulk.global.to.shared.cta(ptr addrspace(3) @copy, ptr addrspace(3) @full, ptr addrspace(1) %words, i32 256, i64 0, i1 false)
  br label %join
join:
  br label %wait
wait:
  %done = call i1 @llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta(ptr addrspace(3) @full, i32 0)
  br i1 %done, label %read, label %wait
read:
  %other = xor i32 %tid, 63
  %from = getelementptr i32, ptr addrspace(3) @copy, i32 %other
  %value = load i32, ptr addrspace(3) %from, align 4
  %to = getelementptr i32, ptr addrspace(1) %out, i32 %tid
  store i32 %value, ptr addrspace(1) %to, align 4
  ret void
}

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare void @llvm.nvvm.fence.proxy.async()
declare void @llvm.nvvm.fence.mbarrier_init.release.cluster()
declare void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3), i32)
declare i64 @llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta(ptr addrspace(3), i32)
declare i1 @llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta(ptr addrspace(3), i32)
declare void @llvm.nvvm.cp.async.bulk.global.to.shared.cta(ptr addrspace(3), ptr addrspace(3), ptr addrspace(1), i32, i64, i1)
