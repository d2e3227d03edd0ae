# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A proxy that spoils what a server answers, so that checks are seen to fail."""

import contextlib
import socket
import threading


class SpoilingProxy:
    """Sends bytes on between clients and a port, and puts others of the same length in the place of
    some in answers."""

    def __init__(self, port, old, new):
        assert len(old) == len(new), f"{old} and {new} have to be of one length"
        self.target, self.old, self.new = port, old, new
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.target))
                for pair in ((client, server, lambda data: data), (server, client, self.spoil)):
                    threading.Thread(target=self.copy, args=pair, daemon=True).start()

    def spoil(self, data):
        return data.replace(self.old, self.new)

    @staticmethod
    def copy(source, sink, change):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                sink.sendall(change(data))
        for end in (source, sink):  # the other way ends too
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
