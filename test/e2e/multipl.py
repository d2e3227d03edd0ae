#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Assembles MultiPL-MoE for multipl.test from parts that parts.py made.

    multipl.py gate PARTS               writes PARTS/gate, a checkpoint of routers alone
    multipl.py gate PARTS ROW ...       the same, but experts of these rows are always chosen: the
                                        first column of PARTS/haskell's embeddings becomes large
    multipl.py check PARTS CHECKPOINT   compares a checkpoint of multipl.toml with an assembly in
                                        Python

Needs Python alone.
"""

import json
import pathlib
import sys

import parts
import recipes

HIDDEN = 24
ROWS = 6
# Token level, the shared one last, then segment level, and the factor of the down projection.
EXPERTS = [("haskell", 1), ("ocaml", 0.5), ("shared", 1), ("scala", 1), ("scala", 1), ("ocaml", 1)]
NAMES = ["haskell", "ocaml", "shared", "haskell", "scala", "ocaml"]
FIELDS = {
    "architectures": ["MultiPLMoeForCausalLM"], "model_type": "multipl_moe",
    "num_token_experts": 3, "num_segment_experts": 3, "num_experts_per_tok": 1,
    "segment_length": 8, "segment_capacity": 1.5, "max_experts_per_segment": 1,
    "token_weight": 0.6, "segment_weight": 0.5, "moe_intermediate_size": HIDDEN + 8,
    "qkv_bias": True, "fpmoe": {"expert_names": NAMES},
}


def make_gate(folder, chosen):
    tensors = {}
    for layer in range(parts.LAYERS):
        name = f"model.layers.{layer}.mlp.gate.weight"
        values = parts.normal(name, 1, ROWS * HIDDEN, 0, 0.4)
        for row in range(ROWS) if chosen else []:
            values[row * HIDDEN] = 2 if row in chosen else -2
        tensors[name] = ((ROWS, HIDDEN), values)
    (folder / "gate").mkdir(parents=True, exist_ok=True)
    parts.save(folder / "gate" / "model.safetensors", tensors)
    if chosen:
        path = folder / "haskell" / "model.safetensors"
        tensors = recipes.load(path)
        table = tensors["model.embed_tokens.weight"][1]
        for i in range(0, len(table), HIDDEN):
            table[i] = 3
        parts.save(path, tensors)


def adapted(base, adapter):
    """A dense model with an adapter of rank 2 and alpha 4 in its matrices."""
    result = dict(base)
    for name, (shape, values) in base.items():
        key = "base_model.model." + name.removesuffix(".weight")
        if f"{key}.lora_A.weight" not in adapter:
            continue
        (_, columns), a = adapter[f"{key}.lora_A.weight"]
        b = adapter[f"{key}.lora_B.weight"][1]
        product = (sum(b[2 * (i // columns) + k] * a[k * columns + i % columns] for k in range(2))
                   for i in range(len(values)))
        result[name] = (shape, [value + 2 * added for value, added in zip(values, product)])
    return result


def assemble(folder):
    models = {name: recipes.load(folder / name / "model.safetensors")
              for name in ("base", "haskell", "ocaml", "shared")}
    models["scala"] = adapted(models["base"],
                              recipes.load(folder / "scala" / "adapter_model.safetensors"))
    result = recipes.load(folder / "gate" / "model.safetensors")
    for name, tensor in models["haskell"].items():
        if ".mlp." not in name:
            result[name] = tensor
            continue
        layer, role = name.split(".mlp.")
        for number, (part, factor) in enumerate(EXPERTS):
            shape, values = models[part][name]
            if role == "down_proj.weight":
                values = [factor * value for value in values]
            result[f"{layer}.mlp.experts.{number}.{role}"] = (shape, values)
    return result


def check(folder, checkpoint):
    expected, got = assemble(folder), recipes.load(checkpoint / "model.safetensors")
    faults = [f"{name} is in one of them only" for name in expected.keys() ^ got.keys()]
    for name in expected.keys() & got.keys():
        if list(expected[name][0]) != list(got[name][0]):
            faults.append(f"{name} is {got[name][0]}, not {expected[name][0]}")
        elif max(abs(a - b) for a, b in zip(expected[name][1], got[name][1])) > 1e-6:
            faults.append(f"{name} differs")
    config = json.loads((checkpoint / "config.json").read_text())
    faults += [f"{key} is {config.get(key)}" for key in FIELDS if config.get(key) != FIELDS[key]]
    print("\n".join(faults) if faults else f"{len(got)} tensors are the same")
    return bool(faults)


def main():
    if sys.argv[1:2] == ["gate"] and len(sys.argv) > 2:
        return make_gate(pathlib.Path(sys.argv[2]), [int(row) for row in sys.argv[3:]])
    if sys.argv[1:2] == ["check"] and len(sys.argv) == 4:
        return check(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    return __doc__


if __name__ == "__main__":
    sys.exit(main())
