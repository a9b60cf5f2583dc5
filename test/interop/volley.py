"""Many connections at once: what each sends, in one part or two, and all that comes back."""
import contextlib
import socket

from lookout import PATIENCE, wait_until

WHOLE = None  # in place of where to cut


class Shot:
    """Bytes for one connection, which are sent in two parts if there is a place to cut them at.

    With `end` the client closes its side for sending behind them.
    """

    def __init__(self, data, cut=WHOLE, end=False):
        self.first = data if cut is WHOLE else data[:cut]
        self.rest = b"" if cut is WHOLE else data[cut:]
        self.end = end
        self.back = b""  # all that has come back, up to the end

    def connect(self, server):
        self.socket = socket.create_connection((server.host, server.port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        return self.socket

    def send(self, data):
        if data:
            self.socket.sendall(data)

    def collect(self):
        if self.end:
            self.socket.shutdown(socket.SHUT_WR)
        pieces = []
        while piece := self.socket.recv(1 << 18):
            pieces.append(piece)
        self.back = b"".join(pieces)


def unread(server, ports):
    """How many connections from these ports have sent what the server has not read: proc(5)."""
    count = 0
    end = f":{server.port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file:
            fields = line.split()
            if fields[1].endswith(end) and int(fields[2].rpartition(":")[2], 16) in ports:
                count += not fields[4].endswith(":00000000")
    return count


def wait_until_read(server, shots):
    """Returns when the server has read all that was sent so far."""
    ports = {shot.port for shot in shots}
    wait_until(lambda: unread(server, ports) == 0, "the server does not read what it is sent")


def fire(server, shots):
    """Sends all, the second parts once every first one was read, and collects what comes back."""
    with contextlib.ExitStack() as stack:
        for shot in shots:
            stack.enter_context(shot.connect(server))
            shot.send(shot.first)
        if any(shot.rest for shot in shots):
            wait_until_read(server, shots)
            for shot in shots:
                shot.send(shot.rest)
        for shot in shots:
            shot.collect()
