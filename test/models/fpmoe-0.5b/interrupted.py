"""Runs a training that does not end by itself, ends it by SIGTERM after its second step,
and wants it to end well.

    interrupted.py COMMAND...
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import subprocess
import sys

with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True) as training:
    steps = 0
    for line in training.stdout:
        steps += line.startswith("step ")
        if steps == 2:
            training.terminate()
            break
    training.stdout.read()
sys.exit(training.returncode)
