# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Asks each endpoint of a server for what it is there for: endpoints.py PROGRAM PLAIN [GROUP...]

PROGRAM is the fake program, of which all is known: after token t comes t + 1, and the logits are
those of FakeModel.cpp. PLAIN is the same without a tokenizer.
"""

import json
import math
import re
import sys
import threading
import time

from server import Checks, Response, Server, request, wait_for

NAME = "fake <model>"
END = 299
ENDPOINTS = ["GET /", "GET /health", "GET /v1/health", "GET /v1/models", "GET /models", "GET /props",
             "GET /metrics", "POST /v1/completions", "POST /v1/chat/completions",
             "POST /v1/fim/completions", "POST /completion", "POST /completions", "POST /infill",
             "POST /tokenize", "POST /detokenize"]


def logprobs_after(before, token, position):
    """Log-probabilities of all tokens behind `token`, as FakeModel.cpp has them; its weights make
    the one that follows 5.75."""
    logits = [(v * 7 + position * 3 + before) % 11 * 0.125 for v in range(300)]
    logits[END] = 0
    logits[(token + 1) % 300] = 5.75
    normal = math.log(sum(map(math.exp, logits)))
    return [logit - normal for logit in logits]


def near(wanted):
    return lambda value: type(value) is float and abs(value - wanted) < 1e-6


def is_now(value):
    return type(value) is int and abs(value - time.time()) < 60


def completion(choices, prompt, made, found=0, head="text_completion"):
    """What OpenAI's completions answer."""
    return {"id": lambda value: re.fullmatch("cmpl-[0-9a-f]{16}", value), "object": head,
            "created": is_now, "model": NAME, "choices": choices,
            "usage": {"prompt_tokens": prompt, "completion_tokens": made,
                      "total_tokens": prompt + made,
                      "prompt_tokens_details": {"cached_tokens": found}}}


def choice(text, reason="length", index=0, logprobs=None):
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}


def ask(server, body, path="/v1/completions"):
    response = server.post(path, body)
    assert response.status == 200, f"{body}: {response.status} {response.body}"
    return response.json()


