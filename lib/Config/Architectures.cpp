//===- Architectures.cpp - the models that can be read ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Defaults are those of the configuration classes of transformers 5.23. A size
// of 0 that config.json does not set is an error or follows from others, as
// Config.cpp says.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Architectures.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fpmoe {

//===----------------------------------------------------------------------===//
// Defaults
//===----------------------------------------------------------------------===//

static void setSizes(ModelConfig &config, int64_t vocabulary, int64_t hidden,
                     int64_t intermediate, int64_t layers, int64_t heads,
                     int64_t kvHeads, int64_t positions) {
  config.vocabSize = vocabulary;
  config.hiddenSize = hidden;
  config.intermediateSize = intermediate;
  config.numLayers = layers;
  config.numHeads = heads;
  config.numKeyValueHeads = kvHeads;
  config.maxPositions = positions;
}

static void setExperts(ModelConfig &config, int64_t count, int64_t topK,
                       int64_t width) {
  config.numExperts = count;
  config.topK = topK;
  config.moeIntermediateSize = width;
}

static void setLlama(ModelConfig &config) {
  setSizes(config, 32000, 4096, 11008, 32, 32, 0, 2048);
  config.eosTokens = {2};
}

static void setMistral(ModelConfig &config) {
  setSizes(config, 32000, 4096, 14336, 32, 32, 8, 131072);
  config.eosTokens = {2};
}

static void setQwen2(ModelConfig &config) {
  setSizes(config, 151936, 4096, 22016, 32, 32, 32, 32768);
  config.qkvBias = true;
}

static void setQwen3(ModelConfig &config) {
  setSizes(config, 151936, 4096, 22016, 32, 32, 32, 32768);
  config.headDim = 128;
  config.headNorm = HeadNorm::PerHead;
}

static void setMixtral(ModelConfig &config) {
  setMistral(config);
  setExperts(config, 8, 2, 14336);
  config.rmsNormEps = 1e-5;
  config.ropeTheta = 1e6;
  config.normTopKProb = true;
}

static void setQwen2Moe(ModelConfig &config) {
  setSizes(config, 151936, 2048, 5632, 24, 16, 16, 32768);
  setExperts(config, 60, 4, 1408);
  config.sharedExpertIntermediateSize = 5632;
  config.sharedExpertGate = true;
  config.qkvBias = true;
}

static void setMultiPLMoe(ModelConfig &config) {
  setQwen2Moe(config);
  setExperts(config, 0, 1, 1408);
  config.sharedExpertIntermediateSize = 0;
  config.sharedExpertGate = false;
  config.twoLevels.emplace();
}

static void setQwen3Moe(ModelConfig &config) {
  setSizes(config, 151936, 2048, 6144, 24, 32, 4, 32768);
  setExperts(config, 128, 8, 768);
  config.headNorm = HeadNorm::PerHead;
}

static void setOlmoe(ModelConfig &config) {
  setSizes(config, 50304, 2048, 2048, 16, 16, 0, 4096);
  setExperts(config, 64, 8, 2048);
  config.rmsNormEps = 1e-5;
  config.headNorm = HeadNorm::WholeRow;
  config.eosTokens = {50279};
}

static void setGraniteMoe(ModelConfig &config) {
  setLlama(config);
  setExperts(config, 8, 2, 11008);
  config.attentionScale = 1;
  // A softmax over the chosen logits is the one over all, renormalised.
  config.normTopKProb = true;
}

static void setDeepseekV2(ModelConfig &config) {
  setSizes(config, 102400, 4096, 11008, 32, 32, 0, 2048);
  setExperts(config, 64, 0, 1407);
  config.eosTokens = {2};
  config.kvLatent = 512;
  config.queryLatent = 1536;
  config.nopeDim = 128;
  config.latentRopeDim = 64;
  config.latentValueDim = 128;
}

//===----------------------------------------------------------------------===//
// Fields and names
//===----------------------------------------------------------------------===//

// Separated by spaces.

