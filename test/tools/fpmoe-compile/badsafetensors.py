#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every fault of a safetensors file is refused: WORK-FOLDER [CASE...] [-v]."""

import os
import pathlib
import struct
import sys

from badinput import GOLDEN, run

NAME = "model.safetensors"
NORM, HEAD = "model.norm.weight", "lm_head.weight"
QUERY = "model.layers.1.self_attn.q_proj.weight"


def edit(tensor, **fields):
    """Replaces fields of one tensor's entry."""
    def change(header, data):
        header[tensor].update(fields)
    return lambda model: model.tensors(change)


def whole(change):
    return lambda model: model.tensors(change)


def raw(change):
    return lambda model: model.path(NAME).write_bytes(change(model.path(NAME).read_bytes()))


def length(value):
    return raw(lambda data: struct.pack("<Q", value) + data[8:])


def header(text):
    return raw(lambda data: struct.pack("<Q", len(text)) + text)


def remove(model):
    model.path(NAME).unlink()


def folder(model):
    remove(model)
    model.path(NAME).mkdir()


def fifo(model):
    remove(model)
    os.mkfifo(model.path(NAME))


def long_header(model):
    """A header of 101 MB that the file, with holes, does have."""
    length(101 << 20)(model)
    os.truncate(model.path(NAME), 102 << 20)


def last(change):
    """Edits the last tensor, so that no other one moves."""
    def edit_last(header, data):
        entry = header[NORM]
        begin, end = entry["data_offsets"]
        return change(header, entry, begin, end, data)
    return whole(edit_last)


def without(tensor):
    """Removes a tensor with its bytes."""
    def change(header, data):
        begin, end = header.pop(tensor)["data_offsets"]
        for name, entry in header.items():
            if name != "__metadata__" and entry["data_offsets"][0] >= end:
                entry["data_offsets"] = [at - (end - begin) for at in entry["data_offsets"]]
        return data[:begin] + data[end:]
    return whole(change)


def extra(name, dtype="BF16", shape=(4, 2), size=16):
    def change(header, data):
        header[name] = {"dtype": dtype, "shape": list(shape),
                        "data_offsets": [len(data), len(data) + size]}
        return data + bytes(size)
    return whole(change)


def rename(header, data):
    header["model.layers.1.self_attn.wq.weight"] = header.pop(QUERY)