def check_texts(checks, server):
    """Prompts of every kind, how many tokens follow, and what ends them."""
    cases = [
        ({"prompt": "abc", "max_tokens": 4}, [choice("defg")], 3, 4),
        ({"prompt": [97, 98, 99], "max_tokens": 4}, [choice("defg")], 3, 4),
        ({"prompt": ["abc"], "max_tokens": 1}, [choice("d")], 3, 1),
        ({"prompt": ["abc", "x"], "max_tokens": 2}, [choice("de"), choice("yz", index=1)], 4, 4),
        ({"prompt": [[97], [98.0, 99]], "max_tokens": 2},
         [choice("bc"), choice("de", index=1)], 3, 4),
        ({"prompt": ["abc", [97]], "max_tokens": 2}, [choice("de"), choice("bc", index=1)], 4, 4),
        ({"prompt": "abc", "max_tokens": 2, "n": 2}, [choice("de"), choice("de", index=1)], 3, 4),
        ({"prompt": ["x", "x"], "max_tokens": 1}, [choice("y"), choice("y", index=1)], 2, 2),
        ({"prompt": ["abc", "x"], "max_tokens": 1, "n": 2},
         [choice("d"), choice("d", index=1), choice("y", index=2), choice("y", index=3)], 4, 4),
        # 16 where nothing is said, none, and as many as fit: one more than there are places.
        ({"prompt": "0"}, [choice("123456789:;<=>?@")], 1, 16),
        ({"prompt": "abc", "max_tokens": 0}, [choice("")], 3, 0),
        ({"prompt": [5] * 60 + [48], "max_tokens": -1}, [choice("1234")], 61, 4),
        ({"prompt": [6] * 63 + [48], "max_tokens": 9}, [choice("1")], 64, 1),
        # Nothing follows the token that ends a text.
        ({"prompt": "", "max_tokens": 2}, [choice("\0\1")], 1, 2),
        ({"max_tokens": 1}, [choice("\0")], 1, 1),
        # Whole characters, of one token or several.
        ({"prompt": [259], "max_tokens": 3, "temperature": 0}, [choice("\u00e9\ufffd\u20ac")], 1, 3),
        ({"prompt": [298], "max_tokens": 2}, [choice("", "stop")], 1, 0),
        # The model ends it, or a stop string: in one token or over some, also where it only begins.
        ({"prompt": [297], "max_tokens": 9}, [choice("\ufffd", "stop")], 1, 1),
        ({"prompt": "abc", "stop": "g"}, [choice("def", "stop")], 3, 4),
        ({"prompt": "abc", "stop": ["xyz", "ghi"]}, [choice("def", "stop")], 3, 6),
        ({"prompt": "abc", "max_tokens": 5, "stop": ["ghj"]}, [choice("defgh")], 3, 5),
        ({"prompt": "abc", "stop": ["", "d"]}, [choice("", "stop")], 3, 1),
        ({"prompt": "abc", "stop": [], "max_tokens": 1}, [choice("d")], 3, 1),
        # With the prompt in front, which stop strings do not look at.
        ({"prompt": "abc", "max_tokens": 2, "echo": True, "stop": "bc"}, [choice("abcde")], 3, 2),
        ({"prompt": ["ab", "x"], "max_tokens": 1, "echo": True},
         [choice("abc"), choice("xy", index=1)], 3, 2),
        # Of what may be drawn, a bias leaves one; an expert changes nothing of this model.
        ({"prompt": "abc", "max_tokens": 3, "logit_bias": {"120": 100}}, [choice("xxx")], 3, 3),
        ({"prompt": "abc", "max_tokens": 3, "logit_bias": [[120, 100], [121, False]]},
         [choice("xxx")], 3, 3),
        ({"prompt": "abc", "max_tokens": 3, "language": "ocaml"}, [choice("def")], 3, 3),
        ({"prompt": "abc", "max_tokens": 3, "temperature": 5, "top_k": 1}, [choice("def")], 3, 3),
        ({"prompt": "abc", "max_tokens": 3, "temperature": 5, "top_p": 0}, [choice("def")], 3, 3),
        ({"prompt": "abc", "max_tokens": 3, "temperature": 1, "min_p": 0.25}, [choice("def")], 3, 3),
        # What is null is not given, and what asks for nothing is taken.
        ({"prompt": "abc", "max_tokens": 3, "stop": None, "n": None, "logprobs": None, "suffix": "",
          "grammar": "", "json_schema": {}, "functions": False, "tools": [], "response_format": {"type": "text"}, "user": "me"},
         [choice("def")], 3, 3),
    ]
    for body, choices, prompt, made in cases:
        checks.match(ask(server, body), completion(choices, prompt, made), json.dumps(body)[:200])
    never = ask(server, {"prompt": [297], "max_tokens": 4, "ignore_eos": True})
    checks.match(never["usage"]["completion_tokens"], 4, "never ends")
    least = ask(server, {"prompt": [297], "max_tokens": 9, "min_tokens": 3})
    checks.check(least["usage"]["completion_tokens"] >= 3, "ends too early")


def check_draws(checks, server):
    """A seed fixes a text, and each of several texts has its own."""
    body = {"prompt": "abc", "max_tokens": 30, "temperature": 5}
    def texts(**more):
        return [each["text"] for each in ask(server, {**body, **more})["choices"]]
    checks.match(texts(seed=1), texts(seed=1), "the same seed")
    checks.check(texts(seed=1) != texts(seed=2), "another seed")
    checks.check(texts() != texts() and texts(seed=-1) != texts(seed=-1), "no seed")
    checks.match(texts(seed=7, n=3), texts(seed=7) + texts(seed=8) + texts(seed=9), "of several")
    llama = ask(server, {"prompt": "abc", "n_predict": 30, "temperature": 5, "seed": 7},
                "/completion")
    checks.match(llama["content"], texts(seed=7)[0], "by another interface")


