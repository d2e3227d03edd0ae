//===- Compile.cpp - Compiles a model -------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Reads the model, runs phase after phase, and writes what the last one made.
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/Compile.h"
#include "dialects/Mega/Mega.h"
#include "lib/Checkpoint/Gguf.h"
#include "lib/Target/CUDA/Assemble.h"
#include "lib/Target/Link/Link.h"
#include "lib/Target/Link/Payload.h"
#include "lib/Tokenizer/Gguf.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "lib/Tool/InputFiles.h"
#include "lib/Tool/Output.h"
#include "lib/Tool/Process.h"
#include "lib/Weights/Evaluate.h"
#include "lib/Weights/Write.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "tools/fpmoe-compile/Diagnostics.h"
#include "tools/fpmoe-compile/EmitCheckpoint.h"
#include "tools/fpmoe-compile/Explain.h"
#include "tools/fpmoe-compile/MakeProgram.h"
#include "tools/fpmoe-compile/PromptStates.h"
#include "tools/fpmoe-compile/Quantizer.h"
#include "tools/fpmoe-compile/ReadModel.h"
#include "tools/fpmoe-compile/Targets.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fpmoe;

namespace {

/// Those that make IR.
constexpr Phase irPhases[] = {Phase::Import, Phase::Assemble, Phase::Specialize,
                              Phase::Fuse,   Phase::Quantize, Phase::Schedule,
                              Phase::Codegen};

class Compiler {
public:
  explicit Compiler(const CompileOptions &options)
      : options(options), namesWeightsFile(options.weightsFile.has_value()),
        diagnostics(&context) {
    mlir::DialectRegistry registry;
    registry.insert<FPMoEDialect, mega::MegaDialect, mlir::func::FuncDialect>();
    mlir::registerBuiltinDialectTranslation(registry);
    mlir::registerLLVMDialectTranslation(registry);
    mlir::registerNVVMDialectTranslation(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  Error run();

private:
  Error checkOutputs() const;
  void addInputs(InputFiles &inputs) const;
  std::vector<std::string> listOutputs() const;
  void chooseWeightsFile();
  Error checkWeightsFile() const;
  Error writeCheckpoint();
  Error printRecipe(StringRef name);
  Error readOptions();
  Error checkTargets();
  void makeLevels();
  std::vector<LevelModule> getLevels();
  std::string printModules();
  Error runPasses(Phase phase);
  Error runPasses(Phase phase, mlir::ModuleOp module);
  Error dump(Phase phase);
  Error describe();
  Error explain();
  Expected<std::vector<uint8_t>> readTokenizer(StringRef source);
  /// Whether the options ask for a program and nothing less.
  bool makesProgram() const {
    return options.stopAfter == Phase::Link && !options.emitCheckpoint &&
           !options.printRecipe && !options.explain;
  }
  mlir::DictionaryAttr getModelAttr() const {
    return (*model.module)->getAttrOfType<mlir::DictionaryAttr>(kModelAttr);
  }

  CompileOptions options;
  bool namesWeightsFile; ///< the command line does, not the model or nobody
  PhaseOptions phases;   ///< their target is that of the level whose passes run
  Targets targets;
  mlir::MLIRContext context;
  Diagnostics diagnostics;
  Model model;
  Quantizer quantizer{options, model};
  /// From the schedule on, the module of each level; before, there are none.
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> code;
  /// That of the first level as scheduled: where weights are made from.
  mlir::OwningOpRef<mlir::ModuleOp> scheduled;
  ProgramDescription description;
};

Error Compiler::run() {
  if (Error error = readInput(options, context, diagnostics, model))
    return error;
  chooseWeightsFile();
  // Dumps have the names of the levels.
  if (!options.printRecipe && !options.emitCheckpoint)
    if (Error error = chooseTargets(options).moveInto(targets))
      return error;
  if (Error error = checkOutputs())
    return error;
  if (options.printRecipe)
    return printRecipe(*options.printRecipe);
  if (options.emitCheckpoint)
    return writeCheckpoint();
  if (Error error = readOptions())
    return error;

  // IR of the schedule phase, read from a file, is past the earlier ones.
  bool isScheduled = !model.module->getOps<mega::ProgramOp>().empty();
  if (isScheduled)
    if (Error error = checkTargets())
      return error;
  if (Error error = checkRanks(options, targets, isScheduled))
    return error;
  if (options.explain)
    return explain();
  if (Error error = dump(Phase::Import))
    return error;
  for (Phase phase : ArrayRef(irPhases).drop_front()) {
    if (options.stopAfter < phase)
      break;
    if (phase == Phase::Quantize && !isScheduled)
      if (Error error =
              quantizer.chooseRules(*model.module).moveInto(phases.weights))
        return error;
    if (phase == Phase::Schedule)
      makeLevels();
    if (!isScheduled || phase == Phase::Codegen)
      if (Error error = runPasses(phase))
        return error;
    if (phase == Phase::Quantize && !isScheduled)
      if (Error error = quantizer.keep(*model.module))
        return error;
    if (phase == Phase::Schedule) {
      scheduled = code.front()->clone();
      if (Error error = describe())
        return error;
    }
    if (Error error = dump(phase))
      return error;
  }
  if (options.stopAfter <= Phase::Codegen)
    return writeText(options.output, printModules());
  if (Error error = quantizer.calibrateWeights(description))
    return error;
  if (Error error =
          quantizer.describeMatrices(*scheduled, makesProgram(), description))
    return error;
  if (Error error = makeProgram(options,
                                {getLevels(), targets, description, *scheduled,
                                 model.checkpoint.get(), quantizer.getGroups()},
                                diagnostics))
    return error;
  return quantizer.writeReports(*scheduled, description.name);
}

/// What the passes have to know.
Error Compiler::readOptions() {
  phases.languages = options.languages.value_or(std::vector<std::string>());
  phases.cache = options.cache.value_or("");
  phases.prefillTokens = options.prefillTokens.value_or(512);
  phases.layerInputs = options.layerInputs;
  phases.ranks = options.ranks.value_or(0);
  return quantizer.check();
}

void Compiler::addInputs(InputFiles &inputs) const {
  inputs.addFile(options.input);
  inputs.addModel(getModelAttr().getAs<mlir::StringAttr>("source"));
  if (auto parts = getModelAttr().getAs<mlir::DictionaryAttr>("parts"))
    for (mlir::NamedAttribute part : parts)
      inputs.addModel(cast<mlir::StringAttr>(part.getValue()));
  if (!makesProgram())
    return;
  if (options.calibrate) {
    if (auto files = listCalibrationFiles(*options.calibrate))
      for (const std::string &file : *files)
        inputs.addFile(file);
    else
      consumeError(files.takeError());
  }
  if (!targets.gpus.empty())
    if (std::optional<std::string> ptxas = findPtxas())
      inputs.addFile(*ptxas);
  // What is wrong with it is reported where it is needed.
  Expected<std::string> runtime =
      findRuntimeDirectory(targets.levels.front().arch);
  if (!runtime)
    return consumeError(runtime.takeError());
  inputs.addFolder(*runtime);
}

/// The files that will be written; those of a checkpoint are all new.
std::vector<std::string> Compiler::listOutputs() const {
  std::vector<std::string> paths;
  if (options.output != "-" && !options.emitCheckpoint)
    paths.push_back(options.output);
  if (options.weightsFile && makesProgram())
    paths.push_back(*options.weightsFile);
  if (makesProgram())
    append_range(paths, options.reports);
  if (!options.dumpDirectory.empty())
    for (int phase = 0; phase <= static_cast<int>(options.stopAfter); ++phase)
      append_range(paths, listDumps(options.dumpDirectory,
                                    static_cast<Phase>(phase), targets));
  return paths;
}

/// Whether no output would take the place of an input, or of another output.
Error Compiler::checkOutputs() const {
  if (options.emitCheckpoint)
    return checkCheckpointDirectory(options.output);
  InputFiles inputs;
  addInputs(inputs);
  StringMap<std::string> places;
  for (const std::string &path : listOutputs()) {
    if (Error error = inputs.checkOutput(path))
      return error;
    SmallString<128> folder = sys::path::parent_path(path), place;
    if (sys::fs::real_path(folder.empty() ? "." : folder.str(), place))
      place = folder; // not there yet
    sys::path::append(place, sys::path::filename(path));
    auto [other, isNew] = places.try_emplace(place, path);
    if (!isNew)
      return createStringError(path + ": is named for two outputs; give one of "
                                      "them another name");
  }
  return checkWeightsFile();
}

/// A static library never holds its weights.
void Compiler::chooseWeightsFile() {
  if (!options.emitStatic || options.weightsFile)
    return;
  SmallString<128> path(options.output);
  sys::path::replace_extension(path, "weights");
  options.weightsFile = std::string(path);
}

/// A model, which may come from anywhere, can have its weights beside the
/// program, but not in the place of a file that is something else. Nor can they
/// have a name there that nobody gave them.
Error Compiler::checkWeightsFile() const {
  if (namesWeightsFile || !options.weightsFile || !makesProgram() ||
      !sys::fs::exists(*options.weightsFile) ||
      hasTrailer(*options.weightsFile))
    return Error::success();
  return createStringError(*options.weightsFile +
                           ": is there and is no weights file; only "
                           "--weights-file can replace it");
}

Error Compiler::writeCheckpoint() {
  if (!model.assembly)
    return createStringError(options.input +
                             ": is not a recipe; only what a recipe assembles "
                             "can be written as a checkpoint");
  if (!model.assembly->getRecipe().languages.empty())
    return createStringError(options.input +
                             ": has adapters for languages, which are no part "
                             "of a checkpoint");
  Expected<mlir::OwningOpRef<mlir::ModuleOp>> tensors =
      model.assembly->makeTensors(*model.module);
  if (!tensors)
    return tensors.takeError();
  Expected<Sources> sources = openSources(**tensors, nullptr);
  if (!sources)
    return sources.takeError();
  if (Error error = addPromptStates(**tensors, *sources))
    return error;
  return emitCheckpoint(*model.assembly, **tensors, *sources, options.output,
                        options.shardBytes);
}

/// Of a weight of the graph, or of a tensor of an assembled model, whose name
/// may have the number of a layer.
Error Compiler::printRecipe(StringRef name) {
  auto weight = model.module->lookupSymbol<WeightOp>(name);
  mlir::OwningOpRef<mlir::ModuleOp> tensors;
  if (!weight && model.assembly) {
    Expected<mlir::OwningOpRef<mlir::ModuleOp>> made =
        model.assembly->makeTensors(*model.module);
    if (!made)
      return made.takeError();
    tensors = std::move(*made);
    for (WeightOp tensor : tensors->getOps<WeightOp>())
      for (int64_t i = 0; i != tensor.getNumInstances(); ++i) {
        int64_t layer = tensor.getLayers() ? (*tensor.getLayers())[i] : 0;
        if (tensor.getSymName() == name ||
            formatTensorName(tensor.getSymName(), layer) == name)
          weight = tensor;
      }
  }
  if (!weight) {
    std::string known;
    for (WeightOp other : model.module->getOps<WeightOp>())
      known += (known.empty() ? "" : ", ") + other.getSymName().str();
    return createStringError(options.input + ": has no weight '" + name +
                             "'; its weights are " + known);
  }
  std::string text;
  raw_string_ostream os(text);
  weight->print(os);
  os << "\n";
  return writeText(options.output, text);
}

/// Programs that are scheduled already are so for one target. How wide their
/// panels are is theirs to say: that depends on the levels beside them.
Error Compiler::checkTargets() {
  mega::TargetAttr known = mega::getTarget(*model.module);
  CpuTarget &first = targets.levels.front();
  first.columns = known.getColumns();
  if (targets.levels.size() == 1 && known == first.getAttr(&context))
    return Error::success();
  auto names =
      map_range(targets.levels, [](auto &level) { return level.name; });
  bool hasGpu = first.isGpu || known.getCpu() == "cuda";
  return createStringError("the programs in this IR are for cpu '" +
                           known.getCpu() + "', not for '" + join(names, ",") +
                           "'; choose the same by " +
                           (hasGpu ? "--target" : "--cpu"));
}

/// From here on the code of every level goes its own way.
void Compiler::makeLevels() {
  for (const CpuTarget &target : targets.levels) {
    code.push_back(model.module->clone());
    (*code.back())->setAttr(mega::kTargetAttr, target.getAttr(&context));
  }
}

std::vector<LevelModule> Compiler::getLevels() {
  std::vector<LevelModule> levels;
  for (auto [target, module] : zip(targets.levels, code))
    levels.push_back({target, *module});
  return levels;
}

Error Compiler::runPasses(Phase phase) {
  if (code.empty())
    return runPasses(phase, *model.module);
  for (const LevelModule &level : getLevels()) {
    phases.target = level.target;
    if (Error error = runPasses(phase, level.module))
      return error;
  }
  return Error::success();
}

Error Compiler::runPasses(Phase phase, mlir::ModuleOp module) {
  mlir::PassManager pm(&context);
  populatePhase(pm, phase, phases);
  if (mlir::failed(pm.run(module)))
    return diagnostics.take(
        ("the phase '" + getPhaseName(phase) + "' failed").str());
  return Error::success();
}

static std::string printModule(mlir::ModuleOp module) {
  std::string text;
  raw_string_ostream os(text);
  module.print(os);
  os << "\n";
  return text;
}

/// Those of several levels as tools of MLIR split them.
std::string Compiler::printModules() {
  if (code.empty())
    return printModule(*model.module);
  return join(map_range(getLevels(),
                        [](const LevelModule &level) {
                          return printModule(level.module);
                        }),
              "// -----\n");
}

Error Compiler::dump(Phase phase) {
  if (options.dumpDirectory.empty())
    return Error::success();
  if (std::error_code error =
          sys::fs::create_directories(options.dumpDirectory))
    return createStringError(options.dumpDirectory + ": " + error.message());
  for (auto [i, path] :
       enumerate(listDumps(options.dumpDirectory, phase, targets))) {
    mlir::ModuleOp module = code.empty() ? *model.module : *code[i];
    if (Error error = writeText(path, printModule(module)))
      return error;
  }
  return Error::success();
}

Error Compiler::describe() {
  if (Error error = describeModel(getLevels()).moveInto(description))
    return error;
  description.rankWeightBytes = getBlobBytes(*code.front());
  // Each rank maps its own part, with huge pages.
  if (description.ranks > 1)
    description.rankWeightBytes = payloadOffset(description.rankWeightBytes);
  description.weightBytes = description.ranks * description.rankWeightBytes;
  if (options.weightsFile)
    description.weightsFile = sys::path::filename(*options.weightsFile).str();
  StringRef source = getModelAttr().getAs<mlir::StringAttr>("source");
  if (Error error = readTokenizer(source).moveInto(description.tokenizer))
    return error;
  if (!makesProgram() || options.layerInputs)
    return Error::success();
  return addChat(description.tokenizer, source, options.chatTemplate,
                 [](const Twine &what) {
                   errs() << "note: " << printableLines(what.str()) << "\n";
                 });
}

/// Goes through the phases up to the program's plan, which takes no weights.
Error Compiler::explain() {
  std::string graph;
  for (Phase phase : {Phase::Assemble, Phase::Specialize, Phase::Fuse,
                      Phase::Quantize, Phase::Schedule}) {
    if (phase == Phase::Fuse)
      graph = explainGraph(*model.module);
    if (phase == Phase::Quantize)
      if (Error error =
              quantizer.chooseRules(*model.module).moveInto(phases.weights))
        return error;
    if (phase == Phase::Schedule)
      makeLevels();
    if (Error error = runPasses(phase))
      return error;
  }
  if (Error error = describe())
    return error;
  if (Error error = quantizer.describeMatrices(*code.front(), model.hasWeights,
                                               description))
    return error;
  std::string page = explainProgram(
      description, graph,
      model.hasWeights ? "" : "config.json alone: there are no weights yet");
  return writeText(options.output, printableLines(page)); // names of files
}

/// Nothing where the model has none: the program takes and gives ids only.
Expected<std::vector<uint8_t>> Compiler::readTokenizer(StringRef source) {
  auto warn = [](const Twine &what) {
    errs() << "warning: " << printableLines(what.str()) << "\n";
  };
  if (makesProgram())
    if (Error error = checkSource(options.input, source)) {
      if (needsCheckpoint(*model.module))
        return std::move(error);
      // Its weights are read from nowhere: only the tokenizer is missed.
      warn("there will be no tokenizer: " + toString(std::move(error)));
    }
  if (isGgufPath(source)) {
    Expected<GgufFile> file = readGguf(source);
    if (!file)
      return file.takeError();
    if (!hasTokenizer(file->metadata))
      return std::vector<uint8_t>();
    return compileGgufTokenizer(file->metadata, description.vocabulary, warn);
  }
  SmallString<128> path(source);
  sys::path::append(path, "tokenizer.json");
  // A link that leads nowhere is there, and an error.
  if (!sys::fs::exists(path) && !sys::fs::is_symlink_file(path))
    return std::vector<uint8_t>();
  return compileTokenizer(path, description.vocabulary, warn);
}

} // namespace

Error fpmoe::compile(const CompileOptions &options) {
  return Compiler(options).run();
}
