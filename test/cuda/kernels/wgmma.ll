; Products of a warpgroup, two steps along k, A in registers that a loop loads,
; B in shared memory, rows of 32 bytes, of 8 columns.
; DEFINE: %{run} = fpmoe-emulate --kernel=wgmma --block=128 \
; DEFINE:   --buffer=a:bf16[2048]=random --buffer=b:bf16[256]=random(2) \
; DEFINE:   --buffer=out:f32[512] --arg=a --arg=b --arg=out
; RUN: %{run} %s --schedules=4 | FileCheck %s
; CHECK: ok: 4 schedules

; RUN: sed '/;FENCE/d' %s > %t.fence.ll
; RUN: not %{run} %t.fence.ll 2>&1 | FileCheck --check-prefix=FENCE %s
; FENCE: error: seed 1: no wgmma.fence since registers of the product were written (block 0 thread {{[0-9]+}}, wgmma: %d = call { float, float, float, float } asm

; The next step overwrites registers of A in flight.
; RUN: sed 's/wait_group.sync.aligned(i64 0) ;STEP/wait_group.sync.aligned(i64 1)/' %s > %t.flight.ll
; RUN: not %{run} %t.flight.ll 2>&1 | FileCheck --check-prefix=FLIGHT %s
; FLIGHT: error: seed 1: a register operand of the product is overwritten before wgmma.wait_group has waited for it (block 0 thread

; A result is read too early.
; RUN: sed '/;STEP/d' %s | sed 's/%more = icmp ult i32 %next, 2/%more = icmp ult i32 %next, 1/' > %t.early.ll
; RUN: not %{run} %t.early.ll 2>&1 | FileCheck --check-prefix=EARLY %s
; EARLY: error: seed 1: a result of the product is read before wgmma.wait_group has waited for it (block 0 thread

; Shared memory is overwritten while a product may still read it.
; RUN: sed 's/;OVERWRITE//' %s > %t.over.ll
; RUN: not %{run} %t.over.ll 2>&1 | FileCheck --check-prefix=OVER %s
; OVER: error: seed 1: race: {{write at shared memory .* is not ordered with the read by wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 of|read by wgmma.mma_async.* is not ordered with the write by}} block 0 thread

; RUN: sed '/;PROXY/d' %s > %t.proxy.ll
; RUN: not %{run} %t.proxy.ll 2>&1 | FileCheck --check-prefix=PROXY %s
; PROXY: error: seed 1: race of proxies: read by wgmma.mma_async{{.*}} at shared memory of block 0 + {{[0-9]+}} without a fence.proxy.async after the write by block 0 thread

; RUN: not %{run} %s --sm=100 2>&1 | FileCheck --check-prefix=SM %s
; SM: error: {{.*}} is of sm_90a alone, and the device is sm_100
; RUN: sed 's/m64n8k16.f32.bf16.bf16/m64n8k32.f32.e4m3.e4m3/' %s > %t.shape.ll
; RUN: not %{run} %t.shape.ll 2>&1 | FileCheck --check-prefix=SHAPE %s
; SHAPE: error: not modelled: wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3

target triple = "nvptx64-nvidia-cuda"

@tile = internal addrspace(3) global [128 x i32] undef, align 1024

define ptx_kernel void @wgmma(ptr addrspace(1) %a, ptr addrspace(1) %b, ptr addrspace(1) %out) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %from = getelementptr i32, ptr addrspace(1) %b, i32 %tid
  %word = load i32, ptr addrspace(1) %from, align 4
  %to = getelementptr i32, ptr addrspace(3) @tile, i32 %tid
  store i32 %word, ptr addrspace(3) %to, align 4
  call void @llvm.nvvm.fence.proxy.async.shared_cta() ;PROXY
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %address = ptrtoint ptr addrspace(3) @tile to i64
  %low = and i64 %address, 262143
  %start = lshr i64 %low, 4
  ; Swizzle of 32 bytes, 256 bytes from one group of 8 rows to the next.
  %desc0 = or i64 %start, -4611685949707845632
  br label %step
step:
  %i = phi i32 [ 0, %entry ], [ %next, %step ]
  %d0 = phi float [ 0.0, %entry ], [ %r0, %step ]
  %d1 = phi float [ 0.0, %entry ], [ %r1, %step ]
  %d2 = phi float [ 0.0, %entry ], [ %r2, %step ]
  %d3 = phi float [ 0.0, %entry ], [ %r3, %step ]
  %row = shl i32 %i, 7
  %index = add i32 %row, %tid
  %where = getelementptr <4 x i32>, ptr addrspace(1) %a, i32 %index
  %quad = load <4 x i32>, ptr addrspace(1) %where, align 16
  %a0 = extractelement <4 x i32> %quad, i32 0
  %a1 = extractelement <4 x i32> %quad, i32 1
  %a2 = extractelement <4 x i32> %quad, i32 2
  %a3 = extractelement <4 x i32> %quad, i32 3
  %tile = zext i32 %i to i64
  %skip = shl i64 %tile, 4
  %desc = add i64 %desc0, %skip
  call void @llvm.nvvm.wgmma.fence.sync.aligned() ;FENCE
  %d = call { float, float, float, float } asm sideeffect "{ .reg .pred p; setp.ne.b32 p, $13, 0; wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {$0, $1, $2, $3}, {$8, $9, $10, $11}, $12, p, 1, 1, 0; }", "=f,=f,=f,=f,0,1,2,3,r,r,r,r,l,r"(float %d0, float %d1, float %d2, float %d3, i32 %a0, i32 %a1, i32 %a2, i32 %a3, i64 %desc, i32 1)
  call void @llvm.nvvm.wgmma.commit_group.sync.aligned()
;OVERWRITE  store i32 0, ptr addrspace(3) %to, align 4
  call void @llvm.nvvm.wgmma.wait_group.sync.aligned(i64 0) ;STEP
  %r0 = extractvalue { float, float, float, float } %d, 0
  %r1 = extractvalue { float, float, float, float } %d, 1
  %r2 = extractvalue { float, float, float, float } %d, 2
  %r3 = extractvalue { float, float, float, float } %d, 3
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, 2
  br i1 %more, label %step, label %end
end:
  %place = getelementptr <4 x float>, ptr addrspace(1) %out, i32 %tid
  %v0 = insertelement <4 x float> poison, float %r0, i32 0
  %v1 = insertelement <4 x float> %v0, float %r1, i32 1
  %v2 = insertelement <4 x float> %v1, float %r2, i32 2
  %v3 = insertelement <4 x float> %v2, float %r3, i32 3
  store <4 x float> %v3, ptr addrspace(1) %place, align 16
  ret void
}

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare void @llvm.nvvm.fence.proxy.async.shared_cta()
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare void @llvm.nvvm.wgmma.fence.sync.aligned()
declare void @llvm.nvvm.wgmma.commit_group.sync.aligned()
declare void @llvm.nvvm.wgmma.wait_group.sync.aligned(i64)