def check_logprobs(checks, server):
    """Log-probabilities, of the prompt too, beside the likeliest."""
    prompt, made = [97, 98, 99], [100, 101]
    tokens = prompt + made
    rows = [logprobs_after(tokens[i - 1] if i else 0, tokens[i], i) for i in range(4)]
    def logprobs(count, first, top=None):
        def likeliest(row):
            best = sorted(range(300), key=lambda v: (-row[v], v))[:count]
            # The names of bytes that are no characters are alike: the likeliest one counts.
            return {(chr(v) if v < 128 else "\ufffd"): near(row[v]) for v in reversed(best)} or None
        return {"tokens": [chr(token) for token in tokens[first:]],
                "token_logprobs": [near(rows[i - 1][tokens[i]]) if i else None
                                   for i in range(first, 5)],
                "top_logprobs": [likeliest(rows[i - 1]) if i else None for i in range(first, 5)],
                "text_offset": list(range(5 - first))}
    for count in [0, 1, 2, 3]:
        body = {"prompt": "abc", "max_tokens": 2, "logprobs": count}
        checks.match(ask(server, body), completion([choice("de", logprobs=logprobs(count, 3))], 3, 2),
                     f"{count} likeliest")
        checks.match(ask(server, {**body, "echo": True}),
                     completion([choice("abcde", logprobs=logprobs(count, 0))], 3, 2),
                     f"{count} likeliest, with the prompt")
    # A bias changes what is drawn, not what the model thinks of it.
    body = {"prompt": "abc", "max_tokens": 1, "logprobs": 0, "logit_bias": {"120": 100}}
    scores = ask(server, body)["choices"][0]["logprobs"]["token_logprobs"]
    checks.match(scores, [near(rows[2][120])], "a bias")
    # Places are those of characters.
    body = {"prompt": [258], "max_tokens": 4, "logprobs": 0}
    offsets = ask(server, body)["choices"][0]["logprobs"]["text_offset"]
    checks.match(offsets, [0, 3, 4, 5], "places")
    # Of a text alone, none is made.
    alone = ask(server, {"prompt": "abc", "max_tokens": 0, "logprobs": 0, "echo": True})
    checks.match(alone["choices"][0]["logprobs"]["token_logprobs"],
                 [None, near(rows[0][98]), near(rows[1][99])], "the prompt alone")
    # A long prompt, over several steps.
    long = [i * 7 % 290 for i in range(50)]
    body = {"prompt": long, "max_tokens": 0, "logprobs": 0, "echo": True}
    wanted = [None] + [near(logprobs_after(long[i - 2] if i > 1 else 0, long[i - 1], i - 1)[long[i]])
                       for i in range(1, 50)]
    for _ in range(2):  # the second time, its pages are there
        checks.match(ask(server, body)["choices"][0]["logprobs"]["token_logprobs"], wanted, "long")


