//===- Quantizer.cpp - Formats that depend on numbers ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/Quantizer.h"
#include "lib/Calibrate/Calibrate.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Reference/Interpreter.h"
#include "lib/Tool/Output.h"
#include "lib/Weights/Budget.h"
#include "passes/Quantize/StorageRules.h"
#include "tools/fpmoe-compile/Progress.h"
#include "tools/fpmoe-compile/PromptStates.h"
#include "tools/fpmoe-compile/Report.h"

using namespace llvm;
using namespace fpmoe;

/// Rows of a matrix that tell what its format changes of it.
static constexpr int64_t kSampledRows = 32;

Error Quantizer::check() {
  std::string weights = options.weights.value_or("");
  budget = parseBudget(weights);
  if (budget && !(*budget > 0))
    return createStringError("weights " + quoted(weights) +
                             " says no number of bits, as in 4.75bits");
  if (!budget)
    if (Expected<StorageRules> rules = StorageRules::parse(weights); !rules)
      return createStringError("weights " + toString(rules.takeError()));
  return Error::success();
}

/// Of the module's weights, with what prompts make of its parts.
Expected<Sources> Quantizer::openAllSources(mlir::ModuleOp module) {
  Expected<Sources> sources = openSources(module, model.checkpoint.get());
  if (!sources)
    return sources.takeError();
  if (Error error = addPromptStates(module, *sources))
    return std::move(error);
  return sources;
}

Expected<std::string> Quantizer::chooseRules(mlir::ModuleOp fused) {
  if (!budget)
    return options.weights.value_or("");
  if (!model.hasWeights && options.explain)
    return createStringError(options.input + ": has no weights, which a number "
                                             "of bits is shared out by");
  Expected<Sources> sources = openAllSources(fused);
  if (!sources)
    return sources.takeError();
  return chooseFormats(fused, *sources, *budget);
}

Error Quantizer::keep(mlir::ModuleOp module) {
  if (!options.calibrate)
    return Error::success();
  if (!hasCalibratedWeights(module))
    return createStringError("no weights are of 4 bits, which are all that "
                             "--calibrate makes; add --weights=int4");
  quantized = module.clone();
  return Error::success();
}

Error Quantizer::calibrateWeights(const ProgramDescription &description) {
  if (!options.calibrate)
    return Error::success();
  if (!quantized)
    return createStringError(options.input +
                             ": is past the phase that rounds weights, which "
                             "--calibrate needs; give it the model");
  if (description.tokenizer.empty())
    return createStringError(options.input + ": has no tokenizer, which "
                                             "--calibrate reads its text with");
  Expected<int64_t> segment = findSegment(*quantized);
  if (!segment)
    return segment.takeError();
  Expected<std::vector<std::vector<int32_t>>> texts =
      readCalibrationTexts(*options.calibrate, description.tokenizer,
                           std::max<int64_t>(*segment, 1), description.context);
  if (!texts)
    return texts.takeError();
  Expected<Sources> sources = openAllSources(*quantized);
  if (!sources)
    return sources.takeError();
  ProgressBar bar("calibration");
  CalibrateOptions calibration;
  calibration.progress = [&](uint64_t done, uint64_t total) {
    bar.update(done, total);
  };
  return calibrate(*quantized, *sources, *texts, calibration).moveInto(groups);
}

Error Quantizer::describeMatrices(mlir::ModuleOp scheduled, bool measure,
                                  ProgramDescription &description) {
  std::vector<WeightError> matrices = listMatrices(scheduled);
  if (measure) {
    Expected<Sources> sources = openAllSources(scheduled);
    if (!sources)
      return sources.takeError();
    sources->setGroups(groups);
    if (Error error = measureErrors(scheduled, *sources, {kSampledRows, {}})
                          .moveInto(matrices))
      return error;
  }
  for (const WeightError &matrix : joinLayers(matrices))
    description.matrices.push_back({matrix.weight, matrix.format,
                                    matrix.elements, matrix.bytes,
                                    measure ? matrix.getRelative() : -1});
  return Error::success();
}

Error Quantizer::writeReports(mlir::ModuleOp scheduled, StringRef name) {
  if (options.reports.empty())
    return Error::success();
  Expected<Sources> sources = openAllSources(scheduled);
  if (!sources)
    return sources.takeError();
  sources->setGroups(groups);
  ProgressBar bar("report");
  Expected<std::vector<WeightError>> errors = measureErrors(
      scheduled, *sources, {/*rows=*/0, [&](uint64_t done, uint64_t total) {
                              bar.update(done, total);
                            }});
  if (!errors)
    return errors.takeError();
  for (StringRef path : options.reports)
    if (Error error = writeText(path, path.ends_with(".svg")
                                          ? makeSvgReport(name, *errors)
                                          : makeJsonReport(name, *errors)))
      return error;
  return Error::success();
}
