#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes tiny random GGUF models, one for each architecture, and what llama.cpp computes from them.

Each case is a directory with

  model.gguf   weights of many types, and a tokenizer
  ids.txt      12 token ids
  logits.bin   raw little-endian f32 [12, vocabulary]
  texts.txt    a text a line, as JSON: [text, ids with the token for beginnings]; only of the
               cases whose tokenizer is whole, the others have the first tokens alone

llama.cpp rounds activations where weights are quantised. So that the logits do not hold its
roundings, they are computed from a copy of the file with all weights dequantised to F32 (by the
gguf package, which test/lib/Checkpoint/gguf/make.py compares with ggml), and a cache in F32. Needs
numpy, gguf and llama-cpp-python.

    make.py              write every case
    make.py NAME...      write only these
    make.py --check      make everything again in a temporary directory and compare: the models
                         byte for byte, the logits within 1e-5 of the largest one
"""

import argparse
import json
import pathlib
import sys
import tempfile

import gguf
import llama_cpp
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = 12
TOLERANCE = 1e-5
TYPES = gguf.GGMLQuantizationType
MARK = "\u2581"


class Case:
    """One model; `types` are dealt out to its matrices in turn."""

    def __init__(self, name, arch, types, tokenizer, **sizes):
        self.name, self.arch, self.types, self.tokenizer = name, arch, types, tokenizer
        self.sizes = {"layers": 2, "hidden": 32, "heads": 4, "kv": 2, "head_dim": 8, "ffn": 32,
                      "experts": 0, "used": 0, "expert_ffn": 32, "shared_ffn": 0, "theta": 10000.0,
                      "tied": False, "bias": False, "norms": False, "rope_freqs": False,
                      "scaling": None, "tokens": 48, **sizes}

    def __getattr__(self, name):
        return self.sizes[name]


CASES = [
    Case("llama", "llama", ["Q8_0", "Q4_1", "Q5_0", "F32"], "llama-bpe", rope_freqs=True, tokens=None),
    Case("llama-spm", "llama", ["Q4_0", "F16"], "spm", tied=True, layers=1, heads=2, kv=1, head_dim=16,
         scaling=("linear", 4.0), tokens=None),
    Case("k-quants", "llama", ["Q4_K", "Q5_K", "Q6_K"], "smollm", layers=1, hidden=256, heads=2,
         kv=1, head_dim=16, ffn=32, tied=True, bias=True, tokens=32),
    Case("qwen2", "qwen2", ["Q5_1", "BF16"], "qwen2", bias=True, theta=1e6, tied=True),
    Case("qwen2moe", "qwen2moe", ["Q8_0", "Q4_0"], "qwen2", bias=True, experts=3, used=2,
         shared_ffn=32),
    Case("qwen3", "qwen3", ["Q4_1", "Q8_0"], "qwen2", norms=True, head_dim=16, theta=1e6),
    Case("qwen3moe", "qwen3moe", ["Q5_0", "Q4_0"], "qwen2", norms=True, experts=5, used=2),
]


def byte_alphabet():
    """The characters that stand for bytes in byte-level tokens."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in kept else next(others)) for byte in range(256)]


WORDS = ["in", "an", "le", "let", "def", "re", "th", "the", "12", "if", "==", "main"]


def byte_level_tokens():
    """(tokens, types, merges): bytes, words by their merges, and special ones."""
    tokens, merges = byte_alphabet(), []
    for word in ["\u0120" + word for word in WORDS] + WORDS:
        for end in range(2, len(word) + 1):
            if word[:end] not in tokens:
                tokens.append(word[:end])
                merges.append(f"{word[:end - 1]} {word[end - 1]}")
    types = [1] * len(tokens)
    return tokens + ["<|start|>", "<|end|>", "<tool>", "[PAD0]"], types + [3, 3, 4, 5], merges


def spm_tokens():
    """(tokens, types, scores)."""
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    types = [2, 3, 3] + [6] * 256
    letters = sorted(set("".join(WORDS))) + [MARK, "\u00e9"]
    pieces = sorted({(MARK * mark + word)[:end] for word in WORDS for mark in (0, 1)
                     for end in range(2, len(word) + 2)} - set(letters),
                    key=lambda piece: (len(piece), piece))
    scores = [0.0] * len(tokens) + [-1.0 - i for i in range(len(pieces) + len(letters))]
    tokens += pieces + letters
    types += [1] * (len(pieces) + len(letters))
    return tokens + ["<tool>"], types + [4], scores + [0.0]


