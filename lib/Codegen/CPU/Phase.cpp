//===- Phase.cpp - What the code of a phase has at hand -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Phase.h"

using namespace mlir;
using namespace fpmoe;

// The code that is emitted reads these fields as 64-bit or 32-bit integers.
static_assert(offsetof(FpmoeStep, tokens) == 0 &&
                  offsetof(FpmoeStep, count) == 8 &&
                  offsetof(FpmoeStep, positions) == 16 &&
                  offsetof(FpmoeStep, pages) == 24 &&
                  offsetof(FpmoeStep, query_blocks) == 32 &&
                  offsetof(FpmoeStep, query_block_count) == 40 &&
                  offsetof(FpmoeStep, logits_rows) == 48 &&
                  offsetof(FpmoeStep, logits_count) == 56 &&
                  offsetof(FpmoeStep, logits) == 64 &&
                  offsetof(FpmoeStep, weights) == 72 &&
                  offsetof(FpmoeStep, cache) == 80 &&
                  offsetof(FpmoeStep, cache_pages) == 88 &&
                  offsetof(FpmoeStep, shared) == 96 &&
                  offsetof(FpmoeStep, tickets) == 104 &&
                  offsetof(FpmoeStep, routes) == 112 &&
                  offsetof(FpmoeStep, team) == 120 &&
                  offsetof(FpmoeStep, forced) == 128 &&
                  offsetof(FpmoeStep, languages) == 136 &&
                  offsetof(FpmoeStep, segments) == 144 &&
                  offsetof(FpmoeStep, segment_count) == 152 &&
                  offsetof(FpmoeStep, workers) == 160 &&
                  offsetof(FpmoeStep, whole_text) == 164 &&
                  offsetof(FpmoeStep, ahead) == 168 &&
                  offsetof(FpmoeStep, reduce) == 176 &&
                  offsetof(FpmoeStep, ranks) == 184 &&
                  offsetof(FpmoeStep, first_token) == 192,
              "the layout of FpmoeStep changed: bump FPMOE_ABI_VERSION");

/// Where FpmoeStep has the pointer to an input.
static size_t getOffset(mega::StepInput input) {
  switch (input) {
  case mega::StepInput::Tokens:
    return offsetof(FpmoeStep, tokens);
  case mega::StepInput::Positions:
    return offsetof(FpmoeStep, positions);
  case mega::StepInput::LogitsRows:
    return offsetof(FpmoeStep, logits_rows);
  case mega::StepInput::Forced:
    return offsetof(FpmoeStep, forced);
  case mega::StepInput::Languages:
    return offsetof(FpmoeStep, languages);
  case mega::StepInput::Segments:
    return offsetof(FpmoeStep, segments);
  case mega::StepInput::Routes:
    return offsetof(FpmoeStep, routes);
  }
  llvm_unreachable("unknown input");
}

Value PhaseContext::elementOrNone(Value input, Value row) {
  Value array = base(input);
  auto load = scf::IfOp::create(b, TypeRange{b.getI64Type()}, isNull(b, array),
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&load.getThenRegion().front());
  scf::YieldOp::create(b, ValueRange{b.i64(-1)});
  b.setInsertionPointToStart(&load.getElseRegion().front());
  scf::YieldOp::create(b, ValueRange{b.loadIndex(array, row)});
  return load.getResult(0);
}

Value PhaseContext::pagesOf(Value row) {
  Value place = b.at(pointerField(offsetof(FpmoeStep, pages)), b.mul(row, 8));
  return b.load(b.ptrType(), place, 8);
}

Value PhaseContext::base(Value memory) {
  if (auto input = memory.getDefiningOp<mega::InputOp>())
    return pointerField(getOffset(input.getInput()));
  auto buffer = memory.getDefiningOp<mega::BufferOp>();
  switch (buffer.getSpace()) {
  case mega::BufferSpace::Cache:
    return pointerField(offsetof(FpmoeStep, cache));
  case mega::BufferSpace::Logits:
    return pointerField(offsetof(FpmoeStep, logits));
  case mega::BufferSpace::Shared:
    return b.at(pointerField(offsetof(FpmoeStep, shared)),
                b.i64(*buffer.getOffset()));
  case mega::BufferSpace::Private:
    return b.at(scratch, b.i64(*buffer.getOffset()));
  }
  llvm_unreachable("unknown buffer space");
}

Value PhaseContext::weight(Value megaWeight) {
  auto use = megaWeight.getDefiningOp<mega::WeightOp>();
  auto symbol = symbols.lookup<WeightOp>(use.getWeight());
  Value offset = b.i64(*symbol.getOffset());
  if (use.getLayer())
    offset = b.add(offset, b.mul(ordinal, *symbol.getStride()));
  return b.at(pointerField(offsetof(FpmoeStep, weights)), offset);
}

OperandBlock PhaseContext::block(Value operand, Value number) {
  auto type = cast<MemRefType>(operand.getType());
  return OperandBlock(
      b, type,
      b.at(base(operand), b.mul(number, OperandBlock::getBytes(type))));
}

std::pair<Value, Value> fpmoe::emitTokensOf(PhaseContext &phase, Operation *op,
                                            Tile tile) {
  KernelBuilder &b = phase.b;
  auto sizes = op->getParentOfType<mega::PhaseOp>().getTiles();
  auto size =
      sizes ? dyn_cast<mega::TileSizeAttr>((*sizes)[0]) : mega::TileSizeAttr();
  if (size && size.getValue() == mega::TileSize::Tokens)
    return {tile[0], b.add(tile[0], 1)};
  Value first = tile.empty() ? b.i64(0) : b.mul(tile[0], phase.blockRows);
  return {first, b.min(b.add(first, phase.blockRows), phase.count)};
}

TileOfShard fpmoe::getTileOfShard(PhaseContext &phase, int64_t shards,
                                  int64_t vectors, int64_t perTile,
                                  Value tile) {
  if (!shards)
    return {Value(), tile};
  int64_t tiles = llvm::divideCeil(vectors, perTile);
  return {phase.b.div(tile, tiles), phase.b.rem(tile, tiles)};
}

Value fpmoe::isNull(KernelBuilder &b, Value pointer) {
  Value null = LLVM::ZeroOp::create(b, b.ptrType());
  return LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::eq, pointer, null);
}
