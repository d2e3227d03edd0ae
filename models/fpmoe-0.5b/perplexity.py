"""Perplexity of held-out texts, as the model in training computes it."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import math

import torch

import texts
from texts import LANGUAGES


@torch.no_grad()
def measure(model, tokens, name, length, most):
    """{language: [perplexity, share]} of windows of a held-out set, `most` of each
    language. Tokens go where the routers send them; the share is of those that go to the
    expert of their language, None where there are no experts."""
    found = {}
    for label, lang in enumerate(LANGUAGES):
        windows = texts.held_out(tokens, name, lang, length, most)
        model.choose(None if model.experts else ["shared"])
        loss, own = 0.0, 0.0
        for ids in windows:
            loss += model.loss(ids).item() / len(windows)
            if model.experts:
                own += model.own_share(label) / len(windows)
        if windows:
            found[lang] = [round(math.exp(loss), 4),
                           round(own, 4) if model.experts else None]
    return found
