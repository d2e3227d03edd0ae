#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One program of several CPU levels beside a program of each of them.

Each level that this machine has gives the same bits and the same text in both, with as many bytes
of weights; one that it lacks is refused, as is a program of nothing else. Prints a line for each
level, and what the program chooses by itself. Exits with 1 if something is wrong.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

from compare import has


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=pathlib.Path, help="directory with a checkpoint and ids.txt")
    parser.add_argument("work", type=pathlib.Path, help="folder to write to")
    parser.add_argument("--cpu", required=True, help="levels, the best one first")
    parser.add_argument("--weights", required=True)
    options = parser.parse_args()
    work, levels = options.work, options.cpu.split(",")
    work.mkdir(parents=True, exist_ok=True)
    wrong = False

    def compile(cpu, name):
        subprocess.run(["fpmoe-compile", options.model, f"--weights={options.weights}",
                        f"--cpu={cpu}", "-o", work / name], check=True)
        return work / name

    def run(program, *arguments, cpu=None):
        return subprocess.run([program, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False,
                              env=os.environ | ({"FPMOE_CPU": cpu} if cpu else {}))

    def results(program, cpu=None):
        """Facts, logits and a text; or the error."""
        info = run(program, "info", "--json", cpu=cpu)
        if info.returncode:
            return f"exit {info.returncode}: {info.stdout}{info.stderr}".strip()
        facts = json.loads(info.stdout)
        ids = options.model / "ids.txt"
        scored = run(program, "score", "--ids", ids, "--logits", work / "logits", cpu=cpu)
        prompt = " ".join(ids.read_text().split()[:16])
        text = run(program, "generate", "--ids", "--prompt-ids", prompt, "-n", "16",
                   "--temperature", "0", "--ignore-eos", cpu=cpu)
        for done in (scored, text):
            if done.returncode:
                sys.exit(f"{program}: {done.stderr}")
        return facts, (work / "logits").read_bytes(), text.stdout

    program = compile(",".join(reversed(levels)), "program")
    for level in levels:
        got = results(program, level)
        if not has(level):
            print(f"{level}: {got}")
            continue
        facts, logits, text = got
        alone = results(compile(level, "alone"))
        same = ((facts["level"], facts["levels"]) == (level, levels) and text and
                (facts["weight_bytes"], logits, text) == (alone[0]["weight_bytes"], *alone[1:]))
        wrong |= not same
        print(f"{level}: {'as alone' if same else 'differs from a program of its own'}")
    here, lost = [l for l in levels if has(l)], [l for l in levels if not has(l)]
    if here:
        facts, *_ = results(program)
        wrong |= facts["level"] != here[0]
        print(f"by itself: {'the best one here' if facts['level'] == here[0] else facts['level']}")
    print(f"none here: {results(compile(','.join(lost), 'lost')) if lost else 'skipped'}")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
