//===- ConfigParser.h - reads config.json step by step ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The class behind Config.h: fields that stand for themselves in Config.cpp,
// what depends on others in ConfigLayers.cpp, sums in ConfigTotals.cpp, and
// which fields may be there at all in ConfigFields.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CONFIG_CONFIGPARSER_H
#define FPMOE_LIB_CONFIG_CONFIGPARSER_H

#include "lib/Config/Architectures.h"
#include "lib/Config/Fields.h"
#include "lib/Config/RopeConfig.h"

namespace fpmoe {

/// Fills a ModelConfig from an object, step by step.
class ConfigParser {
public:
  ConfigParser(const llvm::json::Object &object, llvm::StringRef fileName,
               const FileOptions &options)
      : fields(object, fileName), options(options), fileName(fileName) {}

  llvm::Expected<ModelConfig> run();

private:
  bool isRead(llvm::StringRef key) const;
  bool canBeIgnored(llvm::StringRef key) const;
  llvm::Error mustDivide(const llvm::Twine &key, int64_t value,
                         llvm::StringRef divisorKey, int64_t divisor);

  llvm::Error findArchitecture();
  llvm::Error checkIgnored();
  llvm::Error checkFields();
  bool saysWhatIs(llvm::StringRef key, const llvm::json::Value &value) const;
  bool isHarmless(llvm::StringRef key, const llvm::json::Value &value) const;
  std::string ruleOf(llvm::StringRef key, const llvm::json::Value &value) const;
  llvm::Error tables();
  llvm::Error experts();
  llvm::Error groups();
  llvm::Error twoLevels();
  llvm::Error heads();
  llvm::Error latentHeads();
  llvm::Error multipliers();
  llvm::Error rope() { return readRope(fields, fileName, config); }
  llvm::Error context();
  llvm::Error layerKinds();
  llvm::Error denseLayers();
  llvm::Error windows();
  llvm::Error layerTypes(int64_t window);
  llvm::Error expertNames();
  llvm::Error totals();

  Fields fields;
  const Architecture *architecture = nullptr;
  const FileOptions &options;
  llvm::StringRef fileName;
  ModelConfig config;
};

} // namespace fpmoe

#endif // FPMOE_LIB_CONFIG_CONFIGPARSER_H
