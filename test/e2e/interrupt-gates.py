#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Interrupts fpmoe-compile when it has files in a temporary directory: FOLDER RECIPE OUTPUT."""

import glob
import os
import signal
import subprocess
import sys
import time

folder, recipe, output = sys.argv[1:]
compiler = subprocess.Popen(
    ["fpmoe-compile", recipe, "-o", output], env={**os.environ, "TMPDIR": folder},
    start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
end = time.monotonic() + 120
while not (begun := any(glob.glob(os.path.join(folder, "*", "*")))) and compiler.poll() is None \
        and time.monotonic() < end:
    time.sleep(0.002)
os.killpg(compiler.pid, signal.SIGINT)
compiler.wait(timeout=60)
print(f"{'had begun' if begun else 'had not begun'}, exit code {compiler.returncode}, "
      f"left: {' '.join(os.listdir(folder))}.")
