//===- ShowStep.h - kernels that show the step they get ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code of a level for the emulated driver: its kernels write what they see
// of a step to the logits of each row, as numbers, in the order of `Shown`.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_RUNTIME_CUDA_SHOWSTEP_H
#define FPMOE_TEST_RUNTIME_CUDA_SHOWSTEP_H

namespace fpmoe {

/// What stands in the logits of a row; -7 is told where a pointer is null.
enum Shown {
  shownKernel, ///< 1: decode, 2: prefill
  shownCount,
  shownToken,
  shownPosition,
  shownForced,
  shownLanguage,
  shownSegments,
  shownLastSegment,
  shownWholeText,
  shownWorkers,
  shownBlocks,
  shownThreads,
  shownQueryBlocks,
  shownLastFirst, ///< of the last query block
  shownLastRows,
  shownCachePages,
  shownPage,       ///< that holds the row's position
  shownIsFirst,    ///< whether the row has the pages of row 0
  shownWeight,     ///< the first four bytes
  shownLastWeight, ///< the last four of 1024
  shownTicket,     ///< the last of three; 99 is left there
  shownTeam,       ///< 0: null
  shownAlignment,  ///< of cache, weights and shared, together modulo 64
  shownBefore,     ///< the token before it in the cache
  shownUnwritten,  ///< what the cache has behind it
  shownFarWeight,  ///< of tokens from 10 on: those that begin at token MiB
  shownAhead,
  numShown
};

/// Token 9 traps, token 8 reads where there is no memory. Where routes are
/// recorded, those of [layer 1, row 0] become 40 and 41; max_tokens is 4, top_k
/// is 2. A position of the cache has four bytes.
inline const char showStep[] = R"(
target triple = "nvptx64-nvidia-cuda"

; Element `index` of the array that a field of the step points to.
define internal i32 @word(ptr %step, i64 %field, i64 %index) {
  %place = getelementptr i8, ptr %step, i64 %field
  %words = load ptr, ptr %place
  %isNull = icmp eq ptr %words, null
  br i1 %isNull, label %none, label %some
some:
  %at = getelementptr i32, ptr %words, i64 %index
  %word = load i32, ptr %at
  ret i32 %word
none:
  ret i32 -7
}

; A field of the step, of 32 bits or the low ones of 64.
define internal i32 @field(ptr %step, i64 %field) {
  %place = getelementptr i8, ptr %step, i64 %field
  %value = load i32, ptr %place
  ret i32 %value
}

; Where the cache has a position of a row.
define internal ptr @cached(ptr %step, i64 %row, i32 %position) {
  %place = getelementptr i8, ptr %step, i64 24
  %lists = load ptr, ptr %place
  %list = getelementptr ptr, ptr %lists, i64 %row
  %pages = load ptr, ptr %list
  %number = sdiv i32 %position, 32
  %at = getelementptr i32, ptr %pages, i32 %number
  %page = load i32, ptr %at
  %first = mul i32 %page, 32
  %within = srem i32 %position, 32
  %index = add i32 %first, %within
  %cachePlace = getelementptr i8, ptr %step, i64 80
  %cache = load ptr, ptr %cachePlace
  %to = getelementptr i32, ptr %cache, i32 %index
  ret ptr %to
}

define internal void @put(ptr %row, i64 %at, i32 %word) {
  %value = sitofp i32 %word to float
  %to = getelementptr float, ptr %row, i64 %at
  store float %value, ptr %to
  ret void
}

define internal void @write(ptr %step, i64 %row) {
  %token = call i32 @word(ptr %step, i64 0, i64 %row)
  %traps = icmp eq i32 %token, 9
  br i1 %traps, label %trap, label %next
trap:
  call void @llvm.trap()
  unreachable
next:
  %faults = icmp eq i32 %token, 8
  br i1 %faults, label %fault, label %good
fault:
  %nothing = load volatile i32, ptr inttoptr (i64 4096 to ptr)
  br label %good
good:
  %position = call i32 @word(ptr %step, i64 16, i64 %row)
  %to = call ptr @cached(ptr %step, i64 %row, i32 %position)
  store i32 %token, ptr %to
  ret void
}

define internal void @show(ptr %step, i32 %kernel, i64 %i) {
  %vocabulary = mul i64 %i, 32
  %logitsPlace = getelementptr i8, ptr %step, i64 64
  %logits = load ptr, ptr %logitsPlace
  %o = getelementptr float, ptr %logits, i64 %vocabulary
  %row32 = call i32 @word(ptr %step, i64 48, i64 %i)
  %row = zext i32 %row32 to i64
  call void @put(ptr %o, i64 0, i32 %kernel)
  %count = call i32 @field(ptr %step, i64 8)
  call void @put(ptr %o, i64 1, i32 %count)
  %token = call i32 @word(ptr %step, i64 0, i64 %row)
  call void @put(ptr %o, i64 2, i32 %token)
  %position = call i32 @word(ptr %step, i64 16, i64 %row)
  call void @put(ptr %o, i64 3, i32 %position)
  %forced = call i32 @word(ptr %step, i64 128, i64 %row)
  call void @put(ptr %o, i64 4, i32 %forced)
  %language = call i32 @word(ptr %step, i64 136, i64 %row)
  call void @put(ptr %o, i64 5, i32 %language)
  %segments = call i32 @field(ptr %step, i64 152)
  call void @put(ptr %o, i64 6, i32 %segments)
  %hasNone = icmp eq i32 %segments, 0
  %lastSegment = sub i32 %segments, 1
  br i1 %hasNone, label %rest, label %segment
segment:
  %lastSegment64 = zext i32 %lastSegment to i64
  %segmentRow = call i32 @word(ptr %step, i64 144, i64 %lastSegment64)
  call void @put(ptr %o, i64 7, i32 %segmentRow)
  br label %rest
rest:
  %whole = call i32 @field(ptr %step, i64 164)
  call void @put(ptr %o, i64 8, i32 %whole)
  %workers = call i32 @field(ptr %step, i64 160)
  call void @put(ptr %o, i64 9, i32 %workers)
  %blocks = call i32 @llvm.nvvm.read.ptx.sreg.nctaid.x()
  call void @put(ptr %o, i64 10, i32 %blocks)
  %threads = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  call void @put(ptr %o, i64 11, i32 %threads)
  %queries = call i32 @field(ptr %step, i64 40)
  call void @put(ptr %o, i64 12, i32 %queries)
  %lastQuery = sub i32 %queries, 1
  %lastQueryWord = mul i32 %lastQuery, 2
  %firstAt = zext i32 %lastQueryWord to i64
  %rowsAt = add i64 %firstAt, 1
  %first = call i32 @word(ptr %step, i64 32, i64 %firstAt)
  call void @put(ptr %o, i64 13, i32 %first)
  %rows = call i32 @word(ptr %step, i64 32, i64 %rowsAt)
  call void @put(ptr %o, i64 14, i32 %rows)
  %pages = call i32 @field(ptr %step, i64 88)
  call void @put(ptr %o, i64 15, i32 %pages)
  %listsPlace = getelementptr i8, ptr %step, i64 24
  %lists = load ptr, ptr %listsPlace
  %listPlace = getelementptr ptr, ptr %lists, i64 %row
  %list = load ptr, ptr %listPlace
  %pageNumber = sdiv i32 %position, 32
  %pageAt = getelementptr i32, ptr %list, i32 %pageNumber
  %page = load i32, ptr %pageAt
  call void @put(ptr %o, i64 16, i32 %page)
  %list0 = load ptr, ptr %lists
  %isFirst = icmp eq ptr %list, %list0
  %isFirst32 = zext i1 %isFirst to i32
  call void @put(ptr %o, i64 17, i32 %isFirst32)
  %weight = call i32 @word(ptr %step, i64 72, i64 0)
  call void @put(ptr %o, i64 18, i32 %weight)
  %lastWeight = call i32 @word(ptr %step, i64 72, i64 255)
  call void @put(ptr %o, i64 19, i32 %lastWeight)
  %isFar = icmp uge i32 %token, 10
  %farIndex32 = shl i32 %token, 18
  %farIndex = zext i32 %farIndex32 to i64
  %farAt = select i1 %isFar, i64 %farIndex, i64 0
  %far = call i32 @word(ptr %step, i64 72, i64 %farAt)
  call void @put(ptr %o, i64 25, i32 %far)
  %ticket = call i32 @word(ptr %step, i64 104, i64 4)
  call void @put(ptr %o, i64 20, i32 %ticket)
  %team = call i32 @field(ptr %step, i64 120)
  call void @put(ptr %o, i64 21, i32 %team)
  %ahead = call i32 @field(ptr %step, i64 168)
  call void @put(ptr %o, i64 26, i32 %ahead)
  %cacheBits = call i32 @field(ptr %step, i64 80)
  %weightBits = call i32 @field(ptr %step, i64 72)
  %sharedBits = call i32 @field(ptr %step, i64 96)
  %someBits = or i32 %cacheBits, %weightBits
  %allBits = or i32 %someBits, %sharedBits
  %lowBits = and i32 %allBits, 63
  call void @put(ptr %o, i64 22, i32 %lowBits)
  %behindAt = call ptr @cached(ptr %step, i64 %row, i32 %position)
  %unwrittenAt = getelementptr i32, ptr %behindAt, i64 1
  %unwritten = load i32, ptr %unwrittenAt
  call void @put(ptr %o, i64 24, i32 %unwritten)
  %isStart = icmp eq i32 %position, 0
  br i1 %isStart, label %done, label %hasBefore
hasBefore:
  %beforePosition = sub i32 %position, 1
  %beforeAt = call ptr @cached(ptr %step, i64 %row, i32 %beforePosition)
  %before = load i32, ptr %beforeAt
  call void @put(ptr %o, i64 23, i32 %before)
  br label %done
done:
  ret void
}

define internal void @run(ptr %step, i32 %kernel) {
entry:
  %thread = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %which = or i32 %thread, %block
  %isOther = icmp ne i32 %which, 0
  %count32 = call i32 @field(ptr %step, i64 8)
  %count = zext i32 %count32 to i64
  br i1 %isOther, label %done, label %write
write:
  %row = phi i64 [ 0, %entry ], [ %nextRow, %write ]
  call void @write(ptr %step, i64 %row)
  %nextRow = add i64 %row, 1
  %moreRows = icmp ult i64 %nextRow, %count
  br i1 %moreRows, label %write, label %written
written:
  %wanted32 = call i32 @field(ptr %step, i64 56)
  %wanted = zext i32 %wanted32 to i64
  %hasNone = icmp eq i64 %wanted, 0
  br i1 %hasNone, label %routes, label %show
show:
  %i = phi i64 [ 0, %written ], [ %nextI, %show ]
  call void @show(ptr %step, i32 %kernel, i64 %i)
  %nextI = add i64 %i, 1
  %more = icmp ult i64 %nextI, %wanted
  br i1 %more, label %show, label %routes
routes:
  %ticketsPlace = getelementptr i8, ptr %step, i64 104
  %tickets = load ptr, ptr %ticketsPlace
  %ticket = getelementptr i64, ptr %tickets, i64 2
  store i64 99, ptr %ticket
  %routesPlace = getelementptr i8, ptr %step, i64 112
  %routesOf = load ptr, ptr %routesPlace
  %hasNoRoutes = icmp eq ptr %routesOf, null
  br i1 %hasNoRoutes, label %done, label %record
record:
  %route = getelementptr i32, ptr %routesOf, i64 8
  store i32 40, ptr %route
  %route2 = getelementptr i32, ptr %routesOf, i64 9
  store i32 41, ptr %route2
  br label %done
done:
  ret void
}

define ptx_kernel void @fpmoe_decode(ptr %step) {
  call void @run(ptr %step, i32 1)
  ret void
}
define ptx_kernel void @fpmoe_prefill(ptr %step) {
  call void @run(ptr %step, i32 2)
  ret void
}

declare void @llvm.trap()
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.nctaid.x()
)";

} // namespace fpmoe

#endif // FPMOE_TEST_RUNTIME_CUDA_SHOWSTEP_H
