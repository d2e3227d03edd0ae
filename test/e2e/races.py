#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs compiled programs under the thread sanitizer, generated code included.

The LLVM IR of a program is instrumented and linked with a runtime that was built with
-fsanitize=thread. The sanitizer sees accesses of up to 16 bytes, so vectors are taken apart first,
masked ones too. The program then runs a step of many tokens and steps of one, with routes recorded,
in teams of several sizes, several texts at a time, and as a server whose clients come and go: the
sanitizer must find no race, and the text must be that of the program as it is compiled otherwise.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import socket
import subprocess
import sys
import tempfile

import serve

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test" / "golden"
# A case of test/golden and options for the compiler; each architecture, and each kind of routing.
PROGRAMS = (
    ("top1-norm",),
    ("top1-norm", "--languages=haskell,scala"),
    ("top1-norm", "--languages=ocaml"),
    ("sparse-step",),
    ("mixtral",),
    ("olmoe",),
    ("granite-moe-shared",),
    ("deepseek-v2",),
    ("multipl-moe",),
    ("mole/recipe.toml",),
    ("qwen3",),
)
FORMATS = ("f32", "bf16", "int8")
# Those that have integers, too.
INTEGERS = ("top1-norm", "multipl-moe", "mole/recipe.toml")
# Those that make several texts at a time, too.
MANY = ("top1-norm", "multipl-moe", "mole/recipe.toml")
# Takes apart what the sanitizer would not see, for a CPU without masked accesses, and instruments it.
PASSES = ("function(scalarize-masked-mem-intrin,scalarizer<load-store>,sroa),"
          "tsan-module,function(tsan)")
PROMPT, TOKENS = 36, 4


class Failure(Exception):
    """A command that failed, or a result that differs."""


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        # Of several races, the whole report of the first one.
        first, *others = done.stderr.split("\n\n==================")
        found = re.findall(r"^SUMMARY: .*$", "".join(others), flags=re.M)
        raise Failure("\n".join([f"exit code {done.returncode}: {shlex.join(map(str, command))}",
                                 first, *sorted(set(found))]))
    return done.stdout


def instrument(options, work, source, fingerprint):
    """Makes the program work/sanitized of LLVM IR, for the weights with this fingerprint."""
    marked = work / "marked.ll"
    text = re.sub(r'"target-(cpu|features)"="[^"]*"', "", source.read_text())
    # The compiler writes it when it has written the weights.
    text = re.sub(r"(@fpmoe_weights_fingerprint = .*i64 )-?\d+", rf"\g<1>{fingerprint}", text)
    marked.write_text(re.sub(r"^(attributes #\d+ = \{)", r"\1 sanitize_thread", text, flags=re.M))
    run(options.opt, f"-passes={PASSES}", marked, "-o", work / "model.bc")
    # Products of integers are instructions of the CPU.
    run(options.clang, "-c", "-O0", "-fPIC", "-mavx2", work / "model.bc", "-o", work / "model.o")
    run(options.clang, "-fsanitize=thread", work / "model.o", *options.libraries,
        "-o", work / "sanitized")


def check(options, case, flags, weights, work):
    model = GOLDEN / case
    folder = model if model.is_dir() else model.parent
    ids = (folder / "ids.txt").read_text().split()[:PROMPT]
    compiler = [options.fpmoe_compile, model, f"--weights={weights}", "--cpu=x86-64-v3",
                f"--weights-file={work / 'weights'}", *flags]
    run(*compiler, "-o", work / "program")
    run(*compiler, "--compile-to=llvm", "-o", work / "model.ll")
    info = json.loads(run(work / "program", "info", "--json"))
    instrument(options, work, work / "model.ll", int(info["fingerprint"], 16))

    command = ["generate", "--prompt-ids", " ".join(ids), "--ids", "--temperature=0",
               f"--tokens={TOKENS}"]
    if info["top_k"]:
        command.append("--show-experts")
    expected = run(work / "program", *command, "--threads=1")
    for threads in options.threads:
        found = run(work / "sanitized", *command, f"--threads={threads}")
        if found != expected:
            raise Failure(f"with {threads} threads the text is\n{found}not\n{expected}")
    if weights == "f32" and case in MANY and not flags:
        check_many(work / "program", work / "sanitized", work, info)


def check_many(program, sanitized, work, info):
    """Several texts at a time, by the command line and by a server."""
    bodies = [{**body, "max_tokens": min(body["max_tokens"], 40)}
              for body in serve.requests({**info, "context": 60}, 6, seed=3)]
    prompts = work / "prompts"
    prompts.write_text("".join(json.dumps({"prompt": body["prompt"], "max_tokens": TOKENS}) + "\n"
                               for body in bodies))
    command = ["generate", "--prompts", prompts, "--temperature=0", "--sequences=3", "--threads=2"]
    if run(sanitized, *command) != run(program, *command):
        raise Failure("several texts at a time are others")
    answers = []
    for each in (program, sanitized):
        with serve.Server(each, "--threads", 2, "--sequences", 3) as server:
            body = json.dumps({**bodies[0], "stream": True, "max_tokens": 40}).encode()
            for _ in range(3):  # clients that go away
                client = socket.create_connection(("127.0.0.1", server.port))
                client.sendall(b"POST /v1/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
                               % len(body) + body)
                client.close()
            # Vectors that are taken apart may add up in another order.
            answers.append([answer["choices"][0]["text"]
                            for answer in serve.collect(server, bodies, 6)])
            server.ask("/metrics")
    if answers[0] != answers[1]:
        raise Failure("a server's texts are others")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", nargs="+", help="the instrumented runtime, and what it needs")
    parser.add_argument("--fpmoe-compile", required=True)
    parser.add_argument("--clang", default="clang++-22")
    parser.add_argument("--opt", default="opt-22")
    parser.add_argument("--only", default="", help="programs with this in their name")
    parser.add_argument("--threads", type=lambda text: text.split(","), default="2,5")
    parser.add_argument("--work", type=pathlib.Path, help="keep what is made in this folder")
    return parser.parse_args()


def main():
    options = arguments()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="fpmoe-races-") as temporary, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {}
        for case, *flags in PROGRAMS:
            for weights in FORMATS if case in INTEGERS and not flags else FORMATS[:2]:
                name = " ".join((case, *flags, weights))
                work = (options.work or pathlib.Path(temporary)) / re.sub(r"[^\w.-]", "_", name)
                if options.only in name:
                    work.mkdir(parents=True, exist_ok=True)
                    jobs[pool.submit(check, options, case, flags, weights, work)] = name
        for job in concurrent.futures.as_completed(jobs):
            fault = job.exception()
            failed += fault is not None
            print(f"{'FAIL' if fault else 'ok  '} {jobs[job]}{f': {fault}' if fault else ''}",
                  flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
