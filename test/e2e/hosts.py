# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hosts of a network of their own on this machine, for ranks that mpirun starts there."""

import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LAUNCHERS = {
    "openmpi": ("mpirun.openmpi", "--allow-run-as-root", "--oversubscribe"),
    "mpich": ("mpirun.mpich",),
}


def can_make_hosts(delay):
    return (os.geteuid() == 0 and shutil.which("ip") and
            (delay is None or os.path.exists("/dev/net/tun")))


class Hosts:
    """Hosts of a network of its own on this machine."""

    numbers = itertools.count()  # links go some time after their namespaces

    def __init__(self, count, work, delay=None):
        """What a host sends takes so many microseconds to another; None: it goes by no relay."""
        self.count, self.name = count, f"fp{os.getpid()}x{next(self.numbers)}"
        self.delay, self.relays = delay, []
        self.agent = work / "agent"
        self.agent.write_text(
            "#!/bin/bash\n"
            "# [options] HOST COMMAND..., as rsh\n"
            "while [[ $1 == -* ]]; do shift; done\n"
            "number=${1##*.}; shift\n"
            f"exec ip netns exec {self.name}-$number unshare --uts "
            f"bash -c \"hostname {self.name}-$number; $*\"\n")
        self.agent.chmod(0o755)

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *map(str, words)], check=True)

    def __enter__(self):
        try:
            self.add()
        except BaseException:
            self.__exit__()  # what is left would take the addresses of the next
            raise
        return self

    def add(self):
        self.ip("link", "add", self.name, "type", "bridge")
        self.ip("addr", "add", "10.93.0.254/24", "dev", self.name)
        self.ip("link", "set", self.name, "up")
        for i in range(1, self.count + 1):
            host, here, there = f"{self.name}-{i}", f"{self.name}a{i}", f"{self.name}b{i}"
            inside = ("netns", "exec", host, "ip")
            self.ip("netns", "add", host)
            if self.delay is None:
                self.ip("link", "add", here, "type", "veth", "peer", "name", there)
            else:
                self.relay(there, here)
            self.ip("link", "set", here, "master", self.name, "up")
            self.ip("link", "set", there, "netns", host)
            self.ip(*inside, "addr", "add", f"10.93.0.{i}/24", "dev", there)
            self.ip(*inside, "link", "set", there, "up")
            self.ip(*inside, "link", "set", "lo", "up")

    def relay(self, there, here):
        self.relays.append(subprocess.Popen(
            [sys.executable, HERE / "delayed_link.py", there, here, str(self.delay)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        if not self.relays[-1].stdout.readline():
            raise OSError("there is no delayed link")

    def link(self, number, state):
        self.ip("link", "set", f"{self.name}a{number}", state)

    def end(self, number):
        """Ends what runs on a host."""
        found = subprocess.run(["ip", "netns", "pids", f"{self.name}-{number}"],
                               capture_output=True, text=True, check=False)
        for process in map(int, found.stdout.split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def __exit__(self, *_):
        for relay in self.relays:
            relay.communicate()
        for i in range(1, self.count + 1):
            self.end(i)
            subprocess.run(["ip", "netns", "del", f"{self.name}-{i}"], check=False)
        subprocess.run(["ip", "link", "del", self.name], check=False)

    def launcher(self, mpi, ranks):
        hosts = ",".join(f"10.93.0.{i}" for i in range(1, ranks + 1))
        if mpi == "mpich":
            # One kernel is one machine to UCX, which else goes by memory.
            return [*LAUNCHERS[mpi], "-localhost", "10.93.0.254", "-launcher", "rsh",
                    "-launcher-exec", self.agent, "-hosts", hosts, "-genv", "UCX_TLS", "tcp,self"]
        # Each host would bind its rank to the first core, which is one for all.
        network = "10.93.0.0/24"
        return [*LAUNCHERS[mpi], "--bind-to", "none", "--host", hosts, "--mca", "plm_rsh_agent", self.agent,
                "--mca", "oob_tcp_if_include", network, "--mca", "btl_tcp_if_include", network,
                "--mca", "pml", "ob1", "--mca", "btl", "self,tcp"]
