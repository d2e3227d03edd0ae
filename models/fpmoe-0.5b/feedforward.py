"""A feed-forward network with low-rank adapters, of which each token takes the weighted
mean: what the recipe's shared expert and experts are, while they are trained."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import torch
import torch.nn.functional as F
from torch import nn

RANK, ALPHA = 8, 16
SCALE = ALPHA / RANK
PROJECTIONS = ["gate_proj", "up_proj", "down_proj"]


class Mean(torch.autograd.Function):
    """The mean of a frozen network with each of several adapters folded in.

    Folding leaves most of the work the same, so that it is done once: gate and up
    projections differ by low-rank terms, and the down projection is linear. Only the two
    projections are kept for the backward pass. `factors` are A and B of gate, up and down
    projection for each adapter.
    """

    @staticmethod
    def forward(context, x, network, *factors):
        gate, up = F.linear(x, network.gate_proj.weight), F.linear(x, network.up_proj.weight)
        count = len(factors) // 6
        total, low = 0, 0
        for ag, bg, au, bu, ad, bd in zip(*[iter(factors)] * 6):
            hidden = F.silu(torch.addmm(gate, x @ ag.t(), bg.t(), alpha=SCALE), inplace=True)
            hidden *= torch.addmm(up, x @ au.t(), bu.t(), alpha=SCALE)
            low = low + (hidden @ ad.t()) @ bd.t()
            total = hidden.add_(total)
        context.network = network
        context.save_for_backward(x, gate, up, *factors)
        result = F.linear(total, network.down_proj.weight).div_(count)
        return result.add_(low, alpha=SCALE / count)

    @staticmethod
    def backward(context, gradient):
        x, gate, up, *factors = context.saved_tensors
        network = context.network
        gradient = gradient / (len(factors) // 6)
        dtotal = gradient @ network.down_proj.weight
        dgates, dups, dx, dfactors = 0, 0, 0, []
        for ag, bg, au, bu, ad, bd in zip(*[iter(factors)] * 6):
            xg, xu = x @ ag.t(), x @ au.t()
            g = torch.addmm(gate, xg, bg.t(), alpha=SCALE)
            u = torch.addmm(up, xu, bu.t(), alpha=SCALE)
            silu = F.silu(g)
            hidden = silu * u
            dlow = SCALE * (gradient @ bd)
            dad, dbd = dlow.t() @ hidden, SCALE * (gradient.t() @ (hidden @ ad.t()))
            dhidden = torch.addmm(dtotal, dlow, ad)
            du = silu.mul_(dhidden)
            dg = torch.ops.aten.silu_backward(dhidden.mul_(u), g)
            dxg, dxu = SCALE * (dg @ bg), SCALE * (du @ bu)
            dx = dx + dxg @ ag + dxu @ au
            dfactors += [dxg.t() @ x, SCALE * (dg.t() @ xg), dxu.t() @ x,
                         SCALE * (du.t() @ xu), dad, dbd]
            dgates, dups = dg.add_(dgates), du.add_(dups)
        dx = dx + dgates @ network.gate_proj.weight + dups @ network.up_proj.weight
        return dx, None, *dfactors


class FeedForward(nn.Module):
    """Tokens take the adapters `chosen`, or the first one and the one that the router
    chooses. The recipe does the same: its shared expert is weighed by sigmoid(0) = 1/2,
    and the down projections of the others are halved."""

    def __init__(self, network, adapters):
        super().__init__()
        self.lora_A, self.lora_B = nn.ParameterDict(), nn.ParameterDict()
        for name in PROJECTIONS:
            linear = getattr(network, name)
            setattr(self, name, linear)
            out, into = linear.weight.shape
            factor = torch.empty(adapters, RANK, into)
            self.lora_A[name] = nn.init.uniform_(factor, -into ** -0.5, into ** -0.5)
            self.lora_B[name] = torch.zeros(adapters, out, RANK)
        self.register_buffer("router", torch.zeros(
            adapters - 1, network.gate_proj.weight.shape[1]))
        self.chosen = [0]
        self.inputs = None

    def factors(self, adapter):
        return [matrix[name][adapter].to(self.gate_proj.weight.dtype)
                for name in PROJECTIONS for matrix in (self.lora_A, self.lora_B)]

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        self.inputs = flat.detach()
        if self.chosen is None:
            result = self.routed(flat)
        else:
            result = self.mean(flat, self.chosen)
        return result.view_as(x)

    def mean(self, x, adapters):
        return Mean.apply(x, self, *[f for a in adapters for f in self.factors(a)])

    def routed(self, x):
        best = F.linear(x, self.router.to(x.dtype)).argmax(-1)
        result = torch.empty_like(x)
        for expert in range(len(self.router)):
            rows = best == expert
            result[rows] = self.mean(x[rows], [0, 1 + expert])
        return result

