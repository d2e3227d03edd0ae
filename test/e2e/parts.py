#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes small dense models and adapters of random weights, for tests of recipes.

    parts.py DIRECTORY [--type qwen2|mistral] [--hidden N] [--vocabulary N] [--tokenizer FILE] NAME[:SEED] ...

makes DIRECTORY/NAME for each name: config.json and model.safetensors (f32). Weights of a part are
those of seed 0 and, for another seed, a small difference to them.

    parts.py DIRECTORY --adapter-of PART NAME ...

makes LoRA adapters of that part instead. Needs Python alone.
"""

import argparse
import array
import json
import pathlib
import random
import shutil
import struct
import zlib

LAYERS = 2


def save(path, tensors, dtype="F32"):
    """`tensors`: name to (shape, list of numbers)."""
    header, data = {}, bytearray()
    for name, (shape, values) in tensors.items():
        start = len(data)
        raw = array.array("f", values).tobytes()
        if dtype == "BF16":
            raw = b"".join(raw[i + 2:i + 4] for i in range(0, len(raw), 4))
        data += raw
        header[name] = {"dtype": dtype, "shape": list(shape),
                        "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def config(kind, hidden, vocabulary):
    fields = {
        "architectures": [{"qwen2": "Qwen2ForCausalLM",
                           "mistral": "MistralForCausalLM"}[kind]],
        "model_type": kind, "hidden_act": "silu", "hidden_size": hidden,
        "intermediate_size": hidden + 8, "max_position_embeddings": 64,
        "num_attention_heads": 4, "num_hidden_layers": LAYERS, "num_key_value_heads": 2,
        "head_dim": 8, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "tie_word_embeddings": kind == "qwen2", "vocab_size": vocabulary,
    }
    if kind == "mistral":
        fields["sliding_window"] = 16
        fields["max_position_embeddings"] = 32768
    else:
        fields["use_sliding_window"] = False
    return fields


def shapes(kind, fields):
    hidden, width, vocabulary = (fields[k] for k in
                                 ("hidden_size", "intermediate_size", "vocab_size"))
    q, kv = 4 * 8, 2 * 8
    yield "model.embed_tokens.weight", (vocabulary, hidden)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{prefix}{name}.weight", (hidden,)
        for name, rows in (("q", q), ("k", kv), ("v", kv)):
            yield f"{prefix}self_attn.{name}_proj.weight", (rows, hidden)
            if kind == "qwen2":
                yield f"{prefix}self_attn.{name}_proj.bias", (rows,)
        yield f"{prefix}self_attn.o_proj.weight", (hidden, q)
        yield f"{prefix}mlp.gate_proj.weight", (width, hidden)
        yield f"{prefix}mlp.up_proj.weight", (width, hidden)
        yield f"{prefix}mlp.down_proj.weight", (hidden, width)
    yield "model.norm.weight", (hidden,)
    if not fields["tie_word_embeddings"]:
        yield "lm_head.weight", (vocabulary, hidden)


def normal(name, seed, count, mean, deviation):
    source = random.Random(zlib.crc32(name.encode()) * 1000 + seed)
    return [source.gauss(mean, deviation) for _ in range(count)]


def tensors(kind, fields, seed):
    made = {}
    for name, shape in shapes(kind, fields):
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        mean, deviation = (1, 0.1) if "norm" in name else (0, 0.15)
        values = normal(name, 0, count, mean, deviation)
        if seed:
            change = normal(name, seed, count, 0, deviation / 4)
            values = [a + b for a, b in zip(values, change)]
        made[name] = (shape, values)
    return made


def adapter(folder, base, number):
    """Rank 2, on every linear layer."""
    fields = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none",
              "target_modules": "all-linear", "base_model_name_or_path": base.name}
    (folder / "adapter_config.json").write_text(json.dumps(fields, indent=2) + "\n")
    model = json.loads((base / "config.json").read_text())
    made = {}
    for name, shape in shapes(model["model_type"], model):
        module = name[:-len(".weight")]
        if not module.endswith("_proj") or not name.endswith(".weight"):
            continue
        for factor, size in (("A", (2, shape[1])), ("B", (shape[0], 2))):
            key = f"base_model.model.{module}.lora_{factor}.weight"
            made[key] = (size, normal(key, number + 1, size[0] * size[1], 0, 0.1))
    save(folder / "adapter_model.safetensors", made)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--type", choices=["qwen2", "mistral"], default="qwen2")
    parser.add_argument("--adapter-of", metavar="PART")
    parser.add_argument("--hidden", type=int, default=24)
    parser.add_argument("--vocabulary", type=int, default=96)
    parser.add_argument("--tokenizer", type=pathlib.Path)
    parser.add_argument("--dtype", choices=["F32", "BF16"], default="F32")
    parser.add_argument("names", nargs="+", metavar="NAME[:SEED]")
    options = parser.parse_args()
    for number, text in enumerate(options.names):
        name, _, seed = text.partition(":")
        folder = options.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        if options.adapter_of:
            adapter(folder, options.directory / options.adapter_of, number)
            continue
        fields = config(options.type, options.hidden, options.vocabulary)
        (folder / "config.json").write_text(json.dumps(fields, indent=2) + "\n")
        save(folder / "model.safetensors",
             tensors(options.type, fields, int(seed) if seed else number), options.dtype)
        if options.tokenizer:
            shutil.copyfile(options.tokenizer, folder / "tokenizer.json")


if __name__ == "__main__":
    main()
