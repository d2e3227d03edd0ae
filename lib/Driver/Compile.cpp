//===- Compile.cpp - Compiles a model -------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Reads the model, runs phase after phase, and writes what the last one made.
//===----------------------------------------------------------------------===//

#include "lib/Driver/Compile.h"
#include "dialects/Mega/Mega.h"
#include "lib/Driver/EmitCheckpoint.h"
#include "lib/Driver/Explain.h"
#include "lib/Driver/Output.h"
#include "lib/Driver/Progress.h"
#include "lib/Driver/PromptStates.h"
#include "lib/Driver/PromptTokenizer.h"
#include "lib/Model/Assembly.h"
#include "lib/Model/Checkpoint.h"
#include "lib/Model/Import.h"
#include "lib/Model/Options.h"
#include "lib/Target/CPU/Object.h"
#include "lib/Target/Link/Link.h"
#include "lib/Target/Link/Payload.h"
#include "lib/Tokenizer/Gguf.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "lib/Weights/Evaluate.h"
#include "lib/Weights/Write.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "passes/CPU/Passes.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <fcntl.h>
#include <unistd.h>

using namespace llvm;
using namespace fpmoe;

namespace {

/// Whether there is a checkpoint, right or wrong.
bool hasCheckpoint(StringRef directory) {
  return any_of(std::initializer_list<StringRef>{"model.safetensors",
                                                 "model.safetensors.index.json"},
                [&](StringRef name) {
                  SmallString<128> path(directory);
                  sys::path::append(path, name);
                  return sys::fs::exists(path);
                });
}

class Compiler {
public:
  explicit Compiler(const CompileOptions &options) : options(options) {
    mlir::DialectRegistry registry;
    registry.insert<FPMoEDialect, mega::MegaDialect, mlir::func::FuncDialect>();
    mlir::registerBuiltinDialectTranslation(registry);
    mlir::registerLLVMDialectTranslation(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  Error run();

private:
  Error readModel();
  Error readRecipe();
  void inheritOptions(const FileOptions &file);
  Expected<const PromptTokenizer *> getTokenizer();
  void muteAttention();
  Error writeCheckpoint();
  Error printRecipe(StringRef name);
  Error readGraph();
  Error runPasses(Phase phase);
  Error dump(Phase phase);
  Error makeProgram();
  Error describe();
  Error explain();
  Expected<std::vector<uint8_t>> readTokenizer(StringRef source);
  Error writeProgramWeights(StringRef path, uint64_t offset);
  Error emitCode(StringRef path);
  /// Reports MLIR's diagnostics as the message of an error.
  Error takeDiagnostics(StringRef what);
  template <typename T>
  static void inherit(std::optional<T> &own, const std::optional<T> &file) {
    if (!own)
      own = file;
  }

  CompileOptions options;
  PhaseOptions phases;
  mlir::MLIRContext context;
  std::unique_ptr<Checkpoint> checkpoint;
  /// Of a recipe.
  std::unique_ptr<Assembly> assembly;
  /// What the prompts of a recipe are tokenised with.
  std::unique_ptr<PromptTokenizer> tokenizer;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// The module of the schedule phase: where weights are made from.
  mlir::OwningOpRef<mlir::ModuleOp> scheduled;
  ProgramDescription description;
  /// Of a model in a directory.
  bool hasWeights = true;
  std::string diagnostics;
};

Error Compiler::takeDiagnostics(StringRef what) {
  StringRef text = StringRef(diagnostics).rtrim();
  return createStringError(text.empty() ? what : text);
}

Error Compiler::run() {
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        raw_string_ostream os(diagnostics);
        if (auto file =
                dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation()))
          os << file.getFilename().getValue() << ":" << file.getLine() << ":"
             << file.getColumn() << ": ";
        os << diagnostic << "\n";
        return mlir::success();
      });
  StringRef input = options.input;
  if (Error error = input.ends_with(".mlir")   ? readGraph()
                    : input.ends_with(".toml") ? readRecipe()
                                               : readModel())
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
  if (!phases.weights.empty() && phases.weights != "f32" &&
      phases.weights != "bf16")
    return createStringError("weights '" + phases.weights +
                             "' is not a format (known: f32, bf16)");

  if (options.explain)
    return explain();
  if (Error error = dump(Phase::Import))
    return error;
  // IR of the schedule phase, read from a file, is past the earlier ones.
  bool isScheduled = !module->getOps<mega::ProgramOp>().empty();
  for (Phase phase : {Phase::Assemble, Phase::Specialize, Phase::Fuse,
                      Phase::Quantize, Phase::Schedule, Phase::Codegen}) {
    if (options.stopAfter < phase)
      break;
    if (!isScheduled || phase == Phase::Codegen)
      if (Error error = runPasses(phase))
        return error;
    if (phase == Phase::Schedule) {
      scheduled = module->clone();
      if (Error error = describe())
        return error;
    }
    if (Error error = dump(phase))
      return error;
  }
  if (options.stopAfter <= Phase::Codegen) {
    std::string text;
    raw_string_ostream os(text);
    module->print(os);
    os << "\n";
    return writeText(options.output, text);
  }
  return makeProgram();
}

