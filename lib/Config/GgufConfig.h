//===- GgufConfig.h - hyperparameters of a GGUF file ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the config.json that says what the metadata of a GGUF file says, and
// gives the names that its tensors have there, so that one reader and one
// importer serve both.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CONFIG_GGUFCONFIG_H
#define FPMOE_LIB_CONFIG_GGUFCONFIG_H

#include "lib/Checkpoint/Gguf.h"

#include "llvm/Support/JSON.h"

namespace fpmoe {

/// The fields of config.json, for the architectures llama (with experts:
/// Mixtral), qwen2, qwen2moe, qwen3 and qwen3moe. What only the tensors tell is
/// taken from them: whether embeddings are tied and projections have biases.
/// Errors name file and key: another architecture, a key that is missing, out
/// of range, or could change the result and is not known. Keys in `ignored` do
/// not count as unknown.
llvm::Expected<llvm::json::Object>
makeConfigJson(const GgufFile &file, llvm::ArrayRef<std::string> ignored = {});

/// The GGUF name of a tensor of `transformers`, both with a `{}` for the number
/// of a layer. Of `model.layers.{}.mlp.experts.down_proj`, without a number of
/// an expert, it is the tensor of all experts; older files have one for each.
/// Empty if there is none.
std::string getGgufTensorName(llvm::StringRef name);

/// In a file of Llama the rows of q and k are in another order: those that a
/// rotation takes together are neighbours.
bool hasNeighbouringRotations(const GgufMetadata &metadata);

/// The tensor by whose elements the frequencies of rotary embedding are
/// divided, in files of Llama.
constexpr llvm::StringLiteral ropeFactorsName = "rope_freqs.weight";

} // namespace fpmoe

#endif // FPMOE_LIB_CONFIG_GGUFCONFIG_H
