#!/usr/bin/env python3
"""Compare the tokenizer with Hugging Face `tokenizers`, and write its goldens.

Trains a tiny byte-pair encoding for each family of tokenizers, and a few with
rare settings, then checks that ids and decoded texts agree on files and on
random Unicode strings. Needs the Python package `tokenizers`.

    compare.py --tool build/bin/fpmoe-tokenize-test [FILE...]
    compare.py --write-goldens test/runtime/tokenizer/golden

The goldens hold whole cases for the tiny tokenizers, and a count and a hash of
ids for each held-out file of models/nano.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import sysconfig
import tempfile
import unicodedata

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers, processors, trainers)

CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
MARK = "\u2581"
FIRST_WITHOUT_GOLDEN = "no-fuse"


def split(regex, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(regex), behavior, invert)


def byte_level(**options):
    options = {"add_prefix_space": False, "use_regex": False, **options}
    return pre_tokenizers.ByteLevel(**options)


def special(*contents):
    return [AddedToken(c, special=True, normalized=False) for c in contents]


def train(tokenizer, corpus, size, added, alphabet, initial=()):
    trainer = trainers.BpeTrainer(
        vocab_size=size, show_progress=False, special_tokens=list(initial),
        initial_alphabet=alphabet, limit_alphabet=300)
    tokenizer.train_from_iterator(corpus, trainer)
    # Plain added tokens get ids behind the vocabulary.
    for token in added:
        (tokenizer.add_special_tokens if token.special
         else tokenizer.add_tokens)([token])


def byte_family(corpus, pre, size, added, normalizer=None, post=None,
                ignore_merges=False, decoder=None):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoder or decoders.ByteLevel()
    train(tokenizer, corpus, size, added,
          pre_tokenizers.ByteLevel.alphabet())
    if post:
        tokenizer.post_processor = post(tokenizer)
    return tokenizer


def begin(token):
    return lambda t: processors.TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token} $B",
        special_tokens=[(token, t.token_to_id(token))])


def word_family(corpus, size, normalizer, pre, decoder, added=(), unk="<unk>",
                byte_fallback=True, fuse_unk=True, post=None):
    """Like SentencePiece: characters and, for what is missing, bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token=unk, fuse_unk=fuse_unk,
                                     byte_fallback=byte_fallback))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    # Few characters, so that the trainer need not choose between equals.
    corpus = [text for text in corpus if text.isascii()]
    initial = ([unk] if unk else []) + ["<s>", "</s>"]
    if byte_fallback:
        initial += ["<0x%02X>" % i for i in range(256)]
    train(tokenizer, corpus, size, added, [MARK], initial)
    # The byte tokens are ordinary entries of the vocabulary.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"]
                             if not t["content"].startswith("<0x")]
    state["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(state))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.post_processor = (post or begin("<s>"))(tokenizer)
    return tokenizer


def mistral_decoder():
    return decoders.Sequence([decoders.Replace(MARK, " "),
                              decoders.ByteFallback(), decoders.Fuse(),
                              decoders.Strip(" ", 1, 0)])


def families(corpus):
    """Name and tokenizer of every variant; those with goldens come first."""
    def llama_post(t):
        return processors.Sequence([processors.ByteLevel(trim_offsets=False),
                                    begin("<|begin_of_text|>")(t)])

    yield "qwen", byte_family(
        corpus, pre_tokenizers.Sequence([split(CL100K % ""), byte_level()]),
        900, special("<|endoftext|>", "<|im_start|>", "<|im_end|>") + [
            AddedToken(f"<|fim_{part}|>", normalized=False)
            for part in ("prefix", "suffix", "middle")],
        normalizer=normalizers.NFC(),
        post=lambda t: processors.ByteLevel(trim_offsets=False))
    yield "llama3", byte_family(
        corpus,
        pre_tokenizers.Sequence([split(CL100K % "{1,3}"), byte_level()]),
        900, special("<|begin_of_text|>", "<|end_of_text|>"),
        post=llama_post, ignore_merges=True)
    yield "starcoder2", byte_family(
        corpus,
        pre_tokenizers.Sequence([pre_tokenizers.Digits(True),
                                 byte_level(use_regex=True)]),
        900, special("<|endoftext|>", "<fim_prefix>", "<fim_middle>",
                     "<fim_suffix>"))
    yield "deepseek", byte_family(
        corpus,
        pre_tokenizers.Sequence([
            split(r"[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"),
            split("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"),
            pre_tokenizers.Digits(True), byte_level()]),
        900, special("<\uff5cbegin\u2581of\u2581sentence\uff5c>") + [
            AddedToken("<\uff5cfim\u2581hole\uff5c>", normalized=False)],
        post=begin("<\uff5cbegin\u2581of\u2581sentence\uff5c>"))
    yield "mistral", word_family(
        corpus, 900, normalizers.Sequence([
            normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)]),
        None, mistral_decoder())
    yield "metaspace", word_family(
        corpus, 900, None,
        pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
        mistral_decoder(), added=special("[INST]", "[/INST]"))
    yield "rare-words", word_family(
        corpus, 700, normalizers.Sequence([
            normalizers.Replace(Regex(r"\t+"), "  "), normalizers.NFC()]),
        pre_tokenizers.Sequence([split(r"[\r\n]+", "removed"),
                                 pre_tokenizers.Metaspace()]),
        decoders.Metaspace(), byte_fallback=False, fuse_unk=True, added=[
            AddedToken("foo", single_word=True, normalized=True),
            AddedToken("<left>", lstrip=True, normalized=False),
            AddedToken("<right>", rstrip=True, special=True),
            AddedToken("caf\u0065\u0301", normalized=True),
            AddedToken("  x", normalized=True),
            AddedToken("<left><right>", lstrip=True, rstrip=True)])
    yield "rare-bytes", byte_family(
        corpus, pre_tokenizers.Sequence([
            pre_tokenizers.Split(";", "removed"),
            pre_tokenizers.Digits(False),
            byte_level(add_prefix_space=True, use_regex=True)]),
        800, [AddedToken("def", single_word=True, lstrip=True, rstrip=True),
              AddedToken("<|x|>", special=True)],
        normalizer=normalizers.Replace("``", '"'))
    yield "classes", byte_family(
        corpus, pre_tokenizers.Sequence([
            split(r"\b\w+\b|[^\w\s]+|[\S\-]{3}|\p{Han}+|\p{^Lu}{2}"),
            split(r"(?i)ss+|[a-f\d]{2,}?|\W{4}|\u00e9|\x{e8}|^\s|x$"),
            split(r"\p{Greek}+|\p{Lo}", "removed", True), byte_level()]),
        600, special("<|x|>"))
    yield "no-fuse", word_family(
        corpus, 600, None, pre_tokenizers.Metaspace(prepend_scheme="never"),
        None, byte_fallback=False, fuse_unk=False)
    yield "no-unknown", word_family(
        corpus, 700, None, pre_tokenizers.Metaspace(prepend_scheme="first"),
        decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(),
                           decoders.Strip("a", 1, 0)]),
        byte_fallback=True, unk=None)


ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789", " ", " \t\n\r\x0b\x0c", "'\"`.,;:!?()[]{}<>|/\\-_=+*&^%$#@~",
    "\u00a0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000\u0085"
    "\u180e\u200b\u200c\u200d\u2060\ufeff",
    "\u0301\u0308\u0327\u0323\u0338\u093c\u0e31\u20dd\u1dc4\u3099",
    "aeioucnACEINOUyYsS\u03b1\u0915\u304b\u1100\u1161\u11a8\uac00\u212b\u2126",
    "\u0660\u0669\u06f5\u0967\u09ea\u0e52\u1041\uff15\u00b2\u00bd\u2167\u3007"
    "\U0001d7d9\u0bf0\u2460",
    "\u00e9\u00df\u017f\u0130\u0131\u01c5\ufb01\u1e9e\u1ea5\u0439",
    "\u4e2d\u6587\u5b57\u3042\u30a2\ud55c\u0416\u0639\u05d0\u0e01\U00020000",
    "\U0001f600\U0001f468\u200d\U0001f469\U0001f3fd\u2764\ufe0f\U0001f1e9",
    "\x01\x02\x1b\x7f\u0080\u009f\ufffd\ufffe\U0010ffff\u00ad\u2581\u24b6",
]
WORDS = ["'s", "'LL", "'re", "'\u017f", "don't", "foo", "food", "caf\u00e9",
         "cafe\u0301", "def", "<|x|>", "```", "  ", "\r\n", "\n\n", "    ",
         "<|endoftext|>", "<|fim_prefix|>", "<left>", "<right>", "<0x41>",
         "<s>", "</s>", "<unk>", "[INST]", "\u1100\u1161\u11a8", "where ",
         "<|begin_of_text|>", "<fim_middle>", " 1234567 ", "let rec ", "\u2581"]


