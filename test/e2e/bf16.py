#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares the perplexity of held-out text under two programs of one model.

Prints both perplexities per token, over all files and per folder of them; exits with 1 when one of
them differs by more than the bound. Needs Python alone.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys

import compare


def scores(program, files):
    """Log-likelihood and number of predicted tokens of each file."""
    done = subprocess.run([program, "score", "--threads", "1", *files], stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)["files"]
    return [(file["log_likelihood"], file["tokens"] - 1) for file in found]


def perplexity(items):
    return math.exp(-sum(item[0] for item in items) / sum(item[1] for item in items))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("expected", help="the f32 program")
    parser.add_argument("program", help="the program to compare")
    parser.add_argument("texts", type=pathlib.Path, help="folder with one folder per language")
    parser.add_argument("--cpu", help="the program is made for this level: skip where it is missing")
    parser.add_argument("--bound", type=float, default=0.005, help="(default: 0.005)")
    parser.add_argument("--bytes", type=int, default=6000,
                        help="about as much text per language (default: 6000)")
    options = parser.parse_args()
    if options.cpu and not compare.has(options.cpu):
        print(f"skipped: this CPU has no {options.cpu}")
        return
    files, names = [], []
    for folder in sorted(options.texts.iterdir()):
        size = 0
        for file in sorted(folder.glob("*.*") if folder.is_dir() else []):
            if size < options.bytes:
                size += file.stat().st_size
                files.append(file)
                names.append(folder.name)
    expected, got = (scores(program, files) for program in (options.expected, options.program))
    failed = False
    for name in sorted(set(names)) + ["all"]:
        chosen = [i for i, own in enumerate(names) if name in (own, "all")]
        one, two = (perplexity([items[i] for i in chosen]) for items in (expected, got))
        difference = two / one - 1
        good = abs(difference) <= options.bound
        failed |= not good
        print(f"{'pass' if good else 'FAIL'}: {name}: {len(chosen)} files, perplexity {one:.4f} "
              f"in f32, {two:.4f} in the other, {difference:+.3%}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
