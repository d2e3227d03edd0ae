#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predicts how long a decoded token takes on an NVIDIA GPU, from the schedule of a program.

    fpmoe-compile test/bench/fpmoe-5B --random-weights=1 --weights=bf16 --target=cuda \\
        --compile-to=schedule -o 5B.mlir
    test/bench/cuda-model.py 5B.mlir --gpu H100 --context 1024

It is a prediction and no measurement: no GPU has run these programs. A phase takes as long as the
block with the most tiles. Blocks read weights at what is left of the bandwidth for each of them, or
wait for one lot of loads after the other, whichever takes longer; attention waits for the lots of its
loads. --phases prints where the time goes. Exit code 1: the file is no schedule.
"""

import argparse
import math
import re
import sys

# Multiprocessors, clock (GHz), bytes/s that can be read (nine tenths of what is published).
GPUS = {
    "H100": (132, 1.7, 3.35e12 * 0.9),
    "RTX4090": (128, 2.5, 1.008e12 * 0.9),
    "L4": (58, 1.7, 0.3e12 * 0.9),
}
LATENCY = 0.7e-6   # of a load from memory, under load
CACHE_LATENCY = 0.35e-6  # of a load from the second-level cache
BARRIER = 1.5e-6   # of the grid
MEETING = 0.1e-6   # of the threads of a block
LOADS = 16         # of a lane that attends, on their way together
WARPS = 8
PARTS = 8          # of K, of 16 columns, that a warp has on their way together
# Elements of K in a part.
PART = {"f32": 8, "f16": 16, "bf16": 16, "!fpmoe.int8": 32, "!fpmoe.uint4": 32, "!fpmoe.int4": 32}
BITS = {"f32": 32, "f16": 16, "bf16": 16, "!fpmoe.int8": 8.5, "!fpmoe.uint4": 5,
        "!fpmoe.int4": 4.5}
WEIGHT = re.compile(r"tensor<([0-9x]+)x(!?[a-z0-9.]+), #mega\.packed")


class Phase:
    """A phase of the program: its tiles, the bytes of weights they read, and its op."""

    def __init__(self, name, tiles):
        self.name, self.tiles = name, tiles
        self.bytes, self.ops, self.repeats, self.meets = 0, [], 1, False
        self.rounds = 0

    def add(self, line):
        op = re.match(r"mega\.(\w+)", line).group(1)
        self.ops.append((op, line))
        if op == "embed":
            return
        chosen = re.search(r"chosen %\w+ : memref<1x(\d+)xi32>", line)
        for dims, kind in WEIGHT.findall(line):
            sizes = [int(size) for size in dims.split("x")]
            if op.startswith("expert") and len(sizes) == 3:
                sizes[0] = int(chosen.group(1)) if chosen else sizes[0]
            self.bytes += math.prod(sizes) * BITS[kind] / 8
            self.rounds = max(self.rounds, self.rounds_of(op, line, sizes, kind))

    def rounds_of(self, op, line, sizes, kind):
        """How often a warp waits for weights: for lots of parts, half as many of what is left, ..."""
        found = re.search(r"\b(vectors|pairs) (\d+)", line) if op != "qkv" else None
        vectors = math.ceil(sizes[1] / 16) if op == "qkv" else int(found.group(2)) * (
            2 if found.group(1) == "pairs" else 1)
        at_once = min(vectors, 4)
        left, lot, rounds = math.ceil(sizes[-1] / PART[kind] / WARPS), PARTS // at_once, 0
        while lot:
            rounds += left // lot
            left, lot = left % lot, lot // 2
        return rounds * math.ceil(vectors / at_once)

    def number_of_tiles(self, context):
        if self.tiles is None:
            return None
        return math.prod(math.ceil(context / int(self.number("span"))) if size == "spans"
                         else int(size) for size in self.tiles)

    def number(self, name):
        for _, line in self.ops:
            if found := re.search(rf"\b{name} (\d+)", line):
                return int(found.group(1))
        raise KeyError(name)

    def seconds(self, gpu, context):
        blocks, clock, bandwidth = gpu
        tiles = self.number_of_tiles(context)
        cycle = 1e-9 / clock
        if tiles is None:  # every block does all of it: rows of a few KB, and some meetings
            return sum(LATENCY + 4 * MEETING for op, _ in self.ops)
        turns = math.ceil(tiles / blocks)
        active = min(tiles, blocks)
        time = LATENCY + 3 * MEETING
        if self.bytes:
            time = 3 * MEETING + max(LATENCY * self.rounds,
                                     LATENCY + self.bytes / tiles / (bandwidth / active))
        for op, _ in self.ops:
            if op == "attend_span":
                time += self.attention(cycle, context)
            if op == "merge_spans":  # eight spans at once
                time += math.ceil(context / int(self.number("span")) / 8) * CACHE_LATENCY
        return turns * time

    def attention(self, cycle, context):
        """A warp for each head of a group: some positions for each lane, then some columns."""
        span = self.number("span")
        positions = min(span, context)
        keys, values = self.number("head_dim"), self.number("value_dim")
        heads = self.number("heads") // self.number("kv_heads")
        # Loads wait for one another in lots, and for the number of the page. Two elements are one
        # load: of a key, or of two positions of a column.
        lots = 1 + math.ceil(keys / 2 * math.ceil(span / 32) / LOADS)
        lots += 1 + math.ceil(positions / 2 * math.ceil(values / 32) / LOADS)
        # 128 lanes do an instruction in each cycle; an element takes four or so.
        busy = min(heads, WARPS) * positions * (keys + values) * 4 / 128 * cycle
        return math.ceil(heads / WARPS) * max(lots * CACHE_LATENCY, busy)


def read(path):
    """The phases of @decode."""
    phases, inside, repeats = [], False, 1
    with open(path, encoding="utf-8") as file:
        for line in map(str.strip, file):
            if line.startswith("mega.program"):
                inside = "@decode" in line
            if not inside:
                continue
            if found := re.match(r"mega\.layers order \[([0-9, ]*)\]", line):
                repeats = len(found.group(1).split(","))
            elif found := re.match(r'mega\.phase "([^"]+)"(?: tiles \[([^\]]+)\])? \{', line):
                phases.append(Phase(found.group(1), found.group(2) and
                                    found.group(2).replace(" ", "").split(",")))
                # What stands before and behind the layers is done once.
                phases[-1].repeats = 1 if found.group(1) in (
                    "embed", "rope", "final_norm", "logits") else repeats
            elif line.startswith("mega.barrier"):
                if phases:
                    phases[-1].meets = True
            elif phases and re.match(r"mega\.(?!buffer|input|weight)\w+ ", line):
                phases[-1].add(line)
    return phases


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schedule", help="IR of the schedule phase for --target=cuda")
    parser.add_argument("--gpu", default="H100", choices=GPUS, help="(default: H100)")
    parser.add_argument("--context", type=int, default=1024, metavar="N",
                        help="tokens before this one (default: 1024)")
    parser.add_argument("--phases", action="store_true", help="prints where the time goes")
    options = parser.parse_args()
    if options.context < 1:
        parser.error("--context takes a number above 0")
    try:
        phases = read(options.schedule)
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{options.schedule}: {getattr(error, 'strerror', None) or error}")
    except KeyError as error:
        sys.exit(f"{options.schedule}: has weights of an unknown format: {error}")
    if not phases:
        sys.exit(f"{options.schedule}: has no 'mega.program @decode'; make it with "
                 "fpmoe-compile --target=cuda --compile-to=schedule")
    gpu = GPUS[options.gpu]
    rows = []
    for phase in phases:
        try:
            each = phase.seconds(gpu, options.context) + (BARRIER if phase.meets else 0)
        except (KeyError, ValueError) as error:
            sys.exit(f"{options.schedule}: the tiles or ops of phase '{phase.name}' are not known: "
                     f"{error}")
        rows.append((phase, each * phase.repeats))
    total = sum(time for _, time in rows)
    read_bytes = sum(phase.bytes * phase.repeats for phase in phases)
    if options.phases:
        for phase, time in rows:
            print(f"{phase.name:20} x {phase.repeats:3} {time * 1e6:9.1f} us {time / total:6.1%} "
                  f"{phase.bytes * phase.repeats / 1e6:9.1f} MB  "
                  f"tiles {phase.number_of_tiles(options.context) or 'of every block'}")
    print(f"{options.gpu}, context {options.context}: {total * 1e3:.2f} ms, {1 / total:.0f} tokens/s, "
          f"{read_bytes / total / gpu[2]:.0%} of what can be read (predicted, never measured)")


if __name__ == "__main__":
    main()
