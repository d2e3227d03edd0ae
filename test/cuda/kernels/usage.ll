; What fpmoe-emulate says of wrong input, and how launches are checked.
; DEFINE: %{run} = fpmoe-emulate %s --kernel=store
; RUN: %{run} --buffer=x:i16[2]=1,-2 --arg=x --arg=i32:7 --print=x \
; RUN:   | FileCheck --check-prefix=GOOD %s
; GOOD: x: 7 -2
; RUN: not %{run} --buffer=x:f99[2] --arg=x --arg=i32:7 2>&1 \
; RUN:   | FileCheck --check-prefix=TYPE %s
; TYPE: error: --buffer=x:f99[2]: expected name:type[count]
; RUN: not %{run} --buffer=x:i16[2] --arg=y --arg=i32:7 2>&1 \
; RUN:   | FileCheck --check-prefix=ARG %s
; ARG: error: --arg=y: expected i32:N, i64:N, f32:X, or a buffer
; RUN: not %{run} --buffer=x:i16[2] --arg=x 2>&1 | FileCheck --check-prefix=MISSING %s
; MISSING: error: kernel 'store' has 2 arguments, not 1
; RUN: not %{run} --buffer=x:i16[2]=@/none --arg=x --arg=i32:7 2>&1 \
; RUN:   | FileCheck --check-prefix=FILE %s
; FILE: error: buffer 'x': cannot read '/none': No such file or directory
; RUN: not %{run} --block=64 --buffer=x:i16[2] --arg=x --arg=i32:7 2>&1 \
; RUN:   | FileCheck --check-prefix=THREADS %s
; THREADS: error: seed 1: kernel 'store' is for at most 32 threads of a block, not for 64
; RUN: not %{run} --shared=300000 --buffer=x:i16[2] --arg=x --arg=i32:7 2>&1 \
; RUN:   | FileCheck --check-prefix=MEMORY %s
; MEMORY: error: seed 1: kernel 'store' has 300000 bytes of shared memory, and a block may have 232448
; RUN: not fpmoe-emulate %s --kernel=none 2>&1 | FileCheck --check-prefix=NONE %s
; NONE: error: '{{.*}}usage.ll' has no kernel 'none'
; RUN: sed 's/nvptx64-nvidia-cuda/x86_64-linux-gnu/' %s > %t.host.ll
; RUN: not fpmoe-emulate %t.host.ll --kernel=store 2>&1 | FileCheck --check-prefix=HOST %s
; HOST: error: the module is for 'x86_64-linux-gnu', not for nvptx64

; Threads that write other values to the same place: their order decides.
; RUN: not fpmoe-emulate %s --kernel=order --no-races --schedules=16 \
; RUN:   --buffer=x:i32[1] --arg=x 2>&1 | FileCheck --check-prefix=ORDER %s
; ORDER: error: seed {{[0-9]+}}: other results than seed 1
; RUN: not fpmoe-emulate %s --kernel=order --buffer=x:i32[1] --arg=x 2>&1 \
; RUN:   | FileCheck --check-prefix=RACE %s
; RACE: error: seed 1: race: write at buffer 'x' + 0 is not ordered with the write by block 0 thread

; RUN: not fpmoe-emulate %s --kernel=trap 2>&1 | FileCheck --check-prefix=TRAP %s
; TRAP: error: seed 1: trap (block 0 thread {{[0-9]+}}, trap: call void @llvm.trap())

; What is asked for ahead has to be there.
; RUN: fpmoe-emulate %s --kernel=prefetch --buffer=x:i32[8] --arg=x+31
; RUN: not fpmoe-emulate %s --kernel=prefetch --buffer=x:i32[8] --arg=x+32 2>&1 \
; RUN:   | FileCheck --check-prefix=PREFETCH %s
; PREFETCH: error: seed 1: out of bounds: read of 1 bytes at buffer 'x' + 32

target triple = "nvptx64-nvidia-cuda"

define ptx_kernel void @store(ptr addrspace(1) %x, i32 %value) "nvvm.maxntid"="32" {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %first = icmp eq i32 %tid, 0
  br i1 %first, label %write, label %end
write:
  %short = trunc i32 %value to i16
  store i16 %short, ptr addrspace(1) %x, align 2
  br label %end
end:
  ret void
}

define ptx_kernel void @order(ptr addrspace(1) %x) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  store i32 %tid, ptr addrspace(1) %x, align 4
  ret void
}

define ptx_kernel void @prefetch(ptr addrspace(1) %x) {
  call void asm sideeffect "prefetch.global.L2 [$0];", "l"(ptr addrspace(1) %x)
  ret void
}

define ptx_kernel void @trap() {
  call void @llvm.trap()
  ret void
}

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare void @llvm.trap()
