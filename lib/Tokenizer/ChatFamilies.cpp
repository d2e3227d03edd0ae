//===- ChatFamilies.cpp - the chat templates that are known -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A template belongs to a family if all its tokens are those of a pattern, so
// that nothing that it writes is left out. Branches of which a pattern says
// nothing ("...") are those of tools, which a server refuses.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/ChatFamilies.h"
#include "fpmoe/runtime/tokenizer_format.h"

using namespace llvm;
using namespace fpmoe::tokenizer_format;

namespace fpmoe {

//===----------------------------------------------------------------------===//
// ChatML: Qwen, SmolLM2, and what is tuned with it
//===----------------------------------------------------------------------===//

#define CHATML_TURN                                                            \
  "{{ '<|im_start|>' + message.role + '\\n' + message.content + "              \
  "'<|im_end|>\\n' }}"
#define CHATML_ANSWER "{{ '<|im_start|>assistant\\n' }}"

static constexpr StringLiteral chatmlMarkers[] = {"<|im_start|>", "<|im_end|>"};
static constexpr StringLiteral chatml[] = {
    "{% for message in messages %}" CHATML_TURN "{% endfor %}"
    "{% if add_generation_prompt %}" CHATML_ANSWER "{% endif %}",
    "{% for message in messages %}" CHATML_TURN
    "{% if loop.last and add_generation_prompt %}" CHATML_ANSWER "{% endif %}"
    "{% endfor %}",
    "{% for message in messages %}"
    "{% if loop.first and messages[0].role != 'system' %}"
    "{{ '<|im_start|>system\\n$SYSTEM<|im_end|>\\n' }}{% endif %}" CHATML_TURN
    "{% endfor %}"
    "{% if add_generation_prompt %}" CHATML_ANSWER "{% endif %}",
    // Qwen2.5
    "{% if tools %}...{% else %}{% if messages[0].role == 'system' %}"
    "{{ '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}"
    "{% else %}{{ '<|im_start|>system\\n$SYSTEM<|im_end|>\\n' }}{% endif %}"
    "{% endif %}{% for message in messages %}"
    "{% if (message.role == 'user') or (message.role == 'system' and "
    "not loop.first) or (message.role == 'assistant' and "
    "not message.tool_calls) %}" CHATML_TURN
    "{% elif message.role == 'assistant' %}..."
    "{% elif message.role == 'tool' %}...{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}" CHATML_ANSWER "{% endif %}",
};

//===----------------------------------------------------------------------===//
// [INST]: Llama 2 and CodeLlama, Mistral and Mixtral
//===----------------------------------------------------------------------===//

#define FIRST_IS_SYSTEM "{% if messages[0].role == 'system' %}"
#define TAKE_TURNS                                                             \
  "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"                \
  "{{ raise_exception('') }}{% endif %}"

static constexpr StringLiteral llama2[] = {
    FIRST_IS_SYSTEM
    "{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0].content %}{% else %}"
    "{% set loop_messages = messages %}{% set system_message = false %}"
    "{% endif %}{% for message in loop_messages %}" TAKE_TURNS
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + "
    "message.content %}{% else %}{% set content = message.content %}{% endif %}"
    "{% if message.role == 'user' %}"
    "{{ bos_token + '[INST] ' + content | trim + ' [/INST]' }}"
    "{% elif message.role == 'assistant' %}"
    "{{ ' ' + content | trim + ' ' + eos_token }}{% endif %}{% endfor %}",
};

#define MISTRAL_TURNS(END)                                                     \
  "{{ bos_token }}{% for message in messages %}" TAKE_TURNS                    \
  "{% if message.role == 'user' %}"                                            \
  "{{ '[INST] ' + message.content + ' [/INST]' }}"                             \
  "{% elif message.role == 'assistant' %}{{ message.content + " END " }}"      \
  "{% else %}{{ raise_exception('') }}{% endif %}{% endfor %}"

static constexpr StringLiteral mistralV01[] = {
    MISTRAL_TURNS("eos_token + ' '")};
static constexpr StringLiteral mistralV02[] = {MISTRAL_TURNS("eos_token")};

#define MISTRAL_SYSTEM                                                         \
  FIRST_IS_SYSTEM "{% set system_message = messages[0].content %}"             \
                  "{% set loop_messages = messages[1:] %}{% else %}"           \
                  "{% set loop_messages = messages %}{% endif %}"

static constexpr StringLiteral mistralV1[] = {
    MISTRAL_SYSTEM
    "{{ bos_token }}{% for message in loop_messages %}" TAKE_TURNS
    "{% if message.role == 'user' %}"
    "{% if loop.first and system_message is defined %}"
    "{{ ' [INST] ' + system_message + '\\n\\n' + message.content + "
    "' [/INST]' }}{% else %}"
    "{{ ' [INST] ' + message.content + ' [/INST]' }}{% endif %}"
    "{% elif message.role == 'assistant' %}"
    "{{ ' ' + message.content + eos_token }}{% else %}"
    "{{ raise_exception('') }}{% endif %}{% endfor %}",
};

static constexpr StringLiteral mistralMarkers[] = {"[INST]", "[/INST]"};
static constexpr StringLiteral mistralV3[] = {
    MISTRAL_SYSTEM
    "{% if not tools is defined %}{% set tools = none %}{% endif %}"
    "{% set user_messages = loop_messages | selectattr('role', 'equalto', "
    "'user') | list %}"
    "{% set ns = namespace() %}{% set ns.index = 0 %}"
    "{% for message in loop_messages %}"
    "{% if not (message.role == 'tool' or message.role == 'tool_results' or "
    "(message.tool_calls is defined and message.tool_calls is not none)) %}"
    "{% if (message.role == 'user') != (ns.index % 2 == 0) %}"
    "{{ raise_exception('') }}{% endif %}{% set ns.index = ns.index + 1 %}"
    "{% endif %}{% endfor %}"
    "{{ bos_token }}{% for message in loop_messages %}"
    "{% if message.role == 'user' %}"
    "{% if tools is not none and (message == user_messages[-1]) %}...{% endif "
    "%}"
    "{% if loop.last and system_message is defined %}"
    "{{ '[INST] ' + system_message + '\\n\\n' + message.content + '[/INST]' }}"
    "{% else %}{{ '[INST] ' + message.content + '[/INST]' }}{% endif %}"
    "{% elif message.tool_calls is defined and message.tool_calls is not none "
    "%}...{% elif message.role == 'assistant' %}"
    "{{ ' ' + message.content | trim + eos_token }}"
    "{% elif message.role == 'tool_results' or message.role == 'tool' %}..."
    "{% else %}{{ raise_exception('') }}{% endif %}{% endfor %}",
};

//===----------------------------------------------------------------------===//
// Llama 3 (from 3.1 on, templates write the date)
//===----------------------------------------------------------------------===//

#define LLAMA3_TURNS                                                           \
  "{% set loop_messages = messages %}{% for message in loop_messages %}"       \
  "{% set content = '<|start_header_id|>' + message.role + "                   \
  "'<|end_header_id|>\\n\\n' + message.content | trim + '<|eot_id|>' %}"       \
  "{% if loop.index0 == 0 %}{% set content = bos_token + content %}"           \
  "{% endif %}{{ content }}{% endfor %}"
#define LLAMA3_ANSWER                                                          \
  "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"

static constexpr StringLiteral llama3Markers[] = {
    "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"};
static constexpr StringLiteral llama3[] = {
    LLAMA3_TURNS LLAMA3_ANSWER,
    LLAMA3_TURNS "{% if add_generation_prompt %}" LLAMA3_ANSWER "{% endif %}",
};

//===----------------------------------------------------------------------===//
// DeepSeek
//===----------------------------------------------------------------------===//

static constexpr StringLiteral deepseekCoderMarkers[] = {"<|EOT|>"};
static constexpr StringLiteral deepseekCoder[] = {
    "{% set ns = namespace(found=false) %}{% for message in messages %}"
    "{% if message.role == 'system' %}{% set ns.found = true %}{% endif %}"
    "{% endfor %}{{ bos_token }}{% if not ns.found %}{{ '$SYSTEM' }}{% endif %}"
    "{% for message in messages %}{% if message.role == 'system' %}"
    "{{ message.content }}{% else %}{% if message.role == 'user' %}"
    "{{ '### Instruction:\\n' + message.content + '\\n' }}{% else %}"
    "{{ '### Response:\\n' + message.content + '\\n<|EOT|>\\n' }}{% endif %}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}",
};
static constexpr StringLiteral deepseekV2[] = {
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'user' %}"
    "{{ 'User: ' + message.content + '\\n\\n' }}"
    "{% elif message.role == 'assistant' %}"
    "{{ 'Assistant: ' + message.content + eos_token }}"
    "{% elif message.role == 'system' %}{{ message.content + '\\n\\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}",
};

