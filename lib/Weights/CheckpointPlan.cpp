//===- CheckpointPlan.cpp - weights as safetensors files --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors are packed without gaps, which the format does not allow; those of
// f32 come first in a file, so that all of them are aligned.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/CheckpointPlan.h"

#include "lib/Weights/Evaluate.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace mlir;

namespace fpmoe {

static bool isBF16(WeightOp weight) {
  return weight.getTensorType().getElementType().isBF16();
}

static std::string nameOf(const Placement &placement) {
  return formatTensorName(WeightOp(placement.weight).getSymName(),
                          placement.layer);
}

/// Gives the tensors their places and makes the header.
static void layOut(CheckpointShard &shard) {
  std::stable_partition(
      shard.placements.begin(), shard.placements.end(),
      [](const Placement &placement) { return !isBF16(placement.weight); });
  uint64_t position = 0;
  raw_string_ostream text(shard.header);
  text << "{\"__metadata__\":{\"format\":\"pt\"}";
  for (Placement &placement : shard.placements) {
    WeightOp weight = placement.weight;
    placement.position = position;
    position += weight.getInstanceBytes();
    text << "," << json::Value(nameOf(placement)) << ":{\"dtype\":\""
         << (isBF16(weight) ? "BF16" : "F32") << "\",\"shape\":[";
    llvm::interleave(weight.getTensorType().getShape(), text, ",");
    text << "],\"data_offsets\":[" << placement.position << "," << position
         << "]}";
  }
  text << "}";
  // The tensors start at a multiple of 8.
  shard.header.append((8 - shard.header.size() % 8) % 8, ' ');
  char length[8];
  support::endian::write64le(length, shard.header.size());
  shard.header.insert(0, length, 8);
  for (Placement &placement : shard.placements)
    placement.position += shard.header.size();
  shard.bytes = shard.header.size() + position;
}

CheckpointPlan planCheckpoint(ModuleOp tensors, uint64_t shardBytes) {
  CheckpointPlan plan;
  uint64_t total = 0, inShard = 0;
  for (WeightOp weight : tensors.getOps<WeightOp>()) {
    uint64_t bytes = weight.getInstanceBytes();
    static constexpr int64_t none[] = {0};
    for (int64_t layer : weight.getLayers().value_or(ArrayRef<int64_t>(none))) {
      if (plan.shards.empty() || inShard + bytes > shardBytes) {
        plan.shards.emplace_back();
        inShard = 0;
      }
      plan.shards.back().placements.push_back({weight, layer, 0});
      inShard += bytes;
      total += bytes;
    }
  }
  json::Object map;
  for (auto [i, shard] : llvm::enumerate(plan.shards)) {
    shard.fileName = plan.shards.size() == 1
                         ? "model.safetensors"
                         : formatv("model-{0}-of-{1}.safetensors",
                                   format("%05zu", static_cast<size_t>(i + 1)),
                                   format("%05zu", plan.shards.size()))
                               .str();
    layOut(shard);
    for (const Placement &placement : shard.placements)
      map[nameOf(placement)] = shard.fileName;
  }
  if (plan.shards.size() > 1)
    plan.index = formatv("{0:2}\n",
                         json::Value(json::Object{
                             {"metadata", json::Object{{"total_size", total}}},
                             {"weight_map", std::move(map)}}))
                     .str();
  return plan;
}

} // namespace fpmoe
