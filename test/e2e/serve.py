#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A server gives every text the same bits, whatever shares its steps.

For each case of test/golden, nano and the recipes of models/recipes, or each checkpoint or recipe that
is named, and each format: random prompts, some of which begin alike, with random sampling, and some of
them sent to an expert or an adapter, are completed by servers that differ in all that must not matter:

  alone      one text at a time, no guesses, one thread, each text in a cache that holds nothing;
  together   8 at a time, guesses, 2 threads; the same prompts again, found in the cache; and with the
             prompts scored, for which they are read again;
  crowded    the same, 6 at a time in a cache that has room for the longest and little else, so that
             texts give up their pages, 5 threads;
  score      their tokens in steps of 1, 7, 64 and 512, several texts in a step, 2 threads.

Texts and log-probabilities (of 17 digits) of all tokens have to be equal. With --matrix, the servers
are twelve, of 0 and 7 guesses, 1, 2 and 5 threads, together and crowded, and `score` has as many
threads; and there are servers of programs whose steps take 7 and 64 tokens of prompts. Where the
program has a tokenizer, the texts also are those of `generate`, and of `generate --prompts`. With
--fill-in, nano gets tokens for the middle, and /infill and `complete` give what follows the prompt
that they make.

Prints one line per program; exits with 1 when one fails, with 2 for wrong usage. Needs Python alone.
"""

import argparse
import concurrent.futures
import http.client
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test" / "golden"
NANO = ROOT / "models" / "nano"
RECIPES = ROOT / "models" / "recipes"
CHUNKS = (1, 7, 64, 512)


def run(command, **more):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n"
                 f"{done.stderr.decode(errors='replace')}")
    return done.stdout


class Server:
    """A program that serves at a port of its own."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen(
            [program, "serve", "--port", "0", "--huge-pages", "off", *map(str, arguments)],
            stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"listening at http://[^:]*:(\d+)", line):
                self.port = int(found[1])
                return
        sys.exit(f"{program} does not serve")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        if self.process.wait(30) != 130:
            sys.exit(f"the server ended with {self.process.returncode}")
        self.process.stderr.close()

    def ask(self, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("POST" if body is not None else "GET", path,
                           json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            sys.exit(f"{path}: status {answer.status}: {text}")
        return text

    def json(self, path, body=None):
        return json.loads(self.ask(path, body))

    def metric(self, name):
        return float(re.search(rf"^fpmoe:{name} (\S+)$", self.ask("/metrics"), re.M)[1])


def requests(info, count, seed):
    """Bodies of random completions; some prompts begin alike."""
    draw = random.Random(seed)
    vocabulary, context = info["vocabulary"], info["context"]
    names = info["language_names"] or ([] if info["segment"] else info["expert_names"])
    most = min(context - 2, 700)
    starts = [[draw.randrange(vocabulary) for _ in range(most)] for _ in range(3)]
    bodies = []
    for i in range(count):
        # The first ones outgrow together what room is kept for them; of the others few are longer
        # than a step.
        grows = i < 6
        length = min(most, draw.choice([1, 2, 7, 31, 32, 33, 40] if grows else
                                       [1, 2, 7, 31, 32, 33, 40, 65, 100, draw.choice([200, 700])]))
        shared = draw.randrange(length + 1)
        start = draw.choice(starts)[:shared]
        prompt = start + [draw.randrange(vocabulary) for _ in range(length - shared)]
        # Where a text repeats itself, guesses are right.
        if draw.random() < 0.3 and length > 8:
            prompt = (prompt[:6] * length)[:length]
        body = {
            "prompt": prompt, "max_tokens": 220 if grows else draw.choice([1, 5, 24, 40]),
            "logprobs": 2, "temperature": draw.choice([0, 0, 0.7, 1.3]), "top_p": draw.choice([1, 0.9]),
            "top_k": draw.choice([0, 20]), "seed": draw.randrange(1 << 30),
            "repetition_penalty": draw.choice([1, 1, 1.1]), "ignore_eos": True}
        if names and draw.random() < 0.3:
            body["language"] = draw.choice(names)
        bodies.append(body)
    # Two that part inside a segment of 64, but behind its first page.
    for body in bodies[-2:]:
        body["prompt"] = (starts[0][:40] + [draw.randrange(vocabulary) for _ in range(60)])[:most]
        body.pop("language", None)
    return bodies


def told(answer):
    """What must be equal of an answer."""
    choice = answer["choices"][0]
    return choice["text"], choice["logprobs"], choice["finish_reason"]


def collect(server, bodies, at_once):
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda body: server.json("/v1/completions", body), bodies))


