#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares the instructions of Instructions.c with their definitions in exact numbers.

Operands are random, and such that results are denormal, ties, or overflow. (Where the CPU has the
instructions, levels.py and shapes.py compare programs that use them.) Tiles of wrong shapes must be
refused.
"""

import ctypes
import os
import pathlib
import random
import struct
import subprocess
import sys
from fractions import Fraction

from compare import has

HERE = pathlib.Path(__file__).resolve().parent
INFINITY = 0x7F800000
SMALLEST = Fraction(1, 2 ** 126)


def number(bits):
    """The f32 of these bits, exactly; a denormal number is zero. And whether it is negative."""
    if bits & 0x7F800000 == 0:
        bits &= 0x80000000
    value = struct.unpack("<f", struct.pack("<I", bits))[0]
    return Fraction(value), bits >> 31


def rounded(value, negative):
    """The bits of an exact number, rounded to nearest even, tiny ones to zero. Zero has a sign."""
    sign = (value < 0 if value else negative) << 31
    value = abs(value)
    if not value:
        return sign
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    if Fraction(2) ** exponent > value:
        exponent -= 1
    steps = round(value / Fraction(2) ** (exponent - 23))  # to nearest even
    if steps * Fraction(2) ** (exponent - 23) < SMALLEST:
        return sign
    bits = (exponent + 127 << 23) + steps - (1 << 23)
    return sign | min(bits, INFINITY)


def fma(a, b, c):
    """a * b + c, rounded once. Factors are finite."""
    if c & 0x7FFFFFFF == INFINITY:
        return c
    (x, x_sign), (y, y_sign), (z, z_sign) = number(a), number(b), number(c)
    return rounded(x * y + z, (x_sign ^ y_sign) & z_sign if not x * y and not z else 0)


def dot(total, lhs, rhs):
    total = fma(lhs & 0xFFFF0000, rhs & 0xFFFF0000, total)
    return fma(lhs << 16 & 0xFFFFFFFF, rhs << 16 & 0xFFFFFFFF, total)


def tile_dot(total, row, column):
    low = high = 0
    for lhs, rhs in zip(row, column):
        low = fma(lhs << 16 & 0xFFFFFFFF, rhs << 16 & 0xFFFFFFFF, low)
        high = fma(lhs & 0xFFFF0000, rhs & 0xFFFF0000, high)
    one = 0x3F800000
    return fma(total, one, fma(low, one, high))


def byte_tile_dot(total, row, column):
    """Of words of four bytes with a sign, modulo 2^32."""
    for lhs, rhs in zip(row, column):
        for shift in range(0, 32, 8):
            a, b = ((word >> shift & 0xFF ^ 0x80) - 0x80 for word in (lhs, rhs))
            total += a * b
    return total & 0xFFFFFFFF


def to_bf16(bits):
    if bits & INFINITY == INFINITY:
        return bits >> 16 | (0x40 if bits & 0x7FFFFF else 0)
    if not number(bits)[0]:
        return bits >> 31 << 15
    low, rest = bits >> 16, bits & 0xFFFF
    return low + (rest > 0x8000 or rest == 0x8000 and low & 1)


class Operands:
    """Bits of finite f32 whose exponents lie around `middle`."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def f32(self, middle):
        exponent = min(max(middle + self.random.randint(-9, 9), 0), 254)
        mantissa = self.random.choice((0, 1, 0x8000, 0x18000, 0x7FFFFF,
                                       self.random.getrandbits(23)))
        return self.random.getrandbits(1) << 31 | exponent << 23 | mantissa

    def pair(self, middle):
        return self.f32(middle) & 0xFFFF0000 | self.f32(middle) >> 16


def words(values):
    return (ctypes.c_uint32 * len(values))(*values)


