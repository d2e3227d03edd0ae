#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Asks a program's server as who must not be answered, and starts it as it must not be started:
access.py PROGRAM FOLDER [GROUP...]. FOLDER is for files of keys.
"""

import os
import pathlib
import subprocess
import sys

from refusals import GETS, POSTS, expect_error
from server import PATIENCE, Checks, Server


def check_sites(checks, server):
    """Pages of other sites, by whatever name they call this machine."""
    here = f"localhost:{server.port}"
    def ask(path, *headers):
        return server.ask("GET" if path in GETS else "POST", path,
                          b"" if path in GETS else {"prompt": "a", "n_predict": 1}, headers)
    for path in GETS + POSTS + ["/nothing"]:
        for host in ["evil.example", "evil.example:80", f"evil.example:{server.port}", "127.0.0.2",
                     "localhost.evil.example", "127.0.0.1.evil.example", "[::2]", "evil@localhost",
                     "localhost@evil.example", "0.0.0.0"]:
            expect_error(checks, ask(path, f"Host: {host}"), 403, None, f"{path} Host {host}", [host])
        for origin in ["http://evil.example", "https://evil.example:443", "http://localhost",
                       f"http://127.0.0.1:{server.port}", f"http://{here}.evil.example", "file://",
                       "evil.example", "null", ""]:
            expect_error(checks, ask(path, f"Host: {here}", f"Origin: {origin}"), 403, None,
                         f"{path} Origin {origin}", [f"'{origin}'"])
        for response in [ask(path, f"Host: {here}", f"Origin: http://{here}"), ask(path, "Host: [::1]"),
                         ask(path, f"Host: 127.0.0.1:{server.port}"),
                         ask(path, f"Host: LocalHost:{server.port}", f"Origin: http://{here}")]:
            checks.check(response.status != 403, f"{path}: refused itself")
            checks.check(not any(name.startswith("access-control") for name in response.headers),
                         f"{path}: other sites may read it")
    # Of two, no first one hides the other.
    checks.check(ask("/health", "Host: localhost", "Host: evil.example").status == 400, "two hosts")
    checks.check(server.is_well(), "health")


def check_start(checks, program, folder, port):
    """What keeps a server from starting: one line, and the right exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = {name: folder / name for name in ["good", "empty", "blank", "two", "control"]}
    for name, content in [("good", "key\n"), ("empty", ""), ("blank", "\r\n  \n\n"),
                          ("two", "one two\n"), ("control", "a\x1b[2J\n")]:
        keys[name].write_text(content)
    size = "--cache-memory is '{}', it has to be a size such as 500M or 2G"
    cases = [
        (["--port", str(port)], 1,
         f"cannot listen at 127.0.0.1 port {port}: Address already in use"),
        (["--host", "localhost", "--port", str(port)], 1, f"cannot listen at localhost port {port}: "
         "Address already in use"),
        (["--host", "192.0.2.1", "--api-key-file", keys["good"]], 1,
         "cannot listen at 192.0.2.1 port 0: Cannot assign requested address"),
        *[(["--host", host, *more], 2, f"--host is '{host}', it has to be an address of this machine "
           "such as 127.0.0.1 or 0.0.0.0")
          for host in ["nonsense", "example.org", "127.0.0.1:80", "1.2.3", ""]
          for more in [[], ["--api-key-file", keys["good"]]]],
        (["--host", "0.0.0.0"], 2,
         "--host 0.0.0.0 lets other machines connect, which needs --api-key-file"),
        (["--host", "::"], 2, "--host :: lets other machines connect, which needs --api-key-file"),
        (["--api-key-file", folder / "missing"], 1,
         f"{folder}/missing: cannot open: No such file or directory"),
        (["--api-key-file", folder], 1, f"{folder}: cannot read: Is a directory"),
        (["--api-key-file", keys["empty"]], 1,
         f"{keys['empty']}: there is no key in it; write one in a line"),
        (["--api-key-file", keys["blank"]], 1,
         f"{keys['blank']}: there is no key in it; write one in a line"),
        (["--api-key-file", keys["two"]], 1,
         f"{keys['two']}: a key has a blank or a control character in it"),
        (["--api-key-file", keys["control"]], 1,
         f"{keys['control']}: a key has a blank or a control character in it"),
        (["--cache-memory", "127"], 1,
         "the cache of 127 bytes has no room for 32 positions, which take 128"),
        (["--port", "65536"], 2, "--port is '65536', it has to be a whole number from 0 to 65535"),
        (["--port", "http"], 2, "--port is 'http', it has to be a whole number from 0 to 65535"),
        (["--sequences", "0"], 2, "--sequences is '0', it has to be a whole number from 1 to 512"),
        (["--drafts", "16"], 2, "--drafts is '16', it has to be a whole number from 0 to 15"),
        (["8080"], 2, "unexpected argument '8080'; see '{program} serve --help'"),
        *[(["--cache-memory", given], 2, size.format(given))
          for given in ["nonsense", "G", "0", "-1G", "1e30", "2X", "2GG", "nan", "inf", "1 G", "0x10"]],
    ]
    for arguments, code, message in cases:
        done = subprocess.run([program, "serve", "--port", "0", *arguments], capture_output=True,
                              timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)
        message = message.replace("{program}", os.path.basename(program))
        printed = done.stderr.decode()
        checks.check(printed == f"error: {message}\n" and not done.stdout,
                     f"{arguments}: printed {printed!r}")
        checks.check(done.returncode == code, f"{arguments}: ended with {done.returncode}")


def check_keys(checks, program, folder):
    """Keys: what needs one, and what is none."""
    path = folder / "keys"
    path.write_bytes(b"\nfirst-key\r\nsecond-key \n")
    with Server(program, "--api-key-file", path) as server:
        for endpoint in GETS + POSTS + ["/nothing"]:
            method = "GET" if endpoint in GETS else "POST"
            is_open = endpoint in ("/", "/health", "/v1/health")
            for header in [[], ["Authorization: Bearer wrong"], ["Authorization: Bearer "],
                           ["Authorization: Bearer first-ke"], ["Authorization: Bearer first-keyy"],
                           ["Authorization: Bearer first-key second-key"], ["Authorization: first-key"],
                           ["Authorization: Basic first-key"], ["Authorization: Bearer FIRST-KEY"],
                           ["X-Api-Key: first-key"], ["Authorization: Bearer " + "a" * 10_000]]:
                response = server.ask(method, endpoint, headers=header)
                if is_open:
                    checks.check(response.status == 200, f"{endpoint}: {response.status}")
                    continue
                expect_error(checks, response, 401, None, f"{endpoint} {header}", ["key"])
                checks.check(response.headers.get("www-authenticate") == "Bearer",
                             f"{endpoint}: how to show one")
            for key in ["Bearer first-key", "bearer second-key"]:
                response = server.ask(method, endpoint, b"" if method == "GET" else {"prompt": ""},
                                      [f"Authorization: {key}"])
                checks.check(response.status in (200, 400, 404), f"{endpoint}: {response.status}")
        checks.check(server.is_well(), "health")


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    checks = Checks(sys.argv[3:])
    with Server(program) as server:
        checks.group("sites", check_sites, server)
        checks.group("start", check_start, program, folder, server.port)
    checks.group("keys", check_keys, program, folder)
    sys.exit(checks.wrong != 0)


if __name__ == "__main__":
    main()
