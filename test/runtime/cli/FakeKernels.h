//===- FakeKernels.h - the fake model's level for GPUs ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What FakeModel.cpp computes, for the emulated driver. One block does all; its
// threads take turns with the logits.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_RUNTIME_CLI_FAKEKERNELS_H
#define FPMOE_TEST_RUNTIME_CLI_FAKEKERNELS_H

static const char fakeKernels[] = R"(
target triple = "nvptx64-nvidia-cuda"

; Element `index` of the array that a field of the step points to.
define internal i32 @word(ptr %step, i64 %field, i64 %index) {
  %place = getelementptr i8, ptr %step, i64 %field
  %words = load ptr, ptr %place
  %at = getelementptr i32, ptr %words, i64 %index
  %word = load i32, ptr %at
  ret i32 %word
}

; Where the cache has a position of a row.
define internal ptr @cached(ptr %step, i64 %row, i32 %position) {
  %place = getelementptr i8, ptr %step, i64 24
  %lists = load ptr, ptr %place
  %list = getelementptr ptr, ptr %lists, i64 %row
  %pages = load ptr, ptr %list
  %number = udiv i32 %position, 32
  %at = getelementptr i32, ptr %pages, i32 %number
  %page = load i32, ptr %at
  %first = mul i32 %page, 32
  %within = urem i32 %position, 32
  %index = add i32 %first, %within
  %cachePlace = getelementptr i8, ptr %step, i64 80
  %cache = load ptr, ptr %cachePlace
  %to = getelementptr i32, ptr %cache, i32 %index
  ret ptr %to
}

; Of a row: what the cache has of it, and its experts in four layers.
define internal void @write(ptr %step, i64 %row) {
entry:
  %token = call i32 @word(ptr %step, i64 0, i64 %row)
  %position = call i32 @word(ptr %step, i64 16, i64 %row)
  %to = call ptr @cached(ptr %step, i64 %row, i32 %position)
  store i32 %token, ptr %to
  %routesPlace = getelementptr i8, ptr %step, i64 112
  %routes = load ptr, ptr %routesPlace
  %hasNone = icmp eq ptr %routes, null
  br i1 %hasNone, label %done, label %layers
layers:
  %layer = phi i64 [ 0, %entry ], [ %nextLayer, %layers ]
  %forced = call i32 @word(ptr %step, i64 128, i64 %row)
  %third = udiv i32 %token, 3
  %isOne = icmp eq i64 %layer, 1
  %shift = zext i1 %isOne to i32
  %shifted = add i32 %third, %shift
  %own = urem i32 %shifted, 3
  %isForced = icmp sge i32 %forced, 0
  %some = select i1 %isForced, i32 %forced, i32 %own
  %isDense = icmp eq i64 %layer, 2
  %expert = select i1 %isDense, i32 -1, i32 %some
  %firstOf = mul i64 %layer, 8
  %index = add i64 %firstOf, %row
  %route = getelementptr i32, ptr %routes, i64 %index
  store i32 %expert, ptr %route
  %nextLayer = add i64 %layer, 1
  %more = icmp ult i64 %nextLayer, 4
  br i1 %more, label %layers, label %done
done:
  ret void
}

; Row `i` of the logits, of which the thread makes those from `first` on.
define internal void @logits(ptr %step, i64 %i, i32 %first, i32 %threads) {
entry:
  %row32 = call i32 @word(ptr %step, i64 48, i64 %i)
  %row = zext i32 %row32 to i64
  %token = call i32 @word(ptr %step, i64 0, i64 %row)
  %position = call i32 @word(ptr %step, i64 16, i64 %row)
  %weightWord = call i32 @word(ptr %step, i64 72, i64 1)
  %weight = lshr i32 %weightWord, 24
  %weightFloat = uitofp i32 %weight to float
  %weightPart = fmul float %weightFloat, 0.25
  %best = fadd float %weightPart, 4.0
  %after = add i32 %token, 1
  %bestToken = urem i32 %after, 300
  %logitsPlace = getelementptr i8, ptr %step, i64 64
  %all = load ptr, ptr %logitsPlace
  %rowAt = mul i64 %i, 300
  %out = getelementptr float, ptr %all, i64 %rowAt
  %isStart = icmp eq i32 %position, 0
  br i1 %isStart, label %loop, label %hasBefore
hasBefore:
  %beforePosition = sub i32 %position, 1
  %beforeAt = call ptr @cached(ptr %step, i64 %row, i32 %beforePosition)
  %beforeToken = load i32, ptr %beforeAt
  br label %loop
loop:
  %before = phi i32 [ 0, %entry ], [ %beforeToken, %hasBefore ], [ %before, %loop ]
  %v = phi i32 [ %first, %entry ], [ %first, %hasBefore ], [ %next, %loop ]
  %v7 = mul i32 %v, 7
  %p3 = mul i32 %position, 3
  %sum = add i32 %v7, %p3
  %with = add i32 %sum, %before
  %rest = urem i32 %with, 11
  %restFloat = uitofp i32 %rest to float
  %usual = fmul float %restFloat, 0.125
  %isStop = icmp eq i32 %v, 299
  %unlessStop = select i1 %isStop, float 0.0, float %usual
  %isBest = icmp eq i32 %v, %bestToken
  %logit = select i1 %isBest, float %best, float %unlessStop
  %to = getelementptr float, ptr %out, i32 %v
  store float %logit, ptr %to
  %next = add i32 %v, %threads
  %more = icmp ult i32 %next, 300
  br i1 %more, label %loop, label %done
done:
  ret void
}

define internal void @run(ptr %step) {
entry:
  %thread = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %threads = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %isOther = icmp ne i32 %block, 0
  br i1 %isOther, label %done, label %start
start:
  %countPlace = getelementptr i8, ptr %step, i64 8
  %count = load i64, ptr %countPlace
  %isFirst = icmp eq i32 %thread, 0
  br i1 %isFirst, label %rows, label %meet
rows:
  %row = phi i64 [ 0, %start ], [ %nextRow, %rows ]
  call void @write(ptr %step, i64 %row)
  %nextRow = add i64 %row, 1
  %moreRows = icmp ult i64 %nextRow, %count
  br i1 %moreRows, label %rows, label %meet
meet:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %wantedPlace = getelementptr i8, ptr %step, i64 56
  %wanted = load i64, ptr %wantedPlace
  %hasNone = icmp eq i64 %wanted, 0
  br i1 %hasNone, label %done, label %outputs
outputs:
  %i = phi i64 [ 0, %meet ], [ %nextI, %outputs ]
  call void @logits(ptr %step, i64 %i, i32 %thread, i32 %threads)
  %nextI = add i64 %i, 1
  %more = icmp ult i64 %nextI, %wanted
  br i1 %more, label %outputs, label %done
done:
  ret void
}

define ptx_kernel void @fpmoe_decode(ptr %step) {
  call void @run(ptr %step)
  ret void
}
define ptx_kernel void @fpmoe_prefill(ptr %step) {
  call void @run(ptr %step)
  ret void
}

declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
)";

#endif // FPMOE_TEST_RUNTIME_CLI_FAKEKERNELS_H
