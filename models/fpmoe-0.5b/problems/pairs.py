"""Problems of pairs and of values that may be missing."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

from typing import Optional

from problems import collector

PROBLEMS, problem = collector()


@problem([(1, "a"), (0, "")],
         [(5, "xyz"), (-1, "b"), (99, "9"), (3, "three"), (7, " "), (2, "B")])
def exchange(pair: tuple[int, str]) -> tuple[str, int]:
    """Returns a pair whose parts are exchanged."""
    return pair[1], pair[0]


@problem([([1, 2, 3], ["a", "b"]), ([], ["x"])],
         [([], []), ([1], ["q"]), ([1], []), ([4, 5], ["d", "e", "f"]), ([0, 0], ["", ""]),
          ([9, 8, 7], ["i", "j", "k"])])
def pair_up(numbers: list[int], words: list[str]) -> list[tuple[int, str]]:
    """Returns pairs of what two lists have at the same position, as many as the shorter
    list allows."""
    return list(zip(numbers, words))


@problem([[(1, "a"), (2, "b")], []],
         [[(5, "x")], [(1, ""), (1, "")], [(3, "c"), (2, "b"), (1, "a")], [(-1, "neg")],
          [(0, "z"), (9, "y")], [(7, "7"), (8, "8")]])
def take_apart(pairs: list[tuple[int, str]]) -> tuple[list[int], list[str]]:
    """Returns a pair of lists: the first parts of all pairs of a list, and the second
    parts, both in order."""
    return [a for a, _ in pairs], [b for _, b in pairs]


@problem([([("x", 1), ("y", 2)], "y"), ([("x", 1)], "z")],
         [([], "a"), ([("a", 1), ("a", 2)], "a"), ([("b", 0)], "b"), ([("A", 5)], "a"),
          ([("k", -3), ("l", 4)], "l"), ([("", 6)], "")])
def value_for(entries: list[tuple[str, int]], key: str) -> Optional[int]:
    """Returns the second part of the first pair of a list whose first part is a key, or
    nothing if there is no such pair."""
    return next((value for name, value in entries if name == key), None)


@problem([([("a", 1)], "b", 2), ([("a", 1), ("b", 2)], "a", 9)],
         [([], "x", 0), ([("x", 5)], "x", 5), ([("p", 1), ("q", 2), ("r", 3)], "q", -2),
          ([("p", 1)], "P", 4), ([("m", 7), ("n", 8)], "o", 9),
          ([("a", 0), ("b", 0)], "b", 1)])
def set_value(entries: list[tuple[str, int]], key: str, value: int) -> list[tuple[str, int]]:
    """Changes a list of keys and their values: the key gets the value. If the list has the
    key, it stays at its place, else it is put at the end with its value. No key is there
    twice."""
    if key not in dict(entries):
        return entries + [(key, value)]
    return [(name, value if name == key else old) for name, old in entries]


@problem([[3, 1, 2], []], [[7], [4, 4], [-1, -9, 5], [0, 100], [2, 2, 1], [5, 3, 8, 8]])
def least_and_greatest(numbers: list[int]) -> Optional[tuple[int, int]]:
    """Returns a pair of the least and the greatest number of a list, or nothing if the list
    is empty."""
    return (min(numbers), max(numbers)) if numbers else None


@problem([[1, None, 3], [None]],
         [[], [5], [None, None], [0, None], [None, -1, None, 4], [2, 2]])
def present_values(values: list[Optional[int]]) -> list[int]:
    """Returns those values of a list that are not missing, in order."""
    return [v for v in values if v is not None]


@problem([([1, None, 3], 0), ([None], 7)],
         [([], 5), ([2], 9), ([None, None], -1), ([0, None, 0], 4), ([None, 1], 1),
          ([3, 4], 0)])
def fill_missing(values: list[Optional[int]], substitute: int) -> list[int]:
    """Returns the values of a list, with the second argument in place of those that are
    missing."""
    return [substitute if v is None else v for v in values]


@problem([[1, 2, 3], [1, None]], [[], [None], [0], [5, None, 7], [-1, 1], [None, None]])
def total_if_complete(values: list[Optional[int]]) -> Optional[int]:
    """Returns the sum of the values of a list, or nothing if any of them is missing. The
    sum of no values is 0."""
    return None if None in values else sum(values)


@problem([(2, 3), (None, 3)], [(None, None), (4, None), (0, 0), (-1, 1), (10, 5), (None, 0)])
def add_present(first: Optional[int], second: Optional[int]) -> Optional[int]:
    """Returns the sum of two numbers, or nothing if one of them is missing."""
    return None if first is None or second is None else first + second


@problem([(None, 4), (1, 2)], [(None, None), (3, None), (0, 5), (None, 0), (-1, -2), (7, 7)])
def first_present(first: Optional[int], second: Optional[int]) -> Optional[int]:
    """Returns the first of two values if it is there, else the second one, which may be
    missing, too."""
    return second if first is None else first


@problem([((0, 0), (3, 4)), ((1, 1), (-1, 1))],
         [((0, 0), (0, 0)), ((5, 2), (2, 5)), ((-3, -4), (0, 0)), ((10, 0), (0, 0)),
          ((1, 2), (1, 9)), ((-1, 1), (1, -1))])
def city_distance(start: tuple[int, int], goal: tuple[int, int]) -> int:
    """Returns the distance between two points of a grid when only horizontal and vertical
    steps are possible."""
    return abs(start[0] - goal[0]) + abs(start[1] - goal[1])


@problem([((1, 5), (4, 8)), ((1, 2), (3, 4))],
         [((0, 10), (2, 3)), ((5, 6), (1, 5)), ((0, 0), (0, 0)), ((-5, -1), (-3, 4)),
          ((7, 9), (1, 2)), ((1, 3), (3, 5))])
def common_part(first: tuple[int, int], second: tuple[int, int]) -> Optional[tuple[int, int]]:
    """Returns the range of integers that two ranges have in common, or nothing if they have
    none. A range is a pair of its first and its last integer, both included."""
    low, high = max(first[0], second[0]), min(first[1], second[1])
    return (low, high) if low <= high else None


@problem([[(1, 3), (2, 5), (8, 9)], [(4, 6), (1, 2)]],
         [[], [(1, 2)], [(1, 4), (4, 5)], [(1, 10), (2, 3)], [(5, 6), (1, 3), (2, 4)],
          [(1, 2), (3, 4)], [(0, 0), (0, 0)], [(1, 2), (5, 8), (6, 7), (8, 9)]])
def merge_ranges(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merges ranges of numbers, each a pair of its start and its end, wherever they overlap
    or have an end point in common. The result is in ascending order of the starts."""
    merged = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


