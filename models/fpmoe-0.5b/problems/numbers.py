"""Problems of numbers."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

from typing import Optional

from problems import collector

PROBLEMS, problem = collector()


@problem([7, -4], [0, 1, -1, 100, -99, 12345])
def triple_plus_one(number: int) -> int:
    """Returns three times the number, plus one."""
    return 3 * number + 1


@problem([(3, 10, 5), (3, 10, 12)],
         [(3, 10, 1), (3, 10, 3), (3, 10, 10), (-5, -2, 0), (-5, -2, -9), (4, 4, 9),
          (0, 100, 50)])
def clamp_to(low: int, high: int, value: int) -> int:
    """Returns the value that is nearest to the third number and lies between the first
    number and the second, both included. The first is never greater than the second."""
    return max(low, min(high, value))


@problem([4096, -507], [0, 9, 10, -1, 99999, 1000000, -888])
def digit_total(number: int) -> int:
    """Returns the sum of the decimal digits of a number. The sign is ignored."""
    return sum(map(int, str(abs(number))))


@problem([360, 7], [1, 2, 10, 999, 1000000, 123456789])
def count_digits(number: int) -> int:
    """Returns how many decimal digits a positive number has."""
    return len(str(number))


@problem([(12, 18), (7, 5)], [(1, 1), (9, 3), (100, 75), (17, 51), (1, 99), (360, 84)])
def common_divisor(first: int, second: int) -> int:
    """Returns the greatest number that divides both of two positive numbers."""
    while second:
        first, second = second, first % second
    return first


@problem([(4, 6), (5, 7)], [(1, 1), (3, 9), (21, 6), (10, 15), (1, 40), (13, 13)])
def common_multiple(first: int, second: int) -> int:
    """Returns the smallest positive number that both of two positive numbers divide."""
    multiple = first
    while multiple % second:
        multiple += first
    return multiple


@problem([13, 15], [0, 1, 2, 3, 4, 9, 25, 97, 91, 7919, 7917, -7])
def is_prime_number(number: int) -> bool:
    """Tells whether a number is prime. Numbers below 2 are not."""
    return number > 1 and all(number % d for d in range(2, int(number ** 0.5) + 1))


@problem([12, 7], [1, 2, 16, 36, 97, 100, 360])
def divisors_of(number: int) -> list[int]:
    """Returns all positive divisors of a positive number, in ascending order, 1 and the
    number itself among them."""
    return [d for d in range(1, number + 1) if number % d == 0]


@problem([60, 13], [1, 2, 8, 49, 210, 1001, 1024])
def prime_parts(number: int) -> list[int]:
    """Returns the prime factors of a positive number in ascending order. A factor is
    there as often as it divides the number, and 1 has none."""
    parts, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            parts.append(divisor)
            number //= divisor
        divisor += 1
    return parts


@problem([6, 27], [1, 2, 3, 7, 16, 19, 97])
def halving_steps(number: int) -> int:
    """Starts at a positive number and goes on until it reaches 1: an even number is
    halved, any other one is tripled and increased by one. Returns how many steps that
    takes."""
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


@problem([(2, 10), (5, 0)], [(0, 5), (1, 30), (3, 7), (10, 4), (-2, 3), (-3, 4), (7, 1)])
def int_power(base: int, exponent: int) -> int:
    """Returns the first number to the power of the second, which is not negative. Any
    number to the power of 0 is 1."""
    return base ** exponent


@problem([(3, 100, 7), (2, 10, 1000)],
         [(5, 0, 13), (5, 0, 1), (7, 1, 5), (2, 30, 97), (10, 18, 11), (0, 4, 9),
          (123, 77, 1001)])
def power_remainder(base: int, exponent: int, modulus: int) -> int:
    """Returns the remainder of a power that is divided by the third number. The first
    number is the base and the second one the exponent; both are not negative, and the
    third is positive. The power itself may be too large for an integer."""
    return pow(base, exponent, modulus)


@problem([10, 16], [0, 1, 2, 3, 4, 24, 25, 99, 1000000])
def floor_root(number: int) -> int:
    """Returns the greatest integer whose square is not greater than a number, which is
    not negative."""
    root = 0
    while (root + 1) ** 2 <= number:
        root += 1
    return root


@problem([49, 50], [0, 1, 2, -4, 144, 143, 1000000])
def is_square_number(number: int) -> bool:
    """Tells whether a number is the square of an integer."""
    return any(i * i == number for i in range(max(0, number) + 1) if i * i <= number)


@problem([(255, 16), (10, 2)], [(0, 2), (1, 2), (7, 8), (8, 8), (35, 36), (12345, 7)])
def digits_in_base(number: int, base: int) -> list[int]:
    """Returns the digits of a number in a base, the most significant digit first. The
    number is not negative, the base is at least 2, and the digits of 0 are a single 0."""
    digits = [number % base]
    while number >= base:
        number //= base
        digits.insert(0, number % base)
    return digits


@problem([([1, 0, 1], 2), ([15, 15], 16)],
         [([], 10), ([0], 2), ([0, 0, 7], 8), ([4, 0, 9, 6], 10), ([1, 1, 1, 1], 3),
          ([35], 36)])
def from_digits(digits: list[int], base: int) -> int:
    """Returns the number that a list of digits stands for in a base, where the most
    significant digit is first. No digits are the number 0."""
    value = 0
    for digit in digits:
        value = value * base + digit
    return value


@problem([6, 11], [0, 1, 2, 8, 255, 1023, 1024])
def to_binary(number: int) -> str:
    """Writes a number, which is not negative, in base 2, without zeros at the beginning.
    The number 0 is written as "0"."""
    return format(number, "b")


@problem([11, 8], [0, 1, 2, 7, 255, 256, 1000])
def ones_in_binary(number: int) -> int:
    """Returns how many ones a number, which is not negative, has in base 2."""
    return bin(number).count("1")


@problem([1230, -45], [0, 7, 100, 1001, -120, 98765])
def reverse_digits(number: int) -> int:
    """Returns the number that has the decimal digits of a number in reverse order. The
    sign stays, and zeros that come first are dropped."""
    reversed_number = int(str(abs(number))[::-1])
    return -reversed_number if number < 0 else reversed_number


@problem([1221, 123], [0, 5, 10, 11, 12321, 1231, 100])
def reads_same_backwards(number: int) -> bool:
    """Tells whether the decimal digits of a number, which is not negative, are the same
    when they are read from the right."""
    return str(number) == str(number)[::-1]


@problem([9875, 40], [0, 9, 10, 99, 38, 999999])
def digital_root(number: int) -> int:
    """Replaces a number, which is not negative, by the sum of its decimal digits until a
    single digit is left, and returns this digit."""
    while number > 9:
        number = sum(map(int, str(number)))
    return number


@problem([2000, 1900], [2024, 2023, 2100, 4, 1, 2400, 1996])
def has_leap_day(year: int) -> bool:
    """Tells whether a year of the Gregorian calendar has a 29th of February: it does if 4
    divides it, but if 100 divides it, too, only if 400 does."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@problem([(2, 2023), (11, 2000)],
         [(2, 2024), (1, 1999), (4, 1999), (12, 2001), (2, 1900), (2, 2000), (6, 5),
          (7, 5), (8, 5), (9, 5), (11, 5)])
