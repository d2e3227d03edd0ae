# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the code of every CPU level on any machine with AVX2, for levels.py and shapes.py.

The LLVM IR of a program is compiled for x86-64-v3: vectors become narrower, and instructions that
are not there calls of Instructions.c, which does what they do, bit for bit. StepDriver.c stands in
for the runtime. The checks that all models have, in steps of several sizes:
  native     where the machine has the level, the program itself gives the same bits;
  same-bits  the logits have the same bits as in steps of the first size by one worker;
  company    the same in steps that random tokens of three other texts share, with pages of the
             cache in any order, by 1, 2 and 5 workers;
  fill       they have the same bits where scratch and logits held 0xFF, or 0x7F, before each step,
             and the cache before the first, as where all was zero at first;
  address    the address sanitizer sees no access beyond scratch, cache, logits or weights, where
             the context is full.
"""

import argparse
import array
import concurrent.futures
import os
import pathlib
import re
import shutil
import tempfile

from compare import has
from golden import ROOT, Failure, execute

HERE = pathlib.Path(__file__).resolve().parent
BASE = "x86-64-v3"
LEVELS = (BASE, "x86-64-v3-vnni", "avx512", "avx512-vnni", "avx512-bf16", "amx-bf16")
WIDE = LEVELS[2:]  # whose panels have 64 columns, not 16
FILLS = ("0xff", "0x7f")
TIMEOUT = 600

DOT = "llvm.x86.avx512bf16.dpbf16ps.512"
TILE_DOT, TILE_WORD_DOT = "llvm.x86.tdpbf16ps.internal", "llvm.x86.tdpbssd.internal"
PAIR_DOT, WIDEN = "llvm.x86.avx2.pmadd.ub.sw", "llvm.x86.avx2.pmadd.wd"
WORD_DOT = "llvm.x86.avx512.vpdpbusd"
EMULATED = {DOT, TILE_DOT, TILE_WORD_DOT, f"{WORD_DOT}.256", f"{WORD_DOT}.512",
            "llvm.x86.tilezero.internal", "llvm.x86.tileloadd64.internal",
            "llvm.x86.tilestored64.internal"}
AVX2 = {PAIR_DOT, WIDEN}
INTEGERS = {BASE: AVX2, "avx512": AVX2, "x86-64-v3-vnni": {f"{WORD_DOT}.256"},
            **dict.fromkeys(("avx512-vnni", "avx512-bf16"), {f"{WORD_DOT}.512"}),
            "amx-bf16": {f"{WORD_DOT}.512", TILE_WORD_DOT}}
# The intrinsics that products of a format have on a level.
MEANT = {"bf16": {"avx512-bf16": {DOT}, "amx-bf16": {TILE_DOT}}, "int8": INTEGERS,
         "uint4": INTEGERS, "int4": INTEGERS}


def portable(ir, level, weights):
    """The IR of a program with all that x86-64-v3 lacks replaced."""
    used = set(re.findall(r"@(llvm\.x86\.[\w.]+)", ir))
    if used - EMULATED - AVX2:
        raise Failure(f"Instructions.c lacks {', '.join(sorted(used - EMULATED - AVX2))}")
    meant = MEANT.get(weights, {}).get(level, set())
    if not meant <= used:
        raise Failure(f"the code has no {', '.join(sorted(meant - used))}")
    ir = re.sub(r"^declare .*@llvm\.x86\.(?!avx2\.).*\n", "", ir, flags=re.M)
    ir = re.sub(r"@llvm\.x86\.(?!avx2\.)", "@emulated.", ir).replace("x86_amx", "i64")
    # A bf16 is 16 bits: there is no arithmetic on it.
    ir = re.sub(r"fptrunc <16 x float> (\S+) to <16 x bfloat>",
                r"call <16 x bfloat> @emulated.vcvtneps2bf16(<16 x float> \1)", ir)
    ir = re.sub(r"bfloat 0xR([0-9A-F]{4})", lambda match: f"i16 {int(match[1], 16)}", ir)
    ir = re.sub(r"\.v(\d+)bf16", r".v\1i16", ir).replace("bfloat", "i16")
    ir = re.sub(r' ?"target-features"="[^"]*"', "", ir)
    ir = re.sub(r'"target-cpu"="[^"]*"', "sanitize_address", ir)
    return ir + (HERE / "Instructions.ll").read_text()


class Bench:
    """Builds drivers for programs."""

    def __init__(self, options):
        self.options, self.support = options, {}
        for sanitize in {check == "address" for check in options.check}:
            flags = ("-fsanitize=address",) * sanitize
            self.support[sanitize] = [*flags]
            for source in ("StepDriver.c", "Instructions.c"):
                built = options.work / f"{source}{'.asan' * sanitize}.o"
                run("gcc", "-O1", "-g", "-Wall", "-Werror", "-mavx2", "-mfma",
                    f"-I{ROOT / 'include'}", *flags, "-c", HERE / source, "-o", built)
                self.support[sanitize].append(built)

    def optimize(self, ir):
        """The bitcode of a program of which `ir` is the portable IR."""
        # As lib/Target/CPU/Object.cpp does.
        return self.opt("default<O2>", ir, ir.with_suffix(".bc"), "-vectorize-loops=0",
                        "-vectorize-slp=0", "-disable-loop-unrolling")

    def opt(self, passes, source, to, *flags):
        run(self.options.llvm / "opt", "-mcpu=x86-64-v3", f"-passes={passes}", *flags, source,
            "-o", to)
        return to

    def build(self, code, driver, sanitize):
        """Makes the driver of a program from its bitcode."""
        level = "-O3"
        if sanitize:  # What only looks at addresses need not be fast.
            code, level = self.opt("asan", code, f"{driver}.bc"), "-O0"
        run(self.options.llvm / "llc", "-mcpu=x86-64-v3", level, "-relocation-model=pic",
            "-filetype=obj", code, "-o", f"{driver}.o")
        run("gcc", "-pthread", *self.support[sanitize], f"{driver}.o", "-o", driver)


class Model:
    """A model in one format, and its checks on the code of a level.

    `source` is what is compiled, `flags` go with it; `ids` are the tokens of a text, `long` those
    of one that fills the context. `extras` are options of StepDriver.c, `scoring` the same for the
    program's `score`.
    """
    chunks, workers = (1, 7, 64, 512), (1, 2, 5)
    flags = extras = scoring = sanitized_flags = ()

    def __init__(self, bench, name, source, weights):
        self.bench, self.options, self.name, self.weights = bench, bench.options, name, weights
        self.source, self.levels, self.runner = source, bench.options.cpu, ()
        self.work = self.options.work / name / weights
        self.work.mkdir(parents=True, exist_ok=True)
        self.program, self.driver, self.sanitized = (
            self.work / name for name in ("program", "driver", "sanitized"))
        self.results, self.seen, self.made, self.packed = [], {}, {}, set()

    def compile(self, *flags):
        run(self.options.fpmoe_compile, self.source, f"--weights={self.weights}", *self.flags,
            *flags)

    def evaluate(self, graph, logits, *flags):
        """What the reference makes of the text; returns what it prints."""
        return run(self.options.fpmoe_compile.with_name("fpmoe-eval"), graph, "--ids", self.ids,
                   "--logits", logits, *flags)

    def evaluate_routes(self, graph, logits, *flags):
        """The same, and the experts of each token and layer as `routes_wanted`."""
        self.routes_wanted = {}
        for line in self.evaluate(graph, logits, "--routes", *flags).decode().splitlines():
            if match := re.fullmatch(r"(\d+) (\d+)((?: -?\d+ [\d.e+-]+)+)", line):
                experts = [int(word) for word in match[3].split()[::2]]
                self.routes_wanted[int(match[2]), int(match[1])] = experts

    def rerouted(self, chunk):
        """The tokens and layers whose experts are not the reference's."""
        if not self.routes_wanted:
            return []
        out = self.work / f"routes.{chunk}"
        self.logits(chunk, 2, f"routes={out}")
        got = array.array("i", out.read_bytes())
        layers = 1 + max(layer for _, layer in self.routes_wanted)
        columns = len(got) // (self.count * layers)

        def experts(token, layer):
            at = (token * layers + layer) * columns
            return got[at:at + columns].tolist()

        # Behind those that tokens choose, the reference names those of their segments.
        return [place for place, wanted in self.routes_wanted.items()
                if experts(*place) != wanted[:columns]]

    def score(self, chunk):
        """The logits that the program computes, as bytes."""
        out = self.work / "score"
        step = ("--chunk", str(chunk)) if chunk < self.count else ()  # else as many as it can
        run(self.program, "score", "--ids", self.ids, "--logits", out, "--threads", "2", *step,
            *self.scoring)
        return out.read_bytes()

    def logits(self, chunk, workers=2, *extras):
        """The logits that the driver computes, as bytes; each is run once."""
        key = chunk, workers, *extras
        if key not in self.made:
            out = self.work / "logits"
            run(*self.runner, self.driver, self.blob, self.ids, out, str(chunk), str(workers),
                *self.extras, *extras)
            self.made[key] = out.read_bytes()
        return self.made[key]

    def prepare(self):
        """Makes what all levels have in common."""

    def tokens(self, logits):
        size = len(logits) // self.count
        return [logits[i * size:(i + 1) * size] for i in range(self.count)]

    def differing(self, got, want):
        """Says which tokens have logits of other bits; nothing if none has."""
        if len(got) != len(want):
            return f"{len(got)} bytes, not {len(want)}"
        found = [i for i, pair in enumerate(zip(self.tokens(got), self.tokens(want)))
                 if pair[0] != pair[1]]
        return found and f"{len(found)} of {self.count} tokens differ, the first is {found[0]}"

    # Each check gives whether all is right, and what there is to say.

    def native(self, chunk):
        found = self.differing(self.logits(chunk), self.score(chunk))
        return not found, found or "equal"

    def same_bits(self, chunk):
        one = self.logits(chunk, 1)
        found = self.differing(one, self.logits(self.chunks[0], 1))
        said = [f"from chunks of {self.chunks[0]}: {found}"] if found else []
        for workers in self.workers[1:]:
            if found := self.differing(self.logits(chunk, workers), one):
                said.append(f"with {workers} workers: {found}")
        return not said, "; ".join(said) or "equal"

    def fill(self, chunk):
        zeros, said = self.logits(chunk), []
        for fill in FILLS:
            if found := self.differing(self.logits(chunk, 2, f"fill={fill}"), zeros):
                said.append(f"{fill}: {found}")
        return not said, "; ".join(said) or "equal"

    def address(self, chunk):
        run(self.sanitized, self.blob, self.long, self.work / "logits", str(chunk), "2",
            *self.extras)
        return True, "none"

    def company(self, chunk):
        if "whole" in self.extras:
            return True, "a whole text is alone"
        alone, said = self.logits(chunk, 1), []
        for seed, workers in ((1, 1), (2, 2), (3, 5)):
            got = self.logits(chunk, workers, f"company={seed}", "fill=0x7f")
            if found := self.differing(got, alone):
                said.append(f"among others, seed {seed}: {found}")
        return not said, "; ".join(said) or "equal"

    CHECKS = {"native": native, "same-bits": same_bits, "company": company, "fill": fill,
              "address": address}

    def report(self, good, level, check, text):
        self.results.append((good, f"{'ok  ' if good else 'FAIL'} {self.name:18} {level:12} "
                                   f"{self.weights:4} {check:9} {text}"))

    def code(self, level, *flags):
        """The file of a program's portable IR."""
        path = self.work / f"{level}.ll"
        self.compile(f"--cpu={level}", "--compile-to=llvm", "-o", path, *flags)
        path.write_text(portable(path.read_text(), level, self.weights))
        return path

    def same_code(self, ir, level):
        """The level that was built with this code already, or this one."""
        functions = re.sub("^@.*\n", "", ir.read_text(), flags=re.M)
        return self.seen.setdefault(functions, level)

    def pack(self, level):
        """Makes the weights of a level, and the program where it is run. Levels whose panels are as
        wide share weights."""
        wide, runs = level in WIDE, "native" in self.options.check and has(level)
        self.blob = self.work / f"{'wide' if wide else 'narrow'}.blob"
        if runs or self.blob not in self.packed:
            cpu = level if runs else WIDE[0] if wide else BASE
            self.compile(f"--cpu={cpu}", f"--weights-file={self.blob}", "-o", self.program)
            self.packed.add(self.blob)

    def build(self, level):
        """Builds what the checks of a level run; says which level has the same code, if one has."""
        ir = self.code(level)
        if (first := self.same_code(ir, level)) != level:
            return first
        self.pack(level)
        code = self.bench.optimize(ir)
        if set(self.options.check) - {"address"}:
            self.bench.build(code, self.driver, sanitize=False)
        if "address" in self.options.check:
            if self.sanitized_flags:
                code = self.bench.optimize(self.code(level, *self.sanitized_flags))
            self.bench.build(code, self.sanitized, sanitize=True)
        return None

    def can(self, check, level):
        return check != "native" or has(level)

    def check(self, level):
        self.level, self.made = level, {}
        if first := self.build(level):
            return self.report(True, level, "code", f"that of {first}")
        for check in self.options.check:
            if not self.can(check, level):
                continue
            said = {}
            for chunk in self.chunks:
                try:
                    found = self.CHECKS[check](self, chunk)
                except Failure as failure:
                    found = False, str(failure)
                said.setdefault(found, []).append(str(chunk))
            for (good, what), sizes in said.items():
                self.report(good, level, check, f"chunks of {', '.join(sizes)}: {what}")

    def run(self):
        level = BASE
        try:
            self.prepare()
            for level in self.levels:
                self.check(level)
        except Failure as failure:
            self.report(False, level, "stopped:", str(failure))
        return self.results


