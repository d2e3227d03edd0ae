# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A server whose model runs on the emulated GPU, beside one on a CPU, and one whose GPU fails."""

import os
import re
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "serve"))
from server import PATIENCE, Server  # noqa: E402


def texts(program):
    with Server(program) as server:
        answers = [None] * 4

        def ask(i):
            answers[i] = server.post("/v1/completions", {
                "prompt": [100 + i] * (5 * i + 1), "max_tokens": 20, "temperature": 1,
                "seed": i}).json()["choices"]
        threads = [threading.Thread(target=ask, args=[i]) for i in range(len(answers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return answers


def short(message):
    return re.match(r"[^:]*:[^:]*", message)[0]


def fails(program, stream):
    """A server whose second step faults: what a client is told, and one that comes late."""
    os.environ["FPMOE_EMULATOR_FAIL_KERNEL"] = "2"
    with Server(program) as server:
        response = server.post("/v1/completions", {
            "prompt": [100], "max_tokens": 20, "stream": stream})
        events = [e for e in response.events() if "error" in e][0] if stream else response.json()
        yield response.status, short(events["error"]["message"])
        if not stream:
            late = server.post("/v1/completions", {"prompt": [100], "max_tokens": 2})
            yield late.status, short(late.json()["error"]["message"])
        code = server.process.wait(PATIENCE)
        errors = [line for line in server.printed().splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        yield code, errors[0].split(": unspecified")[0]
    del os.environ["FPMOE_EMULATOR_FAIL_KERNEL"]


def main():
    cpu, gpu = sys.argv[1:]
    print("texts:", "the same" if texts(cpu) == texts(gpu) else "FAIL")
    with subprocess.Popen([gpu, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True) as process:
        print("announced:", process.stderr.readline(), end="")
        process.kill()
    whole, late, ends = fails(gpu, stream=False)
    stream, _ = fails(gpu, stream=True)
    for name, (code, message) in {"whole": whole, "stream": stream, "late": late, "ends": ends}.items():
        print(f"{name}: {code} {message}")


main()
