#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Looks at the machine code of a program for GPUs: DUMP-DIR of fpmoe-compile --target=cuda.

For each cubin there, nvdisasm prints what ptxas made. The checks:
  local    no loop that multiplies reads or writes memory of a thread: nothing is spilled there, and
           elsewhere little;
  mma      there are as many HMMA and IMMA as the LLVM IR has calls of mma;
  weights  integers and bf16 are read by loads of 64 bits, scales by such of 32, which need not heed
           what others store (CONSTANT);
  barrier  there are as many barriers of the grid as the LLVM IR has: each adds itself by an atomic
           operation behind a fence, and waits by loads that see what other blocks wrote, behind
           which caches forget what they had;
  ahead    weights are asked for where the LLVM IR does it.

Prints a line per cubin; exits with 1 when one fails, with 2 for wrong usage. Needs nvdisasm, of the
CUDA toolkit or of PyPI's nvidia-cuda-nvdisasm.
"""

import argparse
import collections
import pathlib
import re
import shutil
import subprocess
import sys

LINE = re.compile(r"/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)(.*)")
LABEL, FUNCTION = re.compile(r"^(\.L_x_\d+):"), re.compile(r"^\s*\.section\s+\.text")
LOCAL, MULTIPLY = re.compile(r"(LDL|STL)\b"), re.compile(r"([HI]MMA|FFMA)\b")
FEW_LOCAL = 64


class Code:
    """The instructions of a cubin, and its loops as pairs of their places."""

    def __init__(self, text):
        self.names, self.loops, labels = [], [], {}
        for line in text.splitlines():
            if FUNCTION.match(line):
                labels = {}
            elif found := LABEL.match(line):
                labels[found.group(1)] = len(self.names)
            elif found := LINE.search(line):
                self.names.append(found.group(2))
                target = re.search(r"\((\.L_x_\d+)\)", found.group(3))
                if found.group(2).startswith("BRA") and target and target.group(1) in labels:
                    self.loops.append((labels[target.group(1)], len(self.names)))
        self.counts = collections.Counter(self.names)

    def number(self, pattern):
        return sum(n for name, n in self.counts.items() if re.fullmatch(pattern, name))

    def multiplying_loops(self):
        """The innermost ones."""
        loops = [loop for loop in self.loops
                 if any(MULTIPLY.match(name) for name in self.names[slice(*loop)])]
        return [(a, z) for a, z in loops
                if not any((a, z) != (b, y) and a <= b and y <= z for b, y in loops)]


def failures(code, ir):
    """What is not as it should be."""
    number = code.number
    for loop in code.multiplying_loops():
        if spilled := sum(bool(LOCAL.match(name)) for name in code.names[slice(*loop)]):
            yield f"{spilled} loads and stores of spilled registers in a loop"
    if (local := number(r"(LDL|STL)\b.*")) > FEW_LOCAL:
        yield f"{local} loads and stores of spilled registers"
    calls = len(re.findall(r"call .*@llvm\.nvvm\.mma\.", ir))
    if (got := number(r"[HI]MMA\..*")) != calls:
        yield f"{got} HMMA and IMMA, {calls} calls of mma"
    for bits in ("32", "64") if number(r"IMMA\..*") else ("64",) if calls else ():
        wanted = len(re.findall(rf"load i{bits}, .*!invariant\.load", ir))
        pattern = rf"LDG\.E{'.64' if bits == '64' else ''}\.CONSTANT"
        if (got := number(pattern)) != wanted:
            yield f"{got} loads of {bits} bits of weights, {wanted} in the LLVM IR"
    barriers = len(re.findall(r'atomicrmw add .*syncscope\("device"\)', ir))
    for what, pattern in (("atomic additions", r"ATOMG?\.E\.ADD\.STRONG\.GPU"),
                          ("fences", r"MEMBAR\.(ALL|SC)\.GPU"),
                          ("waiting loads", r"LDG?\.E\.STRONG\.GPU")):
        if (got := number(pattern)) != barriers:
            yield f"{got} {what}, {barriers} barriers"
    if (got := number(r"CCTL\.IVALL")) < barriers:
        yield f"{got} times caches forget, {barriers} barriers"
    prefetches = len(re.findall(r"call .*asm sideeffect \"prefetch\.global\.L2 ", ir))
    if (got := number(r"CCTL\.E\.PF2")) < prefetches:
        yield f"{got} prefetches, {prefetches} in the LLVM IR"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", type=pathlib.Path, metavar="DUMP-DIR")
    parser.add_argument("--nvdisasm", default=shutil.which("nvdisasm"), metavar="PATH",
                        help="the disassembler (default: from PATH)")
    options = parser.parse_args()
    if not options.nvdisasm or not shutil.which(options.nvdisasm):
        parser.error("there is no nvdisasm; PyPI's nvidia-cuda-nvdisasm has it")
    cubins = sorted(options.dump.glob("*.cubin"))
    if not cubins:
        sys.exit(f"{options.dump}: has no cubin; compile with --target=cuda where there is ptxas")
    try:
        ir = (options.dump / "7-llvm.cuda.ll").read_text()
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{options.dump}: has no LLVM IR, 7-llvm.cuda.ll: {error}")
    failed = False
    for cubin in cubins:
        done = subprocess.run([options.nvdisasm, "-c", cubin], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            sys.exit(f"{cubin}: {options.nvdisasm}: {done.stderr.strip()}")
        code = Code(done.stdout)
        wrong = list(failures(code, ir))
        failed |= bool(wrong)
        kinds = [f"{n} {name}" for name, n in sorted(code.counts.items())
                 if re.match(r"[HI]MMA", name)]
        facts = [f"{len(code.names)} instructions", *kinds,
                 f"{len(code.multiplying_loops())} loops that multiply"]
        print(f"{'FAIL' if wrong else 'ok  '} {cubin.name.split('.')[-2]:8} {', '.join(facts)}",
              *wrong, sep="; ")
    sys.exit(failed)


if __name__ == "__main__":
    main()
