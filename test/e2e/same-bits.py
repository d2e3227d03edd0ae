#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A token's logits have the same bits however its text is cut into steps, with any number of threads.

For each case of test/golden, or each checkpoint or recipe that is named, and each format: the logits
of the text all at once, in chunks of 1, 7, 64 and 512 tokens, each with 1, 2 and 5 threads. Not one
bit may differ from those of all at once with one thread.

Prints one line per program; exits with 1 when one fails, with 2 for wrong usage. Needs Python alone.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test" / "golden"
CHUNKS = (0, 1, 7, 64, 512)


def run(command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n"
                 f"{done.stderr.decode(errors='replace')}")


def logits(program, ids, chunk, threads, out):
    out.unlink(missing_ok=True)
    run([program, "score", "--ids", ids, "--logits", out, "--threads", threads,
         *(["--chunk", chunk] if chunk else [])])
    return out.read_bytes()


def differing(program, ids, threads, work):
    """The first chunk and number of threads whose bits differ; None if there are none."""
    most = json.loads(subprocess.check_output([program, "info", "--json"]))["max_tokens"]
    first = None
    for chunk in sorted({min(chunk, most) for chunk in CHUNKS}):
        for count in threads:
            got = logits(program, ids, chunk, count, work / "logits")
            if first is None:
                first = got
            elif got != first:
                width = 4  # of an f32
                at = next(i for i in range(0, len(got), width)
                          if got[i:i + width] != first[i:i + width])
                return f"chunks of {chunk or 'all'}, {count} threads: number {at // width} differs"
    return None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path, metavar="MODEL",
                        help="cases of test/golden, directories or recipes (default: all cases)")
    parser.add_argument("--fpmoe-compile", default=ROOT / "build" / "bin" / "fpmoe-compile",
                        metavar="PATH", help="the compiler (default: that of build/)")
    parser.add_argument("--formats", default="f32,bf16", metavar="F,...",
                        help="of --weights (default: f32,bf16)")
    parser.add_argument("--threads", default="1,2,5", metavar="N,...", help="(default: 1,2,5)")
    parser.add_argument("--ids", type=pathlib.Path, metavar="FILE",
                        help="the text, for models that have no ids.txt")
    parser.add_argument("--compile-flag", action="append", default=[], metavar="FLAG",
                        help="one more flag for the compiler, such as --compile-flag=--static")
    options = parser.parse_args()
    if not shutil.which(options.fpmoe_compile):
        parser.error(f"no compiler at {options.fpmoe_compile}")
    models = options.models or sorted(p.parent for p in GOLDEN.glob("*/logits.bin"))
    failures = 0
    with tempfile.TemporaryDirectory(prefix="fpmoe-same-bits-") as directory:
        work = pathlib.Path(directory)
        for model in models:
            if not model.exists():
                model = GOLDEN / model
            ids = options.ids or model / "ids.txt"
            if not ids.is_file():
                parser.error(f"{model}: has no ids.txt; name a text with --ids")
            for weights in options.formats.split(","):
                program = work / "program"
                run([options.fpmoe_compile, model, "-o", program, f"--weights={weights}",
                     *options.compile_flag])
                found = differing(program, ids, options.threads.split(","), work)
                failures += found is not None
                print(f"{'FAIL' if found else 'ok  '} {model.name:20} {weights:5} "
                      f"{found or 'the same bits'}", flush=True)
    print(f"{failures} programs failed" if failures else "all programs give the same bits")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
