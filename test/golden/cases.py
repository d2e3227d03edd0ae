# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The golden cases: what config.json of each says, and how its tensors are stored."""

NAMES = {"expert_names": ["haskell", "ocaml", "scala"]}


class Case:
    """One checkpoint: its config.json, how its tensors are stored, and what it is there for.

    `traps` are fields with another value each: a model with it must compute something else, or
    the case would not notice that the field is ignored. `twice` stores tied embeddings two times.
    """

    def __init__(self, name, covers, config, dtype="F32", fused=False, shards=1, traps=None,
                 twice=False):
        self.name, self.covers, self.config = name, covers, config
        self.dtype, self.fused, self.shards = dtype, fused, shards
        self.traps, self.twice = traps or {}, twice

    @property
    def architecture(self):
        return self.config["architectures"][0]

    def bf16(self, tensor):
        """Whether this tensor is stored in BF16; "mixed" keeps norms, biases and gates in F32."""
        if self.dtype != "mixed":
            return self.dtype == "BF16"
        return not any(part in tensor for part in ("norm", "bias", "mlp.gate.", "expert_gate"))


def config(hidden, heads, kv, head_dim, vocab, moe, shared, dense=None, layers=2, **rest):
    """A config.json; `rest` adds fields or, where the value is ..., leaves one out."""
    fields = {
        "architectures": ["Qwen2MoeForCausalLM"],
        "model_type": "qwen2_moe",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": head_dim,
        "intermediate_size": dense or shared,
        "moe_intermediate_size": moe,
        "shared_expert_intermediate_size": shared,
        "num_experts": 3,
        "num_experts_per_tok": 1,
        "norm_topk_prob": False,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "max_position_embeddings": 256,
        "use_sliding_window": False,
        "vocab_size": vocab,
        "tie_word_embeddings": False,
        "eos_token_id": vocab - 1,
    }
    fields.update(rest)
    return {key: value for key, value in fields.items() if value is not ...}


CASES = [
    Case(
        "top1-norm",
        "the shape of FPMoE in small: top-1, renormalised, so that every weight is 1; tied",
        config(50, 4, 1, 12, 101, 37, 37, num_experts_per_tok=1, norm_topk_prob=True,
               tie_word_embeddings=True, fpmoe=NAMES, torch_dtype="float32"),
    ),
    Case(
        "top1-raw",
        "top-1 weighted by its probability; one query head per KV head; no head_dim field",
        config(72, 6, 6, ..., 128, 24, 40, rope_theta=10000.0, torch_dtype="bfloat16"),
        dtype="BF16",
    ),
    Case(
        "top2-norm",
        "top-2 of 3, renormalised; two shards with an index",
        config(36, 4, 2, 16, 259, 21, 37, num_experts_per_tok=2, norm_topk_prob=True,
               fpmoe=NAMES),
        shards=2,
    ),
    Case(
        "top2-raw",
        "top-2 of 3 weighted by the plain softmax; three query heads per KV head; tied",
        config(100, 3, 1, 20, 101, 25, 90, num_experts_per_tok=2, tie_word_embeddings=True,
               rope_theta=10000.0, fpmoe=NAMES),
        dtype="BF16",
    ),
    Case(
        "sparse-step",
        "decoder_sparse_step 2: dense, sparse, dense, sparse; fused expert tensors",
        config(40, 4, 2, 12, 128, 21, 27, 50, layers=4, decoder_sparse_step=2,
               norm_topk_prob=True, fpmoe=NAMES),
        fused=True,
    ),
    Case(
        "dense-listed",
        "mlp_only_layers makes layers 0 and 3 dense; fields left to their defaults",
        config(44, 2, 2, 20, 101, 22, 18, 45, layers=4, num_experts_per_tok=2,
               mlp_only_layers=[0, 3], tie_word_embeddings=..., rope_theta=..., hidden_act=...,
               decoder_sparse_step=..., norm_topk_prob=..., use_sliding_window=...,
               rms_norm_eps=..., eos_token_id=...),
        dtype="BF16",
    ),
    Case(
        "sliding",
        "use_sliding_window, window 9: max_window_layers 3 of 4 makes layers 0 and 2 slide; tied",
        config(36, 6, 2, 12, 101, 19, 23, layers=4, num_experts_per_tok=2, norm_topk_prob=True,
               use_sliding_window=True, sliding_window=9, max_window_layers=3,
               tie_word_embeddings=True),
        dtype="mixed",
    ),
    Case(
        "layer-types",
        "the form transformers 5 saves: layer_types (only layer 1 slides, window 40), "
        "rope_parameters, dtype; fused expert tensors",
        config(50, 4, 1, 20, 128, 37, 16, layers=2, num_experts_per_tok=2,
               use_sliding_window=True, sliding_window=40, max_window_layers=28,
               layer_types=["full_attention", "sliding_attention"], rope_theta=...,
               rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"},
               tie_word_embeddings=True, dtype="bfloat16", fpmoe=NAMES),
        dtype="BF16",
        fused=True,
    ),
    Case(
        "five-experts",
        "top-3 of 5, not renormalised; no QKV bias; sparse step and listed layers together; "
        "RMS epsilon 1e-5; two shards",
        config(54, 8, 2, 8, 259, 13, 31, 41, layers=4, num_experts=5, num_experts_per_tok=3,
               decoder_sparse_step=2, mlp_only_layers=[1], qkv_bias=False, rope_theta=10000.0,
               rms_norm_eps=1e-5, torch_dtype="bfloat16"),
        dtype="BF16",
        shards=2,
    ),
    Case(
        "mixed-dtypes",
        "matrices in BF16, norms, biases and gates in F32; three query heads per KV head; untied",
        config(70, 6, 2, 10, 128, 37, 53, num_experts_per_tok=1, norm_topk_prob=True,
               torch_dtype="bfloat16", fpmoe=NAMES),
        dtype="mixed",
    ),
]


