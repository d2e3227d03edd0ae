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

from feedforward import PROJECTIONS
from mixture import Mixture

names = ["shared", "haskell", "ocaml", "scala"]
model = Mixture(base, names, torch.float32)
gate = load_file(parts / "gate/model.safetensors")
with torch.no_grad():
    for number, name in enumerate(names):
        factors = load_file(parts / name / "adapter_model.safetensors")
        for layer, network in enumerate(model.networks):
            for projection in PROJECTIONS:
                for kind in ("lora_A", "lora_B"):
                    key = f"base_model.model.model.layers.{layer}.mlp.{projection}"
                    getattr(network, kind)[projection][number] = \
                        factors[f"{key}.{kind}.weight"]
    model.set_routers([gate[f"model.layers.{layer}.mlp.gate.weight"]
                       for layer in range(len(model.networks))])
    model.choose(None)
    text = torch.tensor([int(i) for i in ids.read_text().split()])
    logits = model.hidden(text) @ model.head.weight.t()
    logits.numpy().tofile(out)
    routers = torch.stack([network.router for network in model.networks])
    best = torch.bmm(model.inputs(), routers.transpose(1, 2)).argmax(-1)
print("experts of these tokens:", " ".join(
    names[1 + e] for e in sorted(set(best.flatten().tolist()))))
