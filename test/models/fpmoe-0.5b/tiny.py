"""A random Qwen2 of some thousand parameters as base, and the held-out sample of the nano
model as its texts.

    tiny.py SOURCE BASE CACHE
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import shutil
import sys
from pathlib import Path

source, base, cache = map(Path, sys.argv[1:])
sys.path.append(str(source / "models/fpmoe-0.5b"))

import torch
import transformers

import texts


def texts_of(lang):
    files = sorted((source / "models/nano/heldout" / lang).iterdir())
    return [{"text": file.read_text()} for file in files]


torch.manual_seed(1)
model = transformers.Qwen2ForCausalLM(transformers.Qwen2Config(
    vocab_size=4096, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
    tie_word_embeddings=True, initializer_range=0.1))
with torch.no_grad():  # transformers starts biases with zeros
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.normal_(std=0.1)
model.save_pretrained(base)
for name in ("tokenizer.json", "tokenizer_config.json"):
    shutil.copyfile(source / "models/nano" / name, base / name)
corpus = {lang: {"train": texts_of(lang), "files": texts_of(lang)[:3], "packages": []}
          for lang in texts.LANGUAGES}
texts.tokenize(corpus, base, texts.folder_of(base, cache))
