"""Tells whether two states of training are the same, bit by bit.

    same-state.py STATE STATE
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import sys

import torch


def flat(value, path=""):
    if isinstance(value, dict):
        return {k: v for key, part in value.items()
                for k, v in flat(part, f"{path}/{key}").items()}
    if isinstance(value, (list, tuple)):
        return flat(dict(enumerate(value)), path)
    return {path: value}


def same(a, b):
    return torch.equal(a, b) if torch.is_tensor(a) else a == b


first, second = (flat(torch.load(path)) for path in sys.argv[1:])
different = sorted(key for key in first.keys() | second.keys()
                   if not same(first.get(key), second.get(key)))
moved = sum(bool(v.any()) for k, v in first.items() if k.startswith("/average") and
            "lora_B" in k)
print("different: " + ", ".join(different) if different else
      f"the same: step {first['/step']}, {len(first)} values, {moved} moved factors")
