//===- SizeLimits.cpp - how large a model may be --------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SizeLimits.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/SizeLimits.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

using namespace llvm;

namespace fpmoe {

namespace {
struct SizeLimit {
  StringLiteral field;
  int64_t limit;
};
} // namespace

static constexpr int64_t maxExperts = 4096;
static constexpr int64_t maxHeads = 1024, maxHeadDim = 1024;
static constexpr int64_t maxWidth = 1 << 16, maxInnerWidth = 1 << 20;
static constexpr int64_t maxLayers = 4096;
static constexpr int64_t maxPositions = 1 << 24;

static constexpr SizeLimit sizeLimits[] = {
    {"vocab_size", 1 << 22},
    {"hidden_size", maxWidth},
    {"num_hidden_layers", maxLayers},
    {"max_position_embeddings", maxPositions},
    {"original_max_position_embeddings", maxPositions},
    // Attention.
    {"num_attention_heads", maxHeads},
    {"num_key_value_heads", maxHeads},
    {"head_dim", maxHeadDim},
    {"qk_nope_head_dim", maxHeadDim},
    {"qk_rope_head_dim", maxHeadDim},
    {"v_head_dim", maxHeadDim},
    {"kv_lora_rank", maxWidth},
    {"q_lora_rank", maxWidth},
    // Beyond the context a window changes nothing.
    {"sliding_window", int64_t(1) << 31},
    // Feed-forward networks.
    {"intermediate_size", maxInnerWidth},
    {"moe_intermediate_size", maxInnerWidth},
    {"shared_expert_intermediate_size", maxInnerWidth},
    {"shared_intermediate_size", maxInnerWidth},
    {"num_experts", maxExperts},
    {"num_local_experts", maxExperts},
    {"n_routed_experts", maxExperts},
    {"num_token_experts", maxExperts / 2},
    {"num_segment_experts", maxExperts / 2},
    {"num_experts_per_tok", 64},
    {"max_experts_per_segment", 64},
    {"n_shared_experts", 64},
    {"n_group", maxExperts},
    {"topk_group", maxExperts},
    // Numbers of layers that may lie past the last one.
    {"first_k_dense_replace", 1 << 24},
    {"decoder_sparse_step", 1 << 24},
    {"max_window_layers", 1 << 24},
};

int64_t getSizeLimit(StringRef field) {
  auto *entry =
      find_if(sizeLimits, [&](const SizeLimit &e) { return e.field == field; });
  if (entry == std::end(sizeLimits))
    llvm_unreachable("every size has a limit");
  return entry->limit;
}

} // namespace fpmoe
