#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predicts the time of a step by the number of ranks that a model is split over.

    test/bench/ranks-model.py test/bench/fpmoe-5B --bandwidth 17 --latency 1 --link 5
    test/bench/ranks-model.py test/bench/mixtral-8x7B --bits 4.5 --bandwidth 200 \\
        --latency 5 --link 12 --ranks 1,2,4,8,16,32

A token reads a rank's weights, and its keys and values, at the rate of a rank's memory; a prompt is
multiplied at the rate of its processors. Behind the embedding and behind both blocks of each layer
all ranks add their rows: up to --butterfly bytes in log2(ranks) messages of all of them, more in
twice as many messages of twice (ranks - 1) / ranks of them in all. Each sum is a wait for
the workers of a rank, too. A step begins with a message to all ranks and ends with the logits, which
rank 0 gathers. Nothing overlaps: that programs ask for weights while they wait is left out. Ranks
that share heads of keys and values have a copy each. Programs split every expert over all ranks; the
last column is what a token would take if each rank had whole experts, chosen evenly: all wait for
the rank with the most. Exit code 1: the configuration has no such sizes, or cannot be split so.
"""

import argparse
import json
import math
import pathlib
import random
import sys


class Model:
    """Sizes of a model, from its config.json."""

    def __init__(self, config):
        self.hidden, self.layers = config["hidden_size"], config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.kv_heads = config.get("num_key_value_heads", self.heads)
        self.head = config.get("head_dim") or self.hidden // self.heads
        self.vocabulary = config["vocab_size"]
        experts = config.get("num_experts") or config.get("num_local_experts") or 0
        width = config.get("moe_intermediate_size") or config["intermediate_size"]
        shared = config.get("shared_expert_intermediate_size") or 0
        if not experts:
            width, shared = 0, config["intermediate_size"]
        taken = config.get("num_experts_per_tok", 0) if experts else 0
        self.qkv = self.hidden * self.head * (self.heads + 2 * self.kv_heads)
        self.output = self.hidden * self.head * self.heads
        self.experts, self.taken, self.expert = experts, taken, 3 * self.hidden * width
        self.network = 3 * self.hidden * (taken * width + shared)
        self.all_networks = 3 * self.hidden * (experts * width + shared)
        self.router = experts * self.hidden
        self.logits = self.hidden * self.vocabulary
        tables = 1 if config.get("tie_word_embeddings") else 2
        self.tables = tables * self.logits

    def copies(self, ranks):
        """How often the heads of keys and values are there."""
        return max(ranks // self.kv_heads, 1)

    def can(self, ranks):
        return self.heads % ranks == 0 and (self.kv_heads % ranks == 0 or
                                            ranks % self.kv_heads == 0)

    def layer(self, ranks, network):
        """Parameters of a layer in a rank, but for its router."""
        kv = self.hidden * self.head * 2 * self.kv_heads
        qkv = self.qkv + (self.copies(ranks) - 1) * kv
        return (qkv + self.output + network) / ranks

    def read(self, ranks):
        """Parameters that a token reads in a rank, but for routers."""
        return self.layers * self.layer(ranks, self.network) + self.logits / ranks

    def most_chosen(self, ranks):
        """How many of a token's experts the rank with the most has, if it has whole ones."""
        draw, draws = random.Random(1), 20000
        ranks = min(ranks, self.experts)
        most = 0
        for _ in range(draws):
            chosen = [expert * ranks // self.experts
                      for expert in draw.sample(range(self.experts), self.taken)]
            most += max(map(chosen.count, chosen))
        return most / draws

    def held(self, ranks):
        return self.layers * self.layer(ranks, self.all_networks) + self.tables / ranks


