# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What tests of a server that is asked for too much share: its endpoints, and what a refusal is."""

import json

COMPLETIONS = ["/v1/completions", "/completion", "/completions", "/infill", "/v1/fim/completions"]
POSTS = [*COMPLETIONS, "/v1/chat/completions", "/tokenize", "/detokenize"]
GETS = ["/", "/health", "/v1/health", "/v1/models", "/models", "/props", "/metrics"]
ABORTED = 'request_success_total{finished_reason="abort"}'
TYPES = {401: "authentication_error", 429: "rate_limit_error", 501: "server_error",
         503: "server_error", 505: "server_error"}
# 128 prompts of 16 texts each: what a server does not end at once.
LONG = {"prompt": [[i] for i in range(128)], "n": 16, "max_tokens": 64, "ignore_eos": True,
        "temperature": 1, "stream": True}


def expect_error(checks, response, status, field, what, says=()):
    """Checks that a response is one error, which says what is wrong with a field if it is of one."""
    what = f"{what}: {response.status} {response.body[:300]}"
    if not checks.check(response.status == status, what + f", not {status}"):
        return
    error = response.json()
    good = (list(error) == ["error"] and
            sorted(error["error"]) == ["code", "message", "param", "type"])
    if not checks.check(good and response.body.endswith(b"}\n"), what + ": its shape"):
        return
    error = error["error"]
    checks.check(error["code"] == status and
                 error["type"] == TYPES.get(status, "invalid_request_error"), what + ": its kind")
    checks.check(error["param"] == field, f"{what}: not '{field}'")
    for part in says:
        checks.check(part in error["message"], f"{what}: does not say '{part}'")
    checks.check(0 < len(error["message"]) < 400, what + ": its length")
    checks.check(response.headers["content-type"] == "application/json; charset=utf-8",
                 what + ": its type")


def refuses(checks, server, path, body, field, status=400, says=()):
    """Checks that a body is refused, and that the server goes on."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    what = f"{path} {text[:100]}"
    expect_error(checks, server.post(path, body), status, field, what, says)
    checks.check(server.is_well(), f"{what}: the server does not answer any more")
