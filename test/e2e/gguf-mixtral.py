#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes test/golden/mixtral as GGUF in several forms, and compares each with transformers.

    gguf-mixtral.py GOLDEN WORK

The forms: experts stacked, in a file whose name does not end in .gguf; a tensor for each expert, as
older files have them; three parts, of which the second is given.
"""

import json
import pathlib
import struct
import subprocess
import sys

U16, U32, I32, F32, STRING = 2, 4, 5, 6, 8
PACK = {U16: "<H", U32: "<I", I32: "<i", F32: "<f"}
BF16 = 30
NAMES = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
         "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "block_sparse_moe.gate": "ffn_gate_inp"}
MATRICES = {"w1": "ffn_gate", "w2": "ffn_down", "w3": "ffn_up"}
WHOLE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
         "lm_head.weight": "output.weight"}


def read_safetensors(path):
    """Shape and bytes of each tensor, which are all BF16."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            assert entry["dtype"] == "BF16"
            begin, end = (start + offset for offset in entry["data_offsets"])
            yield name, entry["shape"], data[begin:end]


def neighbours(shape, data, heads):
    """Rows that a rotation takes together, halves of a head, side by side."""
    rows, row = shape[0], len(data) // shape[0]
    half = rows // heads // 2
    order = [head * 2 * half + which * half + i
             for head in range(heads) for i in range(half) for which in range(2)]
    return b"".join(data[i * row:(i + 1) * row] for i in order)


def tensors(golden, config, stacked):
    """The tensors under their GGUF names."""
    found, experts = {}, {}
    for name, shape, data in read_safetensors(golden / "model.safetensors"):
        if name in WHOLE:
            found[WHOLE[name]] = shape, data
            continue
        layer, role = name.removeprefix("model.layers.").removesuffix(".weight").split(".", 1)
        if ".experts." in role:
            expert, matrix = role.rsplit(".", 2)[1:]
            experts[f"blk.{layer}.{MATRICES[matrix]}", int(expert)] = shape, data
            continue
        if "q_proj" in role:
            data = neighbours(shape, data, config["num_attention_heads"])
        if "k_proj" in role:
            data = neighbours(shape, data, config["num_key_value_heads"])
        found[f"blk.{layer}.{NAMES[role]}.weight"] = shape, data
    for (name, expert), (shape, data) in sorted(experts.items()):
        if stacked:
            before = found.get(name + "_exps.weight", (None, b""))[1]
            found[name + "_exps.weight"] = [expert + 1, *shape], before + data
        else:
            found[f"{name}.{expert}.weight"] = shape, data
    return found


def string(text):
    return struct.pack("<Q", len(text)) + text.encode()


def write(path, keys, found):
    out = b"GGUF" + struct.pack("<IQQ", 3, len(found), len(keys))
    for key, kind, value in keys:
        out += string(key) + struct.pack("<I", kind)
        out += string(value) if kind == STRING else struct.pack(PACK[kind], value)
    data = b""
    for name, (shape, values) in found.items():
        out += string(name) + struct.pack("<I", len(shape))
        out += b"".join(struct.pack("<Q", extent) for extent in reversed(shape))
        out += struct.pack("<IQ", BF16, len(data))
        data += values + b"\0" * (-len(values) % 32)
    path.write_bytes(out + b"\0" * (-len(out) % 32) + data)


def hyperparameters(config):
    return [("general.architecture", STRING, "llama"),
            ("llama.block_count", U32, config["num_hidden_layers"]),
            ("llama.context_length", U32, config["max_position_embeddings"]),
            ("llama.embedding_length", U32, config["hidden_size"]),
            ("llama.feed_forward_length", U32, config["intermediate_size"]),
            ("llama.attention.head_count", U32, config["num_attention_heads"]),
            ("llama.attention.head_count_kv", U32, config["num_key_value_heads"]),
            ("llama.attention.layer_norm_rms_epsilon", F32, config["rms_norm_eps"]),
            ("llama.rope.freq_base", F32, 1e6),
            ("llama.expert_count", U32, config["num_local_experts"]),
            ("llama.expert_used_count", U32, config["num_experts_per_tok"])]


def compare(golden, model, work):
    subprocess.run(["fpmoe-compile", model, "--weights=f32", "-o", work / "program"], check=True)
    ids = golden / "ids.txt"
    subprocess.run([work / "program", "score", "--ids", ids, "--logits", work / "logits"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["fpmoe-eval", "--compare", work / "logits", golden / "logits.bin", "--columns",
                    "67", "--tolerance", "1e-4"], check=True)


def main():
    golden, work = map(pathlib.Path, sys.argv[1:])
    work.mkdir(parents=True, exist_ok=True)
    config = json.loads((golden / "config.json").read_text())
    keys, stacked = hyperparameters(config), tensors(golden, config, True)

    write(work / "blob", keys, stacked)
    compare(golden, work / "blob", work)

    write(work / "older.gguf", keys, tensors(golden, config, False))
    compare(golden, work / "older.gguf", work)

    names = list(stacked)
    for part in range(3):
        split = [("split.no", U16, part), ("split.count", U16, 3),
                 ("split.tensors.count", I32, len(names))]
        write(work / f"m-0000{part + 1}-of-00003.gguf", split if part else keys + split,
              {name: stacked[name] for name in names[part::3]})
    compare(golden, work / "m-00002-of-00003.gguf", work)


if __name__ == "__main__":
    main()
