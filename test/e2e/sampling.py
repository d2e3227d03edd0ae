#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares what programs generate with what transformers does, for one generation_config.json each.

    sampling.py WORK-FOLDER   compile every case of sampling.json and compare
    sampling.py --make        write sampling.json; needs torch and transformers

The text is the likeliest one, so that only what changes the logits matters. Of `old` cases, the
settings stand in config.json, where old versions of transformers wrote them. Needs Python alone.
"""

import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parent / "golden" / "mistral"
EXPECTED = HERE / "sampling.json"
PROMPTS = [[5], [9, 30, 9, 30, 9], [1, 17, 40, 33, 12, 8, 21, 17]]
TOKENS = 24
EOS = [2, 19]
CASES = [
    {},
    {"repetition_penalty": 1.05},
    {"repetition_penalty": 0.8, "no_repeat_ngram_size": 3},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2},
    {"min_new_tokens": 14, "repetition_penalty": 1.1},
    {"min_length": 20, "repetition_penalty": 1.1},
    {"suppress_tokens": list(range(20, 45)), "begin_suppress_tokens": list(range(45, 60))},
    {"forced_bos_token_id": 7, "begin_suppress_tokens": list(range(3, 50))},
    {"forced_eos_token_id": [19, 44], "no_repeat_ngram_size": 2},
    {"sequence_bias": [[[10], 2.5], [[11, 12], -4.0], [[13], 1.5]], "repetition_penalty": 1.2},
    {"num_beams": 1, "typical_p": 1.0, "repetition_penalty": 1.1, "min_length": 4,
     "no_repeat_ngram_size": 4, "suppress_tokens": [3, 4, 5], "forced_eos_token_id": 19,
     "sequence_bias": [[[6], 1.0]]},
    {"old": True, "repetition_penalty": 1.2, "no_repeat_ngram_size": 5},
]


def settings(case):
    return {"eos_token_id": EOS, "do_sample": False,
            **{key: value for key, value in case.items() if key != "old"}}


def make():
    import torch
    import transformers

    torch.set_num_threads(1)
    model = transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()

    def generate(case, prompt):
        config = transformers.GenerationConfig(**settings(case), pad_token_id=0)
        out = model.generate(torch.tensor([prompt]), generation_config=config,
                             max_new_tokens=TOKENS)[0].tolist()[len(prompt):]
        # Programs do not give the token that ends a text.
        return out[:-1] if out[-1] in EOS else out

    plain = generate({}, PROMPTS[1])
    # Words of the text itself, and pairs of its tokens.
    CASES.append({"bad_words_ids": [[plain[1]], plain[2:4], [plain[6], plain[7], plain[8]], [EOS[0]]]})
    cases = [{"settings": case, "prompt": prompt, "tokens": generate(case, prompt)}
             for case in CASES for prompt in PROMPTS]
    EXPECTED.write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")
    texts = {json.dumps([case["tokens"] for case in cases[i:i + len(PROMPTS)]])
             for i in range(0, len(cases), len(PROMPTS))}
    print(f"{len(CASES)} cases, {len(texts)} different; lengths",
          sorted({len(case["tokens"]) for case in cases}))


def program_of(case, folder):
    shutil.copytree(MODEL, folder)
    config = json.loads((folder / "config.json").read_text())
    if case.get("old"):
        config.update({key: value for key, value in settings(case).items()})
    else:
        (folder / "generation_config.json").write_text(json.dumps(settings(case)))
    (folder / "config.json").chmod(0o644)
    (folder / "config.json").write_text(json.dumps(config))
    done = subprocess.run(["fpmoe-compile", folder, "--weights=f32", "-o", folder / "program"],
                          capture_output=True, text=True)
    if done.returncode or done.stderr:
        sys.exit(f"{case}: fpmoe-compile: {done.returncode}: {done.stderr}")
    return folder / "program"


def check(work):
    programs, wrong = {}, 0
    for case in json.loads(EXPECTED.read_text()):
        key = json.dumps(case["settings"])
        if key not in programs:
            programs[key] = program_of(case["settings"], work / str(len(programs)))
        done = subprocess.run(
            [programs[key], "generate", "--ids", "-n", str(TOKENS), "--threads", "1",
             "--prompt-ids", " ".join(map(str, case["prompt"]))], capture_output=True, text=True)
        got = list(map(int, done.stdout.split()))
        if done.returncode or done.stderr or got != case["tokens"]:
            wrong += 1
            print(f"{key} after {case['prompt']}: {got}, not {case['tokens']}; {done.stderr}")
    print(f"{len(programs)} programs, {wrong} wrong texts")
    return wrong > 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(make() if sys.argv[1] == "--make" else check(pathlib.Path(sys.argv[1])))
