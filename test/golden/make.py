#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the golden checkpoints and the logits that Hugging Face transformers computes from them.

Each case of cases.py is a tiny random checkpoint in its own directory, with the ids of 130 tokens,
the logits of transformers for them (f32, eager, one thread) and the experts that its router chose. Needs numpy, torch, transformers and safetensors.

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

from cases import CASES

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = 130
PREFIXES = (1, 2, 17)
SMALLEST_MARGIN = 2e-3
TOLERANCE = 1e-5
# A case that a field is ignored in must differ by so much.
VISIBLE = 1e-2


def head_dim(c):
    if "kv_lora_rank" in c:
        return c["qk_nope_head_dim"] + c["qk_rope_head_dim"]
    return c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])


def num_experts(c):
    keys = ("num_experts", "num_local_experts", "n_routed_experts")
    return next((c[key] for key in keys if key in c), 0)


def is_sparse(c, layer):
    if not num_experts(c) or layer < c.get("first_k_dense_replace", 0):
        return False
    step = c.get("decoder_sparse_step", 1)
    return layer not in c.get("mlp_only_layers", []) and (layer + 1) % step == 0


def architecture(case):
    return getattr(transformers, case.architecture)


def shapes(case, directory):
    """The tensors of the model by name, as transformers holds or as it writes them."""
    model = architecture(case)(transformers.AutoConfig.from_pretrained(directory))
    if case.fused:
        stored = model.state_dict()
    else:
        stored = written(model)
    found = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    head, table = "lm_head.weight", "model.embed_tokens.weight"
    if case.config["tie_word_embeddings"] and not case.twice:
        found.pop(head, None)
    elif case.twice:
        found[head] = found[table]
    return found


def written(model):
    """The tensors that save_pretrained makes of a model."""
    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory)
        return load_file(pathlib.Path(directory) / "model.safetensors")


GAINS = {"gate.weight": 1.2, "router": 1.2, "gate_proj": 1.6, "w1.": 1.6, "up_proj": 1.3,
         "w3.": 1.3, "experts.gate_up_proj": 1.45, "input_linear": 1.45, "down_proj": 1.8,
         "w2.": 1.8, "output_linear": 1.8, "lm_head": 2.0}


def weights(case, seed, directory):
    """The tensors by name, as arrays that the storage dtype can hold exactly, and token ids."""
    if case.architecture == "Qwen2MoeForCausalLM":
        tensors, ids = qwen2_moe_weights(case, seed)
        return fuse(case, tensors) if case.fused else tensors, ids
    random = np.random.RandomState(seed)
    tensors = {}
    for name, shape in sorted(shapes(case, directory).items()):
        values = random.randn(*shape)
        if len(shape) == 1:
            values = 1.0 + 0.35 * values if "norm" in name else 0.5 * values
        elif "embed_tokens" in name:
            values *= 0.8
        else:
            gain = next((gain for part, gain in GAINS.items() if part in name), 1.5)
            values *= gain / np.sqrt(shape[-1])
        tensor = torch.from_numpy(values.astype(np.float32))
        tensors[name] = tensor.to(torch.bfloat16) if case.bf16(name) else tensor
    if case.twice:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    return tensors, random.randint(0, case.config["vocab_size"], TOKENS)


def qwen2_moe_weights(case, seed):
    """The same for Qwen2-MoE, un-fused, in the order in which these cases were first made."""
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


def save_config(case, out):
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    (out / "config.json").write_text(json.dumps(case.config, indent=2) + "\n")


def save(case, tensors, ids, out):
    """Writes model*.safetensors, the index of several shards, and ids.txt."""
    rows = [" ".join(map(str, ids[i:i + 16])) for i in range(0, TOKENS, 16)]
    (out / "ids.txt").write_text("\n".join(rows) + "\n")
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


def load(case, directory, **options):
    """The checkpoint as transformers loads it; refuses if it left a tensor out."""
    if num_experts(case.config):
        options["experts_implementation"] = "eager"
    model, info = architecture(case).from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager",
        output_loading_info=True, **options)
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[fault], f"{case.name}: {fault}: {info[fault]}"
    return model.eval()


def check_loaded(case, model, tensors):
    """transformers holds the very numbers we made, in either expert layout."""
    state = model.state_dict() if case.fused else {**model.state_dict(), **written(model)}
    for name, tensor in tensors.items():
        assert torch.equal(state[name], tensor.float()), f"{case.name}: {name} was changed"


