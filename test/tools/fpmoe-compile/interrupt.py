#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Interrupts a compilation as soon as it has begun to write: FOLDER MODEL SIGNAL."""

import os
import signal
import subprocess
import sys
import time

folder, model, name = sys.argv[1:]
os.makedirs(folder)
compiler = subprocess.Popen(
    ["fpmoe-compile", model, "--random-weights=1", "-o", os.path.join(folder, "program")],
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
end = time.monotonic() + 60
while not os.listdir(folder) and compiler.poll() is None and time.monotonic() < end:
    time.sleep(0.01)
begun = os.listdir(folder)
compiler.send_signal(getattr(signal, name))
code = compiler.wait(timeout=60)
print(f"{name}: {'had begun' if begun else 'had not begun'}, exit code {code}, "
      f"left: {' '.join(os.listdir(folder))}.")
