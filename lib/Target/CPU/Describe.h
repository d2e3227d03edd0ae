//===- Describe.h - Facts about a scheduled model ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_CPU_DESCRIBE_H
#define FPMOE_LIB_TARGET_CPU_DESCRIBE_H

#include "lib/Target/CPU/Target.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <vector>

namespace fpmoe {

/// Sampling defaults; FpmoeSampling documents the fields.
struct SamplingDescription {
  double minP = 0, repetitionPenalty = 1;
  int64_t noRepeatNgramSize = 0, minNewTokens = 0, minLength = 0,
          maxNewTokens = 0, maxLength = 0, forcedBosToken = -1;
  std::vector<int32_t> forcedEosTokens, suppressTokens, beginSuppressTokens;
  std::vector<std::pair<std::vector<int32_t>, double>> sequenceBiases;
  std::vector<std::string> stopStrings;
};

/// Code for GPUs; FpmoeCudaImage documents the fields.
struct CudaImage {
  std::string arch;
  std::string data;
};

/// What a level says of itself; FpmoeLevel documents the fields.
struct LevelDescription {
  std::string name;
  uint32_t cpuFeatures = 0, queryRows = 0;
  int64_t maxTokens = 0, blockRows = 0, cacheBytesPerPosition = 0,
          sharedBytes = 0, privateBytes = 0, tickets = 0;
  bool isGpu = false;
  std::vector<CudaImage> images; ///< a GPU's
  int64_t threads = 0;           ///< of a block of a GPU's
  /// The largest private buffer, for messages.
  std::string largestPrivate;
  int64_t largestPrivateBytes = 0;
};

/// What a matrix says of itself; FpmoeMatrix documents the fields.
struct MatrixDescription {
  std::string name, format;
  int64_t elements, bytes;
  double error;
};

/// What the program says of itself; FpmoeModel documents the fields.
struct ProgramDescription {
  std::vector<LevelDescription> levels; ///< the best one first
  std::string name, architecture, target, weightFormat, weightsFile;
  std::vector<MatrixDescription> matrices; ///< the caller's to add
  std::vector<std::string> expertNames;
  int64_t vocabulary = 0, hidden = 0, layers = 0, heads = 0, kvHeads = 0,
          headDim = 0, context = 0, topK = 0;
  int64_t parameters = 0, activeParameters = 0, weightBytes = 0,
          decodeWeightBytes = 0, tokenDotOps = 0, logitsDotOps = 0;
  int64_t ranks = 1, rankWeightBytes = 0, rankVocabulary = 0;
  std::vector<uint8_t> tokenizer;
  std::vector<int32_t> eosTokens;
  std::optional<SamplingDescription> sampling;
  float temperature = 0, topP = 1;
  int64_t defaultTopK = 0;
  int64_t segment = 0;                    ///< tokens of a routed segment
  std::vector<std::string> languageNames; ///< that tokens can have
};

/// A model as it is compiled for one level.
struct LevelModule {
  CpuTarget target;
  mlir::ModuleOp module;
};

/// Collects what a model says after the schedule phase, in which every level
/// has a module. The error tells what in them does not go into one program:
/// they have to read the same weights. Tokenizer, weight bytes and weights file
/// are the caller's to add.
llvm::Expected<ProgramDescription>
describeModel(llvm::ArrayRef<LevelModule> levels);

} // namespace fpmoe

#endif