def add_tokenizer(writer, kind, most):
    """Writes the tokenizer, of at most so many tokens, and returns how many they are."""
    if kind == "spm":
        tokens, types, scores = spm_tokens()
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(scores)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
    else:
        tokens, types, merges = byte_level_tokens()
        if most:
            merges = [f"{tokens[0]} {tokens[1]}"]
            tokens = tokens[:most - 3] + [tokens[0] + tokens[1]] + tokens[-4:-2]
            types = [1] * (most - 2) + [3, 3]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(kind)
        writer.add_token_merges(merges)
        writer.add_bos_token_id(tokens.index("<|start|>"))
        writer.add_eos_token_id(tokens.index("<|end|>"))
        writer.add_add_bos_token(kind == "llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    return len(tokens)


def shapes(case, vocabulary):
    """Name and shape of every tensor; vectors first in a layer."""
    hidden, queries, keys = case.hidden, case.heads * case.head_dim, case.kv * case.head_dim
    yield "token_embd.weight", (vocabulary, hidden)
    yield "output_norm.weight", (hidden,)
    if not case.tied:
        yield "output.weight", (vocabulary, hidden)
    if case.rope_freqs:
        yield "rope_freqs.weight", (case.head_dim // 2,)
    for layer in range(case.layers):
        block = f"blk.{layer}."
        yield block + "attn_norm.weight", (hidden,)
        yield block + "ffn_norm.weight", (hidden,)
        for role, rows in (("q", queries), ("k", keys), ("v", keys)):
            yield f"{block}attn_{role}.weight", (rows, hidden)
            if case.bias:
                yield f"{block}attn_{role}.bias", (rows,)
        yield block + "attn_output.weight", (hidden, queries)
        if case.bias and case.arch == "llama":
            yield block + "attn_output.bias", (hidden,)
        if case.norms:
            yield block + "attn_q_norm.weight", (case.head_dim,)
            yield block + "attn_k_norm.weight", (case.head_dim,)
        if not case.experts:
            yield block + "ffn_gate.weight", (case.ffn, hidden)
            yield block + "ffn_up.weight", (case.ffn, hidden)
            yield block + "ffn_down.weight", (hidden, case.ffn)
            continue
        yield block + "ffn_gate_inp.weight", (case.experts, hidden)
        yield block + "ffn_gate_exps.weight", (case.experts, case.expert_ffn, hidden)
        yield block + "ffn_up_exps.weight", (case.experts, case.expert_ffn, hidden)
        yield block + "ffn_down_exps.weight", (case.experts, hidden, case.expert_ffn)
        if case.shared_ffn:
            yield block + "ffn_gate_inp_shexp.weight", (hidden,)
            yield block + "ffn_gate_shexp.weight", (case.shared_ffn, hidden)
            yield block + "ffn_up_shexp.weight", (case.shared_ffn, hidden)
            yield block + "ffn_down_shexp.weight", (hidden, case.shared_ffn)


def values(name, shape, generator):
    if "rope_freqs" in name:
        return np.linspace(1, 8, *shape, dtype=np.float32)
    if "norm" in name:
        return (1 + 0.2 * generator.normal(size=shape)).astype(np.float32)
    scale = 0.2 if "bias" in name else 2 / np.sqrt(shape[-1])
    return (scale * generator.normal(size=shape)).astype(np.float32)


def quantize(data, name):
    """The bytes of `data` in a type; what the gguf package cannot do, ggml does."""
    dtype = TYPES[name]
    if name not in ("Q4_K", "Q5_K", "Q6_K"):
        return gguf.quants.quantize(data, dtype), dtype
    import ctypes
    folder = pathlib.Path(llama_cpp.__file__).parent / "lib"
    ggml = ctypes.CDLL(str(folder / "libggml-base.so"))
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
                                         ctypes.c_int64, ctypes.c_int64, ctypes.c_int64,
                                         ctypes.c_void_p]
    elements, size = gguf.GGML_QUANT_SIZES[dtype]
    rows, columns = data.size // data.shape[-1], data.shape[-1]
    out = np.empty((*data.shape[:-1], columns // elements * size), np.uint8)
    ggml.ggml_quantize_chunk(int(dtype), data.ctypes.data, out.ctypes.data, 0, rows, columns, None)
    return out, dtype


def add_hyperparameters(writer, case, vocabulary):
    writer.add_block_count(case.layers)
    writer.add_context_length(128)
    writer.add_embedding_length(case.hidden)
    writer.add_feed_forward_length(case.ffn)
    writer.add_head_count(case.heads)
    writer.add_head_count_kv(case.kv)
    writer.add_key_length(case.head_dim)
    writer.add_value_length(case.head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(case.theta)
    if case.arch == "llama":
        writer.add_rope_dimension_count(case.head_dim)
        writer.add_vocab_size(vocabulary)
    if case.scaling:
        kind, factor = case.scaling
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(factor)
    if case.experts:
        writer.add_expert_count(case.experts)
        writer.add_expert_used_count(case.used)
        writer.add_expert_feed_forward_length(case.expert_ffn)
    if case.shared_ffn:
        writer.add_expert_shared_feed_forward_length(case.shared_ffn)


def write_model(case, path, dequantized):
    """Writes the model, or its copy in F32."""
    generator = np.random.default_rng(sum(case.name.encode()))
    writer = gguf.GGUFWriter(path, case.arch)
    vocabulary = add_tokenizer(writer, case.tokenizer, case.tokens)
    add_hyperparameters(writer, case, vocabulary)
    deal = 0
    for name, shape in shapes(case, vocabulary):
        data = values(name, shape, generator)
        if len(shape) > 1 and "ffn_gate_inp" not in name:
            kind = case.types[deal % len(case.types)]
            deal += 1
            block = gguf.GGML_QUANT_SIZES[TYPES[kind]][0]
            kind = kind if shape[-1] % block == 0 else "Q8_0"
            packed, dtype = quantize(data, kind)
            if dequantized:
                data = gguf.quants.dequantize(packed, dtype).astype(np.float32).reshape(shape)
            else:
                raw = np.ascontiguousarray(packed)
                writer.add_tensor(name, raw.view(np.uint8) if raw.dtype != np.uint8 else raw,
                                  raw_dtype=dtype)
                continue
        writer.add_tensor(name, np.ascontiguousarray(data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return vocabulary


TEXTS = ["", "the main 1234 == 12", " def  let\n\tinthe", "caf\u00e9 \U0001F600 if", "a<tool>the <s>",
         "x<|end|>  in\n\n  an'll"]


def make(case, folder):
    folder.mkdir(parents=True, exist_ok=True)
    write_model(case, folder / "model.gguf", dequantized=False)
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "copy.gguf"
        vocabulary = write_model(case, copy, dequantized=True)
        model = llama_cpp.Llama(str(copy), n_ctx=128, n_threads=1, n_threads_batch=1,
                                logits_all=True, type_k=llama_cpp.GGML_TYPE_F32,
                                type_v=llama_cpp.GGML_TYPE_F32, flash_attn=False, verbose=False)
        generator = np.random.default_rng(7)
        ids = [int(i) for i in generator.integers(0, vocabulary - 1, size=TOKENS)]
        model.eval(ids)
        logits = np.array(model.scores[:TOKENS], np.float32)
        texts = case.tokens is None and [json.dumps([text, model.tokenize(text.encode(), add_bos=True, special=True)])
                 for text in TEXTS]
        model.close()
    assert logits.shape == (TOKENS, vocabulary) and np.isfinite(logits).all()
    (folder / "ids.txt").write_text(" ".join(map(str, ids)) + "\n")
    if texts:
        (folder / "texts.txt").write_text("\n".join(texts) + "\n")
    logits.tofile(folder / "logits.bin")


def check(case, folder):
    make(case, folder)
    for name in ("model.gguf", "ids.txt", "texts.txt"):
        if not (HERE / case.name / name).exists():
            continue
        if (folder / name).read_bytes() != (HERE / case.name / name).read_bytes():
            sys.exit(f"{case.name}/{name} differs")
    got, kept = (np.fromfile(place / "logits.bin", np.float32)
                 for place in (folder, HERE / case.name))
    if abs(got - kept).max() > TOLERANCE * abs(kept).max():
        sys.exit(f"{case.name}/logits.bin differs")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    for case in CASES:
        if options.names and case.name not in options.names:
            continue
        if options.check:
            with tempfile.TemporaryDirectory() as folder:
                check(case, pathlib.Path(folder))
        else:
            make(case, HERE / case.name)
        print(case.name)


if __name__ == "__main__":
    main()
