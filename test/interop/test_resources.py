"""What the system gives a process, running out under a server: descriptors, threads, files."""
import contextlib
import os
import resource
import subprocess
import time
import unittest
import xmlrpc.client

from lookout import (PATIENCE, PING, RECORDING_FAILS, SERVER, SLOW, Server, call_body, environment,
                     read_events, request, wait_until)

# Of running out of descriptors: what they would find is the same under a sanitizer, later.
CYCLES = 100 if SLOW == 1 else 20


@contextlib.contextmanager
def limited(process, which, value):
    """The running process has this limit meanwhile."""
    before = resource.prlimit(process.pid, which)
    resource.prlimit(process.pid, which, (value, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process.pid, which, before)


def own_control_group():
    """The folder of the control group that counts this process's threads (cgroup v1 or v2)."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        groups = dict(line.rstrip("\n").split(":", 2)[1:] for line in file)
    top = "/sys/fs/cgroup/pids" if "pids" in groups else "/sys/fs/cgroup"
    return top + groups.get("pids", groups.get("", "")).rstrip("/")


@contextlib.contextmanager
def control_group(most_threads):
    """The folder of a new control group, for so many threads."""
    folder = f"{own_control_group()}/lookout-test-{os.getpid()}"
    try:
        os.mkdir(folder)
    except OSError as error:
        raise unittest.SkipTest(f"there can be no control group here: {error}") from None
    try:
        write_line(f"{folder}/pids.max", most_threads)
        yield folder
    except FileNotFoundError as error:
        raise unittest.SkipTest(f"control groups do not count threads here: {error}") from None
    finally:
        os.rmdir(folder)


def write_line(path, value):
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{value}\n")


def count_descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


class Descriptors(unittest.TestCase):
    COMPLAINT = "cannot accept connections for now: Too many open files"

    def test_after_each_of_many_times_the_next_call_is_answered(self):
        """Clients hold all there are, and one more waits; then they leave, and it is answered."""
        with Server("--sync", "off", expect_stderr=[self.COMPLAINT]) as server, \
                server.connect() as stays:
            stays.ask(request(call_body("print", 0)))  # so the journal has all that it opens
            slowest = 0
            room = 8
            with limited(server.process, resource.RLIMIT_NOFILE,
                         count_descriptors(server.process) + room):
                began = time.monotonic()
                for _ in range(CYCLES):
                    slowest = max(slowest, self.run_out(server, stays, room))
                seconds = time.monotonic() - began
            self.assertLess(slowest, 1 * SLOW)
            said = [line for line in server.stderr.all() if self.COMPLAINT in line]
            self.assertTrue(1 <= len(said) <= 1 + seconds / 5, said)

    def run_out(self, server, stays, room):
        """How long the one that waited had to, from when there was room for it."""
        with contextlib.ExitStack() as stack:
            holders = [stack.enter_context(server.connect()) for _ in range(room)]
            for holder in holders:
                self.assertEqual(holder.ask(PING).value(), "pong")
            with server.connect() as waits:
                waits.send(PING)
                self.assertEqual(stays.ask(request(call_body("print", 1))).value(), 1)
                with self.assertRaises(TimeoutError):
                    waits.socket.settimeout(0.001)
                    waits.socket.recv(1)
                waits.socket.settimeout(PATIENCE)
                for holder in holders:
                    holder.close()
                began = time.monotonic()
                self.assertEqual(waits.read().value(), "pong")
                return time.monotonic() - began

    def test_what_is_recorded_can_be_read_without_any(self):
        """The journal has the descriptors that it needs."""
        with Server("--recent", "64K", "--sync", "off") as server, server.proxy() as proxy:
            for number in range(20):
                proxy.monitor.sendEvent("mine", [number, "x" * 10_000])
            with limited(server.process, resource.RLIMIT_NOFILE, 3):
                proxy.monitor.sendEvent("mine", [20, ""])
                events = read_events(proxy, "mine")
            self.assertEqual([event["data"][0] for event in events], list(range(21)))


class Files(unittest.TestCase):
    def test_a_limit_of_a_files_size_is_a_full_disk(self):
        with Server("--sync", "off", expect_stderr=RECORDING_FAILS) as server, \
                server.proxy() as proxy:
            proxy.monitor.sendEvent("mine", 0)
            log_size = os.path.getsize(server.journal + "-wal")
            with limited(server.process, resource.RLIMIT_FSIZE, log_size):
                with self.assertRaisesRegex(xmlrpc.client.Fault, "not recorded: .*journal's file"):
                    for number in range(1, 100):
                        proxy.monitor.sendEvent("mine", "x" * 10_000)
                self.assertEqual(proxy.monitor.ping(), "pong")
            wait_until(lambda: any(RECORDING_FAILS[1] in line for line in server.stderr.all()),
                       "it is not recorded again")
            proxy.monitor.sendEvent("mine", 100)
            data = [event["data"] for event in read_events(proxy, "mine")]
            self.assertEqual((data[0], data[-1]), (0, 100))


@unittest.skipIf(SLOW > 1, "a sanitizer has threads, and descriptors, of its own")
class Starts(unittest.TestCase):
    """A start with too little of something says so, with status 1; or all is well."""

    def start(self, *command):
        """What is said by a server that does not start; None when it does."""
        with subprocess.Popen([*command, SERVER, "--listen", "127.0.0.1:0", "--journal",
                               ":memory:", "--threads", "4"], env=environment(), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            line = process.stdout.readline()
            process.terminate()
            _, complaints = process.communicate(timeout=PATIENCE)
        if line:
            self.assertEqual(process.returncode, 0, complaints)
            return None
        self.assertEqual(process.returncode, 1, complaints)
        self.assertIn("lookout: error: ", complaints)
        return complaints

    def test_with_few_descriptors(self):
        said = {self.start("prlimit", f"--nofile={count}") is None for count in range(5, 30)}
        self.assertEqual(said, {True, False})

    def test_with_few_threads(self):
        """The limit is one of a user's processes, and root has none."""
        if os.geteuid() != 0:
            self.skipTest("only root can be another user")
        user = 2_000_000_000 + os.getpid()  # has no other processes
        command = ["setpriv", f"--reuid={user}", "--clear-groups"]
        if subprocess.run([*command, "test", "-x", SERVER], check=False).returncode != 0:
            self.skipTest("another user cannot reach the server")
        for count in range(1, 30):
            said = self.start(*command, "prlimit", f"--nproc={count}")
            if said is None:
                break
            self.assertRegex(said, "threads|workers")
        self.assertTrue(3 < count < 29, count)

    def test_in_a_control_group_with_few_threads(self):
        """Who is in it is limited, root or not: systemd's TasksMax and containers do so."""
        for count in range(1, 30):
            with control_group(count) as folder:
                said = self.start("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', folder)
            if said is None:
                break
            self.assertRegex(said, "threads|workers")
        self.assertTrue(3 < count < 29, count)


class Threads(unittest.TestCase):
    def test_a_server_that_runs_needs_no_more(self):
        """Its control group is full: it answers, records, and ends as ever."""
        with Server("--sync", "off") as server, server.proxy() as proxy:
            tasks = len(os.listdir(f"/proc/{server.process.pid}/task"))
            with control_group(tasks) as folder:
                write_line(f"{folder}/cgroup.procs", server.process.pid)
                try:
                    number = proxy.monitor.sendEvent("mine", [1])
                    with server.proxy() as other:
                        self.assertEqual(other.monitor.waitEvents("", 1, 1, ["mine"])["next"],
                                         number)
                    self.assertEqual(proxy.print(1, 2), 2)
                finally:
                    write_line(f"{os.path.dirname(folder)}/cgroup.procs", server.process.pid)


if __name__ == "__main__":
    unittest.main()
