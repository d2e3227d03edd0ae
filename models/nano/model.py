"""The nano model in plain PyTorch: a Qwen2 decoder whose feed-forward is either
dense or a mixture, written for fast training on one CPU core. Without biases it is a
Mistral, as long as a text is not longer than the sliding window.

Parameter names are those of Hugging Face's Qwen2 and Qwen2-MoE checkpoints, so a
state dict is a checkpoint; export.py writes it in their layout.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Shape:
    vocab: int = 4096
    hidden: int = 256
    layers: int = 4
    heads: int = 8
    kv_heads: int = 2
    head_dim: int = 32
    feed_forward: int = 448
    context: int = 1024
    rope_theta: float = 10000.0
    rms_eps: float = 1e-6
    bias: bool = True


class RMSNorm(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.hidden))
        self.eps = shape.rms_eps

    def forward(self, x):
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (self.weight * wide).to(x.dtype)


class Attention(nn.Module):
    """Causal grouped-query attention with rotary positions; `bias` is on q, k and v."""

    def __init__(self, shape):
        super().__init__()
        self.heads, self.kv_heads = shape.heads, shape.kv_heads
        self.head_dim = shape.head_dim
        width, kv_width = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.hidden, width, bias=shape.bias)
        self.k_proj = nn.Linear(shape.hidden, kv_width, bias=shape.bias)
        self.v_proj = nn.Linear(shape.hidden, kv_width, bias=shape.bias)
        self.o_proj = nn.Linear(width, shape.hidden, bias=False)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape  # x: (batch, tokens, hidden)
        q = self.q_proj(x).view(batch, length, self.heads, self.head_dim)
        k = self.k_proj(x).view(batch, length, self.kv_heads, self.head_dim)
        v = self.v_proj(x).view(batch, length, self.kv_heads, self.head_dim)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        group = self.heads // self.kv_heads
        k = k.repeat_interleave(group, dim=2)
        v = v.repeat_interleave(group, dim=2)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        # On a CPU the backward of attention is twice as fast in f32 as in bf16.
        with torch.autocast("cpu", enabled=False):
            out = F.scaled_dot_product_attention(q.float(), k.float(), v.float(),
                                                 is_causal=True)
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)  # (batch, tokens, heads, head_dim / 2)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class FeedForward(nn.Module):
    """down(silu(gate x) * up x)."""

    def __init__(self, shape):
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Permute(torch.autograd.Function):
    """Rows in another order; the gradient is a gather too, not a scatter."""

    @staticmethod
    def forward(ctx, x, order, back):
        ctx.save_for_backward(back)
        return x.index_select(0, order)

    @staticmethod
    def backward(ctx, grad):
        return grad.index_select(0, ctx.saved_tensors[0]), None, None


class Mixture(nn.Module):
    """Top-1 of the routed experts with weight 1 (softmax, then renormalised over the
    one chosen), plus sigmoid(shared_expert_gate x) times the shared expert."""

    def __init__(self, shape, experts):
        super().__init__()
        self.gate = nn.Linear(shape.hidden, experts, bias=False)
        self.experts = nn.ModuleList(FeedForward(shape) for _ in range(experts))
        self.shared_expert = FeedForward(shape)
        self.shared_expert_gate = nn.Linear(shape.hidden, 1, bias=False)
        self.forced = None  # (tokens,) expert of each token, instead of the gate's
        self.gate_logits = None  # (tokens, experts) of the last forward

    def forward(self, x):
        shape = x.shape
        x = x.reshape(-1, shape[-1])
        self.gate_logits = self.gate(x).float()
        chosen = self.forced if self.forced is not None else self.gate_logits.argmax(-1)
        # Tokens in the order of their expert, so that each expert sees one block.
        order = torch.argsort(chosen, stable=True)
        back = torch.argsort(order)
        counts = torch.bincount(chosen, minlength=len(self.experts)).tolist()
        parts = Permute.apply(x, order, back).split(counts)
        routed = torch.cat([e(p) for e, p in zip(self.experts, parts)])
        routed = Permute.apply(routed, back, order)
        shared = torch.sigmoid(self.shared_expert_gate(x)) * self.shared_expert(x)
        return (routed + shared).reshape(shape)


class Layer(nn.Module):
    def __init__(self, shape, experts):
        super().__init__()
        self.input_layernorm = RMSNorm(shape)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RMSNorm(shape)
        self.mlp = Mixture(shape, experts) if experts else FeedForward(shape)

    def attend(self, x, cos, sin):
        """The residual stream after attention and what the feed-forward reads."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x, self.post_attention_layernorm(x)

    def forward(self, x, cos, sin):
        x, normal = self.attend(x, cos, sin)
        return x + self.mlp(normal)