def check_streams(checks, server):
    """Streams, event by event."""
    def event(text, reason=None, index=0, logprobs=None, **more):
        one = completion([choice(text, reason, index, logprobs)], 0, 0)
        del one["usage"]
        return {**one, **more}
    def stream(path="/v1/completions", **body):
        response = server.post(path, {"prompt": "abc", "stream": True, **body})
        checks.match(response.headers["content-type"], "text/event-stream; charset=utf-8", path)
        checks.match(response.headers["cache-control"], "no-store", path)
        return response.events()
    checks.match(stream(max_tokens=2), [event("d"), event("e"), event("", "length"), "[DONE]"], "two")
    checks.match(stream(max_tokens=0), [event("", "length"), "[DONE]"], "none")
    checks.match(stream(stop="fg"), [event("d"), event("e"), event("", "stop"), "[DONE]"], "stopped")
    # What could begin a stop string waits.
    checks.match(stream(max_tokens=3, stop="efx"),
                 [event("d"), event("ef"), event("", "length"), "[DONE]"], "held back")
    last = completion([], 3, 1)
    checks.match(stream(max_tokens=1, stream_options={"include_usage": True}),
                 [event("d", usage=None), event("", "length", usage=None), last, "[DONE]"], "usage")
    checks.match(stream(max_tokens=1, stream_options={"include_usage": False}),
                 [event("d"), event("", "length"), "[DONE]"], "no usage")
    # Half characters wait for the other half: "in", "\u00e9", half of one, and the other half.
    checks.match(stream(prompt=[258], max_tokens=4)[:4],
                 [event(" in"), event("\u00e9"), event("\ufffd\u20ac"), event("", "length")],
                 "characters")
    row = logprobs_after(98, 99, 2)
    score = {"tokens": ["d"], "token_logprobs": [near(row[100])],
             "top_logprobs": [{"d": near(row[100])}], "text_offset": [0]}
    checks.match(stream(max_tokens=1, logprobs=1),
                 [event("d", logprobs=score), event("", "length"), "[DONE]"], "logprobs")
    events = stream(prompt=[258], max_tokens=4, logprobs=0)[:4]
    checks.match([event["choices"][0]["logprobs"]["text_offset"] for event in events],
                 [[0], [3], [4], [5]], "places")
    # Texts in turn, each in its order.
    events = stream(prompt=["abc", "x"], n=2, max_tokens=3)
    checks.match(events.pop(), "[DONE]", "several")
    ids = {each["id"] for each in events}
    checks.check(len(ids) == 1, f"several ids: {ids}")
    for index, text in enumerate(["def", "def", "yz{", "yz{"]):
        mine = [each for each in events if each["choices"][0]["index"] == index]
        checks.match(mine, [*(event(letter, index=index) for letter in text),
                            event("", "length", index)], f"text {index}")
    # Each event is a chunk of its own, so that it can be read when it is made.
    response = server.post("/v1/completions", {"prompt": "abc", "max_tokens": 3, "stream": True})
    checks.check(len(response.chunks) == 5 and all(chunk.endswith(b"\n\n") for chunk in
                                                   response.chunks), f"{response.chunks}")


def llama(content, tokens, prompt, index=0, found=0, kind="limit", word="", made=None):
    """What llama.cpp's server answers."""
    made = len(tokens) if made is None else made
    return {"index": index, "content": content, "tokens": tokens, "stop": True, "model": NAME,
            "tokens_predicted": made, "tokens_evaluated": prompt,
            "tokens_cached": found, "truncated": False, "stop_type": kind, "stopping_word": word,
            "has_new_line": "\n" in content,
            "timings": {"prompt_n": prompt - found, "prompt_ms": float, "prompt_per_second": float,
                        "predicted_n": made, "predicted_ms": float, "predicted_per_second": float}}


