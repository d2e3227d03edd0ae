//===- ExpertDown.cpp - Second product of the experts ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile owns columns of the activations and adds to them what every expert
// gives, the shared one first, so that sums have one order and no tile waits.
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Dot.h"
#include "lib/Kernels/Groups.h"

#include <numeric>

using namespace mlir;
using namespace fpmoe;

namespace {

class ExpertDown {
public:
  ExpertDown(PhaseContext &phase, mega::ExpertDownOp op, Value tile)
      : phase(phase), op(op), b(phase.b), bf16(phase.info.bf16),
        width(dim(op.getX(), 1)) {
    Value any = op.getDown() ? op.getDown() : op.getSharedDown();
    panels = dim(any, -4);
    firstPanel = b.mul(tile, op.getPanels());
    lastPanel = b.min(b.add(firstPanel, op.getPanels()), b.i64(panels));
  }

  void emit() { op.getGroups() ? emitMany() : emitOne(); }

private:
  int64_t stepsOf(Value weight) { return dim(weight, -3); }
  /// Of it is every number of steps that is multiplied at a time. One number
  /// for all experts: a function has but eight tile registers, and each of them
  /// one shape.
  int64_t getMultiple() {
    int64_t multiple = op.getSteps();
    for (Value weight : {op.getDown(), op.getSharedDown()})
      if (weight)
        multiple = std::gcd(multiple, stepsOf(weight));
    return multiple;
  }
  int64_t panelBytes(Value weight) { return stepsOf(weight) * kPanelStepBytes; }
  Value expertWeights(Value weight, Value expert) {
    Value base = phase.weight(weight);
    return expert
               ? b.at(base, b.mul(expert, dim(weight, 1) * panelBytes(weight)))
               : base;
  }

  /// One token: expert by expert.
  void emitOne() {
    int64_t slots = dim(op.getAct(), 0),
            topK = slots - (op.getSharedDown() ? 1 : 0);
    Value x = phase.base(op.getX());
    auto emitPanels = [&](Value panel, int64_t n) {
      Value to = b.at(x, b.mul(panel, kLanes * 4));
      auto add = [&](Value weight, Value expert, Value slot) {
        Value from = b.at(expertWeights(weight, expert),
                          b.mul(panel, panelBytes(weight)));
        SmallVector<Value> bases;
        for (int64_t p = 0; p < n; ++p)
          bases.push_back(b.at(from, p * panelBytes(weight)));
        DotRows source = phase.rowsOfBlock(op.getAct(), slot, stepsOf(weight));
        DotSums sums =
            emitDot(b, bf16, 1, source, bases, b.i64(stepsOf(weight)));
        for (int64_t p = 0; p < n; ++p) {
          Value place = b.at(to, p * kLanes * 4);
          b.store(b.fadd(b.loadLanes(place), sums[p]), place);
        }
      };
      if (op.getSharedDown())
        add(op.getSharedDown(), {}, b.i64(topK));
      if (!topK)
        return;
      Value chosen = phase.base(op.getExperts());
      b.loop(b.i64(0), b.i64(topK), 1, [&](Value slot) {
        Value expert = b.loadIndex(chosen, slot);
        b.ifThen(b.less(b.i64(-1), expert),
                 [&] { add(op.getDown(), expert, slot); });
      });
    };
    phase.withPanels(firstPanel, lastPanel, op.getPanels(),
                     panels % op.getPanels(), emitPanels);
  }

  /// Many tokens: expert by expert, block by block.
  void emitMany() {
    int64_t experts = op.getDown() ? dim(op.getDown(), 0) : 0;
    GroupTable table(phase, op.getGroups(),
                     experts + (op.getSharedDown() ? 1 : 0));
    if (op.getSharedDown())
      emitGroup(table, op.getSharedDown(), b.i64(experts), {});
    if (op.getDown())
      b.loop(b.i64(0), b.i64(experts), 1, [&](Value expert) {
        emitGroup(table, op.getDown(), expert, expert);
      });
  }

  void emitGroup(GroupTable &table, Value weight, Value group, Value expert) {
    int64_t rows = phase.info.rows, steps = stepsOf(weight);
    Value base = expertWeights(weight, expert);
    Value x = phase.base(op.getX());
    Value firstSlot = b.loadIndex(table.first, group);
    Value lastSlot = b.loadIndex(table.first, b.add(group, 1));
    // Some steps of K at a time, so that their weights stay in the cache while
    // all blocks pass.
    b.loop(b.i64(0), b.i64(steps), op.getSteps(), [&](Value firstStep) {
      Value numSteps =
          b.min(b.i64(op.getSteps()), b.sub(b.i64(steps), firstStep));
      b.loop(firstSlot, lastSlot, 1, [&](Value slot) {
        DotRows source = phase.rowsOfBlock(op.getAct(), slot, getMultiple());
        source.base = b.at(source.base, b.mul(firstStep, source.stepBytes));
        Value count = b.loadIndex(table.count, slot);
        Value tokens = b.at(table.token, b.mul(slot, rows * 4));
        phase.withRows(count, rows, [&](int64_t r) {
          auto product = [&](Value panel, int64_t n) {
            SmallVector<Value> bases;
            for (int64_t p = 0; p < n; ++p)
              bases.push_back(
                  b.at(base, b.add(b.mul(b.add(panel, p), panelBytes(weight)),
                                   b.mul(firstStep, kPanelStepBytes))));
            DotSums sums = emitDot(b, bf16, r, source, bases, numSteps);
            for (int64_t i = 0; i < r; ++i)
              b.ifThen(b.less(b.i64(i), count), [&] {
                Value token = b.loadIndex(tokens, b.i64(i));
                Value to = b.at(
                    x,
                    b.mul(b.add(b.mul(token, width), b.mul(panel, kLanes)), 4));
                for (int64_t p = 0; p < n; ++p) {
                  Value place = b.at(to, p * kLanes * 4);
                  b.store(b.fadd(b.loadLanes(place), sums[i * n + p]), place);
                }
              });
          };
          phase.withPanels(firstPanel, lastPanel, 2, panels % 2, product);
        });
      });
    });
  }

  PhaseContext &phase;
  mega::ExpertDownOp op;
  KernelBuilder &b;
  bool bf16;
  int64_t width;
  int64_t panels;
  Value firstPanel, lastPanel;
};

} // namespace

void fpmoe::emitExpertDown(PhaseContext &phase, mega::ExpertDownOp op,
                           Tile tile) {
  ExpertDown(phase, op, tile[0]).emit();
}
