#!/usr/bin/env python3
"""Looks for the problems in the texts that the mixture is trained on.

    overlap.py [--cache FOLDER] [FILE...]

Fails where a training text, or a FILE instead of all of them, has
  - the signature of a problem, whatever the white space,
  - so many words in a row of a task as WORDS says, whatever is between them,
  - a line, of at least MIN_LINE characters, of an answer that the tests have.
Names alone are no overlap: functions of the same name are listed.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "nano"))

import corpus as corpora
from languages import LANGUAGES
from problems import all_problems

WORDS = 8
MIN_LINE = 20
ANSWERS = HERE.parents[1] / "test/models/fpmoe-0.5b/answers"


def words_of(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def sequences(words):
    return (tuple(words[i:i + WORDS]) for i in range(len(words) - WORDS + 1))


def squeezed(text):
    """Without white space, and in OCaml without what makes a function recursive."""
    return re.sub(r"\s+", "", re.sub(r"\blet rec\b", "let", text))


class Search:
    """What of the problems to look for, by language where it differs."""

    def __init__(self):
        self.sequences, self.lines = {}, {}
        self.signatures, self.names = defaultdict(dict), defaultdict(dict)
        for problem in all_problems():
            for sequence in sequences(words_of(problem.task)):
                self.sequences[sequence] = problem.name
            for name, language in LANGUAGES.items():
                signature = language.prompt(problem).rstrip("\n").rsplit("\n", 1)[-1]
                self.signatures[name][squeezed(signature)] = problem.name
                self.names[name][language.function(problem)] = problem.name
        for path in sorted(ANSWERS.glob("*.txt")):
            for line in map(str.strip, path.read_text().splitlines()):
                if len(line) >= MIN_LINE and not line.startswith("==="):
                    self.lines[line] = path.name
        self.definition = {
            "haskell": re.compile(r"^(\w+)\s*::", re.MULTILINE),
            "ocaml": re.compile(r"\blet\s+(?:rec\s+)?(\w+)"),
            "scala": re.compile(r"\bdef\s+(\w+)")}

    def found(self, language, text):
        """Yields the kind of each thing that a text has, its problem or file, and what."""
        for sequence in sequences(words_of(text)):
            if sequence in self.sequences:
                yield "words", self.sequences[sequence], " ".join(sequence)
        for line in map(str.strip, text.splitlines()):
            if line in self.lines:
                yield "line", self.lines[line], line
        squeezed_text = None
        for name in set(self.definition[language].findall(text)) & \
                self.names[language].keys():
            yield "name", self.names[language][name], name
            squeezed_text = squeezed_text or squeezed(text)
            for signature, problem in self.signatures[language].items():
                if signature in squeezed_text:
                    yield "signature", problem, signature


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/fpmoe-0.5b",
                        metavar="FOLDER", help="of train.py (default: %(default)s)")
    options = parser.parse_args()
    if options.files:
        languages = {suffix: language for language in LANGUAGES
                     for suffix in corpora.EXTENSIONS[language]}
        texts = [(languages[file.suffix], file.name, file.read_text())
                 for file in options.files]
    elif (options.cache / "corpus/src").is_dir():
        corpus = corpora.load(options.cache / "corpus")
        texts = [(language, entry["path"], entry["text"]) for language in LANGUAGES
                 for entry in corpus[language]["train"]]
    else:
        print(f"error: {options.cache}/corpus: is not there; train.py fetches it",
              file=sys.stderr)
        sys.exit(1)
    search = Search()
    counts = defaultdict(set)
    for language, path, text in texts:
        for kind, where, what in search.found(language, text):
            counts[kind].add((where, what))
            print(f"{kind}: {where}: {what}: {language}, {path}")
    print(f"{len(texts)} texts; of the problems they have: " + ", ".join(
        f"{len(counts[kind])} {title}" for kind, title in (
            ("signature", "signatures"), ("words", f"sequences of {WORDS} words"),
            ("line", "lines of answers"), ("name", "names"))))
    sys.exit(any(counts[kind] for kind in ("signature", "words", "line")))


if __name__ == "__main__":
    main()
