"""Many connections at once: what each sends, in one part or two, and all that comes back."""
import contextlib
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
        self.first = data if cut is WHOLE else data[:cut]
        self.rest = b"" if cut is WHOLE else data[cut:]
        self.end = end
        self.back = b""  # all that has come back, up to the end

    def open(self):
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
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
    """Sends all, the second parts once every first one was read, and collects what comes back."""
    with contextlib.ExitStack() as stack:
        for shot in shots:
            stack.enter_context(shot.open())
            shot.connect(server)
            shot.send(shot.first)
        if any(shot.rest for shot in shots):
            wait_until_read(server, shots)
            for shot in shots:
                shot.send(shot.rest)
        for shot in shots:
            shot.collect()
