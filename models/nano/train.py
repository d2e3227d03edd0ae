"""Trains the nano model: a mixture of three language experts in small, made the way
the FPMoE paper makes its own.

  corpus     fetch the sources and split them by file; tokenizer; token arrays
  base       one dense model on all three languages
  finetune   from the base, one dense model per language and one shared one
  assemble   their feed-forwards become the experts of a mixture, with a new gate
  joint      the mixture and its gate together
  export     write the mixture to --out, and what it was assembled of to WORK/parts
  report     perplexities, routing and samples of what was exported

Stages run in this order and keep their results in --work; name one or more to run
only those. `train.py --scale 0.02` runs all of it in a few minutes, with a poor result.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import corpus as corpora
import data
import export
import fitting
import report
import tokenizer as bpe
from corpus import LANGUAGES
from model import NanoModel, Shape

HERE = Path(__file__).resolve().parent
STAGES = ["corpus", "base", "finetune", "assemble", "joint", "export", "report"]
TOKENS_PER_STEP = 4096
WINDOW = 256

# The weight of the gate's own loss. With top-1 and renormalised weights the routed
# weight is 1 whatever the gate says, so the language-model loss gives the gate no
# gradient: the gate learns from the language of the file instead.
GATE_LOSS = 0.1
# The part of joint training during which tokens go to the expert of their language,
# until the gate can be trusted to choose.
GATE_WARMUP = 0.05
# The last part of joint training sees windows as long as the context.
LONG_WINDOWS = 0.3


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE",
                        help="one of: " + ", ".join(STAGES) + " (default: all)")
    parser.add_argument("--work", type=Path, default=Path("build/nano"),
                        help="folder of intermediate results (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE,
                        help="folder of the finished model (default: this script's)")
    parser.add_argument("--base-tokens", type=float, default=5e6)
    parser.add_argument("--finetune-tokens", type=float, default=4.5e5,
                        help="for each of the four fine-tunes")
    parser.add_argument("--joint-tokens", type=float, default=1.3e6)
    parser.add_argument("--scale", type=float, default=1.0,
                        help="multiplies the three numbers of tokens")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    unknown = set(options.stages) - set(STAGES)
    if unknown:
        parser.error(f"unknown stage {sorted(unknown)[0]}; stages: {' '.join(STAGES)}")
    return options


def make_corpus(options):
    corpus = corpora.load(options.work)
    corpora.write_table(
        corpus, options.out / "corpus.md", "the nano model",
        "Expat is another name of the MIT licence, and findlib's has its text too; "
        "BSD-C2 and BSD-C3 are the BSD licences of two and of three clauses.")
    corpora.write_sample(corpus, options.work, options.out / "heldout",
                         "the nano model")
    # The vocabulary is learnt from the same amount of text of each language.
    share = min(sum(len(e["text"]) for e in corpus[lang]["train"])
                for lang in LANGUAGES)
    texts = []
    for lang in LANGUAGES:
        left = share
        for entry in corpus[lang]["train"]:
            if left > 0:
                texts.append(entry["text"])
                left -= len(entry["text"])
    tokenizer = bpe.train(texts, Shape.vocab)
    bpe.save(tokenizer, options.work, Shape.context)
    data.tokenize(corpus, tokenizer, options.work, options.seed)


def fit(name, model, options, languages, tokens, peak, seed):
    """Trains `model` in place on the given languages."""
    steps = max(10, int(tokens * options.scale) // TOKENS_PER_STEP)
    if not model.compiled:
        model.compile()
    optimizer = fitting.Optimizer(model)
    short = data.Batches(options.work, languages, WINDOW,
                         TOKENS_PER_STEP // WINDOW, [options.seed, seed])
    long = data.Batches(options.work, languages, model.shape.context,
                        TOKENS_PER_STEP // model.shape.context, [options.seed, seed])
    started = shown = time.time()
    for step in range(steps):
        progress = step / steps
        use_long = model.experts and progress >= 1 - LONG_WINDOWS
        ids, labels = (long if use_long else short).next()
        token_labels = labels.repeat_interleave(ids.shape[1] - 1)
        model.route_by(token_labels if progress < GATE_WARMUP else None)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model.loss(ids)
        total, right = loss, []
        for mixture in model.mixtures():
            gate_loss = F.cross_entropy(mixture.gate_logits, token_labels)
            total = total + GATE_LOSS / model.shape.layers * gate_loss
            hits = mixture.gate_logits.argmax(-1) == token_labels
            right.append(hits.float().mean().item())
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(fitting.learning_rate(step, steps, peak))
        if time.time() - shown > 20 or step in (0, steps - 1):
            shown = time.time()
            speed = (step + 1) * TOKENS_PER_STEP / (shown - started)
            routing = "  own expert " + " ".join(f"{r:.3f}" for r in right)
            print(f"{name}: step {step + 1}/{steps}  loss {loss.item():.3f}  "
                  f"{speed:.0f} tokens/s{routing if right else ''}", flush=True)
            torch.save(model.state_dict(), options.work / f"{name}.pt")
    model.route_by(None)


def restore(options, name, experts=0):
    model = NanoModel(Shape(), experts)
    model.load_state_dict(torch.load(options.work / f"{name}.pt"))
    return model


def train_base(options):
    model = NanoModel(Shape()).initialize(options.seed)
    fit("base", model, options, LANGUAGES, options.base_tokens, 8e-3, 0)


def train_finetunes(options):
    model = NanoModel(Shape())  # one for all four, since compiling it takes a while
    for number, name in enumerate([*LANGUAGES, "shared"]):
        model.load_state_dict(torch.load(options.work / "base.pt"))
        languages = LANGUAGES if name == "shared" else [name]
        fit(name, model, options, languages, options.finetune_tokens, 2.5e-3,
            1 + number)


def assemble(options):
    """Feed-forwards of the language models become routed experts, the shared model's
    the shared expert; all other weights are the shared model's. The routed weight is
    1 and a shared gate of zeros gives sigmoid(0) = 1/2, so the routed outputs are
    halved: where all parts agree, the mixture starts as the dense model it is from."""
    shared = torch.load(options.work / "shared.pt")
    mixture = {k: v for k, v in shared.items() if ".mlp." not in k}
    shape = Shape()
    generator = torch.Generator().manual_seed(options.seed)
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}.mlp."
        for number, lang in enumerate(LANGUAGES):
            part = torch.load(options.work / f"{lang}.pt")
            for matrix in ("gate_proj", "up_proj", "down_proj"):
                factor = 0.5 if matrix == "down_proj" else 1.0
                mixture[f"{prefix}experts.{number}.{matrix}.weight"] = \
                    part[f"{prefix}{matrix}.weight"] * factor
        for matrix in ("gate_proj", "up_proj", "down_proj"):
            mixture[f"{prefix}shared_expert.{matrix}.weight"] = \
                shared[f"{prefix}{matrix}.weight"]
        mixture[f"{prefix}shared_expert_gate.weight"] = torch.zeros(1, shape.hidden)
        mixture[f"{prefix}gate.weight"] = 0.02 * torch.randn(
            len(LANGUAGES), shape.hidden, generator=generator)
    torch.save(mixture, options.work / "assembled.pt")


def train_joint(options):
    model = restore(options, "assembled", len(LANGUAGES))
    fit("mixture", model, options, LANGUAGES, options.joint_tokens, 3e-3, 9)


def write_model(options):
    for name in ["base", *LANGUAGES, "shared"]:
        export.write(restore(options, name), options.work,
                     options.work / "parts" / name, None)
    # The gate before joint training: with it, a recipe assembles the parts, rounded to
    # bf16, to what the stage of that name did.
    gate = {k: v.contiguous() for k, v in torch.load(options.work / "assembled.pt").items()
            if k.endswith(".mlp.gate.weight")}
    (options.work / "parts/gate").mkdir(exist_ok=True)
    save_file(gate, options.work / "parts/gate/model.safetensors")
    export.write(restore(options, "mixture", len(LANGUAGES)), options.work,
                 options.out, LANGUAGES)


def write_report(options):
    parts = {n: restore(options, n) for n in ["base", *LANGUAGES, "shared"]}
    report.write(parts, options.work, options.out, WINDOW)


def main():
    options = parse()
    for folder in (options.work, options.out):
        folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    run = {"corpus": make_corpus, "base": train_base, "finetune": train_finetunes,
           "assemble": assemble, "joint": train_joint, "export": write_model,
           "report": write_report}
    for stage in STAGES:
        if not options.stages or stage in options.stages:
            print(f"== {stage}", flush=True)
            run[stage](options)


if __name__ == "__main__":
    fitting.tune_malloc()
    main()
