#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A compiled program answers conversations as `apply_chat_template` of transformers writes them.

For each template of test/runtime/tokenizer/chat that is named (default: all), a tiny model with
random weights gets the template and the tokenizer, in one of the ways in which models have them. Its
answer to each conversation has the log-probabilities, all digits of them, that /v1/completions gives
behind the ids of transformers, and ends at the end of a turn. Where the prompt has the day, it is that of
this machine.

Prints one line per program; exits with 1 when one fails. Needs Python alone.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHAT = ROOT / "test" / "runtime" / "tokenizer" / "chat"
sys.path.insert(0, str(ROOT / "test" / "runtime" / "serve"))

from server import Server


def write_tokenizer(case, path):
    """The tiny tokenizer with more special tokens; the ids of these by their texts."""
    golden = CHAT.parent / "golden" / f"{case['tokenizer']}.tokenizer.json"
    tokenizer = json.loads(golden.read_text())
    added = tokenizer["added_tokens"]
    ids = {**tokenizer["model"]["vocab"], **{each["content"]: each["id"] for each in added}}
    for text in case["added"] + case.get("plain", []):
        if text in ids:
            continue
        ids[text] = max(ids.values()) + 1
        is_special = text in case["added"]
        added.append({"id": ids[text], "content": text, "single_word": False, "lstrip": False,
                      "rstrip": False, "normalized": is_special and bool(case["normalized"]),
                      "special": is_special})
    path.write_text(json.dumps(tokenizer))
    return ids


def write_model(case, folder, way):
    """A config.json, a tokenizer, and its template: in a string, in a list, or in a file."""
    ids = write_tokenizer(case, folder / "tokenizer.json")
    config = json.loads((ROOT / "test" / "bench" / "tiny" / "config.json").read_text())
    # What ends any text is none of the tokens that end a turn.
    config.update(vocab_size=max(ids.values()) + 2, eos_token_id=max(ids.values()) + 1)
    (folder / "config.json").write_text(json.dumps(config))
    names = {"bos_token": case["bos"], "eos_token": {"content": case["eos"]}}
    other = {"name": "tool_use", "template": "{{ tools }}"}
    template = {"string": case["template"], "file": "{{ 'another' }}",
                "list": [other, {"name": "default", "template": case["template"]}]}[way]
    (folder / "tokenizer_config.json").write_text(json.dumps({**names, "chat_template": template}))
    if way == "file":
        (folder / "chat_template.jinja").write_text(case["template"])
    return ids


def of_today(text, day):
    """A prompt of another day."""
    for form in ["%d %b %Y", "%B %d, %Y", "%Y-%m-%d"]:
        text = text.replace(datetime.date(*day).strftime(form), datetime.date.today().strftime(form))
    return text


def check(case, program, ids):
    """What is wrong with the answers of a program, if something is."""
    def post(server, path, body):
        response = server.post(path, body)
        if response.status != 200:
            raise ValueError(f"{path} {body}: {response.body}")
        return response.json()

    info = json.loads(subprocess.run([program, "info", "--json"], stdout=subprocess.PIPE,
                                     check=True).stdout)
    with Server(program) as server:
        props = server.ask("GET", "/props").json()
        if {info["chat_template"], props["chat_template"]} != {case["family"]}:
            return f"is said to be {info['chat_template']}"
        same = {"temperature": 0, "max_tokens": 3}
        for each in case["cases"]:
            variables = {"enable_thinking": each["thinking"]} if "thinking" in each else {}
            day = datetime.date.today()
            chat = post(server, "/v1/chat/completions", {
                **same, "messages": each["messages"], "chat_template_kwargs": variables,
                "logprobs": True, "top_logprobs": 20})
            prompt = each["ids"]
            if "day" in each:
                prompt = post(server, "/tokenize", {"content": of_today(each["text"], each["day"]),
                                                    "parse_special": True})["tokens"]
                if datetime.date.today() != day:
                    continue
            text = post(server, "/v1/completions", {**same, "prompt": prompt, "logprobs": 20})
            if chat["usage"]["prompt_tokens"] != len(prompt):
                return f"{each}: a prompt of {chat['usage']['prompt_tokens']} tokens"
            scores = [[one["logprob"] for one in token["top_logprobs"]]
                      for token in chat["choices"][0]["logprobs"]["content"]]
            logprobs = text["choices"][0]["logprobs"]
            # Of tokens that read the same, completions tell the likeliest alone.
            if any(not set(known.values()) <= set(mine)
                   for known, mine in zip(logprobs["top_logprobs"], scores)) or \
                    chat["choices"][0]["message"]["content"] != text["choices"][0]["text"]:
                return f"{each}: {chat} is not {text}"
        answer = post(server, "/v1/chat/completions", {
            "messages": case["cases"][0]["messages"], "logit_bias": {str(ids[case["eos"]]): 1000}})
        if case["family"] == "deepseek-coder":  # it ends with another token
            return None
        if answer["choices"][0]["finish_reason"] != "stop" or \
                answer["choices"][0]["message"]["content"]:
            return f"the end of a turn is not the end: {answer}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="TEMPLATE")
    parser.add_argument("--fpmoe-compile", default="fpmoe-compile", metavar="PATH")
    options = parser.parse_args()
    cases = {case["name"]: case for case in json.loads((CHAT / "cases.json").read_text())}
    failures = 0
    with tempfile.TemporaryDirectory(prefix="fpmoe-chat-") as directory:
        for i, name in enumerate(options.names or cases):
            folder = pathlib.Path(directory) / str(i)
            folder.mkdir()
            ids = write_model(cases[name], folder, ["string", "list", "file"][i % 3])
            made = subprocess.run([options.fpmoe_compile, folder, "--random-weights=1", "-o",
                                   folder / "program"], stderr=subprocess.PIPE, check=False)
            found = made.stderr.decode() or check(cases[name], folder / "program", ids)
            failures += bool(found)
            print(f"FAIL {name}: {found}" if found else f"ok {name}", flush=True)
    print(f"{failures} checks failed" if failures else "all checks passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
