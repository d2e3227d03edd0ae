# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""llama.vim's requests, replayed: bodies with all fields that it documents, sent by curl from a pipe,
as it does: it warms the cache when text is yanked or a file is entered, fills in at the cursor, then
again behind what it shows; a new request stops curl."""

import json
import subprocess
import time

from client import Client
from server import Server, wait_for

CHUNKS = [{"text": "module Stack where\n\npush :: a -> [a] -> [a]\npush = (:)\n",
           "time": [1764, 512], "filename": "src/Stack.hs"},
          {"text": "pop :: [a] -> Maybe (a, [a])\npop [] = Nothing\n", "time": [1765, 3],
           "filename": "src/Stack.hs"}]
BEFORE = "import Stack\n\nmain :: IO ()\nmain = do\n"
BEHIND = "\n  print s\n\nhelp :: String\nhelp = \"none\"\n"
FIELDS = ["content", "timings/prompt_n", "timings/prompt_ms", "timings/prompt_per_token_ms",
          "timings/prompt_per_second", "timings/predicted_n", "timings/predicted_ms",
          "timings/predicted_per_token_ms", "timings/predicted_per_second", "truncated",
          "tokens_cached"]
# Those that it needs to show how long a completion took.
NEEDED = {"timings/prompt_n", "timings/prompt_ms", "timings/prompt_per_second",
          "timings/predicted_n", "timings/predicted_ms", "timings/predicted_per_second"}


def command(url):
    return ["curl", "--silent", "--no-buffer", "--request", "POST", "--url", url + "/infill",
            "--header", "Content-Type: application/json", "--data", "@-"]


def send(client, body):
    done = subprocess.run(command(client.url), input=json.dumps(body).encode(),
                          stdout=subprocess.PIPE, check=True, timeout=60)
    return json.loads(done.stdout)


def warming(chunks):
    return {"input_prefix": "", "input_suffix": "", "input_extra": chunks, "prompt": "",
            "n_predict": 0, "temperature": 0.0, "stream": False, "samplers": [],
            "cache_prompt": True, "t_max_prompt_ms": 1, "t_max_predict_ms": 1,
            "response_fields": [""]}


def filling(middle, **more):
    return {"input_prefix": BEFORE, "input_suffix": BEHIND, "input_extra": CHUNKS, "prompt": middle,
            "n_predict": 16, "stop": [], "n_indent": 2, "top_k": 40, "top_p": 0.9, "stream": False,
            "samplers": ["top_k", "top_p", "infill"], "cache_prompt": True, "t_max_prompt_ms": 500,
            "t_max_predict_ms": 60000, "response_fields": FIELDS, **more}


def size_of(client, middle):
    """Tokens of the prompt that /infill makes of all that."""
    return send(client, filling(middle, response_fields=[]))["tokens_evaluated"]


def checks(client):
    client.equal(send(client, warming(CHUNKS[:1])), {}, "warming the cache, with no fields wanted")
    warm = send(client, {**warming(CHUNKS), "response_fields": []})
    client.equal((warm["tokens_predicted"], warm["content"]), (0, ""), "warming makes nothing")

    first = send(client, filling("  let s = "))
    # "a/b" is a member of a member; those that are not known are left out.
    client.equal(sorted(first.keys() & NEEDED), sorted(NEEDED), "the fields that it shows")
    client.check(set(first) <= set(FIELDS) and {"content", "truncated", "tokens_cached"} <= set(first),
                 "no other fields", sorted(first))
    client.check(isinstance(first["content"], str) and first["timings/predicted_n"] <= 16
                 and not first["truncated"], "a completion", first["content"])
    client.check(first["tokens_cached"] >= 32, "the files that were warmed are in the cache",
                 first["tokens_cached"])
    client.equal(first["tokens_cached"] + first["timings/prompt_n"], size_of(client, "  let s = "),
                 "tokens cached and read are those of the prompt")

    # At temperature 0 it is what `complete` fills in; its other samplers change nothing then.
    alone = filling("  let s = ", temperature=0, input_extra=[])
    before, behind = client.work / "before", client.work / "behind"
    before.write_text(BEFORE + "  let s = ")
    behind.write_text(BEHIND)
    client.equal(send(client, alone)["content"],
                 client.output("complete", "--prefix-file", before, "--suffix-file", behind,
                               "-n", 16, "--temperature", 0), "what `complete` fills in")
    text = send(client, alone)["content"]
    again = send(client, filling("  let s = " + text))
    client.check(again["tokens_cached"] >= 32, "again behind what is shown", again["content"])
    word = text[3:5]
    client.equal(send(client, {**alone, "stop": [word]})["content"], text[:text.index(word)],
                 f"stop_strings of {word!r}")
    start = time.monotonic()
    short = send(client, filling("  let s = ", n_predict=900, t_max_predict_ms=50,
                                  ignore_eos=True))
    client.check(short["timings/predicted_n"] < 900 and short["timings/predicted_ms"] >= 40,
                 "t_max_predict_ms of 50",
                 f"{short['timings/predicted_n']} tokens, {time.monotonic() - start:.2f} s in all")

    with Server(client.program) as server:
        body = filling("x = ", n_predict=900, ignore_eos=True)
        process = subprocess.Popen(command(f"http://127.0.0.1:{server.port}"), stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL)
        process.stdin.write(json.dumps(body).encode())
        process.stdin.close()
        client.check(wait_for(lambda: server.metrics()["num_requests_running"] == 1),
                     "a completion runs", "1 runs")
        process.terminate()  # as it does when the cursor has moved
        process.wait()
        aborted = 'request_success_total{finished_reason="abort"}'
        client.check(wait_for(lambda: server.metrics()[aborted] == 1 and server.is_idle()),
                     "the cursor moves: curl is stopped", "aborted")


if __name__ == "__main__":
    Client("llama.vim").run(checks)
