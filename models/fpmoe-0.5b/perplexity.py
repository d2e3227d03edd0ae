"""Perplexity of held-out texts, as the model in training computes it.

    perplexity.py [--control] [--windows N]

The base is the mixture whose adapters add nothing.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import contextlib
import math

import torch

import texts
from texts import LANGUAGES


@contextlib.contextmanager
def averaged(training):
    """The model with the averages of its adapters and with its routers."""
    kept = {name: p.detach().clone() for name, p in training.adapters.items()}
    with torch.no_grad():
        for name, p in training.adapters.items():
            p.copy_(training.average[name])
        training.model.set_routers(training.routers.weights)
        yield training.model
        for name, p in training.adapters.items():
            p.copy_(kept[name])


def measure(training, tokens, name, most):
    """{language: [perplexity, share of tokens that the routers send to their own
    expert]}. Tokens go where routers send them."""
    found = {}
    with averaged(training) as model:
        for label, lang in enumerate(LANGUAGES):
            windows = texts.held_out(tokens, name, lang, training.options.window, most)
            if not windows:
                continue
            model.choose(["shared"] if len(model.adapters) == 1 else None)
            loss, own = 0.0, 0.0
            for ids in windows:
                loss += model.loss(ids).item()
                own += model.own_share(label)
            found[lang] = [round(math.exp(loss / len(windows)), 4),
                           round(own / len(windows), 4)]
    return found
