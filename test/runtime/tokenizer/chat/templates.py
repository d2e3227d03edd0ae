# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Chat templates in the forms of the families, with what a tokenizer needs for them.

system: where a message of the system may stand: none, first, anywhere, or in a user's turn. thinks:
what the assistant thought may be in its messages, and maybe it can be told not to ("asked"). dated: the
day is in the prompt. added, plain: special tokens, and others. White space and quotes are as models have
them, in one way or the other.
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

MISTRAL_V3 = MISTRAL_SYSTEM + """{%- if not tools is defined %}
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

LLAMA31 = {**LLAMA3, "family": "llama3.1"}
LLAMA31_BEGIN = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools_in_user_message is defined %}
    {%- set tools_in_user_message = true %}
{%- endif %}
{%- if not date_string is defined %}
    DAY
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- What the system says #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
"""
LLAMA31_REST = """{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none and not tools_in_user_message %}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}

{#- Tools #}
{%- if tools_in_user_message and not tools is none %}
    {%- if messages | length != 0 %}
        {%- set messages = messages[1:] %}
    {%- else %}
        {{- raise_exception("Nobody asks!") }}
{%- endif %}
    {{- '<|start_header_id|>user<|end_header_id|>\\n\\n' -}}
{%- endif %}

{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One at a time!") }}
        {%- endif %}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- message.content | tojson }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

QWEN3 = {**CHATML, "family": "qwen3", "thinks": "asked",
         "plain": ["<think>", "</think>", "<tool_response>", "</tool_response>"]}
QWEN3_SYSTEM = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- for tool in tools %}{{- tool | tojson }}{%- endfor %}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
"""
QWEN3_QUESTION = """{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
"""
QWEN3_CONTENT = """{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
"""
QWEN3_OTHERS = """    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
"""
QWEN3_TOOLS = """        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}{{- tool_call | tojson }}{%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {{- message.content }}
    {%- endif %}
{%- endfor %}
"""
QWEN3_TURNS = """        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
"""
QWEN3_THOUGHTS = """        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
"""
QWEN3_FIRST_THOUGHTS = """        {%- set content = message.content %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is defined and message.reasoning_content is not none %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in message.content %}
                {%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}
                {%- set reasoning_content = message.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
"""
QWEN3_ANSWER = """{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""
QWEN3_CODER = """
{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}

{%- if not tools is defined %}
    {%- set tools = [] %}
{%- endif %}

