//===- ChatFamilies.cpp - the chat templates that are known -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A template belongs to a family if all its tokens are those of a pattern, so
// that nothing that it writes is left out. The patterns are in ChatPatterns.h.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/ChatFamilies.h"
#include "fpmoe/runtime/tokenizer_format.h"
#include "lib/Tokenizer/ChatPatterns.h"

using namespace llvm;
using namespace fpmoe::tokenizer_format;

namespace fpmoe {

static constexpr uint32_t anywhere = kSystemFirst | kSystemAnywhere;
static constexpr uint32_t qwen3Thoughts = kThinks | kTellsThoughts;
static constexpr uint32_t trims = kTrimSystem | kTrimUser | kTrimAssistant;
static constexpr uint32_t inFirst =
    kAlternates | kSystemFirst | kSystemInFirstUser;
static constexpr uint32_t inLast =
    kAlternates | kSystemFirst | kSystemInLastUser;

// clang-format off
static constexpr ChatFamily families[] = {
    {"chatml", anywhere, "",
     {"<|im_start|>system\n", "<|im_end|>\n"},
     {"<|im_start|>user\n", "<|im_end|>\n"},
     {"<|im_start|>assistant\n", "<|im_end|>\n"},
     "<|im_start|>assistant\n", chatmlMarkers, chatml},
    {"qwen3", anywhere | qwen3Thoughts, "",
     {"<|im_start|>system\n", "<|im_end|>\n"},
     {"<|im_start|>user\n", "<|im_end|>\n"},
     {"<|im_start|>assistant\n", "<|im_end|>\n"},
     "<|im_start|>assistant\n", chatmlMarkers, qwen3,
     /*preface=*/"", /*noThoughts=*/"<think>\n\n</think>\n\n"},
    {"qwen3-thinking", anywhere | qwen3Thoughts, "",
     {"<|im_start|>system\n", "<|im_end|>\n"},
     {"<|im_start|>user\n", "<|im_end|>\n"},
     {"<|im_start|>assistant\n", "<|im_end|>\n"},
     "<|im_start|>assistant\n<think>\n", chatmlMarkers, qwen3Thinking},
    {"llama2", inFirst | kTrimUser | kTrimAssistant, "",
     {"<<SYS>>\n", "\n<</SYS>>\n\n"},
     {"{bos}[INST] ", " [/INST]"},
     {" ", " {eos}"},
     "", {}, llama2},
    {"mistral-v0.1", kAlternates, "{bos}",
     {"", ""}, {"[INST] ", " [/INST]"}, {"", "{eos} "},
     "", {}, mistralV01},
    {"mistral-v0.2", kAlternates, "{bos}",
     {"", ""}, {"[INST] ", " [/INST]"}, {"", "{eos}"},
     "", {}, mistralV02},
    {"mistral-v1", inFirst, "{bos}",
     {"", "\n\n"}, {" [INST] ", " [/INST]"}, {" ", "{eos}"},
     "", {}, mistralV1},
    {"mistral-v3", inLast | kTrimAssistant, "{bos}",
     {"", "\n\n"}, {"[INST] ", "[/INST]"}, {" ", "{eos}"},
     "", mistralMarkers, mistralV3},
    {"mistral-v3-tekken", inLast, "{bos}",
     {"", "\n\n"}, {"[INST]", "[/INST]"}, {"", "{eos}"},
     "", mistralMarkers, mistralV3Tekken},
    {"mistral-v7", anywhere | kDated, "{bos}",
     {"[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"},
     {"[INST]", "[/INST]"}, {"", "{eos}"},
     "", mistralV7Markers, mistralV7,
     /*preface=*/"", /*noThoughts=*/"", /*day=*/"%Y-%m-%d"},
    {"llama3", anywhere | trims, "{bos}",
     {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
     "<|start_header_id|>assistant<|end_header_id|>\n\n",
     llama3Markers, llama3},
    {"llama3.1", anywhere | trims, "{bos}",
     {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
     "<|start_header_id|>assistant<|end_header_id|>\n\n",
     llama3Markers, llama31,
     "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"},
    {"llama3.2", anywhere | trims | kDated, "{bos}",
     {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
     "<|start_header_id|>assistant<|end_header_id|>\n\n",
     llama3Markers, llama32,
     "Cutting Knowledge Date: December 2023\nToday Date: %d %b %Y\n\n"},
    {"deepseek-coder", kSystemFirst, "{bos}",
     {"", ""},
     {"### Instruction:\n", "\n"},
     {"### Response:\n", "\n<|EOT|>\n"},
     "### Response:\n", deepseekCoderMarkers, deepseekCoder},
    {"deepseek-v2", anywhere, "{bos}",
     {"", "\n\n"}, {"User: ", "\n\n"}, {"Assistant: ", "{eos}"},
     "Assistant:", {}, deepseekV2},
    {"deepseek-r1", kSystemFirst | kThinks, "{bos}",
     {"", ""}, {"<｜User｜>", ""}, {"<｜Assistant｜>", "<｜end▁of▁sentence｜>"},
     "<｜Assistant｜>", deepseekR1Markers, deepseekR1},
    {"deepseek-r1-thinking", kSystemFirst | kThinks, "{bos}",
     {"", ""}, {"<｜User｜>", ""}, {"<｜Assistant｜>", "<｜end▁of▁sentence｜>"},
     "<｜Assistant｜><think>\n", deepseekR1Markers, deepseekR1Thinking},
    {"zephyr", anywhere, "",
     {"<|system|>\n", "{eos}\n"},
     {"<|user|>\n", "{eos}\n"},
     {"<|assistant|>\n", "{eos}\n"},
     "<|assistant|>\n", {}, zephyr},
    {"tulu", anywhere, "",
     {"<|system|>\n", "\n"},
     {"<|user|>\n", "\n"},
     {"<|assistant|>\n", "{eos}\n"},
     "<|assistant|>\n", {}, tulu},
    {"granite", anywhere, "",
     {"<|start_of_role|>system<|end_of_role|>", "<|end_of_text|>\n"},
     {"<|start_of_role|>user<|end_of_role|>", "<|end_of_text|>\n"},
     {"<|start_of_role|>assistant<|end_of_role|>", "<|end_of_text|>\n"},
     "<|start_of_role|>assistant<|end_of_role|>", graniteMarkers, granite},
    {"granite-3.1", anywhere | kDated | kSystemNotAlone, "",
     {"<|start_of_role|>system<|end_of_role|>", "<|end_of_text|>\n"},
     {"<|start_of_role|>user<|end_of_role|>", "<|end_of_text|>\n"},
     {"<|start_of_role|>assistant<|end_of_role|>", "<|end_of_text|>\n"},
     "<|start_of_role|>assistant<|end_of_role|>", graniteMarkers, granite31,
     /*preface=*/"", /*noThoughts=*/"", /*day=*/"%B %d, %Y"},
};
// clang-format on

ArrayRef<ChatFamily> getChatFamilies() { return families; }

} // namespace fpmoe
