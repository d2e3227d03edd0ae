//===- ConfigFields.cpp - which fields config.json may have ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A field is read, or can have no effect, or has none at the value that it has;
// all others are named in one error. See ConfigParser.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/ConfigParser.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fpmoe {

/// Fields that all architectures have.
static constexpr StringLiteral commonFields[] = {
    "architectures",       "model_type",
    "vocab_size",          "hidden_size",
    "num_hidden_layers",   "num_attention_heads",
    "num_key_value_heads", "max_position_embeddings",
    "intermediate_size",   "tie_word_embeddings",
    "rms_norm_eps",        "eos_token_id",
};

namespace {
/// The values, as a JSON array, that leave the model as it is.
struct FixedField {
  StringLiteral key, values;
};
} // namespace

static constexpr FixedField fixedFields[] = {
    {"hidden_act", R"(["silu", "swish"])"},
    {"mlp_bias", "[false, null]"},
    // Splits a product, or experts between machines.
    {"pretraining_tp", "[1, 0, null]"},
    {"ep_size", "[1, null]"},
    {"moe_layer_freq", "[1]"},
    {"scoring_func", R"(["softmax"])"},
    {"expert_gating_func", R"(["softmax", null])"},
    {"position_embedding_type", R"(["rope", null])"},
    {"rope_interleaved", "[false, null]"},
};

/// The same, where the architecture does not read the field.
static constexpr FixedField neutralFields[] = {
    {"decoder_sparse_step", "[1, null]"},
    {"logits_scaling", "[1, null]"},
    {"n_group", "[1, 0, null]"},
    {"topk_group", "[1, 0, null]"},
    {"topk_method", R"(["greedy", null])"},
};

/// Fields that may only be false, null, 0 or empty, where the architecture does
/// not read them.
static constexpr StringLiteral offFields[] = {
    "is_encoder_decoder", "add_cross_attention", "tie_encoder_decoder",
    "pruned_heads", "cross_attention_hidden_size",
    // Experts of a dense model, and dense layers of others.
    "num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts",
    "num_shared_experts", "mlp_only_layers", "first_k_dense_replace",
    "num_nextn_predict_layers",
    // Other attention.
    "sliding_window", "clip_qkv", "use_mrope", "use_logn_attn",
    "use_dynamic_ntk", "logit_softcapping", "attn_logit_softcapping",
    "final_logit_softcapping"};

/// Fields without effect on what a compiled model computes.
static constexpr StringLiteral ignoredFields[] = {
    // Used in training only.
    "attention_dropout", "hidden_dropout", "hidden_dropout_prob", "attn_pdrop",
    "attn_dropout", "attention_probs_dropout_prob", "embd_pdrop", "resid_pdrop",
    "initializer_range", "router_aux_loss_coef", "router_z_loss_coef",
    "router_jitter_noise", "aux_loss_alpha", "seq_aux", "loss_type",
    "gradient_checkpointing", "neftune_noise_alpha",
    // Which of its intermediate values the Python model returns, and how.
    "output_router_logits", "output_attentions", "output_hidden_states",
    "return_dict", "use_cache", "tie_last_hidden_states", "torchscript",
    // Splits a computation, or chooses its code, without changing it.
    "chunk_size_feed_forward", "use_flash_attn", "use_flash_attention_2",
    "attn_implementation",
    // The tensors carry their own types; the program's is a compiler option.
    "use_bfloat16", "tf_legacy_loss",
    // Who wrote the file.
    "transformers_version", "transformers.js_config", "finetuning_task",
    "task_specific_params", "problem_type", "auto_map", "is_llama_config",
    // The tokenizer is read from tokenizer.json.
    "bos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id",
    "tokenizer_class", "prefix", "model_max_length", "max_sequence_length",
    // Says which layers slide where some do.
    "max_window_layers",
    // Heads of classifiers.
    "id2label", "label2id", "num_labels", "classifier_dropout",
    // Defaults of generate() that older versions saved with the model; see
    // GenerationConfig.cpp.
    "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample",
    "early_stopping", "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty", "forced_bos_token_id",
    "forced_eos_token_id", "is_decoder", "length_penalty", "max_length",
    "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_scores", "remove_invalid_values",
    "repetition_penalty", "return_dict_in_generate", "suppress_tokens",
    "temperature", "top_k", "top_p", "typical_p"};

static const FixedField *findFixed(ArrayRef<FixedField> table, StringRef key) {
  auto *entry = find_if(table, [&](auto &field) { return field.key == key; });
  return entry == table.end() ? nullptr : entry;
}