def days_of_month(month: int, year: int) -> int:
    """Returns how many days a month has, from 1 for January to 12 for December, in a year
    of the Gregorian calendar. February has 29 days in years that 4 divides, but of those
    that 100 divides only in the ones that 400 divides, too."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@problem([(1, 30, 45), (0, 0, 9)],
         [(0, 0, 0), (0, 1, 0), (1, 0, 0), (23, 59, 59), (100, 0, 1), (2, 15, 30)])
def total_seconds(hours: int, minutes: int, seconds: int) -> int:
    """Returns how many seconds some hours, minutes and seconds are."""
    return (hours * 60 + minutes) * 60 + seconds


@problem([3725, 59], [0, 60, 3599, 3600, 36000, 86399, 360000])
def clock_text(seconds: int) -> str:
    """Writes a time in seconds, which is not negative, as hours, minutes and seconds with
    colons between them. Minutes and seconds have two digits, hours have at least one."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@problem([(3, 4, 5), (1, 2, 3)],
         [(1, 1, 1), (5, 1, 1), (1, 5, 1), (2, 2, 3), (10, 6, 5), (0, 1, 1), (7, 3, 4),
          (3, 7, 4), (2, 3, 5)])
def is_triangle(first: int, second: int, third: int) -> bool:
    """Tells whether three lengths are those of the sides of a triangle: each one has to
    be less than the sum of the other two."""
    return first < second + third and second < first + third and third < first + second


