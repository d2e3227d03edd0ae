#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lets a program continue a text greedily, and compares what it makes with how it scores it.

Each token that `generate` makes must be the most likely one by the logits that `score` gives for
the text before it, computed all at once. A logit may exceed that token's by the tolerance, relative
to the largest logit. Needs Python alone.
"""

import argparse
import array
import json
import pathlib
import subprocess
import sys

PROMPTS = (1, 17, 60)
TOKENS = 24


def execute(command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout


def continuation(run, program, prompt, flags=()):
    """The token ids that follow those of the prompt, TOKENS or fewer."""
    out = run([*program, "generate", "--prompt-ids", " ".join(map(str, prompt)), "--ids",
               "--temperature", "0", "-n", str(TOKENS), *flags])
    return list(map(int, out.split()))


def largest_miss(run, program, prompt, made, work, flags=()):
    """By how much a logit exceeds that of the token that was made, of the largest logit.

    Where fewer than TOKENS were made, a token that ends a text must be the most likely one.
    """
    info = json.loads(run([*program, "info", "--json"]))
    columns, ends = info["vocabulary"], info["eos_tokens"]
    text, out = work / "greedy.txt", work / "greedy.logits"
    text.write_text(" ".join(map(str, [*prompt, *made])))
    run([*program, "score", "--ids", text, "--logits", out, *flags])
    logits = array.array("f")
    logits.frombytes(out.read_bytes())
    if sys.byteorder == "big":
        logits.byteswap()
    worst = 0
    taken = [[token] for token in made] + ([ends] if len(made) < TOKENS else [])
    for row, tokens in enumerate(taken, len(prompt) - 1):
        values = logits[row * columns:(row + 1) * columns]
        if not tokens:
            return float("inf")  # the model has no token that ends a text
        miss = max(values) - max(values[token] for token in tokens)
        worst = max(worst, miss / max(map(abs, values)))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="a compiled program")
    parser.add_argument("ids", type=pathlib.Path, help="token ids, of which prompts are made")
    parser.add_argument("work", type=pathlib.Path, help="folder to write to")
    parser.add_argument("--flag", action="append", default=[],
                        help="for both commands, such as --flag=--language=ocaml")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="(default: 1e-4)")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    ids = list(map(int, options.ids.read_text().split()))
    failed = False
    for prompt in (ids[:count] for count in PROMPTS):
        made = continuation(execute, [options.program], prompt, options.flag)
        miss = largest_miss(execute, [options.program], prompt, made, options.work,
                            options.flag)
        good = miss <= options.tolerance
        failed |= not good
        print(f"{'pass' if good else 'FAIL'}: {len(made)} tokens after {len(prompt)}, most likely "
              f"but for {miss:.2g}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