Error Compiler::readGraph() {
  if (!sys::fs::exists(options.input))
    return createStringError(options.input + ": there is no such file");
  module = mlir::parseSourceFile<mlir::ModuleOp>(options.input, &context);
  if (!module)
    return takeDiagnostics("the IR cannot be read");
  auto model = (*module)->getAttrOfType<mlir::DictionaryAttr>(kModelAttr);
  if (!model)
    return createStringError(options.input +
                             ": the module has no 'fpmoe.model' attribute");
  if (!needsCheckpoint(*module))
    return Error::success();
  Expected<std::unique_ptr<Checkpoint>> opened =
      Checkpoint::open(model.getAs<mlir::StringAttr>("source").getValue());
  if (!opened)
    return opened.takeError();
  checkpoint = std::move(*opened);
  return Error::success();
}

void Compiler::inheritOptions(const FileOptions &file) {
  inherit(options.cpu, file.cpu);
  inherit(options.weights, file.weights);
  inherit(options.languages, file.languages);
  inherit(options.prefillTokens, file.prefillTokens);
  inherit(options.isStatic, file.isStatic);
  inherit(options.weightsFile, file.weightsFile);
}

/// Opened when a prompt is there to need it.
Expected<const PromptTokenizer *> Compiler::getTokenizer() {
  if (!tokenizer) {
    auto opened = PromptTokenizer::open(assembly->getBaseDirectory(),
                                        assembly->getConfig().vocabSize);
    if (!opened)
      return opened.takeError();
    tokenizer = std::move(*opened);
  }
  return tokenizer.get();
}

Error Compiler::readRecipe() {
  if (options.randomSeed)
    return createStringError(options.input + ": is a recipe, which says where "
                                             "its weights come from; random "
                                             "ones are for a config.json");
  Expected<MixtureRecipe> recipe = readMixtureRecipe(options.input);
  if (!recipe)
    return recipe.takeError();
  inheritOptions(recipe->options);
  PromptTokens tokens;
  tokens.tokenize = [this](StringRef text) -> Expected<std::vector<int64_t>> {
    Expected<const PromptTokenizer *> tokenizer = getTokenizer();
    if (!tokenizer)
      return tokenizer.takeError();
    return (*tokenizer)->encode(text);
  };
  tokens.getPadding = [this]() -> Expected<int64_t> {
    Expected<const PromptTokenizer *> tokenizer = getTokenizer();
    if (!tokenizer)
      return tokenizer.takeError();
    return (*tokenizer)->getPadding();
  };
  Expected<std::unique_ptr<Assembly>> opened =
      Assembly::open(std::move(*recipe), std::move(tokens));
  if (!opened)
    return opened.takeError();
  assembly = std::move(*opened);
  StringRef directory = assembly->getBaseDirectory();
  Expected<GenerationConfig> generation =
      readGenerationConfig(directory, assembly->getConfig());
  if (!generation)
    return generation.takeError();
  ImportOptions import;
  import.recipes = assembly.get();
  import.name = assembly->getRecipe().name;
  import.generation = *generation;
  Expected<mlir::OwningOpRef<mlir::ModuleOp>> imported =
      importModel(&context, directory, assembly->getConfig(), nullptr, import);
  if (!imported)
    return imported.takeError();
  module = std::move(*imported);
  return Error::success();
}

Error Compiler::writeCheckpoint() {
  if (!assembly)
    return createStringError(options.input +
                             ": is not a recipe; only what a recipe assembles "
                             "can be written as a checkpoint");
  if (!assembly->getRecipe().languages.empty())
    return createStringError(options.input +
                             ": has adapters for languages, which are no part "
                             "of a checkpoint");
  Expected<mlir::OwningOpRef<mlir::ModuleOp>> tensors =
      assembly->makeTensors(*module);
  if (!tensors)
    return tensors.takeError();
  Expected<Sources> sources = openSources(**tensors, nullptr);
  if (!sources)
    return sources.takeError();
  if (Error error = addPromptStates(**tensors, *sources))
    return error;
  return emitCheckpoint(*assembly, **tensors, *sources, options.output,
                        options.shardBytes);
}