def differing(got, wanted, what):
    """The first text of which something differs, and its first token that does."""
    for i, pair in enumerate(zip(got, wanted)):
        (text, scores, reason), (other, others, end) = map(told, pair)
        if (text, scores, reason) == (other, others, end):
            continue
        tokens = zip(scores["token_logprobs"], others["token_logprobs"])
        for at, (one, two) in enumerate(tokens):
            if one != two:
                return f"{what}: text {i} differs at token {at}: {one!r}, not {two!r}"
        return f"{what}: text {i} differs: {text!r} ({reason}), not {other!r} ({end})"
    return None


class Alone:
    """What each text is by itself, which all others have to be."""

    def __init__(self, program, info, bodies):
        self.info, self.bodies = info, bodies
        # Prompts whose tokens are scored are not taken from the cache.
        self.echoing = [{**body, "echo": True} for body in bodies]
        with Server(program, "--sequences", 1, "--threads", 1, "--drafts", 0,
                    "--cache-memory", cache_memory(info, info["context"])) as server:
            self.echoed = collect(server, self.echoing, 1)
            self.answers = collect(server, bodies, 1)
            self.made = [
                server.json("/completion", {**body, "n_predict": body["max_tokens"]})["tokens"]
                for body in bodies]

    def longest(self):
        """Tokens of the longest text that there is."""
        return max(len(body["prompt"]) + len(made) for body, made in zip(self.bodies, self.made))

    def is_found(self):
        """Whether prompts that are found in the cache give the same."""
        for echoed, answer in zip(self.echoed, self.answers):
            scores = answer["choices"][0]["logprobs"]["token_logprobs"]
            if echoed["choices"][0]["logprobs"]["token_logprobs"][-len(scores):] != scores:
                return False
        return True


