//===- fpmoe-compile.cpp - Checkpoint in, program out ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Config/SizeLimits.h"
#include "lib/Tokenizer/Chat.h"
#include "lib/Tool/Output.h"
#include "lib/Tool/Process.h"
#include "tools/fpmoe-compile/Compile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace fpmoe;

static cl::OptionCategory category("fpmoe-compile options");

static cl::opt<std::string> input(
    cl::Positional, cl::value_desc("model"), cl::cat(category),
    cl::desc("<model: a directory with config.json, a recipe in .toml, or a "
             ".mlir file>"));
static cl::opt<std::string>
    output("o", cl::value_desc("file"), cl::cat(category),
           cl::desc("What to write; the default is named after the model, and "
                    "\"-\", for IR, is the standard output"));
static cl::opt<std::string> compileTo(
    "compile-to", cl::value_desc("phase"), cl::cat(category),
    cl::desc("Stop after a phase: import, assemble, specialize, fuse, "
             "quantize, schedule, codegen, llvm, object, link"));
static cl::opt<std::string>
    dumpDirectory("dump-dir", cl::value_desc("directory"), cl::cat(category),
                  cl::desc("Write the IR after every phase there"));
static cl::opt<std::string> target(
    "target", cl::value_desc("machines"), cl::cat(category),
    cl::desc("cpu (the default); cuda, for NVIDIA GPUs, which has only been "
             "emulated so far; or cuda,cpu, for a GPU where the program finds "
             "one when it starts"));
static cl::opt<std::string>
    gpu("gpu", cl::value_desc("architectures"), cl::cat(category),
        cl::desc("With cuda in --target: the GPUs that the program holds "
                 "ready code for, such as sm_86 or sm_80,sm_90a (the default); "
                 "later ones compile it when it starts first"));
static cl::opt<std::string>
    cpu("cpu", cl::value_desc("levels"), cl::cat(category),
        cl::desc("native (this machine, the default), amx-bf16, avx512-bf16, "
                 "avx512-vnni, avx512, x86-64-v3-vnni, x86-64-v3, "
                 "aarch64-bf16, aarch64-dotprod or aarch64. "
                 "Of several, such as avx512-bf16,x86-64-v3, or of all for "
                 "this architecture, the program chooses the best one when it "
                 "starts, or the one that FPMOE_CPU names; a level that is "
                 "named twice counts once"));
static cl::opt<std::string> weights(
    "weights", cl::value_desc("format"), cl::cat(category),
    cl::desc("Storage of matrices: f32, f16, bf16, int8, uint4 or int4 "
             "(default: as the checkpoint), and others by their names: "
             "int4,*down_proj=int8. Or bits for each weight, shared out "
             "by the least error: 4.75bits"));
static cl::opt<std::string>
    cache("cache", cl::value_desc("format"), cl::cat(category),
          cl::desc("Keys and values of a text, which it keeps while it runs: "
                   "bf16 or f32 (default: bf16; f32 if all matrices are "
                   "f32 or f16)"));
static cl::opt<std::string> calibrate(
    "calibrate", cl::ValueOptional, cl::value_desc("path"), cl::cat(category),
    cl::desc("Choose weights of 4 bits for what the model reads: a text, or a "
             "folder of texts (default: some code that comes with fpmoe). "
             "Takes time, and is much nearer to the model"));
static cl::opt<int64_t> calibrateTokens(
    "calibrate-tokens", cl::value_desc("n"), cl::cat(category),
    cl::desc("With --calibrate: most tokens that are read (16384)"));
static cl::list<std::string> reports(
    "report", cl::value_desc("file"), cl::cat(category),
    cl::desc("Write what the formats change of each matrix to a .json or, as a "
             "picture, to a .svg; may be given twice"));
static cl::list<std::string> languages(
    "languages", cl::value_desc("names"), cl::CommaSeparated, cl::cat(category),
    cl::desc("Keep only these experts; with one, the router goes too"));
