#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Asks a program's server what it must not do: hostile.py PROGRAM [GROUP...]

Each request has to get one JSON error of the right status that names the field, or nothing but its
own end; the server answers others meanwhile and afterwards, within its bounds of memory.
"""

import socket
import sys

from refusals import ABORTED, COMPLETIONS, GETS, LONG, POSTS, expect_error, refuses
from server import Checks, Response, Server, request, wait_for


def check_bodies(checks, server):
    """What is no JSON object of the right sort, everywhere."""
    for path in POSTS:
        for body in [b"{", b"{]", b"{\"prompt\": NaN}", b"{\"prompt\": 1e999}", b"a=b",
                     b"{\"prompt\": \"\xff\"}", b"{\"prompt\": \"\xc3(\"}", b"{\"\xed\xa0\x80\": 1}",
                     b"{\"prompt\": \"\\ud800\"}", b"{} {}", b"{\"prompt\": \"a\"}\0{"]:
            refuses(checks, server, path, body, None, says=["JSON in UTF-8"])
        expect_error(checks, server.post(path, b""), 400, None, path, ["JSON"])
        for depth in [33, 100_000]:
            refuses(checks, server, path, b"{\"prompt\": " + b"[" * (depth - 1) + b"]" *
                    (depth - 1) + b"}", None, says=["nested more than 32 deep"])
        refuses(checks, server, path, b"{\"a\":" * 100_000, None, says=["nested more than 32 deep"])
        for body, kind in [([1], "array"), ("text", "string"), (7, "number"), (None, "null")]:
            refuses(checks, server, path, body, None, says=[f"JSON {kind}", "an object"])


def check_sampling(checks, server):
    """Numbers out of their ranges, other types, what is not supported."""
    huge = 10 ** 400
    cases = [("temperature", [-0.1, 100.1, "hot", True, [1], 1e308, huge]),
             ("top_p", [-0.1, 1.1, "x", {}]),
             ("top_k", [-2, 1.5, 1e308, 1 << 31, "x"]),
             ("min_p", [-1, 2, "x"]),
             ("repetition_penalty", [0, -1, 101, "x"]),
             ("repeat_penalty", [0, 101, []]),
             ("presence_penalty", [-2.1, 2.1, "x"]),
             ("frequency_penalty", [-2.1, 2.1, False]),
             ("min_tokens", [-1, 65, 0.5, "x"]),
             ("ignore_eos", [1, 0, "true", [], {}]),
             ("seed", [-2, 1e308, 1e17, "x", True]),
             ("logit_bias", [5, "x", True, {"300": 1}, {"-1": 1}, {"x": 1}, {"1": 1001},
                             {"1": "x"}, {"1": None}, {"1": True}, {"1.5": 1}, [5], [[1]],
                             [[1, 2, 3]], [[300, 1]], [["1", 1]], [[1, "x"]], [[1.5, 1]],
                             [[1, 1]] * 1025, {str(i): 1 for i in range(1025)}]),
             ("stop", [5, True, {}, [5], [["a"]], [None], ["a"] * 17, ["a"] * 10_000, "a" * 257,
                       ["b", "a" * 257], "a" * 1_000_000]),
             ("language", [5, [], "perl", "\x1b[2J", "haskell\0"]),
             ("file_name", [5, ["a"]]),
             ("stream", [1, 0, "true", []]),
             ("show_experts", [1, "x", True]),
             ("grammar", ["root ::= \"a\"", 1]),
             ("json_schema", [{"type": "object"}]),
             ("tools", [[{}]]),
             ("mirostat", [1, 2]),
             ("response_format", [{"type": "json_object"}, {"type": 5}, "json_object", 5, [], True])]
    for path in COMPLETIONS:
        tokens = "max_tokens" if path.startswith("/v1") else "n_predict"
        prompt = "input_prefix" if path == "/infill" else "prompt"
        more = [(tokens, [-2, 1e308, -1e308, 1.5, 1 << 31, 10 ** 30, "x", True, [5]])]
        if path == "/v1/completions":
            more += [("n", [0, -1, 17, 10 ** 9, 1e308, 1.5, "2", True]), ("best_of", [0, 2, 17]),
                     ("logprobs", [-1, 21, 1.5, True, "5"]), ("echo", [1, "x"]),
                     ("stream_options", [5, "x", [], True, {"include_usage": 1}]),
                     ("suffix", [5, ["a"]])]
        elif not path.startswith("/v1"):
            more += [("response_fields", [5, [5], [["a"]], ["a"] * 65, "a" * 129]),
                     ("t_max_predict_ms", [-1, 1e10, "x"])]
        if path == "/infill":
            more += [("input_suffix", [5, ["a"]]), ("input_prefix", [5, {}]), ("prompt", [5]),
                     ("input_extra", [5, "x", {}, [5], ["x"], [{"text": 5}], [{"filename": []}],
                                      [{}] * 1025])]
        if path == "/v1/fim/completions":
            more += [("suffix", [5, ["a"]])]
        for field, values in cases + more:
            # Of a model that cannot fill in, these are not looked at.
            if field in ("language", "file_name") and path in ("/infill", "/v1/fim/completions"):
                continue
            for value in values:
                body = {prompt: "a", tokens: 1, field: value}
                # Of a number that is too large for JSON, no field can be said.
                name = None if value is huge else field
                refuses(checks, server, path, body, name, says=[field] if name else [])
    refuses(checks, server, "/v1/completions", {"prompt": "a", "echo": True, "stream": True}, "echo")
    # Bounds are part of what is taken.
    for body in [{"max_tokens": -1}, {"n": 16, "max_tokens": 0}, {"stop": ["x" * 256] * 16},
                 {"logit_bias": [[1, -1000]] * 1024}, {"seed": -1}, {"seed": 2 ** 53},
                 {"logprobs": 20}, {"temperature": 100, "top_p": 0, "top_k": -1}, {"stop": None}]:
        response = server.post("/v1/completions", {"prompt": "a", **body})
        checks.check(response.status == 200, f"{body}: {response.status} {response.body[:200]}")


def check_prompts(checks, server):
    """Prompts that are none, do not fit, or have ids that there are not."""
    for path in ["/v1/completions", "/completion", "/completions"]:
        for prompt in [5, True, {}, [], [[]], [{}], [None], [True], [["a"]], [1, "a"], ["a", 1],
                       [[1], 1], [-1], [300], [1.5], [1e308], [10 ** 30], [[0, 300]], ["a"] * 129,
                       [[1, [2]]], ["a", []]]:
            refuses(checks, server, path, {"prompt": prompt}, "prompt", says=["'prompt'"])
        for prompt in ["a" * 65, [1] * 65, ["a", "a" * 65], [[1], [1] * 65]]:
            refuses(checks, server, path, {"prompt": prompt}, "prompt",
                    says=["65 tokens", "room for 64"])
        refuses(checks, server, path, {"prompt": "a" * 4_000_000}, "prompt",
                says=["4000000 tokens", "room for 64"])
        # The tokenizer of these tests has a pattern that goes back over a text without end.
        refuses(checks, server, path, {"prompt": "ab" * 30}, "prompt", says=["too often"])
        checks.check(server.post(path, {"prompt": [5] * 64}).status == 200, f"{path}: 64 tokens")
    for content in [5, True, {}, ["a"]]:
        refuses(checks, server, "/tokenize", {"content": content}, "content")
    refuses(checks, server, "/tokenize", {"content": "ab" * 30}, "content", says=["too often"])
    for field in ["add_special", "parse_special", "with_pieces"]:
        refuses(checks, server, "/tokenize", {"content": "a", field: 1}, field)
    for tokens in [5, "a", {}, ["a"], [[1]], [None], [-1], [300], [1.5], [1e308], [2 ** 32]]:
        refuses(checks, server, "/detokenize", {"tokens": tokens}, "tokens")
    for prompt in [5, ["a"], {}]:
        refuses(checks, server, "/v1/fim/completions", {"prompt": prompt, "suffix": ""}, "prompt")


def check_special_tokens(checks, server):
    """Texts of special tokens are such tokens where a client says so, else text."""
    def tokens(**body):
        return server.post("/tokenize", body).json()["tokens"]
    text = [60, 115, 116, 111, 112, 62]
    checks.match(tokens(content="a<stop>"), [97, 299], "parsed")
    checks.match(tokens(content="a<stop>", parse_special=False), [97, *text], "as text")
    checks.match(tokens(content="a<stop"), [97, *text[:-1]], "a part")
    usage = server.post("/v1/completions", {"prompt": "a<stop>b<stop>"}).json()["usage"]
    checks.match(usage["prompt_tokens"], 4, "in a prompt")
    # The one that ends a text is not written.
    body = {"prompt": "a", "max_tokens": 5, "stop": "<stop>", "logit_bias": {"299": 100}}
    choice = server.post("/v1/completions", body).json()["choices"][0]
    checks.match([choice["text"], choice["finish_reason"]], ["", "stop"], "at once")
    text = server.post("/detokenize", {"tokens": [97, 299, 98]}).json()
    checks.match(text, {"content": "ab"}, "back to text")


def check_http(checks, server):
    """What is no request, or one of a kind that this server does not know."""
    host = b"Host: localhost\r\n"
    get, post = b"GET /health HTTP/1.1\r\n" + host, b"POST /completion HTTP/1.1\r\n" + host
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
    cases = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "request line"),
        (b"GET /health\r\n\r\n", 400, "request line"),
        (b"G\x01T /health HTTP/1.1\r\n\r\n", 400, "method"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"),
        (b"GET / HTTP/3\r\n" + host + b"\r\n", 505, "version"),
        (b"GET http://localhost/health HTTP/1.1\r\n" + host + b"\r\n", 400, "begin with '/'"),
        (b"OPTIONS * HTTP/1.1\r\n" + host + b"\r\n", 400, "begin with '/'"),
        (b"CONNECT localhost:80 HTTP/1.1\r\n" + host + b"\r\n", 400, "begin with '/'"),
        (b"GET /\x01 HTTP/1.1\r\n" + host + b"\r\n", 400, "target"),
        (b"GET /\x1b[2J HTTP/1.1\r\n" + host + b"\r\n", 400, "target"),
        (b"GET /\x7f HTTP/1.1\r\n" + host + b"\r\n", 400, "target"),
        (b"GET /\xc3\xa9 HTTP/1.1\r\n" + host + b"\r\n", 400, "target"),
        (b"GET /a b HTTP/1.1\r\n" + host + b"\r\n", 400, "target"),
        (b"GET /health HTTP/1.1\r\n\r\n", 400, "no Host"),
        (get + host + b"\r\n", 400, "two Host"),
        (get + b" folded: line\r\n\r\n", 400, "'Name: value'"),
        (get + b"Name : value\r\n\r\n", 400, "'Name: value'"),
        (get + b"Name: \0\r\n\r\n", 400, "control character"),
        (get + b"A: b\r\n" * 100 + b"\r\n", 431, "100 headers"),
        (get + b"A: " + b"a" * 20_000 + b"\r\n\r\n", 431, "16 KiB"),
        (post + b"Content-Length: -1\r\n\r\n", 400, "not a length"),
        (post + b"Content-Length: 1e3\r\n\r\n", 400, "not a length"),
        (post + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}", 400, "two Content-Length"),
        (post + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400, "beside chunks"),
        (post + b"Content-Length: 4194305\r\n\r\n", 413, "4194305 bytes, at most 4194304"),
        (post + b"Content-Length: 99999999999999999999\r\n\r\n", 413, "at most 4194304"),
        (post + b"Content-Length: 9\r\nExpect: magic\r\n\r\n", 417, "100-continue"),
        (post + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", 415, "gzip"),
        (post + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "gzip, chunked"),
        (chunked + b"-2\r\nab\r\n0\r\n\r\n", 400, "hexadecimal"),
        (chunked + b"0x2\r\nab\r\n0\r\n\r\n", 400, "hexadecimal"),
        (chunked + b"fffffffffffffffe\r\n", 400, "hexadecimal"),
        (chunked + b"fffffffe\r\n", 413, "4194304"),
        (chunked + b"2\r\nabc\r\n0\r\n\r\n", 400, "longer than it says"),
        (chunked + b"2\nab\r\n0\r\n\r\n", 400, "CR LF"),
        (chunked + b"1;" + b"a" * 20_000, 431, "16 KiB"),
    ]
    for data, status, says in cases:
        with server.connect() as connection:
            connection.sendall(data)
            with connection.makefile("rb") as stream:
                response = Response(stream)
                expect_error(checks, response, status, None, data[:100], [says])
                checks.check(response.headers["connection"] == "close" and stream.read() == b"",
                             f"{data[:100]}: the connection goes on")
        checks.check(server.is_well(), f"{data[:100]}: the server does not answer any more")


def check_methods(checks, server):
    """Paths and methods that there are not, and those that ask for less."""
    for path in ["/nothing", "/v1", "/health/", "//health", "/../health", "/healthz", "/completion/",
                 "/%68ealth", "/HEALTH", "/a%00b", "/#", "/" + "a" * 10_000]:
        for method in ["GET", "POST", "BREW"]:
            response = server.ask(method, path)
            expect_error(checks, response, 404, None, f"{method} {path[:50]}", [path[:100]])
    for paths, right in [(GETS, "GET"), (POSTS, "POST")]:
        for path in paths:
            for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "BREW"]:
                if method != right:
                    response = server.ask(method, path)
                    expect_error(checks, response, 405, None, f"{method} {path}", [right, method])
                    checks.match(response.headers.get("allow"),
                                 "GET, HEAD" if right == "GET" else "POST", f"{method} {path}")
    for path in GETS:
        whole, head = server.ask("GET", path), server.ask("HEAD", path)
        checks.check(whole.status == head.status == 200 and not head.body, f"HEAD {path}")
        if path != "/metrics":
            checks.match(head.headers, whole.headers, f"HEAD {path}")
    for path, status in [("/nothing", 404), ("/completion", 405)]:
        head = server.ask("HEAD", path)
        checks.check(head.status == status and int(head.headers["content-length"]) > 0,
                     f"HEAD {path}: {head.status}")
    # Nothing comes behind the head: the next response does.
    data = request("HEAD", "/nothing") + request("GET", "/health")
    with server.connect() as connection:
        connection.sendall(data)
        with connection.makefile("rb") as stream:
            Response(stream, has_body=False)
            checks.check(Response(stream).json() == {"status": "ok"}, "behind a HEAD")


def check_versions(checks, server):
    """HTTP/1.0: no chunks, and the end of the connection is the end."""
    body = {"prompt": "abc", "max_tokens": 3, "stream": True}
    for path, headers in [("/health", ()), ("/", ())]:
        with server.connect() as connection:
            connection.sendall(request("GET", path, headers=headers, version="HTTP/1.0"))
            with connection.makefile("rb") as stream:
                response = Response(stream)
                checks.check(response.status == 200 and stream.read() == b"" and
                             response.headers["connection"] == "close", f"HTTP/1.0 {path}")
    data = request("GET", "/health", headers=["Connection: keep-alive"], version="HTTP/1.0")
    for response in server.send(data + data, count=2):
        checks.check(response.headers["connection"] == "keep-alive", "HTTP/1.0 that goes on")
    old = server.send(request("POST", "/v1/completions", body, ["Connection: keep-alive"],
                              "HTTP/1.0"))
    new = server.post("/v1/completions", body)
    checks.check("transfer-encoding" not in old.headers and old.headers["connection"] == "close",
                 f"a stream of HTTP/1.0: {old.headers}")
    checks.check(new.headers["transfer-encoding"] == "chunked", f"a stream: {new.headers}")
    texts = [[event["choices"][0]["text"] for event in response.events()[:-1]]
             for response in [old, new]]
    checks.match(texts, [["d", "e", "f", ""]] * 2, "streams")
    # No Host, a Host that is empty, and 100 Continue, which is only said to who understands it.
    checks.check(server.send(b"GET /health HTTP/1.0\r\n\r\n").status == 200, "no Host")
    checks.check(server.ask("GET", "/health", headers=["Host:"]).status == 200, "an empty Host")
    for version, first in [("HTTP/1.1", b"HTTP/1.1 100 Continue\r\n"), ("HTTP/1.0", b"")]:
        body = b'{"content": "a"}'
        with server.connect() as connection:
            connection.sendall(
                request("POST", "/tokenize", headers=["Expect: 100-continue",
                                                      f"Content-Length: {len(body)}"],
                        version=version))
            with connection.makefile("rb") as stream:
                if first:
                    checks.check(stream.readline() == first and stream.readline() == b"\r\n", version)
                connection.sendall(body)
                checks.match(Response(stream).json(), {"tokens": [97]}, version)


def check_pipelining(checks, server):
    """Requests that are sent ahead are answered in their order, in whatever pieces they come."""
    bodies = [{"prompt": [i], "max_tokens": 2, "stream": i % 3 == 0} for i in range(60, 90)]
    data = b"".join(request("POST", "/completion", body) + b"\r\n" + request("GET", "/health")
                    for body in bodies)
    for piece in [len(data), 7]:
        with server.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(data), piece):
                connection.sendall(data[at:at + piece])
            with connection.makefile("rb") as stream:
                for body in bodies:
                    response = Response(stream)
                    first = response.events()[0] if body["stream"] else response.json()
                    checks.match(first["tokens"][0], body["prompt"][0] + 1, "its turn")
                    checks.check(Response(stream).json() == {"status": "ok"}, "its turn")
    # Good ones before a bad one are answered, none behind it.
    health = request("GET", "/health")
    with server.connect() as connection:
        connection.sendall(health * 2 + b"bad\r\n\r\n" + health)
        with connection.makefile("rb") as stream:
            checks.match([Response(stream).status for _ in range(3)], [200, 200, 400], "behind")
            checks.check(stream.read() == b"", "behind a bad one")
    # A client that says nothing more still reads what it asked for.
    for version in ["HTTP/1.0", "HTTP/1.1"]:
        with server.connect() as connection:
            connection.sendall(request("GET", "/", version=version) * (1 + (version > "HTTP/1.0")))
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as stream:
                for _ in range(1 + (version > "HTTP/1.0")):
                    checks.check(Response(stream).body.endswith(b"</script>\n"), "half closed")
                checks.check(stream.read() == b"", "half closed")
    # What is sent ahead is not kept without end.
    before = server.metrics()[ABORTED]
    with server.connect() as connection:
        connection.sendall(request("POST", "/v1/completions", {**LONG, "stream": False}))
        checks.check(wait_for(lambda: not server.is_idle()), "it is asked")
        try:
            connection.sendall(b"A" * 40_000)
            checks.check(connection.recv(1) == b"", "it is kept")
        except ConnectionError:
            pass
    checks.check(wait_for(server.is_idle), "what was asked first goes on")
    checks.check(server.metrics()[ABORTED] > before, "what was asked first is made")


def check_large(checks, server):
    """Bodies and heads without end get their answer, though the client still sends."""
    def refused(data, more, count, status):
        with server.connect() as connection:
            connection.sendall(data)
            for _ in range(count):
                connection.sendall(more)
            with connection.makefile("rb") as stream:
                checks.check(Response(stream).status == status, f"{data[:200]}: not {status}")
        checks.check(server.is_well(), f"{data[:100]}: the server does not answer any more")
    host = b" HTTP/1.1\r\nHost: localhost\r\n"
    chunked = host + b"Transfer-Encoding: chunked\r\n\r\n"
    megabyte = b"a" * (1 << 20)
    for path in POSTS:
        post = b"POST " + path.encode()
        refused(post + host + b"Content-Length: 67108864\r\n\r\n", megabyte, 64, 413)
    chunk = b"100000\r\n" + megabyte + b"\r\n"
    refused(post + chunked, chunk, 64, 413)
    refused(b"GET /" + host, b"A: b\r\n" * 10_000, 20, 431)
    refused(b"GET /" + host + b"A: ", megabyte, 2, 431)
    refused(b"GET /", megabyte, 2, 431)
    refused(post + chunked + b"1;", megabyte, 2, 431)
    refused(post + chunked + b"0\r\n", b"A: b\r\n" * 10_000, 20, 431)
    checks.check(server.memory() < 96, f"{server.memory():.0f} MB are in memory")


def main():
    checks = Checks(sys.argv[2:])
    with Server(sys.argv[1]) as server:
        for name, run in [("bodies", check_bodies), ("sampling", check_sampling),
                          ("prompts", check_prompts), ("special tokens", check_special_tokens),
                          ("requests", check_http), ("methods", check_methods),
                          ("versions", check_versions), ("pipelining", check_pipelining),
                          ("large", check_large)]:
            checks.group(name, run, server)
    sys.exit(checks.wrong != 0)


if __name__ == "__main__":
    main()
