#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ends a compilation while it writes, by each of the signals: FOLDER SIGNAL... -- ARGUMENT...

A compilation writes where /proc says that its file has grown. Says what it printed, how it ended
and what it left in FOLDER, which is also the system's directory for temporary files.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time


def is_writing(process, folder):
    """Whether a file of the folder, with a name or without, holds a megabyte."""
    try:
        for link in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
            if os.readlink(link).startswith(folder + os.sep) and link.stat().st_size > 1 << 20:
                return True
    except OSError:
        pass
    return False


def main():
    split = sys.argv.index("--")
    folder, names, arguments = sys.argv[1], sys.argv[2:split], sys.argv[split + 1:]
    folder = os.path.realpath(folder)
    for name in names:
        os.makedirs(folder, exist_ok=True)
        number = getattr(signal, name)
        with subprocess.Popen(
                ["fpmoe-compile", *arguments], stderr=subprocess.PIPE, text=True,
                env={**os.environ, "TMPDIR": folder},
                preexec_fn=lambda: [signal.signal(n, signal.SIG_DFL)
                                    for n in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)],
        ) as process:
            end = time.monotonic() + 120
            while not is_writing(process, folder) and process.poll() is None:
                assert time.monotonic() < end
                time.sleep(0.002)
            begun = process.poll() is None
            process.send_signal(number)
            printed = process.communicate(timeout=120)[1]
        how = "as signalled" if process.returncode == -number else process.returncode
        print(f"{name}: {'had begun' if begun else 'had not begun'}, ended {how}, "
              f"printed '{printed}', left: {' '.join(os.listdir(folder))}.")


if __name__ == "__main__":
    main()
