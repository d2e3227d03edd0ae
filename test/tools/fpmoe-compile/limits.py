#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a tool with less and less memory and threads: EXPECTED TOOL ARGUMENT...

With each limit it has to do its work, which for a program is the file EXPECTED, or to end with
one line and exit code 1. Where libraries or the C library end it, they have to say why.
"""

import os
import pathlib
import resource
import signal
import subprocess
import sys

expected, *command = sys.argv[1:]


def run(kind, limit):
    """'done', 'error', or what it was instead."""
    made = pathlib.Path("x")
    made.unlink(missing_ok=True)

    def restrict():
        if kind == resource.RLIMIT_NPROC and os.getuid() == 0:
            os.setgid(65534)  # root has no such limit
            os.setuid(65534)
        resource.setrlimit(kind, (limit, limit))

    result = subprocess.run(command, preexec_fn=restrict, capture_output=True, timeout=120)
    lines = result.stderr.decode(errors="replace").splitlines()
    if result.returncode == 0 and not lines:
        same = expected == "-" or made.read_bytes() == pathlib.Path(expected).read_bytes()
        made.unlink(missing_ok=True)
        return "done" if same else "other: another program"
    if result.returncode == 1 and len(lines) == 1 and lines[0].startswith("error: "):
        return "error" if not made.exists() else "other: a program in spite of the error"
    if result.returncode == 127 and "shared librar" in lines[0]:
        return "not loaded"
    # Libraries that get no memory before main() fault; that is one line, too.
    if result.returncode < 0 and len(lines) == 1 and lines[0].startswith("error: a fault"):
        return "not loaded"
    # The C library aborts by itself where a thread's destructor gets no memory, and says so.
    if result.returncode == -signal.SIGABRT and lines and "out of memory" in lines[0]:
        return "aborted by the C library"
    return f"other: {result.returncode}, {lines[:3]}"


def main():
    for megabytes in (4000, 1000, 400, *range(340, 180, -4)):
        print(f"memory of {megabytes} MB:", run(resource.RLIMIT_AS, megabytes << 20))
    if os.getuid() != 0:
        print("no more threads:", run(resource.RLIMIT_NPROC, 1))
    print("pass")


if __name__ == "__main__":
    main()
