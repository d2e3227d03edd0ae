#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every wrong config.json, generation_config.json and fpmoe.toml is refused:
WORK-FOLDER [CASE...] [-v]."""

import pathlib
import sys

from badinput import GOLDEN, run

NAME = "config.json"
FILE = rf"^error: \S*/{NAME}:(\d+:\d+:)? "
SIZES = ["hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
         "intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size",
         "num_experts", "num_experts_per_tok", "vocab_size", "max_position_embeddings",
         "decoder_sparse_step"]


def put(**fields):
    return lambda model: model.json(NAME, lambda config: config.update(fields))


def drop(field):
    return lambda model: model.json(NAME, lambda config: config.pop(field) and None)


def write(name, data):
    return lambda model: model.path(name).write_bytes(data)


CASES = [
    ("missing", lambda model: model.path(NAME).unlink(), r"/model: has no config\.json"),
    ("empty", write(NAME, b""), FILE),
    ("cut", lambda model: model.cut(NAME, 100), FILE),
    ("no object", write(NAME, b"[]"), FILE),
    ("pointer of git lfs", write(NAME, b"version https://git-lfs.github.com/spec/v1\n"
                                       b"oid sha256:00\nsize 9\n"), [FILE, "git lfs pull"]),
    ("not UTF-8", lambda model: model.replace(NAME, b"silu", b"si\xfflu"), [FILE, "UTF-8"]),
    ("nested", write(NAME, b'{"a":' + b"[" * 100000), FILE),
    ("field twice", lambda model: model.replace(NAME, b'"num_experts": 3', b'"num_experts": 3,'
                                                b'"num_experts": 4'), [FILE, "num_experts"]),
    ("NaN", lambda model: model.replace(NAME, b"1e-06", b"NaN"), FILE),
    ("text after the end", lambda model: write(NAME, model.path(NAME).read_bytes() + b"}")(model),
     FILE),
    ("architecture unknown", put(architectures=["GPT2LMHeadModel"]),
     [FILE, "GPT2LMHeadModel", "Qwen2MoeForCausalLM"]),
    ("architectures empty", put(architectures=[]), [FILE, "architectures"]),
    ("architecture missing", drop("architectures"), [FILE, "architectures"]),
    ("field unknown", put(logit_softcap=30.0), [FILE, "logit_softcap"]),
    ("activation", put(hidden_act="gelu"), [FILE, "hidden_act", "gelu", "silu"]),
    ("RoPE scaling", put(rope_scaling={"type": "longrope", "factor": 4.0}),
     [FILE, "rope_scaling", "longrope"]),
    ("quantised", put(quantization_config={"quant_method": "gptq"}), [FILE, "quantization_config"]),
    ("heads no divisor", put(num_attention_heads=5), [FILE, "num_attention_heads", "5", "6"]),
    ("KV heads no divisor", put(num_key_value_heads=4), [FILE, "num_key_value_heads", "6", "4"]),
    ("more chosen than there are", put(num_experts_per_tok=4),
     [FILE, "num_experts_per_tok", "4", "3"]),
    ("layer beyond the last", put(mlp_only_layers=[2]), [FILE, "mlp_only_layers", "2"]),
    ("layer negative", put(mlp_only_layers=[-1]), [FILE, "mlp_only_layers", "-1"]),
    ("layers no list", put(mlp_only_layers=1), [FILE, "mlp_only_layers"]),
    ("truth a number", put(norm_topk_prob=1), [FILE, "norm_topk_prob"]),
    ("truth a text", put(tie_word_embeddings="true"), [FILE, "tie_word_embeddings"]),
    ("epsilon zero", put(rms_norm_eps=0), [FILE, "rms_norm_eps"]),
    ("epsilon negative", put(rms_norm_eps=-1e-6), [FILE, "rms_norm_eps"]),
    ("epsilon a text", put(rms_norm_eps="small"), [FILE, "rms_norm_eps"]),
    ("theta zero", put(rope_theta=0), [FILE, "rope_theta"]),
    ("theta infinite", lambda model: model.replace(NAME, b"10000.0", b"1e999"), FILE),
    ("end beyond the vocabulary", put(eos_token_id=128), [FILE, "eos_token_id", "128"]),
    ("end negative", put(eos_token_id=-1), [FILE, "eos_token_id", "-1"]),
    ("too few names", put(fpmoe={"expert_names": ["a", "b"]}), [FILE, "expert_names", "2", "3"]),
    ("a name twice", put(fpmoe={"expert_names": ["a", "b", "a"]}), [FILE, "expert_names", "'a'"]),
    ("a name empty", put(fpmoe={"expert_names": ["a", "b", ""]}), [FILE, "expert_names"]),
    ("names unknown", put(fpmoe={"expert_name": ["a", "b", "c"]}), [FILE, "expert_name"]),
    ("no shared expert, but its tensors", put(shared_expert_intermediate_size=0),
     ["/model", "shared_expert", r"\[0, 72\]"]),
    ("type of weights", put(torch_dtype="int8"), [FILE, "torch_dtype", "int8"]),
    ("sizes of another model", put(hidden_size=144), ["/model", r"\b144\b", r"\b72\b"]),
    ("generation cut", write("generation_config.json", b'{"temperature": '),
     r"/generation_config\.json:1:17: "),
    ("temperature negative", write("generation_config.json", b'{"temperature": -1}'),
     [r"/generation_config\.json: ", "temperature", "-1"]),
    ("top_p above 1", write("generation_config.json", b'{"top_p": 1.5}'),
     [r"/generation_config\.json: ", "top_p", r"1\.5"]),
    ("end beyond the vocabulary, generation",
     write("generation_config.json", b'{"eos_token_id": [127, 128]}'),
     [r"/generation_config\.json: ", "eos_token_id", "128"]),
    ("TOML", write("fpmoe.toml", b"names = [\n"), r"/fpmoe\.toml:"),
    ("TOML field unknown", write("fpmoe.toml", b"colour = 1\n"), [r"/fpmoe\.toml:", "colour"]),
    ("TOML not UTF-8", write("fpmoe.toml", b"cpu = '\xff'\n"), r"/fpmoe\.toml:"),
]
for size in SIZES:
    for what, value in (("zero", 0), ("negative", -2), ("huge", 2**40), ("beyond 64 bits", 2**70),
                        ("fractional", 2.5), ("a text", "2"), ("null", None), ("a list", [2])):
        if (size, value) in (("num_key_value_heads", None),  # As many as heads.
                             ("shared_expert_intermediate_size", 0)):  # None.
            continue
        named = size if value != 2**70 else "1180591620717411303424"
        CASES.append((f"{size} {what}", put(**{size: value}), [FILE, named]))
# Sizes that no weights contradict must not become an allocation either.
for fields in ({"num_hidden_layers": 2**31}, {"vocab_size": 2**31 - 1, "hidden_size": 2**30},
               {"max_position_embeddings": 2**31 - 1}, {"num_experts": 2**31 - 1},
               {"moe_intermediate_size": 2**31 - 1}, {"hidden_size": 2**20},
               {"num_attention_heads": 2048, "num_key_value_heads": 1}, {"head_dim": 4096},
               {"num_experts_per_tok": 1000, "num_experts": 2000}):
    CASES.append((f"random {fields}", put(**fields), [FILE, next(iter(fields))],
                  "--random-weights=1"))

run(GOLDEN / "top1-raw", CASES, pathlib.Path(sys.argv[1]))
