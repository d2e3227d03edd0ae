"""Low-rank adapters on the linear layers of a NanoModel: several at a time, one or
more for each row of a batch, and how PEFT stores them."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import json

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn


class LoraLinear(nn.Module):
    """weight x + alpha / rank * B (A x), with the A and B of each row's adapters."""

    def __init__(self, linear, count, rank, alpha):
        super().__init__()
        out, width = linear.weight.shape
        self.weight = linear.weight.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(count, rank, width))
        self.lora_B = nn.Parameter(torch.zeros(count, out, rank))
        nn.init.uniform_(self.lora_A, -width ** -0.5, width ** -0.5)  # as PEFT does
        self.scale = alpha / rank
        self.choices = []  # each (rows,): the adapter of each row of the batch

    def forward(self, x):
        result = F.linear(x, self.weight)
        for chosen in self.choices:
            low = torch.bmm(x, self.lora_A[chosen].transpose(1, 2))
            result = result + self.scale * torch.bmm(
                low, self.lora_B[chosen].transpose(1, 2))
        return result


class Adapters:
    """`names` of adapters on the modules whose names end in one of `modules`."""

    def __init__(self, model, names, modules, rank=8, alpha=16):
        self.names, self.modules = names, modules
        self.rank, self.alpha = rank, alpha
        self.layers = {}
        model.requires_grad_(False)
        for path, module in list(model.named_modules()):
            parent, _, name = path.rpartition(".")
            if name in modules:
                layer = LoraLinear(module, len(names), rank, alpha)
                setattr(model.get_submodule(parent), name, layer)
                self.layers[path] = layer

    def choose(self, choices):
        """`choices`: lists of adapter names, one name for each row of a batch."""
        for layer in self.layers.values():
            layer.choices = [torch.tensor([self.names.index(n) for n in names])
                             for names in choices]

    def save(self, folder):
        for number, name in enumerate(self.names):
            write(folder / name, {path: (layer.lora_A[number], layer.lora_B[number])
                                  for path, layer in self.layers.items()},
                  self.rank, self.alpha, self.modules)


def write(folder, factors, rank, alpha, modules):
    """Stores one adapter as PEFT does, in bf16. `factors` are {path of the linear
    layer: (A, B)}."""
    tensors = {f"base_model.model.{path}.{name}.weight":
               matrix.detach().to(torch.bfloat16).contiguous()
               for path, pair in factors.items()
               for name, matrix in zip(("lora_A", "lora_B"), pair)}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank,
        "lora_alpha": alpha, "lora_dropout": 0.0, "bias": "none",
        "target_modules": sorted(modules),
        "base_model_name_or_path": "base"}, indent=2) + "\n")
