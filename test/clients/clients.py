#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real clients of a compiled program's server: OpenAI's Python package, lm-evaluation-harness, llm,
curl, what llama.vim and Continue send, and the page in Chromium.

Compiles nano, with tokens for the middle, serves it, and runs check_CLIENT.py of each client, which say
what was asked and what came. Then each is run again through a proxy that spoils a field of the answers,
and has to find it. The clients are in a virtual environment, whose Python is named by --python:

  python3 -m venv clients && clients/bin/pip install -r test/clients/requirements.txt
  test/clients/clients.py --python clients/bin/python

Exits with 1 when a check fails, with 2 for wrong usage or when a client is missing.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "test" / "e2e"), str(ROOT / "test" / "runtime" / "serve")]

from serve import nano_with_middle  # noqa: E402
from server import Server  # noqa: E402
from spoil import SpoilingProxy  # noqa: E402

# What is spoilt for each client, which it has to find.
CLIENTS = {
    "openai": (b'"finish_reason":"length"', b'"finish_reason":"lenght"'),
    "lm_eval": (b'"token_logprobs":[null,-', b'"token_logprobs":[null, '),
    "llm": (b'"prompt_tokens":', b'"pronpt_tokens":'),
    "curl": (b"data: [DONE]", b"data: [GONE]"),
    "llama_vim": (b'"timings/prompt_n":', b'"timings/prompt_m":'),
    "continue": (b'"delta":', b'"dolta":'),
    "page": (b'"expert":"ocaml"', b'"expert":"scala"'),
}


def missing(python):
    """What of requirements.txt an interpreter lacks, a line each."""
    code = """
import importlib.metadata, sys
for line in sys.argv[1:]:
    name, _, wanted = line.partition("==")
    name = name.partition("[")[0]
    try:
        found = importlib.metadata.version(name)
        if found != wanted:
            print(f"{name} is {found}, requirements.txt has {wanted}")
    except importlib.metadata.PackageNotFoundError:
        print(f"{name} {wanted} is missing")
"""
    lines = (HERE / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    done = subprocess.run([python, "-c", code, *wanted], stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else [f"{python} is no Python"]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clients", nargs="*", metavar="CLIENT",
                        help=f"of {', '.join(CLIENTS)} (default: all)")
    parser.add_argument("--python", default=os.environ.get("FPMOE_CLIENTS_PYTHON"), metavar="PATH",
                        help="the Python that has the clients (default: FPMOE_CLIENTS_PYTHON)")
    parser.add_argument("--fpmoe-compile", default=ROOT / "build" / "bin" / "fpmoe-compile",
                        type=pathlib.Path, metavar="PATH",
                        help="the compiler (default: that of build/)")
    parser.add_argument("--chromium", default="/usr/bin/chromium", metavar="PATH",
                        help="(default: /usr/bin/chromium)")
    parser.add_argument("--work", type=pathlib.Path, metavar="FOLDER",
                        help="for pictures of the page and other files, which are kept")
    options = parser.parse_args()
    if unknown := set(options.clients) - CLIENTS.keys():
        parser.error(f"there is no client {', '.join(sorted(unknown))}, but {', '.join(CLIENTS)}")
    if not options.python or not shutil.which(options.python):
        parser.error(f"{options.python or 'a Python that has the clients'} is missing: name one with "
                     "--python or FPMOE_CLIENTS_PYTHON; see --help")
    if lacks := missing(options.python):
        parser.error("\n  ".join([f"{options.python} lacks clients; run {options.python} -m pip "
                                  f"install -r {HERE / 'requirements.txt'}:", *lacks]))
    for needed in ("curl", options.chromium):
        if not shutil.which(needed):
            parser.error(f"there is no {needed}: install Debian's package "
                         f"{pathlib.Path(needed).name}")
    if not options.fpmoe_compile.exists():
        parser.error(f"there is no compiler at {options.fpmoe_compile}")

    with tempfile.TemporaryDirectory(prefix="fpmoe-clients-") as directory:
        work = options.work or pathlib.Path(directory)
        work.mkdir(parents=True, exist_ok=True)
        nano_with_middle(work / "nano")
        program = work / "program"
        subprocess.run([options.fpmoe_compile, work / "nano", "-o", program, "--weights=bf16"],
                       check=True)

        def run(client, port, folder, **how):
            folder.mkdir(exist_ok=True)
            return subprocess.run(
                [options.python, "-B", HERE / f"check_{client}.py", "--url",
                 f"http://127.0.0.1:{port}", "--program", program, "--checkpoint", work / "nano",
                 "--work", folder, "--chromium", options.chromium], **how)

        failed = []
        with Server(program) as server:
            for client in options.clients or CLIENTS:
                if run(client, server.port, work / client).returncode:
                    failed.append(client)
                old, new = CLIENTS[client]
                with SpoilingProxy(server.port, old, new) as proxy:
                    spoilt = run(client, proxy.port, work / f"{client}-spoilt", text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                what = f"{client}: {new.decode()} instead of {old.decode()}"
                found = [line for line in spoilt.stdout.splitlines() if line.startswith("FAIL")]
                if spoilt.returncode == 1 and found:
                    print(f"ok   {what} is found: {found[0]}", flush=True)
                else:
                    print(f"FAIL {what} is not found:\n{spoilt.stdout}", flush=True)
                    failed.append(f"{client}, spoilt")
            if not server.is_well():
                failed.append("the server")
    print(f"failed: {', '.join(failed)}" if failed else "all clients are served")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
