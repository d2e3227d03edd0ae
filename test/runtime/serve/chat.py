# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Asks /v1/chat/completions for what it is there for, and for what it is not:
chat.py PROGRAM PLAIN [GROUP...]

PROGRAM is the fake program, whose conversations are those of the family 'zephyr'; the answer begins
behind a line end, so that tokens 11, 12, ... follow. PLAIN is the same without a tokenizer.
"""

import json
import re
import sys

from server import Checks, Server

PATH = "/v1/chat/completions"
NAME = "fake <model>"
END = 299
X = {"120": 100}  # a bias that makes all tokens 'x'


def user(text):
    return {"role": "user", "content": text}


def turn(role, text):
    return f"<|{role}|>\n{text}<stop>\n"


def count(server, prompt, special=True):
    """Tokens of a text, in which those of special tokens are these or text."""
    response = server.post("/tokenize", {"content": prompt, "parse_special": special})
    return len(response.json()["tokens"])


def ask(server, messages, **more):
    response = server.post(PATH, {"messages": messages, **more})
    assert response.status == 200, f"{messages} {more}: {response.status} {response.body}"
    return response.json()


def completion(choices, prompt, made, head="chat.completion"):
    """What OpenAI's chat answers."""
    return {"id": lambda value: re.fullmatch("chatcmpl-[0-9a-f]{16}", value), "object": head,
            "created": int, "model": NAME, "choices": choices,
            "usage": {"prompt_tokens": prompt, "completion_tokens": made,
                      "total_tokens": prompt + made, "prompt_tokens_details": dict}}


def choice(text, reason="length", index=0, logprobs=None):
    return {"index": index, "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": logprobs, "finish_reason": reason}


def check_answers(checks, server):
    """Answers, how long they are, and what ends them."""
    size = count(server, turn("user", "abc") + "<|assistant|>\n")
    cases = [({"max_tokens": 3}, [choice("\v\f\r")], 3),
             ({"max_completion_tokens": 2}, [choice("\v\f")], 2),
             ({"max_tokens": 0}, [choice("")], 0),
             ({"max_tokens": 2, "logit_bias": X, "n": 2}, [choice("xx"), choice("xx", index=1)], 4),
             ({"max_tokens": 9, "stop": ["\r\x0e"]}, [choice("\v\f", "stop")], 4),
             # The end of a turn is no part of the answer.
             ({"logit_bias": {str(END): 100}}, [choice("", "stop")], 0),
             # What is null or off is not given.
             ({"max_tokens": 1, "max_completion_tokens": None, "tools": [], "tool_choice": "none",
               "response_format": {"type": "text"}, "logprobs": False, "functions": None,
               "user": "me", "stream": False, "chat_template_kwargs": {"a": None, "b": False}},
              [choice("\v")], 1),
             # This template has no thinking to be left out.
             ({"max_tokens": 1, "chat_template_kwargs": {"enable_thinking": False}}, [choice("\v")], 1),
             ({"max_tokens": 1, "chat_template_kwargs": {}}, [choice("\v")], 1),
             # To the end of the context, one more than there are places.
             ({"logit_bias": X}, [choice("x" * (65 - size))], 65 - size)]
    for body, choices, made in cases:
        checks.match(ask(server, [user("abc")], **body), completion(choices, size, made), f"{body}")
    draws = [ask(server, [user("abc")], max_tokens=9, temperature=5, seed=seed, n=2)["choices"]
             for seed in (1, 1, 2)]
    texts = [[each["message"]["content"] for each in choices] for choices in draws]
    checks.check(texts[0] == texts[1] and texts[0][1] == texts[2][0] != texts[0][0], "seeds")
    checks.check(ask(server, [user("abc")], max_tokens=4, min_tokens=2, logit_bias={str(END): 100})
                 ["usage"]["completion_tokens"] >= 2, "ends too early")


def check_prompts(checks, server):
    """Sizes of prompts: turns, parts, and special tokens in texts, which are text."""
    def size(messages):
        return ask(server, messages, max_tokens=1)["usage"]["prompt_tokens"]
    answer = "<|assistant|>\n"
    system = {"role": "system", "content": "s"}
    cases = [([user("")], turn("user", "")), ([system, user("a")], turn("system", "s") +
                                              turn("user", "a")),
             ([user("a"), {"role": "assistant", "content": "b", "tool_calls": []}, user("c")],
              turn("user", "a") + turn("assistant", "b") + turn("user", "c")),
             ([{"role": "assistant", "content": "b", "reasoning_content": "no part of it"}, user("c")],
              turn("assistant", "b") + turn("user", "c")),
             ([{"role": "user", "content": [{"type": "text", "text": "main"}]}],
              turn("user", "main")),
             ([{"role": "user", "content": [{"type": "text", "text": "a"},
                                            {"type": "text", "text": "b"}], "name": "me"}],
              turn("user", "a\nb"))]
    for messages, prompt in cases:
        checks.match(size(messages), count(server, prompt + answer), f"{messages}")
    attack = count(server, "<|user|>\n<stop>", special=False) + count(server, "<stop>\n" + answer)
    checks.match(size([user("<stop>")]), attack, "a special token")


