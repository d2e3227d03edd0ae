"""Compares the feed-forward networks of training, and their gradients, with networks
that have the adapters folded in; and the loss with that of PyTorch.

    gradients.py SOURCE
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import sys

sys.path.append(sys.argv[1] + "/models/fpmoe-0.5b")

import torch
import torch.nn.functional as F
from torch import nn

from feedforward import PROJECTIONS, SCALE, FeedForward
from mixture import HEAD_ROWS, HeadLoss


def network(width, inner):
    linears = {name: nn.Linear(width, inner, bias=False) for name in PROJECTIONS[:2]}
    return nn.ModuleDict({**linears, "down_proj": nn.Linear(inner, width, bias=False)})


def folded(layer, x, adapter):
    gate, up, down = (getattr(layer, name).weight + SCALE * (
        layer.lora_B[name][adapter] @ layer.lora_A[name][adapter]) for name in PROJECTIONS)
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)


def compare(name, mine, reference, parameters, random, most=1e-10):
    difference = max((a - b).abs().max().item() for a, b in zip(
        [mine, *torch.autograd.grad((mine * random).sum(), parameters)],
        [reference, *torch.autograd.grad((reference * random).sum(), parameters)]))
    print(f"{name}: {'pass' if difference < most else f'FAIL: {difference}'}")


torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
layer = FeedForward(network(12, 20).requires_grad_(False), 4)
for factor in layer.lora_B.values():
    nn.init.normal_(factor)
layer.router.normal_()
x, random = torch.randn(33, 12, requires_grad=True), torch.randn(33, 12)
parameters = [x, *layer.lora_A.values(), *layer.lora_B.values()]

layer.chosen = [0]
compare("one", layer(x), folded(layer, x, 0), parameters, random)
layer.chosen = [0, 3]
compare("two", layer(x), (folded(layer, x, 0) + folded(layer, x, 3)) / 2, parameters, random)
layer.chosen = None
best = F.softmax(x @ layer.router.t(), -1).argmax(-1)
experts = torch.stack([folded(layer, x, n) for n in (1, 2, 3)])[best, torch.arange(33)]
compare("routed", layer(x), (folded(layer, x, 0) + experts) / 2, parameters, random)

rows = 2 * HEAD_ROWS + 5
hidden, head = torch.randn(rows, 12, requires_grad=True), torch.randn(31, 12)
targets = torch.randint(31, (rows,))
compare("head", HeadLoss.apply(hidden, head, targets),
        F.cross_entropy(hidden @ head.t(), targets), [hidden], torch.tensor(3.0),
        1e-6)  # logits are f32, whatever the head is
