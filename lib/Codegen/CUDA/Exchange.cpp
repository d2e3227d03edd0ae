//===- Exchange.cpp - Adds the rows of all ranks --------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The kernel goes on while the host adds what it finds in the mailbox: one
// block writes there and waits, and the others meet it at the next barrier.
//===----------------------------------------------------------------------===//

#include "fpmoe/runtime/mailbox.h"
#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

static Value loadCounter(KernelBuilder &b, Value from) {
  return LLVM::LoadOp::create(
      b, b.getI64Type(), from, /*alignment=*/8, /*isVolatile=*/false,
      /*isNonTemporal=*/false, /*isInvariant=*/false,
      /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire);
}

/// Until the host has added what was sent.
static void waitFor(KernelBuilder &b, Value done, Value sent) {
  auto loop = scf::WhileOp::create(b, TypeRange(), ValueRange());
  b.createBlock(&loop.getBefore());
  Value missing = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                        loadCounter(b, done), sent);
  scf::ConditionOp::create(b, missing, ValueRange());
  b.createBlock(&loop.getAfter());
  scf::YieldOp::create(b, ValueRange());
  b.setInsertionPointAfter(loop);
}

void cuda::emit(BlockContext &block, mega::ExchangeOp op, Tile) {
  KernelBuilder &b = block.b;
  Value mailbox = block.pointerField(offsetof(FpmoeStep, ranks));
  Value numbers = b.at(mailbox, sizeof(FpmoeMailbox));
  Value rows = block.base(op.getRows());
  Value count = b.mul(block.count, dim(op.getRows(), -1));
  block.forThreads(
      count, [&](Value i) { b.storeF32(b.loadF32(rows, i), numbers, i); });
  block.sync();
  block.once([&] {
    Value sentAt = b.at(mailbox, offsetof(FpmoeMailbox, sent));
    Value sent = b.add(loadCounter(b, sentAt), 1);
    b.store(count, b.at(mailbox, offsetof(FpmoeMailbox, count)), 8);
    // What all threads wrote is there for the host before the count is.
    LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acq_rel, StringRef());
    LLVM::StoreOp::create(b, sent, sentAt, /*alignment=*/8,
                          /*isVolatile=*/false, /*isNonTemporal=*/false,
                          /*isInvariantGroup=*/false,
                          LLVM::AtomicOrdering::release);
    waitFor(b, b.at(mailbox, offsetof(FpmoeMailbox, done)), sent);
  });
  block.sync();
  block.forThreads(
      count, [&](Value i) { b.storeF32(b.loadF32(numbers, i), rows, i); });
}
