"""Writes what training has reached as the parts of the recipes: adapters as PEFT stores
them, and the routers, of MultiPL-MoE, too, all in bf16; and of the mixture, what train.py
needs to go on from them.

    parts.py [--cache FOLDER] [--control] [--out FOLDER]

Needs the state of train.py alone, no base.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import json
import pickle
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "recipes"), str(HERE.parent / "nano")]

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import base as bases
import gates
import lora
from feedforward import ALPHA, PROJECTIONS, RANK

TRAINING = "training.json"


def factors(average, adapter, layers):
    """{path of the linear layer: (A, B)} of one adapter."""
    def of(layer, kind, name):
        return average[f"model.layers.{layer}.mlp.{kind}.{name}"][adapter]
    return {f"model.layers.{layer}.mlp.{name}":
            (of(layer, "lora_A", name), of(layer, "lora_B", name))
            for layer in range(layers) for name in PROJECTIONS}


def write(state, out):
    average, routers = state["average"], state["routers"]
    for number, name in enumerate(state["names"]):
        lora.write(out / name, factors(average, number, len(routers)), RANK, ALPHA,
                   PROJECTIONS)
    if routers.shape[1]:
        (out / "gate").mkdir(parents=True, exist_ok=True)
        save_file({f"model.layers.{layer}.mlp.gate.weight":
                   weight.to(torch.bfloat16).contiguous()
                   for layer, weight in enumerate(routers)},
                  out / "gate/model.safetensors", metadata={"format": "pt"})
        gates.for_two_levels(argparse.Namespace(out=out), "", "multipl-moe")
        (out / TRAINING).write_text(json.dumps(
            {"step": state["step"], "names": state["names"],
             "settings": state["settings"]}, indent=2) + "\n")


def read_state(path, mmap=True):
    """What train.py keeps of a run."""
    try:
        state = torch.load(path, mmap=mmap)
        for name in ("settings", "step", "begun", "names", "routers", "adapters",
                     "average"):
            if name not in state:
                raise ValueError(f"has no {name}")
    except (OSError, EOFError, RuntimeError, TypeError, ValueError,
            pickle.UnpicklingError) as error:
        bases.fail(f"{path}: is damaged: {bases.first_line(error)}; where it is removed, "
                   "train.py goes on from the parts")
    return state


def damaged(path, why):
    bases.fail(f"{path}: is damaged: {bases.first_line(why)}; parts.py writes it anew")


class Tensors(dict):
    """What `write` stored in a file, as f32."""

    def __init__(self, path):
        self.path = path
        try:
            self.update((name, tensor.float()) for name, tensor in load_file(path).items())
        except (OSError, SafetensorError) as error:
            damaged(path, error)

    def __missing__(self, name):
        damaged(self.path, f"has no {name}")


def read(folder):
    """What `write` knew of the mixture in `folder`: step, names, settings, adapters and
    routers, both as f32. None where there is none."""
    path = folder / TRAINING
    if not path.exists():
        return None
    try:
        state = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        damaged(path, error)
    for name in ("step", "names", "settings"):
        if name not in state:
            damaged(path, f"has no {name}")
    gate = Tensors(folder / "gate/model.safetensors")
    state["routers"] = torch.stack([gate[f"model.layers.{layer}.mlp.gate.weight"]
                                    for layer in range(len(gate))])
    stored = [Tensors(folder / name / "adapter_model.safetensors")
              for name in state["names"]]
    state["adapters"] = {
        f"model.layers.{layer}.mlp.{kind}.{name}": torch.stack(
            [tensors[f"base_model.model.model.layers.{layer}.mlp.{name}.{kind}.weight"]
             for tensors in stored])
        for layer in range(len(gate)) for kind in ("lora_A", "lora_B")
        for name in PROJECTIONS}
    return state


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=bases.CACHE, metavar="FOLDER",
                        help="of train.py (default: %(default)s)")
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "parts")
    options = parser.parse_args()
    place = options.cache / ("control" if options.control else "mixture") / "state.pt"
    if not place.exists():
        bases.fail(f"{place}: is not there; train.py writes it")
    state = read_state(place)
    write(state, options.out)
    print(f"{options.out}: after {state['step']} steps")


if __name__ == "__main__":
    main()
