# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Chat templates in the forms of the families, with what a tokenizer needs for them.

system: where a message of the system may stand: none, first, anywhere, or in a user's turn. White
space and quotes are as models have them, in one way or the other.
"""

CHATML = {"family": "chatml", "system": "anywhere", "tokenizer": "qwen", "added": [], "bos": None,
          "eos": "<|im_end|>"}
CHATML_TURN = "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
CHATML_ANSWER = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

MISTRAL = {"family": "mistral-v0.2", "system": "none", "tokenizer": "mistral", "added": [],
           "bos": "<s>", "eos": "</s>"}
MISTRAL_V0 = """{{ bos_token }}{% for message in messages %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Take turns!') }}{% endif %}
{%- if message['role'] == 'user' %}
    {{- '[INST] ' + message['content'] + ' [/INST]' }}
{%- elif message['role'] == 'assistant' %}
    {{- message['content'] + eos_token END}}
{%- else %}{{ raise_exception("Nobody else.") }}{% endif %}{% endfor %}"""
MISTRAL_SYSTEM = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
"""

LLAMA3 = {"family": "llama3", "system": "anywhere", "tokenizer": "llama3",
          "added": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
          "bos": "<|begin_of_text|>", "eos": "<|eot_id|>"}
LLAMA3_TURNS = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ "
    "message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}")
LLAMA3_ANSWER = "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"

TULU = {"family": "tulu", "system": "anywhere", "tokenizer": "starcoder2", "added": [],
        "bos": "<|endoftext|>", "eos": "<|endoftext|>"}
DEEPSEEK = {"tokenizer": "deepseek", "normalized": True,
            "bos": "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
            "eos": "<\uff5cend\u2581of\u2581sentence\uff5c>"}