def predict(model, ranks, options):
    """Seconds of a token and of a prompt, and what of each are sums over ranks."""
    latency, link = options.latency * 1e-6, options.link * 1e9

    def add(rows):
        """Seconds of a sum over ranks."""
        if ranks == 1:
            return 0
        size, rounds = rows * model.hidden * 4, math.log2(ranks)
        send = (rounds * (latency + size / link) if size <= options.butterfly else
                2 * (rounds * latency + (ranks - 1) / ranks * size / link))
        return send + 3 * options.barrier * 1e-6

    sums = 2 * model.layers + 1
    weights = model.read(ranks) * options.bits / 8 + model.layers * model.router * 4
    cache = (options.context * 2 * model.head * 2 * model.layers *
             model.kv_heads * model.copies(ranks) / ranks)
    gather = (latency * math.log2(ranks) * 2 +
              (ranks - 1) / ranks * model.vocabulary * 4 / link if ranks > 1 else 0)
    step = (weights + cache) / (options.bandwidth * 1e9)
    work = 2 * options.prompt * (model.read(ranks) - model.logits / ranks)
    token_sums, prompt_sums = sums * add(1), sums * add(options.prompt)
    return (step + token_sums + gather,
            work / (options.rate * 1e12) + prompt_sums + gather, token_sums, prompt_sums)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="a folder with a config.json, or that")
    parser.add_argument("--ranks", default="1,2,4,8,16,32,64", help="numbers of ranks (%(default)s)")
    parser.add_argument("--bits", type=float, default=16, help="of a weight (%(default)s)")
    parser.add_argument("--bandwidth", type=float, default=100,
                        help="of a rank's memory, GB/s, as products reach it (%(default)s)")
    parser.add_argument("--rate", type=float, default=1,
                        help="of a rank's processors, 10^12 operations/s, as products reach it "
                        "(%(default)s)")
    parser.add_argument("--latency", type=float, default=5,
                        help="of a message between ranks, us (%(default)s)")
    parser.add_argument("--link", type=float, default=12,
                        help="between ranks, GB/s in each direction (%(default)s)")
    parser.add_argument("--barrier", type=float, default=1,
                        help="of the workers of a rank, us (%(default)s)")
    parser.add_argument("--butterfly", type=int, default=65536,
                        help="bytes that all go in each message (%(default)s)")
    parser.add_argument("--context", type=int, default=1024, help="tokens before (%(default)s)")
    parser.add_argument("--prompt", type=int, default=512, help="tokens of a prompt (%(default)s)")
    options = parser.parse_args()
    path = options.model / "config.json" if options.model.is_dir() else options.model
    try:
        model = Model(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{path}: is no configuration of a model: {error!r}", file=sys.stderr)
        return 1
    try:
        numbers = [int(word) for word in options.ranks.split(",")]
    except ValueError:
        parser.error(f"--ranks {options.ranks}: must be numbers")
    if any(ranks < 1 or ranks & (ranks - 1) for ranks in numbers):
        parser.error(f"--ranks {options.ranks}: must be powers of two")

    print("ranks  GB a rank   tokens/s  of ideal  sums   prompt tokens/s  of ideal  sums"
          + "  by whole experts" * (model.taken > 1))
    first = None
    for ranks in numbers:
        if not model.can(ranks):
            print(f"{ranks:5}  heads: {model.heads} of queries, {model.kv_heads} of keys and "
                  "values cannot be shared out so")
            continue
        token, prompt, token_sums, prompt_sums = predict(model, ranks, options)
        rates = 1 / token, options.prompt / prompt
        first = first or (ranks, rates)
        shares = [rate / base * first[0] / ranks for rate, base in zip(rates, first[1])]
        print(f"{ranks:5} {model.held(ranks) * options.bits / 8e9:10.1f} {rates[0]:10.1f} "
              f"{shares[0]:9.0%} {token_sums / token:5.0%} {rates[1]:17.0f} "
              f"{shares[1]:9.0%} {prompt_sums / prompt:5.0%}", end="")
        if model.taken > 1 and model.experts % ranks == 0:
            more = model.most_chosen(ranks) - model.taken / ranks
            extra = model.layers * more * model.expert * options.bits / 8
            print(f" {1 / (token + extra / (options.bandwidth * 1e9)):17.1f}", end="")
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