def check_llama(checks, server):
    """/completion, under both of its names."""
    for path, other in [("/completion", 7), ("/completions", 8)]:
        cases = [
            ({"prompt": "abc", "n_predict": 2}, llama("de", [100, 101], 3)),
            ({"prompt": [97], "n_predict": 0}, llama("", [], 1)),
            ({"prompt": [other] * 60 + [48]}, llama("1234", [49, 50, 51, 52], 61)),
            ({"prompt": [296]}, llama("==>\ufffd", [297, 298], 1, kind="eos")),
            ({"prompt": "abc", "stop": ["ef"]}, llama("d", [100, 101, 102], 3, kind="word", word="ef")),
            ({"prompt": [8], "n_predict": 2}, llama("\t\n", [9, 10], 1)),
            ({"prompt": ["abc", [120]], "n_predict": 1},
             [llama("d", [100], 3), llama("y", [121], 1, index=1)]),
            ({"prompt": "abc", "n_predict": 1, "t_max_predict_ms": 60000, "repeat_penalty": 1},
             llama("d", [100], 3)),
            ({"prompt": "abc", "n_predict": 2, "response_fields":
              ["content", "timings/prompt_n", "timings/nothing", "nothing"]},
             {"content": "de", "timings/prompt_n": 3}),
            ({"prompt": "abc", "n_predict": 2, "response_fields": "content"}, {"content": "de"}),
            ({"prompt": ["abc", "x"], "n_predict": 1, "response_fields": ["content"]},
             [{"content": "d"}, {"content": "y"}]),
        ]
        for body, wanted in cases:
            checks.match(ask(server, body, path), wanted, f"{path} {json.dumps(body)[:200]}")
        events = server.post(path, {"prompt": "abc", "n_predict": 2, "stream": True}).events()
        parts = [{"index": 0, "content": letter, "tokens": [token], "stop": False,
                  "tokens_predicted": token - 99, "tokens_evaluated": 3}
                 for letter, token in [("d", 100), ("e", 101)]]
        # The last one has no text: clients have it.
        checks.match(events, [*parts, llama("", [], 3, made=2)], f"{path}: a stream")
    # The expert of each token behind the prompt, where they are wanted; the last has none yet.
    events = server.post("/completion", {"prompt": "abc", "n_predict": 4, "stream": True,
                                         "show_experts": True}).events()
    experts = [event for event in events if "expert" in event]
    checks.match(experts, [{"index": 0, "position": 3 + i, "expert": name} for i, name in
                           enumerate(["haskell", "haskell", "ocaml"])], "experts")
    checks.match(len(events), len(experts) + 5, "events")


def check_cache(checks, server):
    """What a prompt has in common with one before it is found, in pages of 32."""
    prompt = [i * 5 % 290 for i in range(60)]
    for length, found in [(60, 0), (60, 32), (40, 32), (33, 32), (32, 0), (31, 0)]:
        usage = ask(server, {"prompt": prompt[:length], "max_tokens": 1})["usage"]
        checks.match(usage["prompt_tokens_details"], {"cached_tokens": found}, f"of {length}")
    answer = ask(server, {"prompt": prompt, "n_predict": 1}, "/completion")
    checks.match([answer["tokens_cached"], answer["timings"]["prompt_n"]], [32, 28], "llama.cpp")
    other = [1] + prompt[1:]
    checks.match(ask(server, {"prompt": other})["usage"]["prompt_tokens_details"],
                 {"cached_tokens": 0}, "another beginning")
    # Under another expert, keys and values are others.
    body = {"prompt": prompt, "language": "scala"}
    checks.match(ask(server, body)["usage"]["prompt_tokens_details"], {"cached_tokens": 0}, "expert")


def check_tokens(checks, server):
    """/tokenize and /detokenize."""
    for body, tokens in [
            ({"content": "main ="}, [265, 266]), ({"content": ""}, []), ({}, []),
            ({"content": "\u00e9\u20ac\U0001f600"}, [260, 262, 298, 152, 128]),
            ({"content": "abc", "add_special": True}, [97, 98, 99]),
            ({"content": "a<stop>", "parse_special": True}, [97, END]),
            ({"content": "\u00e9<stop>", "with_pieces": True},
             [{"id": 260, "piece": "\u00e9"}, {"id": END, "piece": "<stop>"}]),
            ({"content": "\U0001f600", "with_pieces": True},
             [{"id": 298, "piece": "\ufffd"}, {"id": 152, "piece": "\ufffd"},
              {"id": 128, "piece": "\ufffd"}])]:
        checks.match(ask(server, body, "/tokenize"), {"tokens": tokens}, f"{body}")
    for tokens, text in [([265, 266], "main ="), ([], ""), ([298, 152, 128.0], "\U0001f600"),
                         ([195, 97, 195], "\ufffda\ufffd"), ([97, END, 98], "ab")]:
        checks.match(ask(server, {"tokens": tokens}, "/detokenize"), {"content": text}, f"{tokens}")
    checks.match(ask(server, {}, "/detokenize"), {"content": ""}, "none")


