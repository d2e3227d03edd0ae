"""The mixture while it is trained: the base, frozen, with low-rank adapters on its
feed-forward networks. It computes what the recipe assembles of them.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from torch import nn

from feedforward import FeedForward

HEAD_ROWS = 128  # whose logits are there at a time


def number_type():
    """bf16 where the processor has products of it."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        flags = set()
    return torch.bfloat16 if flags & {"amx_bf16", "avx512_bf16"} else torch.float32


class HeadLoss(torch.autograd.Function):
    """Mean cross entropy of the logits that a frozen head gives. Their gradient is made
    in the same pass, so that all logits are never there at once, nor computed twice."""

    @staticmethod
    def forward(context, hidden, head, targets):
        wanted = context.needs_input_grad[0]
        gradient, total = torch.empty_like(hidden), 0.0
        for start in range(0, len(targets), HEAD_ROWS):
            rows = slice(start, start + HEAD_ROWS)
            places = targets[rows, None]
            logits = F.log_softmax(F.linear(hidden[rows], head).float(), -1)
            total = total - logits.gather(1, places).sum()
            if not wanted:
                continue
            logits.exp_().scatter_add_(1, places, logits.new_full(places.shape, -1.0))
            gradient[rows] = logits.to(head.dtype) @ head
        context.save_for_backward(gradient.div_(len(targets)))
        return total / len(targets)

    @staticmethod
    def backward(context, scale):
        return context.saved_tensors[0] * scale, None, None


class Mixture(nn.Module):
    """`adapters` are names, the first one of which all tokens take; the others are the
    experts."""

    def __init__(self, base, adapters, dtype):
        super().__init__()
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
        model.requires_grad_(False)
        model.config.use_cache = False
        self.adapters, self.experts = adapters, len(adapters) - 1
        self.model, self.head = model.model, model.lm_head
        for layer in self.model.layers:
            layer.mlp = FeedForward(layer.mlp, len(adapters))
        self.networks = [layer.mlp for layer in self.model.layers]
        self.width = model.config.hidden_size

    def choose(self, names):
        """Adapters of all tokens, by name; None lets the router choose the expert."""
        for network in self.networks:
            network.chosen = names and [self.adapters.index(name) for name in names]

    def trained(self):
        """{name: parameter} of the adapters."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def hidden(self, ids):
        return self.model(input_ids=ids[None]).last_hidden_state[0]

    def loss(self, ids):
        """Mean loss of all tokens of a text but the first."""
        return HeadLoss.apply(self.hidden(ids[:-1]), self.head.weight, ids[1:])

    def inputs(self):
        """What the networks read of the last text: (layers, tokens, width)."""
        return torch.stack([network.inputs.float() for network in self.networks])

    def own_share(self, expert):
        """Of the last text's tokens in all layers: how many the routers send there."""
        routers = torch.stack([network.router for network in self.networks])
        best = torch.bmm(self.inputs(), routers.transpose(1, 2)).argmax(-1)
        return (best == expert).float().mean().item()

    @torch.no_grad()
    def load(self, adapters, routers):
        """`adapters` are as trained() names them."""
        for name, p in self.trained().items():
            p.copy_(adapters[name])
        for network, weight in zip(self.networks, routers):
            network.router.copy_(weight)


class Routers:
    """The routers of all layers, learnt apart from the model: softmax regression of the
    text's language from what each layer's networks read."""

    STEPS, ROWS = 8, 512  # of regression, for each step of training

    def __init__(self, layers, experts, width):
        self.weights = torch.zeros(layers, experts, width, requires_grad=True)
        self.optimizer = torch.optim.AdamW([self.weights], lr=1e-2, weight_decay=1e-2)

    def learn(self, inputs, labels, seed, rate):
        """Inputs are (layers, tokens, width), labels (tokens,). Returns the share of
        inputs that had been right before."""
        with torch.no_grad():
            best = torch.bmm(inputs, self.weights.transpose(1, 2)).argmax(-1)
            right = (best == labels).float().mean().item()
        random = torch.Generator().manual_seed(seed)
        self.optimizer.param_groups[0]["lr"] = 1e-2 * rate
        for _ in range(self.STEPS):
            rows = torch.randint(len(labels), (self.ROWS,), generator=random)
            scores = torch.bmm(inputs[:, rows], self.weights.transpose(1, 2))
            # A sum over layers: they do not share a rate.
            loss = len(scores) * F.cross_entropy(
                scores.flatten(0, 1), labels[rows].repeat(len(scores)))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return right
