"""Writes the logits of the exported parts as training computes them, in f32.

    logits.py SOURCE BASE PARTS IDS OUT
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import sys
from pathlib import Path

source, base, parts, ids, out = map(Path, sys.argv[1:])
sys.path.append(str(source / "models/fpmoe-0.5b"))

import torch
from safetensors.torch import load_file

from mixture import Mixture

names = ["shared", "haskell", "ocaml", "scala"]
model = Mixture(base, names, torch.float32)
stored = [load_file(parts / name / "adapter_model.safetensors") for name in names]


def adapters(name):
    """`name` is model.layers.N.mlp.lora_A.up_proj, PEFT's has the factor last."""
    *path, factor, projection = name.split(".")
    key = ".".join(["base_model.model", *path, projection, factor, "weight"])
    return torch.stack([tensors[key] for tensors in stored])


gate = load_file(parts / "gate/model.safetensors")
model.load({name: adapters(name) for name in model.trained()},
           [gate[f"model.layers.{layer}.mlp.gate.weight"]
            for layer in range(len(model.networks))])
with torch.no_grad():
    model.choose(None)
    text = torch.tensor([int(i) for i in ids.read_text().split()])
    logits = model.hidden(text) @ model.head.weight.t()
    logits.numpy().tofile(out)
    routers = torch.stack([network.router for network in model.networks])
    best = torch.bmm(model.inputs(), routers.transpose(1, 2)).argmax(-1)
print("experts of these tokens:", " ".join(
    names[1 + e] for e in sorted(set(best.flatten().tolist()))))
