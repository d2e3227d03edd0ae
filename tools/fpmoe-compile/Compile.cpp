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
#include "lib/Calibrate/Calibrate.h"
#include "lib/Checkpoint/Gguf.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Target/Link/Link.h"
#include "lib/Target/Link/Payload.h"
#include "lib/Tokenizer/Gguf.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "lib/Tool/InputFiles.h"
#include "lib/Tool/Output.h"
#include "lib/Tool/Process.h"
#include "lib/Weights/Budget.h"
#include "lib/Weights/Evaluate.h"
#include "lib/Weights/Write.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "passes/Quantize/StorageRules.h"
#include "tools/fpmoe-compile/Diagnostics.h"
#include "tools/fpmoe-compile/EmitCheckpoint.h"
#include "tools/fpmoe-compile/Explain.h"
#include "tools/fpmoe-compile/MakeProgram.h"
#include "tools/fpmoe-compile/Progress.h"
#include "tools/fpmoe-compile/PromptStates.h"
#include "tools/fpmoe-compile/ReadModel.h"
#include "tools/fpmoe-compile/Report.h"
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
      : options(options), diagnostics(&context) {
    mlir::DialectRegistry registry;
    registry.insert<FPMoEDialect, mega::MegaDialect, mlir::func::FuncDialect>();
    mlir::registerBuiltinDialectTranslation(registry);
    mlir::registerLLVMDialectTranslation(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  Error run();

private:
  Error checkOutputs() const;
  void addInputs(InputFiles &inputs) const;
  std::vector<std::string> listOutputs() const;
  Error checkWeightsFile() const;
  Error writeCheckpoint();
  Error printRecipe(StringRef name);
  Error checkTarget();
  Error runPasses(Phase phase);
  std::string dumpPath(Phase phase) const;
  Error dump(Phase phase);
  Error describe();
  Error explain();
  Error chooseBudget();
  Error makeGroups();
  Error writeReports();
  Expected<Sources> openAllSources(mlir::ModuleOp module);
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
  PhaseOptions phases;
  std::optional<double> budget; ///< bits a weight
  mlir::MLIRContext context;
  Diagnostics diagnostics;
  Model model;
  /// The module of the quantize phase, if weights are calibrated.
  mlir::OwningOpRef<mlir::ModuleOp> quantized;
  std::shared_ptr<const GroupFile> groups;
  /// The module of the schedule phase: where weights are made from.
  mlir::OwningOpRef<mlir::ModuleOp> scheduled;
  ProgramDescription description;
};

Error Compiler::run() {
  if (Error error = readInput(options, context, diagnostics, model))
    return error;
  if (Error error = checkOutputs())
    return error;
  if (options.printRecipe)
    return printRecipe(*options.printRecipe);
  if (options.emitCheckpoint)
    return writeCheckpoint();
  Expected<CpuTarget> target = getCpuTarget(options.cpu.value_or("native"));
  if (!target)
    return target.takeError();
  phases.target = *target;
  phases.languages = options.languages.value_or(std::vector<std::string>());
  phases.weights = options.weights.value_or("");
  phases.prefillTokens = options.prefillTokens.value_or(512);
  phases.layerInputs = options.layerInputs;
  budget = parseBudget(phases.weights);
  if (budget && !(*budget > 0))
    return createStringError("weights " + quoted(phases.weights) +
                             " says no number of bits, as in 4.75bits");
  if (!budget)
    if (Expected<StorageRules> rules = StorageRules::parse(phases.weights);
        !rules)
      return createStringError("weights " + toString(rules.takeError()));

  // IR of the schedule phase, read from a file, is past the earlier ones.
  bool isScheduled = !model.module->getOps<mega::ProgramOp>().empty();
  if (isScheduled)
    if (Error error = checkTarget())
      return error;
  if (isScheduled && options.calibrate)
    return createStringError(options.input +
                             ": is past the phase that rounds weights, which "
                             "--calibrate needs; give it the model");
  if (options.explain)
    return explain();
  if (Error error = dump(Phase::Import))
    return error;
  for (Phase phase : ArrayRef(irPhases).drop_front()) {
    if (options.stopAfter < phase)
      break;
    if (phase == Phase::Quantize && !isScheduled)
      if (Error error = chooseBudget())
        return error;
    if (!isScheduled || phase == Phase::Codegen)
      if (Error error = runPasses(phase))
        return error;
    if (phase == Phase::Quantize && options.calibrate) {
      if (!hasCalibratedWeights(*model.module))
        return createStringError("no weights are of 4 bits, which are all that "
                                 "--calibrate makes; add --weights=int4");
      quantized = model.module->clone();
    }
    if (phase == Phase::Schedule) {
      scheduled = model.module->clone();
      if (Error error = describe())
        return error;
    }
    if (Error error = dump(phase))
      return error;
  }
  if (options.stopAfter <= Phase::Codegen) {
    std::string text;
    raw_string_ostream os(text);
    model.module->print(os);
    os << "\n";
    return writeText(options.output, text);
  }
  if (options.calibrate)
    if (Error error = makeGroups())
      return error;
  if (Error error = makeProgram(options,
                                {phases.target, description, *model.module,
                                 *scheduled, model.checkpoint.get(), groups},
                                diagnostics))
    return error;
  return writeReports();
}

/// Of the module's weights, with what prompts make of its parts.
Expected<Sources> Compiler::openAllSources(mlir::ModuleOp module) {
  Expected<Sources> sources = openSources(module, model.checkpoint.get());
  if (!sources)
    return sources.takeError();
  if (Error error = addPromptStates(module, *sources))
    return std::move(error);
  return sources;
}

/// Turns bits a weight into a format for each.
Error Compiler::chooseBudget() {
  if (!budget)
    return Error::success();
  if (!model.hasWeights && options.explain)
    return createStringError(options.input + ": has no weights, which a number "
                                             "of bits is shared out by");
  Expected<Sources> sources = openAllSources(*model.module);
  if (!sources)
    return sources.takeError();
  return chooseFormats(*model.module, *sources, *budget)
      .moveInto(phases.weights);
}

/// What the formats of the program change.
Error Compiler::writeReports() {
  if (options.reports.empty())
    return Error::success();
  Expected<Sources> sources = openAllSources(*scheduled);
  if (!sources)
    return sources.takeError();
  sources->setGroups(groups);
  ProgressBar bar("report");
  Expected<std::vector<WeightError>> errors =
      measureErrors(*scheduled, *sources, [&](uint64_t done, uint64_t total) {
        bar.update(done, total);
      });
  if (!errors)
    return errors.takeError();
  for (StringRef path : options.reports)
    if (Error error =
            writeText(path, path.ends_with(".svg")
                                ? makeSvgReport(description.name, *errors)
                                : makeJsonReport(description.name, *errors)))
      return error;
  return Error::success();
}

/// Makes weights of 4 bits for the calibration text.
Error Compiler::makeGroups() {
  if (description.tokenizer.empty())
    return createStringError(options.input + ": has no tokenizer, which "
                                             "--calibrate reads its text with");
  Expected<std::vector<std::vector<int32_t>>> texts =
      readCalibrationTexts(*options.calibrate, description.tokenizer,
                           getTextMultiple(*quantized), description.context);
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

void Compiler::addInputs(InputFiles &inputs) const {
  inputs.addFile(options.input);
  inputs.addModel(getModelAttr().getAs<mlir::StringAttr>("source"));
  if (auto parts = getModelAttr().getAs<mlir::DictionaryAttr>("parts"))
    for (mlir::NamedAttribute part : parts)
      inputs.addModel(cast<mlir::StringAttr>(part.getValue()));
  if (!makesProgram())
    return;
  // What is wrong with these is reported where they are needed.
  Expected<CpuTarget> target = getCpuTarget(options.cpu.value_or("native"));
  if (!target)
    return consumeError(target.takeError());
  Expected<std::string> runtime = findRuntimeDirectory(target->arch);
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
    for (Phase phase : irPhases)
      if (phase <= options.stopAfter)
        paths.push_back(dumpPath(phase));
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

/// A model, which may come from anywhere, can have its weights beside the
/// program, but not in the place of a file that is something else.
Error Compiler::checkWeightsFile() const {
  if (!model.namesWeightsFile || !makesProgram() ||
      !sys::fs::exists(*options.weightsFile) ||
      hasTrailer(*options.weightsFile))
    return Error::success();
  return createStringError(*options.weightsFile +
                           ": is there and is no weights file; 'weights_file' "
                           "of the model's options cannot replace it, "
                           "--weights-file can");
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

/// Programs that are scheduled already are so for one target.
Error Compiler::checkTarget() {
  mega::TargetAttr known = mega::getTarget(*model.module);
  if (known == phases.target.getAttr(&context))
    return Error::success();
  return createStringError("the programs in this IR are for cpu '" +
                           known.getCpu() + "', not for '" +
                           phases.target.name + "'; choose the same by --cpu");
}

Error Compiler::runPasses(Phase phase) {
  if (phase == Phase::Schedule)
    (*model.module)
        ->setAttr(mega::kTargetAttr, phases.target.getAttr(&context));
  mlir::PassManager pm(&context);
  populatePhase(pm, phase, phases);
  if (mlir::failed(pm.run(*model.module)))
    return diagnostics.take(
        ("the phase '" + getPhaseName(phase) + "' failed").str());
  return Error::success();
}

std::string Compiler::dumpPath(Phase phase) const {
  SmallString<128> path(options.dumpDirectory);
  sys::path::append(path, Twine(static_cast<int>(phase)) + "-" +
                              getPhaseName(phase) + ".mlir");
  return std::string(path);
}

Error Compiler::dump(Phase phase) {
  if (options.dumpDirectory.empty())
    return Error::success();
  if (std::error_code error =
          sys::fs::create_directories(options.dumpDirectory))
    return createStringError(options.dumpDirectory + ": " + error.message());
  std::string text;
  raw_string_ostream os(text);
  model.module->print(os);
  os << "\n";
  return writeText(dumpPath(phase), text);
}

Error Compiler::describe() {
  description = describeModel(*model.module, phases.target);
  description.weightBytes = getBlobBytes(*model.module);
  if (options.weightsFile)
    description.weightsFile = sys::path::filename(*options.weightsFile).str();
  return readTokenizer(getModelAttr().getAs<mlir::StringAttr>("source"))
      .moveInto(description.tokenizer);
}

/// Goes through the phases up to the program's plan, which takes no weights.
Error Compiler::explain() {
  std::string graph;
  for (Phase phase : {Phase::Assemble, Phase::Specialize, Phase::Fuse,
                      Phase::Quantize, Phase::Schedule}) {
    if (phase == Phase::Fuse)
      graph = explainGraph(*model.module);
    if (phase == Phase::Quantize)
      if (Error error = chooseBudget())
        return error;
    if (Error error = runPasses(phase))
      return error;
  }
  if (Error error = describe())
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
