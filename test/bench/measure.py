# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Running a command and measuring its time and memory, series of figures, and the machine.

Used by bench.py; Linux only, for what it reads from /proc.
"""

import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time


class Failure(Exception):
    """Something that ends the measurement; its text is for the person at the terminal."""


def say(text):
    print(text, file=sys.stderr, flush=True)


class Done:
    """A finished command: what it printed, its wall time, and its peak of memory in bytes."""

    def __init__(self, command, timeout):
        shown = shlex.join(map(str, command))
        self.own = 0
        started = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL,
                                           stdout=out, stderr=errors)
            except OSError as fault:
                raise Failure(f"{command[0]}: {fault.strerror}") from None
            ended = threading.Event()
            sampler = threading.Thread(target=self.sample, args=(process.pid, ended))
            killer = threading.Timer(timeout, process.kill)
            sampler.start()
            killer.start()
            try:
                # wait4 and not RUSAGE_CHILDREN, whose peak is that of all children so far.
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                process.wait()
                raise
            finally:
                self.seconds = time.monotonic() - started
                ended.set()
                killer.cancel()
                sampler.join()
            process.returncode = code = os.waitstatus_to_exitcode(status)
            out.seek(0)
            errors.seek(0)
            self.out = out.read().decode(errors="replace")
            said = errors.read().decode(errors="replace").strip()
        self.resident = usage.ru_maxrss * 1024
        if code and self.seconds >= timeout:
            raise Failure(f"no end after {timeout:g} s (--timeout): {shown}")
        if code:
            how = f"exit code {code}" if code > 0 else f"signal {-code}"
            raise Failure(f"{how}: {shown}\n{said or self.out.strip()}")

    def sample(self, pid, ended):
        """Follows the anonymous memory: pages of mapped files are the system's to take back."""
        while not ended.wait(0.01):
            try:
                with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
                    for line in status:
                        if line.startswith("RssAnon:"):
                            self.own = max(self.own, int(line.split()[1]) * 1024)
            except OSError:
                return


class Series:
    """Repeated measurements of one quantity."""

    def __init__(self):
        self.low, self.middle, self.high = [], [], []

    def add(self, low, middle=None, high=None):
        middle = low if middle is None else middle
        self.low.append(low)
        self.middle.append(middle)
        self.high.append(middle if high is None else high)

    def figures(self):
        return {"min": min(self.low), "median": statistics.median(self.middle),
                "max": max(self.high), "rounds": self.middle}

    @property
    def median(self):
        return statistics.median(self.middle)

    def text(self, form):
        return " / ".join(format(value, form) for value in
                          (min(self.low), self.median, max(self.high)))


def first_line(path, start=""):
    """The rest of the first line of a file that starts so; empty where there is none."""
    try:
        for line in pathlib.Path(path).read_text(errors="replace").splitlines():
            if line.startswith(start):
                return line[len(start):].strip(" \t:")
    except OSError:
        pass
    return ""


def machine():
    interesting = ("avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16",
                   "amx_bf16", "amx_int8", "asimd", "asimddp", "bf16", "i8mm", "sve")
    flags = (first_line("/proc/cpuinfo", "flags") or first_line("/proc/cpuinfo", "Features"))
    memory = first_line("/proc/meminfo", "MemTotal").split()
    return {
        "cpu": first_line("/proc/cpuinfo", "model name") or platform.machine(),
        "flags": [flag for flag in interesting if flag in flags.split()],
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": int(memory[0]) * 1024 if memory else 0,
        "huge_pages": first_line("/sys/kernel/mm/transparent_hugepage/enabled"),
        "kernel": platform.release(),
        "load": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d"),
    }
