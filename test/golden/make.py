#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the golden checkpoints and the logits that Hugging Face transformers computes from them.

Each case is a tiny random Qwen2MoeForCausalLM checkpoint in its own directory, with the ids of
130 tokens, the logits of transformers for them (f32, eager, one thread) and the experts that its
router chose. Needs numpy, torch, transformers and safetensors.

    make.py              write every case and README.md
    make.py NAME...      write only these cases, and README.md
    make.py --check      make everything again in a temporary directory and compare: the
                         checkpoints byte for byte, the logits within 1e-5 of the largest one
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = 130
PREFIXES = (1, 2, 17)
SMALLEST_MARGIN = 2e-3
TOLERANCE = 1e-5

NAMES = {"expert_names": ["haskell", "ocaml", "scala"]}


class Case:
    """One checkpoint: its config.json, how its tensors are stored, and what it is there for."""

    def __init__(self, name, covers, config, dtype="F32", fused=False, shards=1):
        self.name, self.covers, self.config = name, covers, config
        self.dtype, self.fused, self.shards = dtype, fused, shards

    def bf16(self, tensor):
        """Whether this tensor is stored in BF16; "mixed" keeps norms, biases and gates in F32."""
        if self.dtype != "mixed":
            return self.dtype == "BF16"
        return not any(part in tensor for part in ("norm", "bias", "mlp.gate.", "expert_gate"))


def config(hidden, heads, kv, head_dim, vocab, moe, shared, dense=None, layers=2, **rest):
    """A config.json; `rest` adds fields or, where the value is ..., leaves one out."""
    fields = {
        "architectures": ["Qwen2MoeForCausalLM"],
        "model_type": "qwen2_moe",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": head_dim,
        "intermediate_size": dense or shared,
        "moe_intermediate_size": moe,
        "shared_expert_intermediate_size": shared,
        "num_experts": 3,
        "num_experts_per_tok": 1,
        "norm_topk_prob": False,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "max_position_embeddings": 256,
        "use_sliding_window": False,
        "vocab_size": vocab,
        "tie_word_embeddings": False,
        "eos_token_id": vocab - 1,
    }
    fields.update(rest)
    return {key: value for key, value in fields.items() if value is not ...}


