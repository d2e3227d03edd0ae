#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the golden checkpoints of MultiPL-MoE, and their logits by both routing rules.

No library has this model, so that it is written down here, in PyTorch: attention as in Qwen2, and
in every layer twelve feed-forward networks that tokens choose, or that choose segments (arXiv
2508.19268). Each case has its own directory:

    config.json, model.safetensors, ids.txt    the model and 130 token ids
    logits.bin, routes.txt    by the causal rule, and the experts of the token level
    whole.bin                 by the published rule, which needs the whole text

    multipl.py            write every case
    multipl.py --check    make them again and compare: the checkpoints byte for byte, the logits
                          within 1e-5 of the largest one
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = 130
TOLERANCE = 1e-5


def config(**fields):
    return {
        "architectures": ["MultiPLMoeForCausalLM"],
        "model_type": "multipl_moe",
        "hidden_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 12,
        "moe_intermediate_size": 21,
        "num_token_experts": 6,
        "num_segment_experts": 6,
        "num_experts_per_tok": 1,
        "segment_length": 8,
        "segment_capacity": 1.0,
        "max_experts_per_segment": 4,
        "token_weight": 0.7,
        "segment_weight": 0.3,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "max_position_embeddings": 256,
        "vocab_size": 101,
        "tie_word_embeddings": True,
        **fields,
    }


CASES = {
    # 16 segments and 2 tokens more; each expert takes 2 of them, and most get one or none.
    "multipl-moe": config(),
    # Each of 5 experts takes 9 of 13 segments, but a segment has at most 2: later experts find
    # their best ones full. Two of three token experts besides the shared one.
    "multipl-crowded": config(
        num_token_experts=4, num_segment_experts=5, num_experts_per_tok=2, segment_length=10,
        segment_capacity=3.6, max_experts_per_segment=2, token_weight=0.6, segment_weight=0.5,
        hidden_size=36, head_dim=10, moe_intermediate_size=32, tie_word_embeddings=False,
        vocab_size=128),
    # Wide enough for --ranks=4, where two ranks share a KV head; segments as in the first.
    "split-multipl": config(
        num_token_experts=3, num_segment_experts=3, hidden_size=20, head_dim=16,
        max_experts_per_segment=2, moe_intermediate_size=33, vocab_size=40),
}


def weights(c, seed):
    random = np.random.RandomState(seed)
    tensors = {}

    def put(name, values):
        tensors[name] = torch.from_numpy(values.astype(np.float32))

    def matrix(name, rows, columns, gain):
        put(name, random.randn(rows, columns) * (gain / np.sqrt(columns)))

    hidden, dim, width = c["hidden_size"], c["head_dim"], c["moe_intermediate_size"]
    experts = c["num_token_experts"] + c["num_segment_experts"]
    put("model.embed_tokens.weight", random.randn(c["vocab_size"], hidden) * 0.8)
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        put(at + "input_layernorm.weight", 1 + 0.35 * random.randn(hidden))
        put(at + "post_attention_layernorm.weight", 1 + 0.35 * random.randn(hidden))
        for which, heads in (("q", c["num_attention_heads"]), ("k", c["num_key_value_heads"]),
                             ("v", c["num_key_value_heads"])):
            matrix(f"{at}self_attn.{which}_proj.weight", heads * dim, hidden, 1.5)
            put(f"{at}self_attn.{which}_proj.bias", random.randn(heads * dim) * 0.5)
        matrix(at + "self_attn.o_proj.weight", hidden, c["num_attention_heads"] * dim, 1.5)
        matrix(at + "mlp.gate.weight", experts, hidden, 1.2)
        for expert in range(experts):
            # What a segment's experts give is divided by its length: make it visible.
            large = 1.8 if expert < c["num_token_experts"] else 1.8 * c["segment_length"]
            matrix(f"{at}mlp.experts.{expert}.gate_proj.weight", width, hidden, 1.6)
            matrix(f"{at}mlp.experts.{expert}.up_proj.weight", width, hidden, 1.3)
            matrix(f"{at}mlp.experts.{expert}.down_proj.weight", hidden, width, large)
    put("model.norm.weight", 1 + 0.35 * random.randn(hidden))
    if not c["tie_word_embeddings"]:
        matrix("lm_head.weight", c["vocab_size"], hidden, 2.0)
    return tensors, random.randint(0, c["vocab_size"], TOKENS)


