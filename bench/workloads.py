"""What is measured: the calls, who takes part in each, and one round of it."""
import contextlib
import dataclasses
import resource
import socket
import sys
import time
import xmlrpc.client

import measure
from peers import PEERS, Running
from waiting import Waiters

IDLE = 15_000
PORTS_EACH = 5_000  # connections from one address of this machine, which has 28,000 ports
SPARE_DESCRIPTORS = 500
SLEEP_S, SLEEPERS = 0.005, 64

# As monitoring sends them: strings, doubles and ints, which all the peers have. 31 KiB.
STRUCTS = [{"host": f"n{i:03}", "unit": "C", "mean": 20.5 + i, "n": 1000 + i} for i in range(100)]


def call_body(method, *params):
    return xmlrpc.client.dumps(params, method).encode("ascii")


@dataclasses.dataclass(frozen=True)
class Contender:
    """A peer in a workload, with the options that it is started with there."""

    key: str
    name: str
    peer: str
    options: tuple = ()


def contenders(*keys, lookout=()):
    return tuple(Contender(key, PEERS[key].name, key, lookout if key == "lookout" else ())
                 for key in ("lookout", *keys))


def refuse_faults(server):
    """Ends the program when a call of a server of ours did not go well: they are counted there."""
    with server.proxy() as proxy:
        if faults := proxy.monitor.getStatus()["faults"]:
            sys.exit(f"{server.name} answered {faults:,} calls with a fault")


@dataclasses.dataclass(frozen=True)
class Load:
    """A workload that is calls, one after the other on each connection."""

    key: str
    name: str
    contenders: tuple
    connections: int
    body: bytes
    expected: object  # the value that all answer with; None: any
    close: bool = False
    fits_load: bool = True  # what our own generator can do, where there is no wrk
    needs_load: bool = False  # what it does as clients do, and wrk does not
    note: str = ""

    def begin(self, stack, contender, folder):
        """What a round needs of the contender: its server, checked, for all rounds."""
        server = stack.enter_context(Running(PEERS[contender.peer], folder, contender.options))
        size = None if contender.peer == "rpyc" else measure.check(server, self)
        return server, size

    def round(self, begun, contender, seconds, generator):
        server, size = begun
        generate = measure.by_rpyc if contender.peer == "rpyc" else measure.GENERATORS[
            "load" if self.needs_load else generator]
        figures = measure.calls(server, self, seconds, generate, size)
        if contender.peer != "rpyc":
            measure.check(server, self)
        if contender.peer == "lookout":
            refuse_faults(server)
        return figures


