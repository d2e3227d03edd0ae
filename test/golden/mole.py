#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the golden models of MoLE: a base, an adapter for all tokens, and one for each language.

The base is a tiny random model of transformers without experts. The adapters are as PEFT stores
them. What they add to a product (arXiv 2506.18923) is written down here: for every token what the
shared adapter adds, and what that of the token's language adds. Each of the directories mole and
split-mole, which is wide enough for four ranks, has

    recipe.toml, base, adapters    the model
    ids.txt, languages.txt         130 token ids, and the language of each, or -1
    expected.bin                     their logits, f32

    mole.py            write both
    mole.py --check    make them again and compare: the models byte for byte, the logits within
                       1e-5 of the largest one
"""

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
TOLERANCE = 1e-5

CONFIG = {
    "architectures": ["Qwen2MoeForCausalLM"],
    "model_type": "qwen2_moe",
    "hidden_size": 36,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 10,
    "intermediate_size": 50,
    "mlp_only_layers": [0, 1],
    "num_experts": 2,
    "num_experts_per_tok": 1,
    "moe_intermediate_size": 8,
    "shared_expert_intermediate_size": 8,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "max_position_embeddings": 256,
    "vocab_size": 101,
    "tie_word_embeddings": True,
}
MODELS = {
    "mole": CONFIG,
    "split-mole": {**CONFIG, "hidden_size": 20, "head_dim": 16, "intermediate_size": 70,
                   "vocab_size": 67},
}

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
NETWORK = ["gate_proj", "up_proj", "down_proj"]

# Different ranks, scales and modules; one is larger than a vector of the kernels.
ADAPTERS = {
    "shared": {"r": 2, "lora_alpha": 4, "target_modules": ATTENTION + ["up_proj", "down_proj"]},
    "haskell": {"r": 4, "lora_alpha": 8, "target_modules": ATTENTION + NETWORK},
    "ocaml": {"r": 17, "lora_alpha": 3, "target_modules": ["q_proj", "v_proj"],
              "use_rslora": True},
    "scala": {"r": 5, "lora_alpha": 5, "target_modules": NETWORK},
}
LANGUAGES = ["haskell", "ocaml", "scala"]

RECIPE = """# MoLE in small: adapters that stay low-rank paths, because the language changes from
# token to token.
base = "base"
shared_adapter = "shared"

[parts]
base = "base"
shared = { adapter = "adapters/shared" }
haskell = { adapter = "adapters/haskell" }
ocaml = { adapter = "adapters/ocaml" }
scala = { adapter = "adapters/scala" }

[[languages]]
name = "haskell"

[[languages]]
name = "ocaml"

