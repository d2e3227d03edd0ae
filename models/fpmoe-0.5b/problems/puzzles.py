"""Problems that take an algorithm."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

from typing import Optional

from problems import collector

PROBLEMS, problem = collector()


@problem([(["3", "4", "+"]), (["2", "+"])],
         [["5"], [], ["1", "2"], ["2", "3", "4", "*", "+"], ["9", "4", "-", "2", "-"],
          ["3", "5", "-"], ["1", "2", "+", "+"]])
def postfix_value(tokens: list[str]) -> Optional[int]:
    """Evaluates an expression in postfix notation: an operator, "+", "-" or "*", stands
    after its two operands, which are expressions themselves, and anything else is a decimal
    number. Returns nothing if operands are missing, or if not exactly one value is
    left."""
    stack = []
    for token in tokens:
        if token not in ("+", "-", "*"):
            stack.append(int(token))
            continue
        if len(stack) < 2:
            return None
        second, first = stack.pop(), stack.pop()
        stack.append({"+": first + second, "-": first - second, "*": first * second}[token])
    return stack[0] if len(stack) == 1 else None


@problem(["2+3*4", "10-4-3"], ["7", "1+1", "2*3*4", "5-10", "2*3+4*5", "100-2*50+1", "8-2+3"])
def evaluate_sum(text: str) -> int:
    """Evaluates an expression of decimal numbers and the operators "+", "-" and "*", without
    spaces and brackets. Products are computed before sums and differences, and otherwise it
    goes from left to right."""
    total, sign, product, number = 0, 1, 1, ""
    for char in text + "+":
        if char.isdigit():
            number += char
            continue
        product *= int(number)
        number = ""
        if char != "*":
            total += sign * product
            sign, product = (1 if char == "+" else -1), 1
    return total


@problem([(4, [(0, 1), (0, 2), (1, 3), (2, 3)]), (2, [(1, 0)])],
         [(0, []), (1, []), (3, []), (3, [(2, 1), (1, 0)]), (2, [(0, 1), (1, 0)]),
          (5, [(4, 0), (3, 0)]), (4, [(0, 1), (1, 2), (2, 0)])])
def work_order(count: int, before: list[tuple[int, int]]) -> Optional[list[int]]:
    """Orders tasks, which are numbered from 0 and as many as the first argument says. For
    each pair in the list, the first task has to come before the second one. Of tasks that
    could be next, the one of the least number is. Returns nothing if there is no such
    order."""
    order, left = [], set(range(count))
    while left:
        ready = [t for t in left if not any(b == t and a in left for a, b in before)]
        if not ready:
            return None
        order.append(min(ready))
        left.remove(min(ready))
    return order


@problem([([1, 5, 10], 12), ([4, 6], 7)],
         [([1], 1), ([2], 0), ([2], 3), ([1, 3, 4], 6), ([5, 2], 11), ([7], 14),
          ([9, 6, 5, 1], 11)])
def fewest_coins(coins: list[int], amount: int) -> Optional[int]:
    """Returns how few coins have exactly a sum, or nothing if none have. The values of
    coins are positive, and there are as many coins of each value as are needed."""
    fewest = [0] + [None] * amount
    for total in range(1, amount + 1):
        options = [fewest[total - c] for c in coins if c <= total
                   and fewest[total - c] is not None]
        fewest[total] = min(options) + 1 if options else None
    return fewest[amount]


@problem([([1, 2, 5], 5), ([3], 4)],
         [([1], 0), ([2], 3), ([1, 2], 4), ([2, 3], 7), ([1, 5, 10], 20), ([4, 2], 8)])
def ways_to_pay(coins: list[int], amount: int) -> int:
    """Returns in how many ways an amount can be paid with coins. Their values are positive
    and different, there are as many of each as are needed, and only how many of each value
    are used makes a difference, not their order. There is one way to pay nothing."""
    ways = [1] + [0] * amount
    for coin in coins:
        for total in range(coin, amount + 1):
            ways[total] += ways[total - coin]
    return ways[amount]


@problem([("kitten", "sitting"), ("abc", "abc")],
         [("", ""), ("", "xyz"), ("ab", ""), ("flaw", "lawn"), ("a", "b"), ("abcd", "bc")])
def edit_steps(source: str, target: str) -> int:
    """Returns how few steps turn the first text into the second one, where a step inserts,
    removes or replaces one character."""
    row = list(range(len(target) + 1))
    for i, a in enumerate(source, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(target, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


@problem([("abcde", "xbyd"), ("abc", "xyz")],
         [("", ""), ("a", ""), ("abc", "abc"), ("aab", "aba"), ("axbycz", "abc"),
          ("ab", "ba"), ("abc", "axbycz"), ("bxb", "ab")])
def common_subsequence(first: str, second: str) -> int:
    """Returns how many characters the longest text has that results from both of two texts
    when characters are removed from them. The order of those that are left stays."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            table[i + 1][j + 1] = (table[i][j] + 1 if a == b
                                   else max(table[i][j + 1], table[i + 1][j]))
    return table[-1][-1]


