#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds inner loops of products that use the stack, in the assembly of a program for x86-64.

A product's inner loop multiplies into registers. LLVM can have more values alive across it than there
are registers, and then reads and writes some of them in every step: right, and half as fast.
"""

import argparse
import re
import sys

MULTIPLIES = re.compile(r"\t(vfmadd\d+ps|vdpbf16ps|vpdpbusd|vpmaddubsw)\t")
STACK = re.compile(r"\(%r[sb]p\).*%[xyz]mm|%[xyz]mm.*\(%r[sb]p\)")
FUNCTION = re.compile(r"^([A-Za-z_][\w.]*):")
LABEL = re.compile(r"^(\.L\w+):")
JUMP = re.compile(r"\tj[a-z]+\t(\.L\w+)")


def inner_loops(lines):
    """(function, line of the label, lines) of each stretch that ends with a jump to its first label."""
    function = ""
    for end, line in enumerate(lines):
        if FUNCTION.match(line):
            function = FUNCTION.match(line).group(1)
        jump = JUMP.match(line)
        if not jump:
            continue
        start = end
        while start >= 0 and not LABEL.match(lines[start]):
            start -= 1
        if start >= 0 and LABEL.match(lines[start]).group(1) == jump.group(1):
            yield function, start, lines[start:end]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assembly", help="what `fpmoe-compile --compile-to=object -S` wrote")
    parser.add_argument("--functions", default=".", metavar="REGEX", help="only in functions with such a name")
    parser.add_argument("--least", type=int, default=8, metavar="N",
                        help="multiplications that make a loop a product's (default: 8)")
    parser.add_argument("--most", type=int, default=1 << 20, metavar="N",
                        help="multiplications that a loop has at most (default: any)")
    options = parser.parse_args()
    try:
        wanted = re.compile(options.functions)
    except re.error as error:
        parser.error(f"--functions {options.functions}: {error}")
    try:
        with open(options.assembly, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{options.assembly}: {getattr(error, 'strerror', None) or error}")
    products = bad = 0
    for function, start, body in inner_loops(lines):
        multiplications = sum(bool(MULTIPLIES.match(line)) for line in body)
        if not wanted.search(function) or not options.least <= multiplications <= options.most:
            continue
        products += 1
        used = [line.strip() for line in body if STACK.search(line)]
        if used:
            bad += 1
            print(f"{options.assembly}:{start + 1}: {function}: a product uses the stack "
                  f"{len(used)} times a step: {used[0]}")
    print(f"{products} inner loops of products, {bad} use the stack")
    sys.exit(1 if bad or not products else 0)


if __name__ == "__main__":
    main()