def family(architecture, model_type, hidden, heads, kv, vocab, width, layers=2, **rest):
    """A config.json of another architecture; `rest` as above."""
    fields = {
        "architectures": [architecture + "ForCausalLM"],
        "model_type": model_type,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "intermediate_size": width,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "max_position_embeddings": 256,
        "vocab_size": vocab,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    fields.update(rest)
    return {key: value for key, value in fields.items() if value is not ...}


CASES += [
    Case(
        "llama-3",
        "Llama with llama3 scaling of an original context of 48 and biases everywhere in attention",
        family("Llama", "llama", 40, 4, 2, 67, 52, attention_bias=True, mlp_bias=False,
               pretraining_tp=1, rope_theta=500000.0, rope_scaling={
                   "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                   "high_freq_factor": 4.0, "original_max_position_embeddings": 48}),
        traps={"rope_scaling": None, "rope_theta": 10000.0},
    ),
    Case(
        "llama-linear",
        "Llama with linear scaling, the older form of it; tied, with the embedding stored twice",
        family("Llama", "llama", 36, 3, 3, 72, 50, layers=3, tie_word_embeddings=True,
               rope_scaling={"type": "linear", "factor": 4.0}),
        dtype="BF16",
        twice=True,
        traps={"rope_scaling": None},
    ),
    Case(
        "mistral",
        "Mistral: a window of 11 in all layers, heads wider than hidden / heads",
        family("Mistral", "mistral", 44, 4, 2, 67, 37, head_dim=14, sliding_window=11),
        dtype="BF16",
        traps={"sliding_window": None},
    ),
    Case(
        "qwen2",
        "Qwen2: yarn of factor 4, layers from max_window_layers 1 on slide; two shards",
        family("Qwen2", "qwen2", 48, 6, 2, 67, 38, layers=3, rope_theta=1000000.0,
               use_sliding_window=True, sliding_window=13, max_window_layers=1,
               rope_scaling={"type": "yarn", "factor": 4.0,
                             "original_max_position_embeddings": 48}),
        dtype="BF16",
        shards=2,
        traps={"rope_scaling": None, "max_window_layers": 2, "use_sliding_window": False},
    ),
    Case(
        "qwen3",
        "Qwen3: norms of heads, head_dim 14, biases; layer_types, rope_parameters; tied",
        family("Qwen3", "qwen3", 40, 4, 2, 67, 43, head_dim=14, attention_bias=True,
               tie_word_embeddings=True, use_sliding_window=True, sliding_window=21,
               max_window_layers=2, layer_types=["sliding_attention", "full_attention"],
               rope_theta=..., rope_parameters={"rope_type": "default", "rope_theta": 1e6}),
        dtype="BF16",
        traps={"rms_norm_eps": 1e-1, "layer_types": ["full_attention", "sliding_attention"]},
    ),
    Case(
        "mixtral",
        "Mixtral: top-2 of 4, experts as w1, w2 and w3; rope_theta left to its default of 10^6",
        family("Mixtral", "mixtral", 40, 4, 2, 67, 21, num_local_experts=4, num_experts_per_tok=2,
               sliding_window=None, rope_theta=..., router_jitter_noise=0.0),
        dtype="BF16",
        traps={"rope_theta": 10000.0, "num_experts_per_tok": 1},
    ),
    Case(
        "mixtral-window",
        "Mixtral: a window of 17 in all layers, head_dim 14, fused expert tensors",
        family("Mixtral", "mixtral", 44, 6, 3, 67, 22, num_local_experts=3, num_experts_per_tok=2,
               head_dim=14, sliding_window=17),
        dtype="BF16",
        fused=True,
        traps={"sliding_window": None},
    ),
    Case(
        "qwen3-moe",
        "Qwen3-MoE: top-3 of 6, renormalised; norms of heads; layer 1 of 3 is dense",
        family("Qwen3Moe", "qwen3_moe", 36, 4, 2, 67, 47, layers=3, head_dim=16, num_experts=6,
               num_experts_per_tok=3, norm_topk_prob=True, moe_intermediate_size=13,
               mlp_only_layers=[1], decoder_sparse_step=1, max_window_layers=3,
               use_sliding_window=False, sliding_window=None),
        dtype="BF16",
        traps={"norm_topk_prob": False},
    ),
    Case(
        "qwen3-moe-raw",
        "Qwen3-MoE: top-2 of 5, not renormalised; a window of 20 in all layers, biases; fused",
        family("Qwen3Moe", "qwen3_moe", 44, 6, 2, 67, 47, head_dim=10, num_local_experts=5,
               num_experts_per_tok=2, norm_topk_prob=False, moe_intermediate_size=18,
               attention_bias=True, use_sliding_window=True, sliding_window=20),
        dtype="BF16",
        fused=True,
        traps={"norm_topk_prob": True, "use_sliding_window": False},
    ),
    Case(
        "olmoe",
        "OLMoE: top-3 of 5, not renormalised; norms of whole rows, clip_qkv cuts; grouped heads",
        family("Olmoe", "olmoe", 48, 4, 2, 67, 19, num_experts=5, num_experts_per_tok=3,
               norm_topk_prob=False, clip_qkv=0.75),
        dtype="BF16",
        traps={"clip_qkv": None, "norm_topk_prob": True},
    ),
    Case(
        "granite-moe",
        "GraniteMoe: top-2 of 4, all four multipliers; tied",
        family("GraniteMoe", "granitemoe", 40, 4, 2, 67, 22, num_local_experts=4,
               num_experts_per_tok=2, embedding_multiplier=6.0, residual_multiplier=0.4,
               attention_multiplier=0.15, logits_scaling=3.0, tie_word_embeddings=True,
               attention_bias=False),
        dtype="BF16",
        traps={"embedding_multiplier": 1.0, "residual_multiplier": 1.0,
               "attention_multiplier": 0.32, "logits_scaling": 1.0},
    ),
    Case(
        "granite-moe-shared",
        "GraniteMoeShared: a shared network without a gate, biases; the names of transformers 5",
        family("GraniteMoeShared", "granitemoeshared", 48, 4, 1, 67, 19, num_local_experts=4,
               num_experts_per_tok=2, shared_intermediate_size=27, embedding_multiplier=3.0,
               residual_multiplier=0.5, attention_multiplier=0.2, logits_scaling=0.5,
               attention_bias=True, rope_parameters={
                   "rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}, rope_theta=...),
        dtype="BF16",
        fused=True,
        traps={"residual_multiplier": 1.0},
    ),
    Case(
        "deepseek-v2-lite",
        "DeepSeek-V2 without a latent of queries; greedy top-3 of 6, yarn with mscale, layer 0 dense",
        family("DeepseekV2", "deepseek_v2", 36, 3, 3, 67, 41, num_experts_per_tok=3,
               q_lora_rank=None, kv_lora_rank=18, qk_nope_head_dim=10, qk_rope_head_dim=8,
               v_head_dim=14, n_routed_experts=6, n_shared_experts=2, moe_intermediate_size=9,
               first_k_dense_replace=1, moe_layer_freq=1, n_group=1, topk_group=1,
               topk_method="greedy", scoring_func="softmax", norm_topk_prob=False,
               routed_scaling_factor=1.0, rope_scaling={
                   "type": "yarn", "factor": 8.0, "mscale": 0.707, "mscale_all_dim": 0.707,
                   "beta_fast": 32, "beta_slow": 1, "original_max_position_embeddings": 32}),
        dtype="BF16",
        traps={"rope_scaling": None},
    ),
    Case(
        "deepseek-v2",
        "DeepSeek-V2: latents of queries and keys, biases; top-3 of the best 2 of 3 groups, times 2.5",
        family("DeepseekV2", "deepseek_v2", 40, 4, 4, 67, 33, num_experts_per_tok=3,
               q_lora_rank=14, kv_lora_rank=12, qk_nope_head_dim=6, qk_rope_head_dim=8,
               v_head_dim=10, n_routed_experts=6, n_shared_experts=1, moe_intermediate_size=13,
               first_k_dense_replace=0, n_group=3, topk_group=2,
               topk_method="group_limited_greedy", norm_topk_prob=False, attention_bias=True,
               routed_scaling_factor=2.5, rope_scaling={
                   "type": "yarn", "factor": 4.0, "mscale": 1.0, "mscale_all_dim": 0.5,
                   "original_max_position_embeddings": 64}),
        dtype="BF16",
        traps={"topk_group": 3, "routed_scaling_factor": 1.0, "rope_scaling": None},
    ),
]

# Wide enough for two and four ranks, which the cases above are not.
CASES += [
    Case(
        "split-qwen2-moe",
        "four ranks of the shape of FPMoE: two KV heads that ranks share; the last rank has zeros "
        "alone of the shared expert; tied",
        config(20, 4, 2, 16, 101, 100, 70, norm_topk_prob=True, tie_word_embeddings=True,
               torch_dtype="bfloat16", fpmoe=NAMES),
        dtype="BF16",
    ),
    Case(
        "split-mixtral",
        "four ranks of Mixtral, also in int8: one KV head that all share, a window of 17",
        family("Mixtral", "mixtral", 24, 4, 1, 67, 97, num_local_experts=3, num_experts_per_tok=2,
               head_dim=32, sliding_window=17),
        dtype="BF16",
        fused=True,
        traps={"sliding_window": None},
    ),
    Case(
        "split-mistral",
        "four ranks of Mistral, also in int8: two KV heads that ranks share, a window of 11",
        family("Mistral", "mistral", 40, 8, 2, 101, 100, head_dim=16, sliding_window=11),
        dtype="BF16",
        traps={"sliding_window": None},
    ),
    Case(
        "split-qwen3-moe",
        "four ranks of Qwen3-MoE: norms of heads, biases; narrow experts, a wide dense layer",
        family("Qwen3Moe", "qwen3_moe", 24, 4, 4, 67, 130, head_dim=16, num_experts=5,
               num_experts_per_tok=3, norm_topk_prob=False, moe_intermediate_size=40,
               mlp_only_layers=[1], decoder_sparse_step=1, attention_bias=True,
               use_sliding_window=False, sliding_window=None),
        dtype="BF16",
        traps={"norm_topk_prob": True, "rms_norm_eps": 1e-1},
    ),
    Case(
        "split-olmoe",
        "four ranks of OLMoE: norms of whole rows over ranks, clip_qkv cuts",
        family("Olmoe", "olmoe", 64, 4, 4, 40, 36, num_experts=3, num_experts_per_tok=2,
               norm_topk_prob=False, clip_qkv=0.75),
        dtype="BF16",
        traps={"clip_qkv": None, "norm_topk_prob": True},
    ),
    Case(
        "split-granite-moe-shared",
        "four ranks of GraniteMoeShared: all four multipliers, biases, a shared network",
        family("GraniteMoeShared", "granitemoeshared", 64, 4, 2, 67, 16, num_local_experts=3,
               num_experts_per_tok=2, shared_intermediate_size=40, embedding_multiplier=3.0,
               residual_multiplier=0.5, attention_multiplier=0.2, logits_scaling=0.5,
               attention_bias=True),
        dtype="BF16",
        fused=True,
        traps={"embedding_multiplier": 1.0, "residual_multiplier": 1.0,
               "attention_multiplier": 0.32, "logits_scaling": 1.0},
    ),
    Case(
        "split-deepseek-v2",
        "four ranks of DeepSeek-V2: latents that each has whole, values wider than keys, biases; "
        "groups of experts; layer 0 dense",
        family("DeepseekV2", "deepseek_v2", 28, 4, 4, 67, 130, num_experts_per_tok=3,
               q_lora_rank=14, kv_lora_rank=12, qk_nope_head_dim=6, qk_rope_head_dim=8,
               v_head_dim=16, n_routed_experts=6, n_shared_experts=1, moe_intermediate_size=40,
               first_k_dense_replace=1, n_group=3, topk_group=2,
               topk_method="group_limited_greedy", norm_topk_prob=False, attention_bias=True,
               routed_scaling_factor=2.5, rope_scaling={
                   "type": "yarn", "factor": 4.0, "mscale": 1.0, "mscale_all_dim": 0.5,
                   "original_max_position_embeddings": 64}),
        dtype="BF16",
        traps={"topk_group": 3, "routed_scaling_factor": 1.0, "rope_scaling": None},
    ),
]
