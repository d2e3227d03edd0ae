"""Problems of strings."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

from typing import Optional

from problems import collector

PROBLEMS, problem = collector()


@problem(["Ada", "you"], ["", "World", "a b", "123", "!", "Grace Hopper"])
def greeting(name: str) -> str:
    """Returns a greeting: the word Hello, a comma, a space, the name and an exclamation
    mark."""
    return f"Hello, {name}!"


@problem(["banana", "Sky"], ["", "AEIOU", "rhythm", "Education", "a e i", "XyZ", "queue"])
def vowel_count(text: str) -> int:
    """Returns how many of the letters a, e, i, o and u a text has, small or capital."""
    return sum(c in "aeiouAEIOU" for c in text)


@problem(["level", "lever"], ["", "x", "ab", "abba", "Abba", "a b a", "abca"])
def is_mirrored(text: str) -> bool:
    """Tells whether a text is the same when it is read from right to left. Capital and
    small letters are different, and spaces count."""
    return text == text[::-1]


@problem(["Never odd, or even", "Hello"],
         ["", "?!", "A", "No 'x' in Nixon", "ab", "12 21", "1a2", "Was it a cat I saw?"])
def is_mirrored_phrase(text: str) -> bool:
    """Tells whether the letters and digits of a text are the same in reverse order. All
    other characters are ignored, and so is the difference between capital and small
    letters."""
    kept = [c.lower() for c in text if c.isalnum()]
    return kept == kept[::-1]


@problem([("abc", 2), ("-", 5)],
         [("", 3), ("x", 0), ("ab", 1), ("ha", 3), ("a b", 2), (".", 9)])
def repeat_text(text: str, times: int) -> str:
    """Returns a text, written so many times in a row as the number says."""
    return text * times


@problem([("7", 3), ("12345", 3)],
         [("", 2), ("", 0), ("ab", 2), ("ab", 5), ("x", 1), ("-1", 4)])
def pad_left(text: str, width: int) -> str:
    """Puts zeros before a text until it is as long as the number says. A text that is so
    long already stays as it is."""
    return "0" * (width - len(text)) + text


@problem([("cat", 9), ("ab", 5)],
         [("", 4), ("x", 1), ("x", 2), ("long text", 4), ("odd", 6), ("even", 8)])
def center_text(text: str, width: int) -> str:
    """Puts spaces before and after a text until it is as long as the number says. If their
    number is odd, one more is put after it than before it. A text that is so long already
    stays as it is."""
    missing = max(0, width - len(text))
    return " " * (missing // 2) + text + " " * (missing - missing // 2)


@problem(["the quick brown fox", "  one   two "],
         ["", "   ", "word", "a b c", "x  y", " leading", "trailing "])
def word_total(text: str) -> int:
    """Returns how many words a text has. Words are separated by one or more spaces, which
    may be at the beginning and at the end, too."""
    return len(text.split())


@problem(["one two three", "alone"], ["", "  ", "a b", " x  y ", "b a b", "1 2 3 4"])
def reverse_words(text: str) -> str:
    """Returns the words of a text in reverse order, with one space between them. In the
    text they are separated by one or more spaces."""
    return " ".join(reversed(text.split()))


@problem(["hello big world", "x"],
         ["", "a b", "Already Done", "mIXED cASE", "1st place", "ab"])
def capitalize_words(text: str) -> str:
    """Makes the first letter of each word of a text a capital one and leaves all else as
    it is. Words are separated by single spaces."""
    return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))


@problem(["portable network graphics", "end of file"],
         ["", "single", "a b c", "Already UPPER", "x1 y2", "laugh out loud"])
def initials_of(text: str) -> str:
    """Returns the first letters of all words of a text as capital letters, in order and
    with nothing between them. Words are separated by single spaces."""
    return "".join(word[0].upper() for word in text.split())


@problem(["a tree by the river", "hi"],
         ["", "same size word", "xx yyy", "one three seven", "a bb cc", "z"])
def longest_word(text: str) -> str:
    """Returns the longest word of a text, the first one if several are equally long. Words
    are separated by single spaces; a text without words gives an empty one."""
    return max(text.split(), key=len, default="")


@problem([("abc", 1), ("xyz", 3)],
         [("", 5), ("Zebra", 2), ("Hello, World!", 13), ("abc", 0), ("abc", 26), ("a-z", 25)])
def shift_letters(text: str, distance: int) -> str:
    """Replaces each letter of a text by the one that comes so much later in the alphabet
    as the number says, which is not negative. After z comes a again. Capital letters stay
    capital ones, and other characters stay as they are."""
    def shift(char):
        if not char.isalpha():
            return char
        start = ord("a") if char.islower() else ord("A")
        return chr(start + (ord(char) - start + distance) % 26)
    return "".join(map(shift, text))


@problem(["aaabcc", "xyz"], ["", "a", "aa", "aabbaa", "zzzzzzzzzzzz", "   !"])
def run_lengths(text: str) -> list[tuple[str, int]]:
    """Splits a text into runs of equal characters. Returns for each run, in order, a pair
    of the character, as a text of length 1, and the length of the run."""
    runs = []
    for char in text:
        if runs and runs[-1][0] == char:
            runs[-1] = (char, runs[-1][1] + 1)
        else:
            runs.append((char, 1))
    return runs


@problem(["aaabcc", "xyz"], ["", "a", "aa", "aabbaa", "zzzzzzzzzzzz", "aAa"])
def pack_runs(text: str) -> str:
    """Replaces each run of equal characters in a text by the character and the length of
    the run, which is written even if it is 1."""
    packed, start = "", 0
    for i in range(1, len(text) + 1):
        if i == len(text) or text[i] != text[start]:
            packed += text[start] + str(i - start)
            start = i
    return packed


@problem(["a3b1c2", "x1"], ["", "z10", "a2b12", "q1w1e1", "a0b2", "m3n3"])
def unpack_runs(text: str) -> str:
    """Reads letters that are each followed by a decimal number, and returns the text in
    which each letter is there so many times in a row."""
    unpacked, i = "", 0
    while i < len(text):
        end = i + 1
        while end < len(text) and text[end].isdigit():
            end += 1
        unpacked += text[i] * int(text[i + 1:end])
        i = end
    return unpacked


@problem([("listen", "silent"), ("abc", "abd")],
         [("", ""), ("a", ""), ("aab", "abb"), ("abc", "cab"), ("Ab", "ab"), ("aa", "a")])
def same_letters(first: str, second: str) -> bool:
    """Tells whether two texts have the same characters, each one equally often, in any
    order."""
    return sorted(first) == sorted(second)


@problem(["swiss", "aabb"], ["", "a", "abcabd", "level", "zzyx", "aA"])
def first_single(text: str) -> Optional[str]:
    """Returns the first character that a text has only once, as a text of length 1, or
    nothing if there is none."""
    return next((c for c in text if text.count(c) == 1), None)


@problem(["mississippi", "abc"], ["", "aaa", "a b a", "Aa", "zyxzyx", "hello world"])
def drop_repeats(text: str) -> str:
    """Keeps of each character in a text only the first occurrence. The order stays."""
    return "".join(dict.fromkeys(text))


@problem(["(a[b]{c})", "(]"], ["", "(", ")", "([)]", "{[()()]}", "no brackets", "((", "}{"])
def brackets_match(text: str) -> bool:
    """Tells whether the round, square and curly brackets of a text are balanced: every
    opening one has a closing one of its kind after it, and they are properly nested. Other
    characters are ignored."""
    pairs, stack = {")": "(", "]": "[", "}": "{"}, []
    for char in text:
        if char in pairs.values():
            stack.append(char)
        elif char in pairs:
            if not stack or stack.pop() != pairs[char]:
                return False
    return not stack


@problem(["(()(()))", "none"], ["", "()", "((()))", "()()()", "(())()", "a(b(c)d)e"])
def nesting_depth(text: str) -> int:
    """Returns how deeply the round brackets of a text are nested at most. They are
    balanced; other characters are ignored, and without brackets the depth is 0."""
    depth = deepest = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        deepest = max(deepest, depth)
    return deepest


@problem([("banana", "an"), ("aaaa", "aa")],
         [("", "x"), ("abc", "abcd"), ("abcabc", "abc"), ("xyz", "y"), ("ababab", "aba"),
          ("abc", "d")])
def occurrences(text: str, pattern: str) -> int:
    """Returns at how many places of a text a pattern, which is not empty, begins. The
    places may overlap."""
    return sum(text.startswith(pattern, i) for i in range(len(text)))


@problem([("a,b,,c", ","), ("one", ";")],
         [("", ","), (",", ","), ("x;y", ";"), ("a b c", " "), ("::", ":"), ("end,", ",")])
def parts_between(text: str, separator: str) -> list[str]:
    """Splits a text at each place where a separator, a single character, is, and returns
    the parts between, also empty ones. An empty text has one part, which is empty."""
    return text.split(separator)


@problem([(["interview", "internet", "interval"]), (["dog", "cat"])],
         [[], ["alone"], ["same", "same"], ["", "abc"], ["ab", "abc", "abcd"], ["xa", "ya"],
          ["abcx", "abcy"]])
def shared_prefix(words: list[str]) -> str:
    """Returns the longest text that all words of a list begin with. If the list is empty,
    so is the text."""
    if not words:
        return ""
    length = 0
    while all(len(w) > length and w[length] == words[0][length] for w in words):
        length += 1
    return words[0][:length]


@problem(["-42", "12a"], ["", "-", "0", "007", "-7", "--1", "1-", "+5", "2147483"])
def read_int(text: str) -> Optional[int]:
    """Reads a decimal number: one or more digits, and maybe a minus sign before them.
    Returns nothing if the text is anything else."""
    digits = text[1:] if text.startswith("-") else text
    return int(text) if digits.isdigit() else None


@problem(["Hello World", "abc"], ["", "ABC", "aB1cD", "!?", "xX", "Mixed 42 Case"])
def swap_case(text: str) -> str:
    """Makes all capital letters of a text small ones and all small letters capital
    ones."""
    return text.swapcase()


@problem(["user_name", "x"], ["a_b_c", "already", "snake_case_text", "one_2", "z_z", "go_to"])
def to_camel(text: str) -> str:
    """Turns a name of small letters and digits, whose words are joined by underscores,
    into one without underscores, in which each word but the first begins with a capital
    letter."""
    first, *others = text.split("_")
    return first + "".join(w[:1].upper() + w[1:] for w in others)


@problem(["userName", "x"], ["aBC", "plain", "camelCaseText", "isOk", "zZ", "parseInt32"])
def to_snake(text: str) -> str:
    """Turns a name that begins with a small letter into one of small letters, with an
    underscore before each letter that was a capital one."""
    return "".join("_" + c.lower() if c.isupper() else c for c in text)


@problem([("karolin", "kathrin"), ("abc", "abc")],
         [("", ""), ("a", "b"), ("0000", "1111"), ("abcd", "abdc"), ("Aa", "aA"),
          ("xyz", "xyy")])
def mismatches(first: str, second: str) -> int:
    """Returns at how many positions two texts of equal length have different
    characters."""
    return sum(a != b for a, b in zip(first, second))


@problem(["The five boxing wizards jump quickly", "abc"],
         ["", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
          "abcdefghijklmnopqrstuvwxy", "Zabcdefghijklmnopqrstuvwxy!", "zz"])
def uses_all_letters(text: str) -> bool:
    """Tells whether a text has each of the 26 letters of the English alphabet at least
    once, small or capital."""
    return set("abcdefghijklmnopqrstuvwxyz") <= set(text.lower())


@problem(["abcd", "a"], ["", "ab", "xyz", "hello", "a b", "123456"])
def rotations(text: str) -> list[str]:
    """Returns all texts that result from moving characters from the beginning of a text to
    its end, one more each time: first the text itself, and as many in all as it has
    characters."""
    return [text[i:] + text[:i] for i in range(len(text))]


@problem([("ab", "1234"), ("xyz", "")],
         [("", ""), ("", "q"), ("abc", "xyz"), ("a", "b"), ("long one", "s"), ("12", "3")])
def alternate(first: str, second: str) -> str:
    """Takes characters from two texts in turns, beginning with the first text. When one of
    them is at its end, what is left of the other one follows."""
    length = min(len(first), len(second))
    mixed = "".join(a + b for a, b in zip(first, second))
    return mixed + first[length:] + second[length:]


@problem([("hello world", 7), ("short", 9)],
         [("", 3), ("abcdef", 6), ("abcdefg", 6), ("abcdef", 3), ("long sentence here", 10),
          ("abcd", 4)])
def shorten(text: str, width: int) -> str:
    """Returns a text that is at most as long as the number says, which is at least 3: the
    text itself if it is short enough, else its beginning with three dots after it, together
    exactly so long."""
    return text if len(text) <= width else text[:width - 3] + "..."