def run(model, ids):
    """Logits [tokens, vocabulary], and of every router its logits, weights and experts."""
    routed = []
    hooks = [module.register_forward_hook(lambda module, inputs, outputs: routed.append(outputs))
             for module in model.modules()
             if type(module).__name__.lower().endswith("topkrouter")]
    with torch.no_grad():
        out = model(torch.tensor(ids)[None], use_cache=False)
    for hook in hooks:
        hook.remove()
    return out.logits[0].float(), routed


def difference(got, want):
    return ((got - want).abs().max() / want.abs().max()).item()


def margin(case, routed):
    """The smallest distance between the last chosen and the first other router logit."""
    def gap(scores, k):
        if k == scores.shape[-1]:
            return float("inf")
        ranked = torch.sort(scores, dim=-1, descending=True).values
        return (ranked[:, k - 1] - ranked[:, k]).min().item()

    c, smallest = case.config, float("inf")
    for logits, _, _ in routed:
        if c.get("topk_method") == "group_limited_greedy":
            groups = logits.view(TOKENS, c["n_group"], -1)
            best = groups.max(dim=-1).values
            smallest = min(smallest, gap(best, c["topk_group"]))
            last = torch.topk(best, c["topk_group"]).values[:, -1:]
            logits = groups.masked_fill((best < last)[:, :, None], -1e3).reshape(TOKENS, -1)
        smallest = min(smallest, gap(logits, c["num_experts_per_tok"]))
    return smallest


def routes(case, routed):
    """routes.txt: layer, token, then the chosen experts and their weights, best first."""
    c = case.config
    sparse = [i for i in range(c["num_hidden_layers"]) if is_sparse(c, i)]
    lines = ["# layer token expert weight [expert weight ...]"]
    assert len(sparse) == len(routed)
    for layer, (_, weight, chosen) in zip(sparse, routed):
        for token in range(TOKENS):
            pairs = sorted(zip(weight[token].tolist(), chosen[token].tolist()), reverse=True)
            lines.append(f"{layer} {token} " + " ".join(f"{e} {w:.6f}" for w, e in pairs))
    return "\n".join(lines) + "\n"


def check_traps(case, directory, ids, logits):
    """Every trap must change the logits, or it tests nothing."""
    for key, value in case.traps.items():
        changed = {**case.config, key: value}
        other = type(transformers.AutoConfig.from_pretrained(directory)).from_dict(changed)
        apart = difference(run(load(case, directory, config=other), ids)[0], logits)
        assert apart > VISIBLE, f"{case.name}: {key} changes the logits by {apart} only"


def check_window(case, model, ids):
    """A sliding case must differ from the same model without a window, or it tests nothing."""
    if case.architecture != "Qwen2MoeForCausalLM" or not case.config.get("use_sliding_window"):
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
    """Writes one case; tries seeds until no routing decision is close."""
    save_config(case, out)
    for seed in range(1, 100):
        tensors, ids = weights(case, seed, out)
        ids[3] = ids[2]  # The same token twice in a row,
        ids[4], ids[5] = 0, case.config["vocab_size"] - 1  # and both ends of the vocabulary.
        save(case, tensors, ids, out)
        model = load(case, out)
        check_loaded(case, model, tensors)
        logits, routed = run(model, ids)
        smallest = margin(case, routed)
        if smallest > SMALLEST_MARGIN:
            break
    assert smallest > SMALLEST_MARGIN, f"{case.name}: no seed without a close decision"
    assert torch.isfinite(logits).all()
    for count in PREFIXES:
        prefix, _ = run(model, ids[:count])
        apart = difference(prefix, logits[:count])
        assert apart <= TOLERANCE, f"{case.name}: {count} tokens alone differ by {apart}"
    check_window(case, model, ids)
    check_traps(case, out, ids, logits)
    logits.numpy().astype("<f4").tofile(out / "logits.bin")
    (out / "routes.txt").write_text(routes(case, routed))

    shares = []
    if routed:
        chosen = torch.cat([experts.flatten() for _, _, experts in routed])
        shares = (torch.bincount(chosen, minlength=num_experts(case.config))
                  / chosen.numel()).tolist()
        assert min(shares) > 0.05, f"{case.name}: idle expert: {shares}"
    print(f"{case.name:18} seed {seed}, margin {smallest:.5f}, largest logit "
          f"{logits.abs().max().item():.2f}, spread {logits.std(dim=-1).mean().item():.2f}, "
          f"experts {[round(share, 2) for share in shares]}, "
          f"{sum(f.stat().st_size for f in out.iterdir()) / 1000:.0f} kB", flush=True)


