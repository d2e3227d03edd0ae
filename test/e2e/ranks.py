#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs programs that are split over 1, 2 and 4 ranks, on this machine, through MPI.

    test/e2e/ranks.py models/nano --weights=bf16,int8
    test/e2e/ranks.py test/golden/split-* --weights=f32,bf16 --check=golden,score

Each program is started by every mpirun that is installed, of Open MPI and of MPICH. With --hosts, each
rank is on a host of its own: a network namespace with its own name, connected to the others by a
bridge, over TCP alone; that takes root and iproute2. --delay makes messages between them late. What
is scored is the text of a model's golden logits, or one that is made up. Checks:
  golden     logits have the bits of one rank, and in f32 are those of transformers, up to 1e-4 of
             the largest (default: where a model has golden logits);
  score      logits have the same bits for any number of ranks, of threads in a rank, and of tokens
             in a step;
  generate   so has a text that is drawn, with guesses and without, from standard input too;
  serve      a server completes, while two texts are written at a time, what `generate` does;
  memory     a rank maps its own part of the weights, and no other, and no more of it is in memory
             when it has completed a text;
  killed     a rank that is killed ends all within 10 seconds, and nobody is left;
  cut        with --hosts, the link of the last rank's host goes down in the middle of a text: within
             15 seconds one error names that rank, and no other is left. That one may be, where it
             waits for a step, and Open MPI's mpirun, which waits for that host;
  count      another number of ranks than the program is for is one error, which names both.
Prints a line for each check; exits with 1 when one fails, with 2 for wrong usage, with 77 where no
MPI is installed, or hosts cannot be made.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from golden import Failure, difference, floats
from hosts import LAUNCHERS, Hosts, can_make_hosts

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT = 120
CHECKS = ("golden", "score", "generate", "serve", "memory", "killed", "cut", "count")
# Files of golden logits, and what else `score` is told for them.
GOLDEN = {"logits.bin": (), "expected.bin": (), "whole.bin": ("--whole-text",)}
TOLERANCE = 1e-4


