#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the prompts of conversations that `apply_chat_template` of transformers gives: cases.json.

    make.py [--count N] [--seed N] [FILE]

Each template of templates.py is put beside a tiny tokenizer of ../golden, with more special tokens.
Roles and contents are random, without special tokens.
ChatTemplateTest compares with the file, or with the one that FPMOE_CHAT_CASES names: many more
cases, by hand. Needs transformers.
"""

import argparse
import json
import os
import pathlib
import random

os.environ["HF_HUB_OFFLINE"] = "1"

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

from templates import TEMPLATES

HERE = pathlib.Path(__file__).resolve().parent
WORDS = ["main", " ", "  ", "\n", "\n\n", "\t", "let x = 1", "\u00e9", "e\u0301", "\u0301", "\u20ac",
         "\U0001f600", "caf\u00e9", "[", "]", "<", "|", ">", "[INST]", "[/INST]", "<<SYS>>", "user",
         "### Response:", "User:", "42", "\u2581", "\u00a0", "\u3000", "\x1c", "\x1f", ".", "if", "'s"]


def content(rng, specials):
    words = [word for word in WORDS if word not in specials]
    return "".join(rng.choices(words, k=rng.choice([0, 1, 2, 3, 5, 8])))


def roles(rng, family):
    """Roles as the family takes them, the last that of the user."""
    first = ["system"] if family["system"] != "none" and rng.random() < 0.6 else []
    if family["system"] == "in":
        return first + ["user", "assistant"] * rng.choice([0, 0, 1, 2]) + ["user"]
    if family["system"] == "none":
        return ["user", "assistant"] * rng.choice([0, 0, 1, 2, 3]) + ["user"]
    others = ["user", "assistant"] + ["system"] * (family["system"] == "anywhere")
    return first + rng.choices(others, k=rng.choice([0, 1, 2, 3])) + ["user"]


def make(name, family, count, rng):
    """The cases of a template."""
    folder = HERE.parent / "golden"
    tokenizer = Tokenizer.from_file(str(folder / f"{family['tokenizer']}.tokenizer.json"))
    added = [AddedToken(text, special=True, normalized=family.get("normalized", False))
             for text in family["added"]]
    tokenizer.add_special_tokens(added)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=family["bos"],
                                   eos_token=family["eos"], chat_template=family["template"])
    cases = []
    for _ in range(count):
        messages = [{"role": role, "content": content(rng, family["added"])} for role in roles(rng, family)]
        ids = fast.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        cases.append({"messages": messages, "ids": ids})
    return {"name": name, **{key: family.get(key) for key in
                             ["family", "tokenizer", "added", "normalized", "bos", "eos", "template"]},
            "cases": cases}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=pathlib.Path, default=HERE / "cases.json")
    parser.add_argument("--count", type=int, default=12, help="cases of a template (12)")
    parser.add_argument("--seed", type=int, default=1, help="of what is random (1)")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    made = [make(name, family, options.count, rng) for name, family in TEMPLATES.items()]
    lines = [json.dumps(case).replace('"cases": [{', '"cases": [\n{').replace('}, {"messages"',
                                                                              '},\n{"messages"')
             for case in made]
    options.file.write_text("[" + ",\n".join(lines) + "]\n")


if __name__ == "__main__":
    main()
