# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command llm, set up as its users do it: a file of models, prompts on the command line."""

import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

from client import Client

PROMPT = "let rec map f = "


def checks(client):
    folder = client.work / "llm"
    folder.mkdir(exist_ok=True)
    (folder / "extra-openai-models.yaml").write_text(
        f"- model_id: coder\n  model_name: nano\n  api_base: {client.url}/v1\n  completion: true\n")

    def llm(*arguments, input=None):
        command = pathlib.Path(sys.executable).parent / "llm"
        return subprocess.run([command, *map(str, arguments)], input=input, text=True, timeout=120,
                              stdin=None if input else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "LLM_USER_PATH": str(folder)})

    listed = llm("models").stdout
    client.check("coder" in listed, "llm models", [line for line in listed.splitlines()
                                                  if "coder" in line])
    options = ("-m", "coder", "-o", "max_tokens", 24)
    greedy = client.generate(PROMPT, 24)
    for how in ([], ["--no-stream"]):
        done = llm(*options, "-o", "temperature", 0, *how, PROMPT)
        client.equal((done.stdout, done.stderr, done.returncode), (greedy + "\n", "", 0),
                     " ".join(["llm prompt", *how]))
    done = llm(*options, "-o", "temperature", 0, input=PROMPT)
    client.equal(done.stdout, greedy + "\n", "the prompt by a pipe")
    done = llm(*options, "-o", "temperature", 0.8, "-o", "seed", 3, PROMPT)
    client.equal(done.stdout, client.generate(PROMPT, 24, "--temperature", 0.8, "--seed", 3) + "\n",
                 "-o temperature 0.8 -o seed 3")
    word = greedy[6:9]
    done = llm(*options, "-o", "temperature", 0, "-o", "stop", word, PROMPT)
    client.equal(done.stdout, greedy[:greedy.index(word)] + "\n", f"-o stop {word!r}")

    for how in ([], ["--no-stream"]):
        llm(*options, "-o", "temperature", 0, *how, PROMPT)
        [logged] = json.loads(llm("logs", "-n", 1, "--json").stdout)
        client.equal((logged["prompt"], logged["response"]), (PROMPT, greedy), "llm logs")
        usage = logged["response_json"]["usage"]
        client.equal((usage["prompt_tokens"], usage["completion_tokens"]),
                     (len(client.tokenize(PROMPT)), 24), " ".join(["the usage that it logs", *how]))

    done = llm(*options, input="x = 1\n" * 400)
    client.check(done.returncode == 1 and "'prompt' has" in done.stderr and "1024" in done.stderr
                 and "Traceback" not in done.stderr, "a prompt that does not fit", done.stderr)


if __name__ == "__main__":
    Client(f"llm {importlib.metadata.version('llm')}").run(checks)
