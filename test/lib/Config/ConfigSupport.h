//===- ConfigSupport.h - a small configuration for tests --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One that is right, to be changed in one field per test.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_LIB_CONFIG_CONFIGSUPPORT_H
#define FPMOE_TEST_LIB_CONFIG_CONFIGSUPPORT_H

#include "lib/Config/Config.h"
#include "test/lib/Checkpoint/Support.h"

namespace fpmoe::test {

using Ints = std::vector<int64_t>;
using Bools = std::vector<bool>;
using Strings = std::vector<std::string>;

/// A configuration of 4 layers with `more` members, which win.
inline std::string text(llvm::StringRef more) {
  std::string result = "{";
  auto add = [&](llvm::StringRef key, llvm::StringRef value) {
    if (!more.contains(("\"" + key + "\":").str()))
      result += ("\"" + key + "\":" + value + ",").str();
  };
  add("architectures", "[\"Qwen2MoeForCausalLM\"]");
  add("vocab_size", "100");
  add("hidden_size", "48");
  add("num_hidden_layers", "4");
  add("num_attention_heads", "6");
  add("num_key_value_heads", "2");
  add("num_experts", "3");
  add("num_experts_per_tok", "2");
  add("moe_intermediate_size", "40");
  add("shared_expert_intermediate_size", "56");
  add("intermediate_size", "72");
  result += more.empty() ? "\"hidden_act\":\"silu\"" : more.str();
  return result + "}";
}

inline llvm::Expected<ModelConfig> parse(llvm::StringRef more,
                                         const FileOptions &options = {}) {
  return parseConfig(text(more), "config.json", options);
}

inline ModelConfig valid(llvm::StringRef more,
                         const FileOptions &options = {}) {
  return valueOf(parse(more, options));
}

/// The message without its file name.
inline std::string fault(llvm::StringRef more,
                         const FileOptions &options = {}) {
  std::string result = message(parse(more, options));
  llvm::StringRef rest = result;
  return rest.consume_front("config.json: ") ? rest.str() : "?? " + result;
}

} // namespace fpmoe::test

#endif // FPMOE_TEST_LIB_CONFIG_CONFIGSUPPORT_H
