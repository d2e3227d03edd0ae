"""Writes a GGUF file of a tiny Qwen2 with random blocks of the formats that files of the
base have, and the tokenizer of the nano model.

    quantised.py SOURCE FILE [--head]    with a head apart from the embedding
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Format

HIDDEN, INNER, HEADS, KV_HEADS, VOCABULARY = 256, 512, 4, 2, 4096
# Where the f16 scales of a block are, for a scale of about 0.01.
SCALES = {Format.Q8_0: [0], Format.Q5_0: [0], Format.Q4_K: [0, 2], Format.Q6_K: [208]}
# Of a block's numbers, so that matrices are of one size.
RANGE = {Format.Q8_0: 73, Format.Q5_0: 9, Format.Q4_K: 300, Format.Q6_K: 1370}
MATRICES = {
    "attn_q": (Format.Q5_0, HIDDEN, HIDDEN), "attn_k": (Format.Q8_0, HIDDEN // 2, HIDDEN),
    "attn_v": (Format.Q6_K, HIDDEN // 2, HIDDEN),
    "attn_output": (Format.Q4_K, HIDDEN, HIDDEN), "ffn_gate": (Format.Q4_K, INNER, HIDDEN),
    "ffn_up": (Format.Q6_K, INNER, HIDDEN), "ffn_down": (Format.Q5_0, HIDDEN, INNER)}
random = np.random.default_rng(1)


def blocks(form, rows, columns):
    """Random bits are random numbers of a block, but for its scales."""
    size, length = gguf.GGML_QUANT_SIZES[form]
    found = random.integers(0, 256, (rows * columns // size, length), dtype=np.uint8)
    for place in SCALES[form]:
        scale = random.uniform(0.5, 1.5, len(found)) / RANGE[form] / 16
        found[:, place:place + 2] = scale.astype("<f2").view(np.uint8).reshape(-1, 2)
    return found.reshape(rows, -1)


def main():
    source, path = map(Path, sys.argv[1:3])
    tokenizer = json.loads((source / "models/nano/tokenizer.json").read_text())
    vocabulary = {**tokenizer["model"]["vocab"],
                  **{t["content"]: t["id"] for t in tokenizer["added_tokens"]}}
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_block_count(2)
    writer.add_context_length(256)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(sorted(vocabulary, key=vocabulary.get))
    writer.add_token_types([3 if n == VOCABULARY - 1 else 1 for n in range(VOCABULARY)])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m)
                             for m in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(VOCABULARY - 1)
    writer.add_bos_token_id(VOCABULARY - 1)
    writer.add_tensor("token_embd.weight", blocks(Format.Q8_0, VOCABULARY, HIDDEN),
                      raw_dtype=Format.Q8_0)
    if "--head" in sys.argv:
        writer.add_tensor("output.weight", blocks(Format.Q6_K, VOCABULARY, HIDDEN),
                          raw_dtype=Format.Q6_K)
    vectors = {"attn_norm.weight": HIDDEN, "ffn_norm.weight": HIDDEN, "attn_q.bias": HIDDEN,
               "attn_k.bias": HIDDEN // 2, "attn_v.bias": HIDDEN // 2}
    for layer in range(2):
        for name, (form, rows, columns) in MATRICES.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", blocks(form, rows, columns),
                              raw_dtype=form)
        for name, size in vectors.items():
            writer.add_tensor(f"blk.{layer}.{name}",
                              random.uniform(0.5, 1.5, size).astype(np.float32))
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
