#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles a golden checkpoint for aarch64 and runs its step functions in the emulator.

In f32 the logits are compared with the golden ones, in bf16 with those of the program for
x86-64-v3. Token by token, in chunks of 17 and at once; teams of 1 and 2 must give the same bits.
The weights are those of the x86 program, which have the same layout.
"""

import argparse
import pathlib
import subprocess
import sys

import compare
from golden import ROOT, difference, floats


def run(*command):
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"FAIL: {' '.join(map(str, command))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path, help="folder of test/golden")
    parser.add_argument("work", type=pathlib.Path, help="folder to write to")
    parser.add_argument("--weights", required=True, choices=("f32", "bf16"))
    parser.add_argument("--tolerance", required=True, type=float)
    options = parser.parse_args()
    work, ids = options.work, options.case / "ids.txt"
    work.mkdir(parents=True, exist_ok=True)
    blob, code, driver = work / "model.weights", work / "model.o", work / "driver"

    model = [options.case, f"--weights={options.weights}"]
    run("fpmoe-compile", *model, "--cpu=aarch64", "--compile-to=object", "-o", code)
    run("fpmoe-compile", *model, "--cpu=x86-64-v3", f"--weights-file={blob}", "-o", work / "x86")
    run("aarch64-linux-gnu-gcc", "-static", "-pthread", "-O1", "-Wall", "-Werror",
        f"-I{ROOT / 'include'}", ROOT / "test" / "e2e" / "StepDriver.c", code, "-o", driver)

    expected = options.case / "logits.bin"
    if options.weights == "bf16":
        if not compare.has("x86-64-v3"):
            print("skipped: this CPU has no x86-64-v3")
            return
        expected = work / "expected"
        run(work / "x86", "score", "--ids", ids, "--logits", expected)
    failed = False
    for chunk in (1, 17, 200):
        logits = [work / f"logits.{workers}" for workers in (1, 2)]
        for workers, out in enumerate(logits, 1):
            run("qemu-aarch64", driver, blob, ids, out, str(chunk), str(workers))
        found = difference(floats(logits[0]), floats(expected))
        same = logits[0].read_bytes() == logits[1].read_bytes()
        good = same and found <= options.tolerance
        failed |= not good
        print(f"{'pass' if good else 'FAIL'}: chunks of {chunk}: difference {found:.2g}, "
              f"two workers {'equal' if same else 'differ from'} one")
    sys.exit(failed)


if __name__ == "__main__":
    main()
