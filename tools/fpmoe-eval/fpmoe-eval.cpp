//===- fpmoe-eval.cpp - run a graph on the reference ----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line of the reference interpreter: logits of a module for given
// token ids, printed, written or compared with others.
//
//===----------------------------------------------------------------------===//

#include "Results.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Reference/Interpreter.h"
#include "lib/Tool/InputFiles.h"
#include "lib/Tool/Process.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"

#include <numeric>

using namespace llvm;
using namespace fpmoe;

static constexpr const char *overview =
    R"(Evaluates a model of the graph dialect plainly, in f32: the specification that
passes and compiled programs are compared with.

  fpmoe-eval model.mlir --ids ids.txt
      prints the likeliest next tokens after the ids
  fpmoe-eval model.mlir --ids ids.txt --logits out.bin
      writes the logits of all tokens: raw f32, a row for each token
  fpmoe-eval model.mlir --ids ids.txt --expect golden.bin --tolerance 1e-4
      compares them with others; the exit code is 1 if they differ by more
  fpmoe-eval model.mlir --ids a.txt --ids b.txt --chunk 7 --logits out.bin
      runs two texts by turns, 7 tokens of each at a time; logits text by text
  fpmoe-eval --compare got.bin expected.bin --columns 4096 --tolerance 1e-3
      compares two files of logits

model.mlir is what fpmoe-compile --compile-to=import (or a later phase up to
quantize) makes of a checkpoint. Exit codes: 0, 1 for failure, 2 for wrong usage.
)";

static cl::OptionCategory category("fpmoe-eval options");
static cl::list<std::string> inputs(cl::Positional, cl::desc("model.mlir"),
                                    cl::cat(category));
static cl::list<std::string>
    idsPaths("ids", cl::value_desc("file"), cl::cat(category),
             cl::desc("Token ids, separated by white space; of several texts, "
                      "each has its own"));
static cl::opt<std::string> source(
    "source", cl::value_desc("dir"), cl::cat(category),
    cl::desc("Checkpoint to load weights from (default: the one that the "
             "module names, relative to the current directory)"));
static cl::opt<unsigned>
    chunk("chunk", cl::value_desc("n"), cl::cat(category),
          cl::desc("Run n tokens of a text at a time (default: all at once)"));
static cl::opt<bool>
    wholeText("whole-text", cl::cat(category),
              cl::desc("Route segments as published, over the whole text, "
                       "instead of causally (two_level)"));
static cl::list<std::string>
    languagesPaths("languages", cl::value_desc("file"), cl::cat(category),
                   cl::desc("Languages of the tokens: a number, or -1, each; "
                            "for every text, in their order"));
static cl::opt<std::string> logitsPath("logits", cl::value_desc("file"),
                                       cl::cat(category),
                                       cl::desc("Write the logits"));
static cl::opt<std::string>
    expectPath("expect", cl::value_desc("file"), cl::cat(category),
               cl::desc("Compare the logits with these"));
static cl::opt<std::string>
    expectRoutesPath("expect-routes", cl::value_desc("file"), cl::cat(category),
                     cl::desc("Compare the chosen experts and their weights "
                              "with these, in the form that --routes prints"));
static cl::opt<bool> showRoutes(
    "routes", cl::cat(category),
    cl::desc("Print layer, token, and the chosen experts with their weights"));
static cl::opt<double>
    tolerance("tolerance", cl::value_desc("x"), cl::init(1e-4),
              cl::cat(category),
              cl::desc("Largest difference over the largest logit that passes; "
                       "for routes, difference of a weight (default: 1e-4)"));
static cl::opt<bool> compare("compare", cl::cat(category),
                             cl::desc("Compare two files of logits"));
static cl::opt<unsigned> columns("columns", cl::value_desc("n"),
                                 cl::cat(category),
                                 cl::desc("With --compare: logits of a token"));

/// What is wrong with the command line; empty if nothing is.
static std::string checkUsage() {
  if (!(tolerance >= 0))
    return "--tolerance must be 0 or more";
  bool evaluates = idsPaths.getNumOccurrences() || source.getNumOccurrences() ||
                   chunk.getNumOccurrences() || wholeText ||
                   languagesPaths.getNumOccurrences() ||
                   logitsPath.getNumOccurrences() ||
                   expectPath.getNumOccurrences() ||
                   expectRoutesPath.getNumOccurrences() || showRoutes;
  if (compare) {
    if (inputs.size() != 2)
      return "--compare takes two files of logits";
    if (columns == 0)
      return "--compare needs --columns, the logits of a token";
    return evaluates ? "--compare takes only --columns and --tolerance" : "";
  }
  if (columns.getNumOccurrences())
    return "--columns goes with --compare";
  if (inputs.size() != 1)
    return "one module is needed, there are " + std::to_string(inputs.size());
  if (idsPaths.empty())
    return "--ids is needed: the tokens to run";
  if (!languagesPaths.empty() && languagesPaths.size() != idsPaths.size())
    return "--languages is given " + std::to_string(languagesPaths.size()) +
           " times for " + std::to_string(idsPaths.size()) + " texts";
  if (idsPaths.size() > 1 && (showRoutes || !expectRoutesPath.empty()))
    return "--routes and --expect-routes are of one text, there are " +
           std::to_string(idsPaths.size());
  if (chunk.getNumOccurrences() && chunk == 0)
    return "--chunk must be positive";
  if (chunk.getNumOccurrences() && wholeText)
    return "--whole-text runs all tokens at once, without --chunk";
  return "";
}

