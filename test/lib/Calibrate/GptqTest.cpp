//===- GptqTest.cpp - Integers chosen for what they multiply --------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Calibrate/Gptq.h"

#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace fpmoe;

namespace {

constexpr GroupFormat int4{4, 8}, uint4{4, 0, true};

struct Matrix {
  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), data(rows * columns) {}
  MatrixRef ref() { return {data.data(), rows, columns}; }
  float &at(int64_t row, int64_t column) {
    return data[row * columns + column];
  }

  int64_t rows, columns;
  std::vector<float> data;
};

Matrix makeRandom(int64_t rows, int64_t columns, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0, 1);
  Matrix result(rows, columns);
  for (float &number : result.data)
    number = normal(engine);
  return result;
}

/// Rows of few directions, some columns of which are much larger, and noise.
Matrix makeInputs(int64_t rows, int64_t columns, unsigned seed) {
  Matrix few = makeRandom(rows, 6, seed),
         mix = makeRandom(columns, 6, seed + 1);
  Matrix result = makeRandom(rows, columns, seed + 2), sum(rows, columns);
  multiplyTransposed(few.ref(), mix.ref(), sum.ref());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      result.at(r, c) =
          (0.3f * result.at(r, c) + sum.at(r, c)) * (c % 13 == 4 ? 5 : 1);
  return result;
}

/// What a change of weights changes of the product, squared.
double errorOf(Matrix inputs, const Matrix &before, const Matrix &after) {
  Matrix difference(before.rows, before.columns);
  for (size_t i = 0; i < before.data.size(); ++i)
    difference.data[i] = after.data[i] - before.data[i];
  Matrix product(inputs.rows, before.rows);
  multiplyTransposed(inputs.ref(), difference.ref(), product.ref());
  double sum = 0;
  for (float number : product.data)
    sum += double(number) * number;
  return sum;
}

Matrix roundWith(Matrix inputs, Matrix weights, const GroupFormat &format,
                 int64_t tail) {
  std::vector<Group> groups(weights.rows * countGroups(weights.columns, tail));
  EXPECT_EQ(
      GptqRounder(inputs.ref(), tail).round(format, weights.ref(), groups), -1);
  // The numbers are those of the groups.
  for (int64_t r = 0; r < weights.rows; ++r)
    for (int64_t c = 0; c < weights.columns; ++c) {
      GroupPlace place = findInGroups(weights.columns, tail, c);
      Group &group =
          groups[r * countGroups(weights.columns, tail) + place.group];
      EXPECT_EQ(group.get(format, place.element), weights.at(r, c));
    }
  return weights;
}

Matrix roundPlainly(const Matrix &weights, const GroupFormat &format,
                    int64_t tail) {
  return roundWith(Matrix(0, weights.columns), weights, format, tail);
}

} // namespace

TEST(GptqTest, ProductsChangeLess) {
  for (const GroupFormat &format : {int4, uint4})
    for (auto [columns, tail] :
         {std::pair(256l, 0l), std::pair(300l, 0l), std::pair(231l, 70l)}) {
      Matrix inputs = makeInputs(500, columns, 1);
      Matrix weights = makeRandom(70, columns, 2);
      double plain =
          errorOf(inputs, weights, roundPlainly(weights, format, tail));
      double found =
          errorOf(inputs, weights, roundWith(inputs, weights, format, tail));
      EXPECT_LT(found, 0.3 * plain) << columns << " " << format.hasMinimum;
    }
}

TEST(GptqTest, WithoutInputsRoundsAsFormatsDo) {
  Matrix weights = makeRandom(5, 100, 3);
  Matrix zeros(10, 100);
  for (const Matrix &inputs : {Matrix(0, 100), zeros}) {
    Matrix rounded = roundWith(inputs, weights, int4, 36);
    for (int64_t r = 0; r < 5; ++r)
      for (int64_t c = 0; c < 100;) {
        int64_t width = getGroup(100, 36, c).count;
        Group group;
        roundToGroup(int4, llvm::ArrayRef(&weights.at(r, c), width), group);
        for (int64_t i = 0; i < width; ++i)
          EXPECT_EQ(rounded.at(r, c + i), group.get(int4, i));
        c += width;
      }
  }
}

// Fewer rows than columns determine nothing alone.
TEST(GptqTest, FewInputs) {
  Matrix inputs = makeInputs(3, 128, 4), weights = makeRandom(40, 128, 5);
  EXPECT_LT(errorOf(inputs, weights, roundWith(inputs, weights, int4, 0)),
            0.3 * errorOf(inputs, weights, roundPlainly(weights, int4, 0)));
}

TEST(GptqTest, WhatFitsStaysAsItIs) {
  Matrix inputs = makeInputs(100, 96, 6), weights(9, 96);
  std::mt19937 engine(7);
  for (int64_t r = 0; r < 9; ++r)
    for (int64_t c = 0; c < 96; ++c)
      weights.at(r, c) =
          c % 32 == 0 ? -8 * 0.25f
                      : 0.25f * std::uniform_int_distribution<>(-8, 7)(engine);
  EXPECT_EQ(roundWith(inputs, weights, int4, 0).data, weights.data);
  EXPECT_EQ(roundWith(inputs, weights, uint4, 0).data, weights.data);
}

TEST(GptqTest, NamesTheFirstThatCannotBeRounded) {
  Matrix inputs = makeInputs(100, 200, 8), weights = makeRandom(150, 200, 9);
  weights.at(149, 3) = weights.at(70, 150) = weights.at(70, 190) =
      std::numeric_limits<float>::quiet_NaN();
  std::vector<Group> groups(150 * countGroups(200, 0));
  for (const Matrix &rows : {inputs, Matrix(0, 200)}) {
    Matrix copy = weights, used = rows;
    EXPECT_EQ(GptqRounder(used.ref(), 0).round(int4, copy.ref(), groups),
              70 * 200 + 150);
  }
}
