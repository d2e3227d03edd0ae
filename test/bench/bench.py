#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures compiled programs against the limits of this machine, and against other programs.

Compiles a shape with random weights in bf16, then measures, everything interleaved (A B A B) so
that a machine that changes its pace changes it for all:

  compiling   time of the whole and of the part without weights, the latter also with two layers
              only; peak memory
  start       time of `info`; time to the first token of a warm program
  prefill     tokens/s for a prompt, and the share of the dot product's peak rate
  decode      tokens/s after an empty context, and the share of the read bandwidth

Peak and bandwidth are measured by the program itself, in the same process as the tokens. The
tables are Markdown, on standard output; progress is on standard error. README.md beside this file
says what each number means.

examples:
  bench.py --shape fpmoe-0.5B
  bench.py --shape fpmoe-5B --threads 1,2 --rounds 5 --json result.json
  bench.py --shape tiny --rounds 1 --prompt 64 --generate 8      a trial in seconds
  bench.py --shape fpmoe-0.5B --program ./coder                  a program made before
  bench.py --shape fpmoe-0.5B --peer "ik=~/ik/llama-bench shape.gguf -rtr 1"
"""

import argparse
import json
import os
import pathlib
import random
import shlex
import shutil
import statistics
import sys
import tempfile

from measure import Done, Failure, Series, machine, say

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ALL = ("fpmoe-0.5B", "fpmoe-5B")

# What the project set itself to reach.
DECODE_SHARE = 0.85
PREFILL_SHARE = 0.75
INFO_SECONDS = 0.050
FIRST_TOKEN_EXTRA_SECONDS = 0.100
COMPILE_SECONDS = 10.0
COMPILE_OWN_BYTES = 1e9
# Two compile times closer than this are the same: what the medians of equal work differ by.
COMPILE_NOISE_SHARE = 0.05
COMPILE_NOISE_SECONDS = 0.05


def weight_bytes(config):
    """Roughly what the program's weights take in bf16: feed-forwards, attention, embedding."""
    hidden, experts = config["hidden_size"], config["num_experts"]
    size = config.get("head_dim", hidden // config["num_attention_heads"])
    heads = 2 * config["num_attention_heads"] + 2 * config["num_key_value_heads"]
    layer = hidden * (3 * experts * config["moe_intermediate_size"] + heads * size
                      + 3 * config["shared_expert_intermediate_size"])
    embedding = hidden * config["vocab_size"] * (1 if config.get("tie_word_embeddings") else 2)
    return 2 * (layer * config["num_hidden_layers"] + embedding)


class Shape:
    """One config.json, its program, and all that was measured of them."""

    def __init__(self, name, options):
        directory = HERE / name if (HERE / name).is_dir() else pathlib.Path(name)
        try:
            self.config = json.loads((directory / "config.json").read_text())
            self.bytes = weight_bytes(self.config)
        except OSError as fault:
            raise Failure(f"{fault.filename}: {fault.strerror}; --shape takes "
                          f"{', '.join(ALL)}, tiny, all, or a directory") from None
        except (ValueError, KeyError) as fault:
            raise Failure(f"{directory}/config.json: {fault}") from None
        self.name, self.directory, self.options = directory.name, directory, options
        self.work = options.work / f"{self.name}-bench"
        self.work.mkdir(parents=True, exist_ok=True)
        self.program = options.program or self.work / "program"
        self.compile, self.start, self.speed, self.context = {}, {}, {}, {}

    def clean(self):
        """Takes away what was written, and nothing else that may lie there."""
        for name in ("program", "model.o", "two-layers/config.json"):
            (self.work / name).unlink(missing_ok=True)
        for directory in (self.work / "two-layers", self.work):
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()

    def run(self, *command):
        return Done(command, self.options.timeout)

    def compiler(self, directory, out, *flags):
        return self.run(self.options.fpmoe_compile, directory, "--random-weights=1",
                        f"--weights={self.options.weights}", *flags,
                        *self.options.compile_flag, "-o", out)

    def measure_compile(self):
        """The whole once; the object with all layers and with two, in turn."""
        free = shutil.disk_usage(self.work).free
        if free < 1.2 * self.bytes:
            raise Failure(f"{self.work}: {free / 1e9:.1f} GB free, the program takes about "
                          f"{self.bytes / 1e9:.1f} GB; choose another place with --work")
        shallow = self.work / "two-layers"
        shallow.mkdir(exist_ok=True)
        (shallow / "config.json").write_text(json.dumps({**self.config, "num_hidden_layers": 2}))
        layers = self.config["num_hidden_layers"]
        full, two = Series(), Series()
        for index in range(self.options.rounds):
            for directory, series, count in ((self.directory, full, layers), (shallow, two, 2)):
                out = self.work / "model.o"
                series.add(self.compiler(directory, out, "--compile-to=object").seconds)
                out.unlink(missing_ok=True)
                say(f"{self.name}: round {index + 1}: object of {count} layers in "
                    f"{series.middle[-1]:.2f} s")
        whole = self.compiler(self.directory, self.program)
        if not self.program.is_file():
            raise Failure(f"{self.program}: the compiler ended well but wrote no program")
        say(f"{self.name}: program of {self.program.stat().st_size / 1e9:.2f} GB in "
            f"{whole.seconds:.1f} s, {whole.own / 1e6:.0f} MB of its own memory")
        self.compile = {"object": full, "object_two_layers": two, "whole_seconds": whole.seconds,
                        "own_bytes": whole.own, "resident_bytes": whole.resident,
                        "program_bytes": self.program.stat().st_size}

    def measure_start(self):
        """`info`, and one token after the prompt, both after a first run that warms the file."""
        draw = random.Random(1)
        prompt = " ".join(str(draw.randrange(self.config["vocab_size"]))
                          for _ in range(self.options.prompt))
        self.start = {"info": Series(), "first_token": Series()}
        self.info()
        for _ in range(10):
            self.start["info"].add(self.info().seconds)
        for index in range(self.options.rounds + 1):
            done = self.run(self.program, "generate", "--prompt-ids", prompt, "-n", "1",
                            "--temperature", "0", "--threads", max(self.options.threads))
            if index:
                self.start["first_token"].add(done.seconds)
        say(f"{self.name}: info in {self.start['info'].median * 1e3:.1f} ms, first token in "
            f"{self.start['first_token'].median:.2f} s")

    def info(self):
        return self.run(self.program, "info", "--json")

    def add(self, who, threads, kind, low, middle, high):
        self.speed.setdefault((who, threads, kind), Series()).add(low, middle, high)

    def measure_ours(self, threads):
        done = self.run(self.program, "bench", "--prompt", self.options.prompt, "--generate",
                        self.options.generate, "--threads", threads, "--json")
        try:
            result = json.loads(done.out)
            for kind in ("prefill", "decode"):
                rate = result[kind]["tokens_per_second"]
                self.add("fpmoe", threads, kind, rate["min"], rate["median"], rate["max"])
            # What the speeds are to be seen beside; these go into the table by these names.
            beside = {"prefill.share_of_peak": result["prefill"]["share_of_peak"],
                      "decode.share_of_bandwidth": result["decode"]["share_of_bandwidth"],
                      "decode.weight_bytes_per_token": result["decode"]["weight_bytes_per_token"],
                      "limits.read_bytes_per_second": result["limits"]["read_bytes_per_second"],
                      "limits.dot_ops_per_second": result["limits"]["dot_ops_per_second"]}
        except (ValueError, KeyError, TypeError) as fault:
            raise Failure(f"{self.program} bench --json: unexpected output "
                          f"({type(fault).__name__}: {fault}):\n{done.out[:500]}") from None
        for key, value in beside.items():
            self.context.setdefault((threads, key), Series()).add(value)
        self.tell("fpmoe", threads)

    def measure_peer(self, peer, threads):
        """llama-bench, of llama.cpp or ik_llama.cpp; both print the same JSON."""
        name, binary, model, extra = peer
        done = self.run(binary, "-m", model, "-p", self.options.prompt, "-n",
                        self.options.generate, "-t", threads, "-r", "3", "-o", "json", *extra)
        try:
            # Some versions print notices before the JSON.
            tests = json.loads(done.out[done.out.index("["):])
            for test in tests:
                kind = "prefill" if test["n_gen"] == 0 else "decode"
                samples = test.get("samples_ts") or [test["avg_ts"]]
                self.add(name, threads, kind, min(samples), statistics.median(samples),
                         max(samples))
            self.tell(name, threads)
        except (ValueError, KeyError, TypeError) as fault:
            raise Failure(f"{binary}: this is no output of llama-bench -o json "
                          f"({type(fault).__name__}: {fault}):\n{done.out[:500]}") from None

    def tell(self, who, threads):
        prefill, decode = (self.speed[who, threads, kind].middle[-1]
                           for kind in ("prefill", "decode"))
        shares = [self.context[threads, key].middle[-1] for key in
                  ("prefill.share_of_peak", "decode.share_of_bandwidth")] if who == "fpmoe" else []
        beside = " ({:.0%} of the peak, {:.0%} of the bandwidth)".format(*shares) if shares else ""
        say(f"{self.name}: {threads} thread{'s' if threads > 1 else ''}: {who}: prefill "
            f"{prefill:.1f}, decode {decode:.2f} tokens/s{beside}")

    def measure(self):
        options = self.options
        if options.program is None:
            self.measure_compile()
        self.measure_start()
        for index in range(options.rounds):
            say(f"{self.name}: round {index + 1} of {options.rounds}")
            for threads in options.threads:
                self.measure_ours(threads)
                for peer in options.peers:
                    self.measure_peer(peer, threads)

    def verdicts(self):
        """(what, measured, target, whether it is met), for all that was measured."""
        rows = []
        if self.compile:
            full, two = self.compile["object"].median, self.compile["object_two_layers"].median
            layers, own = self.config["num_hidden_layers"], self.compile["own_bytes"]
            rows.append(("compile without weights", f"{full:.2f} s",
                         f"< {COMPILE_SECONDS:g} s", full < COMPILE_SECONDS))
            noise = max(two * COMPILE_NOISE_SHARE, COMPILE_NOISE_SECONDS)
            rows.append((f"compile {layers} layers, against 2", f"{full:.2f} s, {two:.2f} s",
                         f"no longer (within {noise:.2f} s)", full <= two + noise))
            rows.append(("own memory of compiling", f"{own / 1e6:.0f} MB",
                         f"< {COMPILE_OWN_BYTES / 1e9:g} GB", own < COMPILE_OWN_BYTES))
        info, first = self.start["info"].median, self.start["first_token"].median
        rows.append(("`info`", f"{info * 1e3:.1f} ms", f"< {INFO_SECONDS * 1e3:g} ms",
                     info < INFO_SECONDS))
        most = max(self.options.threads)
        bound = (self.options.prompt / self.speed["fpmoe", most, "prefill"].median
                 + FIRST_TOKEN_EXTRA_SECONDS)
        rows.append((f"first token after {self.options.prompt}, {most} threads",
                     f"{first:.3f} s", f"<= {bound:.3f} s (prefill + "
                     f"{FIRST_TOKEN_EXTRA_SECONDS * 1e3:g} ms)", first <= bound))
        for threads in self.options.threads:
            for what, key, target in (
                    ("prefill, share of the peak", "prefill.share_of_peak", PREFILL_SHARE),
                    ("decode, share of the bandwidth", "decode.share_of_bandwidth",
                     DECODE_SHARE)):
                share = self.context[threads, key].median
                rows.append((f"{what}, {threads} thread{'s' if threads > 1 else ''}",
                             f"{share:.1%}", f">= {target:.0%}", share >= target))
        return rows

    def markdown(self):
        options, lines = self.options, [f"## {self.name}, {self.options.weights}", ""]
        lines += [f"Tokens/s, minimum / median / maximum of {options.rounds} interleaved rounds; "
                  f"prefill of {options.prompt} tokens, decode of {options.generate} after an "
                  "empty context.", "",
                  "| Threads | Program | Prefill | of the peak | Decode | of the bandwidth |",
                  "|---|---|---|---|---|---|"]
        for threads in options.threads:
            for who in ("fpmoe", *(peer[0] for peer in options.peers)):
                cells = [str(threads), who]
                for kind, key in (("prefill", "prefill.share_of_peak"),
                                  ("decode", "decode.share_of_bandwidth")):
                    series = self.speed.get((who, threads, kind))
                    cells.append(series.text(".1f" if kind == "prefill" else ".2f")
                                 if series else "")
                    cells.append(self.context[threads, key].text(".1%") if who == "fpmoe" else "")
                lines.append("| " + " | ".join(cells) + " |")
        lines += ["", "| Threads | Read bandwidth, GB/s | Dot products, Gop/s | "
                  "Weights read per token, MB |", "|---|---|---|---|"]
        for threads in options.threads:
            limit = lambda key, unit: " / ".join(
                f"{value / unit:.1f}" for value in
                list(self.context[threads, key].figures().values())[:3])
            per_token = self.context[threads, "decode.weight_bytes_per_token"].median / 1e6
            lines.append(f"| {threads} | {limit('limits.read_bytes_per_second', 1e9)} | "
                         f"{limit('limits.dot_ops_per_second', 1e9)} | {per_token:.1f} |")
        lines += ["", "| Aim | Measured | Wanted | |", "|---|---|---|---|"]
        lines += [f"| {what} | {measured} | {wanted} | {'met' if met else '**missed**'} |"
                  for what, measured, wanted, met in self.verdicts()]
        if self.compile:
            lines += ["", f"The whole program: {self.compile['program_bytes'] / 1e9:.2f} GB, "
                      f"compiled in {self.compile['whole_seconds']:.1f} s; peak memory "
                      f"{self.compile['own_bytes'] / 1e6:.0f} MB of its own, "
                      f"{self.compile['resident_bytes'] / 1e6:.0f} MB with mapped files."]
        return "\n".join(lines)

    def results(self):
        figures = lambda table: {key: value.figures() if isinstance(value, Series) else value
                                 for key, value in table.items()}
        runs = {}
        for (who, threads, kind), series in self.speed.items():
            runs.setdefault(f"{who}, {threads}", {})[f"{kind}.tokens_per_second"] = \
                series.figures()
        for (threads, key), series in self.context.items():
            runs[f"fpmoe, {threads}"][key] = series.figures()
        return {"shape": self.name, "weights": self.options.weights,
                "prompt": self.options.prompt, "generate": self.options.generate,
                "compile": figures(self.compile), "start": figures(self.start), "runs": runs,
                "aims": [dict(zip(("aim", "measured", "wanted", "met"), row))
                         for row in self.verdicts()]}


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return int(text)


def peer(text):
    name, equals, rest = text.partition("=")
    words = shlex.split(rest)
    if not (name and equals and len(words) >= 2):
        raise argparse.ArgumentTypeError(f"'{text}' is not 'NAME=LLAMA-BENCH MODEL.gguf [ARG...]'")
    binary, model = (pathlib.Path(word).expanduser() for word in words[:2])
    for path in (binary, model):
        if not path.is_file():
            raise argparse.ArgumentTypeError(f"{path}: no such file")
    return name, str(binary), str(model), words[2:]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="fpmoe-0.5B", metavar="SHAPE",
                        help="fpmoe-0.5B (default), fpmoe-5B, all (these two), tiny, or a "
                        "directory with a config.json")
    parser.add_argument("--threads", default="1,2", metavar="N,...",
                        help="numbers of threads to measure (default: 1,2)")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N",
                        help="how often everything is measured in turn (default: 3)")
    parser.add_argument("--prompt", type=positive, default=512, metavar="N",
                        help="tokens of the prefill (default: 512)")
    parser.add_argument("--generate", type=positive, default=64, metavar="N",
                        help="tokens of the decode (default: 64)")
    parser.add_argument("--weights", default="bf16", metavar="FORMAT",
                        help="format of the weights in the program (default: bf16)")
    parser.add_argument("--fpmoe-compile", metavar="PATH",
                        help="the compiler (default: build/bin/fpmoe-compile, or from PATH)")
    parser.add_argument("--compile-flag", action="append", default=[], metavar="FLAG",
                        help="one more flag for the compiler, such as --compile-flag=--cpu=avx512")
    parser.add_argument("--program", type=pathlib.Path, metavar="PROG",
                        help="measure this program of the shape; compile nothing")
    parser.add_argument("--peer", action="append", type=peer, default=[], dest="peers",
                        metavar="'NAME=LLAMA-BENCH MODEL.gguf [ARG...]'",
                        help="run llama-bench (of llama.cpp or ik_llama.cpp) on a GGUF of the same "
                        "shape in the same rounds; may be given several times")
    parser.add_argument("--work", type=pathlib.Path, metavar="DIR",
                        help="where programs are written: 10 GB for fpmoe-5B (default: a "
                        "temporary directory)")
    parser.add_argument("--keep", action="store_true", help="leave the programs in --work")
    parser.add_argument("--timeout", type=float, default=1800, metavar="SECONDS",
                        help="for each command (default: 1800)")
    parser.add_argument("--json", type=pathlib.Path, metavar="OUT",
                        help="also write every figure of every round to OUT")
    options = parser.parse_args()
    try:
        options.threads = sorted({positive(word) for word in options.threads.split(",")})
    except argparse.ArgumentTypeError as fault:
        parser.error(f"--threads: {fault}")
    options.shapes = ALL if options.shape == "all" else (options.shape,)
    if len(options.shapes) > 1 and (options.program or options.peers):
        parser.error("--program and --peer belong to one shape: name it with --shape")
    if options.keep and not options.work:
        parser.error("--keep needs --work, the directory to keep the programs in")
    if options.program:
        options.program = options.program.resolve()
        if not os.access(options.program, os.X_OK):
            parser.error(f"{options.program}: not there, or not a program")
        return options
    built = ROOT / "build" / "bin" / "fpmoe-compile"
    if not options.fpmoe_compile:
        options.fpmoe_compile = str(built) if built.is_file() else "fpmoe-compile"
    if not shutil.which(options.fpmoe_compile):
        parser.error(f"no compiler at {options.fpmoe_compile} or {built}; build it, or name it "
                     "with --fpmoe-compile")
    return options


