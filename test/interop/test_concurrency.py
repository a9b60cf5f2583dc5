"""Many clients at once: slow methods, busy workers, thousands of connections."""
import resource
import select
import threading
import time
import unittest

from lookout import PATIENCE, PING, SLOW, Server, call_body, request, wait_until

AT_ONCE = 2 * SLOW  # seconds: generous, to find what waits for something else


def sleep(seconds):
    return request(call_body("test.sleep", seconds))


class Clients:
    """A number of connections that the server has accepted: each had an answer."""

    def __init__(self, server, count):
        self.all = []
        for _ in range(count):
            self.all.append(server.connect())
        for client in self.all:
            client.send(PING)
        for client in self.all:
            assert client.read().value() == "pong"

    def __enter__(self):
        return self.all

    def __exit__(self, *_):
        for client in self.all:
            client.close()


def open_connections(connection):
    return connection.ask(request(call_body("monitor.getStatus"))).value()["connections"]["open"]


class SlowMethods(unittest.TestCase):
    def seconds_of_a_round(self, clients):
        began = time.monotonic()
        for client in clients:
            client.send(sleep(0.05))
        for client in clients:
            self.assertEqual(client.read().value(), 0.05)
        return time.monotonic() - began

    def test_64_clients_are_answered_concurrently(self):
        """One after the other they would take 3.2 s. The best of three rounds counts."""
        with Server("--threads", "64") as server, Clients(server, 64) as clients:
            seconds = min(self.seconds_of_a_round(clients) for _ in range(3))
        self.assertGreaterEqual(seconds, 0.05)
        self.assertLess(seconds, 0.4 * SLOW)

    def test_a_new_client_past_the_limit_is_told_while_all_are_busy(self):
        options = ("--threads", "4", "--max-connections", "4")
        with Server(*options) as server, Clients(server, 4) as busy:
            for client in busy:
                client.send(sleep(3.0))
            for _ in range(3):
                with server.connect() as refused:
                    response = refused.read()  # it needs to say nothing for that
                    self.assertEqual(response.status, 503)
                    self.assertGreaterEqual(int(response.headers["retry-after"]), 1)
                    self.assertIsNone(refused.read())
            answered, _, _ = select.select([client.socket for client in busy], [], [], 0)
            self.assertEqual(answered, [], "the busy ones were answered before")
            for client in busy:
                self.assertEqual(client.read().value(), 3.0)

    def test_while_all_are_busy_each_of_many_is_told(self):
        """More than the server keeps places for, and none of them reads or sends anything else."""
        options = ("--threads", "4", "--max-connections", "4")
        with Server(*options) as server, Clients(server, 4) as busy:
            for client in busy:
                client.send(sleep(1.5))
            for _ in range(150):
                with server.connect() as refused:
                    self.assertEqual(refused.ask(PING).status, 503)
            for client in busy:
                self.assertEqual(client.read().value(), 1.5)

    def test_a_request_that_no_worker_had_time_for_is_told(self):
        """It came in time: neither a reset nor a 408 would be true."""
        options = ("--threads", "1", "--keepalive", "1", "--request-timeout", "1")
        with Server(*options) as server, Clients(server, 2) as (busy, waiting):
            busy.send(sleep(3.0))
            response = waiting.ask(PING)
            self.assertEqual(response.status, 503)
            self.assertIn(b"busy", response.body)
            self.assertEqual(busy.read().value(), 3.0)

    def test_a_new_client_is_answered_when_a_worker_is_free_again(self):
        with Server("--threads", "4") as server, Clients(server, 4) as busy:
            for client in busy:
                client.send(sleep(0.5))
            with server.connect() as waiting:
                self.assertEqual(waiting.ask(PING).value(), "pong")

    def test_deadlines_hold_while_all_are_busy(self):
        options = ("--threads", "1", "--request-timeout", "1", "--keepalive", "1")
        with Server(*options) as server, Clients(server, 2) as (busy, idle), \
                server.connect() as slow:
            slow.send(PING[:-1])
            self.assertEqual(idle.ask(PING).value(), "pong")  # by then the worker read that
            busy.send(sleep(4.0))
            self.assertEqual(slow.read().status, 408)
            self.assertIsNone(idle.read())
            answered, _, _ = select.select([busy.socket], [], [], 0)
            self.assertEqual(answered, [], "the deadlines waited for the method")
            self.assertEqual(busy.read().value(), 4.0)


class ManyConnections(unittest.TestCase):
    COUNT = 2000

    @classmethod
    def setUpClass(cls):
        """Descriptors for both ends are needed; the server inherits the limit."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard != resource.RLIM_INFINITY and hard < cls.COUNT + 200:
            raise unittest.SkipTest(f"only {hard} open files are allowed (ulimit -Hn)")

    def test_2000_idle_connections_and_one_more(self):
        with Server("--max-connections", str(self.COUNT)) as server:
            with Clients(server, self.COUNT - 1) as idle:
                began = time.monotonic()
                with server.connect() as last:
                    self.assertEqual(last.ask(PING).value(), "pong")
                    self.assertLess(time.monotonic() - began, AT_ONCE)
                    self.assertEqual(open_connections(last), self.COUNT)

                    began = time.monotonic()
                    with server.connect() as refused:
                        self.assertEqual(refused.read().status, 503)
                        self.assertLess(time.monotonic() - began, AT_ONCE)
                    self.assertEqual(idle[0].ask(PING).value(), "pong")
                wait_until(lambda: open_connections(idle[0]) == self.COUNT - 1,
                           "the last one is not forgotten")
                with server.connect() as next_one:  # there is room again
                    self.assertEqual(next_one.ask(PING).value(), "pong")

    def test_connections_that_leave_together_are_all_forgotten(self):
        with Server() as server, server.connect() as watcher:
            with Clients(server, 500):
                self.assertEqual(open_connections(watcher), 501)
            deadline = time.monotonic() + PATIENCE
            while open_connections(watcher) > 1:
                self.assertLess(time.monotonic(), deadline)


class Churn(unittest.TestCase):
    def test_a_connection_for_each_call_from_many_clients(self):
        clients, calls = 16, 25
        wrong = []

        def client(number):
            try:
                for i in range(calls):
                    with server.connect() as connection:
                        value = number * 1000 + i
                        answer = connection.ask(request(call_body("test.echo", value))).value()
                        if answer != value:
                            wrong.append((value, answer))
            except Exception as error:  # on a thread: to be shown by the test
                wrong.append(error)

        with Server() as server:
            threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            with server.proxy() as proxy:
                self.assertEqual(proxy.monitor.getStatus()["connections"]["total"],
                                 clients * calls + 1)

    def test_lines_of_concurrent_prints_stay_together(self):
        with Server() as server, Clients(server, 16) as clients:
            for number, client in enumerate(clients):
                client.send(request(call_body("print", *[f"client {number}"] * 20)) * 5)
            for client in clients:
                for _ in range(5):
                    self.assertEqual(client.read().value(), 20)
            server.stop()
            printed = [line for line in server.lines() if line.startswith("print")]
        self.assertEqual(len(printed), 16 * 5 * 20)
        for i in range(0, len(printed), 20):
            names = {line.split()[1] for line in printed[i:i + 20]}
            numbers = [int(line.split()[2]) for line in printed[i:i + 20]]
            self.assertEqual((len(names), numbers), (1, list(range(1, 21))))


if __name__ == "__main__":
    unittest.main()
