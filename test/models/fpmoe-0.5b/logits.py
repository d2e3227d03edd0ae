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

from mixture import Mixture
from parts import read

state = read(parts)
names = state["names"]
model = Mixture(base, names, torch.float32)
model.load(state["adapters"], state["routers"])
with torch.no_grad():
    model.choose(None)
    text = torch.tensor([int(i) for i in ids.read_text().split()])
    logits = model.hidden(text) @ model.head.weight.t()
    logits.numpy().tofile(out)
    routers = torch.stack([network.router for network in model.networks])
    best = torch.bmm(model.inputs(), routers.transpose(1, 2)).argmax(-1)
print("experts of these tokens:", " ".join(
    names[1 + e] for e in sorted(set(best.flatten().tolist()))))