def describe(here):
    return (f"{here['cpu']}, {here['cpus']} CPUs, {here['memory_bytes'] / 2**30:.0f} GiB, "
            f"{' '.join(here['flags'])}; Linux {here['kernel']}, huge pages "
            f"{here['huge_pages']}; {here['date']}, load {here['load']} at the start.")


def main():
    options = arguments()
    here = machine()
    most = max(options.threads)
    if most > here["cpus"]:
        say(f"note: {most} threads on {here['cpus']} CPUs")
    if here["load"] > 0.3 * here["cpus"]:
        say(f"note: the load of this machine is {here['load']}; other work spoils the figures")
    temporary = None
    if not options.work:
        temporary = tempfile.TemporaryDirectory(prefix="fpmoe-bench-")
        options.work = pathlib.Path(temporary.name)
    options.work = options.work.resolve()
    results = []
    try:
        for name in options.shapes:
            shape = Shape(name, options)
            try:
                if shape.bytes > here["memory_bytes"] > 0:
                    say(f"note: {shape.bytes / 1e9:.1f} GB of weights do not fit into memory; "
                        "this measures the disk")
                shape.measure()
            finally:
                if not options.keep:
                    shape.clean()
            if not results:
                print(describe(here))
            print(f"\n{shape.markdown()}", flush=True)
            results.append(shape.results())
        if options.json:
            options.json.write_text(json.dumps({"machine": here, "shapes": results}, indent=2)
                                    + "\n")
    except (Failure, OSError) as failure:
        say(f"error: {failure}")
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    finally:
        if temporary:
            temporary.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main())