CASES = [
    Case(
        "top1-norm",
        "the shape of FPMoE in small: top-1, renormalised, so that every weight is 1; tied",
        config(50, 4, 1, 12, 101, 37, 37, num_experts_per_tok=1, norm_topk_prob=True,
               tie_word_embeddings=True, fpmoe=NAMES, torch_dtype="float32"),
    ),
    Case(
        "top1-raw",
        "top-1 weighted by its probability; one query head per KV head; no head_dim field",
        config(72, 6, 6, ..., 128, 24, 40, rope_theta=10000.0, torch_dtype="bfloat16"),
        dtype="BF16",
    ),
    Case(
        "top2-norm",
        "top-2 of 3, renormalised; two shards with an index",
        config(36, 4, 2, 16, 259, 21, 37, num_experts_per_tok=2, norm_topk_prob=True,
               fpmoe=NAMES),
        shards=2,
    ),
    Case(
        "top2-raw",
        "top-2 of 3 weighted by the plain softmax; three query heads per KV head; tied",
        config(100, 3, 1, 20, 101, 25, 90, num_experts_per_tok=2, tie_word_embeddings=True,
               rope_theta=10000.0, fpmoe=NAMES),
        dtype="BF16",
    ),
    Case(
        "sparse-step",
        "decoder_sparse_step 2: dense, sparse, dense, sparse; fused expert tensors",
        config(40, 4, 2, 12, 128, 21, 27, 50, layers=4, decoder_sparse_step=2,
               norm_topk_prob=True, fpmoe=NAMES),
        fused=True,
    ),
    Case(
        "dense-listed",
        "mlp_only_layers makes layers 0 and 3 dense; fields left to their defaults",
        config(44, 2, 2, 20, 101, 22, 18, 45, layers=4, num_experts_per_tok=2,
               mlp_only_layers=[0, 3], tie_word_embeddings=..., rope_theta=..., hidden_act=...,
               decoder_sparse_step=..., norm_topk_prob=..., use_sliding_window=...,
               rms_norm_eps=..., eos_token_id=...),
        dtype="BF16",
    ),
    Case(
        "sliding",
        "use_sliding_window, window 9: max_window_layers 3 of 4 makes layers 0 and 2 slide; tied",
        config(36, 6, 2, 12, 101, 19, 23, layers=4, num_experts_per_tok=2, norm_topk_prob=True,
               use_sliding_window=True, sliding_window=9, max_window_layers=3,
               tie_word_embeddings=True),
        dtype="mixed",
    ),
    Case(
        "layer-types",
        "the form transformers 5 saves: layer_types (only layer 1 slides, window 40), "
        "rope_parameters, dtype; fused expert tensors",
        config(50, 4, 1, 20, 128, 37, 16, layers=2, num_experts_per_tok=2,
               use_sliding_window=True, sliding_window=40, max_window_layers=28,
               layer_types=["full_attention", "sliding_attention"], rope_theta=...,
               rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"},
               tie_word_embeddings=True, dtype="bfloat16", fpmoe=NAMES),
        dtype="BF16",
        fused=True,
    ),
    Case(
        "five-experts",
        "top-3 of 5, not renormalised; no QKV bias; sparse step and listed layers together; "
        "RMS epsilon 1e-5; two shards",
        config(54, 8, 2, 8, 259, 13, 31, 41, layers=4, num_experts=5, num_experts_per_tok=3,
               decoder_sparse_step=2, mlp_only_layers=[1], qkv_bias=False, rope_theta=10000.0,
               rms_norm_eps=1e-5, torch_dtype="bfloat16"),
        dtype="BF16",
        shards=2,
    ),
    Case(
        "mixed-dtypes",
        "matrices in BF16, norms, biases and gates in F32; three query heads per KV head; untied",
        config(70, 6, 2, 10, 128, 37, 53, num_experts_per_tok=1, norm_topk_prob=True,
               torch_dtype="bfloat16", fpmoe=NAMES),
        dtype="mixed",
    ),
]


def head_dim(c):
    return c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])


def is_sparse(c, layer):
    step = c.get("decoder_sparse_step", 1)
    return layer not in c["mlp_only_layers"] and (layer + 1) % step == 0