@problem([[3, 1, 2, 5, 4], [4, 3]],
         [[], [7], [1, 2, 3], [2, 2], [10, 9, 2, 5, 3, 7, 101], [-1, -5, 0, -4, 3]])
def rising_subsequence(numbers: list[int]) -> int:
    """Returns how many numbers of a list can be kept at most so that, in their order, each
    one is greater than the one before it."""
    lengths = []
    for i, number in enumerate(numbers):
        before = (lengths[j] for j in range(i) if numbers[j] < number)
        lengths.append(1 + max(before, default=0))
    return max(lengths, default=0)


@problem([([(3, 4), (2, 3), (4, 6)], 5), ([(9, 9)], 5)],
         [([], 10), ([(1, 1)], 0), ([(1, 2), (1, 2)], 1), ([(5, 10), (4, 7), (3, 5)], 7),
          ([(2, 3), (2, 3), (3, 5)], 4), ([(6, 30), (3, 14), (4, 16), (2, 9)], 10)])
def best_load(items: list[tuple[int, int]], capacity: int) -> int:
    """Returns the greatest value of items that can be carried together. Each item is a pair
    of a positive weight and a value and can be taken once; the sum of the weights must not
    be greater than the second argument."""
    best = [0] * (capacity + 1)
    for weight, value in items:
        for room in range(capacity, weight - 1, -1):
            best[room] = max(best[room], best[room - weight] + value)
    return best[capacity]


@problem([([3, 5, 2], 8), ([4, 6], 3)],
         [([], 0), ([], 1), ([5], 5), ([2, 4, 6], 7), ([1, 2, 3, 4], 10), ([7, 7], 14),
          ([9, 3, 1], 5)])
def some_sum_to(numbers: list[int], total: int) -> bool:
    """Tells whether some of the numbers of a list, which are all positive, have a sum. Each
    position can be taken once, and no numbers have the sum 0."""
    sums = {0}
    for number in numbers:
        sums |= {s + number for s in sums}
    return total in sums


@problem([[1, 2, 3], [5]], [[], [1, 2], [3, 1, 2], [4, 3], [-1, 0], [1, 2, 3, 4]])
def all_orders(numbers: list[int]) -> list[list[int]]:
    """Returns all orders of a list of different numbers, in lexicographic order. The empty
    list has one, which is empty."""
    from itertools import permutations
    return sorted(map(list, permutations(numbers)))


@problem([[1, 2], [7]], [[], [3, 1], [1, 2, 3], [5, 6, 7, 8], [9, 0], [-1]])
def all_selections(numbers: list[int]) -> list[list[int]]:
    """Returns all selections of a list of different numbers: first all those that do not
    have the first number, then all those that begin with it. Within both, the selections of
    the other numbers are in the same order by this rule. The empty list has one selection,
    which is empty."""
    if not numbers:
        return [[]]
    others = all_selections(numbers[1:])
    return others + [[numbers[0]] + selection for selection in others]


@problem([([1, 2, 3], 2), ([4], 2)],
         [([], 0), ([1, 2], 0), ([1, 2, 3], 3), ([5, 3, 1, 2], 2), ([1, 2, 3, 4], 3),
          ([8, 9], 1)])
def choose_some(numbers: list[int], count: int) -> list[list[int]]:
    """Returns all selections of so many numbers of a list as the second argument says.
    Within a selection, numbers have the order of the list; selections that have an earlier
    number of the list first come first."""
    from itertools import combinations
    return [list(c) for c in combinations(numbers, count)]


@problem([3, 1], [0, 2, 4, 5, 6, 7])
def bracket_texts(pairs: int) -> list[str]:
    """Returns all texts of so many opening and so many closing round brackets as the number
    says in which the brackets are balanced, in alphabetical order, where "(" comes before
    ")"."""
    texts = []

    def extend(text, opened, closed):
        if closed == pairs:
            texts.append(text)
        if opened < pairs:
            extend(text + "(", opened + 1, closed)
        if closed < opened:
            extend(text + ")", opened, closed + 1)
    extend("", 0, 0)
    return texts


@problem([2, 0], [1, 3, 4, 5, 6, 7])
def tower_moves(disks: int) -> list[tuple[str, str]]:
    """Moves a tower of disks from peg A to peg C in as few moves as possible. One disk is
    moved at a time, and never onto a smaller one; peg B may be used. Returns the moves in
    order, each a pair of the peg it takes a disk from and the one it puts it on."""
    def moves(count, source, target, spare):
        if count == 0:
            return []
        return (moves(count - 1, source, spare, target) + [(source, target)]
                + moves(count - 1, spare, target, source))
    return moves(disks, "A", "C", "B")


