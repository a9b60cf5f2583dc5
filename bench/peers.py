"""The servers that are compared: how each is started, and why one is left out."""
import dataclasses
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import xmlrpc.client

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = f"{ROOT}/bench/peers"
BUILT = os.environ.get("LOOKOUT_BENCH", f"{ROOT}/build/release/bench")
LOOKOUT = os.environ.get("LOOKOUT_SERVER", f"{BUILT}/lookout")
# That of Debian, whose python3-rpyc is, even where another comes first in PATH.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
PATIENCE_S = 20
STOP_S = 30  # ours has thousands of connections to close, and events to record

# What Lookout answers a ping with, which nginx answers with too.
PONG = ('<?xml version="1.0" encoding="UTF-8"?>\r\n<methodResponse>\r\n<params>\r\n<param><value>'
        "<string>pong</string></value></param>\r\n</params>\r\n</methodResponse>\r\n")


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    command: callable  # of a port, a folder of its own and options: what to run
    missing: callable  # why it cannot be run here; None when it can


def _built(name):
    path = os.path.join(BUILT, name)
    return lambda: None if os.access(path, os.X_OK) else f"{path} is not built"


def _has_rpyc():
    return subprocess.run([PYTHON, "-c", "import rpyc"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def _lookout(port, folder, *options):
    return [LOOKOUT, "--listen", f"127.0.0.1:{port}", "--quiet", "--journal",
            f"{folder}/journal.db", *options]


def _nginx(port, folder, *_):
    with open(f"{SOURCES}/nginx.conf", encoding="ascii") as template:
        text = template.read()
    for mark, value in (("@PORT@", str(port)), ("@FOLDER@", folder), ("@BODY@", PONG)):
        text = text.replace(mark, value)
    with open(f"{folder}/nginx.conf", "w", encoding="ascii", newline="") as file:
        file.write(text)
    return [NGINX, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr"]


PEERS = {
    "lookout": Peer("Lookout", _lookout, _built(LOOKOUT)),
    "abyss": Peer("stock Abyss", lambda port, *_: [f"{BUILT}/stock_abyss", str(port)],
                  _built("stock_abyss")),
    "python": Peer("Python xmlrpc.server",
                   lambda port, *_: [PYTHON, f"{SOURCES}/xmlrpc_server.py", str(port)],
                   lambda: None),
    "rpyc": Peer("RPyC", lambda port, *_: [PYTHON, f"{SOURCES}/rpyc_server.py", str(port)],
                 lambda: None if _has_rpyc() else "python3-rpyc is missing"),
    "ros": Peer("ROS xmlrpcpp", lambda port, *_: [f"{BUILT}/ros", str(port)], _built("ros")),
    "go": Peer("Go net/http", lambda port, *_: [f"{BUILT}/go", str(port)], _built("go")),
    "nginx": Peer("nginx return 200", _nginx, lambda: None if NGINX else "nginx is missing"),
}


def free_port():
    """A port that was free a moment ago: not every peer can choose one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A peer that serves, in a new folder of its own inside `folder`. As a context it ends."""

    def __init__(self, peer, folder, options=()):
        self.name = peer.name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/RPC2"
        own = f"{folder}/{self.port}"
        os.mkdir(own)
        self._errors = f"{own}/stderr"
        with open(self._errors, "w", encoding="utf-8") as errors:
            # The stock Abyss server reports every closed connection on stdout.
            self._process = subprocess.Popen(peer.command(self.port, own, *options),
                                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                             stderr=errors)
        self.pid = self._process.pid
        try:
            self._await()
        except BaseException:
            self._end()
            raise

    def _await(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{self.name} did not start: {self.complaints()}")
                time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def _end(self):
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def complaints(self):
        """The end of what it said on stderr."""
        with open(self._errors, encoding="utf-8", errors="replace") as errors:
            return errors.read()[-2000:]

    def proxy(self):
        return xmlrpc.client.ServerProxy(self.url)


def _said(command, pattern):
    """What the pattern finds in the output of a program."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=20, check=False)
    except OSError:
        return "?"
    found = re.search(pattern, done.stdout)
    return found[1] if found else "?"


def versions():
    """(what, its version): of every program that takes part."""
    package = ["dpkg-query", "-W", "-f", "${Version}"]
    commit = _said(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], r"^([0-9a-f]+)$")
    return [
        ("Lookout", _said([LOOKOUT, "--version"], r"([\d.]+)") + f", commit {commit}"),
        ("xmlrpc-c (stock Abyss)", _said(["xmlrpc-c-config", "--version"], r"([\d.]+)")),
        ("Python", _said([PYTHON, "--version"], r"([\d.]+)")),
        ("RPyC", _said([*package, "python3-rpyc"], r"^(\d\S*)")),
        ("ROS xmlrpcpp", _said([*package, "libxmlrpcpp-dev"], r"^(\d\S*)")),
        ("Go", _said(["go", "version"], r"go([\d.]+)")),
        ("nginx", _said([NGINX or "nginx", "-v"], r"nginx/(\S+)")),
        ("wrk", _said(["wrk", "-v"], r"wrk (?:debian/)?(\S+)")),
        ("gcc", _said(["gcc", "--version"], r"\(.*\) (\S+)")),
    ]
