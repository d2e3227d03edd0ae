# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A program's server under test, what is asked of it, and how checks are counted.

Responses are read as they are sent, byte by byte where it matters. Needs Python alone.
"""

import ctypes
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
PATIENCE = 20  # seconds until whatever is waited for is a fault


class Response:
    """A response, read from a stream of bytes."""

    def __init__(self, stream, has_body=True):
        line = stream.readline()
        found = re.fullmatch(rb"HTTP/1\.1 (\d{3}) ([ -~]+)\r\n", line)
        if not found:
            raise ConnectionError(f"{line!r} begins no response")
        self.status, self.reason = int(found[1]), found[2].decode()
        self.headers = {}
        while (line := stream.readline()) != b"\r\n":
            name, colon, value = line.decode().partition(":")
            if not colon or not line.endswith(b"\r\n") or name.lower() in self.headers:
                raise ConnectionError(f"{line!r} is no header")
            self.headers[name.lower()] = value.strip()
        self.chunks = []
        if not has_body:
            self.body = b""
        elif self.headers.get("transfer-encoding") == "chunked":
            while size := int(stream.readline(), 16):
                self.chunks.append(stream.read(size))
                assert len(self.chunks[-1]) == size and stream.read(2) == b"\r\n"
            assert stream.read(2) == b"\r\n"
            self.body = b"".join(self.chunks)
        elif "content-length" in self.headers:
            size = int(self.headers["content-length"])
            self.body = stream.read(size)
            assert len(self.body) == size
        else:
            self.body = stream.read()

    def json(self):
        """The body, which has to be JSON in UTF-8."""
        return json.loads(self.body.decode())

    def events(self):
        """The events of a stream; [DONE] is text."""
        parts = self.body.decode().split("\n\n")
        assert parts.pop() == "" and all(part.startswith("data: ") for part in parts)
        return [part[6:] if part[6:] == "[DONE]" else json.loads(part[6:]) for part in parts]


def request(method, path, body=b"", headers=(), version="HTTP/1.1"):
    """The bytes of a request; a Host that is given takes the place of the right one."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} {version}"]
    if not any(header.lower().startswith("host:") for header in headers):
        lines.append("Host: localhost")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


class Server:
    """`PROGRAM serve` at a port that is free, until the block ends."""

    def __init__(self, program, *arguments, files=None):
        def limit():
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it does not outlive a test that is killed
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        # Where a sanitizer is in it, what it keeps of memory that was freed is not the server's.
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
        self.process = subprocess.Popen(
            [program, "serve", "--port", "0", *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=limit,
            env={**os.environ, "ASAN_OPTIONS": options})
        self.port = None
        for line in self.process.stderr:
            if found := re.fullmatch(rb"listening at http://127\.0\.0\.1:(\d+)\n", line):
                self.port = int(found[1])
                break
        if not self.port:
            raise ConnectionError(f"{program} does not serve")
        os.set_blocking(self.process.stderr.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def printed(self):
        """What it has printed since."""
        return (self.process.stderr.read() or b"").decode()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def send(self, data, has_body=True, count=None):
        """Sends bytes over a connection of their own; one response, or so many."""
        with self.connect() as connection:
            connection.sendall(data)
            with connection.makefile("rb") as stream:
                all = [Response(stream, has_body) for _ in range(count or 1)]
        return all if count else all[0]

    def ask(self, method, path, body=b"", headers=()):
        return self.send(request(method, path, body, headers), has_body=method != "HEAD")

    def post(self, path, body):
        return self.ask("POST", path, body)

    def metrics(self, headers=()):
        """Values by their names, labels being a part of the name."""
        text = self.ask("GET", "/metrics", headers=headers).body.decode()
        pairs = [line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#"]
        return {name.removeprefix("fpmoe:"): float(value) for name, value in pairs}

    def is_idle(self):
        metrics = self.metrics()
        return metrics["num_requests_running"] == metrics["num_requests_waiting"] == 0

    def is_well(self):
        """Whether it runs, and answers."""
        if self.process.poll() is not None:
            return False
        answer = self.ask("GET", "/health")
        return answer.status == 200 and answer.json() == {"status": "ok"}

    def memory(self):
        """Megabytes that it has in memory."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) / 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(condition, seconds=PATIENCE):
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def differs(value, wanted):
    """Where a value is not what is wanted: a value, a type, a test, or these in lists and dicts.
    "" if it is."""
    if isinstance(wanted, type):
        good = type(value) is wanted
    elif callable(wanted):
        good = wanted(value)
    elif isinstance(wanted, dict):
        if not isinstance(value, dict) or value.keys() != wanted.keys():
            return f" is {value!r}, not {wanted!r}"
        where = [(key, differs(value[key], wanted[key])) for key in wanted]
        return next((f".{key}{what}" for key, what in where if what), "")
    elif isinstance(wanted, list):
        if not isinstance(value, list) or len(value) != len(wanted):
            return f" is {value!r}, not {wanted!r}"
        where = [(i, differs(value[i], wanted[i])) for i in range(len(wanted))]
        return next((f"[{i}]{what}" for i, what in where if what), "")
    else:
        good = type(value) is type(wanted) and value == wanted
    return "" if good else f" is {value!r}, not {wanted!r}"


class Checks:
    """Counts what is as it should be, and prints what is not: the first ten of a group."""

    def __init__(self, groups):
        self.groups = groups  # that are run; if there are none, all
        self.done = self.wrong = self.shown = 0

    def check(self, condition, what):
        self.done += 1
        if not condition:
            self.wrong += 1
            self.shown += 1
            if self.shown <= 10:
                print(f"FAIL {what}"[:2000].encode("ascii", "backslashreplace").decode(), flush=True)
        return condition

    def match(self, value, wanted, what):
        where = differs(value, wanted)
        return self.check(not where, f"{what}: it{where}")

    def group(self, name, run, *arguments):
        """Runs the checks of one kind, and prints how many there were."""
        if self.groups and name not in self.groups:
            return
        before, wrong, self.shown = self.done, self.wrong, 0
        start = time.monotonic()
        try:
            run(self, *arguments)
        except (OSError, AssertionError, ValueError, LookupError, TypeError,
                subprocess.SubprocessError) as error:
            self.check(False, f"{name}: {type(error).__name__}: {error}")
        done, wrong = self.done - before, self.wrong - wrong
        print(f"{name}: {done - wrong} of {done} as they should be" if wrong else
              f"{name}: all {done} as they should be",
              f"({time.monotonic() - start:.1f} s)", flush=True)