@problem([4, 1], [0, 2, 3, 5, 6, 7])
def queens_ways(size: int) -> int:
    """Returns in how many ways so many queens as the number says can stand on a board of as
    many rows and columns, with no two of them in the same row, column or diagonal."""
    def place(columns):
        if len(columns) == size:
            return 1
        row = len(columns)
        return sum(place(columns + [c]) for c in range(size)
                   if all(c != d and abs(c - d) != row - i for i, d in enumerate(columns)))
    return place([])


@problem([30, 2], [0, 1, 3, 10, 50, 100])
def primes_up_to(limit: int) -> list[int]:
    """Returns all prime numbers that are not greater than a number, in ascending order."""
    return [n for n in range(2, limit + 1) if all(n % d for d in range(2, n))]


@problem([([(0, 1), (1, 2), (3, 4)], 0, 2), ([(0, 1)], 1, 0)],
         [([], 5, 5), ([], 1, 2), ([(0, 1), (1, 0)], 0, 2), ([(0, 1), (1, 2), (2, 3)], 0, 3),
          ([(0, 1), (2, 3)], 0, 3), ([(2, 2)], 2, 3),
          ([(4, 1), (1, 4), (1, 3)], 4, 3), ([(1, 2), (3, 2)], 1, 3)])
def can_reach(roads: list[tuple[int, int]], start: int, goal: int) -> bool:
    """Tells whether there is a way from the second argument to the third one along roads.
    Each road is a pair of places and leads from the first place to the second one only. A
    place can always be reached from itself."""
    seen, border = {start}, [start]
    while border:
        place = border.pop()
        for a, b in roads:
            if a == place and b not in seen:
                seen.add(b)
                border.append(b)
    return goal in seen


@problem([([(0, 1), (1, 2), (0, 3), (3, 2), (2, 4)], 0, 4), ([(0, 1)], 0, 2)],
         [([], 3, 3), ([(1, 2)], 2, 1), ([(0, 1), (1, 2), (2, 0)], 2, 1), ([(5, 6)], 6, 7),
          ([(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)], 1, 4), ([(0, 1), (2, 3)], 0, 3)])
def fewest_hops(roads: list[tuple[int, int]], start: int, goal: int) -> Optional[int]:
    """Returns how few roads lead from the second argument to the third one, or nothing if
    there is no way. Each road is a pair of places, which it joins in both directions. From
    a place to itself it takes 0 roads."""
    hops, reached = 0, {start}
    while goal not in reached:
        further = reached | {b for a, b in roads if a in reached} | {a for a, b in roads
                                                                     if b in reached}
        if further == reached:
            return None
        hops, reached = hops + 1, further
    return hops


@problem([(5, [(0, 1), (3, 4)]), (3, [])],
         [(0, []), (1, []), (4, [(0, 1), (1, 2), (2, 3)]), (4, [(0, 1), (1, 0)]),
          (6, [(0, 2), (2, 4), (1, 3)]), (2, [(1, 1)])])
def group_total(count: int, links: list[tuple[int, int]]) -> int:
    """Returns how many groups of people there are, where people are numbered from 0 and as
    many as the first argument says. For each pair in the list, both are of the same
    group, and otherwise groups are separate."""
    group = list(range(count))
    for a, b in links:
        old, new = group[a], group[b]
        group = [new if g == old else g for g in group]
    return len(set(group))


@problem([([2, 3, 7], 10), ([4, 4, 4], 8)],
         [([], 5), ([9], 5), ([5], 5), ([1, 1, 1, 1], 2), ([6, 3, 5, 2, 4], 10),
          ([8, 1, 9], 9)])
def pages_needed(heights: list[int], room: int) -> int:
    """Puts pictures on pages, in order: a picture is put on the current page if the heights
    there, its own among them, have a sum that is not greater than the second argument, else
    on a new page. A picture that is too high for any page is left out. Returns how many
    pages have pictures."""
    pages = used = 0
    for height in heights:
        if height > room:
            continue
        if pages == 0 or used + height > room:
            pages, used = pages + 1, 0
        used += height
    return pages


@problem([(7, 3), (1, 5)], [(2, 2), (5, 2), (6, 1), (10, 4), (41, 3), (3, 8)])
def last_in_circle(count: int, step: int) -> int:
    """People, numbered from 1, stand in a circle. Counting begins at the first of them, and
    each one at whom the count reaches the second argument leaves; then it begins anew at
    the next one. Returns the number of the one who is left last."""
    circle, place = list(range(1, count + 1)), 0
    while len(circle) > 1:
        place = (place + step - 1) % len(circle)
        circle.pop(place)
    return circle[0]