/// Fails unless both have rows of the same number.
static Error checkRows(StringRef path, const Rows &got, const Rows &expected) {
  if (got.rows == expected.rows)
    return Error::success();
  return fileError(path, "has logits of " + Twine(expected.rows) +
                             " tokens, there are " + Twine(got.rows));
}

static Expected<bool> runCompare() {
  Expected<Rows> got = readLogits(inputs[0], columns);
  if (!got)
    return got.takeError();
  Expected<Rows> expected = readLogits(inputs[1], columns);
  if (!expected)
    return expected.takeError();
  if (Error e = checkRows(inputs[1], *got, *expected))
    return e;
  return compareLogits(*got, *expected, tolerance, outs());
}

/// The checkpoint of the module; null if nothing is loaded.
static Expected<std::unique_ptr<Checkpoint>>
openCheckpoint(mlir::ModuleOp module) {
  if (!needsCheckpoint(module))
    return nullptr;
  if (source.getNumOccurrences())
    return Checkpoint::open(source);
  auto model = module->getAttrOfType<mlir::DictionaryAttr>(kModelAttr);
  if (!model)
    return fileError(inputs[0], "does not name its checkpoint in "
                                "'fpmoe.model'; --source can");
  StringRef directory = model.getAs<mlir::StringAttr>("source");
  if (Error e = checkSource(inputs[0], directory))
    return e;
  return Checkpoint::open(directory);
}

/// Whether the logits would not take the place of an input.
static Error checkOutput(mlir::ModuleOp module) {
  InputFiles read;
  for (const std::string &path :
       {inputs[0], expectPath.getValue(), expectRoutesPath.getValue()})
    read.addFile(path);
  for (const std::string &path :
       llvm::concat<const std::string>(idsPaths, languagesPaths))
    read.addFile(path);
  if (!source.empty())
    read.addModel(source);
  if (auto model = module->getAttrOfType<mlir::DictionaryAttr>(kModelAttr)) {
    read.addModel(model.getAs<mlir::StringAttr>("source"));
    if (auto parts = model.getAs<mlir::DictionaryAttr>("parts"))
      for (mlir::NamedAttribute part : parts)
        read.addModel(cast<mlir::StringAttr>(part.getValue()));
  }
  return read.checkOutput(logitsPath);
}

/// Reads the tokens of all texts, and their languages into the interpreter.
static Expected<std::vector<Ids>> readTexts(Interpreter &interpreter) {
  std::vector<Ids> texts;
  for (const std::string &path : idsPaths) {
    Expected<std::vector<int32_t>> ids = readIds(path);
    if (!ids)
      return ids.takeError();
    texts.push_back(std::move(*ids));
  }
  for (auto [text, path] : llvm::enumerate(languagesPaths)) {
    Expected<std::vector<int32_t>> languages = readLanguages(path);
    if (!languages)
      return languages.takeError();
    if (languages->size() != texts[text].size())
      return fileError(path, "has " + Twine(languages->size()) +
                                 " languages for " + Twine(texts[text].size()) +
                                 " tokens");
    interpreter.setLanguages(std::move(*languages), text);
  }
  return texts;
}

/// Runs all tokens, a part of each text by turns. Returns the logits text by
/// text; of each only the last row if `lastOnly`.
static Expected<Rows> runAll(Interpreter &interpreter, ArrayRef<Ids> texts,
                             bool lastOnly) {
  std::vector<Rows> made(texts.size());
  size_t longest = 0;
  for (const Ids &text : texts)
    longest = std::max(longest, text.size());
  size_t most = chunk ? chunk : longest;
  for (size_t done = 0; done < longest; done += most)
    for (auto [number, text, all] : llvm::enumerate(texts, made)) {
      ArrayRef<int32_t> ids = text;
      ids = ids.drop_front(std::min(done, ids.size())).take_front(most);
      if (ids.empty())
        continue;
      Expected<Rows> logits = interpreter.run(ids, number);
      if (!logits)
        return logits;
      ArrayRef<float> kept = logits->data;
      if (lastOnly) {
        all = Rows();
        kept = (*logits)[logits->rows - 1];
      }
      all.columns = logits->columns;
      all.rows += kept.size() / all.columns;
      all.data.insert(all.data.end(), kept.begin(), kept.end());
    }
  Rows all = std::move(made.front());
  for (Rows &rows : MutableArrayRef(made).drop_front()) {
    all.rows += rows.rows;
    llvm::append_range(all.data, rows.data);
  }
  return all;
}

