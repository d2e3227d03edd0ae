#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures what whole experts for each rank would cost, instead of a part of every expert.

    test/bench/ranks-experts.py test/bench/mixtral-8x7B --layers 2 --ranks 2

Programs split each of a token's experts over all ranks. Were they whole, all ranks would wait for
the one that has most of those that the token chose. What it does then is what a rank does in a
program of other sizes: experts that are so many times as wide, of which each rank has one whole
expert's worth, and so many of them chosen. These programs are measured in turn, and their times
weighted by how likely it is that the busiest rank has so many, if experts are chosen evenly. Of a
prompt, ranks have as many tokens each at best, so that it is the time with equally many experts
chosen in all ranks. Weights are random. Takes an mpirun. Exit code 1: something could not be
measured, 2: wrong usage.
"""

import argparse
import collections
import importlib.util
import itertools
import json
import math
import os
import pathlib
import random
import statistics
import sys
import tempfile

from measure import Done, Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("hosts", ROOT / "test/e2e/hosts.py")
RUN = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(RUN)

WIDTHS = ("moe_intermediate_size", "intermediate_size")
EXPERTS = ("num_experts", "num_local_experts")


def run(command):
    return Done(command, 1800).out


def most_chosen(experts, taken, ranks):
    """How likely it is that the rank with most of a token's experts has so many."""
    each = experts // ranks
    if math.comb(experts, taken) < 100000:
        draws = itertools.combinations(range(experts), taken)
    else:
        source = random.Random(1)
        draws = (source.sample(range(experts), taken) for _ in range(100000))
    counts = collections.Counter(max(collections.Counter(e // each for e in draw).values())
                                 for draw in draws)
    return {most: count / counts.total() for most, count in sorted(counts.items())}


class Bench:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.config = json.loads((options.model / "config.json").read_text())
        self.width = next(key for key in WIDTHS if key in self.config)
        self.experts = next(key for key in EXPERTS if key in self.config)
        if options.layers:
            self.config["num_hidden_layers"] = options.layers
        self.programs, self.figures = {}, {}

    def compile(self, most):
        """With so many whole experts in a rank for a token; 0: with parts of all."""
        ranks, config = self.options.ranks, dict(self.config)
        if most:
            config[self.width] *= ranks
            config[self.experts] //= ranks
            config["num_experts_per_tok"] = most
        folder = self.work / f"model-{most}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        self.programs[most] = self.work / f"program-{most}"
        run([self.options.fpmoe_compile, folder, "--random-weights=1", f"--ranks={ranks}",
             f"--weights={self.options.weights}", "--context=1024", "-o", self.programs[most]])

    def measure(self, most):
        launcher = RUN.LAUNCHERS[self.options.mpi]
        result = json.loads(run([
            *launcher, "-n", self.options.ranks, self.programs[most], "bench", "--json",
            "--threads", self.options.threads, "--repeat", 1, "--prompt", self.options.prompt,
            "--generate", self.options.generate, "--mpi"]))
        self.figures.setdefault(most, []).append(
            [1 / result[what]["tokens_per_second"]["median"] for what in ("prefill", "decode")])

    def seconds(self, most):
        return [statistics.median(times) for times in zip(*self.figures[most])]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="a folder with a config.json")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--layers", type=int, help="instead of those of the model")
    parser.add_argument("--weights", default="int4")
    parser.add_argument("--threads", type=int, default=1, help="of a rank (1)")
    parser.add_argument("--mpi", choices=list(RUN.LAUNCHERS), default="openmpi")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--generate", type=int, default=32)
    parser.add_argument("--fpmoe-compile", type=pathlib.Path,
                        default=ROOT / "build/bin/fpmoe-compile")
    options = parser.parse_args()
    os.environ.update(OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_mpi_yield_when_idle="1")
    try:
        with tempfile.TemporaryDirectory(prefix="fpmoe-experts-") as folder:
            bench = Bench(options, pathlib.Path(folder))
            experts, taken = bench.config[bench.experts], bench.config["num_experts_per_tok"]
            if taken < 2 or experts % options.ranks:
                raise Failure(f"{taken} of {experts} experts are not shared out over "
                              f"{options.ranks} ranks")
            likely = most_chosen(experts, taken, options.ranks)
            even = math.ceil(taken / options.ranks)
            cases = sorted({0, even, *likely})
            for most in cases:
                bench.compile(most)
            for _ in range(options.rounds):
                for most in cases:
                    bench.measure(most)
    except (Failure, OSError, ValueError, StopIteration, KeyError) as error:
        print(f"{options.model}: {error!r}" if not isinstance(error, Failure) else error,
              file=sys.stderr)
        return 1
    print("experts of a token in the busiest rank   likely   decode, tokens/s")
    for most, share in likely.items():
        print(f"{most:40} {share:8.0%} {1 / bench.seconds(most)[1]:18.1f}")
    whole = sum(share * bench.seconds(most)[1] for most, share in likely.items())
    print(f"whole experts: decode {1 / whole:.1f}, prompt {1 / bench.seconds(even)[0]:.1f} at best")
    prompt, decode = bench.seconds(0)
    print(f"parts of all:  decode {1 / decode:.1f}, prompt {1 / prompt:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