def check_streams(checks, server):
    """Streams, event by event: who speaks, what is said, and why it ends."""
    def event(delta, reason=None, index=0, logprobs=None, **more):
        one = completion([{"index": index, "delta": delta, "logprobs": logprobs,
                           "finish_reason": reason}], 0, 0, "chat.completion.chunk")
        del one["usage"]
        return {**one, **more}
    def stream(**body):
        response = server.post(PATH, {"messages": [user("abc")], "stream": True, **body})
        checks.match(response.headers["content-type"], "text/event-stream; charset=utf-8", "type")
        return response.events()
    first = {"role": "assistant", "content": ""}
    checks.match(stream(max_tokens=2), [event(first), event({"content": "\v"}),
                                        event({"content": "\f"}), event({}, "length"), "[DONE]"],
                 "two")
    checks.match(stream(logit_bias={str(END): 100}), [event(first), event({}, "stop"), "[DONE]"],
                 "none")
    size = count(server, turn("user", "abc") + "<|assistant|>\n")
    last = completion([], size, 1, "chat.completion.chunk")
    checks.match(stream(max_tokens=1, stream_options={"include_usage": True}),
                 [event(first, usage=None), event({"content": "\v"}, usage=None),
                  event({}, "length", usage=None), last, "[DONE]"], "usage")
    token = {"token": "x", "logprob": float, "bytes": [120]}
    scores = {"content": [{**token, "top_logprobs": []}], "refusal": None}
    checks.match(stream(max_tokens=1, logit_bias=X, logprobs=True),
                 [event(first), event({"content": "x"}, logprobs=scores), event({}, "length"),
                  "[DONE]"], "logprobs")
    events = stream(max_tokens=1, logit_bias=X, n=2)
    for index in (0, 1):
        mine = [each for each in events[:-1] if each["choices"][0]["index"] == index]
        checks.match(mine, [event(first, index=index), event({"content": "x"}, index=index),
                            event({}, "length", index)], f"text {index}")


def check_logprobs(checks, server):
    """Log-probabilities: those of /v1/completions in the other form, and bytes."""
    prompt = turn("user", "abc") + "<|assistant|>\n"
    old = server.post("/v1/completions", {"prompt": prompt, "max_tokens": 2, "logprobs": 3})
    wanted = old.json()["choices"][0]["logprobs"]
    scores = ask(server, [user("abc")], max_tokens=2, logprobs=True,
                 top_logprobs=3)["choices"][0]["logprobs"]
    checks.match([each["logprob"] for each in scores["content"]], wanted["token_logprobs"], "values")
    checks.match([each["token"] for each in scores["content"]], ["\v", "\f"], "tokens")
    for each, likeliest in zip(scores["content"], wanted["top_logprobs"]):
        values = [one["logprob"] for one in each["top_logprobs"]]
        checks.check(len(values) == 3 and values == sorted(values, reverse=True) and
                     values[0] == each["logprob"] == max(likeliest.values()), f"{each}")
    made = ask(server, [user("abc")], max_tokens=1, logprobs=True, logit_bias={"195": 100})
    one = made["choices"][0]["logprobs"]["content"][0]
    checks.match([one["token"], one["bytes"], one["top_logprobs"]], ["\ufffd", None, []], "a part")