static void printLikeliest(ArrayRef<float> logits, size_t count) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](size_t a, size_t b) {
                      return logits[a] > logits[b] ||
                             (logits[a] == logits[b] && a < b);
                    });
  for (size_t id : ArrayRef(order).take_front(count))
    outs() << format("%8zu  %.6f\n", id, logits[id]);
}

/// Parses and verifies a file. Of the diagnostics, the first one counts.
static Expected<mlir::OwningOpRef<mlir::ModuleOp>>
parseModule(const std::string &path, mlir::MLIRContext &context) {
  std::string first;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        if (first.empty()) {
          raw_string_ostream out(first);
          out << path;
          if (auto where = diagnostic.getLocation()
                               ->findInstanceOf<mlir::FileLineColLoc>())
            out << ':' << where.getLine() << ':' << where.getColumn();
          out << ": " << diagnostic;
        }
      });
  if (Error error = checkRegularFile(path))
    return std::move(error);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(path, &context);
  if (!module)
    return createStringError(first);
  return module;
}

static Expected<bool> runModule() {
  mlir::MLIRContext context;
  context.loadDialect<FPMoEDialect, mlir::func::FuncDialect>();
  auto parsed = parseModule(inputs[0], context);
  if (!parsed)
    return parsed.takeError();
  mlir::ModuleOp module = **parsed;
  if (Error e = checkOutput(module))
    return e;
  Expected<std::unique_ptr<Checkpoint>> checkpoint = openCheckpoint(module);
  if (!checkpoint)
    return checkpoint.takeError();
  Expected<Sources> sources = openSources(module, checkpoint->get());
  if (!sources)
    return sources.takeError();
  InterpreterOptions options;
  options.recordRoutes = showRoutes || !expectRoutesPath.empty();
  options.wholeText = wholeText;
  Expected<std::unique_ptr<Interpreter>> interpreter =
      Interpreter::create(module, *sources, options);
  if (!interpreter)
    return interpreter.takeError();
  Expected<std::vector<Ids>> texts = readTexts(**interpreter);
  if (!texts)
    return texts.takeError();
  bool lastOnly = logitsPath.empty() && expectPath.empty();
  Expected<Rows> logits = runAll(**interpreter, *texts, lastOnly);
  if (!logits)
    return logits.takeError();
  std::vector<Route> routes = (*interpreter)->takeRoutes();
  llvm::stable_sort(routes, [](const Route &a, const Route &b) {
    return std::tie(a.layer, a.position) < std::tie(b.layer, b.position);
  });

  bool pass = true;
  if (!logitsPath.empty())
    if (Error e = writeLogits(logitsPath, *logits))
      return e;
  if (showRoutes)
    printRoutes(routes, outs());
  if (!expectPath.empty()) {
    Expected<Rows> expected = readLogits(expectPath, logits->columns);
    if (!expected)
      return expected.takeError();
    if (Error e = checkRows(expectPath, *logits, *expected))
      return e;
    pass &= compareLogits(*logits, *expected, tolerance, outs());
  }
  if (!expectRoutesPath.empty()) {
    Expected<std::vector<Route>> expected = readRoutes(expectRoutesPath);
    if (!expected)
      return expected.takeError();
    pass &= compareRoutes(routes, *expected, tolerance, outs());
  }
  if (expectPath.empty() && expectRoutesPath.empty() && !showRoutes) {
    int64_t end = 0;
    for (const Ids &text : *texts) {
      end += lastOnly ? 1 : text.size();
      outs() << "likeliest after " << text.size() << " tokens (id, logit):\n";
      printLikeliest((*logits)[end - 1], 5);
    }
  }
  return pass;
}

int main(int argc, char **argv) {
  initTool();
  cl::HideUnrelatedOptions(category);
  std::string problem;
  raw_string_ostream problems(problem);
  if (!cl::ParseCommandLineOptions(argc, argv, overview, &problems)) {
    errs() << printableLines(problem);
    return finishTool(2);
  }
  if (std::string wrong = checkUsage(); !wrong.empty())
    return reportError(wrong + "; see fpmoe-eval --help", 2);
  Expected<bool> pass = compare ? runCompare() : runModule();
  if (!pass)
    return finishTool(reportError(toString(pass.takeError())));
  return finishTool(*pass ? 0 : 1);
}
