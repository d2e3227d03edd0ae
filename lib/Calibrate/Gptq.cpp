//===- Gptq.cpp - Integers chosen for what they multiply ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The order of every sum is fixed, and does not depend on the CPU: Eigen is
// compiled for all of them, and told sizes of caches.
//===----------------------------------------------------------------------===//

#include "lib/Calibrate/Gptq.h"
#include "lib/Checkpoint/Half.h"

#include "llvm/Support/Parallel.h"

#include <Eigen/Cholesky>
#include <atomic>
#include <cmath>
#include <mutex>

using namespace llvm;

namespace fpmoe {

using Matrix =
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using View = Eigen::Map<Matrix>;

/// Rows that a thread takes at a time, and columns whose errors are passed on
/// together: a few groups.
static constexpr int64_t kRows = 64, kColumns = 128;
/// Of the mean square of the inputs; of those that GPTQ is used with, 0.01 to
/// 0.1, the best for models of experts, which see few rows each.
static constexpr float kDamping = 0.1f;

static View viewOf(MatrixRef m) { return View(m.data, m.rows, m.columns); }

static void fixBlocking() {
  static std::once_flag once;
  std::call_once(once, [] {
    Eigen::initParallel();
    Eigen::setCpuCacheSizes(32 << 10, 256 << 10, 2 << 20);
  });
}

void multiplyTransposed(MatrixRef a, MatrixRef b, MatrixRef c) {
  fixBlocking();
  parallelFor(0, divideCeil(a.rows, kRows), [&](size_t i) {
    int64_t first = i * kRows, count = std::min(kRows, a.rows - first);
    viewOf(c).middleRows(first, count).noalias() =
        viewOf(a).middleRows(first, count) * viewOf(b).transpose();
  });
}

/// The lower triangle of x' x of the columns in reverse order.
static Matrix momentsOf(MatrixRef inputs) {
  int64_t columns = inputs.columns;
  Matrix reversed = viewOf(inputs).rowwise().reverse();
  Matrix moments = Matrix::Zero(columns, columns);
  parallelFor(0, divideCeil(columns, kColumns), [&](size_t i) {
    int64_t first = i * kColumns, count = std::min(kColumns, columns - first);
    moments.block(first, 0, count, first + count).noalias() =
        reversed.middleCols(first, count).transpose() *
        reversed.leftCols(first + count);
  });
  return moments;
}

GptqRounder::GptqRounder(MatrixRef inputs, int64_t tail)
    : columns(inputs.columns), tail(tail) {
  fixBlocking();
  Matrix moments = momentsOf(inputs);
  float mean = moments.diagonal().mean();
  if (!(mean > 0) || !std::isfinite(mean))
    return;
  // R is L of the reversed matrix, turned about.
  for (float damping = kDamping * mean; damping < 1e6f * mean; damping *= 10) {
    Matrix damped = moments;
    damped.diagonal().array() += damping;
    Eigen::LLT<Eigen::Ref<Matrix>, Eigen::Lower> factor(damped);
    if (factor.info() != Eigen::Success)
      continue;
    feedback.resize(columns * columns);
    importance.resize(columns);
    for (int64_t c = 0; c < columns; ++c) {
      float diagonal = damped(columns - 1 - c, columns - 1 - c);
      importance[c] = diagonal * diagonal / mean;
      for (int64_t j = 0; j < c; ++j)
        feedback[j * columns + c] =
            damped(columns - 1 - j, columns - 1 - c) / diagonal;
    }
    return;
  }
}

int64_t GptqRounder::round(const GroupFormat &format, MatrixRef weights,
                           MutableArrayRef<Group> groups) const {
  std::atomic<int64_t> bad{INT64_MAX};
  parallelFor(0, divideCeil(weights.rows, kRows), [&](size_t i) {
    int64_t first = i * kRows, count = std::min(kRows, weights.rows - first);
    int64_t found = roundRows(format, weights, first, count, groups);
    for (int64_t least = bad; found >= 0 && found < least;)
      bad.compare_exchange_weak(least, found);
  });
  return bad == INT64_MAX ? -1 : bad.load();
}

int64_t GptqRounder::roundRows(const GroupFormat &format, MatrixRef weights,
                               int64_t first, int64_t count,
                               MutableArrayRef<Group> groups) const {
  View w = viewOf(weights);
  int64_t perRow = countGroups(columns, tail), group = 0;
  auto roundGroup = [&](int64_t row, int64_t from, ArrayRef<float> numbers,
                        ArrayRef<float> weights) {
    Group &to = groups[(first + row) * perRow + group];
    int64_t bad = roundToGroup(format, numbers, to, weights);
    return bad < 0 ? bad : (first + row) * columns + from + bad;
  };
  if (feedback.empty()) {
    for (int64_t c = 0; c < columns; ++group) {
      int64_t width = getGroup(columns, tail, c).count;
      for (int64_t r = 0; r < count; ++r) {
        float *x = &w(first + r, c);
        if (int64_t bad = roundGroup(r, c, ArrayRef(x, width), {}); bad >= 0)
          return bad;
        const Group &made = groups[(first + r) * perRow + group];
        for (int64_t i = 0; i < width; ++i)
          x[i] = made.get(format, i);
      }
      c += width;
    }
    return -1;
  }
  Eigen::Map<const Matrix> passOn(feedback.data(), columns, columns);
  Matrix errors(count, columns), asked;
  for (int64_t block = 0; block < columns;) {
    // Whole groups; what the errors of earlier blocks ask of their columns.
    int64_t end = block;
    while (end < columns && end - block < kColumns)
      end += getGroup(columns, tail, end).count;
    asked.noalias() =
        errors.leftCols(block) * passOn.block(0, block, block, end - block);
    for (int64_t c = block; c < end; ++group) {
      int64_t width = getGroup(columns, tail, c).count;
      for (int64_t r = 0; r < count; ++r) {
        float *x = &w(first + r, c);
        float wanted[GroupFormat::kElements];
        for (int64_t i = 0; i < width; ++i)
          wanted[i] = x[i] + asked(r, c - block + i);
        if (int64_t bad = roundGroup(r, c, ArrayRef(wanted, width),
                                     ArrayRef(importance).slice(c, width));
            bad >= 0)
          return bad;
        Group &made = groups[(first + r) * perRow + group];
        for (int64_t i = 0; i < width; ++i) {
          float rounded = made.set(format, i, wanted[i]);
          float error = errors(r, c + i) = x[i] - rounded;
          x[i] = rounded;
          // To the rest of the group and of the block.
          const float *to = &feedback[(c + i) * columns];
          for (int64_t j = i + 1; j < width; ++j)
            wanted[j] += error * to[c + j];
          for (int64_t j = c + width; j < end; ++j)
            asked(r, j - block) += error * to[j];
        }
      }
      c += width;
    }
    block = end;
  }
  return -1;
}

} // namespace fpmoe
