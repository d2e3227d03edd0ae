#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predicts how long a decoded token takes on an NVIDIA GPU, from the schedule of a program.

    fpmoe-compile test/bench/fpmoe-5B --random-weights=1 --weights=bf16 --target=cuda \\
        --compile-to=schedule -o 5B.mlir
    test/bench/cuda-model.py 5B.mlir --gpu H100 --context 1024

It is a prediction and no measurement: no GPU has run these programs. Time passes with the block that
has the most tiles. Memory gives what all blocks want in the order in which they ask for it: before
some barriers, for the first tiles of a phase (`ahead`); before a tile, for a later one; then the tile
itself. A tile takes until the last of it has come, or as long as a warp waits for one lot of loads
after the other, from memory or, what was asked for before, from the cache. Attention waits for the
lots of its loads. --phases prints where the time goes. Exit code 1: the file is no schedule.
"""

import argparse
import collections
import math
import re
import sys

# Multiprocessors, clock (GHz), bytes/s that can be read (nine tenths of what is published), bytes of
# the second-level cache.
GPUS = {
    "H100": (132, 1.7, 3.35e12 * 0.9, 50 << 20),
    "RTX4090": (128, 2.5, 1.008e12 * 0.9, 72 << 20),
    "L4": (58, 1.7, 0.3e12 * 0.9, 48 << 20),
}
LATENCY = 0.7e-6   # of a load from memory, under load
CACHE_LATENCY = 0.35e-6  # of a load from the second-level cache
CACHE_BYTES = 24   # that a multiprocessor gets of that cache in a cycle
LINE = 128         # bytes of the cache that are asked for in a cycle
AHEAD_SHARE = 4    # of that cache, what may be asked for of a phase (runtime/cuda/DeviceRunner.cpp)
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
    """A phase of the program: its tiles, the bytes of weights they read, and its ops."""

    def __init__(self, name, tiles, ahead):
        self.name, self.tiles, self.ahead = name, tiles, ahead
        self.bytes, self.ops, self.rounds = 0, [], 0

    def add(self, line):
        op = re.match(r"mega\.(\w+)", line).group(1)
        self.ops.append((op, line))
        if op == "embed":
            return
        chosen = re.search(r"chosen %\w+ : memref<1x(\d+)xi32>", line)
        rounds = []
        for dims, kind in WEIGHT.findall(line):
            sizes = [int(size) for size in dims.split("x")]
            matrices = 1
            if op.startswith("expert") and len(sizes) == 3:
                sizes[0] = matrices = int(chosen.group(1)) if chosen else sizes[0]
            self.bytes += math.prod(sizes) * BITS[kind] / 8
            rounds.append(self.rounds_of(op, line, sizes, kind) *
                          (matrices if op == "expert_down" else 1))
        # A tile goes over all experts of the second product, and is of one expert of the first.
        if rounds:
            self.rounds = sum(rounds) if op == "expert_down" else max(rounds)

    def rounds_of(self, op, line, sizes, kind):
        """How often a warp waits for weights: for lots of parts, half as many of what is left, ..."""
        if op == "qkv":  # a head, or two vectors of it
            vectors = 2 if re.search(r"group \d+ pairs", line) else math.ceil(sizes[1] / 16)
        else:
            found = re.search(r"\b(vectors|pairs) (\d+)", line)
            vectors = int(found.group(2)) * (2 if found.group(1) == "pairs" else 1)
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

    def attention(self, cycle, context, latency):
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
        return math.ceil(heads / WARPS) * max(lots * latency, busy)


class Clock:
    """A card that does one phase after the other."""

    def __init__(self, gpu, context):
        self.blocks, clock, self.bandwidth, cache = gpu
        self.cycle, self.context = 1e-9 / clock, context
        self.room = cache // AHEAD_SHARE // self.blocks
        self.now = self.memory = 0.0  # seconds; when memory has given what it was asked for
        self.coming = {}  # of a tile that was asked for: its bytes, and when they are there

    def give(self, bytes_of_all):
        """Of memory: when that much has come."""
        self.memory = max(self.memory, self.now) + bytes_of_all / self.bandwidth
        return self.memory + LATENCY

    def distance(self, phase):
        """From a tile of a block to that which it asks for, in tiles of a block."""
        return max(1, int(self.room / (phase.bytes / phase.number_of_tiles(self.context))))

    def ask(self, phase, turn, certain):
        """For what a block reads in this turn, of the weights that are certain."""
        tiles = phase.number_of_tiles(self.context)
        each = certain / tiles
        if phase.ops[0][0] == "expert_up":  # some of the tiles, and not some of each
            each, tiles = phase.bytes / tiles, int(tiles * certain / phase.bytes)
        first = turn * self.blocks
        if first >= tiles:
            return
        size = min(each, self.room)
        self.now += size / LINE * self.cycle
        self.coming[phase, turn] = size, self.give(size * min(self.blocks, tiles - first))

    def multiply(self, phase):
        tiles = phase.number_of_tiles(self.context)
        active, size = min(tiles, self.blocks), phase.bytes / tiles
        for turn in range(math.ceil(tiles / self.blocks)):
            self.ask(phase, turn + self.distance(phase), phase.bytes)
            asked, there = self.coming.pop((phase, turn), (0, 0))
            rest = size - asked
            end = self.now + phase.rounds * (LATENCY * rest + CACHE_LATENCY * asked) / size
            if rest > 0:
                end = max(end, self.give(rest * active))
            if asked:
                end = max(end, there + CACHE_LATENCY,
                          self.now + CACHE_LATENCY + asked / CACHE_BYTES * self.cycle)
            self.now = end + 3 * MEETING

    def run_ahead(self, phase, product):
        for turn in range(self.distance(product)):
            self.ask(product, turn, phase.bytes)

    def run(self, phase):
        tiles = phase.number_of_tiles(self.context)
        if tiles is None:  # every block does all of it: rows of a few KB, and some meetings
            self.now += sum(LATENCY + 4 * MEETING for _ in phase.ops)
        elif phase.bytes:
            self.multiply(phase)
        else:
            time = LATENCY + 3 * MEETING
            # What is asked for meanwhile is in the way.
            latency = LATENCY if self.memory > self.now else CACHE_LATENCY
            for op, _ in phase.ops:
                if op == "attend_span":
                    time += phase.attention(self.cycle, self.context, latency)
                if op == "merge_spans":  # eight spans at once
                    spans = math.ceil(self.context / int(phase.number("span")))
                    time += math.ceil(spans / 8) * latency
            self.now += math.ceil(tiles / self.blocks) * time


def read(path):
    """@decode: phases, None for a barrier, in their order."""
    before, kinds, behind, order = [], [], [], []
    steps = None
    with open(path, encoding="utf-8") as file:
        for raw in file:
            line = raw.strip()
            if line.startswith("mega.program"):
                steps = before if "@decode" in line else None
            if steps is None:
                continue
            if found := re.match(r"mega\.layers order \[([0-9, ]*)\]", line):
                order = [int(kind) for kind in found.group(1).split(",")]
                indent = len(raw) - len(raw.lstrip())
                kinds.append(steps := [])
            elif steps is not before and steps is not behind and raw[:indent + 1].strip() == "}":
                kinds.append([])
                steps = kinds[-1] if line == "}, {" else behind
            elif found := re.match(r'mega\.phase "([^"]+)"( ahead)?(?: tiles \[([^\]]+)\])? \{', line):
                name, ahead, tiles = found.groups()
                steps.append(Phase(name, tiles and tiles.replace(" ", "").split(","), bool(ahead)))
            elif line.startswith("mega.barrier"):
                steps.append(None)
            elif steps and steps[-1] and re.match(r"mega\.(?!buffer|input|weight)\w+ ", line):
                steps[-1].add(line)
    return before + [step for kind in order for step in kinds[kind]] + behind


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
        steps = read(options.schedule)
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{options.schedule}: {getattr(error, 'strerror', None) or error}")
    except KeyError as error:
        sys.exit(f"{options.schedule}: has weights of an unknown format: {error}")
    if not any(steps):
        sys.exit(f"{options.schedule}: has no 'mega.program @decode'; make it with "
                 "fpmoe-compile --target=cuda --compile-to=schedule")
    clock = Clock(GPUS[options.gpu], options.context)
    seconds, counts = collections.Counter(), collections.Counter()
    for number, step in enumerate(steps):
        start = clock.now
        try:
            if not step:
                clock.now += BARRIER
            elif step.ahead:
                clock.run_ahead(step, next(
                    later for later in steps[number:]
                    if later and later.name == step.name.removesuffix("_ahead")))
            else:
                clock.run(step)
        except (KeyError, ValueError, StopIteration) as error:
            sys.exit(f"{options.schedule}: the tiles or ops of phase '{step.name}' are not known: "
                     f"{error}")
        name = step.name if step else "barriers"
        seconds[name] += clock.now - start
        counts[name] += 1
    total = clock.now
    read_bytes = sum(step.bytes for step in steps if step and not step.ahead)
    if options.phases:
        for name, time in seconds.items():
            size, tiles = 0, ""
            if step := next((step for step in steps if step and step.name == name), None):
                size = 0 if step.ahead else step.bytes * counts[name]
                tiles = f"tiles {step.number_of_tiles(options.context) or 'of every block'}"
            print(f"{name:20} x {counts[name]:3} {time * 1e6:9.1f} us {time / total:6.1%} "
                  f"{size / 1e6:9.1f} MB  {tiles}".rstrip())
    print(f"{options.gpu}, context {options.context}: {total * 1e3:.2f} ms, {1 / total:.0f} tokens/s, "
          f"{read_bytes / total / clock.bandwidth:.0%} of what can be read (predicted, never measured)")


if __name__ == "__main__":
    main()