def raise_descriptor_limit(wanted):
    """Lets this process, and the servers it starts, have so many; returns how many they have."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < wanted:
        with contextlib.suppress(ValueError, OSError):  # not root
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def connect_idle(stack, server, body, number):
    """A connection that has had its answer and is kept."""
    connection = stack.enter_context(socket.socket())
    # IP_BIND_ADDRESS_NO_PORT: the port is chosen when it connects, one that is free to that server.
    connection.setsockopt(socket.IPPROTO_IP, 24, 1)
    connection.bind((f"127.0.0.{2 + number // PORTS_EACH}", 0))
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(b"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
                       b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    answer = connection.recv(4096)
    if b" 200 " not in answer[:16]:
        sys.exit(f"{server.name} answered {answer!r} to connection {number + 1:,}")


@dataclasses.dataclass(frozen=True)
class Idle(Load):
    """Pings of one client beside many connections that had an answer and are idle."""

    def begin(self, stack, contender, folder):
        return folder, None  # memory is not given back: each round has a server of its own

    def round(self, begun, contender, seconds, generator):
        if raise_descriptor_limit(IDLE + SPARE_DESCRIPTORS) < IDLE + SPARE_DESCRIPTORS:
            sys.exit(f"{IDLE:,} idle connections need more descriptors: ulimit -n")
        with (Running(PEERS[contender.peer], begun[0], contender.options) as server,
              contextlib.ExitStack() as stack):
            size = measure.check(server, self)
            before = measure.resident_kib(server.pid)
            for number in range(IDLE):
                connect_idle(stack, server, self.body, number)
            kib = (measure.resident_kib(server.pid) - before) / IDLE
            figures = measure.calls(server, self, seconds, measure.GENERATORS[generator], size)
            if contender.peer == "lookout":
                refuse_faults(server)
            return dataclasses.replace(figures, kib=kib)


@dataclasses.dataclass(frozen=True)
class Wake:
    """How long after an event is sent all who wait for it have it."""

    key: str
    name: str
    contenders: tuple
    fits_load: bool = True
    note: str = ""

    def begin(self, stack, contender, folder):
        server = stack.enter_context(Running(PEERS["lookout"], folder, contender.options))
        return server, stack.enter_context(Waiters(server, int(contender.key)))

    def round(self, begun, contender, seconds, generator):
        server, waiters = begun
        until = time.monotonic() + seconds
        wakes_ms, used = [], 0
        while time.monotonic() < until or len(wakes_ms) < 2:
            waiters.wait()
            before = measure.cpu_seconds(server.pid)
            wakes_ms.append(waiters.wake(alone=True)[0])
            used += measure.cpu_seconds(server.pid) - before
        wakes_ms.sort()
        return measure.Figures(len(wakes_ms) * int(contender.key), sum(wakes_ms) / 1000,
                               wakes_ms[len(wakes_ms) // 2], wakes_ms[len(wakes_ms) * 99 // 100],
                               used / len(wakes_ms) / int(contender.key) * 1e6)


PING = call_body("monitor.ping")
HTTP = ("abyss", "python", "ros", "go", "nginx")
MANY = ("--max-connections", "16384", "--keepalive", "3600")
MODES = tuple(Contender(mode, f"--sync {mode}", "lookout", ("--sync", mode))
              for mode in ("full", "normal", "off"))
WAITING = tuple(Contender(str(count), f"{count:,} waiting", "lookout") for count in (1, 100, 1000))

WORKLOADS = {one.key: one for one in (
    *(Load(f"ping{count}", f"ping, {count} connection{'s' * (count > 1)}",
           contenders(*HTTP, "rpyc"), count, PING, "pong") for count in (1, 16, 64, 256)),
    Load("connect", "ping, a connection a call, 16 at once",
         contenders("abyss", "python", "go", "nginx"), 16, PING, "pong", close=True,
         needs_load=True,
         note="With bench/load, which connects and sends in one go, as clients do: wrk looks after "
         "its other connections in between. Latencies have the connecting in them. ROS xmlrpcpp is "
         "left out: it closes without saying so."),
    Load("echo", "100 structs echoed, 16 connections", contenders("abyss", "python", "ros", "go"),
         16, call_body("test.echo", STRUCTS), STRUCTS, fits_load=False),
    Load("sleep", "a method of 5 ms, 64 connections",
         contenders("abyss", "python", "go", lookout=("--threads", str(SLEEPERS))), SLEEPERS,
         call_body("test.sleep", SLEEP_S), SLEEP_S,
         note=f"The ideal is {SLEEPERS / SLEEP_S:,.0f} calls/s. Lookout has --threads {SLEEPERS}; "
         "the others take a thread or a goroutine for each connection."),
    Idle("idle", f"ping beside {IDLE:,} idle connections", contenders("go", "nginx", lookout=MANY),
         1, PING, "pong",
         note="KiB: what the server's resident memory grew by, for each connection, after one call "
         "over each. What the kernel keeps for its sockets is not in it."),
    Load("events", "sendEvent, 64 connections", MODES, 64,
         call_body("monitor.sendEvent", "bench.event", "of a usual length, as events go"), None,
         note="The journal is on the disk of build/."),
    Wake("wake", "waitEvents: from the event until the last has it", WAITING,
         note="A call is a waiter that is woken; p50 and p99 are of the times until the last one "
         "is, which have the event's way to the disk in them: nobody is woken before that. "
         "bench/events goes on to ten thousand, with pings meanwhile."),
)}