class Model:
    """The model in f32. `margin` is how close the closest choice of experts was."""

    def __init__(self, c, tensors):
        self.c, self.w, self.margin, self.routes = c, tensors, 1.0, []

    def norm(self, x, name):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.c["rms_norm_eps"])
        return self.w[name] * (x * scale)

    def turn(self, x, positions):
        """Rotary embedding of [tokens, heads, dim]."""
        dim = self.c["head_dim"]
        frequencies = 1 / self.c["rope_theta"] ** (torch.arange(0, dim, 2) / dim)
        angles = (positions[:, None].float() * frequencies)[:, None]
        low, high = x[..., :dim // 2], x[..., dim // 2:]
        return torch.cat([low * angles.cos() - high * angles.sin(),
                          high * angles.cos() + low * angles.sin()], -1)

    def attention(self, n, at, positions, past):
        """Over `past`, (keys, values) of earlier tokens, and the tokens themselves."""
        c, heads = self.c, {}
        for which, count in (("q", c["num_attention_heads"]), ("k", c["num_key_value_heads"]),
                             ("v", c["num_key_value_heads"])):
            name = f"{at}self_attn.{which}_proj."
            made = n @ self.w[name + "weight"].T + self.w[name + "bias"]
            heads[which] = made.view(len(n), count, c["head_dim"])
        q, k = self.turn(heads["q"], positions), self.turn(heads["k"], positions)
        keys, values = torch.cat([past[0], k]), torch.cat([past[1], heads["v"]])
        group = c["num_attention_heads"] // c["num_key_value_heads"]
        scores = torch.einsum("qhd,khd->hqk", q, keys.repeat_interleave(group, 1))
        scores = scores / c["head_dim"] ** 0.5
        seen = torch.arange(len(keys))[None] <= positions[:, None]
        scores = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        out = torch.einsum("hqk,khd->qhd", scores, values.repeat_interleave(group, 1))
        return out.reshape(len(n), -1) @ self.w[at + "self_attn.o_proj.weight"].T, (keys, values)

    def expert(self, x, at, number):
        part = lambda which: self.w[f"{at}mlp.experts.{number}.{which}_proj.weight"].T
        return (torch.nn.functional.silu(x @ part("gate")) * (x @ part("up"))) @ part("down")

    def close(self, ranked, taken):
        """Notes how far the last that is taken is from the first that is not."""
        if 0 < taken < len(ranked):
            self.margin = min(self.margin, (ranked[taken - 1] - ranked[taken]).item())

    def token_level(self, n, at, layer, positions):
        """The shared expert is the last of these; of the others, each token takes the best."""
        c = self.c
        experts, k = c["num_token_experts"], c["num_experts_per_tok"]
        scores = (n @ self.w[at + "mlp.gate.weight"][:experts].T).softmax(-1)
        y = torch.zeros_like(n)
        for token in range(len(n)):
            best = torch.sort(scores[token, :-1], descending=True)
            self.close(best.values, k)
            taken = best.indices[:k].tolist() + [experts - 1]
            share = scores[token, taken] / scores[token, taken].sum() * c["token_weight"]
            for number, weight in zip(taken, share):
                y[token] += weight * self.expert(n[token], at, number)
            self.routes.append((layer, positions[token].item(), taken, share.tolist()))
        return y

    def segment_scores(self, n, at):
        """Of every whole segment: the gate's second half on the largest inputs."""
        length = self.c["segment_length"]
        whole = len(n) // length
        pooled = n[:whole * length].view(whole, length, -1).amax(1)
        gate = self.w[at + "mlp.gate.weight"][self.c["num_token_experts"]:]
        return (pooled @ gate.T).softmax(-1)

    def published(self, scores):
        """One list of experts a segment. Experts choose in the order of their numbers, the best
        of those segments that still have room."""
        c = self.c
        segments, experts = scores.shape
        quota = int(segments * c["segment_capacity"] / experts)
        taken = [[] for _ in range(segments)]
        for expert in range(experts):
            room = [s for s in range(segments) if len(taken[s]) < c["max_experts_per_segment"]]
            room.sort(key=lambda s: -scores[s, expert].item())
            self.close(scores[room, expert], quota)
            for segment in room[:quota]:
                taken[segment].append(expert)
        return taken

    def causal(self, scores):
        """A segment takes its best experts: as many as the published rule gives on average."""
        c, taken = self.c, []
        k = min(max(1, int(c["segment_capacity"] + 0.5)), c["max_experts_per_segment"])
        for segment in scores:
            best = torch.sort(segment, descending=True)
            self.close(best.values, k)
            taken.append(sorted(best.indices[:k].tolist()))
        return taken

    def segment_level(self, n, at, rule):
        c, y = self.c, torch.zeros_like(n)
        length = c["segment_length"]
        scores = self.segment_scores(n, at)
        for segment, taken in enumerate(rule(scores) if len(scores) else []):
            tokens = slice(segment * length, (segment + 1) * length)
            for expert in taken:
                weight = scores[segment, expert] / length * c["segment_weight"]
                y[tokens] += weight * self.expert(n[tokens], at,
                                                  c["num_token_experts"] + expert)
        return y

    def run(self, ids, start, past, rule):
        """Logits of tokens at `start` and on after `past` (one pair a layer), and the new past.
        Without a rule, the token level alone."""
        positions = torch.arange(start, start + len(ids))
        x = self.w["model.embed_tokens.weight"][torch.as_tensor(ids)]
        now = []
        for layer in range(self.c["num_hidden_layers"]):
            at = f"model.layers.{layer}."
            y, cache = self.attention(self.norm(x, at + "input_layernorm.weight"), at, positions,
                                      past[layer])
            now.append(cache)
            x = x + y
            n = self.norm(x, at + "post_attention_layernorm.weight")
            x = x + self.token_level(n, at, layer, positions)
            if rule:
                x = x + self.segment_level(n, at, rule)
        head = self.w.get("lm_head.weight", self.w["model.embed_tokens.weight"])
        return self.norm(x, "model.norm.weight") @ head.T, now

    def empty(self):
        none = torch.zeros(0, self.c["num_key_value_heads"], self.c["head_dim"])
        return [(none, none)] * self.c["num_hidden_layers"]

    def whole_text(self, ids):
        return self.run(ids, 0, self.empty(), self.published)[0]

    def growing_text(self, ids):
        """Segment by segment: its logits while it is open, then its keys and values as it is
        known, which later tokens see. Returns the routes of the token level, too."""
        past, logits, routes = self.empty(), [], []
        length = self.c["segment_length"]
        for start in range(0, len(ids), length):
            part = ids[start:start + length]
            self.routes = []
            logits.append(self.run(part, start, past, None)[0])
            routes += self.routes
            if len(part) == length:
                past = self.run(part, start, past, self.causal)[1]
        return torch.cat(logits), routes


def make(name, c, out):
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(1, 500):
        tensors, ids = weights(c, seed)
        model = Model(c, tensors)
        with torch.no_grad():
            causal, routes = model.growing_text(ids)
            whole = model.whole_text(ids)
        if model.margin > 2e-5:
            break
    else:
        sys.exit(f"{name}: in every seed a choice is close")
    slots = min(c["max_experts_per_segment"], c["num_segment_experts"])
    (out / "config.json").write_text(json.dumps(c, indent=2) + "\n")
    rows = [" ".join(map(str, ids[i:i + 16])) for i in range(0, TOKENS, 16)]
    (out / "ids.txt").write_text("\n".join(rows) + "\n")
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    causal.numpy().astype("<f4").tofile(out / "logits.bin")
    whole.numpy().astype("<f4").tofile(out / "whole.bin")
    lines = ["# layer token expert weight [expert weight ...]"]
    for layer, token, taken, share in sorted(routes, key=lambda route: route[:2]):
        pairs = [f"{e} {w:.6f}" for e, w in zip(taken, share)] + ["-1 0.0"] * slots
        lines.append(f"{layer} {token} " + " ".join(pairs))
    (out / "routes.txt").write_text("\n".join(lines) + "\n")
    apart = (causal - whole).abs().max() / whole.abs().max()
    print(f"{name}: seed {seed}, margin {model.margin:.2g}, the rules differ by {apart:.2g}")
    assert apart > 0.01, "the two rules give the same logits"


def main():
    torch.set_num_threads(1)
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    if not sys.argv[1:]:
        for name, c in CASES.items():
            make(name, c, HERE / name)
        return 0
    faults = []
    with tempfile.TemporaryDirectory() as work:
        for name, c in CASES.items():
            made, stored = pathlib.Path(work) / name, HERE / name
            make(name, c, made)
            for file in ("config.json", "ids.txt", "model.safetensors"):
                if (made / file).read_bytes() != (stored / file).read_bytes():
                    faults.append(f"{name}/{file}: differs")
            for file in ("logits.bin", "whole.bin"):
                got, want = (np.fromfile(d / file, "<f4") for d in (made, stored))
                if got.shape != want.shape or \
                        not abs(got - want).max() <= TOLERANCE * abs(want).max():
                    faults.append(f"{name}/{file}: differs")
    print("\n".join(faults) if faults else "every golden is what this machine makes, too")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