FILE = rf"^error: \S*/{NAME}: "
CASES = [
    ("missing", remove, r"/model.*model\.safetensors"),
    ("folder", folder, FILE),
    ("fifo", fifo, FILE),
    ("empty", raw(lambda data: b""), FILE + ".*0"),
    ("short", raw(lambda data: data[:7]), FILE + ".*7"),
    ("length alone", raw(lambda data: data[:8]), [FILE, "5216"]),
    ("length wraps", length(2**64 - 1), [FILE, "18446744073709551615"]),
    ("length wraps with the prefix", length(2**64 - 8), [FILE, "18446744073709551608"]),
    ("length beyond the file", length(300000), [FILE, "300000", "2245"]),
    ("length above 100 MB", long_header, [FILE, "105906176"]),
    ("no length", length(0), FILE),
    ("header cut", length(5000), FILE),
    ("no JSON", header(b"hello world"), FILE),
    ("an array", header(b"[1, 2, 3]"), [FILE, r"expected '\{'"]),
    ("a number", header(b"12"), FILE),
    ("nested", header(b'{"a":' * 9999 + b"1" + b"}" * 9999), FILE),
    ("name not UTF-8", raw(lambda data: data.replace(b"lm_head", b"lm_\xff\xfeead")),
     [FILE, "UTF-8"]),
    ("entry no object", whole(lambda header, data: header.update({NORM: 3})),
     [FILE, r"expected '\{' to begin an object, found '3'"]),
    ("metadata no object", whole(lambda header, data: header.update(__metadata__=[1])),
     [FILE, r"expected '\{' to begin an object, found '\['"]),
    ("shape overflows", edit(NORM, shape=[2**40, 2**40]), [FILE, NORM, "1099511627776"]),
    ("shape of 2^63", edit(NORM, shape=[2**63]), [FILE, "9223372036854775808"]),
    ("shape wraps to its size", edit(NORM, shape=[2**62 + 18, 4]),
     [FILE, "4611686018427387922"]),
    ("shape negative", edit(NORM, shape=[-72]), [FILE, "-72"]),
    ("shape fractional", edit(NORM, shape=[72.5]), [FILE, "72.5"]),
    ("shape of text", edit(NORM, shape=["72"]), FILE),
    ("shape no array", edit(NORM, shape=72), FILE),
    ("shape of zeros", edit(NORM, shape=[0, 72]), [FILE, NORM, r"\[0, 72\]"]),
    ("rank 2000", edit(NORM, shape=[72] + [1] * 2000), [FILE, NORM]),
    ("no shape", whole(lambda header, data: header[NORM].pop("shape") and None),
     [FILE, NORM, "shape"]),
    ("no dtype", whole(lambda header, data: header[NORM].pop("dtype") and None),
     [FILE, NORM, "dtype"]),
    ("no offsets", whole(lambda header, data: header[NORM].pop("data_offsets") and None),
     [FILE, NORM, "data_offsets"]),
    ("dtype unknown", edit(NORM, dtype="Q4_K"), [FILE, NORM, "Q4_K"]),
    ("dtype a number", edit(NORM, dtype=16), FILE),
    ("span too long", edit(HEAD, shape=[127, 72]), [FILE, HEAD, "18432", r"\[127, 72\]", "18288"]),
    ("span too short", edit(NORM, dtype="F32"), [FILE, NORM, "144", "288"]),
    ("offsets backwards", edit(NORM, data_offsets=[219312, 219168]), [FILE, NORM, "219312"]),
    ("offset negative", edit(HEAD, data_offsets=[-18432, 0]), [FILE, "-18432"]),
    ("offset huge", edit(NORM, data_offsets=[2**64 - 144, 2**64]), FILE),
    ("offset huge and in range", edit(NORM, data_offsets=[2**63 - 145, 2**63 - 1]),
     [FILE, "9223372036854775663"]),
    ("three offsets", edit(NORM, data_offsets=[219168, 219312, 3]), [FILE, NORM]),
    ("past the end", edit(NORM, data_offsets=[219170, 219314]), [FILE, NORM, "219314", "219312"]),
    ("overlap", edit(NORM, data_offsets=[219166, 219310]), [FILE, NORM]),
    ("same bytes twice", edit("model.layers.1.input_layernorm.weight",
                              data_offsets=[219168, 219312]), [FILE, "gap", "128160", "128016"]),
    ("gap", last(lambda header, entry, begin, end, data: (
        entry.update(data_offsets=[begin + 16, end + 16]) or data + bytes(16))),
     [FILE, NORM, "219168", "219184"]),
    ("data cut", raw(lambda data: data[:-100]), [FILE, "2192"]),
    ("data after the last tensor", raw(lambda data: data + bytes(10)), [FILE, "10 bytes"]),
    ("name twice", raw(lambda data: struct.pack("<Q", 5216 + len(NORM) - len(HEAD))
                       + data[8:].replace(HEAD.encode(), NORM.encode(), 1)), [FILE, NORM, "twice"]),
    ("tensor missing", without(QUERY), ["/model", QUERY]),
    ("tensor renamed", whole(rename), ["/model", r"self_attn\.(q_proj|wq)\.weight"]),
    ("tensor extra", extra("model.layers.0.mlp.adapter.weight"),
     ["/model", r"model\.layers\.0\.mlp\.adapter\.weight"]),
    ("expert extra", extra("model.layers.0.mlp.experts.3.up_proj.weight"),
     ["/model", r"model\.layers\.0\.mlp\.experts\.3\.up_proj\.weight"]),
    ("layer extra", extra("model.layers.2.input_layernorm.weight"),
     ["/model", r"model\.layers\.2\.input_layernorm\.weight"]),
    ("shape transposed", edit("model.layers.0.mlp.experts.2.up_proj.weight", shape=[72, 24]),
     [r"experts\.2\.up_proj", r"\[72, 24\]", r"\[24, 72\]"]),
    ("rank wrong", edit(NORM, shape=[1, 72]), [NORM, r"\[1, 72\]", r"\[72\]"]),
    ("vocabulary short", last(lambda header, entry, begin, end, data: header[HEAD].update(
        shape=[64, 144])), [HEAD, r"\[64, 144\]", r"\[128, 72\]"]),
    ("dtype of integers", edit(NORM, dtype="I16"), [NORM, "I16"]),
    ("dtype of eight bits", edit(NORM, dtype="F8_E4M3", shape=[144]), [NORM, r"\[144\]|F8_E4M3"]),
]

run(GOLDEN / "top1-raw", CASES, pathlib.Path(sys.argv[1]))
