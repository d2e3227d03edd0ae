"""What the mixture is trained on and measured on, as arrays of the base's tokens.

Training reads the training files of the nano model's corpus, in windows. There are two
held-out sets: `files` are the held-out files of the same packages; `packages` are those
of packages.json, of which training sees nothing (Debian's Scala is too little for that).
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "nano"))

import numpy as np
import torch
from tokenizers import Tokenizer

import corpus as corpora
import data
from corpus import LANGUAGES

HELD_OUT = ["files", "packages"]
# A file is a near copy if so much of its text is in lines that training has, too.
NEAR_COPY = 0.5
MIN_LINE = 20  # shorter ones are in files of all kinds


def long_lines(text):
    return [line for line in map(str.strip, text.splitlines()) if len(line) >= MIN_LINE]


def without_near_copies(entries, training):
    seen = {line for entry in training for line in long_lines(entry["text"])}

    def share(entry):
        lines = long_lines(entry["text"])
        return (sum(len(l) for l in lines if l in seen) /
                max(1, sum(map(len, lines))))
    return [entry for entry in entries if share(entry) < NEAR_COPY]


def collect(folder):
    """Returns {language: {"train", "files", "packages"}} of lists of file entries."""
    nano = corpora.load(folder)
    unseen = corpora.load(folder, HERE / "packages.json")
    corpus = {}
    for lang in LANGUAGES:
        train = nano[lang]["train"]
        others = unseen.get(lang, {"train": [], "heldout": []})
        corpus[lang] = {"train": train}
        for name, entries in (("files", nano[lang]["heldout"]),
                              ("packages", others["train"] + others["heldout"])):
            kept = without_near_copies(entries, train)
            print(f"{lang} {name}: {len(entries)} files, less "
                  f"{len(entries) - len(kept)} near copies of training files", flush=True)
            corpus[lang][name] = kept
    return corpus


def tokenize(corpus, base, folder, seed=1):
    folder.mkdir(parents=True, exist_ok=True)
    data.tokenize(corpus, Tokenizer.from_file(str(base / "tokenizer.json")), folder, seed)
    (folder / "done").touch()


def folder_of(base, cache):
    """Another tokenizer has another folder."""
    digest = hashlib.sha256((base / "tokenizer.json").read_bytes()).hexdigest()
    return cache / f"tokens-{digest[:16]}"


def prepare(base, cache):
    """Returns the folder of token arrays, made where it is not there."""
    folder = folder_of(base, cache)
    if not (folder / "done").exists():
        tokenize(collect(cache / "corpus"), base, folder)
    return folder


class Rows:
    """Rows of training in a fixed order, which any of them can be taken from: languages
    take turns, and each one's text is cut into windows, shuffled anew, and cut at another
    phase, in every pass."""

    def __init__(self, folder, length, seed):
        self.ids = [np.load(folder / f"train-{lang}.npy", mmap_mode="r")
                    for lang in LANGUAGES]
        self.length, self.seed = length, seed
        self.passes = {}

    def starts(self, lang, number):
        if self.passes.get(lang, (None,))[0] != number:
            random = np.random.default_rng([self.seed, lang, number])
            phase = int(random.integers(self.length))
            # The same number in every pass, wherever it begins.
            count = (len(self.ids[lang]) - self.length) // self.length
            starts = phase + self.length * random.permutation(count)
            self.passes[lang] = (number, starts)
        return self.passes[lang][1]

    def __getitem__(self, index):
        """Returns ids of (length + 1,) and the language's place in LANGUAGES."""
        turn, lang = divmod(index, len(self.ids))
        count = (len(self.ids[lang]) - self.length) // self.length
        start = self.starts(lang, turn // count)[turn % count]
        window = self.ids[lang][start:start + self.length + 1]
        return torch.from_numpy(window.astype(np.int64)), lang


def held_out(folder, name, lang, length, most=None):
    """Windows of a held-out set; `most` spreads that many over all of it."""
    ids = np.load(folder / f"{name}-{lang}.npy", mmap_mode="r")
    starts = np.arange(0, len(ids) - length, length)
    if most and most < len(starts):
        starts = starts[np.linspace(0, len(starts) - 1, most).astype(int)]
    return [torch.from_numpy(ids[s:s + length + 1].astype(np.int64)) for s in starts]
