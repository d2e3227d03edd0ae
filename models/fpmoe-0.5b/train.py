"""Trains the mixture, some minutes at a time.

    train.py --minutes 5             goes on from the state in the cache
    train.py --minutes 5 --control   the control: one adapter for all tokens

The base stays as it is; a low-rank adapter for each language, one that all tokens take,
and the routers are trained together, inside the mixture. A text takes the expert of its
language. The control has one adapter of the same rank, and reads the same rows in the same
order. Every run ends with its state written and a line in CACHE/RUN/log.jsonl; so does
one that SIGTERM or SIGINT ends. What is read, and what comes of it, is the same for a
run in pieces and in one piece. Where there is no state, the mixture goes on from the
parts that parts.py has written, with optimizers that begin anew.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "nano"))

import torch

import base as bases
import fitting
import parts
import perplexity
import texts
from mixture import Mixture, Routers, number_type
from texts import LANGUAGES

# Of AdamW, for A and B of the adapters.
RATES = {"lora_A": 5e-4, "lora_B": 2e-3}
WARM_UP, DECAY_AFTER = 5, 100  # steps
PARTS = HERE / "parts"
AVERAGED = 50  # steps, of the adapters that are measured and exported


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bases.add_options(parser)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--until", type=int, metavar="STEP",
                        help="the last one, where time allows; of all runs together")
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--parts", type=Path, default=PARTS, metavar="FOLDER",
                        help="to go on from, where there is no state (default: "
                             "%(default)s)")
    parser.add_argument("--window", type=int, default=512,
                        help="tokens of a row (default: %(default)s)")
    parser.add_argument("--held-out-every", type=int, default=30_000, metavar="TOKENS",
                        help="after how many the held-out texts are read (default: "
                             "%(default)s)")
    parser.add_argument("--held-out-windows", type=int, default=8, metavar="N",
                        help="of each language; 0 measures nothing (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def rate(step, begun):
    """For training that has no end yet: warm-up of optimizers that began at step `begun`,
    then the inverse square root."""
    return min(1.0, (step - begun + 1) / WARM_UP) * max(1.0, step / DECAY_AFTER) ** -0.5


class Training:
    """Everything that changes, and how it is kept."""

    def __init__(self, options, folder, tokens):
        self.options = options
        self.place = options.cache / ("control" if options.control else "mixture")
        self.place.mkdir(parents=True, exist_ok=True)
        # A state belongs to these.
        self.settings = {"base": bases.fingerprint(folder), "window": options.window,
                         "seed": options.seed}
        torch.manual_seed(options.seed)
        names = ["shared"] + ([] if options.control else LANGUAGES)
        self.model = Mixture(folder, names, number_type())
        self.rows = texts.Rows(tokens, options.window, options.seed)
        self.adapters = self.model.trained()
        self.average = {n: p.detach().clone() for n, p in self.adapters.items()}
        self.optimizer = torch.optim.AdamW(
            [{"params": [p for n, p in self.adapters.items() if kind in n]}
             for kind in RATES], betas=(0.9, 0.95), weight_decay=0.0)
        self.routers = Routers(len(self.model.networks), self.model.experts,
                               self.model.width)
        self.step = self.begun = 0
        if (self.place / "state.pt").exists():
            self.restore()
        elif not options.control:
            self.adopt(parts.read(options.parts))

    def optimizers(self):
        return {"optimizer": self.optimizer, "router_optimizer": self.routers.optimizer}

    def restore(self):
        state = parts.read_state(self.place / "state.pt", mmap=False)
        for name, mine in self.settings.items():
            if state["settings"][name] != mine:
                bases.fail(f"{self.place}/state.pt: its {name} is "
                           f"{state['settings'][name]}, this run has {mine}")
        self.step, self.begun = state["step"], state["begun"]
        for name, part in self.optimizers().items():
            part.load_state_dict(state[name])
        with torch.no_grad():
            self.routers.weights.copy_(state["routers"])
            for name, p in self.adapters.items():
                p.copy_(state["adapters"][name])
                self.average[name].copy_(state["average"][name])

    def adopt(self, state):
        """Goes on from parts, if there are any of this run's settings."""
        if not state:
            if self.options.parts != PARTS:
                bases.fail(f"{self.options.parts}: has no {parts.TRAINING}; parts.py "
                           "writes it")
            return
        if state["settings"] != self.settings:
            print(f"{self.options.parts}: of another base, window or seed; begins anew")
            return
        self.step = self.begun = state["step"]
        with torch.no_grad():
            self.routers.weights.copy_(state["routers"])
            for name, p in self.adapters.items():
                p.copy_(state["adapters"][name])
                self.average[name].copy_(p)
        print(f"{self.options.parts}: goes on after {self.step} steps")

    def save(self):
        state = {"settings": self.settings, "step": self.step, "begun": self.begun,
                 "names": self.model.adapters,
                 "routers": self.routers.weights.detach(),
                 "adapters": {n: p.detach() for n, p in self.adapters.items()},
                 "average": self.average,
                 **{name: part.state_dict()
                    for name, part in self.optimizers().items()}}
        written = self.place / "state.pt.new"
        torch.save(state, written)
        os.replace(written, self.place / "state.pt")

    def measure(self, tokens):
        """Of the averages, which are what is exported."""
        kept = {name: p.detach().clone() for name, p in self.adapters.items()}
        self.model.load(self.average, self.routers.weights)
        found = perplexity.measure(self.model, tokens, "files", self.options.window,
                                   self.options.held_out_windows)
        self.model.load(kept, self.routers.weights)
        return found

    def log(self, **fields):
        with open(self.place / "log.jsonl", "a") as log:
            log.write(json.dumps(fields) + "\n")

    def tokens(self):
        return self.step * len(LANGUAGES) * self.options.window

    def train(self, stopped):
        """One step: a row of each language. Returns their losses and the share of
        tokens whose router would have chosen their own expert, or None where `stopped`
        came true, and nothing has changed."""
        losses, inputs, labels = {}, [], []
        for turn in range(len(LANGUAGES)):
            if stopped():
                self.optimizer.zero_grad()
                return None
            ids, label = self.rows[self.step * len(LANGUAGES) + turn]
            lang = LANGUAGES[label]
            self.model.choose(["shared"] + ([] if self.options.control else [lang]))
            loss = self.model.loss(ids)
            (loss / len(LANGUAGES)).backward()
            losses[lang] = loss.item()
            if not self.options.control:
                inputs.append(self.model.inputs())
                labels.append(torch.full((inputs[-1].shape[1],), label))
        factor = rate(self.step, self.begun)
        torch.nn.utils.clip_grad_norm_(self.adapters.values(), 1.0)
        for group, kind in zip(self.optimizer.param_groups, RATES):
            group["lr"] = RATES[kind] * factor
        self.optimizer.step()
        self.optimizer.zero_grad()
        kept = min(1 - 1 / AVERAGED, (self.step + 1) / (self.step + 10))
        for name, p in self.adapters.items():
            self.average[name].lerp_(p.detach(), 1 - kept)
        own = None
        if inputs:
            own = self.routers.learn(torch.cat(inputs, 1), torch.cat(labels),
                                     self.step, factor)
        self.step += 1
        return losses, own


