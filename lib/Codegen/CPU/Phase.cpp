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
                  offsetof(FpmoeStep, position) == 16 &&
                  offsetof(FpmoeStep, logits_from) == 24 &&
                  offsetof(FpmoeStep, logits) == 32 &&
                  offsetof(FpmoeStep, weights) == 40 &&
                  offsetof(FpmoeStep, cache) == 48 &&
                  offsetof(FpmoeStep, cache_capacity) == 56 &&
                  offsetof(FpmoeStep, shared) == 64 &&
                  offsetof(FpmoeStep, tickets) == 72 &&
                  offsetof(FpmoeStep, routes) == 80 &&
                  offsetof(FpmoeStep, team) == 88 &&
                  offsetof(FpmoeStep, workers) == 96 &&
                  offsetof(FpmoeStep, language) == 100 &&
                  offsetof(FpmoeStep, languages) == 104 &&
                  offsetof(FpmoeStep, segments) == 112,
              "the layout of FpmoeStep changed: bump FPMOE_ABI_VERSION");

/// Where FpmoeStep has an input, or the pointer to it.
static size_t getOffset(mega::StepInput input) {
  switch (input) {
  case mega::StepInput::Tokens:
    return offsetof(FpmoeStep, tokens);
  case mega::StepInput::Position:
    return offsetof(FpmoeStep, position);
  case mega::StepInput::LogitsFrom:
    return offsetof(FpmoeStep, logits_from);
  case mega::StepInput::Language:
    return offsetof(FpmoeStep, language);
  case mega::StepInput::Languages:
    return offsetof(FpmoeStep, languages);
  case mega::StepInput::Segments:
    return offsetof(FpmoeStep, segments);
  case mega::StepInput::Routes:
    return offsetof(FpmoeStep, routes);
  }
  llvm_unreachable("unknown input");
}

Value PhaseContext::number(Value input) {
  auto op = input.getDefiningOp<mega::InputOp>();
  Type type = op.getResult().getType().getElementType();
  Value value = field(getOffset(op.getInput()), type);
  return type.isInteger(32) ? b.toI64(value) : value;
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

Value fpmoe::isNull(KernelBuilder &b, Value pointer) {
  Value null = LLVM::ZeroOp::create(b, b.ptrType());
  return LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::eq, pointer, null);
}
