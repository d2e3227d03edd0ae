//===- Options.h - reader of fpmoe.toml -------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the optional `fpmoe.toml` beside a checkpoint: names of the experts,
// keys of config.json to ignore, and defaults of compiler options. The command
// line wins over all of them.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CONFIG_OPTIONS_H
#define FPMOE_LIB_CONFIG_OPTIONS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fpmoe {

/// Most tokens that one prefill step may take.
constexpr int64_t maxPrefillTokens = 65536;

/// A scaling of rotary embedding that is switched on for longer texts.
struct RopeScalingOption {
  /// "linear" or "yarn", as in config.json.
  std::string kind;
  /// At least 1.
  double factor = 1;
  /// The context of the pretraining, if it is not max_position_embeddings.
  std::optional<int64_t> originalPositions;
};

/// Parses "yarn:4", or "yarn:4:32768" with the original context. The message
/// says what is wrong with the text.
llvm::Expected<RopeScalingOption> parseRopeScaling(llvm::StringRef text);

/// Whether keys and values can be kept so.
inline bool isCacheFormat(llvm::StringRef name) {
  return name == "f32" || name == "bf16";
}

/// Whether a program can be made for these machines, in either order.
inline bool isTargetChoice(llvm::StringRef name) {
  return name == "cpu" || name == "cuda" || name == "cuda,cpu" ||
         name == "cpu,cuda";
}

/// What `fpmoe.toml` says; a member without value was not in the file.
struct FileOptions {
  /// `[experts] names`: well-formed, not yet compared with each other and with
  /// the number of experts.
  std::optional<std::vector<std::string>> expertNames;
  /// `ignore_config`: keys of config.json that are known to have no effect.
  std::vector<std::string> ignoreConfig;

  // `[compile]`, each as the command-line option of the same name. Strings
  // are not empty; their meaning is checked where the option is used.
  std::optional<std::string> weights;
  /// `[weights]`, "pattern=format" in the order of the file.
  std::vector<std::string> weightRules;
  std::optional<std::string> target; ///< "cpu", "cuda" or both
  std::optional<std::string> cpu;
  std::optional<std::string> gpu;
  std::optional<std::string> cache; ///< "f32" or "bf16"
  std::optional<std::vector<std::string>> languages;
  std::optional<int64_t> prefillTokens;
  /// Positions of the program: at most those of the model.
  std::optional<int64_t> context;
  std::optional<RopeScalingOption> ropeScaling;
  std::optional<std::string> chatTemplate; ///< a family, or "none"
  std::string chatTemplatePlace;           ///< where it stands, for messages
  std::optional<bool> isStatic;
  std::optional<std::string> weightsFile; ///< a name in the program's folder
};

/// Reads `fpmoe.toml` of a directory, or the file itself. A directory without
/// one gives empty options. Errors read `fpmoe.toml:3:5: ...`.
llvm::Expected<FileOptions> readOptions(llvm::StringRef directoryOrFile);

/// The same from text; `fileName` is for messages.
llvm::Expected<FileOptions> parseOptions(llvm::StringRef text,
                                         llvm::StringRef fileName);

/// Only `[compile]` of a TOML text; other keys are not looked at.
llvm::Expected<FileOptions> parseCompileOptions(llvm::StringRef text,
                                                llvm::StringRef fileName);

/// The rule for names of experts, wherever they stand: 1 to 64 characters of
/// [A-Za-z0-9_.+#-]. Empty if `name` obeys it, else what is wrong, as the end
/// of a message.
std::string checkExpertName(llvm::StringRef name);

/// The same for all experts of one kind, whose names are unique, too.
std::string checkExpertNames(llvm::ArrayRef<std::string> names);

} // namespace fpmoe

#endif // FPMOE_LIB_CONFIG_OPTIONS_H
