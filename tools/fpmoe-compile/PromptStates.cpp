//===- PromptStates.cpp - What prompts make of a part ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The program of a part gives, in the place of logits, what goes into its
// layers. Padding sees no token, so that attention adds nothing to it; a second
// program, whose attention adds nothing, tells what becomes of it.
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/PromptStates.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Config/Config.h"
#include "lib/Tool/Output.h"
#include "lib/Tool/Process.h"
#include "tools/fpmoe-compile/Compile.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace fpmoe;

namespace {

using Tokens = std::vector<int64_t>;

std::vector<Tokens> getPrompts(PromptStateOp op) {
  std::vector<Tokens> prompts;
  for (mlir::Attribute list : op.getPrompts()) {
    Tokens &prompt = prompts.emplace_back();
    for (mlir::Attribute id : cast<mlir::ArrayAttr>(list))
      prompt.push_back(cast<mlir::IntegerAttr>(id).getInt());
  }
  return prompts;
}

/// The inputs of the layers of one part.
class PartRunner {
public:
  PartRunner(StringRef part, StringRef model) : part(part), model(model) {}

  Error open();
  /// Whether the part has such vectors, and its vocabulary the tokens.
  Error check(PromptStateOp op) const;
  /// Makes what `add` needs; no attention: of tokens that see nothing.
  Error run(ArrayRef<Tokens> texts, bool withoutAttention);
  /// Adds row `token` of text number `text`, [layers, hidden].
  void add(size_t text, size_t token, MutableArrayRef<double> sum) const;
  size_t size() const { return layers * hidden; }

private:
  Error failed(const Twine &what) const {
    return createStringError("the prompts cannot be run over the part " +
                             quoted(part) + ": " + what);
  }

  StringRef part, model; ///< its name and its directory
  size_t layers = 0, hidden = 0;
  int64_t vocabulary = 0;
  /// Floats of a row of the program's output.
  size_t width = 0;
  std::vector<size_t> firstRows; ///< of each text
  std::unique_ptr<MemoryBuffer> rows;
};

Error PartRunner::open() {
  Expected<ModelConfig> config = readConfig(model);
  if (!config)
    return failed(toString(config.takeError()));
  layers = config->numLayers;
  hidden = config->hiddenSize;
  vocabulary = config->vocabSize;
  width = std::max<size_t>(vocabulary, size());
  return Error::success();
}

Error PartRunner::check(PromptStateOp op) const {
  size_t columns = op.getResult().getType().getDimSize(0);
  if (columns != hidden)
    return failed("its layers take " + Twine(hidden) + " numbers, not " +
                  Twine(columns));
  std::vector<Tokens> all = getPrompts(op);
  if (op.getPadding())
    all.push_back({static_cast<int64_t>(*op.getPadding())});
  for (const Tokens &prompt : all)
    for (int64_t token : prompt)
      if (token >= vocabulary)
        return failed("token " + Twine(token) +
                      " is outside its vocabulary of " + Twine(vocabulary));
  return Error::success();
}

Error PartRunner::run(ArrayRef<Tokens> texts, bool withoutAttention) {
  TemporaryDirectory directory;
  if (Error e = directory.create())
    return e;
  std::string program = directory.file("program"), ids = directory.file("ids"),
              output = directory.file("output"), log = directory.file("log");
  CompileOptions options;
  options.input = model.str();
  options.output = program;
  options.target = "cpu";
  options.cpu = "native";
  options.weights = "f32";
  options.layerInputs = true;
  options.withoutAttention = withoutAttention;
  if (Error e = compile(options))
    return failed(toString(std::move(e)));

  std::string lines;
  size_t count = 0;
  firstRows.clear();
  for (const Tokens &text : texts) {
    firstRows.push_back(count);
    count += text.size();
    lines += join(map_range(text, [](int64_t id) { return utostr(id); }), " ");
    lines += "\n";
  }
  if (Error e = writeText(ids, lines))
    return failed(toString(std::move(e)));

  std::string problem;
  int status =
      runChild({program, "score", "--ids", ids, "--lines", "--logits", output},
               log, problem);
  if (status != 0) {
    if (ErrorOr<std::unique_ptr<MemoryBuffer>> text =
            MemoryBuffer::getFile(log);
        text && problem.empty())
      problem = (*text)->getBuffer().rtrim().str();
    return failed(problem);
  }
  ErrorOr<std::unique_ptr<MemoryBuffer>> made =
      MemoryBuffer::getFile(output, /*IsText=*/false,
                            /*RequiresNullTerminator=*/false);
  if (!made)
    return failed(output + ": " + made.getError().message());
  if ((*made)->getBufferSize() != count * width * sizeof(float))
    return failed(output + ": has " + Twine((*made)->getBufferSize()) +
                  " bytes, " + Twine(count) + " tokens make " +
                  Twine(count * width * sizeof(float)));
  rows = std::move(*made);
  return Error::success();
}

void PartRunner::add(size_t text, size_t token,
                     MutableArrayRef<double> sum) const {
  const char *row = rows->getBufferStart() +
                    (firstRows[text] + token) * width * sizeof(float);
  for (auto [i, number] : enumerate(sum))
    number += bit_cast<float>(support::endian::read32le(row + i * 4));
}

/// What fills prompts up, [layers, hidden] by the token.
using PaddingRows = std::map<int64_t, std::vector<double>>;

/// The mean over the prompts, the first of which is text `first` of the run.
std::vector<float> meanOf(PromptStateOp op, const PartRunner &runner,
                          size_t first, const PaddingRows &paddings) {
  std::vector<Tokens> prompts = getPrompts(op);
  size_t longest = 0;
  for (const Tokens &prompt : prompts)
    longest = std::max(longest, prompt.size());
  std::vector<double> mean(runner.size());
  for (auto [i, prompt] : enumerate(prompts)) {
    std::vector<double> sum(runner.size());
    for (size_t t = op.getAverage() ? 0 : prompt.size() - 1; t < prompt.size();
         ++t)
      runner.add(first + i, t, sum);
    size_t count = op.getAverage() ? prompt.size() : 1;
    if (op.getPadding()) {
      const std::vector<double> &padding = paddings.at(*op.getPadding());
      for (size_t e = 0; e < sum.size(); ++e)
        sum[e] += static_cast<double>(longest - count) * padding[e];
      count = longest;
    }
    for (size_t e = 0; e < sum.size(); ++e)
      mean[e] += sum[e] / static_cast<double>(count * prompts.size());
  }
  return std::vector<float>(mean.begin(), mean.end());
}

} // namespace

