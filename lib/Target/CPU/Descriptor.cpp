//===- Descriptor.cpp - The constants that describe a program -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// FpmoeModel as LLVM constants, in the order of include/fpmoe/runtime/abi.h.
//===----------------------------------------------------------------------===//

#include "fpmoe/runtime/abi.h"
#include "lib/Target/CPU/Object.h"
#include "llvm/IR/Constants.h"

using namespace llvm;
using namespace fpmoe;

static_assert(FPMOE_ABI_VERSION == 9 && sizeof(FpmoeModel) == 312,
              "FpmoeModel changed: change the list below with it");
static_assert(offsetof(FpmoeModel, levels) == 16 &&
              offsetof(FpmoeModel, vocabulary) == 64 &&
              offsetof(FpmoeModel, expert_names) == 136 &&
              offsetof(FpmoeModel, tokenizer) == 192 &&
              offsetof(FpmoeModel, temperature) == 224 &&
              offsetof(FpmoeModel, default_top_k) == 232 &&
              offsetof(FpmoeModel, language_names) == 256 &&
              offsetof(FpmoeModel, sampling) == 264 &&
              offsetof(FpmoeModel, matrices) == 272 &&
              offsetof(FpmoeModel, ranks) == 288);
static_assert(sizeof(FpmoeMatrix) == 40,
              "FpmoeMatrix changed: change makeMatrix with it");
static_assert(sizeof(FpmoeLevel) == 104 &&
                  offsetof(FpmoeLevel, max_tokens) == 16 &&
                  offsetof(FpmoeLevel, decode) == 64 &&
                  offsetof(FpmoeLevel, cuda) == 96,
              "FpmoeLevel changed: change makeLevel with it");
static_assert(sizeof(FpmoeCudaImage) == 24 && sizeof(FpmoeCuda) == 32,
              "FpmoeCuda changed: change makeCuda with it");
static_assert(sizeof(FpmoeSequenceBias) == 24 && sizeof(FpmoeSampling) == 144,
              "FpmoeSampling changed: change makeSampling with it");

namespace {

class DescriptorBuilder {
public:
  DescriptorBuilder(Module &module) : module(module), c(module.getContext()) {}

  void add(Constant *field) { fields.push_back(field); }
  void add(int64_t value) { add(ConstantInt::get(Type::getInt64Ty(c), value)); }
  void add32(uint32_t value) {
    add(ConstantInt::get(Type::getInt32Ty(c), value));
  }
  void add(double value) { add(ConstantFP::get(Type::getDoubleTy(c), value)); }
  void add(float value) { add(ConstantFP::get(Type::getFloatTy(c), value)); }
  void add(StringRef text) { add(string(text)); }
  /// An array of texts; null if there are none.
  void addNames(ArrayRef<std::string> names) {
    SmallVector<Constant *> texts;
    for (const std::string &name : names)
      texts.push_back(string(name));
    auto *type = ArrayType::get(PointerType::get(c, 0), texts.size());
    add(texts.empty() ? null() : global(ConstantArray::get(type, texts), ""));
  }
  /// Where ids are, null if there are none, and how many.
  void addIds(ArrayRef<int32_t> ids) {
    ArrayRef<uint32_t> words(reinterpret_cast<const uint32_t *>(ids.data()),
                             ids.size());
    add(ids.empty() ? null() : global(ConstantDataArray::get(c, words), ""));
    add(static_cast<int64_t>(ids.size()));
  }
  /// Where structures that other builders made are; null if there are none.
  void addArray(ArrayRef<Constant *> elements) {
    if (elements.empty())
      add(null());
    else
      add(global(ConstantArray::get(
                     ArrayType::get(elements[0]->getType(), elements.size()),
                     elements),
                 ""));
  }
  /// A function of the module.
  void addFunction(const std::string &name) {
    Function *function = module.getFunction(name);
    add(function ? static_cast<Constant *>(function) : null());
  }
  Constant *null() { return ConstantPointerNull::get(PointerType::get(c, 0)); }
  Constant *string(StringRef text) {
    return global(ConstantDataArray::getString(c, text), "");
  }
  Constant *
  global(Constant *value, const Twine &name,
         GlobalValue::LinkageTypes linkage = GlobalValue::PrivateLinkage) {
    auto *variable =
        new GlobalVariable(module, value->getType(),
                           /*isConstant=*/true, linkage, value, name);
    variable->setAlignment(Align(8));
    return variable;
  }
  /// The structure of all fields.
  Constant *finish() { return ConstantStruct::getAnon(c, fields); }

private:
  Module &module;
  LLVMContext &c;
  SmallVector<Constant *> fields;
};

/// FpmoeSampling, in the order of its fields.
Constant *makeSampling(Module &module, const SamplingDescription &d) {
  DescriptorBuilder b(module);
  b.add(d.minP);
  b.add(d.repetitionPenalty);
  for (int64_t value : {d.noRepeatNgramSize, d.minNewTokens, d.minLength,
                        d.maxNewTokens, d.maxLength, d.forcedBosToken})
    b.add(value);
  b.addIds(d.forcedEosTokens);
  b.addIds(d.suppressTokens);
  b.addIds(d.beginSuppressTokens);
  SmallVector<Constant *> biases;
  for (const auto &[tokens, bias] : d.sequenceBiases) {
    DescriptorBuilder each(module);
    each.addIds(tokens);
    each.add(bias);
    biases.push_back(each.finish());
  }
  b.addArray(biases);
  b.add(static_cast<int64_t>(biases.size()));
  b.addNames(d.stopStrings);
  b.add(static_cast<int64_t>(d.stopStrings.size()));
  return b.global(b.finish(), "");
}

/// FpmoeCuda, in the order of its fields; null for a level of a CPU.
Constant *makeCuda(Module &module, const LevelDescription &d) {
  DescriptorBuilder b(module);
  if (d.images.empty())
    return b.null();
  LLVMContext &c = module.getContext();
  SmallVector<Constant *> images;
  for (const CudaImage &image : d.images) {
    DescriptorBuilder each(module);
    each.add(StringRef(image.arch));
    each.add(
        each.global(ConstantDataArray::getString(c, image.data, false), ""));
    each.add(static_cast<int64_t>(image.data.size()));
    images.push_back(each.finish());
  }
  b.addArray(images);
  b.add(static_cast<int64_t>(images.size()));
  b.add(d.threads);
  // What runs it is linked for that alone.
  b.add(cast<Constant>(
      module.getOrInsertFunction("fpmoe_gpus", PointerType::get(c, 0))
          .getCallee()));
  return b.global(b.finish(), "");
}

/// FpmoeLevel, in the order of its fields.
Constant *makeLevel(Module &module, const LevelDescription &d,
                    size_t numLevels) {
  DescriptorBuilder b(module);
  b.add(StringRef(d.name));
  b.add32(d.cpuFeatures);
  b.add32(d.queryRows);
  for (int64_t value : {d.maxTokens, d.blockRows, d.cacheBytesPerPosition,
                        d.sharedBytes, d.privateBytes, d.tickets})
    b.add(value);
  for (StringRef name :
       {"fpmoe_decode", "fpmoe_prefill", "fpmoe_dot_peak", "fpmoe_read_peak"})
    b.addFunction(getLevelSymbol(name, d.name, numLevels));
  b.add(makeCuda(module, d));
  return b.finish();
}

/// FpmoeMatrix, in the order of its fields.
Constant *makeMatrix(Module &module, const MatrixDescription &d) {
  DescriptorBuilder b(module);
  b.add(StringRef(d.name));
  b.add(StringRef(d.format));
  b.add(d.elements);
  b.add(d.bytes);
  b.add(d.error);
  return b.finish();
}

} // namespace

