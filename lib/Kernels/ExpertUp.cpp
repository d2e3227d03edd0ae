//===- ExpertUp.cpp - First product of the experts ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Tiles of the shared expert and of the routed ones form one space, so that no
// worker waits for an expert with few tokens.
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Dot.h"
#include "lib/Kernels/Groups.h"

using namespace mlir;
using namespace fpmoe;

namespace {

/// What a tile works on: an expert's pairs of panels.
struct TileWork {
  Value weights;             ///< first panel of the expert
  Value firstPair, lastPair; ///< of a gate and an up panel
  Value expert;              ///< i64: number among the groups
};

class ExpertUp {
public:
  ExpertUp(PhaseContext &phase, mega::ExpertUpOp op)
      : phase(phase), op(op), b(phase.b), bf16(phase.info.bf16),
        steps(dim(op.getGateUp() ? op.getGateUp() : op.getSharedGateUp(), -3)),
        panelBytes(steps * kPanelStepBytes) {}

  void emit(Value tile) {
    if (op.getGroups())
      return emitMany(tile);
    emitOne(tile);
  }

private:
  int64_t pairsOf(Value weight) { return weight ? dim(weight, -4) / 2 : 0; }
  int64_t tilesOf(Value weight) {
    return llvm::divideCeil(pairsOf(weight), op.getPairs());
  }

  /// Splits a tile's number: the shared expert's tiles come first. `pick`
  /// maps the number of a routed expert's turn to the expert.
  TileWork locate(Value tile, int64_t sharedGroup,
                  function_ref<Value(Value)> pick) {
    int64_t pairs = op.getPairs();
    int64_t sharedTiles = tilesOf(op.getSharedGateUp());
    int64_t routedTiles = std::max<int64_t>(tilesOf(op.getGateUp()), 1);
    Value isShared = b.less(tile, b.i64(sharedTiles));
    Value routed = b.max(b.sub(tile, b.i64(sharedTiles)), b.i64(0));
    Value chunk = b.select(isShared, tile, b.rem(routed, routedTiles));
    Value numPairs = b.select(isShared, b.i64(pairsOf(op.getSharedGateUp())),
                              b.i64(pairsOf(op.getGateUp())));
    TileWork work;
    work.firstPair = b.mul(chunk, pairs);
    work.lastPair = b.min(b.add(work.firstPair, pairs), numPairs);
    work.expert = b.i64(sharedGroup);
    if (op.getSharedGateUp())
      work.weights = phase.weight(op.getSharedGateUp());
    if (op.getGateUp()) {
      Value expert = pick(b.div(routed, routedTiles));
      Value weights = b.at(phase.weight(op.getGateUp()),
                           b.mul(b.max(expert, b.i64(0)),
                                 2 * pairsOf(op.getGateUp()) * panelBytes));
      work.expert = b.select(isShared, work.expert, expert);
      work.weights =
          work.weights ? b.select(isShared, work.weights, weights) : weights;
    }
    return work;
  }

  /// weight * silu(gate) * up.
  Value activate(Value gate, Value up, Value weight) {
    Value act = b.fmul(b.fmul(gate, b.sigmoid(gate)), up);
    return b.fmul(act, b.splat(weight));
  }

  /// One token: slot j is its j-th expert, the last one the shared expert.
  void emitOne(Value tile) {
    int64_t topK = dim(op.getWeights(), 1) - 1;
    int64_t routedTiles = std::max<int64_t>(tilesOf(op.getGateUp()), 1);
    Value chosen = phase.base(op.getExperts());
    Value number = b.div(
        b.max(b.sub(tile, b.i64(tilesOf(op.getSharedGateUp()))), b.i64(0)),
        routedTiles);
    TileWork work =
        locate(tile, topK, [&](Value j) { return b.loadIndex(chosen, j); });
    Value isShared = b.less(tile, b.i64(tilesOf(op.getSharedGateUp())));
    Value slot = b.select(isShared, b.i64(topK), number);
    Value weight = b.loadF32(phase.base(op.getWeights()), slot);
    Value act = b.at(phase.base(op.getAct()),
                     b.mul(slot, PhaseContext::blockBytes(op.getAct())));
    DotRows source = phase.rowsOfBlock(op.getOperand(), b.i64(0), steps);
    // A negative expert is none: its slot is not read either.
    b.ifThen(b.less(b.i64(-1), work.expert), [&] {
      auto emitPairs = [&](Value pair, int64_t n) {
        Value first = b.at(work.weights, b.mul(pair, 2 * panelBytes));
        SmallVector<Value> panels;
        for (int64_t p = 0; p < 2 * n; ++p)
          panels.push_back(b.at(first, p * panelBytes));
        // One panel after the other, where a single stream is read best.
        int64_t together = op.getPairs() == 1 ? 1 : 2 * n;
        SmallVector<Value> sums;
        for (int64_t p = 0; p < 2 * n; p += together) {
          DotSums some =
              emitDot(b, bf16, 1, source, ArrayRef(panels).slice(p, together),
                      b.i64(steps));
          for (int64_t i = 0; i < together; ++i)
            sums.push_back(some[i]);
        }
        for (int64_t p = 0; p < n; ++p)
          storePacked(b, bf16, activate(sums[2 * p], sums[2 * p + 1], weight),
                      act, b.add(pair, p), kStepBytes);
      };
      int64_t unit = op.getPairs();
      bool canBeLeft = pairsOf(op.getGateUp()) % unit ||
                       pairsOf(op.getSharedGateUp()) % unit;
      phase.withPanels(work.firstPair, work.lastPair, unit, canBeLeft,
                       emitPairs);
    });
  }

  /// Many tokens: the tile goes over the blocks of its expert.
  void emitMany(Value tile) {
    int64_t rows = phase.info.rows;
    int64_t experts = op.getGateUp() ? dim(op.getGateUp(), 0) : 0;
    GroupTable table(phase, op.getGroups(),
                     experts + (op.getSharedGateUp() ? 1 : 0));
    TileWork work = locate(tile, experts, [](Value e) { return e; });
    Value firstSlot = b.loadIndex(table.first, work.expert);
    Value lastSlot = b.loadIndex(table.first, b.add(work.expert, 1));
    b.loop(firstSlot, lastSlot, 1, [&](Value slot) {
      DotRows source = phase.rowsOfBlock(op.getOperand(), slot, steps);
      DotRows act = phase.rowsOfBlock(op.getAct(), slot, steps);
      Value weights = b.at(table.weight, b.mul(slot, rows * 4));
      phase.withRows(b.loadIndex(table.count, slot), rows, [&](int64_t r) {
        b.loop(work.firstPair, work.lastPair, 1, [&](Value pair) {
          Value panel = b.at(work.weights, b.mul(pair, 2 * panelBytes));
          DotSums sums =
              emitDot(b, bf16, r, source, {panel, b.at(panel, panelBytes)},
                      b.i64(steps));
          for (int64_t i = 0; i < r; ++i)
            storePacked(b, bf16,
                        activate(sums[2 * i], sums[2 * i + 1],
                                 b.loadF32(weights, b.i64(i))),
                        b.at(act.base, i * act.rowBytes), pair, act.stepBytes);
        });
      });
    });
  }

  PhaseContext &phase;
  mega::ExpertUpOp op;
  KernelBuilder &b;
  bool bf16;
  int64_t steps, panelBytes;
};

} // namespace

void fpmoe::emitExpertUp(PhaseContext &phase, mega::ExpertUpOp op, Tile tile) {
  ExpertUp(phase, op).emit(tile[0]);
}
