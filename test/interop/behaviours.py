"""How the clients of a crowd behave: each kind by its name, what it sends, and when it leaves.

A kind is a function of the crowd that lives one client's life, and returns the client and what
became of it: the status of its answer, or "closed", "reset", "left"…
"""
import asyncio
import contextlib
import itertools
import random
import re
import socket
import struct
import time
import xmlrpc.client

from lookout import PING, call_body, request

INTERVAL_S = 0.4  # between two bytes of one that is slow
PAUSE_S = 0.002  # of a good client between two calls
SIP = 8  # bytes that a slow reader takes at a time
LONG = 600  # seconds: nobody here waits for so long

RESET = struct.pack("ii", 1, 0)  # for SO_LINGER: closing sends a RST

WAIT = request(call_body("monitor.waitEvents", "999999999999999", 10, LONG, ["never"]))
PRINT = request(call_body("print", "x"))
SLEEP_S = 4.0  # longer than a crowd takes to come
SLEEP = request(call_body("test.sleep", SLEEP_S))

# For an answer of more than a socket takes for a client that does not read, and which costs the
# server little to make: the first event of this type has LARGE bytes.
LARGE = 64_000
LARGE_TYPE = "large"
READ_LARGE = request(call_body("monitor.readEvents", "", 1, [LARGE_TYPE]))

# What a good client may ask, and what is in its answer.
MIX = [(data if isinstance(data, bytes) else request(call_body(*data)), expected)
       for data, expected in [
    (PING, b">pong<"),
    (("test.echo", {"moe": [1, 2.5, True, "\u00fc" * 500], "larry": b"x" * 3000}), b"larry"),
    (("test.echo", "x" * 60_000), b"x" * 60_000),
    (("print", "soak", 1, [2.5, {"a": "b"}]), b"<i4>3</i4>"),
    (("monitor.sendEvent", "soak", {"of": "a usual length"}), b"<string>"),
    (("monitor.readEvents", "", 20, ["soak"]), b"truncated"),
    (("monitor.readEvents", "", 20, ["print"]), b"truncated"),
    (("monitor.waitEvents", "", 1, 0.05, ["soak"]), b"truncated"),
    (("monitor.waitEvents", "999999999999999", 1, 0.05, ["never"]), b"truncated"),
    (("monitor.getStatus",), b"uptime"),
    (("monitor.getConnections", "", 20), b"peer"),
    (("monitor.getMethodStats",), b"p99"),
    (("system.listMethods",), b"system.multicall"),
    (("system.methodHelp", "print"), b"<string>"),
    (("system.multicall", [{"methodName": "monitor.ping", "params": []},
                           {"methodName": "monitor.sendEvent", "params": ["soak"]},
                           {"methodName": "none", "params": []}]), b"-32601"),
    (("no.such.method",), b"-32601"),
    (("monitor.sendEvent", 1), b"-32602"),
    (request(b"", "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (
        len(call_body("monitor.ping")), call_body("monitor.ping")), b">pong<"),
]]

HOSTILE = [
    b"\0" * 1000,
    b"\r\n\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
    b"GET / HTTP/1.0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST /RPC2 HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
    b"POST /RPC2 HTTP/1.1\r\n" + b"X: x\r\n" * 500 + b"\r\n",
    request(b"", "Content-Length: -1"),
    request(b"", "Content-Length: 99999999999"),
    request(b"", "Transfer-Encoding: chunked") + b"zz\r\n",
    request(call_body("monitor.ping"), "Host: evil.example"),
    request(call_body("monitor.ping"), "Content-Type: text/plain"),
    request(b"<methodCall><methodName>print</methodName><params>"),
    request(b"<a>" * 5000),
    request(b'<!DOCTYPE a [<!ENTITY b "cccc">]><methodCall>&b;</methodCall>'),
    request(call_body("test.infinity")),
    PING * 50,
    PING[:-30],
]

HEAD = b"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
BODY = request(b"", "Content-Length: 100000") + b"<?xml"
CHUNKS = request(b"", "Transfer-Encoding: chunked") + b"5\r\n<?xml\r\n"


