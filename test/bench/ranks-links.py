#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares ranks-model.py with programs of several ranks over links of limited rate.

    test/bench/ranks-links.py test/bench/fpmoe-0.5B --ranks 1,2 --links 0,1000,200

Each rank is on a host of its own: a network namespace of this machine, as of test/e2e/ranks.py
--hosts, whose link sends so many Mbit/s (0: as fast as it can) and, with --delay, so many
microseconds late, through a relay that takes processor time as well. A rank has one thread. Ranks
share the machine: the rates of memory and processors that the model takes for each are those of one
process of as many threads, or as many as there are CPUs, divided by the ranks. The latency of a
message, for each delay, and the rate of links that are not limited are those of sums by check-mpi.
Rounds go in turn; figures are medians of them. Takes root, iproute2 and an mpirun. Exit code 1:
something could not be measured, 2: wrong usage.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

from measure import Done, Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PREDICTION = load(ROOT / "test/bench/ranks-model.py")
RUN = load(ROOT / "test/e2e/hosts.py")


def run(command):
    return Done(command, 900).out


def limit(hosts, rate):
    """So many Mbit/s out of each host."""
    for i in range(1, hosts.count + 1):
        run(["ip", "netns", "exec", f"{hosts.name}-{i}", "tc", "qdisc", "replace", "dev",
             f"{hosts.name}b{i}", "root", "tbf", "rate", f"{rate}mbit", "burst", "64kb",
             "latency", "400ms"])


class Bench:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.programs, self.figures, self.sums = {}, {}, {}

    def compile(self, ranks):
        path = self.work / f"program-{ranks}"
        run([self.options.fpmoe_compile, self.options.model, "--random-weights=1",
             f"--weights={self.options.weights}", f"--ranks={ranks}", "-o", path])
        self.programs[ranks] = path

    def measure(self, ranks, link, delay, threads=1):
        """Tokens/s of a prompt and of a token, and what a token reads."""
        words = ["bench", "--json", "--threads", threads, "--repeat", 1, "--prompt",
                 self.options.prompt, "--generate", self.options.generate]
        if ranks == 1:
            text = run([self.programs[1], *words])
        else:
            with RUN.Hosts(ranks, self.work, delay) as hosts:
                launcher = hosts.launcher(self.options.mpi, ranks)
                if (ranks, delay) not in self.sums:
                    self.sums[ranks, delay] = self.time_sums(launcher, ranks)
                if link:
                    limit(hosts, link)
                text = run([*launcher, "-n", ranks, self.programs[ranks], *words, "--mpi"])
        result = json.loads(text)
        rates = tuple(result[what]["tokens_per_second"]["median"] for what in ("prefill", "decode"))
        self.figures.setdefault((ranks, link, delay, threads), []).append(rates)
        return result["decode"]["bytes_per_token"]

    def time_sums(self, launcher, ranks):
        """Seconds of sums by how many numbers they have."""
        text = run([*launcher, "-n", ranks, self.options.check_mpi,
                    self.programs[ranks].with_name(f"libfpmoe-{self.options.mpi}.so"), "speed"])
        return {int(count): float(time) * 1e-6
                for count, time in re.findall(r"(\d+) numbers: +([\d.]+) us", text)}

    def medians(self, *case):
        return [statistics.median(rates) for rates in zip(*self.figures[case])]

    def predict(self, model, ranks, link, delay, read):
        """Tokens/s of a prompt and of a token by the model."""
        prompt, decode = self.medians(1, 0, None, min(ranks, os.cpu_count()))
        sums, rounds = self.sums[ranks, delay], (ranks - 1).bit_length()
        large = max(sums)
        carried = sums[large] - 2 * sums[512]  # without the latency of its messages
        settings = argparse.Namespace(
            context=self.options.generate // 2, prompt=self.options.prompt, barrier=1,
            butterfly=65536, latency=sums[512] / rounds * 1e6,
            link=link / 8e3 or 2 * (ranks - 1) / ranks * large * 4e-9 / carried,
            rate=2 * prompt * (model.read(1) - model.logits) / 1e12 / ranks,
            bits=(read - model.layers * model.router * 4) / model.read(1) * 8,
            bandwidth=decode * read / 1e9 / ranks)
        token, prompt, _, _ = PREDICTION.predict(model, ranks, settings)
        return self.options.prompt / prompt, 1 / token, settings


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)

    def numbers(text):
        return [int(word) for word in text.split(",")]

    parser.add_argument("model", type=pathlib.Path, help="a folder with a config.json")
    parser.add_argument("--ranks", type=numbers, default=[1, 2])
    parser.add_argument("--links", type=numbers, default=[0, 1000, 200], help="Mbit/s (0,1000,200)")
    parser.add_argument("--delay", type=numbers, default=[None],
                        help="microseconds from host to host (default: no relay)")
    parser.add_argument("--weights", default="bf16")
    parser.add_argument("--mpi", choices=list(RUN.LAUNCHERS), default="openmpi")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--generate", type=int, default=32)
    parser.add_argument("--fpmoe-compile", type=pathlib.Path,
                        default=ROOT / "build/bin/fpmoe-compile")
    parser.add_argument("--check-mpi", type=pathlib.Path, default=ROOT / "build/bin/check-mpi")
    options = parser.parse_args()
    os.environ.update(OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_mpi_yield_when_idle="1")
    cpus = os.cpu_count()
    alone = [(1, 0, None, threads) for threads in sorted({min(ranks, cpus) for ranks in options.ranks})]
    split = [(ranks, link, delay, 1) for ranks in options.ranks if ranks > 1
             for link in options.links for delay in options.delay]
    try:
        model = PREDICTION.Model(json.loads((options.model / "config.json").read_text()))
        with tempfile.TemporaryDirectory(prefix="fpmoe-links-") as folder:
            bench = Bench(options, pathlib.Path(folder))
            for ranks in sorted({1, *options.ranks}):
                bench.compile(ranks)
            for _ in range(options.rounds):
                for case in alone:
                    read = bench.measure(*case)
                for case in split:
                    bench.measure(*case)
            for case in alone:
                prompt, decode = bench.medians(*case)
                print(f"one process, {case[3]} thread(s): {prompt:.1f} tokens/s of the prompt, "
                      f"{decode:.2f} of a token")
            print("ranks  Mbit/s  delay us message us   GB/s   prompt tokens/s  predicted     "
                  "tokens/s  predicted")
            for ranks, link, delay, _ in split:
                prompt, decode = bench.medians(ranks, link, delay, 1)
                soon_prompt, soon_decode, settings = bench.predict(model, ranks, link, delay, read)
                late = "none" if delay is None else delay
                print(f"{ranks:5} {link or 'all':>7} {late:>9} {settings.latency:11.0f} "
                      f"{settings.link:6.3f} "
                      f"{prompt:17.1f} {soon_prompt:10.1f} {decode:12.2f} {soon_decode:10.2f}")
    except (Failure, OSError, ValueError, KeyError, subprocess.SubprocessError) as failure:
        print(f"{sys.argv[0]}: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
