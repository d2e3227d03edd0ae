"""pass@k and its confidence: intervals by the bootstrap over problems."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import math
import random

RESAMPLES = 2000
CONFIDENCE = 0.95


def pass_at(k, samples, passed):
    """The share of choices of k of the samples that have one which passes: an unbiased
    estimate of how likely one of k new ones would."""
    return 1 - math.comb(samples - passed, k) / math.comb(samples, k)


def mean(values):
    return sum(values) / len(values)


def interval(values, seed=1):
    """The mean of a value for each problem, and the ends of its confidence interval. Of
    two programs, the values to give are their differences, problem by problem."""
    draw = random.Random(seed)
    means = sorted(mean(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    tail = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    return mean(values), means[tail], means[-1 - tail]
