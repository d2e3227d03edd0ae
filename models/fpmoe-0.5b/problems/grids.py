"""Problems of lists of lists."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

from typing import Optional

from problems import collector

PROBLEMS, problem = collector()


@problem([[[1, 2], [3]], [[]]],
         [[], [[], []], [[5]], [[1], [], [2]], [[3, 4], [1, 2]], [[0, 0], [0]]])
def join_all(rows: list[list[int]]) -> list[int]:
    """Joins the lists of a list to a single one."""
    return [n for row in rows for n in row]


@problem([[[1, 2], [3, 4]], [[]]],
         [[], [[5]], [[1, -1], [2, -2]], [[0]], [[1], [2, 3], []], [[10, 20]]])
def grid_total(grid: list[list[int]]) -> int:
    """Returns the sum of all numbers of all rows."""
    return sum(map(sum, grid))


@problem([[[1, 2, 3], [4, 5, 6]], [[7]]],
         [[], [[1], [2], [3]], [[1, 2, 3]], [[1, 2], [3, 4]], [[0, 0], [1, 1], [2, 2]],
          [[-1, 1]]])
def transposed(matrix: list[list[int]]) -> list[list[int]]:
    """Makes the rows of a matrix its columns. A matrix is a list of rows, which are equally
    long and not empty; it may have no rows."""
    return [list(column) for column in zip(*matrix)]


@problem([[[1, 2], [3, 4]], [[1]]],
         [[], [[1, 2, 3]], [[1], [2]], [[1, 2, 3], [4, 5, 6]], [[0, 1], [1, 0], [2, 2]],
          [[5, 5], [5, 6]]])
def quarter_turn(grid: list[list[int]]) -> list[list[int]]:
    """Turns a grid by 90 degrees clockwise, so that its first row becomes the last column.
    A grid is a list of rows, which are equally long and not empty; it may have no rows."""
    return [list(column) for column in zip(*grid[::-1])]


@problem([[[1, 2, 3], [4, 5, 6]], [[7]]],
         [[], [[1, 2]], [[1], [2]], [[3, 2, 1], [1, 2, 3]], [[0, 1, 0, 2]], [[9, 8], [7, 6]]])
def flipped(grid: list[list[int]]) -> list[list[int]]:
    """Reverses each row of a grid. The order of the rows stays."""
    return [row[::-1] for row in grid]


@problem([[[1, 2], [3, 4]], [[5]]],
         [[], [[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[0, 9], [9, 0]], [[-1, 3], [3, -2]],
          [[2, 0, 0], [0, 2, 0], [0, 0, 2]], [[10]]])
def diagonal_total(matrix: list[list[int]]) -> int:
    """Returns the sum of the numbers of a square matrix on the diagonal from the first
    number of the first row to the last number of the last row."""
    return sum(row[i] for i, row in enumerate(matrix))


@problem([2, 0], [1, 3, 4, 5, 6, 9])
def unit_matrix(size: int) -> list[list[int]]:
    """Returns the square matrix of a size that has ones on its main diagonal and zeros
    everywhere else, as a list of rows."""
    return [[int(i == j) for j in range(size)] for i in range(size)]


@problem([3, 1], [0, 2, 4, 5, 9, 12])
def times_table(size: int) -> list[list[int]]:
    """Returns so many rows as the number says, of so many numbers each: row i has at place
    j the product of i and j, and both count from 1."""
    return [[i * j for j in range(1, size + 1)] for i in range(1, size + 1)]


@problem([([[1, 2], [3, 4]], [[0, 1], [1, 0]]), ([[2]], [[3]])],
         [([[1, 2]], [[3], [4]]), ([[1], [2]], [[3, 4]]), ([[1, 0], [0, 1]], [[5, 6], [7, 8]]),
          ([[0, 0]], [[1, 2, 3], [4, 5, 6]]), ([[1, 1], [1, 0]], [[1, 1], [1, 0]]),
          ([[-1]], [[-1]])])
def matrix_product(first: list[list[int]], second: list[list[int]]) -> list[list[int]]:
    """Multiplies two matrices, which are lists of rows and not empty. The first one has as
    many columns as the second one has rows."""
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*second)]
            for row in first]


@problem([([[1, 2], [3, 4]], [[5, 6], [7, 8]]), ([[1]], [[-1]])],
         [([], []), ([[0, 0]], [[1, 2]]), ([[1], [2]], [[3], [4]]), ([[9, 9]], [[1, 1]]),
          ([[1, 2, 3]], [[-1, -2, -3]]), ([[2, 0], [0, 2]], [[0, 2], [2, 0]])])
def matrix_sum(first: list[list[int]], second: list[list[int]]) -> list[list[int]]:
    """Adds two matrices of the same shape, which are lists of rows."""
    return [[a + b for a, b in zip(p, q)] for p, q in zip(first, second)]


@problem([[[1, 5], [7, 2]], [[3]]],
         [[], [[1, 2, 3]], [[4], [2], [9]], [[-1, -2], [-3, 0]], [[0, 0], [0, 0]],
          [[6, 1], [1, 6], [3, 3]]])
def row_peaks(grid: list[list[int]]) -> list[int]:
    """Returns the greatest number of each row of a grid. No row is empty."""
    return [max(row) for row in grid]


@problem([[[1, 2], [3, 4]], [[5, 0, 1]]],
         [[], [[1], [2], [3]], [[0, 0], [0, 0]], [[-1, 1], [1, -1]],
          [[2, 4], [6, 8], [1, 1]], [[7]]])
def column_sums(grid: list[list[int]]) -> list[int]:
    """Returns the sum of each column of a grid, from left to right. The rows are equally
    long; without rows there are no columns."""
    return [sum(column) for column in zip(*grid)]


@problem([([[1, 2], [3, 4]], 3), ([[1]], 9)],
         [([], 0), ([[5, 5], [5, 5]], 5), ([[0, 1], [1, 0]], 1), ([[1, 2, 3], [4, 5, 6]], 6),
          ([[], [7]], 7), ([[8, 9]], 7)])
def find_in_grid(grid: list[list[int]], wanted: int) -> Optional[tuple[int, int]]:
    """Looks for a number in a grid, row after row. Returns row and column of its first
    place, both counted from 0, or nothing if the grid does not have it."""
    for i, row in enumerate(grid):
        if wanted in row:
            return i, row.index(wanted)
    return None


@problem([4, 1], [0, 2, 3, 5, 6, 7])
def pascal_rows(count: int) -> list[list[int]]:
    """Returns the first rows of Pascal's triangle, as many as the number says. The first
    row is a single 1; each later one begins and ends with 1, and has between them the sums
    of neighbours in the row before."""
    rows = []
    for i in range(count):
        above = rows[-1] if rows else []
        rows.append([1] + [a + b for a, b in zip(above, above[1:])] + [1] * (i > 0))
    return rows


@problem([[[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 2]]],
         [[], [[5]], [[1], [2], [3]], [[1, 2], [3, 4]], [[1, 2, 3, 4], [5, 6, 7, 8]],
          [[1, 2], [3, 4], [5, 6]]])
def spiral_order(grid: list[list[int]]) -> list[int]:
    """Returns the numbers of a grid in the order of a spiral: along the first row to the
    right, down the last column, back along the last row, up the first column, and so on
    inwards. The rows are equally long and not empty; there may be none."""
    order = []
    while grid:
        order += grid[0]
        grid = [list(column) for column in zip(*grid[1:])][::-1]
    return order


@problem([[[2, 7, 6], [9, 5, 1], [4, 3, 8]], [[1, 2], [3, 4]]],
         [[[5]], [[1, 1], [1, 1]], [[1, 2], [2, 1]], [[8, 1, 6], [3, 5, 7], [4, 9, 2]],
          [[1, 2, 3], [3, 1, 2], [2, 3, 1]], [[3, 0], [0, 3]]])
def is_magic(square: list[list[int]]) -> bool:
    """Tells whether all rows, all columns and both diagonals of a square of numbers, which
    is not empty, have the same sum."""
    size = range(len(square))
    sums = {sum(row) for row in square} | {sum(column) for column in zip(*square)}
    sums |= {sum(square[i][i] for i in size), sum(square[i][-1 - i] for i in size)}
    return len(sums) == 1


@problem([[[1, 2], [2, 5]], [[0, 1], [2, 0]]],
         [[], [[7]], [[1, 2, 3], [2, 4, 5], [3, 5, 6]], [[1, 2, 3], [2, 4, 5], [3, 6, 6]],
          [[0, 0], [0, 0]], [[1, -1], [1, 1]]])
def is_symmetric(matrix: list[list[int]]) -> bool:
    """Tells whether a square matrix is equal to the one whose rows are its columns."""
    return matrix == [list(column) for column in zip(*matrix)]


@problem([[3, 1, 2], [5]], [[], [1, 2], [0], [2, 2, 1], [4, 0, 1], [1, 1, 1]])
def bar_chart(values: list[int]) -> list[str]:
    """Draws a line for each number of a list: so many stars, side by side, as the number
    says."""
    return ["*" * v for v in values]


@problem([[[1, 2], [3], [1, 2]], [[]]],
         [[], [[1], [1]], [[1, 2], [2, 1]], [[], []], [[5, 5, 5], [5, 5]],
          [[0], [1], [0], [1]]])
def distinct_rows(rows: list[list[int]]) -> int:
    """Returns how many different rows a list of rows has."""
    return len(set(map(tuple, rows)))


@problem([["#.#", "..#"], ["...", "..."]],
         [[], ["#"], ["##", "##"], ["."], ["#..", ".#.", "..#"], ["", ""]])
def filled_cells(picture: list[str]) -> int:
    """Returns how many characters of all lines of a picture are "#"."""
    return sum(line.count("#") for line in picture)


@problem([([[1, 1, 1], [1, 0, 1], [1, 1, 1]], 1, 1), ([[0, 1], [1, 1]], 0, 0)],
         [([[1]], 0, 0), ([[0, 0], [0, 0]], 1, 0), ([[1, 1], [1, 1]], 1, 1),
          ([[1, 0, 1], [0, 1, 0], [1, 0, 1]], 1, 1), ([[0, 1, 0], [1, 1, 1]], 0, 1),
          ([[1, 1, 1]], 0, 1)])
def live_neighbours(grid: list[list[int]], row: int, column: int) -> int:
    """Returns the sum of the numbers of a grid that are next to a place: left, right,
    above, below and diagonally, as far as the grid goes. The place itself, given by row and
    column counted from 0, does not count."""
    return sum(grid[i][j] for i in range(len(grid)) for j in range(len(grid[i]))
               if max(abs(i - row), abs(j - column)) == 1)


@problem([["##.", "#..", "..#"], ["..."]],
         [[], ["#"], ["#.#", ".#.", "#.#"], ["###", "#.#", "###"], ["##", "##"], ["#.#.#"],
          ["#..", "###", "..#"]])
def count_islands(picture: list[str]) -> int:
    """Counts the islands of a map, whose lines are equally long: land is "#", and land that
    is next to other land, horizontally or vertically, is of the same island."""
    left = {(i, j) for i, line in enumerate(picture) for j, c in enumerate(line) if c == "#"}
    islands = 0
    while left:
        islands += 1
        border = [left.pop()]
        while border:
            i, j = border.pop()
            for place in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                if place in left:
                    left.remove(place)
                    border.append(place)
    return islands


@problem([[[1, 3, 1], [1, 5, 1]], [[4]]],
         [[[1, 2, 3]], [[1], [2], [3]], [[1, 9], [1, 1]], [[0, 0], [0, 0]],
          [[1, 2, 5], [3, 2, 1], [9, 1, 1]], [[5, 1, 1], [9, 9, 1]]])
def cheapest_path(grid: list[list[int]]) -> int:
    """Returns the least sum of numbers on a way through a grid from its first place, above
    on the left, to its last one, below on the right, with steps to the right and down only.
    Both ends count. The grid is not empty."""
    costs = {}
    for i, row in enumerate(grid):
        for j, cost in enumerate(row):
            before = [costs[p] for p in ((i - 1, j), (i, j - 1)) if p in costs]
            costs[i, j] = cost + min(before, default=0)
    return costs[len(grid) - 1, len(grid[0]) - 1]


@problem([["name", "id"], ["a"]],
         [["x", "yyy", "zz"], ["same", "size"], ["", "ab"], ["long one", "s"],
          ["1", "22", "333"], ["end", ""]])
def framed(lines: list[str]) -> list[str]:
    """Draws a frame around lines, of which there is at least one: each line gets spaces at
    its end until it is as long as the longest one, and "|" before and after it. A line of
    "-" comes before and after all of them, as long as they are with their bars."""
    width = max(map(len, lines))
    edge = "-" * (width + 2)
    return [edge, *(f"|{line.ljust(width)}|" for line in lines), edge]
