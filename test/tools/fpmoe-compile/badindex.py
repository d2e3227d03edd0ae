#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Wrong indices of sharded checkpoints are refused: WORK-FOLDER [CASE...] [-v]."""

import pathlib
import sys

from badinput import GOLDEN, run

NAME = "model.safetensors.index.json"
FILE = rf"^error: \S*/{NAME}(:\d+:\d+)?: "
FIRST, SECOND = (f"model-0000{i}-of-00002.safetensors" for i in (1, 2))
TENSOR = "lm_head.weight"


def put(**fields):
    return lambda model: model.json(NAME, lambda index: index.update(fields))


def where(tensor, shard):
    return lambda model: model.json(NAME, lambda index: index["weight_map"].update({tensor: shard}))


def everywhere(shard):
    return lambda model: model.json(
        NAME, lambda index: index.update(weight_map={key: shard for key in index["weight_map"]}))


def twice(model):
    """The second shard holds a tensor of the first one too."""
    def change(header, data):
        header[TENSOR] = {"dtype": "F32", "shape": [2],
                          "data_offsets": [len(data), len(data) + 8]}
        return data + bytes(8)
    model.tensors(change, SECOND)


CASES = [
    ("shard missing", lambda model: model.path(SECOND).unlink(), ["/model", SECOND]),
    ("shard cut", lambda model: model.cut(SECOND, -100), [rf"^error: \S*/{SECOND}: "]),
    ("shard empty", lambda model: model.cut(SECOND, 0), [rf"^error: \S*/{SECOND}: ", "0"]),
    ("shard that is not there", where(TENSOR, "model-00003-of-00002.safetensors"),
     ["/model", "model-00003-of-00002.safetensors"]),
    ("tensor in the other shard", where(TENSOR, SECOND), [TENSOR, SECOND]),
    ("tensor in no shard", where("model.extra.weight", FIRST), ["model.extra.weight", FIRST]),
    ("tensor in both shards", twice, [TENSOR]),
    ("outside of the folder", everywhere("../out/x.safetensors"), [FILE, r"\.\./out"]),
    ("absolute", where(TENSOR, "/etc/passwd"), [FILE, "/etc/passwd"]),
    ("shard a folder", where(TENSOR, "."), [FILE]),
    ("shard name empty", where(TENSOR, ""), [FILE]),
    ("shard a number", where(TENSOR, 3), [FILE]),
    ("no map", lambda model: model.json(NAME, lambda index: index.pop("weight_map") and None),
     [FILE, "weight_map"]),
    ("map a list", put(weight_map=[]), [FILE]),
    ("map empty", put(weight_map={}), ["/model"]),
    ("no JSON", lambda model: model.cut(NAME, 300), [FILE]),
    ("empty", lambda model: model.cut(NAME, 0), [FILE]),
]

run(GOLDEN / "five-experts", CASES, pathlib.Path(sys.argv[1]))
