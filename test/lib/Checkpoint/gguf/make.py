#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes types.gguf, a tensor of every supported type, and types.f32, what ggml makes of them.

Every tensor has 2 rows of 256 elements; types in blocks hold random bytes with finite scales, so
that all bits count. types.f32 has the elements of all tensors, in the order of the file, as
ggml's own reference functions convert them (through llama-cpp-python's library); the gguf package
must agree with it to the last bit.

    make.py           write both files
    make.py --check   make them again and compare byte for byte
"""

import argparse
import ctypes
import pathlib
import tempfile

import gguf
import llama_cpp
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
SHAPE = (2, 256)
TYPES = ["F32", "F16", "BF16", "F64", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K",
         "Q6_K"]
# Where the halves with scales and minima lie in a block.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2],
          "Q5_K": [0, 2], "Q6_K": [208]}


class TypeTraits(ctypes.Structure):
    """ggml_type_traits of ggml.h."""

    _fields_ = [("type_name", ctypes.c_char_p), ("blck_size", ctypes.c_int64),
                ("blck_size_interleave", ctypes.c_int64), ("type_size", ctypes.c_size_t),
                ("is_quantized", ctypes.c_bool),
                ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p,
                                              ctypes.c_int64))]


def ggml():
    folder = pathlib.Path(llama_cpp.__file__).parent / "lib"
    library = ctypes.CDLL(str(folder / "libggml-base.so"))
    library.ggml_get_type_traits.restype = ctypes.POINTER(TypeTraits)
    return library


def random_data(name, generator):
    """The bytes of one tensor, [rows, bytes of a row]."""
    values = generator.normal(size=SHAPE)
    if name == "F64":
        return values.view(np.uint8)
    if name in ("F32", "BF16"):
        words = values.astype(np.float32).view(np.uint8).reshape(*SHAPE, 4)
        return words[:, :, 2 if name == "BF16" else 0:].reshape(SHAPE[0], -1)
    if name == "F16":
        halves = (values * np.exp2(generator.integers(-24, 14, size=SHAPE))).astype(np.float16)
        return halves.view(np.uint8)
    elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    blocks = generator.integers(0, 256, size=(SHAPE[0] * SHAPE[1] // elements, size),
                                dtype=np.uint8)
    for at in HALVES[name]:
        scales = (values.flat[: len(blocks)] * 0.1).astype(np.float16)
        blocks[:, at:at + 2] = scales.view(np.uint8).reshape(-1, 2)
        values = -1e-6 * values  # minima are subnormal
    return blocks.reshape(SHAPE[0], -1)


def make(folder):
    generator = np.random.default_rng(1)
    writer = gguf.GGUFWriter(folder / "types.gguf", "llama")
    library, floats = ggml(), []
    for name in TYPES:
        dtype, data = gguf.GGMLQuantizationType[name], random_data(name, generator)
        data = np.ascontiguousarray(data)
        out = np.empty(SHAPE, np.float32)
        if name == "F32":
            out[:] = data.view(np.float32)
        elif name == "F64":
            out[:] = data.view(np.float64)
        else:
            traits = library.ggml_get_type_traits(int(dtype)).contents
            traits.to_float(data.ctypes.data, out.ctypes.data, out.size)
            again = gguf.quants.dequantize(data, dtype).reshape(SHAPE)
            assert np.array_equal(out.view(np.uint32), again.astype(np.float32).view(np.uint32)), \
                name
        assert np.isfinite(out).all()
        writer.add_tensor("tensor." + name, data, raw_shape=data.shape, raw_dtype=dtype)
        floats.append(out)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (folder / "types.f32").write_bytes(np.stack(floats).tobytes())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        make(HERE)
        return
    with tempfile.TemporaryDirectory() as folder:
        make(pathlib.Path(folder))
        for name in ("types.gguf", "types.f32"):
            if (pathlib.Path(folder) / name).read_bytes() != (HERE / name).read_bytes():
                raise SystemExit(f"{name} differs")
    print("both files are the same")


if __name__ == "__main__":
    main()
