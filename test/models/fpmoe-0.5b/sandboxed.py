"""Does what a sandbox has to prevent.

    sandboxed.py SOURCE
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import socket
import sys
import time
from pathlib import Path

sys.path.append(sys.argv[1] + "/models/fpmoe-0.5b")

import sandbox
from sandbox import MIB


def run(folder, script, seconds=5, memory=1024 * MIB):
    return sandbox.run(script, folder, seconds=seconds, memory=memory)


def main():
    here = str(Path(__file__).resolve())
    with sandbox.folder_for({"given": "text\n"}) as folder, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        connect = f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'"
        assert os.system(f"{connect} 2>/dev/null") == 0, "there is nothing to connect to"

        assert run(folder, "cat /work/given; touch mine; ls").output == "text\nmine\n"
        print("what it may: pass")
        assert run(folder, connect).status != 0
        print("network: pass")
        for path in ("/etc/passwd", "/home", "/root", "/var/tmp", here):
            assert run(folder, f"ls {path}").status != 0, path
        for path in ("/usr/file", "/work/file", "/work/given"):
            assert run(folder, f"echo no > {path}").status != 0, path
        print("files: pass")
        result = run(folder, "head -c 100M /dev/zero > large; stat -c %s large")
        assert int(result.output.split()[-1]) == sandbox.FILE, result
        result = run(folder, "for i in 1 2 3 4 5 6 7 8 9; do head -c 9M /dev/zero > $i || "
                             "exit 1; done")
        assert result.status == 1 and "No space left" in result.output, result
        result = run(folder, "yes")
        assert result.status != 0 and len(result.output) == sandbox.OUTPUT
        print("what it writes: pass")
        result = run(folder, "while :; do :; done", seconds=1)
        assert result.timeout and result.status is not None, result
        assert not run(folder, "exit 1").timeout
        print("time: pass")
        assert "memory" in run(folder, "tail /dev/zero", memory=64 * MIB).output
        print("memory: pass")
        result = run(folder, "for i in $(seq 200); do sleep 4.0625 & done; echo all")
        assert "all" not in result.output and "fork" in result.output, result
        run(folder, "setsid sleep 4.0625 & exit 0")
        # What is killed needs a moment; what is not sleeps for four seconds.
        until = time.monotonic() + 2
        while left := sleeping():
            assert time.monotonic() < until, left
            time.sleep(0.02)
        print("processes: pass")


def sleeping():
    return [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"4.0625" in read(p)]


def read(path):
    try:
        return path.read_bytes()
    except OSError:  # a process that has just ended
        return b""


if __name__ == "__main__":
    main()
