"""What a server has not yet read, by the word of the kernel: sock_diag(7).

Unlike /proc/net/tcp it can be asked of some sockets among the thousands that a machine has.
"""
import socket
import struct

SOCK_DIAG_BY_FAMILY = 20  # linux/sock_diag.h
NLM_F_REQUEST = 1
NETLINK_SOCK_DIAG = 4
ALL_STATES = NO_COOKIE = 0xffffffff

AT_ONCE = 50  # questions: their answers fit a netlink socket's buffer

HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
QUESTION = struct.Struct("=BBBxI 4s 16s16s I II")  # struct inet_diag_req_v2
RECEIVE_QUEUE = HEADER.size + 4 + 48 + 4  # in an answer: behind states, addresses and a timer


def question(server_port, client_port):
    local = socket.inet_aton("127.0.0.1").ljust(16, b"\0")
    body = QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, ALL_STATES,
                         struct.pack("!HH", server_port, client_port), local, local, 0,
                         NO_COOKIE, NO_COOKIE)
    return HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0) + body


def has_unread(answer):
    """Of a socket that is no more there is an error, and nothing to be read."""
    _, kind, *_ = HEADER.unpack_from(answer)
    return kind == SOCK_DIAG_BY_FAMILY and struct.unpack_from("=I", answer, RECEIVE_QUEUE) != (0,)


class Kernel:
    """As a context. Knows of connections between ports of 127.0.0.1."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG)
        return self

    def __exit__(self, *_):
        self.socket.close()

    def unread(self, server_port, client_ports):
        """Those from which the server has been sent what it has not read."""
        found = []
        for start in range(0, len(client_ports), AT_ONCE):
            some = client_ports[start:start + AT_ONCE]
            self.socket.send(b"".join(question(server_port, port) for port in some))
            found += [port for port in some if has_unread(self.socket.recv(4096))]
        return found