tokens = itertools.count(1)  # no two prints of a crowd are the same


class Ended(Exception):
    """The connection has: "closed" or "reset"."""


class Client:
    """One connection of the crowd's."""

    def __init__(self, crowd):
        self.crowd = crowd
        self.began = 0.0  # to connect
        self._received = b""
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)

    @classmethod
    async def arrived(cls, crowd, opening, receive_buffer=None):
        """One that has connected, and sent its opening."""
        client = cls(crowd)
        if receive_buffer:
            client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        async with crowd.doors:
            client.began = time.monotonic()
            await client._loop.sock_connect(client._socket, ("127.0.0.1", crowd.port))
        client._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await client.send(opening)
        crowd.arrive()
        return client

    async def send(self, data):
        try:
            await self._loop.sock_sendall(self._socket, data)
        except OSError:
            raise Ended("reset") from None

    async def _receive(self):
        try:
            data = await self._loop.sock_recv(self._socket, 65536)
        except OSError:
            raise Ended("reset") from None
        if not data:
            raise Ended("closed")
        self._received += data

    async def read(self):
        """The status and the body of a response."""
        while b"\r\n\r\n" not in self._received:
            await self._receive()
        head, _, body = self._received.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        self._received = body
        while len(self._received) < length:
            await self._receive()
        body, self._received = self._received[:length], self._received[length:]
        self.crowd.answered += 1
        return int(head.split(b" ", 2)[1]), body

    async def outcome(self):
        """The status of the answer that is to come, or how the connection ends without one."""
        try:
            status, _ = await self.read()
            return str(status)
        except Ended as end:
            return str(end)

    def sip(self):
        """Takes a few bytes. A reset ends it also when there are some left."""
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise Ended("reset")
        with contextlib.suppress(BlockingIOError):
            if not self._socket.recv(SIP):
                raise Ended("closed")

    def reset(self):
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._socket.close()

    def half_close(self):
        self._socket.shutdown(socket.SHUT_WR)

    def close(self):
        self._socket.close()


async def drip(client, drops):
    try:
        for byte in itertools.cycle(drops):
            await asyncio.sleep(INTERVAL_S)
            await client.send(bytes([byte]))
    except Ended:
        pass


def dripping(opening, drops):
    """Sends a byte now and then, and does not stop when it was answered."""
    async def live(crowd):
        client = await Client.arrived(crowd, opening)
        if drops:
            crowd.besides(drip(client, drops))
        return client, await client.outcome()
    return live


def sipping(opening):
    """Reads a few bytes now and then, through a window that is hardly open."""
    async def live(crowd):
        client = await Client.arrived(crowd, opening, receive_buffer=1)
        try:
            while True:
                client.sip()
                await asyncio.sleep(INTERVAL_S)
        except Ended as end:
            return client, str(end)
    return live


def leaving(opening, leave, receive_buffer=None):
    """Leaves when it is told to."""
    async def live(crowd):
        client = await Client.arrived(crowd, opening, receive_buffer)
        await crowd.told.wait()
        leave(client)
        return client, "left"
    return live


def half_closing(opening):
    """Has no more to say. What is it answered?"""
    async def live(crowd):
        client = await Client.arrived(crowd, opening)
        client.half_close()
        return client, await client.outcome()
    return live


async def ping(client):
    """Notes how many milliseconds it took."""
    began = time.monotonic()
    await client.send(PING)
    status, body = await client.read()
    if status != 200 or b">pong<" not in body:
        raise Ended(f"{status}: {body}")
    client.crowd.notes.append((time.monotonic() - began) * 1000)


async def keep_pinging(crowd):
    """Over one connection."""
    client = await Client.arrived(crowd, b"")
    outcome = "served"
    try:
        while not crowd.told.is_set():
            await ping(client)
            await asyncio.sleep(PAUSE_S)
    except Ended as end:
        outcome = str(end)
    return client, outcome


