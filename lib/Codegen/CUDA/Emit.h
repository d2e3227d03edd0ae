//===- Emit.h - The code of tile ops for a block of threads -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// One function per tile op, in the file named after it. All threads of a block
// call it; the next op may run when they have met again.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_EMIT_H
#define FPMOE_LIB_CODEGEN_CUDA_EMIT_H

#include "lib/Codegen/CUDA/Block.h"

namespace fpmoe::cuda {

void emit(BlockContext &block, mega::EmbedOp op, Tile tile);
void emit(BlockContext &block, mega::RopeOp op, Tile tile);
void emit(BlockContext &block, mega::NormOp op, Tile tile);
void emit(BlockContext &block, mega::SquaresOp op, Tile tile);
void emit(BlockContext &block, mega::HeadsOp op, Tile tile);
void emit(BlockContext &block, mega::QuantizeOp op, Tile tile);
void emit(BlockContext &block, mega::LowRankOp op, Tile tile);
void emit(BlockContext &block, mega::QkvOp op, Tile tile);
void emit(BlockContext &block, mega::AttentionOp op, Tile tile);
void emit(BlockContext &block, mega::AttendSpanOp op, Tile tile);
void emit(BlockContext &block, mega::MergeSpansOp op, Tile tile);
void emit(BlockContext &block, mega::LinearOp op, Tile tile);
void emit(BlockContext &block, mega::ReduceOp op, Tile tile);
void emit(BlockContext &block, mega::ExchangeOp op, Tile tile);
void emit(BlockContext &block, mega::KeepRowsOp op, Tile tile);
void emit(BlockContext &block, mega::RouteOp op, Tile tile);
void emit(BlockContext &block, mega::RecordRoutesOp op, Tile tile);
void emit(BlockContext &block, mega::SegmentScoresOp op, Tile tile);
void emit(BlockContext &block, mega::SegmentChooseOp op, Tile tile);
void emit(BlockContext &block, mega::GroupOp op, Tile tile);
void emit(BlockContext &block, mega::GatherOp op, Tile tile);
void emit(BlockContext &block, mega::ExpertUpOp op, Tile tile);
void emit(BlockContext &block, mega::ExpertDownOp op, Tile tile);

} // namespace fpmoe::cuda

#endif