def check_refusals(checks, server):
    """What is wrong with a conversation, by its field."""
    good = [user("a")]
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    cases = [
        ({}, "messages", "a list of 1 to 1024"), ({"messages": None}, "messages", "a list"),
        ({"messages": "a"}, "messages", "a list"), ({"messages": {}}, "messages", "a list"),
        ({"messages": [user("")] * 1025}, "messages", "1 to 1024"),
        ({"messages": []}, "messages[0]", "is missing"),
        ({"messages": [5]}, "messages[0]", "it has to be an object"),
        ({"messages": [{"content": "a"}]}, "messages[0].role", "is missing"),
        ({"messages": [{"role": 5, "content": "a"}]}, "messages[0].role", "a string"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "is missing"),
        ({"messages": [*good, user(None)]}, "messages[1].content", "is missing"),
        ({"messages": [user(5)]}, "messages[0].content", "a string"),
        ({"messages": [user({})]}, "messages[0].content", "a string"),
        ({"messages": [user([])]}, "messages[0].content", "'text'"),
        ({"messages": [user([image])]}, "messages[0].content", "'text'"),
        ({"messages": [user(["a"])]}, "messages[0].content", "'text'"),
        ({"messages": [user([{"type": "text"}])]}, "messages[0].content", "'text'"),
        ({"messages": [user([{"type": "text", "text": 5}])]}, "messages[0].content", "'text'"),
        ({"messages": [user([{"type": "text", "text": ""}] * 1025)]}, "messages[0].content", "1024"),
        ({"messages": [*good, {"role": "developer", "content": "a"}]}, "messages[1]",
         "has the role 'developer', the chat template 'zephyr' has 'system', 'user' and 'assistant'"),
        ({"messages": [*good, {"role": "tool", "content": "a", "tool_call_id": "x"}]},
         "messages[1].tool_call_id", "is not supported"),
        ({"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}]},
         "messages[0].tool_calls", "is not supported"),
        ({"messages": [*good, {"role": "assistant", "content": "a"}]}, "messages[1]",
         "cannot be gone on with"),
        ({"messages": [{"role": "assistant", "content": "", "reasoning_content": 5}]},
         "messages[0].reasoning_content", "a string"),
        ({"messages": good, "chat_template_kwargs": 5}, "chat_template_kwargs", "an object"),
        ({"messages": good, "chat_template_kwargs": {"enable_thinking": 5}},
         "chat_template_kwargs.enable_thinking", "true or false"),
        ({"messages": good, "chat_template_kwargs": {"enable_thinking": True}},
         "chat_template_kwargs.enable_thinking", "is true, the chat template 'zephyr' never thinks"),
        ({"messages": good, "chat_template_kwargs": {"enable_thinking": False, "date_string": "1 May"}},
         "chat_template_kwargs.date_string", "is not supported"),
        ({"messages": [user("a" * 64)]}, "messages", "tokens, there is room for 64"),
        ({"messages": good, "max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "two names"),
        ({"messages": good, "max_completion_tokens": "x"}, "max_completion_tokens", "a whole number"),
        ({"messages": good, "logprobs": 5}, "logprobs", "true or false"),
        ({"messages": good, "top_logprobs": 1}, "top_logprobs", "needs 'logprobs'"),
        ({"messages": good, "logprobs": True, "top_logprobs": 21}, "top_logprobs", "from 0 to 20"),
        ({"messages": good, "n": 17}, "n", "from 1 to 16"),
        ({"messages": good, "stream_options": 5}, "stream_options", "an object"),
        ({"messages": good, "temperature": -1}, "temperature", "from 0 to 100"),
        *(({"messages": good, name: value}, name, "is not supported") for name, value in [
            ("tools", [{}]), ("tool_choice", "auto"), ("functions", [{}]), ("function_call", {"name": "f"}),
            ("response_format", {"type": "json_object"}), ("grammar", "root ::= \"a\""),
            ("chat_template", "{{ messages }}"),
            ("documents", [{}]), ("audio", {"voice": "a"}), ("continue_final_message", True)])]
    for body, field, says in cases:
        response = server.post(PATH, body)
        error = response.json()["error"]
        checks.match([response.status, error["param"]], [400, field], json.dumps(body)[:200])
        checks.check(says in error["message"], f"{json.dumps(body)[:200]}: {error['message']}")
    checks.check(server.is_well(), "the server does not answer any more")


def check_about(checks, program, plain):
    """Which template a program has; one without says so."""
    with Server(program) as server:
        checks.match(server.ask("GET", "/props").json()["chat_template"], "zephyr", "/props")
    with Server(plain) as server:
        checks.match(server.ask("GET", "/props").json()["chat_template"], "", "/props")
        response = server.post(PATH, {"messages": [user("a")]})
        checks.match([response.status, response.json()["error"]["message"]],
                     [400, lambda text: text.startswith(
                         "there is no chat: this program has no tokenizer; ")], "no tokenizer")


def main():
    program, plain = sys.argv[1:3]
    checks = Checks(sys.argv[3:])
    with Server(program) as server:
        for name, run in [("answers", check_answers), ("prompts", check_prompts),
                          ("streams", check_streams), ("logprobs", check_logprobs),
                          ("refusals", check_refusals)]:
            checks.group(name, run, server)
        checks.group("quiet", lambda checks: checks.match(server.printed(), "", "printed"))
    checks.group("about", check_about, program, plain)
    sys.exit(checks.wrong != 0)


if __name__ == "__main__":
    main()
