"""Problems of lists."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

from typing import Optional

from problems import collector

PROBLEMS, problem = collector()


@problem([[1, 2, 3, 4], [-3, 5]], [[], [0], [2, 4, 6], [-2, -4], [7, 7, 8], [1, -2, 3]])
def sum_of_evens(numbers: list[int]) -> int:
    """Returns the sum of the even numbers of a list."""
    return sum(n for n in numbers if n % 2 == 0)


@problem([[3, -1, 4], []], [[7], [-5, -2], [2, 2, 2], [1, 9, 3], [0, -1], [10, 20, 5]])
def largest_of(numbers: list[int]) -> Optional[int]:
    """Returns the greatest number of a list, or nothing if the list is empty."""
    return max(numbers, default=None)


@problem([[4, 1, 3, 4], [5]],
         [[], [2, 1], [7, 7], [7, 7, 3], [-1, -2, -3], [1, 2, 3, 4, 5]])
def second_largest(numbers: list[int]) -> Optional[int]:
    """Returns the greatest of those numbers of a list that are less than its greatest one,
    or nothing if there is none."""
    distinct = sorted(set(numbers))
    return distinct[-2] if len(distinct) > 1 else None


@problem([[1, 2, 3, 4], [10]], [[], [5, 5], [3, -3, 3], [0, 1, 0], [-1, -2], [1, 1, 1, 1]])
def running_sums(numbers: list[int]) -> list[int]:
    """Returns for each position of a list the sum of the numbers up to and including it."""
    total, sums = 0, []
    for number in numbers:
        total += number
        sums.append(total)
    return sums


@problem([[1, 4, 9, 16], [5]], [[], [3, 3], [10, 7], [-1, 1, -1], [0, 5, 5, 2], [2, 1, 0]])
def differences(numbers: list[int]) -> list[int]:
    """Returns what each number of a list but the first is greater than the one before it.
    These differences may be negative."""
    return [b - a for a, b in zip(numbers, numbers[1:])]


@problem([[3, 1, 3, 2, 1], [5]],
         [[], [1, 1, 1], [2, 1], [0, -0, 4, 0], [1, 2, 3], [9, 8, 9, 8]])
def keep_first(numbers: list[int]) -> list[int]:
    """Removes from a list each number that it has before already. The order stays."""
    return list(dict.fromkeys(numbers))


@problem([[1, 1, 2, 2, 2, 1], [4]],
         [[], [7, 7, 7], [1, 2, 1], [0, 0, 1, 1], [5, 5], [3, 3, 4]])
def collapse_runs(numbers: list[int]) -> list[int]:
    """Replaces each run of equal numbers in a list by a single one of them."""
    return [n for i, n in enumerate(numbers) if i == 0 or n != numbers[i - 1]]


@problem([[1, 2, 2, 5], [3, 1]], [[], [4], [2, 2], [1, 2, 1], [-3, -2, 0], [5, 4, 3]])
def is_ascending(numbers: list[int]) -> bool:
    """Tells whether no number of a list is less than the one before it."""
    return all(a <= b for a, b in zip(numbers, numbers[1:]))


@problem([([1, 4, 6], [2, 4, 9]), ([], [1])],
         [([], []), ([5], []), ([1, 2], [3, 4]), ([3, 4], [1, 2]), ([1, 1], [1]),
          ([-5, 0], [-3])])
def merge_ascending(first: list[int], second: list[int]) -> list[int]:
    """Merges two lists of numbers in ascending order into one, which is in ascending order,
    too, and has all numbers of both."""
    return sorted(first + second)


@problem([([1, 2, 3, 4, 5], 2), ([1, 2], 3)],
         [([], 4), ([1, 2, 3], 0), ([1, 2, 3], 3), ([7], 5), ([1, 2, 3, 4], 6),
          ([9, 8, 7], 1)])
def rotate_left(numbers: list[int], steps: int) -> list[int]:
    """Moves the first number of a list to its end, as often as the second argument says,
    which is not negative and may be greater than the length of the list."""
    shift = steps % len(numbers) if numbers else 0
    return numbers[shift:] + numbers[:shift]


@problem([([1, 2, 3, 4, 5], 2), ([1, 2], 5)],
         [([], 3), ([1, 2, 3], 1), ([1, 2, 3], 3), ([4, 4, 4, 4], 2), ([9], 1),
          ([1, 2, 3, 4], 3)])
def chunks_of(numbers: list[int], size: int) -> list[list[int]]:
    """Cuts a list into pieces of a positive size, in order. The last piece is shorter if
    the size does not divide the length."""
    return [numbers[i:i + size] for i in range(0, len(numbers), size)]


@problem([([1, 2, 3, 4], 2), ([5, 6], 3)],
         [([], 1), ([1, 2, 3], 1), ([1, 2, 3], 3), ([1, 1, 1], 2), ([8], 1),
          ([4, 3, 2, 1], 3)])
def windows_of(numbers: list[int], size: int) -> list[list[int]]:
    """Returns all pieces of a positive size that are next to each other in a list, from
    left to right. They overlap, and a list that is too short has none."""
    return [numbers[i:i + size] for i in range(len(numbers) - size + 1)]


@problem([([4, 7, 7, 9], 7), ([1], 2)],
         [([], 0), ([5, 5], 5), ([1, 2, 3], 3), ([-1, -2], -2), ([0, 1], -1), ([8, 1, 8], 8)])
def position_of(numbers: list[int], wanted: int) -> Optional[int]:
    """Returns the first position, counted from 0, at which a list has a number, or nothing
    if it does not have it."""
    return numbers.index(wanted) if wanted in numbers else None


@problem([([1, 3, 5, 8], 5), ([1, 3], 4)],
         [([], 1), ([2], 2), ([2], 3), ([1, 2, 3, 4, 5, 6], 6), ([-4, -2, 0], -4),
          ([1, 9], 0)])
def sorted_has(numbers: list[int], wanted: int) -> bool:
    """Tells whether a list of numbers in ascending order has a number."""
    return wanted in numbers


@problem([[3, 1, 2], [5, 4]], [[], [1], [1, 1, 1], [3, 2, 1, 0], [-1, 5, -7], [2, 3, 1, 2]])
def sort_descending(numbers: list[int]) -> list[int]:
    """Sorts a list of numbers so that the greatest one is first."""
    return sorted(numbers, reverse=True)


@problem([[1, 2, 3, 4, 5], [7]],
         [[], [1, 2], [5, 5, 5], [0, 1, 0, 1], [-1, -2, -3], [9, 8, 7, 6]])
def every_other(numbers: list[int]) -> list[int]:
    """Returns the numbers at every second position of a list, beginning with the first
    number."""
    return numbers[::2]


@problem([([1, 2, 3], [4, 5, 6]), ([2], [-3])],
         [([], []), ([0, 0], [1, 2]), ([1, -1], [1, 1]), ([5], [5]),
          ([1, 2, 3, 4], [1, 0, 1, 0]), ([10, 20], [3, 2])])
def dot_product(first: list[int], second: list[int]) -> int:
    """Multiplies the numbers of two lists of equal length that are at the same position,
    and returns the sum of these products."""
    return sum(a * b for a, b in zip(first, second))


@problem([[5, 3, 8, 1], [2]],
         [[], [1, 1], [-5, 5], [3, 9, 6], [-7, -2, -9], [0, 100, 50]])
def spread(numbers: list[int]) -> int:
    """Returns the difference between the greatest and the least number of a list, or 0 if
    the list is empty."""
    return max(numbers) - min(numbers) if numbers else 0


@problem([[3, 1, 2, 3, 2, 3], [5]],
         [[1, 2], [2, 1], [4, 4, 7, 7], [0, 0, -1], [9, 8, 8, 9, 7], [16, 3],
          [-2, -2, -1, -1, -1]])
def most_frequent(numbers: list[int]) -> int:
    """Returns the number that is most often in a list, which is not empty. If several are
    equally often there, it is the least one of them."""
    return max(sorted(set(numbers)), key=numbers.count)


@problem([[5, 1, 3], [4, 2]],
         [[7], [1, 1, 1, 9], [3, 2, 1, 0], [10, -10, 0], [1, 2, 3, 4, 5, 6], [5, 5]])
def lower_median(numbers: list[int]) -> int:
    """Returns the number that is in the middle when a list, which is not empty, is sorted.
    If two are in the middle, it is the lesser one."""
    return sorted(numbers)[(len(numbers) - 1) // 2]


@problem([([1, 2, 3, 2], [2, 3, 4]), ([1], [5])],
         [([], [1]), ([1], []), ([3, 3], [3]), ([4, 5, 6], [6, 5, 4]), ([1, 2], [2, 2]),
          ([], [])])
def in_both(first: list[int], second: list[int]) -> list[int]:
    """Returns the numbers of the first list that the second one has, too: each of them
    once, in the order in which they come first in the first list."""
    return [n for n in dict.fromkeys(first) if n in second]


@problem([([1, 2, 3], [2]), ([1, 1], [3])],
         [([], [1]), ([1, 2], []), ([5, 6, 5], [5]), ([1, 2, 3], [3, 2, 1]), ([4, 4, 2], [2]),
          ([-1, 0, 1], [0, -1])])
def without_those(numbers: list[int], unwanted: list[int]) -> list[int]:
    """Removes from the first list all numbers that the second one has. The order stays,
    and so do repeated numbers."""
    return [n for n in numbers if n not in unwanted]


@problem([[-2, 3, -1, 4, -5], [-3, -1]],
         [[5], [-1], [1, 2, 3], [2, -5, 4], [0, -1, 0], [4, -1, -1, -1, 5],
          [-8, 3, -2, 4, -10]])
def best_stretch(numbers: list[int]) -> int:
    """Returns the greatest sum that numbers which are next to each other in a list have.
    The list is not empty, and at least one number is taken."""
    best = current = numbers[0]
    for number in numbers[1:]:
        current = max(number, current + number)
        best = max(best, current)
    return best


@problem([[1, 2, 4, 3, 4, 5], [3, 2, 1]],
         [[], [7], [1, 1], [1, 2, 3], [5, 1, 2, 0, 1, 2, 3], [-3, -2, -5]])
def longest_rise(numbers: list[int]) -> int:
    """Returns the length of the longest piece of a list in which each number is greater
    than the one before it. An empty list has one of length 0."""
    longest = current = 0
    for i, number in enumerate(numbers):
        current = current + 1 if i and number > numbers[i - 1] else 1
        longest = max(longest, current)
    return longest


@problem([([1, 2, 3, 4], 5), ([1, 2], 9)],
         [([], 0), ([4], 8), ([4, 4], 8), ([-1, 1, 0], 0), ([3, 5, 2], 7), ([1, 2, 3], 6)])
def has_pair_sum(numbers: list[int], total: int) -> bool:
    """Tells whether two numbers at different positions of a list have a sum."""
    return any(numbers[i] + numbers[j] == total
               for i in range(len(numbers)) for j in range(i))


@problem([[1, 2, 3], [2, 0, 4]], [[], [5], [0, 0], [1, -1], [3, 3, 3], [-2, 3, -4, 1]])
def products_of_others(numbers: list[int]) -> list[int]:
    """Returns for each position of a list the product of the numbers at all other
    positions. The product of no numbers is 1."""
    products = []
    for i in range(len(numbers)):
        product = 1
        for j, number in enumerate(numbers):
            product *= number if i != j else 1
        products.append(product)
    return products


@problem([[0, 1, 0, 3, 12], [1]], [[], [0], [0, 0, 5], [4, 0], [1, 2, 3], [-1, 0, -2, 0]])
def zeros_last(numbers: list[int]) -> list[int]:
    """Moves all zeros of a list to its end. The order of the other numbers stays."""
    return sorted(numbers, key=lambda n: n == 0)


@problem([([5, 1, 8, 3], 4), ([2], 2)],
         [([], 1), ([3, 2, 1], 3), ([1, 2, 3], 0), ([4, 4, 5, 3], 4), ([9, 1, 9], 9),
          ([0, -1], 0)])
def split_at_pivot(numbers: list[int], pivot: int) -> tuple[list[int], list[int]]:
    """Returns a pair of lists: the numbers of a list that are less than the second
    argument, and those that are not. Both keep their order."""
    return [n for n in numbers if n < pivot], [n for n in numbers if n >= pivot]


@problem([[1, 2, 3], [4]], [[], [1, 2], [0, 0, 0], [5, 4, 3, 2], [-1, 1, -1], [9, 9]])
def alternating_sum(numbers: list[int]) -> int:
    """Returns the sum of the numbers of a list in which the signs alternate: the first
    number is added, the second one subtracted, the third one added, and so on."""
    return sum(numbers[::2]) - sum(numbers[1::2])


@problem([["pear", "fig", "apple"], ["b", "a"]],
         [[], ["x"], ["aa", "b", "cc", "d"], ["bb", "ba"], ["", "z", ""],
          ["long", "to", "abc"]])
def by_length(words: list[str]) -> list[str]:
    """Sorts words by their length, the shortest ones first. Words of equal length keep
    their order."""
    return sorted(words, key=len)


@problem([(["red", "green", "blue"], "and"), (["one"], "or")],
         [([], "and"), (["a", "b"], "or"), (["a", "b", "c", "d"], "and"), (["x", ""], "or"),
          (["1", "2", "3"], "or"), (["me"], "and")])
def join_naturally(words: list[str], last: str) -> str:
    """Joins words to a text: before the last one is a space, the second argument and a
    space, and between the others is a comma and a space. A single word stands alone, and
    no words are an empty text."""
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + f" {last} " + words[-1]


@problem([[1.5, 2.5], [3.0]],
         [[], [0.0, 0.0], [1.0, 2.0, 3.0], [-4.0, 4.0], [0.5], [8.0, 1.0]])
def average_or_zero(numbers: list[float]) -> float:
    """Returns the arithmetic mean of a list of numbers, or 0 if the list is empty."""
    return sum(numbers) / len(numbers) if numbers else 0.0