void fpmoe::addDescriptor(Module &module, const ProgramDescription &d) {
  LLVMContext &c = module.getContext();
  DescriptorBuilder b(module);
  b.add(static_cast<int64_t>(FPMOE_MAGIC));
  b.add32(FPMOE_ABI_VERSION);
  b.add32(d.levels.size());
  SmallVector<Constant *> levels;
  for (const LevelDescription &level : d.levels)
    levels.push_back(makeLevel(module, level, d.levels.size()));
  b.addArray(levels);
  for (StringRef text :
       {StringRef(d.name), StringRef(d.architecture), StringRef(d.target),
        StringRef(d.weightFormat), StringRef("fpmoe " FPMOE_VERSION)})
    b.add(text);
  for (int64_t value :
       {d.vocabulary, d.hidden, d.layers, d.heads, d.kvHeads, d.headDim,
        d.context, static_cast<int64_t>(d.expertNames.size()), d.topK})
    b.add(value);
  b.addNames(d.expertNames);
  for (int64_t value : {d.parameters, d.activeParameters, d.weightBytes,
                        d.decodeWeightBytes, d.tokenDotOps, d.logitsDotOps})
    b.add(value);
  b.add(d.tokenizer.empty()
            ? b.null()
            : b.global(ConstantDataArray::get(c, d.tokenizer), ""));
  b.add(static_cast<int64_t>(d.tokenizer.size()));
  b.addIds(d.eosTokens);
  b.add(d.temperature);
  b.add(d.topP);
  b.add(d.defaultTopK);
  b.add(d.segment);
  b.add(static_cast<int64_t>(d.languageNames.size()));
  b.addNames(d.languageNames);
  b.add(d.sampling ? makeSampling(module, *d.sampling) : b.null());
  SmallVector<Constant *> matrices;
  for (const MatrixDescription &matrix : d.matrices)
    matrices.push_back(makeMatrix(module, matrix));
  b.addArray(matrices);
  b.add(static_cast<int64_t>(matrices.size()));
  for (int64_t value : {d.ranks, d.rankWeightBytes, d.rankVocabulary})
    b.add(value);
  b.global(b.finish(), "fpmoe_model", GlobalValue::ExternalLinkage);

  // Known when the weights are written; see lib/Target/Link/Payload.h.
  b.global(ConstantInt::get(Type::getInt64Ty(c), 0),
           "fpmoe_weights_fingerprint", GlobalValue::ExternalLinkage);
  b.global(ConstantDataArray::getString(c, d.weightsFile), "fpmoe_weights_file",
           GlobalValue::ExternalLinkage);
}
