"""Checks what every problem has to hold, how prompts look, where answers are cut, and the
scores.

    problems.py SOURCE
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import itertools
import sys
import typing
from pathlib import Path

source = Path(sys.argv[1]) / "models/fpmoe-0.5b"
sys.path[0] = str(source)  # instead of this folder, which has a problems.py, too

from languages import LANGUAGES
from problems import all_problems
from scores import interval, pass_at

RESERVED = set("""
    and as assert begin case catch class constraint data def default deriving do done downto
    else end exception extends external false final finally for forSome foreign fun function
    functor if implicit import in include inherit initializer instance land lazy let lor lsl
    lsr lxor match method mod module mutable new newtype nonrec null object of open or
    override package private protected rec return sealed sig struct super then this throw to
    trait true try type val var virtual when where while with yield
    """.split())


def values(value, kind):
    """All values inside of one, which is of its type."""
    inner = [k for k in typing.get_args(kind) if k is not type(None)]
    origin = typing.get_origin(kind)
    if origin is typing.Union:
        return [] if value is None else values(value, inner[0])
    assert type(value) is (origin or kind), (value, kind)
    if origin is list:
        return [v for item in value for v in values(item, inner[0])]
    if origin is tuple:
        assert len(value) == len(inner)
        return [v for item, k in zip(value, inner) for v in values(item, k)]
    return [value]


def check(problem):
    cases = problem.examples + problem.tests
    assert len(problem.examples) == 2 and len(problem.tests) >= 6
    assert not RESERVED & {problem.name, *problem.parameters}
    assert len(set(map(repr, cases))) == len(cases), "a case is there twice"
    expected = [problem.expected(case) for case in cases]
    assert len(set(map(repr, expected[2:]))) > 1, "a constant would pass"
    for case, result in zip(cases, expected):
        assert len(case) == len(problem.parameters)
        for value in itertools.chain(values(result, problem.result),
                                     *map(values, case, problem.parameters.values())):
            # An Int of Scala has 32 bits; texts need no escapes.
            assert type(value) is not int or -2 ** 31 <= value < 2 ** 31
            assert type(value) is not str or value.isascii() and \
                (value == "" or value.isprintable()) and not set(value) & set('\\"')


def cut(language, name, completion, expected):
    problem = next(p for p in all_problems() if p.name == name)
    found = LANGUAGES[language].cut(problem, completion)
    assert found.rstrip() == expected.rstrip(), (language, found)


def main():
    problems = all_problems()
    assert len(problems) >= 164
    assert len({problem.name for problem in problems}) == len(problems)
    for problem in problems:
        try:
            check(problem)
        except AssertionError as error:
            sys.exit(f"error: {problem.name}: {error!r}")
    print("problems: pass")

    cut("haskell", "triple_plus_one", "triplePlusOne 0 = 1\ntriplePlusOne n = 1",
        "triplePlusOne 0 = 1\ntriplePlusOne n = 1")
    cut("haskell", "greeting", "greeting = go\n  where go = id\n\nother = 1",
        "greeting = go\n  where go = id")
    cut("haskell", "greeting", "greeting n = helper' n\n\nhelper' :: a -> a\nhelper' = id\n\n"
        "main = print 1", "greeting n = helper' n\n\nhelper' :: a -> a\nhelper' = id")
    cut("haskell", "greeting", "greeting n = n\n```\nThis", "greeting n = n")
    cut("ocaml", "greeting", "\n  let hello = \"Hello\" in\n  hello\n\nlet () = ()",
        "\n  let hello = \"Hello\" in\n  hello")
    cut("ocaml", "greeting", " help name\nand help name = name\n(* more *)",
        " help name\nand help name = name")
    cut("ocaml", "greeting", " name ^ \";;\";;```\nThis", " name ^ \";;\"")
    cut("ocaml", "greeting", " match name with\n| _ -> name\nend",
        " match name with\n| _ -> name")
    cut("scala", "greeting", " {\n    val hello = \"}\"\n    hello\n  }\n\n  def other = 1",
        " {\n    val hello = \"}\"\n    hello\n  }")
    cut("scala", "greeting", "\n    s\"Hello\"\n}\n\nobject Main {", "\n    s\"Hello\"")
    cut("scala", "greeting",
        " help(name) // def no = {\n\n  def help(s: String) = s\n\n  /** On",
        " help(name) // def no = {\n\n  def help(s: String) = s")
    cut("scala", "greeting", " '}' + \"\"\"}\"\"\" /* } */\n  @tailrec def f = 1",
        " '}' + \"\"\"}\"\"\" /* } */")
    print("cuts: pass")

    assert pass_at(1, 4, 1) == 0.25 and pass_at(10, 10, 1) == 1 and pass_at(2, 4, 0) == 0
    assert abs(pass_at(2, 4, 1) - 0.5) < 1e-12 and pass_at(3, 4, 2) == 1
    assert interval([1.0] * 9) == (1, 1, 1)
    average, low, high = interval([0.0] * 50 + [1.0] * 50)
    # A binomial share of 100 has a standard error of 0.05.
    assert average == 0.5 and abs(low - 0.402) < 0.03 and abs(high - 0.598) < 0.03
    print("scores: pass")

    shown = next(p for p in problems if p.name == "common_part")
    for language in LANGUAGES.values():
        print(language.prompt(shown), end="<end>\n")


if __name__ == "__main__":
    main()
