"""Runs commands that may do anything: bubblewrap gives them no network, none of the
machine's files but its compilers, and a file system of their own in memory; time, memory,
processes and what they write are limited.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# For root no limit of processes holds, so that commands are run as this user.
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
MIB = 2 ** 20
SCRATCH = 64 * MIB  # of files in the sandbox
FILE = 16 * MIB
OUTPUT = 2 ** 16  # read of what a command writes
PROCESSES = 64  # threads count, too
# Where Debian's compilers lie; what is not there is left out.
SHOWN = ["/usr", "/etc/alternatives", "/etc/java-17-openjdk", "/var/lib/ghc"]
LINKS = ["/bin", "/lib", "/lib64"]


@dataclass
class Result:
    output: str
    status: int
    timeout: bool


def isolation(folder, writable):
    yield from ["bwrap", "--unshare-all", "--die-with-parent", "--new-session",
                "--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME",
                "/tmp", "--setenv", "LANG", "C.UTF-8", "--proc", "/proc", "--dev", "/dev",
                "--size", str(SCRATCH), "--tmpfs", "/tmp"]
    for path in SHOWN:
        yield from ["--ro-bind-try", path, path]
    for path in LINKS:
        if os.path.islink(path):
            yield from ["--symlink", os.readlink(path), path]
        else:
            yield from ["--ro-bind-try", path, path]
    yield from ["--bind" if writable else "--ro-bind", folder, "/work", "--chdir", "/tmp"]


def run(script, folder, *, seconds, memory, writable=False):
    """Runs a script of sh, in which the folder is /work. The limits are of processor time,
    in seconds, and of address space, in bytes; a machine with other work gets more time."""
    limits = ["prlimit", f"--cpu={seconds}:{seconds + 1}", f"--as={memory}", "--core=0",
              f"--nproc={PROCESSES}", f"--fsize={FILE}"]
    command = [*isolation(str(folder), writable), *limits, "--", "sh", "-c", script]
    user = dict(user=NOBODY, group=NOBODY, extra_groups=[]) if IS_ROOT else {}
    with tempfile.TemporaryFile() as output:
        try:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.STDOUT, timeout=4 * seconds + 10,
                                    **user).returncode
        except subprocess.TimeoutExpired:
            status = None
        output.seek(0)
        text = output.read(OUTPUT).decode(errors="replace")
    # By SIGXCPU, or by SIGKILL a second later; sh and bwrap add 128.
    return Result(text, status, status is None or status in (128 + 24, 128 + 9))


def folder_for(files):
    """Returns a temporary folder of files that the sandbox can read."""
    # Not in $TMPDIR if that may be root's alone.
    folder = tempfile.TemporaryDirectory(prefix="fpmoe-evaluate-",
                                         dir="/tmp" if IS_ROOT else None)
    os.chmod(folder.name, 0o755)
    for name, text in files.items():
        path = Path(folder.name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace")
    return folder