@problem([(17, 5), (8, 0)], [(0, 3), (9, 3), (1, 7), (100, 9), (0, 0), (99, 100)])
def safe_divide(dividend: int, divisor: int) -> Optional[tuple[int, int]]:
    """Returns quotient and remainder of two numbers that are not negative, as a pair, or
    nothing if the divisor is 0."""
    return divmod(dividend, divisor) if divisor else None


@problem([1, 10], [0, 2, 3, 5, 20, 30])
def fibonacci_at(index: int) -> int:
    """Returns the Fibonacci number at an index, where those at the indices 0 and 1 are 0
    and 1, and every later one is the sum of the two before it."""
    first, second = 0, 1
    for _ in range(index):
        first, second = second, first + second
    return first


@problem([5, 0], [1, 2, 3, 7, 10, 12])
def product_up_to(number: int) -> int:
    """Returns the product of all integers from 1 to a number, which is not negative. The
    product of none is 1."""
    product = 1
    for factor in range(1, number + 1):
        product *= factor
    return product


@problem([(5, 2), (4, 7)], [(0, 0), (6, 0), (6, 6), (10, 3), (20, 10), (1, 2)])
def ways_to_choose(total: int, chosen: int) -> int:
    """Returns in how many ways so many things as the second number says can be chosen from
    as many as the first one says, where their order does not matter. There is no way to
    choose more than there are."""
    if chosen > total:
        return 0
    ways = 1
    for i in range(chosen):
        ways = ways * (total - i) // (i + 1)
    return ways


@problem([6, 12], [1, 2, 28, 27, 496, 100, 8128])
def equals_divisor_sum(number: int) -> bool:
    """Tells whether a positive number is the sum of its positive divisors, without the
    number itself."""
    return number == sum(d for d in range(1, number) if number % d == 0)


@problem([14, 2024], [1, 4, 9, 40, 58, 90, 400, 944, 1999, 3888])
def roman_text(number: int) -> str:
    """Writes a number from 1 to 3999 in Roman numerals, where four is written as IV and
    nine as IX, and the same way for tens and hundreds."""
    text = ""
    for value, numeral in [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"),
                           (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"),
                           (5, "V"), (4, "IV"), (1, "I")]:
        text += numeral * (number // value)
        number %= value
    return text


@problem([(2.0, 5.0), (-1.0, 2.0)],
         [(0.0, 0.0), (0.0, 9.0), (3.5, 0.5), (-2.0, -6.0), (100.0, 1.0), (-8.0, 8.0)])
def midpoint(first: float, second: float) -> float:
    """Returns the number that lies in the middle between two numbers."""
    return (first + second) / 2


@problem([100.0, -40.0], [0.0, 37.5, 20.0, -10.0, 5.0, 250.0])
def to_fahrenheit(celsius: float) -> float:
    """Converts a temperature from degrees Celsius to degrees Fahrenheit: 0 degrees Celsius
    are 32 degrees Fahrenheit, and each degree Celsius is 1.8 degrees Fahrenheit."""
    return celsius * 1.8 + 32