def run(training, options, stopped):
    """Trains for the time given; returns fields for the log."""
    begun, losses, own = time.time(), {lang: [] for lang in LANGUAGES}, []
    first = training.step
    longest = 0.0  # step, so that the time given is kept
    while options.until is None or training.step < options.until:
        started = time.time()
        if training.step > first and \
                started - begun + longest > options.minutes * 60:
            break
        result = training.train(stopped)
        if result is None:
            break
        for lang, loss in result[0].items():
            losses[lang].append(loss)
        own += [] if result[1] is None else [result[1]]
        longest = max(longest, time.time() - started)
        print(f"step {training.step}  " + "  ".join(
            f"{lang} {loss:.3f}" for lang, loss in result[0].items()) +
            f"  {time.time() - started:.1f} s", flush=True)

    def mean(values):
        return round(sum(values) / len(values), 4) if values else None
    return {"steps": training.step - first, "tokens": training.tokens(),
            "loss": {lang: mean(l) for lang, l in losses.items()},
            "own_expert": mean(own), "seconds": round(time.time() - begun, 1)}


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    folder = bases.prepare(options.base, options.cache)
    tokens = texts.prepare(folder, options.cache)
    signals = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: signals.append(1))
    training = Training(options, folder, tokens)
    before = training.tokens()
    if before == 0 and options.held_out_windows:
        training.log(tokens=0, held_out=training.measure(tokens))
    fields = run(training, options, lambda: bool(signals))
    training.save()
    crossed = before // options.held_out_every != \
        training.tokens() // options.held_out_every
    if crossed and options.held_out_windows and not signals:
        fields["held_out"] = training.measure(tokens)
    training.log(**fields, threads=options.threads)
    print(json.dumps(fields))


if __name__ == "__main__":
    fitting.tune_malloc()
    main()
