#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles a checkpoint for one CPU level and compares its logits with the reference.

The reference, fpmoe-eval, evaluates the graph whose weights are rounded to the format that the
program has; so the difference is that of the kernels alone. Says 'skipped' for a level that this
machine lacks.
"""

import argparse
import ctypes
import pathlib
import platform
import subprocess
import sys

AVX2 = {"avx", "avx2", "fma", "movbe", "f16c", "abm", "bmi1", "bmi2"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
VNNI = AVX512 | {"avx512_vnni"}
FLAGS = {"x86-64-v3": AVX2, "x86-64-v3-vnni": AVX2 | {"avx_vnni"}, "avx512": AVX512,
         "avx512-vnni": VNNI, "avx512-bf16": VNNI | {"avx512_bf16"},
         "amx-bf16": VNNI | {"avx512_bf16", "amx_tile", "amx_bf16", "amx_int8"}}


def has(level):
    if platform.machine() != "x86_64":
        return platform.machine() == level
    flags = next((set(line.split(":")[1].split()) for line in open("/proc/cpuinfo")
                  if line.startswith("flags")), set())
    if level == "amx-bf16" and "amx_bf16" in flags:
        # The system may refuse the tile registers (arch_prctl, ARCH_REQ_XCOMP_PERM).
        return ctypes.CDLL(None).syscall(158, 0x1023, 18) == 0
    return level in FLAGS and FLAGS[level] <= flags


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="directory with config.json, ids.txt and, if weights are not "
                        "random, a checkpoint")
    parser.add_argument("work", type=pathlib.Path, help="folder to write to")
    parser.add_argument("--cpu", required=True)
    parser.add_argument("--weights", required=True, choices=("f32", "f16", "bf16", "int8", "uint4", "int4"))
    parser.add_argument("--tolerance", required=True)
    options = parser.parse_args()
    if not has(options.cpu):
        print(f"skipped: this CPU has no {options.cpu}")
        return
    work, ids = options.work, pathlib.Path(options.model) / "ids.txt"
    work.mkdir(parents=True, exist_ok=True)

    def run(*command):
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
        sys.stdout.write(done.stdout)
        if done.returncode:
            sys.exit(f"exit code {done.returncode}: {' '.join(map(str, command))}")

    common = [options.model, f"--cpu={options.cpu}", f"--weights={options.weights}"]
    if not (ids.parent / "model.safetensors").exists():
        common.append("--random-weights=1")
    run("fpmoe-compile", *common, "-o", work / "program")
    run("fpmoe-compile", *common, "--compile-to=quantize", "-o", work / "model.mlir")
    for chunk in ([], ["--chunk", "1"]):
        run(work / "program", "score", "--ids", ids, "--logits", work / "logits", *chunk)
        run("fpmoe-eval", work / "model.mlir", "--ids", ids, "--expect", work / "logits",
            "--tolerance", options.tolerance)


if __name__ == "__main__":
    main()
