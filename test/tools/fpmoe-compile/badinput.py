# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles damaged copies of a model and checks how each is refused.

A refusal is one line on the standard error that begins with 'error: ' and matches what the case
asks for, exit code 1, soon, and nothing left in the folder of the output. Needs Python alone.
"""

import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "test" / "golden"


class Model:
    """A copy of a model in a folder of its own, and the ways to damage it."""

    def __init__(self, source, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in source.iterdir():
            if file.is_file() and file.suffix in (".json", ".safetensors"):
                shutil.copyfile(file, folder / file.name)
        self.folder = folder

    def path(self, name):
        return self.folder / name

    def cut(self, name, size):
        """Shortens a file to `size` bytes, from its end if negative."""
        data = self.path(name).read_bytes()
        self.path(name).write_bytes(data[:size])

    def replace(self, name, old, new):
        """Replaces bytes that the file must hold."""
        data = self.path(name).read_bytes()
        assert old in data, f"{name} has no {old}"
        self.path(name).write_bytes(data.replace(old, new, 1))

    def json(self, name, change):
        """Lets `change` edit the object of a JSON file."""
        value = json.loads(self.path(name).read_text())
        change(value)
        self.path(name).write_text(json.dumps(value, indent=2))

    def tensors(self, change, name="model.safetensors"):
        """Lets `change(header, data)` edit a safetensors file; it may return new data."""
        whole = self.path(name).read_bytes()
        size, = struct.unpack("<Q", whole[:8])
        header, data = json.loads(whole[8:8 + size]), whole[8 + size:]
        data = change(header, data) or data
        text = json.dumps(header).encode()
        self.path(name).write_bytes(struct.pack("<Q", len(text)) + text + data)


def refuse(case, command, expected, output, code=1, limit=20):
    """Runs one command; returns what is wrong with its refusal, or None."""
    before = sorted(output.iterdir())
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=limit, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"no end after {limit} s"
    said = done.stderr.decode(errors="backslashreplace").rstrip("\n")
    problems = []
    if done.returncode != code:
        problems.append(f"exit code {done.returncode}, not {code}")
    if "\n" in said or not said.startswith("error: "):
        problems.append("the message is not one line with 'error: '")
    for pattern in [expected] if isinstance(expected, str) else expected:
        if not re.search(pattern, said):
            problems.append(f"the message does not match '{pattern}'")
    left = [path.name for path in sorted(output.iterdir()) if path not in before]
    if left:
        problems.append(f"left behind: {', '.join(left)}")
    return "; ".join(problems) + f"\n     {said}" if problems else None


def run(source, cases, work, flags=(), input_of=lambda model: model.folder):
    """Each case: (name, damage or None, what the message matches, further flags)."""
    chosen, verbose = sys.argv[2:], "-v" in sys.argv
    chosen = [name for name in chosen if name != "-v"]
    failures = 0
    for name, damage, expected, *more in cases:
        if chosen and name not in chosen:
            continue
        model = Model(source, work / "model")
        output = work / "out"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        if damage:
            damage(model)
        command = ["fpmoe-compile", input_of(model), "-o", output / "program", *flags, *more]
        if verbose:
            done = subprocess.run(command, stderr=subprocess.PIPE, check=False, timeout=20)
            print(f"{name}: {done.returncode}: {done.stderr.decode(errors='replace')}", end="")
            continue
        problem = refuse(name, command, expected, output)
        failures += problem is not None
        if problem:
            print(f"FAIL {name}: {problem}", flush=True)
    print(f"{len(cases) - failures} of {len(cases)} refused as they should be")
    sys.exit(failures != 0)
