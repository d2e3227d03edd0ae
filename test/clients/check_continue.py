# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Continue's requests for autocompletion, replayed in the ways that it has been documented to ask:
`provider: llama.cpp` streams /completion, with a prompt that has the tokens of the middle in it;
`provider: mistral` streams /v1/fim/completions; `provider: openai` streams /v1/completions."""

import http.client
import json
import urllib.parse

from client import Client
from server import Server, wait_for

BEFORE = "let rec length l =\n  match l with\n  | [] -> "
BEHIND = "\n  | _ :: rest -> 1 + length rest\n"
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer none",
           "Accept-Encoding": "gzip,deflate,br", "User-Agent": "node-fetch",
           "Connection": "keep-alive"}
OPTIONS = {"temperature": 0, "stop": ["\n\n", "/src/", "#- coding: utf-8", "```"]}
PROMPT = f"<|fim_prefix|>{BEFORE}<|fim_suffix|>{BEHIND}<|fim_middle|>"


def stream(url, path, body, events=None, **headers):
    """The events of a stream: lines that begin with "data:", of which each is JSON, to [DONE] or the
    end; at most so many."""
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    connection.request("POST", path, json.dumps(body), {**HEADERS, **headers})
    answer = connection.getresponse()
    if answer.status != 200:
        raise ConnectionError(f"{path}: {answer.status} {answer.read().decode()}")
    if not answer.getheader("Content-Type").startswith("text/event-stream"):
        raise ConnectionError(f"{path}: no stream, but {answer.getheader('Content-Type')}")
    told = []
    for line in answer:
        line = line.decode().strip()
        if line.startswith("data:") and line != "data: [DONE]":
            told.append(json.loads(line.removeprefix("data:")))
        if len(told) == events:
            break
    connection.close()
    return told


def llama_cpp(client, filled):
    # What is not set is left out by JSON.stringify, or null.
    body = {"prompt": PROMPT, "stream": True, "n_predict": 12, "frequency_penalty": None,
            "presence_penalty": None, "min_p": None, "mirostat": None, "top_k": None, "top_p": None,
            **OPTIONS}
    told = stream(client.url, "/completion", body)
    client.equal("".join(event["content"] for event in told if event.get("content")), filled,
                 "llama.cpp: the text of /completion")
    client.equal([event["stop"] for event in told], [False] * (len(told) - 1) + [True],
                 "llama.cpp: the last event has stop")
    client.check(len(told) > 4, "llama.cpp: many events", len(told))


def mistral(client, filled):
    body = {"model": "nano", "prompt": BEFORE, "suffix": BEHIND, "max_tokens": 12, "top_p": 1,
            "frequency_penalty": 0, "presence_penalty": 0, "stream": True, **OPTIONS}
    told = stream(client.url, "/v1/fim/completions", body, Accept="application/json",
                  **{"x-api-key": "none"})
    client.equal("".join(event["choices"][0]["delta"]["content"] for event in told), filled,
                 "mistral: the text of /v1/fim/completions")
    whole = client.post("/v1/fim/completions", {**body, "stream": False})
    client.equal([event["choices"][0]["finish_reason"] for event in told],
                 [None] * (len(told) - 1) + [whole["choices"][0]["finish_reason"]],
                 "mistral: how it ended")
    client.equal(told[-1]["usage"]["completion_tokens"], whole["usage"]["completion_tokens"],
                 "mistral: usage of the last event")


def open_ai(client, filled):
    body = {"model": "nano", "prompt": BEFORE, "suffix": BEHIND, "max_tokens": 12, "stream": True,
            **OPTIONS}
    told = stream(client.url, "/v1/completions", body, **{"api-key": "none", "x-api-key": "none"})
    client.equal("".join(event["choices"][0]["text"] for event in told), filled,
                 "openai: /v1/completions with suffix")
    told = stream(client.url, "/v1/completions", {**body, "prompt": PROMPT, "suffix": None})
    client.check(all("text" in event["choices"][0] for event in told),
                 "openai: /v1/completions with a prompt alone", len(told))


def left(client):
    """The user goes on typing: the connection is closed."""
    with Server(client.program) as server:
        told = stream(f"http://127.0.0.1:{server.port}", "/completion",
                      {"prompt": "a", "n_predict": 900, "ignore_eos": True, "stream": True}, events=2)
        aborted = 'request_success_total{finished_reason="abort"}'
        client.check(wait_for(lambda: server.metrics()[aborted] == 1 and server.is_idle()),
                     "a stream that is left", f"aborted after {len(told)} events")


def checks(client):
    before, behind = client.work / "before", client.work / "behind"
    before.write_text(BEFORE)
    behind.write_text(BEHIND)
    filled = client.output("complete", "--prefix-file", before, "--suffix-file", behind, "-n", 12,
                           "--temperature", 0,
                           *(each for stop in OPTIONS["stop"] for each in ("--stop", stop)))
    mistral(client, filled)
    open_ai(client, filled)
    llama_cpp(client, filled)
    left(client)


if __name__ == "__main__":
    Client("Continue").run(checks)
