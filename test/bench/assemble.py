#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures the memory and the time that assembling a mixture from dense parts takes.

    assemble.py [--shape fpmoe-5B] [--work DIRECTORY] [--keep]

Makes four dense checkpoints of the shape, bf16, as files with holes, which read as zeros and take
no room; merges all but the experts by TIES; and writes a program. Needs Python alone, and room for
the program: 10 GB for fpmoe-5B.
"""

import argparse
import json
import os
import pathlib
import shutil
import struct
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXPERTS = ["haskell", "ocaml", "scala"]


def dense_config(mixture):
    fields = {k: mixture[k] for k in
              ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
               "vocab_size", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings")}
    for key in ("head_dim", "rope_theta"):
        if key in mixture:
            fields[key] = mixture[key]
    return {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu",
            "intermediate_size": mixture["moe_intermediate_size"], "use_sliding_window": False,
            **fields}


def shapes(config):
    hidden, width = config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim", hidden // config["num_attention_heads"])
    q, kv = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        for name, rows in (("q", q), ("k", kv), ("v", kv)):
            yield f"{prefix}self_attn.{name}_proj.weight", (rows, hidden)
            yield f"{prefix}self_attn.{name}_proj.bias", (rows,)
        yield f"{prefix}self_attn.o_proj.weight", (hidden, q)
        yield f"{prefix}mlp.gate_proj.weight", (width, hidden)
        yield f"{prefix}mlp.up_proj.weight", (width, hidden)
        yield f"{prefix}mlp.down_proj.weight", (hidden, width)
        yield f"{prefix}input_layernorm.weight", (hidden,)
        yield f"{prefix}post_attention_layernorm.weight", (hidden,)
    yield "model.norm.weight", (hidden,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (config["vocab_size"], hidden)


def write_part(folder, config):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    header, position = {}, 0
    for name, shape in shapes(config):
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": list(shape),
                        "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + position)


def write_recipe(path):
    lines = ['base = "shared"', 'layout = "qwen2_moe"', "[parts]"]
    lines += [f'{name} = "{name}"' for name in ("shared", *EXPERTS)]
    lines += [f'[[experts]]\nname = "{name}"' for name in EXPERTS]
    lines += ['[shared_expert]\npart = "shared"', '[gate]\nmethod = "random"',
              '[merge]\nmethod = "ties"\nparts = [']
    lines += [f'  {{ part = "{name}", density = 0.3 }},' for name in EXPERTS]
    path.write_text("\n".join(lines) + "\n]\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", default="fpmoe-5B")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--fpmoe-compile", default=ROOT / "build/bin/fpmoe-compile")
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(dir=options.work))
    try:
        config = dense_config(json.loads((HERE / options.shape / "config.json").read_text()))
        for name in ("shared", *EXPERTS):
            write_part(work / name, config)
        write_recipe(work / "recipe.toml")
        start = time.time()
        command = [str(options.fpmoe_compile), str(work / "recipe.toml"), "-o",
                   str(work / "program")]
        child = os.posix_spawn(command[0], command, os.environ)
        _, status, usage = os.wait4(child, 0)
        seconds = time.time() - start
        if status:
            return f"fpmoe-compile ended with status {status}"
        size = (work / "program").stat().st_size
        print(f"{options.shape}: {size / 1e9:.1f} GB assembled in {seconds:.0f} s, "
              f"{usage.ru_maxrss / 1024:.0f} MB resident, "
              f"{usage.ru_utime + usage.ru_stime:.0f} s of CPU")
    finally:
        if not options.keep:
            shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
