"""Small functions to write, each once for all languages: a Python function is the reference
answer, its name and types are the signature, and its documentation is the task.

    @problem([examples, which the task shows], [arguments of hidden tests])

Arguments are tuples; that of a function of one parameter stands alone. What a test expects
is what the reference answers.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import copy
import importlib
import inspect
import typing
from dataclasses import dataclass

TOPICS = ["numbers", "strings", "lists", "pairs", "grids", "puzzles"]


@dataclass
class Problem:
    name: str  # in snake case
    task: str
    parameters: dict  # {name: type}
    result: type
    examples: list  # of arguments, as tuples
    tests: list
    reference: typing.Callable

    def expected(self, arguments):
        # A reference may change its arguments.
        return self.reference(*copy.deepcopy(arguments))


def all_problems():
    """Returns the problems of all topics, in turns, so that the first ones are a sample."""
    topics = [importlib.import_module(f"problems.{topic}").PROBLEMS for topic in TOPICS]
    longest = max(map(len, topics))
    return [topic[i] for i in range(longest) for topic in topics if i < len(topic)]


def collector():
    """Returns a list of problems and the decorator that adds to it."""
    problems = []

    def problem(examples, tests):
        def add(reference):
            types = typing.get_type_hints(reference)
            result = types.pop("return")

            def tuples(cases):
                return [(case,) for case in cases] if len(types) == 1 else cases
            problems.append(Problem(
                name=reference.__name__, task=" ".join(inspect.getdoc(reference).split()),
                parameters=types, result=result, examples=tuples(examples),
                tests=tuples(tests), reference=reference))
            return reference
        return add
    return problems, problem
