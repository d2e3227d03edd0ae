"""Trains the parts of the recipes: one small Mistral and adapters on it.

  corpus     fetch the sources, split them by file, and make token arrays
  base       a dense model on all seven languages, from the weights of the nano model
  fpmoe      adapters on the feed-forward networks: haskell, ocaml, scala, and one of
             all three
  mistral    adapters on all linear layers: python, java, javascript, cpp
  mole       an adapter that all tokens take, trained together with one more for each
             of haskell, ocaml, scala
  gates      the routers of the mixtures that the compiler assembles of the parts

Stages run in this order; name one or more to run only those. Parts are written to --out, and
report.py measures them. Needs the same as models/nano/train.py, and `gates` also transformers
and fpmoe-compile.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NANO = HERE.parent / "nano"
sys.path.append(str(NANO))

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

import corpus as corpora
import data
import export
import fitting
import gates
from lora import Adapters
from model import NanoModel, Shape

STAGES = ["corpus", "base", "fpmoe", "mistral", "mole", "gates"]
FUNCTIONAL = corpora.LANGUAGES
OTHERS = ["python", "java", "javascript", "cpp"]
LANGUAGES = FUNCTIONAL + OTHERS
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
FEED_FORWARD = ["gate_proj", "up_proj", "down_proj"]
SAMPLE_BYTES = 16_000

# Texts of training are as long as the sliding window, so that it masks nothing.
WINDOW = 256
CONFIG = {"architectures": ["MistralForCausalLM"], "model_type": "mistral",
          "head_dim": Shape.head_dim, "max_position_embeddings": 4096,
          "sliding_window": WINDOW, "use_sliding_window": None}


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE",
                        help="one of: " + ", ".join(STAGES) + " (default: all)")
    parser.add_argument("--work", type=Path, default=Path("build/recipes"),
                        help="folder of intermediate results (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE / "parts",
                        help="folder of the parts (default: parts beside this script)")
    parser.add_argument("--base-tokens", type=float, default=3.7e5)
    parser.add_argument("--adapter-tokens", type=float, default=4e4,
                        help="for each adapter of one language")
    parser.add_argument("--compiler", default="fpmoe-compile")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    unknown = set(options.stages) - set(STAGES)
    if unknown:
        parser.error(f"unknown stage {sorted(unknown)[0]}; stages: {' '.join(STAGES)}")
    return options


def make_corpus(options):
    listing = HERE / "packages.json"
    corpus = corpora.load(options.work, listing)
    corpora.write_table(
        corpus, HERE / "corpus.md", "the recipes",
        "Expat is another name of the MIT licence; BSD-C3, BSD-3-google and "
        "BSD-3-Clause~Google are the BSD licence of three clauses; of a choice of "
        "licences the MIT licence is taken. Haskell, OCaml and Scala are those of "
        "[the nano model](../nano/corpus.md).", listing)
    corpora.write_sample(corpus, options.work, HERE / "heldout", "the base of the recipes",
                         SAMPLE_BYTES, listing)
    corpus = {**corpora.load(options.work), **corpus}
    data.tokenize(corpus, Tokenizer.from_file(str(NANO / "tokenizer.json")),
                  options.work, options.seed)


def fit(name, model, options, languages, rows, tokens, peak, seed):
    """Trains what has gradients in place."""
    steps = max(3, int(tokens) // (rows * WINDOW))
    if name == "base":  # adapters take so few steps that compiling does not pay
        model.compile()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = fitting.Optimizer(model)
    batches = data.Batches(options.work, languages, WINDOW, rows,
                           [options.seed, seed], LANGUAGES)
    started = shown = time.time()
    for step in range(steps):
        ids, _ = batches.next()
        loss = model.loss(ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step(fitting.learning_rate(step, steps, peak))
        if time.time() - shown > 20 or step in (0, steps - 1):
            shown = time.time()
            speed = (step + 1) * rows * WINDOW / (shown - started)
            print(f"{name}: step {step + 1}/{steps}  loss {loss.item():.3f}  "
                  f"{speed:.0f} tokens/s", flush=True)


def dense_of_nano():
    """The nano model without its routers: the mean of the feed-forward networks that
    a token's output is the sum of, on average, and no biases."""
    nano = {k: v.float() for k, v in load_file(NANO / "model.safetensors").items()}
    dense = {k: v for k, v in nano.items() if ".mlp." not in k and ".bias" not in k}
    for layer in range(Shape.layers):
        mlp = f"model.layers.{layer}.mlp."
        for matrix in FEED_FORWARD:
            experts = [nano[f"{mlp}experts.{e}.{matrix}.weight"]
                       for e in range(len(FUNCTIONAL))]
            routed = sum(experts) / len(experts)
            shared = nano[f"{mlp}shared_expert.{matrix}.weight"]
            # Shared gates are about 1/2; a routed expert's weight is 1.
            dense[f"{mlp}{matrix}.weight"] = (
                routed + shared / 2 if matrix == "down_proj" else (routed + shared) / 2)
    return dense


def train_base(options):
    model = NanoModel(Shape(bias=False))
    model.load_state_dict(dense_of_nano())
    fit("base", model, options, LANGUAGES, 16, options.base_tokens, 5e-3, 0)
    save_base(model, options)


def save_base(model, options):
    export.write(model, NANO, options.out / "base", None, CONFIG)


def restore_base(options):
    model = NanoModel(Shape(bias=False))
    model.load_state_dict({k: v.float() for k, v in load_file(
        options.out / "base/model.safetensors").items()})
    return model


def train_adapters(options, folder, names, modules, languages, choices, seed):
    """`languages` are those of the rows of a batch, `choices` the adapters of each."""
    model = restore_base(options)
    torch.manual_seed(options.seed + seed)
    adapters = Adapters(model, names, modules)
    adapters.choose(choices)
    tokens = options.adapter_tokens * len(languages)
    fit(folder, model, options, languages, len(languages), tokens, 4e-3, seed)
    adapters.save(options.out / folder)


def train_fpmoe(options):
    # The shared one takes as many rows as the three others.
    train_adapters(options, "fpmoe", ["shared", *FUNCTIONAL], FEED_FORWARD,
                   FUNCTIONAL * 2, [FUNCTIONAL + ["shared"] * 3], 1)


def train_mistral(options):
    train_adapters(options, "mistral-x4", OTHERS, ATTENTION + FEED_FORWARD,
                   OTHERS, [OTHERS], 2)


def train_mole(options):
    train_adapters(options, "mole", ["shared", *FUNCTIONAL], ATTENTION + FEED_FORWARD,
                   FUNCTIONAL, [["shared"] * 3, FUNCTIONAL], 3)


def train_gates(options):
    gates.train(options, "fpmoe", FUNCTIONAL)
    gates.for_two_levels(options, "fpmoe", "multipl-moe")
    gates.train(options, "mistral-x4", OTHERS)


def main():
    options = parse()
    for folder in (options.work, options.out):
        folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    run = {"corpus": make_corpus, "base": train_base, "fpmoe": train_fpmoe,
           "mistral": train_mistral, "mole": train_mole, "gates": train_gates}
    for stage in STAGES:
        if not options.stages or stage in options.stages:
            print(f"== {stage}", flush=True)
            run[stage](options)


if __name__ == "__main__":
    fitting.tune_malloc()
    main()
