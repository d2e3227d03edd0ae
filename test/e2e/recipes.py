#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the checkpoint of every recipe of test/golden/recipes and compares its tensors with those
that mergekit and PEFT made.

    recipes.py FPMOE-COMPILE [--tolerance X] [CASE ...]

Feed-forward networks of the expected tensors are those of the first expert and of the shared one.
Needs Python alone.
"""

import argparse
import array
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "recipes"


def load(path):
    """Name to (shape, values) of a safetensors file of f32."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}")
        start, end = (8 + length + at for at in entry["data_offsets"])
        tensors[name] = (entry["shape"], array.array("f", data[start:end]))
    return tensors


def targets(name):
    """The tensors of the result that an expected one is found in."""
    if ".mlp." not in name or "expert" in name or name.endswith(".mlp.gate.weight"):
        return [name]
    return [name.replace(".mlp.", ".mlp.experts.0."),
            name.replace(".mlp.", ".mlp.shared_expert.")]


def compare(case, got, expected):
    """The largest difference, and what is wrong besides."""
    largest, wrong = 0.0, []
    for name, (shape, values) in expected.items():
        for target in targets(name):
            if target not in got or got[target][0] != shape:
                wrong.append(f"{target} is {got.get(target, ['missing'])[0]}, not {shape}")
                continue
            largest = max(largest, *(abs(a - b) for a, b in zip(got[target][1], values)))
    return largest, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("compiler")
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--tolerance", type=float, default=1e-6)
    options = parser.parse_args()
    cases = options.cases or sorted(path.stem for path in GOLDEN.glob("*.toml"))
    failed = not cases
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out"
            done = subprocess.run([options.compiler, GOLDEN / f"{case}.toml",
                                   "--emit=checkpoint", "-o", out], capture_output=True, text=True)
            if done.returncode:
                print(f"FAIL {case}: {done.stderr.strip()}")
                failed = True
                continue
            largest, wrong = compare(case, load(out / "model.safetensors"),
                                     load(GOLDEN / f"{case}.safetensors"))
        good = largest <= options.tolerance and not wrong
        failed |= not good
        print(f"{'pass' if good else 'FAIL'} {case}: {largest:.2g} {'; '.join(wrong[:3])}".rstrip())
    return failed


if __name__ == "__main__":
    sys.exit(main())