//===----------------------------------------------------------------------===//
// <|user|>: Zephyr and TinyLlama, OLMo and Tulu
//===----------------------------------------------------------------------===//

static constexpr StringLiteral zephyr[] = {
    "{% for message in messages %}{% if message.role == 'user' %}"
    "{{ '<|user|>\\n' + message.content + eos_token + '\\n' }}"
    "{% elif message.role == 'system' %}"
    "{{ '<|system|>\\n' + message.content + eos_token + '\\n' }}"
    "{% elif message.role == 'assistant' %}"
    "{{ '<|assistant|>\\n' + message.content + eos_token + '\\n' }}{% endif %}"
    "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\\n' }}"
    "{% endif %}{% endfor %}",
};

#define TULU_SYSTEM_AND_USER                                                   \
  "{% for message in messages %}{% if message.role == 'system' %}"             \
  "{{ '<|system|>\\n' + message.content + '\\n' }}"                            \
  "{% elif message.role == 'user' %}"                                          \
  "{{ '<|user|>\\n' + message.content + '\\n' }}"                              \
  "{% elif message.role == 'assistant' %}"
#define TULU_END                                                               \
  "{% endif %}{% if loop.last and add_generation_prompt %}"                    \
  "{{ '<|assistant|>\\n' }}{% endif %}{% endfor %}"