async def come_and_ping(crowd):
    """Over a new connection each time."""
    outcome = "served"
    try:
        while not crowd.told.is_set():
            client = await Client.arrived(crowd, b"")
            await ping(client)
            client.close()
            await asyncio.sleep(PAUSE_S)
    except Ended as end:
        outcome = str(end)
    return client, outcome


async def until_ended(client, act):
    """Does it again and again, as fast as it is answered. What ended it is returned."""
    try:
        while True:
            await act(client)
    except Ended as end:
        return client, str(end)


async def press(crowd):
    """Pings without a pause until the server has gone."""
    client = await Client.arrived(crowd, b"")
    return await until_ended(client, ping)


async def print_token(client):
    """Notes the token that the server says it has printed."""
    token = f"token {next(tokens)}"
    await client.send(request(call_body("print", token)))
    status, body = await client.read()
    if status != 200 or b"<fault>" in body:
        raise Ended(f"{status}: {body}")
    client.crowd.notes.append(token)


async def print_tokens(crowd):
    client = await Client.arrived(crowd, b"")
    return await until_ended(client, print_token)


async def wait_for_nothing(crowd):
    """Is answered "empty" when its time is over, or the server stops."""
    client = await Client.arrived(crowd, WAIT)
    try:
        status, body = await client.read()
    except Ended as end:
        return client, str(end)
    value = xmlrpc.client.loads(body)[0][0]
    return client, "empty" if status == 200 and value["events"] == [] else f"{status}: {body}"


def check(status, body, expected):
    if status != 200 or expected not in body:
        raise Ended(f"{status} without {expected}: {body[:1000]}")


def calling(calls, at_once=1):
    """Makes so many calls, each another one, over a connection that it then closes."""
    async def live(crowd):
        client = await Client.arrived(crowd, b"")
        try:
            for _ in range(calls // at_once):
                burst = random.choices(MIX, k=at_once)
                await client.send(b"".join(data for data, _ in burst))
                for _, expected in burst:
                    check(*await client.read(), expected)
        except Ended as end:
            return client, str(end)
        return client, "served"
    return live


async def throw(crowd):
    """Sends what nobody should, and is content with whatever becomes of it."""
    try:
        client = await Client.arrived(crowd, random.choice(HOSTILE))
    except Ended as end:
        return Client(crowd), str(end)
    return client, await client.outcome()


SLOW = {
    "silent": dripping(b"", b""),
    "slow head": dripping(HEAD, b"X-a: b\r\n"),
    "slow body": dripping(BODY, b" "),
    "slow chunks": dripping(CHUNKS, b"1\r\n \r\n"),
    "slow reader": sipping(READ_LARGE),
}

HALF_CLOSED = {
    "half-closed after a request": half_closing(PING),
    "half-closed in the body": half_closing(BODY),
    "half-closed in the head": half_closing(HEAD),
    "half-closed without a byte": half_closing(b""),
}

STAGES = {
    "without a byte": b"",
    "in the head": HEAD,
    "in the body": BODY,
    "in a chunk": CHUNKS,
    "as its call runs": SLEEP,
    "as it is held": PRINT,
    "as it waits": WAIT,
    "as it waits, with more to ask": WAIT + PING * 3,
}

LEAVING = {
    **{f"reset {stage}": leaving(opening, Client.reset) for stage, opening in STAGES.items()},
    **{f"gone {stage}": leaving(opening, Client.close) for stage, opening in STAGES.items()},
    "reset as it is answered": leaving(READ_LARGE, Client.reset, receive_buffer=1),
    "gone as it is answered": leaving(READ_LARGE, Client.close, receive_buffer=1),
}

GOOD = {"good": keep_pinging, "good, each time anew": come_and_ping}

BUSY = {"pressing": press, "printing": print_tokens, "waiting": wait_for_nothing}

MIXED = {"calling": calling(100), "calling once": calling(1),
         "calling in bursts": calling(200, at_once=10), "throwing": throw}

KINDS = {**SLOW, **HALF_CLOSED, **LEAVING, **GOOD, **BUSY, **MIXED}