def random_text(rng):
    parts = []
    for _ in range(rng.randint(0, 40)):
        choice = rng.random()
        if choice < 0.2:
            parts.append(rng.choice(WORDS))
        elif choice < 0.3:
            # Assigned in the Unicode version that both sides know.
            character = chr(rng.choice([rng.randrange(1, 0x3000),
                                        rng.randrange(1, 0x20000)]))
            if unicodedata.category(character) not in ("Cn", "Cs"):
                parts.append(character)
        else:
            alphabet = rng.choice(ALPHABETS)
            parts += rng.choices(alphabet, k=rng.randint(1, 4))
    return "".join(parts)


def random_texts(count, seed):
    rng = random.Random(seed)
    return [random_text(rng) for _ in range(count)]


def run_tool(tool, path, inputs, *options):
    data = "".join(i + "\0" for i in inputs).encode()
    result = subprocess.run([tool, path, *options], input=data,
                            stdout=subprocess.PIPE)
    lines = result.stdout.decode().split("\n")[:-1]
    if result.returncode:
        sys.exit(f"{path}: the tool failed after {len(lines)} lines")
    return lines


def compare(tool, name, tokenizer, texts, seed):
    """The number of texts that come out differently."""
    bad = 0

    def report(what, text, ours, theirs):
        nonlocal bad
        bad += 1
        if bad <= 5:
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs))
                       if a != b), min(len(ours), len(theirs)))
            near = slice(max(0, at - 3), at + 4)
            print(f"{name}: {what}: {text[:200]!r}\n  at {at} ours "
                  f"{ours[near]} theirs {theirs[near]} "
                  f"({len(ours)}, {len(theirs)})")

    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "tokenizer.json")
        tokenizer.save(path)
        for options in ([], ["--special"]):
            lines = run_tool(tool, path, texts, *options)
            for i, text in enumerate(texts):
                ours = [int(t) for t in lines[2 * i].split()]
                theirs = tokenizer.encode(
                    text, add_special_tokens=bool(options)).ids
                if ours != theirs:
                    report("ids", text, ours, theirs)
                    continue
                decoded = bytes.fromhex(lines[2 * i + 1]).decode()
                wanted = tokenizer.decode(theirs)
                if decoded != wanted:
                    report("decode", text, decoded, wanted)
        rng = random.Random(seed)
        size = tokenizer.get_vocab_size()
        lists = [[rng.randrange(size) for _ in range(rng.randint(0, 12))]
                 for _ in range(len(texts) // 4)]
        lines = run_tool(tool, path, [" ".join(map(str, l)) for l in lists],
                         "--decode")
        for ids, line in zip(lists, lines):
            decoded, wanted = bytes.fromhex(line).decode(), tokenizer.decode(ids)
            if decoded != wanted:
                report("decode", str(ids), decoded, wanted)
    print(f"{name}: {len(texts)} texts, {bad} differ")
    return bad


def training_corpus():
    files = sorted(pathlib.Path(sysconfig.get_path("stdlib")).glob("*.py"))
    texts = [f.read_text(errors="ignore")[:20000] for f in files[:80]]
    return texts + random_texts(300, seed=7)


def write_goldens(folder):
    folder.mkdir(parents=True, exist_ok=True)
    code = ("module Main where\n\nimport qualified Data.Map as M\n\n"
            "main :: IO ()\nmain = do\n    let xs = [1, 22 .. 333]\n"
            "    print $ M.fromList (zip xs \"na\u00efve caf\u00e9\")\n"
            "(* OCaml *) let rec fact n = if n <= 1 then 1 else n * fact (n-1)"
            "\nobject Main extends App { println(s\"${1 + 1}\") }\r\n")
    texts = ["", " ", code, code * 3, "a" * 999, " " * 300 + "x"]
    texts += random_texts(60, seed=3)
    for name, tokenizer in families(training_corpus()):
        if name == FIRST_WITHOUT_GOLDEN:
            break
        tokenizer.save(str(folder / f"{name}.tokenizer.json"), pretty=False)
        cases = []
        for text in texts:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            with_special = tokenizer.encode(text).ids
            at = len(with_special) - len(ids)
            assert with_special[at:] == ids
            cases.append({"text": text, "prefix": with_special[:at],
                          "ids": ids, "decoded": tokenizer.decode(ids)})
        lines = ",\n".join(json.dumps(c, separators=(",", ":"), ensure_ascii=False)
                           for c in cases)
        (folder / f"{name}.cases.json").write_text(f"[\n{lines}\n]\n")


def hash_ids(ids):
    """FNV-1a over the ids."""
    value = 0xcbf29ce484222325
    for token in ids:
        value = (value ^ token) * 0x100000001b3 % 2 ** 64
    return f"{value:016x}"


def write_held_out_golden(path):
    nano = pathlib.Path(__file__).parents[3] / "models" / "nano"
    tokenizer = Tokenizer.from_file(str(nano / "tokenizer.json"))
    lines = []
    for language in ("haskell", "ocaml", "scala"):
        for file in sorted((nano / "heldout" / language).iterdir()):
            ids = tokenizer.encode(file.read_bytes().decode(),
                                   add_special_tokens=False).ids
            lines.append(f"{len(ids)} {hash_ids(ids)} "
                         f"{file.relative_to(nano)}\n")
    path.write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tool", help="the program fpmoe-tokenize-test")
    parser.add_argument("--write-goldens", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--tokenizer", action="append", default=[],
                        help="compare this tokenizer.json instead")
    parser.add_argument("--random", type=int, default=4000, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.write_goldens:
        write_goldens(arguments.write_goldens)
        write_held_out_golden(arguments.write_goldens / "nano-heldout.txt")
    if not arguments.tool:
        return 0
    texts = random_texts(arguments.random, arguments.seed)
    texts += [t for t in (f.read_bytes().decode(errors="replace")
                          for f in arguments.files) if "\0" not in t]
    if arguments.tokenizer:
        variants = [(p, Tokenizer.from_file(p)) for p in arguments.tokenizer]
    else:
        variants = families(training_corpus())
    bad = sum(compare(arguments.tool, name, tokenizer, texts, arguments.seed)
              for name, tokenizer in variants)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
