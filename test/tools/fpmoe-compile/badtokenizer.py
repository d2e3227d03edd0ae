#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Unsupported and damaged tokenizers are refused: WORK-FOLDER [CASE...] [-v]."""

import os
import pathlib
import sys

from badinput import ROOT, run

NAME = "tokenizer.json"
FILE = rf"^error: \S*/{NAME}(:\d+:\d+)?: "


def put(**fields):
    return lambda model: model.json(NAME, lambda value: value.update(fields))


def inside(part, **fields):
    return lambda model: model.json(NAME, lambda value: value[part].update(fields))


def edit(change):
    return lambda model: model.json(NAME, change)


def write(data):
    return lambda model: model.path(NAME).write_bytes(data)


def folder(model):
    model.path(NAME).unlink()
    model.path(NAME).mkdir()


def pipe(model):
    model.path(NAME).unlink()
    os.mkfifo(model.path(NAME))


def link(model):
    model.path(NAME).unlink()
    model.path(NAME).symlink_to("nowhere")


def split(**fields):
    return edit(lambda value: value["pre_tokenizer"]["pretokenizers"][0].update(fields))


CASES = [
    ("empty", write(b""), FILE),
    ("cut", lambda model: model.cut(NAME, 100000), FILE),
    ("no object", write(b"[]"), FILE),
    ("no model", edit(lambda value: value.pop("model") and None), [FILE, "model"]),
    ("not UTF-8", lambda model: model.replace(NAME, b"endoftext", b"endof\xff\xfeext"),
     [FILE, "UTF-8"]),
    ("folder", folder, FILE),
    ("model unknown", inside("model", type="Unigram"), [FILE, "Unigram"]),
    ("model of no type", inside("model", type=3), [FILE, "type"]),
    ("normalizer unknown", put(normalizer={"type": "Lowercase"}), [FILE, "Lowercase"]),
    ("normalizer inside", put(normalizer={"type": "Sequence", "normalizers": [
        {"type": "NFC"}, {"type": "BertNormalizer"}]}), [FILE, "BertNormalizer"]),
    ("pre-tokenizer unknown", put(pre_tokenizer={"type": "UnicodeScripts"}),
     [FILE, "UnicodeScripts"]),
    ("split behavior", split(behavior="Contiguous"), [FILE, "Contiguous"]),
    ("expression wrong", split(pattern={"Regex": "(["}), FILE),
    ("decoder unknown", put(decoder={"type": "WordPiece", "prefix": "##"}), [FILE, "WordPiece"]),
    ("post-processor unknown", put(post_processor={"type": "BertProcessing"}),
     [FILE, "BertProcessing"]),
    ("dropout", inside("model", dropout=0.1), [FILE, "dropout"]),
    ("word suffix", inside("model", end_of_word_suffix="</w>"), [FILE, "end_of_word_suffix"]),
    ("id beyond the model", edit(lambda value: value["model"]["vocab"].update({"!": 4096})),
     [FILE, "4096"]),
    ("id negative", edit(lambda value: value["model"]["vocab"].update({"!": -1})), [FILE, "-1"]),
    ("id huge", edit(lambda value: value["model"]["vocab"].update({"!": 2**62})), FILE),
    ("id twice", edit(lambda value: value["model"]["vocab"].update({"!": 1})), [FILE, r"\b1\b"]),
    ("vocabulary a list", inside("model", vocab=["a"]), [FILE, "vocab"]),
    ("merge unknown", edit(lambda value: value["model"]["merges"].append(["q", "no such"])),
     [FILE, "merge", "no such"]),
    ("merge of three", edit(lambda value: value["model"]["merges"].append(["a", "b", "c"])),
     [FILE, "merge"]),
    ("added id negative", edit(lambda value: value["added_tokens"][0].update(id=-1)),
     [FILE, r"added_tokens\[0\]\.id", "-1"]),
    ("key twice", lambda model: model.replace(NAME, b'"version"', b'"padding":null,"padding"'),
     [FILE, "'padding' occurs twice"]),
    ("pipe", pipe, [FILE, "not a regular file"]),
    ("link to nothing", link, [FILE, "cannot be opened"]),
    ("control character", put(**{"a\x1b[31m": 1}), [FILE, r"a\\x1b\[31m"]),
    ("expression without end", split(pattern={"Regex": "(a+)+[xy]"}), [FILE, "too often"]),
]

run(ROOT / "models" / "nano", CASES, pathlib.Path(sys.argv[1]))