/// Of a weight of the graph, or of a tensor of an assembled model, whose name
/// may have the number of a layer.
Error Compiler::printRecipe(StringRef name) {
  auto weight = module->lookupSymbol<WeightOp>(name);
  mlir::OwningOpRef<mlir::ModuleOp> tensors;
  if (!weight && assembly) {
    Expected<mlir::OwningOpRef<mlir::ModuleOp>> made =
        assembly->makeTensors(*module);
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
    for (WeightOp other : module->getOps<WeightOp>())
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

Error Compiler::readModel() {
  SmallString<128> directory(options.input);
  if (sys::path::filename(directory) == "config.json") {
    sys::path::remove_filename(directory);
    if (directory.empty())
      directory = ".";
  }
  bool isGguf = isGgufPath(directory);
  if (!isGguf && sys::fs::is_regular_file(directory))
    return createStringError(directory +
                             ": is a file; name the directory that holds the "
                             "model, or its config.json, or a GGUF file that "
                             "ends in .gguf");
  if (!isGguf && !sys::fs::is_directory(directory))
    return createStringError(directory +
                             ": there is no such directory, a model is one "
                             "with config.json and model.safetensors");
  StringRef place = directory;
  if (isGguf)
    place = sys::path::parent_path(directory);
  Expected<FileOptions> file = readOptions(place.empty() ? "." : place);
  if (!file)
    return file.takeError();
  if (!options.layerInputs)
    inheritOptions(*file);

  Expected<ModelConfig> config = readConfig(directory);
  if (!config)
    return config.takeError();
  Expected<GenerationConfig> generation =
      readGenerationConfig(directory, *config);
  if (!generation)
    return generation.takeError();
  hasWeights = isGguf || hasCheckpoint(directory);
  if (options.explain && !hasWeights)
    options.randomSeed = 0;
  if (!options.randomSeed) {
    Expected<std::unique_ptr<Checkpoint>> opened = Checkpoint::open(directory);
    if (!opened)
      return opened.takeError();
    checkpoint = std::move(*opened);
  }
  ImportOptions import;
  import.randomSeed = options.randomSeed;
  import.generation = *generation;
  Expected<mlir::OwningOpRef<mlir::ModuleOp>> imported =
      importModel(&context, directory, *config, checkpoint.get(), import);
  if (!imported)
    return imported.takeError();
  module = std::move(*imported);
  if (options.withoutAttention)
    muteAttention();
  return Error::success();
}

/// Makes zeros of the weights that attention leaves its layer through.
void Compiler::muteAttention() {
  for (WeightOp weight : module->getOps<WeightOp>()) {
    auto load = weight.getResultValue().getDefiningOp<LoadOp>();
    if (!load || !load.getName().ends_with("self_attn.o_proj.weight"))
      continue;
    mlir::OpBuilder builder(load);
    load.getResult().replaceAllUsesWith(mlir::Value(FillOp::create(
        builder, load.getLoc(), load.getType(), builder.getF64FloatAttr(0))));
    load.erase();
  }
}

Error Compiler::runPasses(Phase phase) {
  mlir::PassManager pm(&context);
  populatePhase(pm, phase, phases);
  if (mlir::failed(pm.run(*module)))
    return takeDiagnostics(
        ("the phase '" + getPhaseName(phase) + "' failed").str());
  return Error::success();
}

Error Compiler::dump(Phase phase) {
  if (options.dumpDirectory.empty())
    return Error::success();
  if (std::error_code error =
          sys::fs::create_directories(options.dumpDirectory))
    return createStringError(options.dumpDirectory + ": " + error.message());
  SmallString<128> path(options.dumpDirectory);
  sys::path::append(path, Twine(static_cast<int>(phase)) + "-" +
                              getPhaseName(phase) + ".mlir");
  std::string text;
  raw_string_ostream os(text);
  module->print(os);
  os << "\n";
  return writeText(path, text);
}

Error Compiler::describe() {
  description = describeModel(*module, phases.target);
  description.weightBytes = getBlobBytes(*module);
  if (options.weightsFile)
    description.weightsFile = sys::path::filename(*options.weightsFile).str();
  auto model = (*module)->getAttrOfType<mlir::DictionaryAttr>(kModelAttr);
  return readTokenizer(model.getAs<mlir::StringAttr>("source").getValue())
      .moveInto(description.tokenizer);
}

/// Nothing where the model has none: the program takes and gives ids only.
/// Goes through the phases up to the program's plan, which takes no weights.
Error Compiler::explain() {
  std::string graph;
  for (Phase phase : {Phase::Assemble, Phase::Specialize, Phase::Fuse,
                      Phase::Quantize, Phase::Schedule}) {
    if (phase == Phase::Fuse)
      graph = explainGraph(*module);
    if (Error error = runPasses(phase))
      return error;
  }
  if (Error error = describe())
    return error;
  return writeText(options.output,
                   explainProgram(description, graph,
                                  hasWeights ? ""
                                             : "config.json alone: there are "
                                               "no weights yet"));
}

Expected<std::vector<uint8_t>> Compiler::readTokenizer(StringRef source) {
  if (isGgufPath(source)) {
    Expected<GgufFile> file = readGguf(source);
    if (!file)
      return file.takeError();
    if (!hasTokenizer(file->metadata))
      return std::vector<uint8_t>();
    return compileGgufTokenizer(file->metadata, description.vocabulary);
  }
  SmallString<128> path(source);
  sys::path::append(path, "tokenizer.json");
  if (!sys::fs::exists(path))
    return std::vector<uint8_t>();
  return compileTokenizer(path, description.vocabulary);
}

Error Compiler::emitCode(StringRef path) {
  mlir::PassManager pm(&context);
  populateLowerToLLVMPipeline(pm);
  if (mlir::failed(pm.run(*module)))
    return takeDiagnostics("the code could not be lowered to LLVM");
  LLVMContext llvmContext;
  Expected<std::unique_ptr<llvm::Module>> translated =
      translateToLLVM(*module, phases.target, description, llvmContext);
  if (!translated)
    return translated.takeError();
  if (options.stopAfter == Phase::LLVM) {
    std::string text;
    raw_string_ostream os(text);
    (*translated)->print(os, nullptr);
    return writeText(options.output, text);
  }
  std::error_code error;
  raw_fd_ostream out(path, error);
  if (error)
    return createStringError(path + ": cannot be written: " + error.message());
  if (Error failed =
          emitObject(**translated, phases.target, out, options.assembly))
    return failed;
  out.close();
  if (out.has_error()) {
    error = out.error();
    out.clear_error();
    return createStringError(path + ": cannot be written: " + error.message());
  }
  return Error::success();
}

Error Compiler::makeProgram() {
  if (options.weightsFile && *options.weightsFile == options.output)
    return createStringError(options.output +
                             ": the program and its weights file have the "
                             "same name");
  if (options.stopAfter == Phase::LLVM)
    return emitCode("");
  if (options.stopAfter == Phase::Object) {
    Expected<OutputFile> object = OutputFile::create(options.output);
    if (!object)
      return object.takeError();
    if (Error error = emitCode(object->temporary()))
      return error;
    sys::fs::setPermissions(object->temporary(), sys::fs::perms(0644));
    return object->keep();
  }

  Expected<std::string> runtime = findRuntimeDirectory(phases.target.arch);
  if (!runtime)
    return runtime.takeError();
  Expected<OutputFile> program = OutputFile::create(options.output);
  if (!program)
    return program.takeError();
  Expected<OutputFile> object = OutputFile::create(options.output + ".o");
  if (!object)
    return object.takeError();
  if (Error error = emitCode(object->temporary()))
    return error;
  LinkOptions link;
  link.objects = {object->temporary().str()};
  link.output = program->temporary().str();
  link.isStatic = options.isStatic.value_or(false);
  link.runtimeDirectory = *runtime;
  if (Error error = linkProgram(link))
    return error;

  if (!options.weightsFile) {
    Expected<uint64_t> offset = payloadOffset(program->temporary());
    if (!offset)
      return offset.takeError();
    if (Error error = writeProgramWeights(program->temporary(), *offset))
      return error;
    return program->keep();
  }
  Expected<OutputFile> weights = OutputFile::create(*options.weightsFile);
  if (!weights)
    return weights.takeError();
  if (Error error = writeProgramWeights(weights->temporary(), 0))
    return error;
  sys::fs::setPermissions(weights->temporary(), sys::fs::perms(0644));
  if (Error error = weights->keep())
    return error;
  return program->keep();
}

Error Compiler::writeProgramWeights(StringRef path, uint64_t offset) {
  StringRef name = options.weightsFile ? StringRef(*options.weightsFile)
                                       : StringRef(options.output);
  Expected<Sources> sources = openSources(*scheduled, checkpoint.get());
  if (!sources)
    return sources.takeError();
  if (Error error = addPromptStates(*scheduled, *sources))
    return error;
  int file = ::open(path.str().c_str(), O_RDWR);
  if (file < 0)
    return createStringError(name + ": " + sys::StrError());
  ProgressBar bar("weights");
  WriteOptions write;
  write.fileName = name.str();
  write.progress = [&](uint64_t done, uint64_t total) {
    bar.update(done, total);
  };
  Error error = writeWeights(*scheduled, *sources, file, offset, write);
  uint64_t bytes = description.weightBytes;
  if (!error && ::ftruncate(file, offset + bytes) != 0)
    error = createStringError(name + ": " + sys::StrError());
  ::close(file);
  if (error)
    return error;
  return writeTrailer(path,
                      makeTrailer(offset, bytes, description.fingerprint));
}

} // namespace

Error fpmoe::compile(const CompileOptions &options) {
  return Compiler(options).run();
}