class Program:
    """A program of so many ranks, under one MPI."""

    def __init__(self, path, ranks, mpi, hosts=None):
        self.path, self.ranks, self.mpi, self.hosts = path, ranks, mpi, hosts
        self.name = f"{mpi} {ranks}" + " hosts" * (hosts is not None)

    def command(self, *arguments, ranks=None):
        words = [self.path, *map(str, arguments)]
        if self.ranks == 1:
            return words
        launcher = self.hosts.launcher(self.mpi, self.ranks) if self.hosts else LAUNCHERS[self.mpi]
        return [*launcher, "-n", str(ranks or self.ranks), *words, "--mpi"]

    def run(self, *arguments, given="", ranks=None):
        return subprocess.run(self.command(*arguments, ranks=ranks), input=given,
                              capture_output=True, text=True, timeout=TIMEOUT, check=False)

    def start(self, *arguments):
        return subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                                start_new_session=True)

    def processes(self):
        """Process ids of the ranks that run."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*/exe"):
            try:
                if entry.resolve() == self.path:
                    found.append(int(entry.parent.name))
            except OSError:
                pass
        return sorted(found)


def must(result):
    if result.returncode:
        raise Failure(f"exit code {result.returncode}: {result.stderr.strip()[-300:]}")
    return result.stdout


class Checks:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.failed = self.done = 0

    def report(self, good, *words):
        self.done += 1
        self.failed += not good
        print("ok  " if good else "FAIL", *words, flush=True)

    def attempt(self, program, check, name):
        try:
            self.report(True, program.name, name, check(program) or "")
        except (Failure, subprocess.TimeoutExpired, OSError) as failure:
            self.report(False, program.name, name, failure)

    def logits(self, program, *flags):
        out = self.work / "logits"
        out.unlink(missing_ok=True)
        must(program.run("score", *self.given, "--logits", out, *flags))
        return out.read_bytes()

    def golden(self, program):
        if not self.goldens:
            raise Failure("the model has no golden logits")
        largest = 0
        for file, flags in self.goldens.items():
            logits = self.logits(program, "--threads", 2, *flags)
            # One rank is the first to come here.
            if logits != self.of_one_rank.setdefault(file, logits):
                raise Failure(f"other bits than those of one rank for {file.name}")
            largest = max(largest, difference(floats(self.work / "logits"), floats(file)))
            if self.weights == "f32" and largest > TOLERANCE:
                raise Failure(f"{largest:.2g} from {file.name}")
        return f"equal, {largest:.2g} from transformers"

    def score(self, program):
        for threads in (1, 2):
            for chunk in ((), ("--chunk", "1"), ("--chunk", "7")):
                if self.logits(program, "--threads", threads, *chunk) != self.expected:
                    raise Failure(f"other bits with {threads} threads {' '.join(chunk)}")
        return "equal"

    def text(self, program, *flags, given=""):
        return must(program.run("generate", "--prompt-ids", "3 5 7", "-n", 40, "--ids", "--seed", 5,
                                "--temperature", 0.7, "--threads", 1, *flags, given=given))

    def generate(self, program):
        for flags in ((), ("--drafts", "0"), ("--drafts", "7")):
            if (text := self.text(program, *flags)) != self.written:
                raise Failure(f"{' '.join(flags)}: {text!r} instead of {self.written!r}")
        return "equal"

    def complete(self, port, results, i):
        body = json.dumps({"prompt": [3, 5, 7 + i], "max_tokens": 12, "temperature": 0}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/completions", body,
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
            results[i] = json.load(reply)["choices"][0]["text"]

    @staticmethod
    def port_of(server):
        line = ""
        for line in server.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                return found[1]
        raise Failure(f"the server does not start: {line}")

    def served(self, program):
        server = program.start("serve", "--port", "0", "--threads", "1")
        try:
            port, results = self.port_of(server), {}
            askers = [threading.Thread(target=self.complete, args=(port, results, i))
                      for i in range(2)]
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join()
            server.send_signal(signal.SIGTERM)
            code = server.wait(timeout=20)
            if program.processes():
                raise Failure("ranks are left when the server has ended")
            return results, code
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)

    def serve(self, program):
        results, _ = self.served(program)
        if results != self.answers:
            raise Failure(f"{results} instead of {self.answers}")
        return "equal"

    def memory(self, program):
        """What ranks map of the weights, and what they have in memory, of these and in all."""
        running = program.start("serve", "--port", "0", "--threads", "1")
        try:
            self.complete(self.port_of(running), {}, 0)
            info = json.loads(must(program.run("info", "--json") if program.ranks == 1 else
                                   subprocess.run([program.path, "info", "--json"], text=True,
                                                  capture_output=True, check=False)))
            most = info["weight_bytes"] / program.ranks
            ranks = program.processes()
            if len(ranks) != program.ranks:
                raise Failure(f"{len(ranks)} processes")
            sizes = [self.mapped(program, rank) for rank in ranks]
            if any(abs(size - most) > 0.05 * most + 8192 for size, _, _ in sizes):
                raise Failure(f"ranks map {sizes} bytes of weights instead of {most}")
            return "; ".join(f"{size} bytes mapped, {there} in memory, {all_} with all else"
                             for size, there, all_ in sizes)
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            begin = time.time()
            while program.processes() and time.time() - begin < 10:
                time.sleep(0.1)

    @staticmethod
    def mapped(program, rank):
        """Bytes of weights that a process maps, that are in memory, and all that are."""
        size = there = total = 0
        is_weights = False
        for line in pathlib.Path(f"/proc/{rank}/smaps").read_text().splitlines():
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                fields = line.split(maxsplit=5)
                is_weights = fields[-1] == str(program.path) and fields[1] == "r--s"
            name, _, amount = line.partition(":")
            if name in ("Size", "Rss"):
                amount = int(amount.split()[0]) * 1024
                size += amount * (is_weights and name == "Size")
                there += amount * (is_weights and name == "Rss")
                total += amount * (name == "Rss")
        return size, there, total

    def killed(self, program):
        running = program.start("serve", "--port", "0", "--threads", "1")
        try:
            for line in running.stderr:
                if "http://" in line:
                    break
            victim, begin = program.processes()[-1], time.time()
            os.kill(victim, signal.SIGKILL)
            running.wait(timeout=10)
            while program.processes() and time.time() - begin < 10:
                time.sleep(0.1)
            if left := program.processes():
                raise Failure(f"{left} are left")
            return f"all ended in {time.time() - begin:.1f} s"
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)

    def cut(self, program):
        running = program.start("generate", "--prompt-ids", "3 5 7", "-n", 100000, "--ids",
                                "--ignore-eos", "--drafts", 0, "--threads", 1, "--mpi-timeout", 5)
        try:
            if not running.stdout.read(1):
                raise Failure(f"no text: {running.stderr.read()[-300:]}")
            program.hosts.link(program.ranks, "down")
            begin = time.time()
            while len(program.processes()) > 1 and time.time() - begin < 15:
                time.sleep(0.1)
            seconds, left = time.time() - begin, len(program.processes())
            time.sleep(0.5)  # mpirun passes on what they said
            os.set_blocking(running.stderr.fileno(), False)
            told = os.read(running.stderr.fileno(), 1 << 16).decode()
            errors = [line for line in told.splitlines() if line.startswith("error: ")]
            if left > 1 or len(errors) != 1 or f"rank {program.ranks - 1} " not in errors[0]:
                raise Failure(f"{left} ranks are left after {seconds:.1f} s: {told}")
            return (f"ended in {seconds:.1f} s, but for {left} out of reach, mpirun has"
                    f"{' not' * (running.poll() is None)} ended: {errors[0]}")
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
            program.hosts.end(program.ranks)
            program.hosts.link(program.ranks, "up")

    def count(self, program):
        result = program.run("score", *self.given, ranks=program.ranks + 1)
        errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
        numbers = {str(program.ranks), str(program.ranks + 1)}
        if len(errors) != 1 or not numbers <= set(re.findall(r"\d+", errors[0])):
            raise Failure(f"exit code {result.returncode}: {result.stderr}")
        return errors[0]

    def find(self, model):
        """The model that is meant, and its golden logits."""
        folder = model if model.is_dir() else model.parent
        recipe, text, languages = (folder / name for name in ("recipe.toml", "ids.txt",
                                                              "languages.txt"))
        self.path = recipe if model.is_dir() and recipe.is_file() else model
        self.name = folder.name
        self.goldens = {folder / name: flags for name, flags in GOLDEN.items()
                        if text.is_file() and (folder / name).is_file()}
        default = (("golden", "score", "generate", "cut", "count") if self.options.hosts else
                   [check for check in CHECKS if check != "cut"])
        self.names = self.options.check or default[0 if self.goldens else 1:]
        if not self.goldens:
            text = self.work / "ids"
            text.write_text(" ".join(str(i * (i + 29) % 251) for i in range(self.options.tokens)))
        self.given = ["--ids", text]
        if self.goldens and languages.is_file():
            self.given += ["--token-languages", languages]

    def model(self, weights):
        programs = {}
        for ranks in self.options.ranks:
            path = self.work / f"program-{ranks}"
            subprocess.run([self.options.fpmoe_compile, self.path, f"--ranks={ranks}",
                            f"--weights={weights}", "-o", path, *self.options.flag], check=True)
            programs[ranks] = path
        alone = Program(programs[1], 1, "alone")
        self.weights, self.of_one_rank = weights, {}
        self.expected, self.written = self.logits(alone, "--threads", "2"), self.text(alone)
        if "serve" in self.names:
            self.answers, _ = self.served(alone)
        self.all(alone, [name for name in ("golden", "score") if name in self.names])
        for mpi in self.options.mpi:
            for ranks in self.options.ranks:
                if ranks == 1:
                    continue
                if not self.options.hosts:
                    self.all(Program(programs[ranks], ranks, mpi), self.names)
                    continue
                with Hosts(ranks, self.work, self.options.delay) as hosts:
                    self.all(Program(programs[ranks], ranks, mpi, hosts), self.names)

    def all(self, program, names):
        for name in names:
            self.attempt(program, getattr(self, name), f"{self.name} {self.weights} {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path, nargs="+", metavar="MODEL",
                        help="a checkpoint or a recipe, or the folder of one")

    def words(text):
        return text.split(",")

    parser.add_argument("--weights", type=words, default=["bf16"])
    parser.add_argument("--ranks", default=[1, 2, 4],
                        type=lambda text: sorted({1, *map(int, text.split(","))}))
    parser.add_argument("--mpi", type=words, default=list(LAUNCHERS))
    parser.add_argument("--check", type=words, help="some of these (default: all; with --hosts, "
                        "where nobody here reaches a server, golden, score, generate, cut and count)")
    parser.add_argument("--hosts", action="store_true", help="each rank on a host of its own")
    parser.add_argument("--delay", type=int, help="microseconds between two hosts of --hosts")
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--flag", action="append", default=[], help="of fpmoe-compile")
    parser.add_argument("--fpmoe-compile", type=pathlib.Path)
    options = parser.parse_args()
    if unknown := {*(options.check or ())} - {*CHECKS} | {*options.mpi} - {*LAUNCHERS}:
        parser.error(f"{', '.join(unknown)}: there is no such check, or no such MPI")
    if options.delay is not None and options.delay < 0:
        parser.error(f"--delay {options.delay}: must not be negative")
    if not options.hosts and (options.delay is not None or "cut" in (options.check or ())):
        parser.error("--delay and the check cut take --hosts")
    options.fpmoe_compile = options.fpmoe_compile or shutil.which("fpmoe-compile") or \
        ROOT / "build" / "bin" / "fpmoe-compile"
    options.mpi = [mpi for mpi in options.mpi if shutil.which(LAUNCHERS[mpi][0])]
    if not options.mpi:
        print("skipped: there is no MPI")
        return 77
    if options.hosts and not can_make_hosts(options.delay):
        print("skipped: hosts take root and iproute2, and /dev/net/tun where links are late")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as Ctrl-C, for hosts to go
    # Ranks share CPUs here.
    os.environ.update(OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_mpi_yield_when_idle="1")
    with tempfile.TemporaryDirectory(prefix="fpmoe-ranks-") as folder:
        run = Checks(options, pathlib.Path(folder))
        for model in options.models:
            run.find(model)
            for weights in options.weights:
                run.model(weights)
    print(f"{run.done - run.failed} of {run.done} checks passed")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
