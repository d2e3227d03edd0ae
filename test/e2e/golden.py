#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles every golden checkpoint to a program and compares its logits with transformers.

For each case of test/golden:
  - all tokens at once, token by token, in chunks of 17, and texts of 1, 2 and 17 tokens alone:
    the largest difference to the golden logits, over the largest of them, is at most 1e-4;
  - token by token and in chunks: the same bound to all at once;
  - where there is a whole.bin: the whole text, routed as published, to that;
  - texts that go on from 1, 17 and 60 tokens: each token is the likeliest by the logits of the text
    before it, up to the same bound, and in bf16 up to 1e-2;
  - every one of these gives the same bits with any number of threads.

Prints one line per check; exits with 1 when one fails, with 2 for wrong usage. Needs Python alone.
"""

import argparse
import array
import json
import math
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

import greedy

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test" / "golden"
CHUNKS = (1, 17)
PREFIXES = (1, 2, 17)
# One step of many tokens and steps of one may round to bf16 differently.
BF16_TOLERANCE = 1e-2


class Failure(Exception):
    """A command that failed, or an output of the wrong form."""


def floats(path):
    """The raw little-endian f32 values of a file."""
    values = array.array("f")
    data = path.read_bytes()
    if len(data) % 4:
        raise Failure(f"{path.name}: {len(data)} bytes are no whole number of f32")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def difference(got, want):
    """The largest difference over the largest wanted magnitude; refuses NaN and infinity."""
    if len(got) != len(want):
        raise Failure(f"{len(got)} logits, not {len(want)}")
    if not all(map(math.isfinite, got)):
        raise Failure("a logit is not finite")
    return max(map(abs, map(float.__sub__, got, want))) / max(map(abs, want))


def execute(command, timeout):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"no end after {timeout} s: {shlex.join(map(str, command))}") from None
    except OSError as fault:
        raise Failure(f"{command[0]}: {fault.strerror}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise Failure(f"exit code {done.returncode}: {shlex.join(map(str, command))}\n{said}")
    return done.stdout


class Runner:
    """Counts and prints checks; each names its case, what was compared, and by how much."""

    def __init__(self, options):
        self.options, self.checks, self.failures = options, 0, 0

    def report(self, good, case, what, figure=""):
        self.checks += 1
        self.failures += not good
        if not good or not self.options.quiet:
            print(f"{'ok  ' if good else 'FAIL'} {case:13} {what:43} {figure}".rstrip(), flush=True)

    def close(self, case, what, got, want):
        found = difference(got, want)
        self.report(found <= self.options.tolerance, case, what, f"{found:.2g}")

    def compile(self, directory, program, weights="f32"):
        extra = [f"--cpu={self.options.cpu}"] if self.options.cpu else []
        execute([self.options.fpmoe_compile, directory, "-o", program,
                 f"--weights={weights}", *extra, *self.options.compile_flag], self.options.timeout)

    def score(self, program, ids, out, threads, chunk=0, flags=()):
        command = [*self.options.run_with, program, "score", "--ids", ids, "--logits", out,
                   "--threads", str(threads)]
        command += flags
        if chunk:
            command += ["--chunk", str(chunk)]
        out.unlink(missing_ok=True)
        execute(command, self.options.timeout)
        if not out.is_file():
            raise Failure(f"no {out.name} was written")
        return floats(out)

    def same_on_all_threads(self, case, what, program, ids, out, chunk=0, flags=()):
        """The logits with the first number of threads, after a check that all give these."""
        first = self.score(program, ids, out, self.options.threads[0], chunk, flags)
        if len(self.options.threads) == 1:
            return first
        differing = [threads for threads in self.options.threads[1:]
                     if self.score(program, ids, out, threads, chunk, flags).tobytes()
                     != first.tobytes()]
        named = ", ".join(map(str, differing or self.options.threads))
        self.report(not differing, case, f"{what}, bits with {named} threads",
                    f"differ from {self.options.threads[0]}" if differing else "equal")
        return first

    def go_on(self, case, program, prompt, work, tolerance, note=""):
        """Continues the prompt greedily, with each number of threads."""
        what = f"after {len(prompt)} token{'s' if len(prompt) > 1 else ''}{note}"
        command = [*self.options.run_with, program]

        def run(parts):
            return execute(parts, self.options.timeout)

        texts = [greedy.continuation(run, command, prompt, ["--threads", str(threads)])
                 for threads in self.options.threads]
        self.report(all(text == texts[0] for text in texts), case,
                    f"{what}, with all threads", f"{len(texts[0])} tokens")
        miss = greedy.largest_miss(run, command, prompt, texts[0], work)
        self.report(miss <= tolerance, case, f"{what}, the likeliest", f"{miss:.2g}")

    def case(self, directory, work):
        name, out = directory.name, work / "logits"
        vocabulary = json.loads((directory / "config.json").read_text())["vocab_size"]
        golden = floats(directory / "logits.bin")
        ids = (directory / "ids.txt").read_text().split()
        if len(golden) != len(ids) * vocabulary:
            raise Failure(f"logits.bin has {len(golden)} values for {len(ids)} x {vocabulary}")
        program = work / "program"
        self.compile(directory, program)

        whole = self.same_on_all_threads(name, "all at once", program, directory / "ids.txt", out)
        self.close(name, "all at once, to transformers", whole, golden)
        for chunk in CHUNKS:
            what = "token by token" if chunk == 1 else f"chunks of {chunk}"
            parts = self.same_on_all_threads(name, what, program, directory / "ids.txt", out, chunk)
            self.close(name, f"{what}, to transformers", parts, golden)
            self.close(name, f"{what}, to all at once", parts, whole)
        if (directory / "whole.bin").is_file():
            got = self.same_on_all_threads(name, "whole text", program, directory / "ids.txt",
                                           out, flags=["--whole-text"])
            self.close(name, "whole text, to the published rule", got,
                       floats(directory / "whole.bin"))
        for count in PREFIXES:
            what = f"{count} token{'s' if count > 1 else ''} alone"
            prefix = work / "prefix.txt"
            prefix.write_text(" ".join(ids[:count]) + "\n")
            got = self.same_on_all_threads(name, what, program, prefix, out)
            self.close(name, f"{what}, to transformers", got, golden[:count * vocabulary])
        for count in greedy.PROMPTS:
            self.go_on(name, program, ids[:count], work, self.options.tolerance)
        self.compile(directory, program, "bf16")
        for count in greedy.PROMPTS:
            self.go_on(name, program, ids[:count], work, BF16_TOLERANCE, " in bf16")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these (default: all)")
    parser.add_argument("--fpmoe-compile", metavar="PATH",
                        help="the compiler (default: build/bin/fpmoe-compile, or from PATH)")
    parser.add_argument("--cpu", metavar="LEVEL", help="passed on as --cpu (default: native)")
    parser.add_argument("--compile-flag", action="append", default=[], metavar="FLAG",
                        help="one more flag for the compiler, such as --compile-flag=--static")
    parser.add_argument("--run-with", default="", metavar="COMMAND",
                        help="put before the program, such as 'qemu-aarch64 -L /usr/aarch64'")
    parser.add_argument("--threads", default="1,2,5", metavar="N,...",
                        help="numbers of threads that must agree bit for bit (default: 1,2,5)")
    parser.add_argument("--tolerance", type=float, default=1e-4, metavar="X",
                        help="bound on the relative difference (default: 1e-4)")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS",
                        help="for each command (default: 300)")
    parser.add_argument("--work", type=pathlib.Path, metavar="DIR",
                        help="keep programs and outputs under DIR (default: a temporary one)")
    parser.add_argument("--quiet", action="store_true", help="print failures and the total only")
    options = parser.parse_args()
    built = ROOT / "build" / "bin" / "fpmoe-compile"
    if not options.fpmoe_compile:
        options.fpmoe_compile = str(built) if built.is_file() else shutil.which("fpmoe-compile")
    if not options.fpmoe_compile or not shutil.which(options.fpmoe_compile):
        parser.error(f"no compiler at {options.fpmoe_compile or built}; build it, "
                     "or name it with --fpmoe-compile")
    try:
        options.threads = [int(word) for word in options.threads.split(",")]
        if min(options.threads) < 1:
            raise ValueError
    except ValueError:
        parser.error("--threads takes numbers above 0, separated by commas")
    options.run_with = shlex.split(options.run_with)
    there = sorted(path.parent for path in GOLDEN.glob("*/logits.bin"))
    options.directories = [d for d in there if not options.cases or d.name in options.cases]
    unknown = sorted(set(options.cases) - {directory.name for directory in there})
    if unknown or not there:
        parser.error(f"no such case: {', '.join(unknown) or GOLDEN}; there are "
                     f"{', '.join(directory.name for directory in there) or 'none'}")
    return options


def main():
    options = arguments()
    runner = Runner(options)
    if options.work:
        options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fpmoe-golden-") as temporary:
        for directory in options.directories:
            try:
                work = (options.work or pathlib.Path(temporary)) / directory.name
                work.mkdir(exist_ok=True)
                runner.case(directory, work)
            except Failure as failure:
                runner.report(False, directory.name, "stopped:", str(failure))
    print(f"{runner.checks - runner.failures} of {runner.checks} checks passed")
    return 1 if runner.failures else 0


if __name__ == "__main__":
    sys.exit(main())
