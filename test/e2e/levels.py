#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the code of every CPU level on any machine with AVX2.

The LLVM IR of a golden checkpoint's program is compiled for x86-64-v3: vectors become narrower,
and instructions that are not there calls of Instructions.c, which does what they do, bit for bit.
StepDriver.c stands in for the runtime. The checks, each in steps of 1, 7, 64 and 512 tokens:
  golden     the logits are, in f32, those of transformers, to 1e-4 of the largest. In bf16 they are
             those of the program for x86-64-v3, to 6e-2 (4e-2 was seen), up to the first token that
             has other experts, where the level rounds what is multiplied: it adds in another
             order, and a sum that is rounded the other way is off by 2^-8. And those of the typical
             token are those of the reference, which rounds weights, but not what they are multiplied
             by, to 5e-2 (3e-2 was seen);
  native     where the machine has the level, the program itself gives the same bits;
  same-bits  the logits have the same bits as token by token, with 1, 2 and 5 workers;
  company    the same among tokens of other texts, as emulation.py says;
  fill       they have the same bits where scratch and logits held 0xFF, or 0x7F, before each step,
             and the cache before the first, as where all was zero at first;
  several    in a program of all levels, over the weights that they share, the level gives the same
             bits as in a program of its own;
  address    the address sanitizer sees no access beyond scratch, cache, logits or weights, where
             steps have as many tokens as they can, and the context is full.

Without arguments everything is checked, which takes three quarters of an hour of one CPU (Xeon);
  levels.py mixtral top2-norm --check same-bits --cpu amx-bf16
a minute. Prints a line for each check, and another for what differs in it; exits with 1 when one
fails, with 2 for wrong usage. Needs Python, GCC, and opt and llc of LLVM.
"""

import array
import statistics
import sys

import emulation
from golden import GOLDEN, difference, floats

FORMATS = ("f32", "bf16")
F32_BOUND, LEVEL_BOUND, BF16_BOUND = 1e-4, 6e-2, 5e-2


class Golden(emulation.Model):
    """A golden checkpoint in one format: what is expected of it, and its checks."""
    sanitized_flags = ("--prefill-tokens=64",)

    def __init__(self, bench, case, weights):
        super().__init__(bench, case.name, case, weights)
        self.ids = case / "ids.txt"
        self.count = len(self.ids.read_text().split())
        self.shared = None
        self.long = self.work / "ids"  # fills the context
        self.long.write_text(self.ids.read_text() * 4)

    def prepare(self):
        if "golden" not in self.options.check:
            return
        if self.weights == "f32":
            self.wanted = floats(self.source / "logits.bin")
            return
        self.compile(f"--cpu={emulation.BASE}", "-o", self.program)
        self.base = array.array("f", self.score(1))
        graph, logits = self.work / "model.mlir", self.work / "expected"
        self.compile("--compile-to=quantize", "-o", graph)
        self.evaluate_routes(graph, logits)
        self.wanted = floats(logits)

    def golden(self, chunk):
        got = array.array("f", self.logits(chunk))
        if self.weights == "f32":
            found = difference(got, self.wanted)
            return found <= F32_BOUND, f"{found:.1g} from transformers"
        rounds = self.level in emulation.MEANT["bf16"]
        first = min((token for token, _ in self.rerouted(chunk)) if rounds else (),
                    default=self.count)
        until = first * (len(got) // self.count)
        found = difference(got[:until], self.base[:until]) if first else 0.0
        typical = statistics.median(map(difference, self.tokens(got), self.tokens(self.wanted)))
        return (found <= LEVEL_BOUND and typical <= BF16_BOUND,
                f"{found:.1g} from {emulation.BASE} in {first} tokens, {typical:.1g} from the "
                "reference")

    def several(self, chunk):
        if not self.shared:
            self.shared, self.shared_blob = self.work / "all.driver", self.work / "all.blob"
            levels = ",".join(emulation.LEVELS)
            self.compile(f"--cpu={levels}", f"--weights-file={self.shared_blob}", "-o",
                         self.work / "all.program")
            self.bench.build(self.bench.optimize(self.code(levels)), self.shared,
                             sanitize=False)
        out = self.work / "logits"
        emulation.run(self.shared, self.shared_blob, self.ids, out, str(chunk), "2",
                      f"level={self.level}")
        found = self.differing(out.read_bytes(), self.logits(chunk))
        return not found, found or "equal"

    CHECKS = {"golden": golden, "several": several, **emulation.Model.CHECKS}


def arguments():
    parser = emulation.make_parser(__doc__, FORMATS, Golden.CHECKS)
    parser.add_argument("cases", nargs="*", metavar="CASE",
                        help="folders of test/golden (default: all with logits)")
    options = emulation.parse(parser)
    there = {path.parent.name: path.parent for path in sorted(GOLDEN.glob("*/logits.bin"))}
    if unknown := sorted(set(options.cases) - set(there)):
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(there)}")
    options.cases = [there[name] for name in options.cases or there]
    return options


def main():
    options = arguments()
    return emulation.check_models(options, lambda bench: [
        Golden(bench, case, weights) for case in options.cases for weights in options.weights])


if __name__ == "__main__":
    sys.exit(main())
