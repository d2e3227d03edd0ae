//===- TileCount.cpp - How many tiles a phase has -------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Attention.h"
#include "lib/Codegen/CPU/GroupTable.h"

using namespace mlir;
using namespace fpmoe;
using mega::TileSize;

Value fpmoe::emitTileCount(PhaseContext &phase, Attribute size,
                           Operation &first) {
  KernelBuilder &b = phase.b;
  if (auto number = dyn_cast<IntegerAttr>(size))
    return b.i64(number.getInt());
  switch (cast<mega::TileSizeAttr>(size).getValue()) {
  case TileSize::Tokens:
    return phase.count;
  case TileSize::Blocks:
    return phase.blocks();
  case TileSize::BlockGroups: {
    int64_t group = first.getAttrOfType<IntegerAttr>("group").getInt();
    return b.ceilDiv(phase.blocks(), group);
  }
  case TileSize::LogitsBlocks:
    return b.ceilDiv(phase.i64Field(offsetof(FpmoeStep, logits_count)),
                     phase.blockRows);
  case TileSize::ExpertBlocks: {
    auto gather = dyn_cast<mega::GatherOp>(first);
    auto quantize = dyn_cast<mega::QuantizeOp>(first);
    Value groups = gather ? gather.getGroups() : quantize.getGroups();
    Value blocks = gather ? gather.getOperand() : quantize.getOperand();
    auto layout = mega::GroupTableLayout::withBlocks(groups, dim(blocks, 0),
                                                     phase.blockRows);
    GroupTable table(phase, groups, layout);
    return b.loadIndex(table.first, b.i64(layout.groups));
  }
  case TileSize::QueryBlocks:
    return phase.i64Field(offsetof(FpmoeStep, query_block_count));
  case TileSize::Spans:
    return emitSpanCount(phase, cast<mega::AttendSpanOp>(first));
  }
  llvm_unreachable("unknown size");
}