def run(*command):
    return execute(command, TIMEOUT)


def make_parser(doc, formats, checks, levels=LEVELS):
    """A parser of the options that all have."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)

    def choice(flag, names, what):
        parser.add_argument(flag, default=names, metavar="NAME,...",
                            type=lambda text: tuple(text.split(",")),
                            help=f"{what}: some of {', '.join(names)} (default: all)")

    choice("--cpu", levels, "levels")
    choice("--weights", formats, "formats")
    choice("--check", tuple(checks), "checks")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N",
                        help="models at a time (default: one per CPU)")
    parser.add_argument("--fpmoe-compile", type=pathlib.Path, metavar="PATH",
                        help="the compiler, with its other tools beside it (default: from PATH, or "
                        "build/bin's)")
    parser.add_argument("--llvm", type=pathlib.Path, metavar="DIR",
                        default=pathlib.Path("/usr/lib/llvm-22/bin"),
                        help="folder of opt and llc (default: %(default)s)")
    parser.add_argument("--work", type=pathlib.Path, metavar="DIR",
                        help="keep programs and outputs under DIR (default: a temporary one)")
    parser.add_argument("--quiet", action="store_true", help="print failures and the total only")
    parser.set_defaults(known={"cpu": levels, "weights": formats, "check": tuple(checks)})
    return parser


def parse(parser):
    options = parser.parse_args()
    for option, known in options.known.items():
        if unknown := sorted(set(getattr(options, option)) - set(known)):
            parser.error(f"{', '.join(unknown)}: not one of {', '.join(known)}")
    if not options.fpmoe_compile:
        options.fpmoe_compile = pathlib.Path(
            shutil.which("fpmoe-compile") or ROOT / "build" / "bin" / "fpmoe-compile")
    return options


def check_models(options, make, after=None):
    """Prints the checks of the models that `make` returns for a Bench, and those that `after`
    returns for these models; the exit code."""
    if not has(BASE):
        print(f"skipped: this CPU has no {BASE}")
        return 0
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0"  # the driver ends with its memory
    checks = failures = 0

    def show(results):
        nonlocal checks, failures
        checks += len(results)
        failures += sum(not good for good, _ in results)
        for good, line in results:
            if not good or not options.quiet:
                print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix="fpmoe-levels-") as temporary:
        options.work = options.work or pathlib.Path(temporary)
        options.work.mkdir(parents=True, exist_ok=True)
        models = make(Bench(options))
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for results in pool.map(lambda model: model.run(), models):
                show(results)
        if after:
            show(after(models))
    print(f"{checks - failures} of {checks} checks passed")
    return 1 if failures else 0
