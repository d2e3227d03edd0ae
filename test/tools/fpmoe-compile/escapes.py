#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Puts control characters into every kind of file that the compiler reads: FOLDER SOURCES.

Each file must be refused with one line that has none of them in it.
"""

import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys

BAD = "k\x1b[31m\x07\x9b\r\nerror: forged\x7f"
work, root = map(pathlib.Path, sys.argv[1:])
golden = root / "test" / "golden"


def check(what, *command, shown=True):
    """Whether a command fails with one clean line, in which the name is `shown` with escapes."""
    result = subprocess.run(list(map(str, command)), capture_output=True, timeout=120)
    text = result.stdout + result.stderr
    lines = text.decode(errors="replace").split("\n")
    clean = all(ch.isprintable() for ch in "".join(lines))
    good = (result.returncode == 1 and len(lines) == 2 and lines[0].startswith("error: ")
            and clean and (not shown or re.search(r"\\(x1b|u001b)\[31m", lines[0])))
    if not good:
        print(f"FAIL: {what}: {result.returncode}, {text!r}")


def check_lines(what, *command):
    """The same of several lines, as passes print theirs."""
    result = subprocess.run(list(map(str, command)), capture_output=True, timeout=120)
    text = (result.stdout + result.stderr).decode(errors="replace")
    if not (result.returncode == 1 and "\\x1b[31m" in text
            and all(ch.isprintable() or ch == "\n" for ch in text)):
        print(f"FAIL: {what}: {result.returncode}, {text!r}")


def copy(case, name):
    target = work / name
    shutil.copytree(case, target)
    return target


def edit_json(path, edit):
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def rename_tensor(path):
    """In the header of a safetensors file, the first tensor."""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    name = next(key for key in header if key != "__metadata__")
    header[BAD] = header.pop(name)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size:])


def gguf_string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def main():
    out = work / "program"
    model = copy(golden / "top1-raw", "key")
    edit_json(model / "config.json", lambda c: c.update({BAD: 1}))
    check("key of config.json", "fpmoe-compile", model, "-o", out)
    check("the same explained", "fpmoe-compile", model, "--explain")

    model = copy(golden / "top1-raw", "value")
    edit_json(model / "config.json", lambda c: c.update({"hidden_act": BAD}))
    check("value of config.json", "fpmoe-compile", model, "-o", out)

    model = copy(golden / "top1-raw", "architecture")
    edit_json(model / "config.json", lambda c: c.update({"architectures": [BAD]}))
    check("architecture", "fpmoe-compile", model, "-o", out)

    model = copy(golden / "top1-raw", "tensor")
    rename_tensor(model / "model.safetensors")
    check("name of a tensor", "fpmoe-compile", model, "-o", out, shown=False)

    quoted = json.dumps(BAD)
    for name, text in {"option": f"{quoted} = 1", "weights": f"[compile]\nweights = {quoted}",
                       "cpu": f"[compile]\ncpu = {quoted}",
                       "languages": f"[compile]\nlanguages = [{quoted}]",
                       "file": f"[compile]\nweights_file = {json.dumps('/' + BAD)}",
                       "expert": f"[experts]\nnames = [{quoted}]"}.items():
        model = copy(golden / "top1-raw", name)
        # TOML has no \x7f in quotes either.
        (model / "fpmoe.toml").write_text(text.replace("\x7f", "\\u007f") + "\n")
        check(f"{name} of fpmoe.toml", "fpmoe-compile", model, "-o", out)

    for name, edit in {"tokenizer": lambda t: t.update({BAD: 1}),
                       "tokenizer-model": lambda t: t["model"].update({"type": BAD}),
                       "pre-tokenizer": lambda t: t.update({"pre_tokenizer": {"type": BAD}}),
                       "normalizer": lambda t: t.update({"normalizer": {"type": BAD}}),
                       }.items():
        model = copy(root / "models" / "nano", name)
        edit_json(model / "tokenizer.json", edit)
        check(f"{name} of tokenizer.json", "fpmoe-compile", model, "-o", out)

    recipes = root / "models" / "recipes"
    folder = copy(recipes / "parts", "parts")
    recipe = (recipes / "fpmoe.toml").read_text()
    (work / "adapter.toml").write_text(recipe)
    edit_json(folder / "fpmoe" / "haskell" / "adapter_config.json",
              lambda c: c.update({BAD: True}))
    check("key of adapter_config.json", "fpmoe-compile", work / "adapter.toml", "-o", out)
    (work / "key.toml").write_text(f"{quoted} = 1\n".replace("\x7f", "\\u007f") + recipe)
    check("key of a recipe", "fpmoe-compile", work / "key.toml", "-o", out)

    key = gguf_string("general.architecture") + struct.pack("<I", 8) + gguf_string(BAD)
    (work / "m.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + key)
    check("architecture of GGUF", "fpmoe-compile", work / "m.gguf", "-o", out)
    tensor = gguf_string(BAD) + struct.pack("<IQIQ", 1, 32, 999, 0)
    (work / "t.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + key + tensor)
    check("tensor of GGUF", "fpmoe-compile", work / "t.gguf", "-o", out)

    module = (f'module attributes {{fpmoe.model = {{name = "m", architecture = "a", '
              f'source = "no\\1B[31m", context = 4}}}} {{\n  "k\x1b[31m"() : () -> ()\n}}\n')
    (work / "m.mlir").write_text(module)
    check("IR", "fpmoe-compile", work / "m.mlir", "--compile-to=fuse", "-o", out, shown=False)
    check("IR evaluated", "fpmoe-eval", work / "m.mlir", "--ids", work / "m.mlir", shown=False)
    for name, text in {"line": module, "symbol": 2 * 'func.func private @"k\\1B[31m"()\n',
                       "split": "module {}\n// -----\n" + module}.items():
        (work / "opt.mlir").write_text(text)
        check_lines(f"{name} of IR in passes", "fpmoe-opt", work / "opt.mlir",
                    "--split-input-file")
    check_lines("option of passes", "fpmoe-opt", f"--{BAD}")
    check("name of a file", "fpmoe-compile", work / BAD, "-o", out)
    check("name of an output", "fpmoe-compile", golden / "top1-raw", "-o", work / BAD / "x")
    if out.exists():
        print("FAIL: a program was made")
    print("pass")


if __name__ == "__main__":
    main()