static json::Array valuesOf(const FixedField &field) {
  return std::move(*cantFail(json::parse(field.values)).getAsArray());
}

static bool isOff(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  const json::Array *array = value.getAsArray();
  return value.kind() == json::Value::Null || value.getAsBoolean() == false ||
         value.getAsNumber() == 0 || (object && object->empty()) ||
         (array && array->empty());
}

/// Tensors carry their own types, of which all floating-point ones are read.
static bool isFloatType(const json::Value &value) {
  StringRef name = value.getAsString().value_or("");
  name.consume_front("torch.");
  return value.kind() == json::Value::Null ||
         is_contained({"auto", "float32", "float", "float16", "half",
                       "bfloat16", "float64", "double"},
                      name);
}

bool ConfigParser::isRead(StringRef key) const {
  return is_contained(commonFields, key) || isRopeField(key) ||
         architecture->hasField(key);
}

bool ConfigParser::canBeIgnored(StringRef key) const {
  return !isRead(key) && !findFixed(fixedFields, key) &&
         !is_contained(offFields, key) && key != "quantization_config";
}

/// Whether a field that the architecture does not read says nothing else than
/// what the model is without it.
bool ConfigParser::isHarmless(StringRef key, const json::Value &value) const {
  if (is_contained(ignoredFields, key) || architecture->ignores(key) ||
      key.starts_with("_") || key.starts_with("unsloth_"))
    return true;
  if (const FixedField *field = findFixed(neutralFields, key))
    return is_contained(valuesOf(*field), value);
  WindowRule rule = architecture->windows;
  if (key == "use_sliding_window" && rule == WindowRule::All)
    return value.getAsBoolean() == true;
  if (key == "use_sliding_window")
    return value.getAsBoolean() == false;
  if (key == "layer_types" && rule == WindowRule::Never)
    return value.getAsArray() &&
           all_of(*value.getAsArray(), [](const json::Value &type) {
             return type.getAsString() == StringRef("full_attention");
           });
  if (key == "use_qk_norm")
    return value.getAsBoolean() == (config.headNorm != HeadNorm::None);
  return saysWhatIs(key, value);
}

/// What the value of a field must be but is not; empty if it may be what it is.
std::string ConfigParser::ruleOf(StringRef key,
                                 const json::Value &value) const {
  if (const FixedField *field = findFixed(fixedFields, key)) {
    json::Array values = valuesOf(*field);
    if (is_contained(values, value))
      return "";
    std::string rule;
    raw_string_ostream(rule) << values.front();
    return rule;
  }
  if ((key == "torch_dtype" || key == "dtype") && !isFloatType(value))
    return "float32, float16, bfloat16, float64 or auto: other types of "
           "weights are not supported";
  if (!isRead(key) && is_contained(offFields, key) && !isOff(value))
    return "false, null, 0 or empty for " + architecture->name.str();
  return "";
}

Error ConfigParser::checkIgnored() {
  for (StringRef key : options.ignoreConfig)
    if (!canBeIgnored(key))
      return fileError(fileName, "ignore_config names the field " +
                                     quoted(key) + ", which cannot be ignored");
  return Error::success();
}

Error ConfigParser::checkFields() {
  std::vector<StringRef> keys;
  for (const auto &member : fields.members())
    keys.push_back(member.first);
  llvm::sort(keys);
  std::vector<std::string> faults, unknown;
  for (StringRef key : keys) {
    const json::Value &value = *fields.get(key);
    if (is_contained(options.ignoreConfig, key))
      continue;
    if (key == "quantization_config") {
      if (value.kind() != json::Value::Null)
        faults.push_back("quantization_config says that the weights are "
                         "quantised; of quantised weights only those of GGUF "
                         "files are supported");
    } else if (std::string rule = ruleOf(key, value); !rule.empty()) {
      faults.push_back(fields.describe(key, value) + ", it must be " + rule);
    } else if (isRead(key) || findFixed(fixedFields, key) ||
               is_contained(offFields, key) || key == "torch_dtype" ||
               key == "dtype" || isHarmless(key, value)) {
      continue;
    } else if (isFieldOfSome(key) || key == "use_qk_norm") {
      faults.push_back(fields.describe(key, value) + ", but " +
                       architecture->name.str() + " has no such field");
    } else {
      unknown.push_back(key.str());
    }
  }
  if (!unknown.empty())
    faults.push_back(adviseToIgnore("field", unknown, options.ignoreConfig));
  return faults.empty() ? Error::success()
                        : fileError(fileName, join(faults, "; "));
}

} // namespace fpmoe