def weights(case, seed):
    """The tensors by name, un-fused, as f32 arrays that the storage dtype can hold exactly."""
    c = case.config
    # RandomState, not Generator: its streams are promised never to change.
    random = np.random.RandomState(seed)
    tensors = {}

    def put(name, values):
        tensor = torch.from_numpy(values.astype(np.float32))
        tensors[name] = tensor.to(torch.bfloat16) if case.bf16(name) else tensor

    def matrix(name, rows, columns, gain=1.0):
        put(name, random.randn(rows, columns) * (gain / np.sqrt(columns)))

    def norm(name, size):
        put(name, 1.0 + 0.35 * random.randn(size))

    def feed_forward(prefix, width):
        matrix(prefix + "gate_proj.weight", width, hidden, 1.6)
        matrix(prefix + "up_proj.weight", width, hidden, 1.3)
        matrix(prefix + "down_proj.weight", hidden, width, 1.8)

    hidden, vocab, size = c["hidden_size"], c["vocab_size"], head_dim(c)
    put("model.embed_tokens.weight", random.randn(vocab, hidden) * 0.8)
    for layer in range(c["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        norm(prefix + "input_layernorm.weight", hidden)
        for which, heads in (("q", c["num_attention_heads"]), ("k", c["num_key_value_heads"]),
                             ("v", c["num_key_value_heads"])):
            matrix(f"{prefix}self_attn.{which}_proj.weight", heads * size, hidden, 1.5)
            if c.get("qkv_bias", True):
                put(f"{prefix}self_attn.{which}_proj.bias", random.randn(heads * size) * 0.5)
        matrix(prefix + "self_attn.o_proj.weight", hidden, c["num_attention_heads"] * size, 1.5)
        norm(prefix + "post_attention_layernorm.weight", hidden)
        if not is_sparse(c, layer):
            feed_forward(prefix + "mlp.", c["intermediate_size"])
            continue
        matrix(prefix + "mlp.gate.weight", c["num_experts"], hidden, 1.2)
        for expert in range(c["num_experts"]):
            feed_forward(f"{prefix}mlp.experts.{expert}.", c["moe_intermediate_size"])
        feed_forward(prefix + "mlp.shared_expert.", c["shared_expert_intermediate_size"])
        matrix(prefix + "mlp.shared_expert_gate.weight", 1, hidden, 1.5)
    norm("model.norm.weight", hidden)
    if not c.get("tie_word_embeddings", False):
        matrix("lm_head.weight", vocab, hidden, 2.0)
    return tensors, random.randint(0, vocab, TOKENS)


def fuse(case, tensors):
    """The other layout: experts.gate_up_proj [E, 2I, H], gate first, and down_proj [E, H, I]."""
    c, fused = case.config, {}
    for name, tensor in tensors.items():
        if ".mlp.experts." not in name:
            fused[name] = tensor
    for layer in filter(lambda i: is_sparse(c, i), range(c["num_hidden_layers"])):
        prefix = f"model.layers.{layer}.mlp.experts."
        part = lambda which: torch.stack(
            [tensors[f"{prefix}{e}.{which}_proj.weight"] for e in range(c["num_experts"])])
        fused[prefix + "gate_up_proj"] = torch.cat([part("gate"), part("up")], dim=1)
        fused[prefix + "down_proj"] = part("down")
    return fused


def save(case, tensors, ids, out):
    """Writes config.json, model*.safetensors, the index of several shards, and ids.txt."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    (out / "config.json").write_text(json.dumps(case.config, indent=2) + "\n")
    rows = [" ".join(map(str, ids[i:i + 16])) for i in range(0, TOKENS, 16)]
    (out / "ids.txt").write_text("\n".join(rows) + "\n")
    if case.fused:
        tensors = fuse(case, tensors)
    if case.shards == 1:
        save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
        return
    names, index = sorted(tensors), {}
    for shard in range(case.shards):
        file = f"model-{shard + 1:05d}-of-{case.shards:05d}.safetensors"
        # Interleaved, so that the parts of one layer lie in different shards.
        mine = names[shard::case.shards]
        save_file({name: tensors[name] for name in mine}, out / file, metadata={"format": "pt"})
        index.update((name, file) for name in mine)
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    (out / "model.safetensors.index.json").write_text(json.dumps(
        {"metadata": {"total_size": total}, "weight_map": dict(sorted(index.items()))},
        indent=2) + "\n")


def load(case, directory):
    """The checkpoint as transformers loads it; refuses if it left a tensor out."""
    model, info = transformers.Qwen2MoeForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager",
        experts_implementation="eager", output_loading_info=True)
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[fault], f"{case.name}: {fault}: {info[fault]}"
    return model.eval()


def check_loaded(case, model, tensors):
    """transformers holds the very numbers we made, in either expert layout."""
    state = model.state_dict()
    for name, tensor in fuse(case, tensors).items():
        assert torch.equal(state[name], tensor.float()), f"{case.name}: {name} was changed"


def run(model, ids):
    """Logits [tokens, vocabulary] and the router's logits, one [tokens, experts] per layer."""
    with torch.no_grad():
        out = model(torch.tensor(ids)[None], output_router_logits=True, use_cache=False)
    return out.logits[0].float(), [router.float() for router in out.router_logits]


def difference(got, want):
    return ((got - want).abs().max() / want.abs().max()).item()


def margin(case, routers):
    """The smallest distance between the last chosen and the first other router logit."""
    k = case.config["num_experts_per_tok"]
    ranked = [torch.sort(router, dim=-1, descending=True).values for router in routers]
    return min((r[:, k - 1] - r[:, k]).min().item() for r in ranked)


def routes(case, routers):
    """routes.txt: layer, token, then the chosen experts and their weights, best first."""
    c = case.config
    sparse = [i for i in range(c["num_hidden_layers"]) if is_sparse(c, i)]
    lines = ["# layer token expert weight [expert weight ...]"]
    for layer, router in zip(sparse, routers):
        top, chosen = torch.topk(torch.softmax(router, dim=-1), c["num_experts_per_tok"], dim=-1)
        if c.get("norm_topk_prob", False):
            top = top / top.sum(dim=-1, keepdim=True)
        for token in range(TOKENS):
            pairs = [f"{e} {w:.6f}" for e, w in zip(chosen[token].tolist(), top[token].tolist())]
            lines.append(f"{layer} {token} " + " ".join(pairs))
    return "\n".join(lines) + "\n"


def check_window(case, model, ids):
    """A sliding case must differ from the same model without a window, or it tests nothing."""
    if not case.config.get("use_sliding_window"):
        return
    logits, _ = run(model, ids)
    slid = list(model.config.layer_types)
    assert {"sliding_attention", "full_attention"} == set(slid), f"{case.name}: layers {slid}"
    for position in range(len(slid)):
        # Each layer, turned over on its own, must change the logits visibly.
        other = slid.copy()
        other[position] = ("full_attention" if slid[position] == "sliding_attention"
                           else "sliding_attention")
        model.config.layer_types = other
        assert difference(run(model, ids)[0], logits) > 1e-2, f"{case.name}: layer {position}"
    model.config.layer_types = slid


def make(case, out):
    """Writes one case; tries seeds until no routing decision is close. Returns its figures."""
    for seed in range(1, 100):
        tensors, ids = weights(case, seed)
        ids[3] = ids[2]  # The same token twice in a row,
        ids[4], ids[5] = 0, case.config["vocab_size"] - 1  # and both ends of the vocabulary.
        save(case, tensors, ids, out)
        model = load(case, out)
        check_loaded(case, model, tensors)
        logits, routers = run(model, ids)
        smallest = margin(case, routers)
        if smallest > SMALLEST_MARGIN:
            break
    assert torch.isfinite(logits).all()
    for count in PREFIXES:
        prefix, _ = run(model, ids[:count])
        apart = difference(prefix, logits[:count])
        assert apart <= TOLERANCE, f"{case.name}: {count} tokens alone differ by {apart}"
    check_window(case, model, ids)
    logits.numpy().astype("<f4").tofile(out / "logits.bin")
    (out / "routes.txt").write_text(routes(case, routers))

    k = case.config["num_experts_per_tok"]
    chosen = torch.cat([torch.topk(router, k, dim=-1).indices.flatten() for router in routers])
    shares = torch.bincount(chosen, minlength=case.config["num_experts"]) / chosen.numel()
    figures = {
        "seed": seed,
        "margin": smallest,
        "largest": logits.abs().max().item(),
        "spread": logits.std(dim=-1).mean().item(),
        "shares": [round(share, 2) for share in shares.tolist()],
        "kilobytes": sum(f.stat().st_size for f in out.iterdir()) / 1000,
    }
    assert min(figures["shares"]) > 0.05, f"{case.name}: idle expert: {figures['shares']}"
    print(f"{case.name:13} seed {seed}, margin {smallest:.5f}, largest logit "
          f"{figures['largest']:.2f}, spread {figures['spread']:.2f}, experts "
          f"{figures['shares']}, {figures['kilobytes']:.0f} kB")
    return figures


def readme(directory):
    """README.md, made from the cases and the files as they stand in `directory`."""
    rows = []
    for case in CASES:
        c, files = case.config, list((directory / case.name).iterdir())
        heads, kv = c["num_attention_heads"], c["num_key_value_heads"]
        storage = case.dtype + (", fused experts" if case.fused else "") + (
            f", {case.shards} shards" if case.shards > 1 else "")
        dense = [i for i in range(c["num_hidden_layers"]) if not is_sparse(c, i)]
        rows.append(" | ".join([
            f"| [`{case.name}`]({case.name}/config.json)", case.covers,
            f"{c['num_experts_per_tok']} of {c['num_experts']}, "
            f"{'renormalised' if c.get('norm_topk_prob') else 'raw'}",
            f"{c['num_hidden_layers']}" + (f" (dense: {', '.join(map(str, dense))})"
                                           if dense else ""),
            f"{c['hidden_size']}, {c['moe_intermediate_size']} / "
            f"{c['shared_expert_intermediate_size']}"
            + (f" / {c['intermediate_size']}" if dense else ""),
            f"{heads} / {kv} x {head_dim(c)}",
            f"{c['vocab_size']}, {'tied' if c.get('tie_word_embeddings') else 'untied'}",
            f"{storage}", f"{sum(f.stat().st_size for f in files) / 1000:.0f} kB |"]))
    table = "\n".join(rows)
    return f"""# Golden logits

Tiny random `Qwen2MoeForCausalLM` checkpoints, and what Hugging Face transformers computes from
them in f32 (eager attention and experts, CPU, one thread). The reference interpreter and every
compiled program are compared with these. This page and all that lies in the directories below is
written by [`make.py`](make.py); `make.py --check` makes it again and compares.

Made with torch {torch.__version__.split('+')[0]} and transformers {transformers.__version__}.

| Case | What it covers | Routing | Layers | Hidden, expert / shared / dense width | Query / KV heads x size | Vocabulary | Stored as | Size |
|---|---|---|---|---|---|---|---|---|
{table}

Each directory holds

- `config.json` and `model.safetensors`, or shards with `model.safetensors.index.json`;
- `ids.txt`: {TOKENS} token ids, separated by white space;
- `logits.bin`: raw little-endian f32 [{TOKENS}, vocabulary]. A row depends only on the tokens up
  to it, so its first rows are also the logits of a shorter text; the script ran
  {", ".join(map(str, PREFIXES))} tokens by themselves and found them equal within {TOLERANCE:g};
- `routes.txt`: per sparse layer and token the chosen experts, best first, with their weights.

The largest difference, over the largest logit of the case, must be at most 1e-4. No routing
decision is close: the router logits of the last chosen and the first other expert are more than
{SMALLEST_MARGIN:g} apart for every token and layer. Every expert is used, biases are not zero and
norm weights not one. In the two sliding cases every layer's logits were seen to change when its
kind of attention is turned over.

Three rules of transformers that are easy to get wrong, and that these cases hold fast:

- Without `layer_types`, layer i of this architecture slides iff `use_sliding_window` is true, i is
  even and i < `max_window_layers` (in Qwen2 without experts: iff i >= `max_window_layers`). A query
  at position p then sees the positions p - window + 1 to p.
- `layer_types` and `rope_parameters`, where present, stand in place of the older fields.
- A missing `rope_theta` is 10000, a missing `tie_word_embeddings` or `norm_topk_prob` false, a
  missing `qkv_bias` true, a missing `head_dim` hidden / heads.
"""


def compare(case, made, stored):
    """What differs between the case as made now and as stored, as a list of sentences."""
    faults = []
    names = lambda directory: {file.name for file in directory.iterdir()}
    if not stored.is_dir() or names(made) != names(stored):
        return [f"{case.name}: the directories hold different files"]
    for name in sorted(names(made) - {"logits.bin", "routes.txt"}):
        if (made / name).read_bytes() != (stored / name).read_bytes():
            faults.append(f"{case.name}/{name}: differs")
    chosen = lambda text: [[word for word in line.split() if "." not in word]
                           for line in text.splitlines()]
    if chosen((made / "routes.txt").read_text()) != chosen((stored / "routes.txt").read_text()):
        faults.append(f"{case.name}/routes.txt: other experts were chosen")
    got, want = (torch.from_numpy(np.fromfile(d / "logits.bin", "<f4")) for d in (made, stored))
    if got.shape != want.shape:
        faults.append(f"{case.name}/logits.bin: holds {len(want)} values, not {len(got)}")
    elif not difference(got, want) <= TOLERANCE:
        faults.append(f"{case.name}/logits.bin: differs by {difference(got, want):.3g}")
    return faults


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="NAME", help="only these cases")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    unknown = set(options.cases) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; "
                     f"there are {', '.join(case.name for case in CASES)}")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    cases = [case for case in CASES if not options.cases or case.name in options.cases]
    if not options.check:
        for case in cases:
            make(case, HERE / case.name)
        (HERE / "README.md").write_text(readme(HERE))
        return 0
    faults = []
    with tempfile.TemporaryDirectory() as work:
        for case in cases:
            made = pathlib.Path(work) / case.name
            make(case, made)
            faults += compare(case, made, HERE / case.name)
    print("\n".join(faults) if faults else "every golden is what this machine makes, too")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
