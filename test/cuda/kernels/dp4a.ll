; DP4A of operands with and without a sign.
; RUN: fpmoe-emulate %s --kernel=dots --block=1 --buffer=out:i32[4] --arg=out \
; RUN:   --arg=i32:-2130771585 --arg=i32:2139160322 --print=out | FileCheck %s
; CHECK: out: -14875 -14875 -15131 50405

; Pascal has it, and nothing before.
; RUN: not fpmoe-emulate %s --kernel=dots --block=1 --buffer=out:i32[4] \
; RUN:   --arg=out --arg=i32:1 --arg=i32:1 --sm=60 2>&1 \
; RUN:   | FileCheck --check-prefix=OLD %s
; OLD: idp4a

target triple = "nvptx64-nvidia-cuda"

define ptx_kernel void @dots(ptr addrspace(1) %out, i32 %a, i32 %b) {
  %dot0 = call i32 @llvm.nvvm.idp4a.s.s(i32 %a, i32 %b, i32 1000)
  %place0 = getelementptr i32, ptr addrspace(1) %out, i32 0
  store i32 %dot0, ptr addrspace(1) %place0
  %dot1 = call i32 @llvm.nvvm.idp4a.s.u(i32 %a, i32 %b, i32 1000)
  %place1 = getelementptr i32, ptr addrspace(1) %out, i32 1
  store i32 %dot1, ptr addrspace(1) %place1
  %dot2 = call i32 @llvm.nvvm.idp4a.u.s(i32 %a, i32 %b, i32 1000)
  %place2 = getelementptr i32, ptr addrspace(1) %out, i32 2
  store i32 %dot2, ptr addrspace(1) %place2
  %dot3 = call i32 @llvm.nvvm.idp4a.u.u(i32 %a, i32 %b, i32 1000)
  %place3 = getelementptr i32, ptr addrspace(1) %out, i32 3
  store i32 %dot3, ptr addrspace(1) %place3
  ret void
}

declare i32 @llvm.nvvm.idp4a.s.s(i32, i32, i32)
declare i32 @llvm.nvvm.idp4a.s.u(i32, i32, i32)
declare i32 @llvm.nvvm.idp4a.u.s(i32, i32, i32)
declare i32 @llvm.nvvm.idp4a.u.u(i32, i32, i32)