static Error addStatesOf(StringRef part, StringRef directory,
                         ArrayRef<PromptStateOp> ops, Sources &sources) {
  PartRunner runner(part, directory);
  if (Error e = runner.open())
    return e;
  PaddingRows paddings;
  std::vector<Tokens> texts, fills;
  for (PromptStateOp op : ops) {
    if (Error e = runner.check(op))
      return e;
    append_range(texts, getPrompts(op));
    if (op.getPadding() && paddings.try_emplace(*op.getPadding()).second)
      fills.push_back({static_cast<int64_t>(*op.getPadding())});
  }
  if (!fills.empty()) {
    if (Error e = runner.run(fills, /*withoutAttention=*/true))
      return e;
    for (auto [i, fill] : enumerate(fills)) {
      std::vector<double> &rows = paddings[fill.front()];
      rows.resize(runner.size());
      runner.add(i, 0, rows);
    }
  }
  if (Error e = runner.run(texts, /*withoutAttention=*/false))
    return e;
  size_t first = 0;
  for (PromptStateOp op : ops) {
    sources.addState(op, meanOf(op, runner, first, paddings));
    first += op.getPrompts().size();
  }
  return Error::success();
}

Error fpmoe::addPromptStates(mlir::ModuleOp module, Sources &sources) {
  llvm::MapVector<StringRef, SmallVector<PromptStateOp>> parts;
  llvm::DenseSet<mlir::Attribute> known;
  module.walk([&](PromptStateOp op) {
    if (known.insert(op->getAttrDictionary()).second)
      parts[op.getPart()].push_back(op);
  });
  for (auto &[part, ops] : parts)
    if (Error e =
            addStatesOf(part, getPartDirectory(module, part), ops, sources))
      return e;
  return Error::success();
}
