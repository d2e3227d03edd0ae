//===- ChatPatterns.h - the texts of known chat templates -------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Patterns of matchTemplate(), and the tokens that go with them; for
// ChatFamilies.cpp alone. Branches of which a pattern says nothing ("...") are
// those of tools, documents and variables, which a server refuses.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_LIB_TOKENIZER_CHATPATTERNS_H
#define FPMOE_LIB_TOKENIZER_CHATPATTERNS_H

#include "llvm/ADT/StringRef.h"

namespace fpmoe {

using llvm::StringLiteral;

//===----------------------------------------------------------------------===//
// ChatML: Qwen, SmolLM2, and what is tuned with it
//===----------------------------------------------------------------------===//

#define CHATML_TURN                                                            \
  "{{ '<|im_start|>' + message.role + '\\n' + message.content + "              \
  "'<|im_end|>\\n' }}"
#define CHATML_ANSWER "{{ '<|im_start|>assistant\\n' }}"
#define FIRST_IS_SYSTEM "{% if messages[0].role == 'system' %}"

// clang-format off
#define QWEN3_SYSTEM                                                           \
  "{% if tools %}...{% else %}{% if messages[0].role == 'system' %}"           \
  "{{ '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}"      \
  "{% endif %}{% endif %}"
#define QWEN3_CONTENT                                                          \
  "{% if message.content is string %}{% set content = message.content %}"      \
  "{% else %}{% set content = '' %}{% endif %}"
#define QWEN3_OTHERS(CONTENT)                                                  \
  "{% if (message.role == 'user') or (message.role == 'system' and "           \
  "not loop.first) %}{{ '<|im_start|>' + message.role + '\\n' + " CONTENT      \
  " + '<|im_end|>\\n' }}{% elif message.role == 'assistant' %}"
#define QWEN3_ASSISTANT "{{ '<|im_start|>' + message.role + '\\n' + content }}"
#define QWEN3_TOOLS                                                            \
  "{% if message.tool_calls %}...{% endif %}{{ '<|im_end|>\\n' }}"             \
  "{% elif message.role == 'tool' %}...{% endif %}{% endfor %}"
#define QWEN3_CODER_TOOLS                                                      \
  "{% if tools is iterable and tools | length > 0 %}...{% endif %}"
#define QWEN3_CODER                                                            \
  FIRST_IS_SYSTEM "{% set system_message = messages[0].content %}"             \
  "{% set loop_messages = messages[1:] %}{% else %}"                           \
  "{% set loop_messages = messages %}{% endif %}"                              \
  "{% if not tools is defined %}{% set tools = [] %}{% endif %}"               \
  "{% if system_message is defined %}"                                         \
  "{{ '<|im_start|>system\\n' + system_message }}{% else %}"                   \
  QWEN3_CODER_TOOLS "{% endif %}" QWEN3_CODER_TOOLS                            \
  "{% if system_message is defined %}{{ '<|im_end|>\\n' }}{% else %}"          \
  QWEN3_CODER_TOOLS "{% endif %}{% for message in loop_messages %}"            \
  "{% if message.role == 'assistant' and message.tool_calls is defined and "   \
  "message.tool_calls is iterable and message.tool_calls | length > 0 %}..."   \
  "{% elif message.role == 'user' or message.role == 'system' or "             \
  "message.role == 'assistant' %}" CHATML_TURN                                 \
  "{% elif message.role == 'tool' %}...{% else %}" CHATML_TURN                 \
  "{% endif %}{% endfor %}"                                                    \
  "{% if add_generation_prompt %}" CHATML_ANSWER "{% endif %}"
#define QWEN3_CODER_FIRST                                                      \
  "{% macro render_item_list(item_list, tag_name='required') %}..."            \
  "{% endmacro %}"
#define QWEN3_CODER_LATER                                                      \
  "{% macro render_extra_keys(json_dict, handled_keys) %}...{% endmacro %}"
#define QWEN3_INSTRUCT                                                         \
  QWEN3_SYSTEM "{% for message in messages %}" QWEN3_CONTENT                   \
  QWEN3_OTHERS("content") QWEN3_ASSISTANT QWEN3_TOOLS                          \
  "{% if add_generation_prompt %}" CHATML_ANSWER "{% endif %}"
// clang-format on

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
    // Qwen3-Instruct-2507
    QWEN3_INSTRUCT,
    // Qwen3-Coder, as it came first and later
    QWEN3_CODER_FIRST QWEN3_CODER,
    QWEN3_CODER_LATER QWEN3_CODER,
};

// Qwen3, which thinks unless it is told not to. Of answers to earlier
// questions, templates leave out what it thought.