@problem([[("a", 3), ("b", 1), ("a", 2)], []],
         [[("x", 0)], [("q", 1), ("q", 1), ("q", 1)], [("b", 5), ("a", 5)],
          [("m", -1), ("n", 2), ("m", 1)], [("z", 9), ("y", 8), ("z", 7), ("y", 6)],
          [("", 4)]])
def totals_by_name(entries: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Adds up the numbers of all pairs that have the same name. Returns pairs of a name and
    its sum, in alphabetical order of the names."""
    totals = {}
    for name, number in entries:
        totals[name] = totals.get(name, 0) + number
    return sorted(totals.items())


@problem([["b", "a", "b"], []],
         [["x"], ["c", "b", "a"], ["z", "z", "z"], ["a", "B", "b"], ["", "a", ""],
          ["on", "off", "on"]])
def tally(words: list[str]) -> list[tuple[str, int]]:
    """Counts how often a list has each of its words. Returns pairs of a word and its count,
    in alphabetical order of the words, where capital letters come before small ones."""
    return [(word, words.count(word)) for word in sorted(set(words))]


@problem([[("ann", 31), ("bob", 25)], [("c", 1), ("b", 1)]],
         [[], [("x", 5)], [("a", 3), ("b", 2), ("c", 3)], [("q", 0), ("p", -1), ("r", 0)],
          [("m", 9), ("l", 9), ("k", 8)], [("d", 4), ("e", 5)]])
def names_by_score(entries: list[tuple[str, int]]) -> list[str]:
    """Sorts pairs of a name and a score so that the highest score is first, and names of
    equal score are in alphabetical order. Returns the names alone."""
    return [name for name, _ in sorted(entries, key=lambda e: (-e[1], e[0]))]


@problem([((1, 2), (1, 3)), ((2, 4), (1, 2))],
         [((0, 1), (0, 5)), ((1, 2), (2, 4)), ((3, 4), (2, 3)), ((-1, 2), (1, 2)),
          ((5, 1), (4, 1)), ((-1, 3), (-1, 2))])
def less_fraction(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Tells whether the first of two fractions is less than the second one. A fraction is a
    pair of numerator and denominator, and denominators are positive."""
    return first[0] * second[1] < second[0] * first[1]


@problem([((1, 2), (1, 3)), ((1, 4), (1, 4))],
         [((0, 1), (2, 6)), ((1, 2), (-1, 2)), ((3, 4), (5, 4)), ((-1, 6), (-1, 3)),
          ((7, 1), (0, 5)), ((2, 9), (1, 9))])
def add_fractions(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    """Returns the sum of two fractions in lowest terms. A fraction is a pair of numerator
    and denominator, and denominators are positive. In lowest terms, 0 is the pair of 0
    and 1."""
    from math import gcd
    numerator = first[0] * second[1] + second[0] * first[1]
    denominator = first[1] * second[1]
    divisor = gcd(numerator, denominator)
    return numerator // divisor, denominator // divisor


@problem([["3", "4"], ["1", "x"]], [[], ["0"], [""], ["12", "30", "7"], ["5", "5 "], ["a"]])
def read_all(texts: list[str]) -> Optional[list[int]]:
    """Reads each text of a list as a number that consists of one or more decimal digits.
    Returns nothing if any of them is something else."""
    return [int(t) for t in texts] if all(t.isdigit() for t in texts) else None


@problem(["width=80", "broken"], ["", "=", "a=b=c", "key=", "=value", "x = y"])
def key_and_value(line: str) -> Optional[tuple[str, str]]:
    """Splits a line at its first equals sign, and returns a pair of what is before and what
    is after it, or nothing if the line has no such sign."""
    before, sign, after = line.partition("=")
    return (before, after) if sign else None


@problem([([5, 3, 9], [1, 2, 3]), ([4], [6])],
         [([], []), ([1, 2], [2, 1]), ([7, 7], [7, 7]), ([0, -1], [-1, 0]), ([10], [9]),
          ([3, 2, 1], [3, 3, 3])])
def wins_and_losses(mine: list[int], theirs: list[int]) -> tuple[int, int]:
    """Compares the numbers that two lists of equal length have at the same position.
    Returns a pair: how often that of the first list is greater, and how often it is
    less."""
    return (sum(a > b for a, b in zip(mine, theirs)), sum(a < b for a, b in zip(mine, theirs)))


@problem([[4, 8, 6], [1]], [[], [2, 2], [9, 1, 9], [-3, -4], [5, 6, 7, 8], [0, 0, 1]])
def place_of_greatest(numbers: list[int]) -> Optional[tuple[int, int]]:
    """Returns a pair of the first position, counted from 0, at which a list has its
    greatest number, and this number. Returns nothing if the list is empty."""
    return (numbers.index(max(numbers)), max(numbers)) if numbers else None


@problem([["a", "b"], []],
         [["x"], ["q", "q"], ["one", "two", "three"], [""], ["7", "8", "9", "10"],
          ["z", "y"]])
def numbered(words: list[str]) -> list[tuple[int, str]]:
    """Returns pairs of the position of each word in a list, counted from 1, and the
    word."""
    return list(enumerate(words, 1))


@problem([[("a", True), ("b", False)], []],
         [[("x", False)], [("x", True), ("x", True)], [("p", False), ("q", True)],
          [("1", True), ("2", False), ("3", True)], [("", True)],
          [("m", False), ("n", False)]])
def chosen_names(entries: list[tuple[str, bool]]) -> list[str]:
    """Returns the names of a list of pairs, a name and a truth value each, whose truth
    value is true."""
    return [name for name, chosen in entries if chosen]


@problem([(1, -3, 2), (1, 2, 5)],
         [(1, -2, 1), (1, 0, -4), (1, 0, 4), (2, -10, 12), (1, 3, -10), (1, 10, 21)])
def whole_roots(a: int, b: int, c: int) -> list[int]:
    """Returns the integers x, in ascending order and each once, for which the first
    argument times x squared, plus the second one times x, plus the third one is 0. The
    first one is not 0, and the others are between -100 and 100."""
    return [x for x in range(-200, 201) if a * x * x + b * x + c == 0]
