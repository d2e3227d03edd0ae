#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares reference and program of a GGUF model with llama.cpp (test/golden/gguf).

    gguf-golden.py DIRECTORY WORK
"""

import pathlib
import subprocess
import sys

CHUNKS = (None, 1, 5)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
    sys.stdout.write(done.stdout)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}: {' '.join(map(str, command))}")


def main():
    case, work = map(pathlib.Path, sys.argv[1:])
    work.mkdir(parents=True, exist_ok=True)
    model, ids, golden = (case / name for name in ("model.gguf", "ids.txt", "logits.bin"))
    columns = golden.stat().st_size // 4 // len(ids.read_text().split())
    run("fpmoe-compile", model, "--compile-to=import", "-o", work / "model.mlir")
    run("fpmoe-compile", model, "--weights=f32", "-o", work / "program")
    for chunk in CHUNKS:
        option = ["--chunk", str(chunk)] if chunk else []
        run("fpmoe-eval", work / "model.mlir", "--ids", ids, "--expect", golden, *option)
        run(work / "program", "score", "--ids", ids, "--logits", work / "logits", *option)
        run("fpmoe-eval", "--compare", work / "logits", golden, "--columns", str(columns),
            "--tolerance", "1e-4")
    run(sys.executable, pathlib.Path(__file__).with_name("greedy.py"), work / "program", ids, work)


if __name__ == "__main__":
    main()