static cl::opt<int64_t>
    prefillTokens("prefill-tokens", cl::value_desc("n"), cl::cat(category),
                  cl::desc("Tokens of a prompt processed together (512)"));
static cl::opt<int64_t>
    ranks("ranks", cl::value_desc("n"), cl::cat(category),
          cl::desc("Split the model over n processes, which mpirun starts on "
                   "one machine or several: a power of two that divides the "
                   "heads of attention. With 1, a program of one process that "
                   "has the bits of one for 2 or 4"));
static cl::opt<int64_t>
    context("context", cl::value_desc("n"), cl::cat(category),
            cl::desc("Tokens that a text may have (default: as many as the "
                     "model has positions)"));
static cl::opt<std::string> ropeScaling(
    "rope-scaling", cl::value_desc("kind:factor"), cl::cat(category),
    cl::desc("Stretch the positions, for a model whose card says that it can: "
             "yarn:4, yarn:4:32768 with the original context, or linear:4"));
static const std::string chatHelp =
    "How conversations are written (default: as the model's own template "
    "does, if its family is known): " +
    listChatChoices();
static cl::opt<std::string> chatTemplate("chat-template",
                                         cl::value_desc("family"),
                                         cl::cat(category), cl::desc(chatHelp));
static cl::opt<bool>
    isStatic("static", cl::cat(category),
             cl::desc("Make a program that needs no shared library at all"));
static cl::opt<std::string>
    weightsFile("weights-file", cl::value_desc("file"), cl::cat(category),
                cl::desc("Put the weights into a file beside the program"));
static cl::opt<uint64_t>
    randomWeights("random-weights", cl::value_desc("seed"), cl::cat(category),
                  cl::desc("Make random weights; config.json is enough"));
static cl::opt<std::string>
    emit("emit", cl::value_desc("form"), cl::cat(category),
         cl::desc("What to make: program; shared or static, a library with "
                  "the functions of fpmoe.h; or checkpoint, a Hugging Face "
                  "directory of what a recipe assembles. A static library has "
                  "its weights in a file beside it, and is linked with "
                  "-lstdc++ -lm -lpthread"));
static cl::opt<std::string> symbolPrefix(
    "symbol-prefix", cl::value_desc("name_"), cl::cat(category),
    cl::desc("With --emit=static: name_open instead of fpmoe_open, and so on, "
             "so that several models go into one application"));
static cl::opt<uint64_t>
    shardMegabytes("shard-megabytes", cl::value_desc("n"), cl::cat(category),
                   cl::desc("With --emit=checkpoint: most of a file (5000)"));
static cl::opt<std::string>
    printRecipe("print-recipe", cl::value_desc("weight"), cl::cat(category),
                cl::desc("Print how a weight or a tensor of an assembled model "
                         "is made"));
static cl::opt<bool>
    explain("explain", cl::cat(category),
            cl::desc("Print what the model is and what its program will need; "
                     "config.json is enough"));
static cl::opt<bool>
    assembly("S", cl::cat(category),
             cl::desc("With --compile-to=object, write assembly text"));

static bool isIdentifier(StringRef text) {
  return !text.empty() && !isDigit(text.front()) &&
         all_of(text, [](char c) { return isAlnum(c) || c == '_'; });
}

