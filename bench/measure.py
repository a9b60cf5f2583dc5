"""One round of calls to one server: how many, how long they took, and what they cost the server."""
import dataclasses
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client

from peers import BUILT, PYTHON, ROOT, SOURCES

CPUCLOCK_SCHED = 2  # of a process, in its clock's id: what the scheduler gave it, in nanoseconds
SLACK = 0.02  # of the bytes that answers may differ in


@dataclasses.dataclass
class Figures:
    calls: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the server's, a call
    kib: float = 0  # of the server's memory, a connection; where that is measured

    @property
    def rate(self):
        return self.calls / self.seconds


def family(pid):
    """The process and those that its main thread started, as nginx does its workers."""
    yield pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        for child in children.read().split():
            yield from family(int(child))


def cpu_seconds(pid):
    """What the server has used of the processors.

    By the clock of each process, which has the threads that ended too, and is finer than the ticks
    of /proc/PID/stat.
    """
    return sum(time.clock_gettime((~one << 3) | CPUCLOCK_SCHED) for one in family(pid))


def resident_kib(pid):
    total = 0
    for one in family(pid):
        with open(f"/proc/{one}/status", encoding="ascii") as status:
            total += next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    return total


def ask(server, body, close):
    """The value that the server answers a call with, and the bytes of its whole response.

    The request is what wrk sends.
    """
    head = (f"POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: text/xml\r\n"
            f"Content-Length: {len(body)}\r\n" + "Connection: close\r\n" * close + "\r\n")
    with (socket.create_connection(("127.0.0.1", server.port), 30) as connection,
          connection.makefile("rb") as stream):
        connection.sendall(head.encode("ascii") + body)
        lines = [stream.readline()]
        while lines[-1] not in (b"\r\n", b""):
            lines.append(stream.readline())
        length = next((int(line.split(b":")[1]) for line in lines
                       if line.lower().startswith(b"content-length:")), None)
        if length is None or b" 200 " not in lines[0]:
            sys.exit(f"{server.name} answered {b''.join(lines)!r}")
        answer = stream.read(length)
    return xmlrpc.client.loads(answer)[0][0], len(b"".join(lines)) + length


def check(server, load):
    """Ends the program unless the server answers as it must; returns the size of its response."""
    value, size = ask(server, load.body, load.close)
    # xmlrpc-c writes a double with more digits than it has.
    is_right = math.isclose(value, load.expected) if isinstance(load.expected, float) else (
        load.expected in (None, value))
    if not is_right:
        sys.exit(f"{server.name} answers {load.name} wrongly: {str(value)[:200]}")
    return size


def _run(server, command, environment=()):
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, **dict(environment)})
    if done.returncode != 0:
        sys.exit(f"{server.name}: {' '.join(command)} failed:\n{done.stdout}{done.stderr}\n"
                 f"{server.complaints()}")
    return json.loads(done.stdout.strip().split("\n")[-1])


def by_wrk(server, load, seconds, size):
    """What wrk says, which must have had no error, and answers of the size that one has."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(load.body)
        body.flush()
        environment = {"BENCH_BODY": body.name, **({"BENCH_CLOSE": "1"} if load.close else {})}
        said = _run(server, ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout",
                             "10s", "-s", f"{ROOT}/bench/wrk.lua", server.url], environment)
    # A fault is a 200 too, but a longer one. The answers under way in the end may come in part.
    strayed = said["bytes"] - said["calls"] * size
    room = SLACK * said["calls"] * size + load.connections * size
    if any(said["errors"].values()) or abs(strayed) > room or not said["calls"]:
        sys.exit(f"{server.name} did not answer every call of {load.name} well: {said}, where a "
                 f"response has {size} bytes\n{server.complaints()}")
    return said


def by_load(server, load, seconds, _size):
    """What our own generator says, which ends at the first error itself."""
    with tempfile.TemporaryFile() as body:
        body.write(load.body)
        body.seek(0)
        done = subprocess.run([f"{BUILT}/load", str(server.port), str(load.connections),
                               str(seconds), *(["anew"] if load.close else [])],
                              stdin=body, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"{server.name} did not answer every call of {load.name} well")
    rate, p50_ms, p99_ms = map(float, done.stdout.split())
    return {"calls": round(rate * seconds), "seconds": seconds, "p50_ms": p50_ms, "p99_ms": p99_ms}


def by_rpyc(server, load, seconds, _size):
    """What RPyC's own client says."""
    return _run(server, [PYTHON, f"{SOURCES}/rpyc_load.py", str(server.port),
                         str(load.connections), str(seconds)])


GENERATORS = {"wrk": by_wrk, "load": by_load}


def default_generator():
    return "wrk" if shutil.which("wrk") else "load"


def calls(server, load, seconds, generator, size):
    """The figures of one round with this generator."""
    before = cpu_seconds(server.pid)
    said = generator(server, load, seconds, size)
    used = cpu_seconds(server.pid) - before
    return Figures(said["calls"], said["seconds"], said["p50_ms"], said["p99_ms"],
                   used / said["calls"] * 1e6)
