"""Tokenised corpus files and the batches that training draws from them."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import numpy as np
import torch

from corpus import LANGUAGES
from tokenizer import END_OF_TEXT


def tokenize(corpus, tokenizer, folder, seed):
    """Writes one array of ids per language and part, of the smallest type: the files in
    a shuffled order, each followed by the end-of-text token."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    kind = np.min_scalar_type(tokenizer.get_vocab_size() - 1)
    for number, lang in enumerate(corpus):
        for part, entries in corpus[lang].items():
            order = np.random.default_rng([seed, number]).permutation(len(entries))
            encoded = tokenizer.encode_batch([entries[i]["text"] for i in order])
            ids = [i for e in encoded for i in (*e.ids, end)]
            np.save(folder / f"{part}-{lang}.npy", np.array(ids, dtype=kind))


def load(folder, part, lang):
    return torch.from_numpy(
        np.load(folder / f"{part}-{lang}.npy").astype(np.int64))


class Windows:
    """Windows of one language in random order. Every pass over the text cuts it at
    another phase, so that a token is not always seen at the same place."""

    def __init__(self, ids, length, seed):
        self.ids, self.length = ids, length
        self.random = np.random.default_rng(seed)
        self.starts = []

    def next(self):
        if not self.starts:
            phase = int(self.random.integers(self.length))
            starts = np.arange(phase, len(self.ids) - self.length, self.length)
            self.starts = self.random.permutation(starts).tolist()
        start = self.starts.pop()
        return self.ids[start:start + self.length]


class Batches:
    """Rows take turns among `languages`, so that each gets the same number of
    tokens however large its corpus is. Labels are places in `known`."""

    def __init__(self, folder, languages, length, rows, seed, known=LANGUAGES):
        self.labels = [known.index(lang) for lang in languages]
        self.windows = [Windows(load(folder, "train", lang), length + 1,
                                [seed, label, length])
                        for lang, label in zip(languages, self.labels)]
        self.rows, self.turn = rows, 0

    def next(self):
        """Returns ids of (rows, length + 1) and the language of each row."""
        picks = [(self.turn + r) % len(self.windows) for r in range(self.rows)]
        self.turn = (self.turn + self.rows) % len(self.windows)
        return (torch.stack([self.windows[p].next() for p in picks]),
                torch.tensor([self.labels[p] for p in picks]))
