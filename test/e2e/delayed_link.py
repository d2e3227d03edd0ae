#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A link between two network devices that it makes, which delays what comes out of the first.

    test/e2e/delayed_link.py INSIDE OUTSIDE MICROSECONDS

Frames keep their order; those from OUTSIDE to INSIDE go on at once. As on a veth, they are as large
as TCP makes them and have no checksums yet. Writes a line when both devices are there; they are
gone when the standard input ends. Takes root and /dev/net/tun.
"""

import collections
import contextlib
import fcntl
import os
import select
import signal
import struct
import sys
import time

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x2, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 1, 2, 4
LARGEST = 1 << 17  # bytes of a frame, or more


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(),
                                               IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
    return device


def send(device, frame):
    with contextlib.suppress(OSError):  # the device is down, or full: the frame is lost
        os.write(device, frame)


def receive(device):
    """A frame, or None; an OSError where the device is gone."""
    try:
        return os.read(device, LARGEST)
    except BlockingIOError:
        return None


def carry(inside, outside, delay):
    """Until the standard input ends; an OSError where a device is gone."""
    waiting = collections.deque()
    while True:
        wait = max(waiting[0][0] - time.monotonic(), 0) if waiting else None
        ready, _, _ = select.select([inside, outside, sys.stdin], [], [], wait)
        if sys.stdin in ready:
            return
        if inside in ready and (frame := receive(inside)):
            waiting.append((time.monotonic() + delay, frame))
        if outside in ready and (frame := receive(outside)):
            send(inside, frame)
        while waiting and waiting[0][0] <= time.monotonic():
            send(outside, waiting.popleft()[1])


def main():
    if len(sys.argv) != 4 or not sys.argv[3].isdecimal():
        sys.stderr.write(f"{__doc__}")
        sys.exit(2)
    inside, outside = tap(sys.argv[1]), tap(sys.argv[2])
    delay = int(sys.argv[3]) * 1e-6
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who made the link ends it
    os.setpriority(os.PRIO_PROCESS, 0, -5)  # ranks take all processors
    print("ready", flush=True)
    with contextlib.suppress(OSError):
        carry(inside, outside, delay)


if __name__ == "__main__":
    main()