def check_about(checks, server):
    """What a server says of itself."""
    for path in ["/health", "/v1/health"]:
        checks.match(server.ask("GET", path).json(), {"status": "ok"}, path)
    model = {"id": NAME, "object": "model", "created": is_now, "owned_by": "fpmoe",
             "meta": {"n_vocab": 300, "n_ctx": 64, "n_ctx_train": 64, "n_embd": 16,
                      "n_params": 1234567, "size": 1 << 20}}
    for path in ["/v1/models", "/models"]:
        checks.match(server.ask("GET", path).json(), {"object": "list", "data": [model]}, path)
    props = {"model_path": NAME, "architecture": "FakeForCausalLM", "weights": "bf16",
             "target": "x86_64 avx512-bf16", "build_info": "fpmoe 0.1.0", "total_slots": 8,
             "n_ctx": 64, "default_generation_settings": {
                 "n_ctx": 64, "params": {"temperature": 0.0, "top_p": 1.0, "top_k": 0}},
             "experts": ["haskell", "ocaml", "scala"], "languages": [], "fill_in": None,
             "chat_template": "zephyr", "endpoints": ENDPOINTS}
    checks.match(server.ask("GET", "/props?a=b").json(), props, "/props")
    # All that it says is there, and nothing of it is cached or taken for something else.
    for endpoint in ENDPOINTS:
        response = server.ask(*endpoint.split())
        checks.check(response.status in (200, 400), f"{endpoint}: {response.status}")
        checks.match([response.headers["cache-control"], response.headers["x-content-type-options"]],
                     ["no-store", "nosniff"], endpoint)


def check_page(checks, server):
    """The page: of one file, and nothing else may be put into it."""
    response = server.ask("GET", "/")
    text = response.body.decode()
    checks.match(response.headers["content-type"], "text/html; charset=utf-8", "its type")
    checks.check(text.startswith("<!doctype html>\n") and text.endswith("</script>\n"), "its ends")
    checks.check(not re.search(r"https?:|src=|url\(|@import|innerHTML|eval\(", text), "its sources")
    policy = response.headers["content-security-policy"].split("; ")
    checks.check("default-src 'none'" in policy and "connect-src 'self'" in policy, f"{policy}")
    checks.match(response.headers["x-frame-options"], "DENY", "frames")
    # It asks only for what there is.
    paths = set(re.findall(r"'(/[a-z/]+)'", text))
    checks.check({"/props", "/completion", "/infill"} <= paths, f"{paths}")
    for path in paths:
        checks.check(any(endpoint.split()[1] == path for endpoint in ENDPOINTS), path)


def check_fill_in(checks, server):
    """The vocabulary of this model has no tokens to fill in with."""
    for path, field in [("/infill", "input_prefix"), ("/v1/fim/completions", "prompt"),
                        ("/v1/completions", "suffix")]:
        body = {"input_prefix": "a", "input_suffix": "b", "prompt": "c", "suffix": "d"}
        response = server.post(path, body)
        checks.match([response.status, response.json()],
                     [400, {"error": {"code": 400, "type": "invalid_request_error", "param": field,
                                      "message": lambda text: "cannot fill in the middle" in text and
                                                              "Qwen2.5-Coder" in text}}], path)


