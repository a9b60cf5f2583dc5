"""Many connections at once: what each sends, in one part or more, and all that comes back."""
import contextlib
import itertools
import socket
import struct

from lookout import PATIENCE, wait_until
from unread import Kernel

WHOLE = None  # in place of where to cut

# For SO_LINGER: when all has come back the connection is reset, and so never is in TIME_WAIT.
RESET = struct.pack("ii", 1, 0)


class Shot:
    """Bytes for one connection, which are sent in two parts if there is a place to cut them at.

    With `end` the client closes its side for sending behind them.
    """

    def __init__(self, data, cut=WHOLE, end=False):
        self.parts = [data] if cut is WHOLE else [data[:cut], data[cut:]]
        self.end = end
        self.back = b""  # all that has come back, up to the end

    @classmethod
    def one_by_one(cls, data, count, end=False):
        """One that sends so many bytes one by one, the last of them with all that follows."""
        shot = cls(data, end=end)
        shot.parts = [bytes([byte]) for byte in data[:count - 1]] + [data[count - 1:]]
        return shot

    def open(self):
        self.socket = socket.socket()
        self.socket.settimeout(6 * PATIENCE)  # the dearest cases take seconds
        return self.socket

    def connect(self, server):
        self.socket.connect((server.host, server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.port = self.socket.getsockname()[1]

    def send(self, data):
        if data:
            with self.late():
                self.socket.sendall(data)

    def collect(self):
        with self.late():
            if self.end:
                self.socket.shutdown(socket.SHUT_WR)
            while piece := self.socket.recv(1 << 18):
                self.back += piece

    @staticmethod
    def late():
        """Behind its last answer the server reads away what still comes for 2 s, and then resets.

        A thousand shots may take longer. What came before is judged all the same.
        """
        return contextlib.suppress(ConnectionError)


def wait_until_read(server, shots):
    """Returns when the server has read all that was sent so far."""
    ports = [shot.port for shot in shots]

    def all_is_read():
        ports[:] = kernel.unread(server.port, ports)
        return not ports

    with Kernel() as kernel:
        wait_until(all_is_read, "the server does not read what it is sent")


def fire(server, shots):
    """Sends all, each part once what was sent before was read, and collects what comes back."""
    with contextlib.ExitStack() as stack:
        for shot in shots:
            stack.enter_context(shot.open())
            shot.connect(server)
        for i, parts in enumerate(itertools.zip_longest(*(shot.parts for shot in shots))):
            if i > 0:
                wait_until_read(server, shots)
            for shot, part in zip(shots, parts):
                shot.send(part)
        for shot in shots:
            shot.collect()
