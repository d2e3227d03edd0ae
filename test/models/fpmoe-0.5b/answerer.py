#!/usr/bin/env python3
"""Stands for a compiled program in tests of evaluate.py: it answers the problems that
answers/ has right or, if its own name has "mutants" in it, wrong, and any other one with a
function that compiles and stops. Each answer is followed by the beginning of something
else that does not compile.

    answerer.py generate --prompts FILE ...
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import json
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FURTHER = {"haskell": "\n\nother n = = n", "ocaml": "\n\nlet other = = 1",
           "scala": "\n\n  def other(n: Int = = n"}
STUBS = {"haskell": "{0} = undefined where same = {0}", "ocaml": '\n  failwith "stub"',
         "scala": '\n    sys.error("stub")'}


def answers(language):
    """{problem: answer}, a problem's title being its name and a change that spoils it."""
    found = {}
    for part in re.split("^=== ", (HERE / f"answers/{language}.txt").read_text(),
                         flags=re.MULTILINE)[1:]:
        title, answer = part.split("\n", 1)
        name, change = title.split(": ", 1)
        old, new = change.split(" => ", 1)
        if old not in answer:
            sys.exit(f"error: {language}, {name}: the answer does not have {old}")
        spoilt = answer.replace(old, new) if "mutants" in sys.argv[0] else answer
        found[name] = ("" if language == "haskell" else "\n") + spoilt.rstrip()
    return found


def main():
    by_language = {language: answers(language) for language in STUBS}
    for line in Path(sys.argv[sys.argv.index("--prompts") + 1]).read_text().splitlines():
        task = json.loads(line)
        language = task["language"]
        function = task["prompt"].rstrip("\n").rsplit("\n", 1)[-1].split(" ")[0]
        answer = by_language[language].get(task["problem"], STUBS[language].format(function))
        print(json.dumps({**task, "completion": answer + FURTHER[language]}), flush=True)
        # A program that ends early, as a test of going on wants it.
        if os.environ.get("END_AFTER") == task["problem"]:
            sys.exit(3)


if __name__ == "__main__":
    main()