#define TULU_ASSISTANT "'<|assistant|>\\n' + message.content + eos_token"

static constexpr StringLiteral tulu[] = {
    TULU_SYSTEM_AND_USER "{{ " TULU_ASSISTANT " + '\\n' }}" TULU_END,
    TULU_SYSTEM_AND_USER "{% if not loop.last %}{{ " TULU_ASSISTANT
                         " + '\\n' }}{% else %}"
                         "{{ " TULU_ASSISTANT " }}{% endif %}" TULU_END,
};

//===----------------------------------------------------------------------===//
// Granite 3.0
//===----------------------------------------------------------------------===//

static constexpr StringLiteral graniteMarkers[] = {
    "<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"};
static constexpr StringLiteral granite[] = {
    "{% if tools %}...{% endif %}{% for message in messages %}"
    "{% if message.role == 'system' %}{{ '<|start_of_role|>system"
    "<|end_of_role|>' + message.content + '<|end_of_text|>\\n' }}"
    "{% elif message.role == 'user' %}{{ '<|start_of_role|>user"
    "<|end_of_role|>' + message.content + '<|end_of_text|>\\n' }}"
    "{% elif message.role == 'assistant' %}{{ '<|start_of_role|>assistant"
    "<|end_of_role|>' + message.content + '<|end_of_text|>\\n' }}"
    "{% elif message.role == 'assistant_tool_call' %}..."
    "{% elif message.role == 'tool_response' %}...{% endif %}"
    "{% if loop.last and add_generation_prompt %}"
    "{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}{% endfor %}",
};

//===----------------------------------------------------------------------===//

static constexpr uint32_t anywhere = kSystemFirst | kSystemAnywhere;
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
    {"llama3", anywhere | trims, "{bos}",
     {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
     "<|start_header_id|>assistant<|end_header_id|>\n\n",
     llama3Markers, llama3},
    {"deepseek-coder", kSystemFirst, "{bos}",
     {"", ""},
     {"### Instruction:\n", "\n"},
     {"### Response:\n", "\n<|EOT|>\n"},
     "### Response:\n", deepseekCoderMarkers, deepseekCoder},
    {"deepseek-v2", anywhere, "{bos}",
     {"", "\n\n"}, {"User: ", "\n\n"}, {"Assistant: ", "{eos}"},
     "Assistant:", {}, deepseekV2},
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
};
// clang-format on

ArrayRef<ChatFamily> getChatFamilies() { return families; }

} // namespace fpmoe
