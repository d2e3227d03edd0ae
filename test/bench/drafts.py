#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures what guesses are worth on given prompts.

    test/bench/drafts.py PROGRAM edit.txt other.txt

Continues each prompt greedily with --drafts 0 and with --drafts 7 by turns, checks that the texts are
the same, and prints for each prompt the tokens/s of both, least / median / greatest of all rounds,
and the ratio of the medians. Exit code 1 if texts differ or the program fails, 2 for wrong usage.
Needs Python alone.
"""

import argparse
import re
import statistics
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("prompts", nargs="+", metavar="FILE")
    parser.add_argument("--tokens", type=int, default=256, metavar="N", help="(default: 256)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: 3)")
    parser.add_argument("--drafts", type=int, default=7, metavar="N", help="(default: 7)")
    options = parser.parse_args()
    for prompt in options.prompts:
        rates, texts = {0: [], options.drafts: []}, set()
        for _ in range(options.rounds):
            for drafts, found in rates.items():
                done = subprocess.run(
                    [options.program, "generate", "--prompt-file", prompt, "--tokens",
                     str(options.tokens), "--temperature", "0", "--drafts", str(drafts),
                     "--verbose"], capture_output=True, text=True)
                speed = re.search(r" s \(.* tokens/s\), .* s \(([\d.]+) tokens/s\)", done.stderr)
                if done.returncode or not speed:
                    sys.exit(f"{options.program}, exit code {done.returncode}: {done.stderr}")
                found.append(float(speed[1]))
                texts.add(done.stdout)
        if len(texts) > 1:
            sys.exit(f"{prompt}: guesses change the text")
        for drafts, found in rates.items():
            print(f"{prompt}: {drafts} drafts: {min(found):.1f} / {statistics.median(found):.1f} / "
                  f"{max(found):.1f} tokens/s")
        without, with_drafts = (statistics.median(found) for found in rates.values())
        print(f"{prompt}: ratio {with_drafts / without:.2f}")


if __name__ == "__main__":
    try:
        main()
    except OSError as problem:
        sys.exit(str(problem))