{%- if system_message is defined %}
    {{- "<|im_start|>system\\n" + system_message }}
{%- else %}
    {%- if tools is iterable and tools | length > 0 %}
        {{- "<|im_start|>system\\nTools." }}
    {%- endif %}
{%- endif %}
{%- if tools is iterable and tools | length > 0 %}
    {%- for tool in tools %}{{- tool.name ~ "\\n" }}{%- endfor %}
{%- endif %}
{%- if system_message is defined %}
    {{- '<|im_end|>\\n' }}
{%- else %}
    {%- if tools is iterable and tools | length > 0 %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in loop_messages %}
    {%- if message.role == "assistant" and message.tool_calls is defined and message.tool_calls is iterable and message.tool_calls | length > 0 %}
        {{- '<|im_start|>' + message.role }}
    {%- elif message.role == "user" or message.role == "system" or message.role == "assistant" %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "tool" %}
        {{- message.content }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

MISTRAL_V7 = {**MISTRAL, "family": "mistral-v7", "system": "anywhere", "tokenizer": "llama3",
              "added": ["<s>", "</s>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]"]}
MISTRAL_V7_TURNS = """
    {%- if message['role'] == 'user' %}
        {{- '[INST]' + message['content'] + '[/INST]' }}
    {%- elif message['role'] == 'system' %}
        {{- '[SYSTEM_PROMPT]' + message['content'] + '[/SYSTEM_PROMPT]' }}
    {%- elif message['role'] == 'assistant' %}
        {{- message['content'] + eos_token }}
    {%- else %}
        {{- raise_exception('Nobody else.') }}
    {%- endif %}
{%- endfor %}"""
MISTRAL_V7_DEFAULT = """

{{- bos_token }}

{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = default_system_message %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '[SYSTEM_PROMPT]' + system_message + '[/SYSTEM_PROMPT]' }}

{%- for message in loop_messages %}""" + MISTRAL_V7_TURNS

GRANITE31 = {"family": "granite-3.1", "system": "anywhere", "tokenizer": "starcoder2", "bos": None,
             "added": ["<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"],
             "eos": "<|end_of_text|>", "dated": True}
GRANITE31_TEMPLATE = """{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = "Cutoff: 100% in April.\\nToday: " + strftime_now('%B %d, %Y') + ".\\nYou write code." %}
    {%- if tools and documents %}
        {%- set system_message = system_message + " With tools and documents." %}
    {%- elif tools %}
        {%- set system_message = system_message + " With tools." %}
    {%- elif documents %}
        {%- set system_message = system_message + " With documents." %}
    {%- else %}
        {%- set system_message = system_message + " Nothing else; 5%d." %}    
    {%- endif %}
    {%- if 'citations' in controls and documents %}
        {%- set system_message = system_message + '\\n\\nCite.' %}
    {%- endif %}
    {%- if 'hallucinations' in controls and documents %}
        {%- set system_message = system_message + '\\n\\nLie not.' %}
    {%- endif %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '<|start_of_role|>system<|end_of_role|>' + system_message + '<|end_of_text|>\\n' }}
{%- if tools %}
    {{- tools | tojson(indent=4) }}
{%- endif %}
{%- if documents %}
    {%- for document in documents %}{{- document['text'] }}{%- endfor %}
{%- endif %}
{%- for message in loop_messages %}
    {{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + '<|end_of_text|>\\n' }}
    {%- if loop.last and add_generation_prompt %}
        {{- '<|start_of_role|>assistant' }}
            {%- if controls %}
                {{- ' ' + controls | tojson()}}
            {%- endif %}
        {{- '<|end_of_role|>' }}
    {%- endif %}
{%- endfor %}"""

GRANITE32_TEMPLATE = GRANITE31_TEMPLATE.replace(
    "    {%- else %}\n        {%- set system_message = system", """    {%- elif thinking %}
        {%- set system_message = system_message + " You think." %}
    {%- else %}
        {%- set system_message = system""")

DEEPSEEK_R1 = {**DEEPSEEK, "family": "deepseek-r1", "system": "first", "thinks": "always",
               "normalized": False, "added": [DEEPSEEK["bos"], DEEPSEEK["eos"]],
               "plain": ["<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", "<think>", "</think>"]}
DEEPSEEK_R1_TEMPLATE = (
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
    "{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='') %}"
    "{%- for message in messages %}{%- if message['role'] == 'system' %}"
    "{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}"
    "{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}"
    "{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}"
    "{{'<\uff5cUser\uff5c>' + message['content']}}{%- endif %}"
    "{%- if message['role'] == 'assistant' and message['content'] is none %}"
    "{%- for tool in message['tool_calls']%}{%- if not ns.is_first %}{{'tool'}}{%- endif %}{%- endfor %}"
    "{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}"
    "{%- if ns.is_tool %}{%- set ns.is_tool = false -%}{%- else %}{% set content = message['content'] %}"
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{'<\uff5cAssistant\uff5c>' + content + '<\uff5cend\u2581of\u2581sentence\uff5c>'}}{%- endif %}{%- endif %}"
    "{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{%- endif %}{%- endfor -%}"
    "{% if ns.is_tool %}{{'tool'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}"
    "{{'<\uff5cAssistant\uff5c>'}}{% endif %}")

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
        MISTRAL_V3},
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
    "llama3.1": {**LLAMA31, "template":
        LLAMA31_BEGIN.replace("DAY", '{%- set date_string = "26 Jul 2024" %}') +
        """{%- if builtin_tools is defined or tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{%- if builtin_tools is defined %}
    {{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n"}}
{%- endif %}
""" + LLAMA31_REST},
    "llama3.2": {**LLAMA31, "family": "llama3.2", "dated": True, "template":
        LLAMA31_BEGIN.replace("DAY", """{%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}""") + """{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
""" + LLAMA31_REST},
    "qwen3": {**QWEN3, "template": QWEN3_SYSTEM + QWEN3_QUESTION + QWEN3_CONTENT + QWEN3_OTHERS +
              QWEN3_THOUGHTS + QWEN3_TURNS + QWEN3_TOOLS + QWEN3_ANSWER},
    "qwen3 at first": {**QWEN3, "template": QWEN3_SYSTEM +
                       QWEN3_QUESTION.replace(" and message.content is string", "") +
                       "{%- for message in messages %}\n" + QWEN3_OTHERS.replace("content", "message.content") +
                       QWEN3_FIRST_THOUGHTS + QWEN3_TURNS + QWEN3_TOOLS + QWEN3_ANSWER},
    "qwen3-thinking": {**QWEN3, "family": "qwen3-thinking", "thinks": "always", "template":
                       QWEN3_SYSTEM + QWEN3_QUESTION + QWEN3_CONTENT + QWEN3_OTHERS + QWEN3_THOUGHTS +
                       QWEN3_TURNS + QWEN3_TOOLS +
                       "{%- if add_generation_prompt %}\n"
                       "    {{- '<|im_start|>assistant\\n<think>\\n' }}\n{%- endif %}"},
    "qwen3-instruct": {**QWEN3, "family": "chatml", "thinks": None, "template":
                       QWEN3_SYSTEM + QWEN3_CONTENT + QWEN3_OTHERS +
                       "        {{- '<|im_start|>' + message.role + '\\n' + content }}\n" + QWEN3_TOOLS +
                       "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}"},
    "qwen3-coder": {**CHATML, "template": """{% macro render_extra_keys(json_dict, handled_keys) %}
    {%- if json_dict is mapping %}
        {%- for key in json_dict if key not in handled_keys %}{{- key }}{%- endfor %}
    {%- endif %}
{% endmacro %}
""" + QWEN3_CODER},
    "qwen3-coder at first": {**CHATML, "template":
        """{% macro render_item_list(item_list, tag_name='required') %}
    {%- if item_list is defined %}{{- item_list }}{%- endif %}
{% endmacro %}
""" + QWEN3_CODER},
    "mistral-v7": {**MISTRAL_V7, "dated": True, "template":
        """{%- set today = strftime_now("%Y-%m-%d") %}
{%- set default_system_message = "You know 100%.
Today is " + today + ".

Where are you? (e.g. \\"here\\")" %}""" +
        MISTRAL_V7_DEFAULT},
    "mistral-v7 of one day": {**MISTRAL_V7, "template":
        '{%- set default_system_message = "You know 100%d, today, too." %}' + MISTRAL_V7_DEFAULT},
    "mistral-v7 without default": {**MISTRAL_V7, "template":
        "{{- bos_token }}\n\n{%- for message in messages %}" + MISTRAL_V7_TURNS},
    "granite-3.1": {**GRANITE31, "template": GRANITE31_TEMPLATE},
    "granite-3.2": {**GRANITE31, "template": GRANITE32_TEMPLATE},
    "granite-3.3": {**GRANITE31, "template": """{# Tools have two names #}
{%- if tools and not available_tools -%}
    {%- set available_tools = tools -%}
{%- endif -%}
""" + GRANITE32_TEMPLATE.replace("tools and", "available_tools and").replace("if tools", "if available_tools")},
    "mistral-v3-tekken": {**MISTRAL, "family": "mistral-v3-tekken", "system": "in", "tokenizer": "llama3",
                          "added": ["<s>", "</s>", "[INST]", "[/INST]"], "template":
        MISTRAL_V3.replace("[INST] ", "[INST]").replace('" " + message["content"]|trim', 'message["content"]')},
    "deepseek-r1": {**DEEPSEEK_R1, "template": DEEPSEEK_R1_TEMPLATE},
    "deepseek-r1-thinking": {**DEEPSEEK_R1, "family": "deepseek-r1-thinking", "template":
        DEEPSEEK_R1_TEMPLATE.replace("{{'<\uff5cAssistant\uff5c>'}}", "{{'<\uff5cAssistant\uff5c><think>\\n'}}")},
}