def check_metrics(checks, program):
    """Counts of what was done, and all that Prometheus wants of their form."""
    with Server(program) as server:
        ask(server, {"prompt": "abc", "max_tokens": 5})
        ask(server, {"prompt": [1] * 40, "max_tokens": 4, "n": 2})
        ask(server, {"prompt": [1] * 40, "max_tokens": 0})
        ask(server, {"prompt": [297], "n_predict": 9}, "/completion")
        server.post("/completion", {"prompt": 5})
        server.ask("GET", "/nothing")
        response = server.ask("GET", "/metrics")  # at once: who has ended is not counted
        metrics = server.metrics()
    checks.match(response.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8", "type")
    lines = response.body.decode().splitlines()
    names = []
    for line in lines:
        if line.startswith("# HELP "):
            names.append(line.split()[2])
            checks.check(re.fullmatch(r"# HELP fpmoe:\w+ [A-Z].*\.", line), line)
        elif line.startswith("# TYPE "):
            checks.check(re.fullmatch(f"# TYPE {names[-1]} (counter|gauge|histogram)", line), line)
        else:
            checks.check(re.fullmatch(names[-1] + r"(_bucket|_sum|_count)?(\{\w+=\"[^\"]+\"\})? "
                                      r"[0-9.e+-]+", line), line)
    checks.check(len(names) == len(set(names)) == 17, f"{names}")
    wanted = {"num_requests_running": 0, "num_requests_waiting": 0, "num_preemptions_total": 0,
              "kv_cache_usage_perc": 0, "prompt_tokens_total": 3 + 3 * 40 + 1,
              "generation_tokens_total": 5 + 8 + 1, "prefix_cache_queries_total": 3 + 3 * 40 + 1,
              "http_errors_total": 2}
    for name, value in wanted.items():
        checks.match(metrics[name], float(value), name)
    checks.check(metrics["prefix_cache_hits_total"] in (32, 64), "hits")
    for reason, count in [("stop", 1), ("length", 4), ("abort", 0), ("error", 0)]:
        name = f"request_success_total{{finished_reason=\"{reason}\"}}"
        checks.match(metrics[name], float(count), name)
    for name, count in [("time_to_first_token", 4), ("inter_token_latency", 10),
                        ("e2e_request_latency", 5)]:
        bounds = [value for key, value in metrics.items() if key.startswith(name + "_seconds_bucket")]
        checks.check(bounds == sorted(bounds) and len(bounds) == 13, f"{name}: {bounds}")
        checks.match([bounds[-1], metrics[name + "_seconds_count"]], [float(count)] * 2, name)
        checks.check(0 < metrics[name + "_seconds_sum"] < 60, name)


def in_parallel(count, run):
    """What so many calls return that run at a time; a text of an error if one fails."""
    results = [None] * count
    def work(i):
        try:
            results[i] = run(i)
        except Exception as error:  # pylint: disable=broad-except
            results[i] = f"{type(error).__name__}: {error}"
    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def check_parallel(checks, program):
    """Texts that are made at a time are those that are made one after the other, also where the
    cache has room for a few of them only."""
    bodies = [{"prompt": [(i * 31 + k * 7) % 290 for k in range(1 + i * 3)], "max_tokens": 64 - i * 3,
               "temperature": i % 3, "seed": i, "ignore_eos": True, "logprobs": i % 4,
               "echo": i % 5 == 0, "n": 1 + i % 2} for i in range(16)]
    alone = None
    for arguments in [[], ["--sequences", "3"], ["--sequences", "16", "--cache-memory", "700"],
                      ["--drafts", "0", "--threads", "1"]]:
        with Server(program, *arguments) as server:
            if not alone:
                alone = [ask(server, body)["choices"] for body in bodies]
            together = in_parallel(16, lambda i: ask(server, bodies[i])["choices"])
            for i, (one, other) in enumerate(zip(alone, together)):
                checks.match(other, one, f"{arguments} text {i}")
            checks.check(wait_for(server.is_idle), "idle")


def check_many_streams(checks, server):
    """30 streams at a time, of which 8 are made at a time, all end."""
    def stream(i):
        body = {"prompt": [i + 33], "max_tokens": 40, "stream": True}
        events = server.post("/v1/completions", body).events()
        assert events.pop() == "[DONE]"
        return [each["choices"][0] for each in events]
    for i, events in enumerate(in_parallel(30, stream)):
        text = "".join(chr(i + 34 + k) for k in range(40))
        if checks.check(isinstance(events, list), events):
            checks.check("".join(event["text"] for event in events)[:90 - i] == text[:90 - i] and
                         events[-1]["finish_reason"] == "length", f"stream {i}: {events}")
    checks.check(wait_for(server.is_idle), "idle")


def check_disconnect(checks, server):
    """A client that goes takes its texts with it, also those that wait."""
    body = {"prompt": [[i] for i in range(128)], "n": 16, "max_tokens": 64, "ignore_eos": True}
    name = 'request_success_total{finished_reason="abort"}'
    for is_stream in [False, True]:
        before = server.metrics()
        with server.connect() as connection:
            connection.sendall(request("POST", "/v1/completions", {**body, "stream": is_stream}))
            checks.check(wait_for(lambda: server.metrics()["num_requests_running"] == 8), "running")
            checks.check(wait_for(lambda: server.metrics()["num_requests_waiting"] > 100), "waiting")
            # There is no room for more, and the answer says when to come back.
            response = server.post("/completion", {"prompt": "a"})
            checks.match([response.status, response.headers.get("retry-after"),
                          response.json()["error"]["type"]], [429, "1", "rate_limit_error"], "room")
        checks.check(wait_for(server.is_idle), "it goes on")
        after = server.metrics()
        checks.check(after[name] - before[name] > 100, "texts were cancelled")
        checks.match(after["kv_cache_usage_perc"], 0.0, "the cache")
        made = after["generation_tokens_total"] - before["generation_tokens_total"]
        checks.check(made < 2048 * 60, f"{made} tokens were made")
        checks.check(wait_for(lambda: server.post("/completion", {"prompt": "a"}).status == 200),
                     "room again")


def check_plain(checks, program):
    """A program without a tokenizer: ids alone."""
    with Server(program) as server:
        checks.match(ask(server, {"prompt": [7], "max_tokens": 3}),
                     completion([choice("8 9 10")], 1, 3), "ids")
        answer = ask(server, {"prompt": [7], "n_predict": 2}, "/completion")
        checks.match(answer["tokens"], [8, 9], "llama.cpp")
        answer = ask(server, {"prompt": [7], "max_tokens": 1, "logprobs": 1, "echo": True})
        checks.match(answer["choices"][0]["logprobs"]["tokens"], ["7", "8"], "logprobs")
        for path, body, field in [("/v1/completions", {"prompt": "a"}, "prompt"),
                                  ("/completion", {}, "prompt"),
                                  ("/tokenize", {"content": "a"}, "content"),
                                  ("/detokenize", {"tokens": [1]}, None),
                                  ("/completion", {"prompt": [1], "language": "x"}, "language"),
                                  ("/completion", {"prompt": [1], "stream": True,
                                                   "show_experts": True}, "show_experts")]:
            response = server.post(path, body)
            checks.match([response.status, response.json()["error"]["param"]], [400, field],
                         f"{path} {body}")
        props = server.ask("GET", "/props").json()
        checks.match([props["experts"], props["fill_in"]], [[], None], "/props")


def main():
    program, plain = sys.argv[1:3]
    checks = Checks(sys.argv[3:])
    with Server(program) as server:
        for name, run in [("texts", check_texts), ("draws", check_draws),
                          ("logprobs", check_logprobs), ("streams", check_streams),
                          ("llama", check_llama), ("cache", check_cache), ("tokens", check_tokens),
                          ("about", check_about), ("page", check_page), ("fill-in", check_fill_in),
                          ("many streams", check_many_streams), ("disconnect", check_disconnect)]:
            checks.group(name, run, server)
        checks.group("quiet", lambda checks: checks.match(server.printed(), "", "printed"))
    checks.group("metrics", check_metrics, program)
    checks.group("parallel", check_parallel, program)
    checks.group("plain", check_plain, plain)
    sys.exit(checks.wrong != 0)


if __name__ == "__main__":
    main()
