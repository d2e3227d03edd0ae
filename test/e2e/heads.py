#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Copies a model and stores a head that is not its table of embeddings.

    heads.py FROM TO

Needs Python alone.
"""

import pathlib
import shutil
import sys

import parts
import recipes


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    shutil.copytree(source, target)
    tensors = recipes.load(source / "model.safetensors")
    shape, values = tensors["model.embed_tokens.weight"]
    tensors["lm_head.weight"] = (shape, values[::-1])
    parts.save(target / "model.safetensors", tensors)


if __name__ == "__main__":
    main()
