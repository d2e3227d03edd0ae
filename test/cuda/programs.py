#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs programs for GPUs on the emulator, and compares their logits.

Each golden checkpoint, and each shape of test/cuda/shapes with weights that are made up, becomes a
program of --target=cuda in each format. Its driver is build/lib/emulator/libcuda.so.1, which runs the
LLVM IR that the PTX is made of. The checks, all at once, token by token, and in chunks of 7:
  logits  in f32 they are those of transformers, to 1e-4 of the largest. Otherwise, and of shapes,
          they are those of a program for a CPU in the same format: of the typical token to 1e-4
          (6e-7 was seen), of all to 1e-1, since sums in another order may round otherwise, and
          choose other experts.
          GPUs round rows that bf16 multiplies, as avx512-bf16 does, which over keys and values of
          bf16 rounds those of attention, too: there they are of f32. Where the machine lacks that,
          the typical token may be off by 2e-2 (1.1e-2 was seen), and one of other experts by 5e-1
          (1.5e-1 was seen);
  steps   they have the same bits, however the text is cut;
  grids   they have the same bits on GPUs of other sizes, and whatever the order of threads;
  ranks   with --ranks, a program that is split over so many has the same bits as one that has all
          shards, by each MPI that is installed; each rank has an emulator of its own.

