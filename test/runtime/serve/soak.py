# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Keeps a program's server busy: soak.py PROGRAM [--requests N] [--clients N]

Clients ask for completions without a pause. A fifth of the requests is cancelled: before they are
sent to the end, while the answer is waited for, or in the middle of a stream, by an end of the
connection or by a reset. Some streams are read slowly. Checked are

  * every answer: complete, of the length that was asked for or ended by the model, the text of a
    stream that of its request whatever shared its steps (the same request again gives the same);
  * at the end: nothing runs or waits, no page is in use, every text that was taken ended once, and
    memory is what it was after a fifth of the requests, but for 1 percent (and 1 MB, where
    requests are fewer than 50,000).
"""

import argparse
import random
import socket
import struct
import threading
import time

from server import Checks, Response, Server, request, wait_for

ANSWER = 300  # seconds; three long texts, each of which needs most of the cache, take some
WORDS = ["let", "def", "module", "where", "=", "x", "(", ")", "->", "map", "\n", "fun", "in", "if"]
PREFIXES = [" ".join(random.Random(i).choices(WORDS, k=60)) for i in range(6)]


class Client(threading.Thread):
    """Sends requests one after the other until there are no more to send."""

    def __init__(self, soak, seed):
        super().__init__(daemon=True)
        self.soak, self.random = soak, random.Random(seed)

    def run(self):
        try:
            while self.soak.takes_turn():
                self.ask()
        except Exception as error:  # whatever it is, the main thread has to know
            self.soak.note(f"{type(error).__name__}: {error}")

    def body(self):
        """One of some hundred requests, so that they come again."""
        kind = random.Random(self.random.randrange(400))
        prompt = kind.choice(PREFIXES)[:kind.randrange(1, 300)]
        body = {"prompt": prompt + " " + " ".join(kind.choices(WORDS, k=kind.randrange(1, 20))),
                "max_tokens": kind.randrange(1, 12), "seed": kind.randrange(1 << 30),
                "temperature": kind.choice([0, 0.7, 1.3]), "stream": kind.random() < 0.5}
        if kind.random() < 0.03:  # longer than what room is kept for
            body["max_tokens"] = kind.randrange(150, 300)
        if kind.random() < 0.1:
            body["n"] = kind.randrange(2, 4)
        if kind.random() < 0.1:
            body["logprobs"] = kind.randrange(0, 3)
        return body

    def ask(self):
        body = self.body()
        data = request("POST", "/v1/completions", body)
        fate = self.random.random()
        with self.soak.server.connect() as connection:
            connection.settimeout(ANSWER)
            if fate < 0.05:  # gone before all is sent
                connection.sendall(data[:self.random.randrange(1, len(data))])
                return self.leave(connection, taken=0)
            connection.sendall(data)
            start = time.monotonic()
            if fate < 0.20:  # gone while it waits or reads
                time.sleep(self.random.random() * 0.02)
                if body["stream"] and self.random.random() < 0.5:
                    connection.recv(self.random.randrange(1, 400))
                return self.leave(connection, taken=1)
            with connection.makefile("rb") as stream:
                if body["stream"] and fate < 0.22:
                    for _ in range(4):
                        stream.peek(1)
                        time.sleep(0.05)
                self.check(body, Response(stream))
        self.soak.note_time(time.monotonic() - start, body)

    def leave(self, connection, taken):
        """By a reset, half of the time."""
        if self.random.random() < 0.5:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.soak.count("cancelled", taken)
        self.soak.count("broken off", 1 - taken)

    def check(self, body, response):
        if response.status == 429:
            return self.soak.count("refused", 1)
        what = f"{response.status} for {body}"
        if not self.soak.check(response.status == 200, what):
            return None
        number = body.get("n", 1)
        texts, reasons = [""] * number, [None] * number
        if body["stream"]:
            events = response.events()
            self.soak.check(events.count("[DONE]") == 1 and events[-1] == "[DONE]", what)
            answers = events[:-1]
        else:
            answers = [response.json()]
        for answer in answers:
            for choice in answer["choices"]:
                texts[choice["index"]] += choice["text"]
                if choice["finish_reason"]:
                    self.soak.check(not reasons[choice["index"]], f"two ends: {what}")
                    reasons[choice["index"]] = choice["finish_reason"]
        self.soak.check(all(reason in ("stop", "length") for reason in reasons), f"{reasons} {what}")
        self.soak.compare(body, texts)
        return self.soak.count("answered", 1)


class Soak:
    """What the clients share."""

    def __init__(self, server, requests, checks):
        self.server, self.requests, self.checks = server, requests, checks
        self.sent, self.counts, self.texts, self.memory = 0, {}, {}, None
        self.slowest = (0, 0)  # answer: its time, and most tokens
        self.lock = threading.Lock()

    def takes_turn(self):
        with self.lock:
            if self.sent == self.requests or self.checks.wrong > 20:
                return False
            self.sent += 1
            if self.sent == self.requests // 5:
                self.memory = self.server.memory()
            return True

    def count(self, what, number):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + number

    def check(self, condition, what):
        with self.lock:
            return self.checks.check(condition, what)

    def note(self, what):
        self.check(False, what)

    def note_time(self, seconds, body):
        with self.lock:
            self.slowest = max(self.slowest, (seconds, body.get("n", 1) * body["max_tokens"]))

    def compare(self, body, texts):
        key = str(sorted((name, value) for name, value in body.items() if name != "stream"))
        with self.lock:
            before = self.texts.setdefault(key, texts)
            self.checks.check(before == texts, f"{texts}, before {before}: {body}")


def soak(checks, server, requests, clients, seed):
    work = Soak(server, requests, checks)
    start = time.monotonic()
    threads = [Client(work, seed + i) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    checks.check(wait_for(server.is_idle), "something runs or waits at the end")
    metrics, memory = server.metrics(), server.memory()
    checks.check(metrics["kv_cache_usage_perc"] == 0,
                 f"{metrics['kv_cache_usage_perc']} of the cache is in use at the end")
    checks.check(server.is_well(), "the server does not answer at the end")
    # Of few requests, what is kept to be used again is still filling up.
    most = work.memory * 1.01 + (1 if requests < 50_000 else 0)
    checks.check(memory < most, f"{work.memory:.1f} MB became {memory:.1f} MB")
    ends = {name[name.index('"') + 1:-2]: int(value) for name, value in metrics.items()
            if name.startswith("request_success_total")}
    checks.check(ends["error"] == 0, f"{ends} texts")
    checks.check(ends["abort"] > 0 or work.counts.get("cancelled", 0) < 20, f"{ends} texts")
    print(f"{requests} requests of {clients} clients in {seconds:.0f} s: {work.counts}; "
          f"the slowest {work.slowest[0]:.1f} s, of {work.slowest[1]} tokens; "
          f"texts ended by {ends}; {work.memory:.1f} to {memory:.1f} MB; "
          f"{int(metrics['num_preemptions_total'])} preemptions, "
          f"{metrics['prefix_cache_hits_total'] / metrics['prompt_tokens_total']:.0%} of prompts "
          "found in the cache", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", default="512K",
                        help="memory of the cache: little, so that texts give up their place")
    options = parser.parse_args()
    checks = Checks([])
    with Server(options.program, "--sequences", "8", "--cache-memory", options.cache) as server:
        checks.group("soak", soak, server, options.requests, options.clients, options.seed)
    return checks.wrong > 0


if __name__ == "__main__":
    raise SystemExit(main())
