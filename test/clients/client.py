# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the checks of a client have in common: arguments, what the program itself says, and a report of
what was asked and what came."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "runtime" / "serve"))


def shown(value):
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("unicode_escape").decode()
    return text if len(text) <= 160 else text[:157] + "..."


class Client:
    def __init__(self, name):
        parser = argparse.ArgumentParser(description=f"Checks {name}.")
        parser.add_argument("--url", required=True, help="of the server, without a path")
        parser.add_argument("--program", required=True, help="that serves there")
        parser.add_argument("--checkpoint", required=True, help="that the program was made of")
        parser.add_argument("--work", required=True, type=pathlib.Path,
                            help="a folder for files, which are kept")
        parser.add_argument("--chromium", default="/usr/bin/chromium")
        options = parser.parse_args()
        self.name, self.url, self.program = name, options.url, options.program
        self.checkpoint, self.work = options.checkpoint, options.work
        self.chromium = options.chromium
        self.count = self.wrong = 0

    def check(self, good, asked, came):
        """Counts a check, and tells what was asked and what came."""
        self.count += 1
        self.wrong += not good
        print(f"{'ok  ' if good else 'FAIL'} {self.name}: {asked}: {shown(came)}", flush=True)
        return good

    def equal(self, came, wanted, asked):
        """The same for what has to be equal."""
        return self.check(came == wanted, asked,
                          came if came == wanted else f"{came!r}, not {wanted!r}")

    def run(self, checks):
        """Runs the checks, of which an exception ends the rest; exits."""
        try:
            checks(self)
        except Exception as error:  # whatever a client throws is told
            self.check(False, "all checks", f"{type(error).__name__}: {error}")
        print(f"{self.name}: {self.wrong or 'none'} of {self.count} checks failed", flush=True)
        sys.exit(1 if self.wrong else 0)

    def send(self, path, body):
        """What the server answers to a plain request, to compare with."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    def post(self, path, body):
        return json.loads(self.send(path, body))

    def events(self, path, body):
        """The events of a stream."""
        lines = self.send(path, body).split("\n")
        return [json.loads(line.removeprefix("data: ")) for line in lines
                if line.startswith("data: {")]

    def tokenize(self, text):
        return self.post("/tokenize", {"content": text})["tokens"]

    def output(self, *arguments):
        """What the program prints."""
        return subprocess.run([self.program, *map(str, arguments)], check=True, timeout=60,
                              stdout=subprocess.PIPE).stdout.decode()

    def generate(self, prompt, count, *more):
        """What `generate` writes behind a prompt; greedily, unless told otherwise."""
        return self.output("generate", "-p", prompt, "-n", count,
                           *(more or ("--temperature", 0))).removesuffix("\n")

    def score(self, ids):
        """The log-probability of each token but the first."""
        with tempfile.NamedTemporaryFile("w", suffix=".ids") as file:
            file.write(" ".join(map(str, ids)))
            file.flush()
            said = self.output("score", "--ids", file.name, "--tokens")
        return json.loads(said)["token_log_probabilities"][1:]
