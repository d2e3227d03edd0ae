# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lm-evaluation-harness's local-completions on two small tasks: of choices, which it scores by their
log-likelihood, and of texts to write. It sends token ids; `score` and `generate` say what is right."""

import importlib.metadata
import json
import os
import subprocess
import sys

from client import Client

CHOICES = [
    {"prompt": "fibonacci :: Int ->", "choices": [" Integer", " let", "}"], "answer": 0},
    {"prompt": "let rec map f =", "choices": [" function", " ::", " def"], "answer": 0},
    {"prompt": "object Main extends", "choices": [" App", " do {", " in"], "answer": 0},
    {"prompt": "import", "choices": [" Data.List", " %%", " => x"], "answer": 0},
]
TEXTS = [{"prompt": prompt} for prompt in
         ("fibonacci :: Int -> Integer\n", "let rec map f = ", "object Main {\n")]
TASK = """task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
doc_to_text: "{{{{prompt}}}}"
target_delimiter: ""
"""
OF_CHOICES = """output_type: multiple_choice
doc_to_target: "{{answer}}"
doc_to_choice: "{{choices}}"
metric_list:
  - metric: acc
"""
OF_TEXTS = """output_type: generate_until
doc_to_target: " "
generation_kwargs:
  until: ["\\n\\n", "where"]
  max_gen_toks: 20
  temperature: 0
metric_list:
  - metric: exact_match
"""


def write_task(folder, name, documents, how):
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(document) + "\n" for document in documents))
    (folder / f"{name}.yaml").write_text(TASK.format(name=name, data=data) + how)


def evaluate(client, folder):
    """Runs the harness; its results, and what it noted of each request by task."""
    write_task(folder, "fpmoe_choices", CHOICES, OF_CHOICES)
    write_task(folder, "fpmoe_texts", TEXTS, OF_TEXTS)
    output = folder / "results"
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", "run", "--model", "local-completions", "--model_args",
         f"model=nano,base_url={client.url}/v1/completions,tokenizer={client.checkpoint},"
         "num_concurrent=4,max_retries=1",
         "--tasks", "fpmoe_choices,fpmoe_texts", "--include_path", folder,
         "--output_path", output, "--log_samples"],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
             "HF_HOME": str(folder / "cache"), "TOKENIZERS_PARALLELISM": "false"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400, text=True)
    (folder / "lm_eval.log").write_text(done.stdout)
    if not client.check(done.returncode == 0, "lm_eval run", f"exit code {done.returncode}"):
        raise RuntimeError(done.stdout[-1000:])
    results = json.loads(max(output.rglob("results_*.json")).read_text())["results"]
    samples = {name: [json.loads(line) for line in
                      max(output.rglob(f"samples_{name}_*.jsonl")).read_text().splitlines()]
               for name in ("fpmoe_choices", "fpmoe_texts")}
    return results, samples


def argument(sample, request, which):
    return sample["arguments"][f"gen_args_{request}"][f"arg_{which}"]


def check_choices(client, results, samples):
    right = 0
    for sample in samples:
        sums = []
        for i, [response] in enumerate(sample["resps"]):
            before, behind = argument(sample, i, 0), argument(sample, i, 1)
            ids, size = client.tokenize(before + behind), len(client.tokenize(before))
            wanted = client.score(ids)[size - 1:]
            sums.append(sum(wanted))
            likelihood, is_greedy = float(response[0]), str(response[1]) == "True"
            client.check(abs(likelihood - sums[-1]) < 1e-9, f"log-likelihood of {before!r} {behind!r}",
                         f"{likelihood} (`score`: {sums[-1]})")
            greedy = client.post("/completion", {"prompt": ids[:size], "temperature": 0,
                                                 "n_predict": len(wanted)})["tokens"]
            client.equal(is_greedy, greedy == ids[size:], f"whether {behind!r} is the likeliest")
        right += sums.index(max(sums)) == sample["doc"]["answer"]
    client.equal(results["acc,none"], right / len(CHOICES), "accuracy")


def check_texts(client, samples):
    for sample in samples:
        prompt, until = argument(sample, 0, 0), argument(sample, 0, 1)["until"]
        wanted = client.generate(prompt, 20, "--temperature", 0,
                                 *(each for stop in until for each in ("--stop", stop)))
        client.equal(sample["resps"][0][0], wanted, f"what follows {prompt!r}")


def checks(client):
    folder = client.work / "lm-eval"
    folder.mkdir(exist_ok=True)
    results, samples = evaluate(client, folder)
    client.equal([len(each) for each in samples.values()], [len(CHOICES), len(TEXTS)], "samples")
    check_choices(client, results["fpmoe_choices"], samples["fpmoe_choices"])
    check_texts(client, samples["fpmoe_texts"])


if __name__ == "__main__":
    Client(f"lm-eval {importlib.metadata.version('lm_eval')}").run(checks)