int main(int argc, char **argv) {
  initTool();
  cl::HideUnrelatedOptions(category);
  cl::SetVersionPrinter(
      [](raw_ostream &os) { os << "fpmoe " FPMOE_VERSION "\n"; });
  std::string problem;
  raw_string_ostream problems(problem);
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "Compiles a mixture-of-language-experts model into one program.\n\n"
          "  fpmoe-compile models/nano -o nano   makes the program\n"
          "  ./nano generate -p 'main = do'      runs it\n"
          "  fpmoe-compile models/nano --languages=haskell -o hs   one "
          "language\n"
          "  fpmoe-compile test/bench/fpmoe-0.5B --random-weights=1 -o b\n"
          "  fpmoe-compile models/nano --explain   tells what it is\n"
          "  fpmoe-compile recipe.toml -o mixture   assembles it from parts\n"
          "  fpmoe-compile models/nano --compile-to=fuse -o -   prints IR\n",
          &problems)) {
    errs() << printableLines(problem);
    return finishTool(2);
  }
  if (input.empty())
    return reportError("no model given; try fpmoe-compile --help", 2);
  // Empty is what they are where they are not given.
  for (const cl::opt<std::string> *option :
       {&output, &weights, &weightsFile, &emit, &compileTo, &dumpDirectory})
    if (option->getNumOccurrences() && option->empty())
      return reportError((option == &output ? "-" : "--") + option->ArgStr +
                             " needs a value",
                         2);

  CompileOptions options;
  options.input = input;
  if (!compileTo.empty()) {
    std::optional<Phase> phase = parsePhase(compileTo);
    if (!phase)
      return reportError("unknown phase '" + compileTo + "'; the phases are " +
                             listPhases(),
                         2);
    options.stopAfter = *phase;
  }
  if (!emit.empty() && emit != "program" && emit != "shared" &&
      emit != "static" && emit != "checkpoint")
    return reportError("--emit is '" + emit +
                           "', it must be program, shared, static or "
                           "checkpoint",
                       2);
  options.emitCheckpoint = emit == "checkpoint";
  options.emitShared = emit == "shared";
  options.emitStatic = emit == "static";
  if (options.emitShared || options.emitStatic) {
    std::string library = "--emit=" + emit;
    if (output.empty())
      return reportError(library + " needs -o FILE", 2);
    if (compileTo.getNumOccurrences())
      return reportError(library + " and --compile-to exclude each other", 2);
    if (isStatic)
      return reportError(library + " and --static exclude each other", 2);
  }
  if (symbolPrefix.getNumOccurrences()) {
    if (!options.emitStatic)
      return reportError("--symbol-prefix needs --emit=static", 2);
    if (!isIdentifier(symbolPrefix))
      return reportError("--symbol-prefix is '" + symbolPrefix +
                             "', it must be letters, digits and _, and not "
                             "begin with a digit",
                         2);
    options.symbolPrefix = symbolPrefix;
  }
  if (options.emitCheckpoint && output.empty())
    return reportError("--emit=checkpoint needs -o DIRECTORY", 2);
  if (options.emitCheckpoint && compileTo.getNumOccurrences())
    return reportError("--emit=checkpoint and --compile-to exclude each other",
                       2);
  if (shardMegabytes.getNumOccurrences()) {
    if (shardMegabytes < 1 || shardMegabytes > 1'000'000)
      return reportError("--shard-megabytes must be between 1 and 1000000", 2);
    options.shardBytes = shardMegabytes * 1'000'000;
  }
  if (printRecipe.getNumOccurrences())
    options.printRecipe = printRecipe;
  options.explain = explain;
  if (explain && (compileTo.getNumOccurrences() || options.emitCheckpoint ||
                  options.printRecipe))
    return reportError(
        "--explain makes nothing else; leave out --compile-to, --emit "
        "and --print-recipe",
        2);
  bool isText = options.stopAfter <= Phase::LLVM || options.printRecipe ||
                options.explain;
  SmallString<128> absolute(input);
  sys::path::remove_dots(absolute);
  options.output = output;
  if (output.empty())
    options.output = isText ? "-"
                            : (sys::path::stem(sys::path::filename(absolute)) +
                               (options.stopAfter == Phase::Object ? ".o" : ""))
                                  .str();
  if (assembly && options.stopAfter != Phase::Object)
    return reportError("-S needs --compile-to=object", 2);
  if (options.output == "-" && !isText)
    return reportError(
        "a program cannot go to the standard output; give -o FILE", 2);
  options.dumpDirectory = dumpDirectory;
  if (target.getNumOccurrences()) {
    if (!isTargetChoice(target))
      return reportError(
          "--target is '" + target + "', it must be cpu, cuda or cuda,cpu", 2);
    options.target = target;
  }
  if (cpu.getNumOccurrences())
    options.cpu = cpu;
  if (gpu.getNumOccurrences())
    options.gpu = gpu;
  if (weights.getNumOccurrences())
    options.weights = weights;
  if (cache.getNumOccurrences()) {
    if (!isCacheFormat(cache))
      return reportError("--cache is '" + cache + "', it must be bf16 or f32",
                         2);
    options.cache = cache;
  }
  if (calibrate.getNumOccurrences()) {
    if (isText || options.emitCheckpoint || options.stopAfter != Phase::Link)
      return reportError(
          "--calibrate makes the weights of a program; leave out "
          "--compile-to, --emit, --explain and --print-recipe",
          2);
    options.calibrate = CalibrationOptions{calibrate};
  }
  if (calibrateTokens.getNumOccurrences()) {
    if (!options.calibrate)
      return reportError("--calibrate-tokens needs --calibrate", 2);
    if (calibrateTokens < 1 || calibrateTokens > 1'000'000)
      return reportError("--calibrate-tokens is " + Twine(calibrateTokens) +
                             ", it must be between 1 and 1000000",
                         2);
    options.calibrate->tokens = calibrateTokens;
  }
  for (StringRef report : reports) {
    if (!report.ends_with(".json") && !report.ends_with(".svg"))
      return reportError("--report is '" + report +
                             "', it must be a file in .json or .svg",
                         2);
    if (isText || options.emitCheckpoint || options.stopAfter != Phase::Link)
      return reportError(
          "--report tells of the weights of a program; leave out "
          "--compile-to, --emit, --explain and --print-recipe",
          2);
    options.reports.push_back(report.str());
  }
  if (languages.getNumOccurrences())
    options.languages = std::vector<std::string>(languages);
  if (prefillTokens.getNumOccurrences()) {
    if (prefillTokens < 1 || prefillTokens > 65536)
      return reportError("--prefill-tokens is " + Twine(prefillTokens) +
                             ", it must be between 1 and 65536",
                         2);
    options.prefillTokens = prefillTokens;
  }
  if (ranks.getNumOccurrences()) {
    if (ranks < 1 || !isPowerOf2_64(ranks))
      return reportError(
          "--ranks is " + Twine(ranks) + ", it must be a power of two", 2);
    options.ranks = ranks;
  }
  if (context.getNumOccurrences()) {
    int64_t limit = getSizeLimit("max_position_embeddings");
    if (context < 1 || context > limit)
      return reportError("--context is " + Twine(context) +
                             ", it must be between 1 and " + Twine(limit),
                         2);
    options.context = context;
  }
  if (ropeScaling.getNumOccurrences()) {
    Expected<RopeScalingOption> scaling = parseRopeScaling(ropeScaling);
    if (!scaling)
      return reportError("--rope-scaling: " + toString(scaling.takeError()), 2);
    options.ropeScaling = *scaling;
  }
  if (chatTemplate.getNumOccurrences()) {
    if (Error error = ChatChoice::create(chatTemplate, "--chat-template")
                          .moveInto(options.chatTemplate))
      return reportError(toString(std::move(error)), 2);
  }
  if (isStatic.getNumOccurrences())
    options.isStatic = isStatic;
  if (weightsFile.getNumOccurrences())
    options.weightsFile = weightsFile;
  if (randomWeights.getNumOccurrences())
    options.randomSeed = randomWeights;
  options.assembly = assembly;
  removeLeftDirectories();
  if (Error error = compile(options))
    return finishTool(reportError(toString(std::move(error))));
  return finishTool();
}