def cache_memory(info, positions):
    """Bytes of the pages for so many positions."""
    return -(-positions // 32) * 32 * info["cache_bytes_per_position"]


def check_together(program, alone, drafts, threads):
    what = f"together, {drafts} drafts, {threads} threads"
    with Server(program, "--sequences", 8, "--threads", threads, "--drafts", drafts) as server:
        for time in range(2):
            got = collect(server, alone.bodies, 16)
            if found := differing(got, alone.answers, f"{what}, time {time + 1}"):
                return found
        if found := differing(collect(server, alone.echoing, 16), alone.echoed, f"{what}, scored"):
            return found
        # Segments may end nowhere where pages do.
        if not alone.info["segment"] and not server.metric("prefix_cache_hits_total"):
            return f"{what}: no beginning was found in the cache"
        guessed = server.metric("spec_decode_num_draft_tokens_total")
        if bool(guessed) != bool(drafts):
            return f"{what}: {guessed:.0f} tokens were guessed"
        if server.metric("kv_cache_usage_perc") or server.metric("num_requests_running"):
            return f"{what}: pages are left"
    return None


def check_crowded(program, alone, drafts, threads):
    what = f"crowded, {drafts} drafts, {threads} threads"
    # What a text may need is what it would be refused without.
    room = max(-(-alone.longest() // 32) + 1, 9) * 32
    with Server(program, "--sequences", 6, "--threads", threads, "--drafts", drafts,
                "--cache-memory", cache_memory(alone.info, room)) as server:
        # Which texts meet is a matter of time.
        for _ in range(5):
            for bodies, wanted in ((alone.bodies, alone.answers), (alone.echoing, alone.echoed)):
                if found := differing(collect(server, bodies, 12), wanted, what):
                    return found
            if server.metric("num_preemptions_total"):
                return None
    return f"{what}: no text gave up its pages"


def check_score(program, alone, threads, work):
    """The same tokens, read in steps of every size."""
    info, groups = alone.info, {}
    for i, body in enumerate(alone.bodies):
        # Where tokens have a language, `score` takes a text at a time.
        key = (body.get("language"), i if info["language_names"] else None)
        groups.setdefault(key, []).append(i)
    ids = work / "ids"
    for (language, single), members in groups.items():
        # The last one may stand behind the last place of the context.
        texts = [(alone.bodies[i]["prompt"] + alone.made[i])[:info["context"]] for i in members]
        ids.write_text("".join(" ".join(map(str, text)) + "\n" for text in texts))
        for chunk in sorted({min(chunk, info["max_tokens"]) for chunk in CHUNKS}):
            scored = json.loads(run(
                [program, "score", "--ids", ids, "--tokens", "--chunk", chunk, "--threads", threads,
                 *(["--language", language] if language else []),
                 *(["--lines"] if single is None else [])]))
            for i, text, own in zip(members, texts, scored.get("files", [scored])):
                got = own["token_log_probabilities"]
                wanted = alone.echoed[i]["choices"][0]["logprobs"]["token_logprobs"][:len(text)]
                if got != wanted:
                    at = next(at for at in range(len(text)) if got[at] != wanted[at])
                    return (f"score, steps of {chunk}, {threads} threads: text {i} differs at token "
                            f"{at}: {got[at]!r}, not {wanted[at]!r}")
    return None


def check_server(program, count, matrix, work, narrow=()):
    """What differs in a program's answers, or in those of the same with narrower steps; None if
    nothing does."""
    info = json.loads(run([program, "info", "--json"]))
    alone = Alone(program, info, requests(info, count, seed=1))
    if not alone.is_found():
        return "prompts that are found in the cache give others"
    if matrix:
        checks = [(check, program, alone, drafts, threads)
                  for check in (check_together, check_crowded) for drafts in (0, 7)
                  for threads in (1, 2, 5)]
        checks += [(check_score, program, alone, threads, work) for threads in (1, 2, 5)]
        checks += [(check_together, other, alone, 7, 2) for other in narrow]
    else:
        checks = [(check_together, program, alone, 7, 2),
                  (check_crowded, program, alone, 7, 5),
                  (check_score, program, alone, 2, work)]
    for check, *arguments in checks:
        if found := check(*arguments):
            return found
        if matrix:
            print(".", end="", file=sys.stderr, flush=True)
    return None


def check_texts(program, count):
    """The same by the command line, for programs with a tokenizer."""
    texts = ["fibonacci :: Int -> Integer\n", "let rec map f = function\n", "object Main {\n",
             "import Data.List\n\nmain :: IO ()\nmain = do\n  let xs = "]
    bodies = [{"prompt": texts[i % len(texts)], "max_tokens": 30, "temperature": [0, 0.8][i % 2],
               "seed": i} for i in range(count)]
    with Server(program) as server:
        answers = collect(server, bodies, 8)
    for body, answer in zip(bodies, answers):
        text = run([program, "generate", "-p", body["prompt"], "-n", 30, "--seed", body["seed"],
                    "--temperature", body["temperature"]]).decode()
        if text != answer["choices"][0]["text"] + "\n":
            return f"generate gives {text!r} for {body}"
    lines = "".join(json.dumps({"prompt": text, "task_id": i}) + "\n"
                    for i, text in enumerate(texts * 3))
    common = [program, "generate", "--prompts", "-", "-n", 20, "--temperature", 0]
    several = run([*common, "--sequences", 5], input=lines.encode())
    if several != run([*common, "--sequences", 1, "--drafts", 0], input=lines.encode()):
        return "generate --prompts depends on --sequences"
    made = [json.loads(line) for line in several.decode().splitlines()]
    if [line["task_id"] for line in made] != list(range(len(texts) * 3)):
        return "generate --prompts writes lines in another order"
    alone = run([program, "generate", "-p", texts[1], "-n", 20, "--temperature", 0]).decode()
    return None if alone == made[1]["completion"] + "\n" else "generate --prompts gives another text"


def nano_with_middle(folder):
    """nano with the last tokens of its vocabulary for the parts of a text with a middle."""
    shutil.copytree(NANO, folder, dirs_exist_ok=True)
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    names = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>"]
    vocabulary = tokenizer["model"]["vocab"]
    taken = {added["content"] for added in tokenizer["added_tokens"]}
    last = sorted((token for token in vocabulary if token not in taken), key=vocabulary.get)[-4:]
    for token, name in zip(last, names):
        number = vocabulary.pop(token)
        tokenizer["added_tokens"].append(
            {"id": number, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True})
    tokenizer["added_tokens"].sort(key=lambda added: added["id"])
    pairs = tokenizer["model"]["merges"]
    parts = lambda pair: pair.split(" ") if isinstance(pair, str) else pair
    tokenizer["model"]["merges"] = [
        pair for pair in pairs
        if "".join(parts(pair)) not in last and not set(parts(pair)) & set(last)]
    path.write_text(json.dumps(tokenizer))


def check_middle(program, work):
    """The prompts of /infill and `complete`."""
    before, behind = "main = do\n  let x = <|fim_middle|> ", "\n  print x\n"
    with Server(program) as server:
        def ids(text, special=False):
            return server.json("/tokenize", {"content": text, "parse_special": special})["tokens"]

        prefix, suffix, middle, file = (
            ids(name, True) for name in ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>",
                                         "<|file_sep|>"))
        if {len(each) for each in (prefix, suffix, middle, file)} != {1}:
            return "a special token is not one token"
        prompt = prefix + ids(before) + suffix + ids(behind) + middle
        same = {"temperature": 0, "n_predict": 12}
        wanted = server.json("/completion", {**same, "prompt": prompt})
        got = server.json("/infill", {**same, "input_prefix": before, "input_suffix": behind})
        if (got["tokens"], got["tokens_evaluated"]) != (wanted["tokens"], len(prompt)):
            return "/infill makes another prompt"
        extra = file + ids("A.hs\nx = 1\n") + file
        wanted = server.json("/completion", {**same, "prompt": extra + prompt})
        got = server.json("/infill", {**same, "input_prefix": before, "input_suffix": behind,
                                      "input_extra": [{"filename": "A.hs", "text": "x = 1\n"}]})
        if (got["tokens"], got["tokens_evaluated"]) != (wanted["tokens"], len(extra + prompt)):
            return "/infill with another file makes another prompt"
        warm = server.json("/infill", {"input_prefix": before * 5, "input_suffix": behind,
                                       "n_predict": 0})
        if warm["tokens_predicted"]:
            return "n_predict 0 makes tokens"
        chosen = server.json("/infill", {**same, "input_prefix": before, "input_suffix": behind,
                                         "response_fields": ["content", "timings/prompt_n"]})
        if sorted(chosen) != ["content", "timings/prompt_n"]:
            return f"response_fields gives {chosen}"
        mistral = server.json("/v1/fim/completions", {"prompt": before, "suffix": behind,
                                                      "temperature": 0, "max_tokens": 12})
        openai = server.json("/v1/completions", {"prompt": before, "suffix": behind,
                                                 "temperature": 0, "max_tokens": 12})
        texts = {chosen["content"], mistral["choices"][0]["message"]["content"],
                 openai["choices"][0]["text"]}
        if len(texts) != 1:
            return f"three ways to the middle give {texts}"
        # What is farthest from the middle is left out.
        long = server.json("/infill", {**same, "input_prefix": "x" * 9000, "input_suffix": behind})
        if not 500 < long["tokens_evaluated"] <= 1024:
            return f"a long prefix gives {long['tokens_evaluated']} tokens"
    text = work / "Main.hs"
    text.write_text(before + behind)
    at = f"2:{len(before.splitlines()[1]) + 1}"
    written = run([program, "complete", "--file", text, "--at", at, "-n", 12, "--temperature", 0])
    if written.decode() != chosen["content"]:
        return f"complete writes {written}"
    return None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path, metavar="MODEL",
                        help="cases of test/golden, directories or recipes (default: all cases, "
                             "nano and the recipes of models/recipes)")
    parser.add_argument("--fpmoe-compile", default=ROOT / "build" / "bin" / "fpmoe-compile",
                        type=pathlib.Path, metavar="PATH",
                        help="the compiler (default: that of build/)")
    parser.add_argument("--formats", default="f32,bf16,int8,int4", metavar="F,...",
                        help="of --weights (default: f32,bf16,int8,int4)")
    parser.add_argument("--count", type=int, default=40, metavar="N",
                        help="texts of a program (default: 40)")
    parser.add_argument("--matrix", action="store_true",
                        help="all of drafts, threads and sizes of the cache, which takes hours")
    parser.add_argument("--fill-in", action="store_true", help="check the middle with nano, too")
    options = parser.parse_args()
    models = options.models or ([] if options.fill_in else
                                [*sorted(p.parent for p in GOLDEN.glob("*/logits.bin")), NANO,
                                 *sorted(RECIPES.glob("*.toml"))])
    failures = 0

    def report(name, weights, found, good):
        nonlocal failures
        failures += found is not None
        print(f"{'FAIL' if found else 'ok  '} {name:20} {weights:5} {found or good}", flush=True)

    with tempfile.TemporaryDirectory(prefix="fpmoe-serve-") as directory:
        work = pathlib.Path(directory)

        def compiled(model, weights, *flags):
            program = work / "".join(["program", *flags])
            run([options.fpmoe_compile, model, "-o", program, f"--weights={weights}", *flags])
            return program

        for model in models:
            if not model.exists():
                model = GOLDEN / model
            if (model / "recipe.toml").is_file():
                model = model / "recipe.toml"
            for weights in options.formats.split(","):
                program = compiled(model, weights)
                segment = json.loads(run([program, "info", "--json"]))["segment"]
                narrow = [compiled(model, weights, f"--prefill-tokens={tokens}")
                          for tokens in (7, 64) if options.matrix and tokens >= segment]
                name = (f"recipes/{model.stem}" if model.resolve().parent == RECIPES else
                        model.parent.name if model.is_file() else model.name)
                report(name, weights,
                       check_server(program, options.count, options.matrix, work, narrow),
                       "the same bits")
                if (model / "tokenizer.json").is_file() and model.resolve() == NANO:
                    report(model.name, weights, check_texts(program, 16), "the same texts")
        if options.fill_in:
            nano_with_middle(work / "nano")
            program = compiled(work / "nano", "bf16")
            report("nano", "bf16", check_middle(program, work), "the middle")
    print(f"{failures} checks failed" if failures else "all checks passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
