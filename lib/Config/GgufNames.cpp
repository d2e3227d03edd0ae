//===- GgufNames.cpp - names of tensors in GGUF files ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One table of names. See GgufConfig.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/GgufConfig.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fpmoe {

namespace {
struct NamePair {
  StringLiteral ours, gguf;
};
} // namespace

static constexpr NamePair modelNames[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
};

/// Of a layer.
static constexpr NamePair layerNames[] = {
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.experts.gate_proj", "ffn_gate_exps"},
    {"mlp.experts.up_proj", "ffn_up_exps"},
    {"mlp.experts.down_proj", "ffn_down_exps"},
    {"mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_expert.up_proj", "ffn_up_shexp"},
    {"mlp.shared_expert.down_proj", "ffn_down_shexp"},
    {"mlp.shared_expert_gate", "ffn_gate_inp_shexp"},
    {"block_sparse_moe.gate", "ffn_gate_inp"},
    {"block_sparse_moe.experts.w1", "ffn_gate_exps"},
    {"block_sparse_moe.experts.w3", "ffn_up_exps"},
    {"block_sparse_moe.experts.w2", "ffn_down_exps"},
};

/// Takes the number of an expert out of a name.
static std::string takeExpert(StringRef &base, std::string &storage) {
  auto [front, rest] = base.split(".experts.");
  auto [number, role] = rest.split('.');
  if (role.empty() || !all_of(number, isDigit))
    return "";
  storage = (front + ".experts." + role).str();
  base = storage;
  return number.str();
}

std::string getGgufTensorName(StringRef name) {
  StringRef base = name, suffix = ".weight";
  if (base.consume_back(".bias"))
    suffix = ".bias";
  else
    base.consume_back(".weight");
  bool isOfLayer = base.consume_front("model.layers.{}.");
  ArrayRef<NamePair> names = isOfLayer ? ArrayRef(layerNames) : modelNames;
  std::string storage, expert = takeExpert(base, storage);
  auto *pair = find_if(names, [&](auto &p) { return p.ours == base; });
  if (pair == names.end())
    return "";
  StringRef gguf = pair->gguf;
  // Older files have a tensor for each expert.
  if (!expert.empty() && gguf.consume_back("_exps"))
    suffix = storage = "." + expert + suffix.str();
  return ((isOfLayer ? "blk.{}." : "") + gguf + suffix).str();
}

} // namespace fpmoe
