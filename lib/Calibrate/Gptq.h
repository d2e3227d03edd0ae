//===- Gptq.h - Integers chosen for what they multiply ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// GPTQ (Frantar et al., arXiv 2210.17323) in the form of LDLQ (Chee et al.,
// arXiv 2307.13304, theorem 6). The error of a rounded matrix Q of W is
// |(W - Q) X'|^2 over the rows X that it multiplies, = |(W - Q) R|^2 with
// X' X + damping = R R', R upper triangular. Of column c, R has
// R_cc (e_c + sum over j < c of e_j R_jc / R_cc), with the errors e = w - q: a
// column is rounded after what the errors before it ask for was added to it.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CALIBRATE_GPTQ_H
#define FPMOE_LIB_CALIBRATE_GPTQ_H

#include "lib/Weights/Groups.h"

#include <vector>

namespace fpmoe {

/// A matrix that lies row by row, which somebody else owns.
struct MatrixRef {
  float *data;
  int64_t rows, columns;
};

/// c = a b', on all cores. The same bits on any number of them.
void multiplyTransposed(MatrixRef a, MatrixRef b, MatrixRef c);

/// Rounds matrices that multiply the same rows.
class GptqRounder {
public:
  /// `inputs` are the rows, as wide as the matrices, whose last `tail` columns
  /// begin groups. Without any rows that are not zero, errors count the same.
  GptqRounder(MatrixRef inputs, int64_t tail);

  /// Puts the rounded numbers in the place of those of `weights`, and their
  /// groups, row by row, into `groups`. Returns the element that cannot be
  /// rounded, or -1.
  int64_t round(const GroupFormat &format, MatrixRef weights,
                llvm::MutableArrayRef<Group> groups) const;

private:
  int64_t roundRows(const GroupFormat &format, MatrixRef weights, int64_t first,
                    int64_t count, llvm::MutableArrayRef<Group> groups) const;

  int64_t columns, tail;
  /// R_jc / R_cc, of j < c at [j * columns + c].
  std::vector<float> feedback;
  /// R_cc^2, the weight of an error of the column, in proportion.
  std::vector<float> importance;
};

} // namespace fpmoe

#endif
