//===- Calibrate.cpp - Weights of 4 bits made for a text ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The reference runs the model, and asks for its products here.
//===----------------------------------------------------------------------===//

#include "lib/Calibrate/Calibrate.h"
#include "lib/Calibrate/Gptq.h"
#include "lib/Reference/Interpreter.h"
#include "lib/Weights/GroupFile.h"

#include "dialects/FPMoE/Storage.h"

#include <map>

using namespace llvm;

namespace fpmoe {

/// Elements of a weight that are in memory at once.
static constexpr int64_t kBlockElements = int64_t(1) << 24;

/// What rounds a weight to integers of 4 bits; null where nothing does.
static ConvertOp getRounding(WeightOp weight) {
  auto convert = weight.getResultValue().getDefiningOp<ConvertOp>();
  auto format = getGroupFormat(weight.getTensorType().getElementType());
  return convert && format && format->bits == 4 ? convert : ConvertOp();
}

namespace {

class CalibratedProducts : public Products {
public:
  CalibratedProducts(const Sources &sources, GroupFile &file,
                     const CalibrateOptions &options, uint64_t total)
      : evaluator(sources), file(file), options(options), total(total) {}

  Expected<Rows> multiply(const Rows &x, const WeightRef &weight, int64_t first,
                          int64_t count) override {
    Rows y(x.rows, count);
    if (Error e = run(x, weight, first, count, &y))
      return std::move(e);
    return y;
  }
  Error see(const Rows &x, const WeightRef &weight) override {
    int64_t rows = weight.type.getNumElements() / weight.columns();
    return run(x, weight, 0, rows, nullptr);
  }

  /// Rounds the rows that have multiplied nothing.
  Error finish();

private:
  /// Which rows of an instance are made.
  struct Instance {
    WeightRef ref;
    std::vector<bool> made;
  };

  Error run(const Rows &x, const WeightRef &ref, int64_t first, int64_t count,
            Rows *y);
  Error makeRows(const GptqRounder &rounder, Instance &instance, int64_t first,
                 std::vector<float> &block);

  RecipeEvaluator evaluator;
  GroupFile &file;
  const CalibrateOptions &options;
  uint64_t done = 0, total;
  std::map<std::pair<mlir::Operation *, int64_t>, Instance> instances;
};

} // namespace

/// Rows from `first` on that are not made yet: `block` gets their numbers.
Error CalibratedProducts::makeRows(const GptqRounder &rounder,
                                   Instance &instance, int64_t first,
                                   std::vector<float> &block) {
  WeightRef ref = instance.ref;
  ConvertOp convert = getRounding(ref.weight);
  int64_t columns = ref.columns(), count = block.size() / columns;
  if (Error e =
          evaluator.evaluate(convert.getInput(), ref.layer, first * columns,
                             MutableArrayRef<float>(block)))
    return e;
  GroupFormat format = *getGroupFormat(ref.type.getElementType());
  int64_t perRow = countGroups(columns, convert.getTail());
  std::vector<Group> groups(count * perRow);
  int64_t bad = rounder.round(format, {block.data(), count, columns}, groups);
  if (bad >= 0)
    return groupError(ref.weight, format, block[bad], first * columns + bad);
  if (Error e = file.write(ref.weight, ref.layer, first * perRow, groups))
    return e;
  std::fill_n(instance.made.begin() + first, count, true);
  done += block.size();
  if (options.progress)
    options.progress(done, total);
  return Error::success();
}

/// y: x times rows of the weight, or null.
Error CalibratedProducts::run(const Rows &x, const WeightRef &ref,
                              int64_t first, int64_t count, Rows *y) {
  int64_t columns = ref.columns();
  MatrixRef inputs{const_cast<float *>(x.data.data()), x.rows, columns};
  ConvertOp rounding = getRounding(WeightOp(ref.weight));
  Instance *instance = nullptr;
  std::unique_ptr<GptqRounder> rounder;
  if (rounding) {
    int64_t rows = ref.type.getNumElements() / columns;
    instance = &instances[{ref.weight, ref.layer}];
    if (instance->made.empty()) {
      *instance = {ref, std::vector<bool>(rows)};
      file.add(ref.weight, ref.layer,
               rows * countGroups(columns, rounding.getTail()));
    }
    if (!instance->made[first])
      rounder = std::make_unique<GptqRounder>(inputs, rounding.getTail());
  }
  int64_t step = std::max<int64_t>(kBlockElements / columns, 1);
  std::vector<float> block;
  for (int64_t row = first, end = first + count; row < end; row += step) {
    int64_t rows = std::min(step, end - row);
    block.resize(rows * columns);
    if (rounder) {
      if (Error e = makeRows(*rounder, *instance, row, block))
        return e;
    } else if (Error e = evaluator.evaluate(
                   WeightOp(ref.weight).getResultValue(), ref.layer,
                   row * columns, MutableArrayRef<float>(block))) {
      return e;
    }
    if (!y)
      continue;
    Rows part(x.rows, rows);
    multiplyTransposed(inputs, {block.data(), rows, columns},
                       {part.data.data(), x.rows, rows});
    for (int64_t r = 0; r < x.rows; ++r)
      llvm::copy(part[r], (*y)[r].begin() + (row - first));
  }
  return Error::success();
}

Error CalibratedProducts::finish() {
  std::vector<float> block;
  for (auto &[key, instance] : instances) {
    int64_t rows = instance.made.size(), columns = instance.ref.columns();
    int64_t step = std::max<int64_t>(kBlockElements / columns, 1);
    GptqRounder plain({nullptr, 0, columns},
                      getRounding(instance.ref.weight).getTail());
    for (int64_t row = 0; row < rows;) {
      int64_t end = row;
      while (end < std::min(row + step, rows) && !instance.made[end])
        ++end;
      if (end > row) {
        block.resize((end - row) * columns);
        if (Error e = makeRows(plain, instance, row, block))
          return e;
      }
      row = std::max(end, row + 1);
    }
  }
  return Error::success();
}

bool hasCalibratedWeights(mlir::ModuleOp module) {
  return llvm::any_of(module.getOps<WeightOp>(),
                      [](WeightOp weight) { return getRounding(weight); });
}

Expected<std::shared_ptr<const GroupFile>>
calibrate(mlir::ModuleOp module, const Sources &sources,
          ArrayRef<std::vector<int32_t>> texts,
          const CalibrateOptions &options) {
  Expected<std::unique_ptr<GroupFile>> file = GroupFile::create();
  if (!file)
    return file.takeError();
  uint64_t total = 0;
  for (auto weight : module.getOps<WeightOp>())
    if (getRounding(weight))
      total +=
          weight.getTensorType().getNumElements() * weight.getNumInstances();
  CalibratedProducts products(sources, **file, options, total);
  InterpreterOptions run;
  run.products = &products;
  Expected<std::unique_ptr<Interpreter>> interpreter =
      Interpreter::create(module, sources, run);
  if (!interpreter)
    return interpreter.takeError();
  if (Error e = (*interpreter)->runTexts(texts))
    return std::move(e);
  if (Error e = products.finish())
    return std::move(e);
  return std::shared_ptr<const GroupFile>(std::move(*file));
}

} // namespace fpmoe
