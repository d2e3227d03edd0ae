#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures servers side by side: compiled programs, and llama.cpp's server.

    PROGRAM serve --port 8080 &
    llama-server -m model.gguf --port 8081 --parallel 8 -c 16384 &
    test/bench/serve.py fpmoe=http://127.0.0.1:8080 llama.cpp=http://127.0.0.1:8081

Every round asks each server in turn, by llama.cpp's /completion, with prompts of random ids:

  one       a text of 16 ids is continued by 64: tokens/s behind the first one
  together  as many texts at a time as --texts says: tokens/s of all
  mixed     as many texts of --prompt ids at a time, each continued by --generate: some are read
            while others are written; made tokens/s
  beside    one text is written while a prompt of --long ids is read: gaps between its tokens, and
            how long /health takes, asked every 50 ms
  cached    a prompt of 1000 ids of which 900 are in the cache, against one of 100: the ratio of the
            times until one token is made
  cancel    for programs: from the end of a client's connection until the text has ended, asked from
            a step later on; the same without the longest time between its last tokens

Prints a line for each server and measure, over all rounds: the least, the median and the greatest, or
p50, p99 and the greatest. Nothing here is a test. Exit code 1 if a server fails, 2 for wrong usage.
Needs Python alone.
"""

import argparse
import concurrent.futures
import http.client
import json
import random
import statistics
import sys
import threading
import time
import urllib.parse


class Server:
    def __init__(self, name, url):
        self.name = name
        self.address = urllib.parse.urlsplit(url).netloc
        models = json.loads(self.get("/v1/models"))
        meta = models["data"][0].get("meta") or {}
        self.vocabulary = int(meta.get("n_vocab", 32000))
        self.results = {}

    def connect(self):
        return http.client.HTTPConnection(self.address, timeout=600)

    def get(self, path):
        connection = self.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            sys.exit(f"{self.name}: {path}: status {answer.status}: {text}")
        return text

    def ask(self, prompt, count):
        """A stream of `count` tokens: the connection and its answer."""
        connection = self.connect()
        connection.request("POST", "/completion", json.dumps(
            {"prompt": prompt, "n_predict": count, "ignore_eos": True, "temperature": 0.8,
             "stream": True, "cache_prompt": True, "return_tokens": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            sys.exit(f"{self.name}: status {answer.status}: {answer.read().decode()}")
        return connection, answer

    def times(self, prompt, count):
        """When the tokens of a text came."""
        connection, answer = self.ask(prompt, count)
        came, made = [], 0
        for line in answer:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            # Several come at once where guesses were right, or where a character ends.
            tokens = count if event.get("stop") else len(event.get("tokens") or [None])
            came += [time.perf_counter()] * min(tokens, count - len(came))
            if event.get("stop"):
                made = event["tokens_predicted"]
                break
        connection.close()
        if made != count:
            sys.exit(f"{self.name}: made {made} of {count} tokens")
        return came

    def running(self):
        """Texts in the cache."""
        return float(self.get("/metrics").split("\nfpmoe:num_requests_running ")[1].split()[0])

    def add(self, measure, *values):
        self.results.setdefault(measure, []).extend(values)


def ids(server, draw, count):
    # Ids at the ends of vocabularies are often special, or of no text.
    return [draw.randrange(1000, server.vocabulary - 2000) for _ in range(count)]


def measure_together(server, options, draw):
    for name, texts in (("one", 1), ("together", options.texts)):
        prompts = [ids(server, draw, 16) for _ in range(texts)]
        with concurrent.futures.ThreadPoolExecutor(texts) as pool:
            came = list(pool.map(lambda prompt: server.times(prompt, 64), prompts))
        start = max(each[0] for each in came)
        end = min(each[-1] for each in came)
        made = sum(sum(start < at <= end for at in each) for each in came)
        server.add(f"{name}, tokens/s", made / (end - start))


def measure_mixed(server, options, draw):
    prompts = [ids(server, draw, options.prompt) for _ in range(options.texts)]
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(options.texts) as pool:
        list(pool.map(lambda prompt: server.times(prompt, options.generate), prompts))
    server.add("mixed, tokens/s",
               len(prompts) * options.generate / (time.perf_counter() - start))


def measure_beside(server, options, draw):
    connection, answer = server.ask(ids(server, draw, 16), 4000)
    came, over = [], threading.Event()

    def read():
        for line in answer:
            if line.startswith(b"data: {"):
                came.append(time.perf_counter())
            if over.is_set():
                return

    reader = threading.Thread(target=read)
    reader.start()
    while len(came) < 8:
        time.sleep(0.01)
    asked = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        long = pool.submit(server.times, ids(server, draw, options.long), 1)
        while not long.done():
            start = time.perf_counter()
            server.get("/health")
            server.add("beside, /health, ms", 1000 * (time.perf_counter() - start))
            time.sleep(0.05)
    read_at = long.result()[0]
    over.set()
    reader.join()
    connection.close()
    within = [at for at in came if asked <= at <= read_at]
    server.add("beside, gap, ms", *(1000 * (b - a) for a, b in zip(within, within[1:])))
    server.add("beside, read, tokens/s", options.long / (read_at - asked))


def measure_cached(server, _, draw):
    long, short = ids(server, draw, 1000), ids(server, draw, 100)
    server.times(long, 1)
    start = time.perf_counter()
    server.times(long[:900] + ids(server, draw, 100), 1)
    cached = time.perf_counter() - start
    start = time.perf_counter()
    server.times(short, 1)
    server.add("cached, ratio", cached / (time.perf_counter() - start))


def measure_cancel(server, options, draw):
    if "\nfpmoe:" not in server.get("/metrics"):
        return
    for _ in range(4):
        clients = [server.ask(ids(server, draw, 16), 4000) for _ in range(options.texts)]
        while server.running() < options.texts:
            time.sleep(0.01)
        for left in range(options.texts - 1, -1, -1):
            connection, answer = clients.pop()
            gaps = []
            while len(gaps) < 8:
                before = time.perf_counter()
                if not answer.readline():
                    sys.exit(f"{server.name}: a text ended before it was cancelled")
                gap = time.perf_counter() - before
                if gap > 2e-4:  # else it came while other texts were cancelled, or is a blank line
                    gaps.append(gap)
            step = max(gaps)
            start = time.perf_counter()
            answer.close()
            connection.close()
            time.sleep(step)  # asking would make the step longer
            while server.running() > left:
                time.sleep(0.002)
            took = time.perf_counter() - start
            server.add("cancel, ms", 1000 * took)
            server.add("cancel but a step, ms", 1000 * (took - step))


MEASURES = {"together": measure_together, "mixed": measure_mixed, "beside": measure_beside,
            "cached": measure_cached, "cancel": measure_cancel}


def summary(measure, values):
    values = sorted(values)
    if measure.endswith(", ms"):
        return [statistics.median(values), values[min(len(values) * 99 // 100, len(values) - 1)],
                values[-1]]
    return [values[0], statistics.median(values), values[-1]]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="+", metavar="NAME=URL")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--texts", type=int, default=8, metavar="N", help="at a time (default: 8)")
    parser.add_argument("--prompt", type=int, default=1024, metavar="N", help="(default: 1024)")
    parser.add_argument("--generate", type=int, default=128, metavar="N", help="(default: 128)")
    parser.add_argument("--long", type=int, default=8192, metavar="N", help="(default: 8192)")
    parser.add_argument("--only", default=",".join(MEASURES), metavar="M,...",
                        help="of " + ", ".join(MEASURES))
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--json", metavar="FILE", help="write all values there")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in MEASURES]:
        parser.error(f"--only: {unknown[0]} is none of {', '.join(MEASURES)}")
    if min(options.rounds, options.texts, options.prompt, options.generate, options.long) < 1:
        parser.error("numbers have to be positive")
    if bad := [each for each in options.servers if "=http://" not in each]:
        parser.error(f"{bad[0]} is not NAME=http://HOST:PORT")
    try:
        servers = [Server(*each.split("=", 1)) for each in options.servers]
        draw = random.Random(options.seed)
        for number in range(options.rounds):
            for name in chosen:
                for server in servers:
                    if sys.stderr.isatty():
                        print(f"\rround {number + 1}: {server.name}: {name}    ", end="",
                              file=sys.stderr)
                    MEASURES[name](server, options, draw)
    except (OSError, http.client.HTTPException) as problem:
        sys.exit(f"a server does not answer: {problem}")
    if sys.stderr.isatty():
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    for measure in servers[0].results:
        for server in servers:
            if measure in server.results:
                low, middle, high = summary(measure, server.results[measure])
                print(f"{measure:24} {server.name:12} {low:9.1f} {middle:9.1f} {high:9.1f}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({server.name: server.results for server in servers}, file, indent=1)


if __name__ == "__main__":
    main()