TEMPLATES = {
    "chatml": {**CHATML, "template":
        "{% for message in messages %}" + CHATML_TURN + "{% endfor %}" + CHATML_ANSWER},
    "chatml with a begin": {**CHATML, "bos": "<|endoftext|>", "template":
        "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}"
        "{% endif %}{{bos_token}}{% for message in messages %}" + CHATML_TURN + "{% endfor %}" +
        CHATML_ANSWER + "\n"},
    "chatml in its loop": {**CHATML, "template":
        "{% for message in messages %}\n" + CHATML_TURN + "{% if loop.last and "
        "add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}{% endfor %}"},
    "chatml with a system": {**CHATML, "template":
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\\nYou write code, and \"nothing\" else<|im_end|>\\n' }}{% endif %}" +
        CHATML_TURN + "{% endfor %}" + CHATML_ANSWER},
    "chatml with tools": {**CHATML, "template": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- for tool in tools %}{% if tool %}{{ tool | tojson }}{% else %}-{% endif %}{%- endfor %}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- "<|im_start|>system\\nYou're a helpful assistant.<|im_end|>\\n" }}
    {%- endif %}
{%- endif %}
{#- Now the rest. #}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- for call in message.tool_calls %}{{ call | tojson }}{% endfor %}
    {%- elif message.role == "tool" %}
        {{- message.content }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""},
    "llama2": {**MISTRAL, "family": "llama2", "system": "in", "template":
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% set system_message = messages[0]['content'] %}{% else %}"
        "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
        "{% for message in loop_messages %}"
        "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Take turns!') }}{% endif %}"
        "{% if loop.index0 == 0 and system_message != false %}"
        "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
        "{% else %}{% set content = message['content'] %}{% endif %}"
        "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}"
        "{% endif %}{% endfor %}"},
    "mistral-v0.1": {**MISTRAL, "family": "mistral-v0.1", "template":
        MISTRAL_V0.replace("END", "+ ' ' ")},
    "mistral-v0.2": {**MISTRAL, "template": MISTRAL_V0.replace("END", "")},
    "mistral-v1": {**MISTRAL, "family": "mistral-v1", "system": "in", "template":
        MISTRAL_SYSTEM + """
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Take turns!') }}
    {%- endif %}
    {%- if message['role'] == 'user' %}
        {%- if loop.first and system_message is defined %}
            {{- ' [INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}
        {%- else %}
            {{- ' [INST] ' + message['content'] + ' [/INST]' }}
        {%- endif %}
    {%- elif message['role'] == 'assistant' %}
        {{- ' ' + message['content'] + eos_token}}
    {%- else %}
        {{- raise_exception('Nobody else.') }}
    {%- endif %}
{%- endfor %}
"""},
    "mistral-v3": {**MISTRAL, "family": "mistral-v3", "system": "in", "tokenizer": "metaspace",
                   "added": ["[INST]", "[/INST]"], "template":
        MISTRAL_SYSTEM + """{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}

{#- Turns, those of tools aside #}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("Take turns!") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- '{"tools": ' + tools | tojson + "}" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif (message.tool_calls is defined and message.tool_calls is not none) %}
        {{- "[TOOL_CALLS]" }}
        {%- for call in message.tool_calls %}{%- if not loop.last %}, {% else %}]{% endif %}{%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {{- message.content }}
    {%- else %}
        {{- raise_exception("Nobody else.") }}
    {%- endif %}
{%- endfor %}
"""},
    "llama3": {**LLAMA3, "template": LLAMA3_TURNS + LLAMA3_ANSWER},
    "llama3 if it is asked for": {**LLAMA3, "template":
        LLAMA3_TURNS + "{% if add_generation_prompt %}" + LLAMA3_ANSWER + "{% endif %}"},
    "deepseek-coder": {**DEEPSEEK, "family": "deepseek-coder", "system": "first",
                       "added": [DEEPSEEK["bos"], DEEPSEEK["eos"], "<|EOT|>"], "template":
        """{% if not add_generation_prompt is defined %}
{% set add_generation_prompt = false %}
{% endif %}
{%- set ns = namespace(found=false) -%}
{%- for message in messages -%}
    {%- if message['role'] == 'system' -%}
        {%- set ns.found = true -%}
    {%- endif -%}
{%- endfor -%}
{{bos_token}}{%- if not ns.found -%}
{{'You write code.\\n'}}
{%- endif %}
{%- for message in messages %}
    {%- if message['role'] == 'system' %}
{{ message['content'] }}
    {%- else %}
        {%- if message['role'] == 'user' %}
{{'### Instruction:\\n' + message['content'] + '\\n'}}
        {%- else %}
{{'### Response:\\n' + message['content'] + '\\n<|EOT|>\\n'}}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{% if add_generation_prompt %}
{{'### Response:'}}
{% endif %}"""},
    "deepseek-v2": {**DEEPSEEK, "family": "deepseek-v2", "system": "anywhere",
                    "added": [DEEPSEEK["bos"], DEEPSEEK["eos"]], "template":
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
        "{{ 'User: ' + message['content'] + '\\n\\n' }}{% elif message['role'] == 'assistant' %}"
        "{{ 'Assistant: ' + message['content'] + eos_token }}"
        "{% elif message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"},
    "zephyr": {**MISTRAL, "family": "zephyr", "system": "anywhere", "template":
        """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""},
    "tulu": {**TULU, "template":
        """{{ eos_token }}{% for message in messages %}
{% if message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] }}
{% elif message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""},
    "tulu in a line": {**TULU, "added": ["<|user|>", "<|assistant|>"], "template":
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
        "{{ '<|system|>\\n' + message['content'] + '\\n' }}{% elif message['role'] == 'user' %}"
        "{{ '<|user|>\\n' + message['content'] + '\\n' }}{% elif message['role'] == 'assistant' %}"
        "{% if not loop.last %}{{ '<|assistant|>\\n'  + message['content'] + eos_token + '\\n' }}"
        "{% else %}{{ '<|assistant|>\\n'  + message['content'] + eos_token }}{% endif %}{% endif %}"
        "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
        "{% endfor %}"},
    "granite": {"family": "granite", "system": "anywhere", "tokenizer": "starcoder2", "bos": None,
                "added": ["<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"],
                "eos": "<|end_of_text|>", "template": """{%- if tools %}
    {{- 'tools' }}{%- for tool in tools %}{% if not loop.last %},{% endif %}{%- endfor %}
{%- endif %}
{%- for message in messages %}
    {%- if message['role'] == 'system' %}
    {{- '<|start_of_role|>system<|end_of_role|>' + message['content'] + '<|end_of_text|>\\n' }}
    {%- elif message['role'] == 'user' %}
    {{- '<|start_of_role|>user<|end_of_role|>' + message['content'] + '<|end_of_text|>\\n' }}
    {%- elif message['role'] == 'assistant' %}
    {{- '<|start_of_role|>assistant<|end_of_role|>'  + message['content'] + '<|end_of_text|>\\n' }}
    {%- elif message['role'] == 'assistant_tool_call' %}
    {{- message['content'] }}
    {%- elif message['role'] == 'tool_response' %}
    {{- message['content'] }}
    {%- endif %}
    {%- if loop.last and add_generation_prompt %}
    {{- '<|start_of_role|>assistant<|end_of_role|>' }}
    {%- endif %}
{%- endfor %}"""},
}