The emulator is slow, so only the first tokens are looked at, and of grids the first chunk. Prints
one line per check; exits with 1 when one fails, with 2 for wrong usage. Needs Python alone.
"""

import argparse
import hashlib
import json
import pathlib
import shutil
import statistics
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "test" / "e2e"))

from golden import GOLDEN, Failure, difference, execute, floats  # pylint: disable=C0413
from ranks import LAUNCHERS  # pylint: disable=C0413

SHAPES = ROOT / "test" / "cuda" / "shapes"
FORMATS = ("f32", "f16", "bf16", "int8", "uint4", "int4")
BASE, ROUNDING = "x86-64-v3", "avx512-bf16"
F32_BOUND = 1e-4
BOUNDS, ROUNDED_BOUNDS = (1e-4, 1e-1), (2e-2, 5e-1)  # of the typical token, and of all


def numbers(text):
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of numbers") from None


def has_bf16():
    """Whether this machine runs programs that round rows to bf16."""
    return "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text().split()


class Program:
    """A golden checkpoint in one format, for the emulator and for the CPU."""

    def __init__(self, options, case, weights, work):
        self.options, self.case, self.weights, self.work = options, case, weights, work
        recipe = case / "recipe.toml"
        self.model = recipe if recipe.exists() else case
        config = case / ("base" if recipe.exists() else "") / "config.json"
        self.vocabulary = json.loads(config.read_text())["vocab_size"]
        self.golden = case / ("expected.bin" if recipe.exists() else "logits.bin")
        self.is_shape = not self.golden.exists()
        self.count, self.inputs = 0, []
        if self.is_shape:
            words = [str(7 * i % self.vocabulary) for i in range(options.tokens)]
            (work / "ids.txt").write_text(" ".join(words) + "\n")
            self.inputs = ["--ids", work / "ids.txt"]
        for option, name in (("--ids", "ids.txt"), ("--token-languages", "languages.txt")):
            if (case / name).exists():
                words = (case / name).read_text().split()[:options.tokens]
                self.count = self.count or len(words)
                (work / name).write_text(" ".join(words) + "\n")
                self.inputs += [option, work / name]
        self.gpu, self.images = work / "gpu", work / "images"
        self.split = ["--ranks=1"] if options.ranks else []

    def compile(self, program, *flags):
        # Without ptxas, programs have PTX alone, here as where there is none.
        hidden = () if self.options.ptxas else ("env", "PATH=/bin", f"CUDA_HOME={self.work}")
        made_up = ["--random-weights=1"] if self.is_shape else []
        execute([*hidden, self.options.fpmoe_compile, self.model, "-o", program,
                 f"--weights={self.weights}", *self.cache, *made_up, *flags], self.options.timeout)

    def compile_gpu(self, program, *flags):
        dump = self.work / f"{program.name}-dump"
        self.compile(program, "--target=cuda", f"--dump-dir={dump}",
                     *self.options.compile_flag, *flags)
        for image in [*dump.glob("8-object.cuda.ptx"), *dump.glob("8-object.cuda.*.cubin")]:
            name = hashlib.sha256(image.read_bytes()).hexdigest()
            shutil.copy(dump / "7-llvm.cuda.ll", self.images / f"{name}.bc")

    def prepare(self):
        self.images.mkdir()
        self.base, self.bounds, self.cache = BASE, BOUNDS, []
        if self.weights == "bf16" and has_bf16():
            self.base, self.cache = ROUNDING, ["--cache=f32"]
        elif self.weights == "bf16":
            self.bounds = ROUNDED_BOUNDS
        self.compile_gpu(self.gpu, *self.split)
        if self.weights == "f32" and not self.is_shape:
            self.wanted = floats(self.golden)[:self.count * self.vocabulary]
            return
        cpu = self.work / "cpu"
        self.compile(cpu, f"--cpu={self.base}", *self.split)
        self.wanted = self.score([cpu], 0)

    def score(self, program, chunk, *flags):
        out = self.work / "logits"
        out.unlink(missing_ok=True)
        flags = [*flags, *(["--chunk", str(chunk)] if chunk else [])]
        execute([*program, "score", *self.inputs, "--logits", out, *flags],
                self.options.timeout)
        return floats(out)

    def emulator(self, sms, seed):
        return ["env", f"LD_LIBRARY_PATH={self.options.libcuda}",
                f"FPMOE_EMULATOR_IMAGES={self.images}", f"FPMOE_EMULATOR_SMS={sms}",
                f"FPMOE_EMULATOR_SEED={seed}", f"FPMOE_EMULATOR_CC={self.options.capability}"]

    def emulate(self, chunk, sms, seed):
        return self.score([*self.emulator(sms, seed), self.gpu], chunk)

    def check_ranks(self, ranks, first, report):
        program = self.work / f"gpu-{ranks}"
        self.compile_gpu(program, f"--ranks={ranks}")
        sms, seed = self.options.sms[-1], self.options.seeds[-1]
        try:
            self.score([*self.emulator(sms, seed), program], 0, "--mpi", "--device", "0")
        except Failure as failure:
            report("--device is 0, which is of one process" in str(failure), "refused",
                   f"--device of {ranks} ranks")
        else:
            report(False, "taken", f"--device of {ranks} ranks")
        for mpi, launcher in LAUNCHERS.items():
            if not shutil.which(launcher[0]):
                continue
            differing = [
                f"chunks of {chunk}" for chunk in self.options.chunks
                if self.score([*launcher, "-n", str(ranks), *self.emulator(sms, seed), program],
                              chunk, "--mpi", "--mpi-timeout", "300").tobytes() != first.tobytes()]
            report(not differing, "; ".join(differing) or "the same bits",
                   f"{ranks} ranks by {mpi}")

    def compare(self, got):
        """Whether these are the logits, and by how much they are not."""
        largest = difference(got, self.wanted)
        if self.weights == "f32" and not self.is_shape:
            return largest <= F32_BOUND, f"{largest:.2g} from transformers"
        rows = [slice(at, at + self.vocabulary) for at in range(0, len(got), self.vocabulary)]
        typical = statistics.median(difference(got[row], self.wanted[row]) for row in rows)
        return (typical <= self.bounds[0] and largest <= self.bounds[1],
                f"{typical:.2g}, at most {largest:.2g} from {self.base}")

    def check(self, report):
        self.prepare()
        sms, seeds = self.options.sms, self.options.seeds
        first = None
        for chunk in self.options.chunks:
            what = {0: "all at once", 1: "token by token"}.get(chunk, f"chunks of {chunk}")
            got = self.emulate(chunk, sms[0], seeds[0])
            first = first or got
            if got.tobytes() != first.tobytes():
                report(False, "other bits than in the first of these steps", what)
            else:
                report(*self.compare(got), what)
        for ranks in self.options.ranks:
            self.check_ranks(ranks, first, report)
        others = [(m, s) for m in sms for s in seeds][1:]
        differing = [f"{m} multiprocessors, seed {s}" for m, s in others
                     if self.emulate(self.options.chunks[0], m, s).tobytes() != first.tobytes()]
        if others:
            report(not differing, "; ".join(differing) or "the same bits",
                   f"{len(others)} other grids and orders")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these (default: all)")
    parser.add_argument("--weights", default="f32,bf16,int8,int4", metavar="FORMAT,...",
                        help="formats (default: f32,bf16,int8,int4)")
    parser.add_argument("--tokens", type=int, default=12, metavar="N",
                        help="of the beginning of the text (default: 12)")
    parser.add_argument("--chunks", type=numbers, default=[0, 1, 7], metavar="N,...",
                        help="tokens of a step, 0 is all of them (default: 0,1,7)")
    parser.add_argument("--sms", type=numbers, default=[3, 1, 7], metavar="N,...",
                        help="multiprocessors of the GPU (default: 3,1,7)")
    parser.add_argument("--seeds", type=numbers, default=[1, 2], metavar="N,...",
                        help="orders of threads (default: 1,2)")
    parser.add_argument("--ranks", type=numbers, default=[], metavar="N,...",
                        help="split the models over so many ranks, too (default: none)")
    parser.add_argument("--capability", type=int, default=90, metavar="N",
                        help="compute capability of the GPU (default: 90)")
    parser.add_argument("--ptxas", action="store_true", help="run cubins, where there is ptxas")
    parser.add_argument("--compile-flag", action="append", default=[], metavar="FLAG",
                        help="one more flag for the compiler, such as --compile-flag=--gpu=sm_90")
    parser.add_argument("--fpmoe-compile", default=str(ROOT / "build" / "bin" / "fpmoe-compile"),
                        metavar="PATH", help="the compiler (default: build/bin/fpmoe-compile)")
    parser.add_argument("--libcuda", default=str(ROOT / "build" / "lib" / "emulator"),
                        metavar="DIR", help="where libcuda.so.1 is (default: build/lib/emulator)")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS",
                        help="for each command (default: 600)")
    parser.add_argument("--work", type=pathlib.Path, metavar="DIR",
                        help="keep programs and outputs under DIR (default: a temporary one)")
    options = parser.parse_args()
    options.weights = options.weights.split(",")
    if unknown := sorted(set(options.weights) - set(FORMATS)):
        parser.error(f"no such format: {', '.join(unknown)}; there are {', '.join(FORMATS)}")
    for path in (pathlib.Path(options.fpmoe_compile), pathlib.Path(options.libcuda, "libcuda.so.1")):
        if not path.exists():
            parser.error(f"{path} is not there; build it")
    there = {path.parent.name: path.parent
             for name in ("logits.bin", "expected.bin") for path in GOLDEN.glob(f"*/{name}")}
    there |= {path.parent.name: path.parent for path in SHAPES.glob("*/config.json")}
    if unknown := sorted(set(options.cases) - set(there)):
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(there)}")
    options.cases = [there[name] for name in options.cases or sorted(there)]
    if min(options.tokens, *options.sms, *options.seeds) < 1 or min(options.chunks) < 0:
        parser.error("--tokens, --sms and --seeds take numbers above 0")
    return options


def main():
    options = arguments()
    checks = []
    with tempfile.TemporaryDirectory(prefix="fpmoe-cuda-") as temporary:
        for case in options.cases:
            for weights in options.weights:
                def report(good, figure, what, name=f"{case.name} {weights}"):
                    checks.append(good)
                    print(f"{'ok  ' if good else 'FAIL'} {name:20} {what:28} {figure}", flush=True)

                work = (options.work or pathlib.Path(temporary)) / f"{case.name}.{weights}"
                shutil.rmtree(work, ignore_errors=True)
                work.mkdir(parents=True)
                try:
                    Program(options, case, weights, work).check(report)
                except Failure as failure:
                    report(False, str(failure), "stopped:")
    print(f"{sum(checks)} of {len(checks)} checks passed")
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