class TiedCrossEntropy(torch.autograd.Function):
    """Summed cross entropy of softmax(hidden @ weight^T), in blocks of tokens whose
    gradients are made in the forward pass: the [tokens, vocabulary] logits never
    exist as a whole."""

    BLOCK = 1024

    @staticmethod
    def forward(ctx, hidden, weight, targets):
        low = hidden.dtype
        w = weight.to(low)
        total = torch.zeros((), dtype=torch.float64)
        hidden_grad, weight_grad = torch.empty_like(hidden), torch.zeros_like(weight)
        for i in range(0, hidden.shape[0], TiedCrossEntropy.BLOCK):
            rows = slice(i, i + TiedCrossEntropy.BLOCK)
            target = targets[rows, None]
            log_p = torch.log_softmax((hidden[rows] @ w.t()).float(), -1)
            total -= log_p.gather(1, target).sum()
            p = log_p.exp_()
            p.scatter_add_(1, target, torch.full(target.shape, -1.0))
            p = p.to(low)
            hidden_grad[rows] = p @ w
            if ctx.needs_input_grad[1]:
                weight_grad += p.t() @ hidden[rows]
        ctx.save_for_backward(hidden_grad, weight_grad)
        return total.float()

    @staticmethod
    def backward(ctx, grad):
        hidden_grad, weight_grad = ctx.saved_tensors
        return hidden_grad * grad.to(hidden_grad.dtype), weight_grad * grad, None


class Decoder(nn.Module):
    def __init__(self, shape, experts):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab, shape.hidden)
        self.layers = nn.ModuleList(Layer(shape, experts) for _ in range(shape.layers))
        self.norm = RMSNorm(shape)


class NanoModel(nn.Module):
    """`experts` = 0 gives the dense model. Embedding and output matrix are one."""

    def __init__(self, shape, experts=0):
        super().__init__()
        self.shape, self.experts, self.compiled = shape, experts, False
        self.model = Decoder(shape, experts)
        half = shape.head_dim // 2
        frequency = shape.rope_theta ** (-torch.arange(half).float() / half)
        angle = torch.arange(shape.context).float()[:, None, None] * frequency
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def initialize(self, seed):
        generator = torch.Generator().manual_seed(seed)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                std = 0.02
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    std /= (2 * self.shape.layers) ** 0.5
                nn.init.normal_(p, std=std, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(p)
        return self

    def hidden(self, ids):
        """(batch, tokens) ids to the normalised (batch, tokens, hidden)."""
        x = self.model.embed_tokens(ids)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))
        length = ids.shape[1]
        cos, sin = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        return self.model.norm(x)

    def forward(self, ids):
        return F.linear(self.hidden(ids), self.model.embed_tokens.weight)

    def loss(self, ids):
        """Mean cross entropy of each token given those before it, in nats."""
        hidden = self.hidden(ids[:, :-1])
        targets = ids[:, 1:].reshape(-1)
        total = TiedCrossEntropy.apply(hidden.reshape(-1, hidden.shape[-1]),
                                       self.model.embed_tokens.weight, targets)
        return total / targets.numel()

    def compile(self):
        """Compiles what has static shapes; the tokens of an expert have not."""
        self.compiled = True
        if not self.experts:
            self.hidden = torch.compile(self.hidden, dynamic=False)
            return self
        for layer in self.model.layers:
            layer.attend = torch.compile(layer.attend, dynamic=False)
            for block in [*layer.mlp.experts, layer.mlp.shared_expert]:
                block.forward = torch.compile(block.forward, dynamic=True)
        return self

    def mixtures(self):
        return [layer.mlp for layer in self.model.layers if self.experts]

    def route_by(self, experts_of_tokens):
        """Sends tokens to the given experts; None gives the choice to the gate."""
        for mixture in self.mixtures():
            mixture.forced = experts_of_tokens