[[languages]]
name = "scala"
"""


def shapes(c):
    hidden, dim = c["hidden_size"], c["head_dim"]
    q, kv = c["num_attention_heads"] * dim, c["num_key_value_heads"] * dim
    width = c["intermediate_size"]
    return {"self_attn.q_proj": (q, hidden), "self_attn.k_proj": (kv, hidden),
            "self_attn.v_proj": (kv, hidden), "self_attn.o_proj": (hidden, q),
            "mlp.gate_proj": (width, hidden), "mlp.up_proj": (width, hidden),
            "mlp.down_proj": (hidden, width)}


def save(c, out):
    """Writes the model; returns the tensors of the adapters by name."""
    random = np.random.RandomState(7)
    matrix = lambda rows, columns, gain: torch.from_numpy(
        (random.randn(rows, columns) * (gain / np.sqrt(columns))).astype(np.float32))
    vector = lambda size, mean, gain: torch.from_numpy(
        (mean + gain * random.randn(size)).astype(np.float32))
    hidden = c["hidden_size"]
    base = {"model.embed_tokens.weight": matrix(c["vocab_size"], hidden, 0.8 * hidden**0.5),
            "model.norm.weight": vector(hidden, 1, 0.35)}
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            base[f"{at}{name}.weight"] = vector(hidden, 1, 0.35)
        for name, (rows, columns) in shapes(c).items():
            base[f"{at}{name}.weight"] = matrix(rows, columns, 1.5)
            if name.split(".")[1] in ATTENTION[:3]:
                base[f"{at}{name}.bias"] = vector(rows, 0, 0.5)
    (out / "base").mkdir(parents=True, exist_ok=True)
    (out / "base" / "config.json").write_text(json.dumps(c, indent=2) + "\n")
    save_file(base, out / "base" / "model.safetensors", metadata={"format": "pt"})
    (out / "recipe.toml").write_text(RECIPE)
    adapters = {}
    for name, config in ADAPTERS.items():
        tensors = {}
        for layer in range(c["num_hidden_layers"]):
            for module, (rows, columns) in shapes(c).items():
                if module.split(".")[1] not in config["target_modules"]:
                    continue
                at = f"base_model.model.model.layers.{layer}.{module}."
                tensors[at + "lora_A.weight"] = matrix(config["r"], columns, 1.0)
                tensors[at + "lora_B.weight"] = matrix(rows, config["r"], 0.6)
        directory = out / "adapters" / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "adapter_config.json").write_text(json.dumps(
            {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "base",
             "bias": "none", "lora_dropout": 0.0, "fan_in_fan_out": False, "use_dora": False,
             "use_rslora": False, **config}, indent=2) + "\n")
        save_file(tensors, directory / "adapter_model.safetensors", metadata={"format": "pt"})
        adapters[name] = tensors
    return adapters


def texts(c):
    """Token ids, and languages that change inside a text: at once, and token by token."""
    random = np.random.RandomState(8)
    ids = random.randint(0, c["vocab_size"], TOKENS)
    languages = np.full(TOKENS, -1)
    languages[10:40], languages[40:41], languages[50:90] = 0, 1, 1
    languages[90:100] = random.randint(-1, 3, 10)
    languages[100:125] = 2
    return ids, languages


def logits(directory, adapters, ids, languages):
    model, info = transformers.Qwen2MoeForCausalLM.from_pretrained(
        directory / "base", dtype=torch.float32, attn_implementation="eager",
        output_loading_info=True)
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[fault], f"{fault}: {info[fault]}"

    def added(path, x):
        y = 0
        for name, config in ADAPTERS.items():
            at = f"base_model.model.{path}."
            if at + "lora_A.weight" not in adapters[name]:
                continue
            rank = config["r"]
            scale = config["lora_alpha"] / (rank**0.5 if config.get("use_rslora") else rank)
            change = x @ adapters[name][at + "lora_A.weight"].T
            change = scale * change @ adapters[name][at + "lora_B.weight"].T
            if name != "shared":
                taken = torch.as_tensor(languages == LANGUAGES.index(name))
                change = change * taken[None, :, None]
            y = y + change
        return y

    for path, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and "layers" in path:
            module.register_forward_hook(
                lambda _, inputs, y, path=path: y + added(path, inputs[0]))
    with torch.no_grad():
        return model.eval()(torch.tensor(ids)[None], use_cache=False).logits[0].float()


def make(c, out):
    adapters = save(c, out)
    ids, languages = texts(c)
    for name, values in (("ids", ids), ("languages", languages)):
        rows = [" ".join(map(str, values[i:i + 16])) for i in range(0, TOKENS, 16)]
        (out / f"{name}.txt").write_text("\n".join(rows) + "\n")
    made = logits(out, adapters, ids, languages)
    made.numpy().astype("<f4").tofile(out / "expected.bin")
    for other in range(-1, len(LANGUAGES)):
        apart = (logits(out, adapters, ids, np.full(TOKENS, other)) - made).abs().max()
        assert apart > 0.05 * made.abs().max(), f"language {other} for all tokens is no other text"


def compare(name, made, stored):
    """What differs between the model as made now and as stored, as a list of sentences."""
    faults = []
    files = lambda directory: {f.relative_to(directory) for f in directory.rglob("*")
                               if f.is_file()}
    if files(made) != files(stored):
        faults.append(f"{name}: the directories hold different files")
    for file in sorted(files(made) & files(stored)):
        if file.name == "expected.bin":
            got, want = (np.fromfile(d / file, "<f4") for d in (made, stored))
            if got.shape != want.shape or \
                    not abs(got - want).max() <= TOLERANCE * abs(want).max():
                faults.append(f"{name}/{file}: differs")
        elif (made / file).read_bytes() != (stored / file).read_bytes():
            faults.append(f"{name}/{file}: differs")
    return faults


def main():
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    if not sys.argv[1:]:
        for name, c in MODELS.items():
            make(c, HERE / name)
        return 0
    faults = []
    with tempfile.TemporaryDirectory() as work:
        for name, c in MODELS.items():
            make(c, pathlib.Path(work) / name)
            faults += compare(name, pathlib.Path(work) / name, HERE / name)
    print("\n".join(faults) if faults else "every golden is what this machine makes, too")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
