"""Tells whether a directory's embedding is the head of the GGUF file that it was made of.

    tied.py FILE DIRECTORY
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import sys
from pathlib import Path

import gguf
from safetensors.numpy import load_file

stored = {t.name: t for t in gguf.GGUFReader(sys.argv[1]).tensors}
made = load_file(Path(sys.argv[2]) / "model.safetensors")
for name in ("output.weight", "token_embd.weight"):
    values = gguf.quants.dequantize(stored[name].data, stored[name].tensor_type)
    print(name, "same" if (values == made["model.embed_tokens.weight"]).all() else "other")
print("lm_head.weight", "there" if "lm_head.weight" in made else "missing")