def readme(directory):
    """README.md, made from the cases and the files as they stand in `directory`."""
    rows = []
    for case in CASES:
        c, files = case.config, list((directory / case.name).iterdir())
        storage = case.dtype + (", fused experts" if case.fused else "") + (
            f", {case.shards} shards" if case.shards > 1 else "")
        layers = range(c["num_hidden_layers"])
        dense = [i for i in layers if not is_sparse(c, i)]
        routing = "none"
        if num_experts(c):
            raw = c.get("norm_topk_prob") is False or c["model_type"] == "qwen2_moe"
            routing = (f"{c['num_experts_per_tok']} of {num_experts(c)}, "
                       f"{'raw' if raw and not c.get('norm_topk_prob') else 'renormalised'}")
        some = f" (dense: {', '.join(map(str, dense))})" if num_experts(c) and dense else ""
        shared = c.get("shared_expert_intermediate_size", c.get("shared_intermediate_size", 0))
        shared = shared or c.get("n_shared_experts", 0) * c.get("moe_intermediate_size", 0)
        widths = [c.get("moe_intermediate_size", c["intermediate_size"])] if routing != "none" else []
        widths += [shared] if shared else []
        widths += [c["intermediate_size"]] if dense else []
        rows.append(" | ".join([
            f"| [`{case.name}`]({case.name}/config.json)", case.covers, routing,
            f"{len(layers)}{some}", f"{c['hidden_size']}, {' / '.join(map(str, widths))}",
            f"{c['num_attention_heads']} / {c['num_key_value_heads']} x {head_dim(c)}",
            f"{c['vocab_size']}, {'tied' if c.get('tie_word_embeddings') else 'untied'}",
            f"{storage}", f"{sum(f.stat().st_size for f in files) / 1000:.0f} kB |"]))
    table = "\n".join(rows)
    return f"""# Golden logits

Tiny random checkpoints of every architecture, and what Hugging Face transformers computes from
them in f32 (eager attention and experts, CPU, one thread). The reference interpreter and every
compiled program are compared with these; the first ten cases are `Qwen2MoeForCausalLM`. This page
and all that lies in the directories below is written by [`make.py`](make.py) from
[`cases.py`](cases.py); `make.py --check` makes it again and compares. Others
are of models that `transformers` does not have: [`multipl.py`](multipl.py) is MultiPL-MoE in
PyTorch and writes `multipl-*` and `split-multipl`, [`mole.py`](mole.py) adds adapters by language to
a base and writes [`mole`](mole/recipe.toml) and [`split-mole`](split-mole/recipe.toml).

The cases `split-*` are wide enough for `--ranks=4`, which most of the others are not;
[`ranks.py`](../e2e/ranks.py) runs them on two and four ranks.

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
norm weights not one. In the sliding cases of Qwen2-MoE every layer's logits were seen to change
when its kind of attention is turned over; in the other architectures each of the `traps` that
cases.py lists (a field of config.json with another value) was seen to change the logits by more
than {VISIBLE:g} of the largest.

Rules of transformers that are easy to get wrong, and that these cases hold fast:

- Without `layer_types`, layer i of this architecture slides iff `use_sliding_window` is true, i is
  even and i < `max_window_layers` (in Qwen2 without experts: iff i >= `max_window_layers`). A query
  at position p then sees the positions p - window + 1 to p.
- `layer_types` and `rope_parameters`, where present, stand in place of the older fields.
- A missing `rope_theta` is 10000, a missing `tie_word_embeddings` or `norm_topk_prob` false, a
  missing `qkv_bias` true, a missing `head_dim` hidden / heads. Mixtral's `rope_theta` is 10^6, and
  Mistral's `sliding_window` 4096.
- In Qwen3-MoE, Mistral and Mixtral all layers slide if one does.
- DeepSeek-V2 ignores `norm_topk_prob`; latents are normalised with an epsilon of 1e-6; yarn scales
  cosines and sines by its magnitude and attention by the square of another.
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