static constexpr StringLiteral llamaFields =
    "attention_bias mlp_bias pretraining_tp head_dim";
static constexpr StringLiteral mistralFields = "head_dim sliding_window";
static constexpr StringLiteral qwen2Fields =
    "head_dim use_sliding_window sliding_window max_window_layers "
    "layer_types";
static constexpr StringLiteral qwen3Fields =
    "head_dim use_sliding_window sliding_window max_window_layers "
    "layer_types attention_bias";
static constexpr StringLiteral mixtralFields =
    "head_dim sliding_window num_experts_per_tok fpmoe";
static constexpr StringLiteral qwen2MoeFields =
    "head_dim use_sliding_window sliding_window max_window_layers "
    "layer_types qkv_bias num_experts_per_tok norm_topk_prob "
    "moe_intermediate_size shared_expert_intermediate_size "
    "mlp_only_layers decoder_sparse_step fpmoe";
static constexpr StringLiteral multiPLMoeFields =
    "head_dim use_sliding_window sliding_window max_window_layers "
    "layer_types qkv_bias num_experts_per_tok moe_intermediate_size "
    "num_token_experts num_segment_experts segment_length "
    "segment_capacity max_experts_per_segment token_weight "
    "segment_weight fpmoe";
static constexpr StringLiteral qwen3MoeFields =
    "head_dim use_sliding_window sliding_window attention_bias "
    "num_experts_per_tok norm_topk_prob fpmoe decoder_sparse_step "
    "moe_intermediate_size mlp_only_layers";
static constexpr StringLiteral olmoeFields =
    "attention_bias num_experts_per_tok norm_topk_prob clip_qkv fpmoe";
static constexpr StringLiteral graniteMoeFields =
    "attention_bias num_experts_per_tok embedding_multiplier "
    "residual_multiplier attention_multiplier logits_scaling fpmoe";
static constexpr StringLiteral graniteMoeSharedFields =
    "attention_bias num_experts_per_tok embedding_multiplier "
    "residual_multiplier attention_multiplier logits_scaling "
    "shared_intermediate_size fpmoe";
static constexpr StringLiteral deepseekV2Fields =
    "attention_bias mlp_bias pretraining_tp kv_lora_rank q_lora_rank "
    "qk_nope_head_dim qk_rope_head_dim v_head_dim num_experts_per_tok "
    "norm_topk_prob moe_intermediate_size n_shared_experts "
    "first_k_dense_replace moe_layer_freq scoring_func topk_method "
    "n_group topk_group routed_scaling_factor fpmoe";
// transformers computes them from the parts of a head.
static constexpr StringLiteral deepseekV2Ignored = "head_dim qk_head_dim";

static constexpr NetworkNames fusedExperts = {"mlp.experts.gate_up_proj", "",
                                              "mlp.experts.down_proj"};
static constexpr ExpertLayout qwenLayouts[] = {
    {"mlp.gate.weight",
     {"mlp.experts.#.gate_proj.weight", "mlp.experts.#.up_proj.weight",
      "mlp.experts.#.down_proj.weight"}},
    {"mlp.gate.weight", fusedExperts}};
static constexpr ExpertLayout mixtralLayouts[] = {
    {"block_sparse_moe.gate.weight",
     {"block_sparse_moe.experts.#.w1.weight",
      "block_sparse_moe.experts.#.w3.weight",
      "block_sparse_moe.experts.#.w2.weight"}},
    {"mlp.gate.weight", fusedExperts}};
static constexpr ExpertLayout graniteLayouts[] = {
    {"block_sparse_moe.router.layer.weight",
     {"block_sparse_moe.input_linear.weight", "",
      "block_sparse_moe.output_linear.weight"}},
    {"block_sparse_moe.router.weight",
     {"block_sparse_moe.experts.gate_up_proj", "",
      "block_sparse_moe.experts.down_proj"}}};

static constexpr ArrayRef<ExpertLayout> dense;