// clang-format off
#define QWEN3_QUESTION(IS_TEXT)                                                \
  "{% set ns = namespace(multi_step_tool=true, "                               \
  "last_query_index=messages|length - 1) %}"                                   \
  "{% for message in messages[::-1] %}"                                        \
  "{% set index = (messages|length - 1) - loop.index0 %}"                      \
  "{% if ns.multi_step_tool and message.role == 'user' and " IS_TEXT           \
  "not(message.content.startswith('<tool_response>') and "                     \
  "message.content.endswith('</tool_response>')) %}"                           \
  "{% set ns.multi_step_tool = false %}"                                       \
  "{% set ns.last_query_index = index %}{% endif %}{% endfor %}"
#define QWEN3_TURNS                                                            \
  "{% if loop.index0 > ns.last_query_index %}"                                 \
  "{% if loop.last or (not loop.last and reasoning_content) %}"                \
  "{{ '<|im_start|>' + message.role + '\\n<think>\\n' + "                      \
  "reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + "                    \
  "content.lstrip('\\n') }}"                                                   \
  "{% else %}" QWEN3_ASSISTANT "{% endif %}"                                   \
  "{% else %}" QWEN3_ASSISTANT "{% endif %}" QWEN3_TOOLS
#define QWEN3_FIRST                                                            \
  QWEN3_SYSTEM QWEN3_QUESTION("")                                              \
  "{% for message in messages %}" QWEN3_OTHERS("message.content")              \
  "{% set content = message.content %}{% set reasoning_content = '' %}"        \
  "{% if message.reasoning_content is defined and "                            \
  "message.reasoning_content is not none %}"                                   \
  "{% set reasoning_content = message.reasoning_content %}{% else %}"          \
  "{% if '</think>' in message.content %}"                                     \
  "{% set content = message.content.split('</think>')[-1].lstrip('\\n') %}"    \
  "{% set reasoning_content = message.content.split('</think>')[0]"            \
  ".rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}"                       \
  "{% endif %}{% endif %}" QWEN3_TURNS
#define QWEN3_LATER                                                            \
  QWEN3_SYSTEM QWEN3_QUESTION("message.content is string and ")                \
  "{% for message in messages %}" QWEN3_CONTENT QWEN3_OTHERS("content")        \
  "{% set reasoning_content = '' %}"                                           \
  "{% if message.reasoning_content is string %}"                               \
  "{% set reasoning_content = message.reasoning_content %}{% else %}"          \
  "{% if '</think>' in content %}"                                             \
  "{% set reasoning_content = content.split('</think>')[0].rstrip('\\n')"      \
  ".split('<think>')[-1].lstrip('\\n') %}"                                     \
  "{% set content = content.split('</think>')[-1].lstrip('\\n') %}"            \
  "{% endif %}{% endif %}" QWEN3_TURNS
#define QWEN3_ANSWER                                                           \
  "{% if add_generation_prompt %}" CHATML_ANSWER                               \
  "{% if enable_thinking is defined and enable_thinking is false %}"           \
  "{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}"
// clang-format on

static constexpr StringLiteral qwen3[] = {QWEN3_FIRST QWEN3_ANSWER,
                                          QWEN3_LATER QWEN3_ANSWER};
static constexpr StringLiteral qwen3Thinking[] = {
    QWEN3_LATER "{% if add_generation_prompt %}"
                "{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}"};

//===----------------------------------------------------------------------===//
// [INST]: Llama 2 and CodeLlama, Mistral and Mixtral
//===----------------------------------------------------------------------===//

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

// Of the same form, with and without spaces around.
#define MISTRAL_V3(INST, ASSISTANT)                                            \
  MISTRAL_SYSTEM                                                               \
  "{% if not tools is defined %}{% set tools = none %}{% endif %}"             \
  "{% set user_messages = loop_messages | selectattr('role', 'equalto', "      \
  "'user') | list %}"                                                          \
  "{% set ns = namespace() %}{% set ns.index = 0 %}"                           \
  "{% for message in loop_messages %}"                                         \
  "{% if not (message.role == 'tool' or message.role == 'tool_results' or "    \
  "(message.tool_calls is defined and message.tool_calls is not none)) %}"     \
  "{% if (message.role == 'user') != (ns.index % 2 == 0) %}"                   \
  "{{ raise_exception('') }}{% endif %}{% set ns.index = ns.index + 1 %}"      \
  "{% endif %}{% endfor %}"                                                    \
  "{{ bos_token }}{% for message in loop_messages %}"                          \
  "{% if message.role == 'user' %}"                                            \
  "{% if tools is not none and (message == user_messages[-1]) %}..."           \
  "{% endif %}{% if loop.last and system_message is defined %}"                \
  "{{ '" INST "' + system_message + '\\n\\n' + message.content + "             \
  "'[/INST]' }}{% else %}{{ '" INST "' + message.content + '[/INST]' }}"       \
  "{% endif %}{% elif message.tool_calls is defined and "                      \
  "message.tool_calls is not none %}...{% elif message.role == 'assistant' "   \
  "%}{{ " ASSISTANT " + eos_token }}"                                          \
  "{% elif message.role == 'tool_results' or message.role == 'tool' %}..."     \
  "{% else %}{{ raise_exception('') }}{% endif %}{% endfor %}"

