# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""curl: bodies in arguments, files and pipes, streams as they come, a connection for several requests,
and encodings."""

import json
import shutil
import subprocess

from client import Client
from server import Server, wait_for

PROMPT = "object Main {\n"


def curl(*arguments, input=None):
    command = ["curl", "--silent", "--show-error", "--max-time", "60", *map(str, arguments)]
    return subprocess.run(command, input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=90)


def events(text):
    """The events of a stream, without [DONE]."""
    lines = [line for line in text.split("\n") if line]
    return [json.loads(line.removeprefix("data: ")) for line in lines if line != "data: [DONE]"]


def bodies(client, url, body, text):
    file = client.work / "body.json"
    file.write_text(json.dumps(body))
    for what, arguments, input in (
            ("-d BODY", ["-d", json.dumps(body)], None),
            ("--data-binary @FILE", ["--data-binary", f"@{file}"], None),
            ("--data-binary @-", ["--data-binary", "@-"], file.read_bytes()),
            ("--json BODY", ["--json", json.dumps(body)], None),
            ("-T FILE -X POST, in chunks",
             ["-X", "POST", "-H", "Transfer-Encoding: chunked", "-T", file], None),
            ("--http1.0", ["--http1.0", "-d", json.dumps(body)], None),
            ("Expect: 100-continue", ["-H", "Expect: 100-continue", "-d", json.dumps(body)], None)):
        answer = json.loads(curl(*arguments, url, input=input).stdout)
        client.equal(answer["choices"][0]["text"], text, what)
        client.equal(answer["usage"]["completion_tokens"], 20, f"usage of {what}")
    # Blanks, and bytes as they are: -d would leave out the ends of lines.
    prompt = "let \N{GREEK SMALL LETTER LAMDA} = \r\n\t\N{PILE OF POO} in\n"
    file.write_text(json.dumps({**body, "prompt": prompt, "echo": True}, ensure_ascii=False, indent=1))
    answer = json.loads(curl("--data-binary", f"@{file}", url).stdout)
    client.check(answer["choices"][0]["text"].startswith(prompt), "a file of UTF-8, in many lines",
                 answer["choices"][0]["text"])


def encodings(client, url, body, text):
    done = curl("-i", "-H", "Accept-Encoding: gzip", "-d", json.dumps(body), url)
    head, _, answer = done.stdout.partition(b"\r\n\r\n")
    client.check(b"content-encoding" not in head.lower() and
                 json.loads(answer)["choices"][0]["text"] == text,
                 "Accept-Encoding: gzip is answered as it is", head.decode().splitlines()[0])
    done = curl("--compressed", "-d", json.dumps(body), url)
    client.equal(json.loads(done.stdout)["choices"][0]["text"], text, "--compressed")
    packed = curl("-w", "%{stderr}%{http_code}", "-H", "Content-Encoding: gzip", "--data-binary",
                  json.dumps(body), url)
    client.check(packed.stderr == b"415" and b"gzip" in packed.stdout,
                 "a body that says it is gzip is refused", packed.stdout.decode())


def streams(client, url, body, text):
    done = curl("--no-buffer", "-i", "-d", json.dumps({**body, "stream": True}), url)
    head, _, answer = done.stdout.decode().partition("\r\n\r\n")
    client.check("Content-Type: text/event-stream" in head and "Transfer-Encoding: chunked" in head,
                 "the head of a stream", head.splitlines()[0])
    client.check(answer.endswith("data: [DONE]\n\n"), "the end of a stream", answer[-30:])
    told = events(answer)
    client.equal("".join(event["choices"][0]["text"] for event in told), text,
                 "the text of a stream")
    old = curl("--http1.0", "-i", "-d", json.dumps({**body, "stream": True}), url).stdout.decode()
    client.check("chunked" not in old and old.endswith("data: [DONE]\n\n"), "a stream by HTTP/1.0",
                 old.splitlines()[0])
    lines = []
    with subprocess.Popen(["curl", "--silent", "--no-buffer", "-d",
                           json.dumps({**body, "max_tokens": 400, "ignore_eos": True,
                                       "stream": True}), url], stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            if not line.strip():
                continue
            lines.append(line)
            if len(lines) == 3:
                client.check(process.poll() is None, "events come while others are made", lines[0])
        client.equal(len(lines), 402, "400 tokens: as many events, the end of the text, [DONE]")


def connections(client, url, body, text):
    arguments = ["-v", "-w", "%{num_connects}\n"]
    for i in range(3):
        arguments += ["-o", client.work / f"answer{i}", "-d", json.dumps(body), url]
        arguments += ["--next", "--silent", "-w", "%{num_connects}\n"] if i < 2 else []
    done = curl(*arguments)
    client.equal(done.stdout.decode().split(), ["1", "0", "0"], "three requests by one connection")
    client.equal([json.loads((client.work / f"answer{i}").read_text())["choices"][0]["text"]
                  for i in range(3)], [text] * 3, "their answers")
    stream = json.dumps({**body, "stream": True})
    done = curl("-w", "%{num_connects}\n", "-o", client.work / "answer0", "-d", stream, url, "--next",
                "--silent", "-w", "%{num_connects}\n", "-o", client.work / "answer1",
                "-d", json.dumps(body), url)
    client.equal(done.stdout.decode().split(), ["1", "0"], "a request behind a stream")
    done = curl("-i", "-H", "Connection: close", "-d", json.dumps(body), url).stdout.decode()
    client.check("Connection: close" in done, "Connection: close", done.splitlines()[0])


def refusals(client, url):
    for what, arguments, status, word in (
            ("no JSON", ["-d", "prompt=a"], "400", "JSON"),
            ("n=0", ["-d", '{"prompt": "a", "n": 0}'], "400", "'n' is 0"),
            ("GET", ["-G"], "405", "POST"),
            ("--fail-with-body", ["--fail-with-body", "-d", '{"stop": 5}'], "400", "'stop'"),
            ("another Host", ["-H", "Host: example.com", "-d", "{}"], "403", "example.com")):
        done = curl("-w", "%{stderr}%{http_code}", *arguments, url)
        error = json.loads(done.stdout)["error"]
        client.check(done.stderr.decode().endswith(status) and word in error["message"], what,
                     f"{status}: {error['message']}")
    client.equal(curl("--fail", "-d", "{}x", url).returncode, 22, "--fail ends curl with 22")


def interrupted(client):
    with Server(client.program) as server:
        process = subprocess.Popen(
            ["curl", "--silent", "--no-buffer", "-d", '{"prompt": "a", "n_predict": 900, '
             '"ignore_eos": true, "stream": true}', f"http://127.0.0.1:{server.port}/completion"],
            stdout=subprocess.PIPE)
        process.stdout.readline()
        process.terminate()
        process.wait()
        process.stdout.close()
        aborted = 'request_success_total{finished_reason="abort"}'
        client.check(wait_for(lambda: server.metrics()[aborted] == 1 and server.is_idle()),
                     "curl that is stopped cancels its text", "aborted")


def checks(client):
    url = client.url + "/v1/completions"
    text = client.generate(PROMPT, 20)
    body = {"prompt": PROMPT, "max_tokens": 20, "temperature": 0}
    bodies(client, url, body, text)
    encodings(client, url, body, text)
    streams(client, url, body, text)
    connections(client, url, body, text)
    refusals(client, url)
    interrupted(client)


if __name__ == "__main__":
    if not shutil.which("curl"):
        raise SystemExit("curl is missing: install Debian's package curl")
    Client(curl("--version").stdout.decode().partition(" (")[0]).run(checks)