static constexpr NetworkNames noShared = {"", "", ""};
static constexpr NetworkNames qwenShared = {
    "mlp.shared_expert.gate_proj.weight", "mlp.shared_expert.up_proj.weight",
    "mlp.shared_expert.down_proj.weight"};
static constexpr NetworkNames graniteShared = {
    "shared_mlp.input_linear.weight", "", "shared_mlp.output_linear.weight"};
static constexpr NetworkNames deepseekShared = {
    "mlp.shared_experts.gate_proj.weight", "mlp.shared_experts.up_proj.weight",
    "mlp.shared_experts.down_proj.weight"};

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static const Architecture architectures[] = {
    {"LlamaForCausalLM", "llama", llamaFields, "", WindowRule::Never, "", "",
     false, setLlama, dense, noShared},
    {"MistralForCausalLM", "mistral", mistralFields, "", WindowRule::All, "",
     "", false, setMistral, dense, noShared},
    {"Qwen2ForCausalLM", "qwen2", qwen2Fields, "", WindowRule::LastLayers, "",
     "", false, setQwen2, dense, noShared},
    {"Qwen3ForCausalLM", "qwen3", qwen3Fields, "", WindowRule::LastLayers, "",
     "", false, setQwen3, dense, noShared},
    {"MixtralForCausalLM", "mixtral", mixtralFields, "", WindowRule::All,
     "num_local_experts", "num_experts", true, setMixtral, mixtralLayouts,
     noShared},
    {"Qwen2MoeForCausalLM", "qwen2_moe", qwen2MoeFields, "",
     WindowRule::EveryOther, "num_experts", "", false, setQwen2Moe, qwenLayouts,
     qwenShared},
    {"MultiPLMoeForCausalLM", "multipl_moe", multiPLMoeFields, "",
     WindowRule::EveryOther, "", "", false, setMultiPLMoe, qwenLayouts,
     noShared},
    {"Qwen3MoeForCausalLM", "qwen3_moe", qwen3MoeFields, "",
     WindowRule::AllIfUsed, "num_experts", "num_local_experts", false,
     setQwen3Moe, qwenLayouts, noShared},
    {"OlmoeForCausalLM", "olmoe", olmoeFields, "", WindowRule::Never,
     "num_experts", "num_local_experts", true, setOlmoe, qwenLayouts, noShared},
    {"GraniteMoeForCausalLM", "granitemoe", graniteMoeFields, "",
     WindowRule::Never, "num_local_experts", "", true, setGraniteMoe,
     graniteLayouts, noShared},
    {"GraniteMoeSharedForCausalLM", "granitemoeshared", graniteMoeSharedFields,
     "", WindowRule::Never, "num_local_experts", "", true, setGraniteMoe,
     graniteLayouts, graniteShared},
    {"DeepseekV2ForCausalLM", "deepseek_v2", deepseekV2Fields,
     deepseekV2Ignored, WindowRule::Never, "n_routed_experts", "num_experts",
     false, setDeepseekV2, qwenLayouts, deepseekShared},
};

static bool hasWord(StringRef list, StringRef word) {
  while (!list.empty()) {
    StringRef first;
    std::tie(first, list) = list.split(' ');
    if (first == word)
      return true;
  }
  return false;
}

bool Architecture::hasField(StringRef key) const {
  return hasWord(fields, key) || (!expertCount.empty() && key == expertCount) ||
         (!expertCountAlias.empty() && key == expertCountAlias);
}

bool Architecture::ignores(StringRef key) const {
  return hasWord(ignored, key);
}

const Architecture *findArchitecture(StringRef name) {
  auto known = find_if(architectures, [&](const Architecture &architecture) {
    return architecture.name == name;
  });
  return known == std::end(architectures) ? nullptr : known;
}

bool isFieldOfSome(StringRef key) {
  return any_of(architectures, [&](const Architecture &architecture) {
    return architecture.hasField(key);
  });
}

std::string listArchitectures() {
  return join(map_range(architectures,
                        [](const Architecture &architecture) {
                          return architecture.name.str();
                        }),
              ", ");
}

} // namespace fpmoe