static constexpr StringLiteral mistralMarkers[] = {"[INST]", "[/INST]"};
static constexpr StringLiteral mistralV3[] = {
    MISTRAL_V3("[INST] ", "' ' + message.content | trim")};
static constexpr StringLiteral mistralV3Tekken[] = {
    MISTRAL_V3("[INST]", "message.content")};

// clang-format off
#define MISTRAL_V7_TURNS(MESSAGES)                                             \
  "{% for message in " MESSAGES " %}{% if message.role == 'user' %}"           \
  "{{ '[INST]' + message.content + '[/INST]' }}"                               \
  "{% elif message.role == 'system' %}"                                        \
  "{{ '[SYSTEM_PROMPT]' + message.content + '[/SYSTEM_PROMPT]' }}"             \
  "{% elif message.role == 'assistant' %}{{ message.content + eos_token }}"    \
  "{% else %}{{ raise_exception('') }}{% endif %}{% endfor %}"
#define MISTRAL_V7_DEFAULT                                                     \
  "{{ bos_token }}" FIRST_IS_SYSTEM                                            \
  "{% set system_message = messages[0].content %}"                             \
  "{% set loop_messages = messages[1:] %}{% else %}"                           \
  "{% set system_message = default_system_message %}"                          \
  "{% set loop_messages = messages %}{% endif %}"                              \
  "{{ '[SYSTEM_PROMPT]' + system_message + '[/SYSTEM_PROMPT]' }}"              \
  MISTRAL_V7_TURNS("loop_messages")
// clang-format on

static constexpr StringLiteral mistralV7Markers[] = {
    "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]"};
static constexpr StringLiteral mistralV7[] = {
    "{{ bos_token }}" MISTRAL_V7_TURNS("messages"),
    "{% set default_system_message = '$SYSTEM' %}" MISTRAL_V7_DEFAULT,
    "{% set today = strftime_now('%Y-%m-%d') %}{% set default_system_message = "
    "'$SYSTEM' + today + '$SYSTEM' %}" MISTRAL_V7_DEFAULT,
};

//===----------------------------------------------------------------------===//
// Llama 3, and from 3.1 on with the day
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

// clang-format off
#define LLAMA31_BEGIN                                                          \
  "{{ bos_token }}{% if custom_tools is defined %}...{% endif %}"              \
  "{% if not tools_in_user_message is defined %}"                              \
  "{% set tools_in_user_message = true %}{% endif %}"                          \
  "{% if not date_string is defined %}"
#define LLAMA31_DAY "{% set date_string = '26 Jul 2024' %}"
#define LLAMA32_DAY                                                            \
  "{% if strftime_now is defined %}"                                           \
  "{% set date_string = strftime_now('%d %b %Y') %}"                           \
  "{% else %}" LLAMA31_DAY "{% endif %}"
#define LLAMA31_HEADER                                                         \
  "{% endif %}{% if not tools is defined %}{% set tools = none %}{% endif %}"  \
  FIRST_IS_SYSTEM "{% set system_message = messages[0].content | trim %}"      \
  "{% set messages = messages[1:] %}{% else %}{% set system_message = '' %}"   \
  "{% endif %}{{ '<|start_header_id|>system<|end_header_id|>\\n\\n' }}"
#define LLAMA31_TOOLS                                                          \
  "{% if builtin_tools is defined or tools is not none %}...{% endif %}"       \
  "{% if builtin_tools is defined %}...{% endif %}"
#define LLAMA32_TOOLS "{% if tools is not none %}...{% endif %}"
#define LLAMA31_TURNS                                                          \
  "{{ 'Cutting Knowledge Date: December 2023\\nToday Date: ' + date_string + " \
  "'\\n\\n' }}{% if tools is not none and not tools_in_user_message %}..."     \
  "{% endif %}{{ system_message + '<|eot_id|>' }}"                             \
  "{% if tools_in_user_message and not tools is none %}...{% endif %}"         \
  "{% for message in messages %}{% if not (message.role == 'ipython' or "      \
  "message.role == 'tool' or 'tool_calls' in message) %}"                      \
  "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + "     \
  "message.content | trim + '<|eot_id|>' }}"                                   \
  "{% elif 'tool_calls' in message %}...{% elif message.role == 'tool' or "    \
  "message.role == 'ipython' %}...{% endif %}{% endfor %}"                     \
  "{% if add_generation_prompt %}" LLAMA3_ANSWER "{% endif %}"
