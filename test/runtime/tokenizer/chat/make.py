#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the prompts of conversations that `apply_chat_template` of transformers gives: cases.json.

    make.py [--count N] [--seed N] [FILE]

Each template of templates.py is put beside a tiny tokenizer of ../golden, with more special tokens.
Roles, contents, days and what the assistant thought are random, without special tokens.
ChatTemplateTest compares with the file, or with the one that FPMOE_CHAT_CASES names: many more
cases, by hand. Needs transformers.
"""

import argparse
import datetime
import json
import os
import pathlib
import random

os.environ["HF_HUB_OFFLINE"] = "1"

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

from templates import TEMPLATES

HERE = pathlib.Path(__file__).resolve().parent
WORDS = ["main", " ", "  ", "\n", "\n\n", "\t", "let x = 1", "\u00e9", "e\u0301", "\u0301", "\u20ac",
         "\U0001f600", "caf\u00e9", "[", "]", "<", "|", ">", "[INST]", "[/INST]", "<<SYS>>", "user",
         "### Response:", "User:", "42", "\u2581", "\u00a0", "\u3000", "\x1c", "\x1f", ".", "if", "'s"]


# What an assistant said that thinks, before a question and before the result of a tool.
THOUGHTS = [("<think>\nthought\n</think>\n\nanswer", None), ("<think>\n\n thought \n\n\n</think>\n\n\nanswer\n", None),
            ("<think>\n\n</think>\n\nanswer", None), ("first</think>second</think>\nanswer", None),
            ("<think>one<think>\ntwo\n</think> answer", None), ("thought\n</think>", None), ("\n<think>answer", None),
            ("\n\nanswer", "\n\nthought \n"), ("answer", ""), ("answer", "\n"), ("<think>a</think>answer", "thought"),
            ("", "<think>thought</think>")]


def content(rng, specials):
    words = [word for word in WORDS if word not in specials]
    return "".join(rng.choices(words, k=rng.choice([0, 1, 2, 3, 5, 8])))


def message(rng, role, family):
    """A message, in which the assistant may have thought and the user may bring the result of a tool."""
    made = {"role": role, "content": content(rng, family["added"])}
    if not family.get("thinks"):
        return made
    if role == "user" and rng.random() < 0.4:
        made["content"] = (rng.choice(["<tool_response>", "<tool_response>", ""]) + made["content"] +
                           rng.choice(["</tool_response>", "</tool_response>", "\n"]))
    if role == "assistant":
        parts = ["<think>", "</think>", "\n", "\n\n", content(rng, []), content(rng, [])]
        if rng.random() < 0.7:
            made["content"] = "".join(rng.choices(parts, k=rng.choice([3, 5, 8])))
        if rng.random() < 0.3:
            made["reasoning_content"] = "".join(rng.choices(parts, k=rng.choice([0, 1, 3])))
    return made


def roles(rng, family):
    """Roles as the family takes them, the last that of the user, or of the system where that may think."""
    first = ["system"] if family["system"] != "none" and rng.random() < 0.6 else []
    if family["system"] == "in":
        return first + ["user", "assistant"] * rng.choice([0, 0, 1, 2]) + ["user"]
    if family["system"] == "none":
        return ["user", "assistant"] * rng.choice([0, 0, 1, 2, 3]) + ["user"]
    others = ["user", "assistant"] + ["system"] * (family["system"] == "anywhere")
    if family.get("thinks"):
        last = rng.choices(["user", "system" if "system" in others else "user"], [5, 1])
        return first + rng.choices(others + ["assistant"], k=rng.choice([2, 3, 4])) + last
    return first + rng.choices(others, k=rng.choice([0, 1, 2, 3])) + ["user"]


def conversations(rng, family, count):
    """Random ones, and those of THOUGHTS."""
    for _ in range(count):
        yield [message(rng, role, family) for role in roles(rng, family)]
    for said, thought in THOUGHTS if family.get("thinks") else []:
        answer = {"role": "assistant", "content": said}
        if thought is not None:
            answer["reasoning_content"] = thought
        for last in ["more?", "<tool_response>\n1\n</tool_response>", "<tool_response>more?"]:
            yield [{"role": "user", "content": "question"}, answer, {"role": "user", "content": last}]


class Clock(datetime.datetime):
    """Where transformers takes the time from."""
    day = datetime.datetime(2024, 7, 26)

    @classmethod
    def now(cls, tz=None):
        return cls.day


def make(name, family, count, rng):
    """The cases of a template."""
    folder = HERE.parent / "golden"
    tokenizer = Tokenizer.from_file(str(folder / f"{family['tokenizer']}.tokenizer.json"))
    added = [AddedToken(text, special=True, normalized=family.get("normalized", False))
             for text in family["added"]]
    tokenizer.add_special_tokens(added)
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in family.get("plain", [])])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=family["bos"],
                                   eos_token=family["eos"], chat_template=family["template"])
    cases = []
    for messages in conversations(rng, family, count):
        case = {"messages": messages}
        variables = {}
        if family.get("dated"):
            Clock.day = datetime.datetime(2024, 1, 1) + datetime.timedelta(days=rng.randrange(10000))
            case["day"] = [Clock.day.year, Clock.day.month, Clock.day.day]
            case["text"] = fast.apply_chat_template(case["messages"], add_generation_prompt=True, tokenize=False)
        if family.get("thinks") == "asked" and rng.random() < 0.6:
            case["thinking"] = variables["enable_thinking"] = rng.random() < 0.3
        case["ids"] = fast.apply_chat_template(case["messages"], add_generation_prompt=True,
                                               return_dict=False, **variables)
        cases.append(case)
    keys = ["family", "tokenizer", "added", "normalized", "bos", "eos", "template"]
    return {"name": name, **{key: family.get(key) for key in keys + ["plain"] * ("plain" in family)},
            "cases": cases}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=pathlib.Path, default=HERE / "cases.json")
    parser.add_argument("--count", type=int, default=12, help="random cases of a template (12)")
    parser.add_argument("--seed", type=int, default=1, help="of what is random (1)")
    options = parser.parse_args()
    chat_template_utils.datetime = Clock
    rng = random.Random(options.seed)
    made = [make(name, family, options.count, rng) for name, family in TEMPLATES.items()]
    lines = [json.dumps(case).replace('"cases": [{', '"cases": [\n{').replace('}, {"messages"',
                                                                              '},\n{"messages"')
             for case in made]
    options.file.write_text("[" + ",\n".join(lines) + "]\n")


if __name__ == "__main__":
    main()