@problem([[(0, 30), (5, 10), (15, 20)], [(1, 2), (2, 3)]],
         [[], [(4, 5)], [(1, 5), (1, 5), (1, 5)], [(1, 10), (2, 9), (3, 8), (10, 12)],
          [(3, 4), (1, 2)], [(0, 2), (1, 3), (2, 4)]])
def rooms_needed(meetings: list[tuple[int, int]]) -> int:
    """Returns how many rooms meetings take. Each is a pair of the times at which it begins
    and ends, which is later; in a room, one may begin when another one ends."""
    return max((sum(s <= start < e for s, e in meetings) for start, _ in meetings), default=0)


@problem([[5, 1, 4, 2], [1, 2, 3]],
         [[], [9], [2, 1], [3, 2, 1], [1, 1], [2, 2, 1], [4, 3, 2, 1]])
def inversions(numbers: list[int]) -> int:
    """Returns how many pairs of positions a list has of which the earlier one has the
    greater number."""
    return sum(numbers[i] > numbers[j] for j in range(len(numbers)) for i in range(j))


@problem([[0, 2, 1, 3, 0, 1], [3, 1]],
         [[], [5], [2, 0, 2], [1, 2, 3], [3, 0, 1, 0, 2], [4, 4], [1, 0, 2, 0, 1, 0, 3]])
def trapped_water(heights: list[int]) -> int:
    """Returns how much rain stays on a wall whose columns have the heights of a list. A
    column holds water up to the lesser of the greatest height on its left and that on its
    right, if this is more than its own height."""
    return sum(max(0, min(max(heights[:i + 1]), max(heights[i:])) - h)
               for i, h in enumerate(heights))


@problem([(["cat", "dog"], "dogcat"), (["a", "ab"], "abc")],
         [([], ""), ([], "x"), (["x"], ""), (["ab", "abc", "cd"], "abcd"), (["aa"], "aaa"),
          (["a", "b"], "abba"), (["the", "then", "no"], "thenno")])
def can_spell(words: list[str], text: str) -> bool:
    """Tells whether a text results from writing words of a list one after another. Each
    word may be used any number of times, and an empty text results from none. No word is
    empty."""
    reachable = {0}
    for i in range(len(text)):
        if i in reachable:
            reachable |= {i + len(w) for w in words if text.startswith(w, i)}
    return len(text) in reachable


@problem([("h?t", "hat"), ("a*c", "abbc")],
         [("", ""), ("*", ""), ("", "a"), ("?", ""), ("a*", "b"), ("*b*", "abc"),
          ("a?c*", "abcdef"), ("*a", "aab")])
def fits_pattern(pattern: str, text: str) -> bool:
    """Tells whether a pattern fits the whole of a text. In a pattern, "?" stands for any
    single character, "*" for any number of characters, also none, and other characters for
    themselves."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits_pattern(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and fits_pattern(pattern[1:], text[1:])


@problem([4, 1], [0, 2, 3, 5, 10, 20])
def stair_ways(steps: int) -> int:
    """Returns in how many ways a stair of so many steps as the number says can be climbed,
    if one, two or three steps are taken at a time. There is one way to climb none."""
    ways = [1, 1, 2]
    while len(ways) <= steps:
        ways.append(sum(ways[-3:]))
    return ways[steps]


@problem([5, 1], [0, 2, 3, 4, 6, 7])
def look_and_say(index: int) -> str:
    """Starts with the text "1" and says so many times as the number says what it sees: for
    each run of equal digits, from left to right, the length of the run and the digit. So
    "1" becomes "11", and then "21". Returns the text that is there in the end."""
    text = "1"
    for _ in range(index):
        said, start = "", 0
        for i in range(1, len(text) + 1):
            if i == len(text) or text[i] != text[start]:
                said += f"{i - start}{text[start]}"
                start = i
        text = said
    return text


@problem([("NNEE", (0, 0)), ("", (2, 3))],
         [("S", (0, 0)), ("W", (1, 1)), ("NSEW", (5, -5)), ("WWWSS", (0, 0)), ("NE", (-1, -1)),
          ("EENSSW", (10, 0))])
def walk(steps: str, start: tuple[int, int]) -> tuple[int, int]:
    """Walks from a point, a pair of x and y, and returns the point where the walk ends. Each
    letter of the text is a step of length 1: N increases y, S decreases it, E increases x,
    and W decreases it."""
    return (start[0] + steps.count("E") - steps.count("W"),
            start[1] + steps.count("N") - steps.count("S"))