def refused(call):
    """Whether `call` ends a process."""
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        call()
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def main():
    if not has("x86-64-v3"):
        print("skipped: this CPU has no x86-64-v3")
        return
    library = pathlib.Path(sys.argv[1])
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-mavx2", "-mfma", "-shared", "-fPIC",
                    HERE / "Instructions.c", "-o", library], check=True)
    c = ctypes.CDLL(str(library.resolve()))
    for function in (c.emulateTileLoad, c.emulateTileDot, c.emulateTileDotBytes):
        function.restype = ctypes.c_int64
    operands = Operands(7)
    wrong = {"vdpbf16ps": 0, "vcvtneps2bf16": 0, "tdpbf16ps": 0, "tdpbssd": 0}
    # Exponents of factors and sums: usual ones, tiny and huge products.
    middles = ((127, 127), (127, 140), (64, 2), (64, 12), (64, 24), (2, 2), (188, 250))
    for _ in range(20):
        for factor, total in middles:
            lhs, rhs = ([operands.pair(factor) for _ in range(16)] for _ in range(2))
            sums = [operands.f32(total) for _ in range(16)]
            got = words(sums)
            c.emulateDot(got, words(lhs), words(rhs))
            wrong["vdpbf16ps"] += list(got) != list(map(dot, sums, lhs, rhs))
            halves = (ctypes.c_uint16 * 16)()
            special = [0x7F800000, 0xFF800001, 0x7F7FFFFF, 0x807FFFFF] + sums[4:]
            c.emulateRound(halves, words(special))
            wrong["vcvtneps2bf16"] += list(halves) != list(map(to_bf16, special))

    def tile(rows, columns, values):
        return ctypes.c_int64(c.emulateTileLoad(rows, 4 * columns, words(values),
                                                ctypes.c_int64(4 * columns)))

    def tile_product(function, rows, columns, depth, sums, lhs, rhs):
        result = function(rows, 4 * columns, 4 * depth, tile(rows, columns, sums),
                          tile(rows, depth, lhs), tile(depth, columns, rhs))
        got = words([0] * (rows * columns))
        c.emulateTileStore(rows, 4 * columns, got, ctypes.c_int64(4 * columns),
                           ctypes.c_int64(result))
        return list(got)

    def tile_meant(one, columns, depth, sums, lhs, rhs):
        return [one(total, lhs[i // columns * depth:(i // columns + 1) * depth],
                    rhs[i % columns::columns]) for i, total in enumerate(sums)]

    for rows, columns, depth in ((16, 16, 16), (16, 16, 8), (3, 5, 7), (1, 1, 1)):
        for factor, total in middles[:-1]:  # infinities of both signs have no sum
            lhs, rhs = ([operands.pair(factor) for _ in range(size * depth)]
                        for size in (rows, columns))
            sums = [operands.f32(total) for _ in range(rows * columns)]
            wrong["tdpbf16ps"] += (
                tile_product(c.emulateTileDot, rows, columns, depth, sums, lhs, rhs) !=
                tile_meant(tile_dot, columns, depth, sums, lhs, rhs))
        sums, lhs, rhs = ([operands.random.getrandbits(32) for _ in range(size)] for size in
                          (rows * columns, rows * depth, columns * depth))
        lhs[0] = rhs[0] = 0x80808080  # the largest product
        wrong["tdpbssd"] += (
            tile_product(c.emulateTileDotBytes, rows, columns, depth, sums, lhs, rhs) !=
            tile_meant(byte_tile_dot, columns, depth, sums, lhs, rhs))
    for name, count in wrong.items():
        print(f"{'FAIL' if count else 'pass'}: {name}: {count} results differ")
    square = tile(4, 4, [0] * 16)
    taken = [name for name, call in (
        ("17 rows", lambda: c.emulateTileZero(17, 64)),
        ("rows of 68 bytes", lambda: c.emulateTileZero(16, 68)),
        ("rows of 6 bytes", lambda: c.emulateTileZero(16, 6)),
        ("a tile that was never made", lambda: c.emulateTileStore(
            4, 16, words([0] * 16), ctypes.c_int64(16), ctypes.c_int64(1 << 40))),
        ("a product that is deeper than its factors",
         lambda: c.emulateTileDot(4, 16, 32, square, square, square)),
    ) if not refused(call)]
    print(f"FAIL: taken: {', '.join(taken)}" if taken else "pass: wrong tiles are refused")
    sys.exit(bool(taken or any(wrong.values())))


if __name__ == "__main__":
    main()
