"""Writes a nano model as a Hugging Face directory: Qwen2ForCausalLM when it is
dense, Qwen2MoeForCausalLM when it is a mixture."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import json
import shutil

import torch
from safetensors.torch import save_file


def config(shape, expert_names):
    common = {
        "attention_dropout": 0.0,
        "bos_token_id": None,
        "dtype": "bfloat16",
        "eos_token_id": shape.vocab - 1,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initializer_range": 0.02,
        "intermediate_size": shape.feed_forward,
        "max_position_embeddings": shape.context,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "rms_norm_eps": shape.rms_eps,
        "rope_theta": shape.rope_theta,
        "tie_word_embeddings": True,
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": shape.vocab,
    }
    if not expert_names:
        return {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", **common}
    return {
        "architectures": ["Qwen2MoeForCausalLM"], "model_type": "qwen2_moe", **common,
        "decoder_sparse_step": 1,
        "fpmoe": {"expert_names": expert_names},
        "mlp_only_layers": [],
        "moe_intermediate_size": shape.feed_forward,
        "norm_topk_prob": True,
        "num_experts": len(expert_names),
        "num_experts_per_tok": 1,
        "qkv_bias": True,
        "shared_expert_intermediate_size": shape.feed_forward,
    }


def write(model, tokenizer_folder, folder, expert_names, changes=None):
    """`expert_names` is None for a dense model. Weights are rounded to bfloat16.
    `changes` are fields of config.json; None takes one away."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.to(torch.bfloat16).contiguous()
               for k, v in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    written = {
        "config.json": {k: v for k, v in {
            **config(model.shape, expert_names), **(changes or {})}.items()
            if v is not None or k not in (changes or {})},
        "generation_config.json": {
            "do_sample": True, "eos_token_id": model.shape.vocab - 1,
            "pad_token_id": model.shape.vocab - 1,
            "temperature": 0.8, "top_k": 40, "top_p": 0.95},
    }
    for name, content in written.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if tokenizer_folder != folder:
            shutil.copyfile(tokenizer_folder / name, folder / name)