// clang-format on

static constexpr StringLiteral llama31[] = {
    LLAMA31_BEGIN LLAMA31_DAY LLAMA31_HEADER LLAMA31_TOOLS LLAMA31_TURNS};
static constexpr StringLiteral llama32[] = {
    LLAMA31_BEGIN LLAMA32_DAY LLAMA31_HEADER LLAMA32_TOOLS LLAMA31_TURNS};

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

// DeepSeek-R1 and what it was distilled into. As each message of the system
// takes the place of the one before, at the start, there is one.
#define DEEPSEEK_R1(ANSWER)                                                    \
  "{% set ns = namespace(is_first=false, is_tool=false, "                      \
  "is_output_first=true, system_prompt='') %}{% for message in messages %}"    \
  "{% if message.role == 'system' %}"                                          \
  "{% set ns.system_prompt = message.content %}{% endif %}{% endfor %}"        \
  "{{ bos_token }}{{ ns.system_prompt }}{% for message in messages %}"         \
  "{% if message.role == 'user' %}{% set ns.is_tool = false %}"                \
  "{{ '<｜User｜>' + message.content }}{% endif %}"                          \
  "{% if message.role == 'assistant' and message.content is none %}..."        \
  "{% endif %}"                                                                \
  "{% if message.role == 'assistant' and message.content is not none %}"       \
  "{% if ns.is_tool %}...{% else %}{% set content = message.content %}"        \
  "{% if '</think>' in content %}"                                             \
  "{% set content = content.split('</think>')[-1] %}{% endif %}"               \
  "{{ '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}"        \
  "{% endif %}{% endif %}{% if message.role == 'tool' %}...{% endif %}"        \
  "{% endfor %}{% if ns.is_tool %}...{% endif %}"                              \
  "{% if add_generation_prompt and not ns.is_tool %}{{ '" ANSWER "' }}"        \
  "{% endif %}"

static constexpr StringLiteral deepseekR1Markers[] = {"<｜end▁of▁sentence｜>"};
static constexpr StringLiteral deepseekR1[] = {DEEPSEEK_R1("<｜Assistant｜>")};
static constexpr StringLiteral deepseekR1Thinking[] = {
    DEEPSEEK_R1("<｜Assistant｜><think>\\n")};

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
// Granite 3
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

// From 3.1 on there always is a system message.
// clang-format off
#define GRANITE31(TOOLS, THINKING)                                             \
  FIRST_IS_SYSTEM "{% set system_message = messages[0].content %}"             \
  "{% set loop_messages = messages[1:] %}{% else %}{% set system_message = "   \
  "'$SYSTEM' + strftime_now('%B %d, %Y') + '$SYSTEM' %}"                       \
  "{% if " TOOLS " and documents %}...{% elif " TOOLS " %}..."                 \
  "{% elif documents %}..." THINKING "{% else %}"                              \
  "{% set system_message = system_message + '$SYSTEM' %}{% endif %}"           \
  "{% if 'citations' in controls and documents %}...{% endif %}"               \
  "{% if 'hallucinations' in controls and documents %}...{% endif %}"          \
  "{% set loop_messages = messages %}{% endif %}{{ '<|start_of_role|>system"   \
  "<|end_of_role|>' + system_message + '<|end_of_text|>\\n' }}"                \
  "{% if " TOOLS " %}...{% endif %}{% if documents %}...{% endif %}"           \
  "{% for message in loop_messages %}"                                         \
  "{{ '<|start_of_role|>' + message.role + '<|end_of_role|>' + "               \
  "message.content + '<|end_of_text|>\\n' }}"                                  \
  "{% if loop.last and add_generation_prompt %}"                               \
  "{{ '<|start_of_role|>assistant' }}{% if controls %}...{% endif %}"          \
  "{{ '<|end_of_role|>' }}{% endif %}{% endfor %}"
#define GRANITE31_THINKING "{% elif thinking %}..."
// clang-format on

static constexpr StringLiteral granite31[] = {
    GRANITE31("tools", ""),
    GRANITE31("tools", GRANITE31_THINKING),
    "{% if tools and not available_tools %}{% set available_tools = tools %}"
    "{% endif %}" GRANITE31("available_tools", GRANITE31_THINKING),
};

} // namespace fpmoe

#endif // FPMOE_LIB_TOKENIZER_CHATPATTERNS_H
