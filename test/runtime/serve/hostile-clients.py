#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Is a client as a server must not have them: hostile-clients.py PROGRAM [GROUP...]

They go, do not read, are slow or many; the server answers others meanwhile and afterwards, within its
bounds of memory.
"""

import resource
import signal
import socket
import struct
import sys
import time

from refusals import ABORTED, LONG
from server import PATIENCE, Checks, Response, Server, request, wait_for


def reset(connection):
    """Ends a connection as a client that crashes does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def check_gone(checks, server):
    """Clients that go in the middle of a stream, of a request, or before they are answered."""
    for body in [LONG, {**LONG, "stream": False}]:
        for end in [reset, socket.socket.close]:
            before = server.metrics()
            connection = server.connect()
            connection.sendall(request("POST", "/v1/completions", body))
            if body["stream"]:
                connection.recv(1000)
            else:
                wait_for(lambda: not server.is_idle(), 2)
            end(connection)
            checks.check(wait_for(server.is_idle), "it goes on for nobody")
            count = server.metrics()[ABORTED] - before[ABORTED]
            checks.check(0 < count <= 2048, f"{count} texts were cancelled")
    data = request("POST", "/completion", {"prompt": "abc", "stream": True})
    for size in range(1, len(data) + 1, 5):
        connection = server.connect()
        connection.sendall(data[:size])
        reset(connection)
    checks.check(server.is_well() and wait_for(server.is_idle), "requests that are cut")


def check_unread(checks, server):
    """Who does not read is not written for, and keeps memory within bounds."""
    page = request("GET", "/")
    connections = [server.connect() for _ in range(4)]
    sent = 0
    for connection in connections:
        connection.settimeout(0.5)
        try:
            while sent < 1 << 26:
                sent += connection.send(page * 400)
            checks.check(False, "all of it is read")
        except TimeoutError:
            pass
    checks.check(server.is_well(), "others are not answered")
    checks.check(server.memory() < 96, f"{server.memory():.0f} MB are in memory")
    # It is answered when it reads.
    with connections[0].makefile("rb") as stream:
        connections[0].settimeout(PATIENCE)
        count = min(2000, sent // len(page) // 8)
        checks.match([Response(stream).status for _ in range(count)], [200] * count, "read later")
    for connection in connections:
        reset(connection)
    with server.connect() as connection:
        connection.sendall(request("POST", "/v1/completions", LONG))
        made = -1
        while made != (made := server.metrics()["generation_tokens_total"]):
            time.sleep(0.1)
        checks.check(not server.is_idle(), "a stream is made that nobody reads")
        checks.check(server.memory() < 96, f"{server.memory():.0f} MB are in memory")
        # It goes on when it is read.
        for _ in range(100):
            connection.recv(1 << 16)
        checks.check(wait_for(lambda: server.metrics()["generation_tokens_total"] > made),
                     "a stream does not go on")
    checks.check(wait_for(server.is_idle), "it goes on for nobody")


def check_slow(checks, server):
    """Clients that send a byte now and then do not keep others waiting."""
    data = [request("POST", "/completion", {"prompt": "abc"}),
            b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50,
            b"POST /completion HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
            b"1\r\na\r\n" * 50]
    slow = [server.connect() for _ in range(300)]
    longest = 0
    for at in range(40):
        for i, connection in enumerate(slow):
            connection.sendall(data[i % 3][at:at + 1])
        start = time.monotonic()
        checks.check(server.is_well(), "health")
        checks.check(server.post("/completion", {"prompt": "abc", "n_predict": 1}).status == 200,
                     "a completion")
        longest = max(longest, time.monotonic() - start)
    checks.check(longest < 5, f"others waited {longest:.1f} s")
    # The first ones are good requests in the end.
    for connection in slow[::3]:
        connection.sendall(data[0][40:])
        with connection.makefile("rb") as stream:
            checks.check(Response(stream).json()["tokens"][0] == 100, "a slow one")
    for connection in slow:
        connection.close()


def check_many(checks, server):
    """1,200 connections: the ones that wait longest go, and whoever asks is answered."""
    idle = [server.connect() for _ in range(600)]
    begun = [server.connect() for _ in range(600)]
    for connection in begun:
        try:
            connection.sendall(b"POST /completion HTTP/1.1\r\n")
        except ConnectionError:
            checks.check(False, "one that began a request goes first")
    checks.check(server.is_well(), "health")
    checks.check(server.post("/completion", {"prompt": "abc"}).status == 200, "a completion")
    def is_open(connection):
        connection.setblocking(False)
        try:
            return connection.recv(1) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
    wait_for(lambda: sum(map(is_open, idle)) <= 400)
    count = sum(map(is_open, idle)), sum(map(is_open, begun))
    # Those that asked meanwhile took places, too.
    checks.check(390 <= count[0] <= 400 and count[1] == 600, f"{count} are open")
    checks.check(not any(map(is_open, idle[:200])), "others go before the oldest")
    for connection in idle + begun:
        connection.close()
    checks.check(server.is_well(), "health")


def check_end(checks, server):
    """Ctrl-C ends it quietly, whatever it does."""
    with server.connect() as connection:
        connection.sendall(request("POST", "/v1/completions", LONG))
        connection.recv(100)
        server.process.send_signal(signal.SIGINT)
        checks.match(server.process.wait(PATIENCE), 130, "its exit code")
    checks.match(server.printed(), "", "printed")


def check_descriptors(checks, program):
    """More connections than the server may have open: a pause, not a loop."""
    with Server(program, files=40) as server:
        connections = [server.connect() for _ in range(100)]
        checks.check(server.is_well(), "health")
        before = server.cpu_seconds()
        time.sleep(0.5)
        used = server.cpu_seconds() - before
        checks.check(used < 0.2, f"{used:.2f} s of a CPU in half a second")
        for connection in connections:
            connection.close()
        checks.check(server.is_well(), "health")
        checks.match(server.printed(), "", "printed")


def check_held(checks, program):
    """Bodies that are never complete, 500 MB of them."""
    with Server(program) as server:
        head = b"POST /completion HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4194304\r\n\r\n"
        part, refused, connections = b" " * 4_194_303, 0, []
        for _ in range(120):
            connection = server.connect()
            connections.append(connection)
            connection.sendall(head + part)
        for connection in connections:
            connection.setblocking(False)
            try:
                refused += connection.recv(12) == b"HTTP/1.1 503"
            except BlockingIOError:
                pass
        checks.check(50 <= refused <= 70, f"{refused} were refused")
        checks.check(server.memory() < 450, f"{server.memory():.0f} MB are in memory")
        checks.check(server.post("/completion", {"prompt": "abc"}).status == 200, "a small one")
        for connection in connections:
            reset(connection)
        checks.check(wait_for(lambda: server.post("/tokenize", b"{}" + b" " * 4_000_000).status
                              == 200), "a large one later")


def main():
    program = sys.argv[1]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    checks = Checks(sys.argv[2:])
    with Server(program) as server:
        for name, run in [("gone", check_gone), ("unread", check_unread), ("slow", check_slow),
                          ("many", check_many), ("end", check_end)]:
            checks.group(name, run, server)
    checks.group("descriptors", check_descriptors, program)
    checks.group("held", check_held, program)
    sys.exit(checks.wrong != 0)


if __name__ == "__main__":
    main()
