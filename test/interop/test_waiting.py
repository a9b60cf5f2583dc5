"""Waiting for events: waitEvents wakes in time, costs no thread, and misses nothing."""
import os
import threading
import time
import unittest
import xmlrpc.client

from lookout import (PATIENCE, PING, SLOW, Server, call_body, read_events, request,
                     wait_for_waiters, wait_until)
from waiting import LONG, WaitingTest, wait


class Waking(WaitingTest):
    def test_what_is_there_is_answered_at_once(self):
        ids = [self.send(i) for i in range(3)]
        self.waiter.send(wait(self.last))
        self.assertEqual(self.ids(), ids)
        self.waiter.send(wait(ids[0], limit=1))
        self.assertEqual(self.ids(), ids[1:2])

    def test_an_event_that_comes_later_wakes(self):
        self.begin()
        number = self.send({"a": 1})
        answer = self.waiter.read().value()
        self.assertEqual(answer.keys(), {"events", "next", "first", "truncated"})
        event, = answer["events"]
        self.assertEqual((event["id"], event["type"], event["data"]), (number, self.type, {"a": 1}))
        self.assertEqual((answer["next"], answer["truncated"]), (number, False))

    def test_a_print_wakes(self):
        self.begin("print")
        self.proxy.print(self.type)
        event, = self.waiter.read().value()["events"]
        self.assertEqual((event["type"], event["data"]), ("print", [self.type]))

    def test_only_an_event_of_its_types_wakes(self):
        """Whatever else happens, its first answer has what it waits for."""
        self.begin(self.type, "other")
        for i in range(20):
            self.proxy.monitor.sendEvent(f"{self.type}.{i}")
            self.proxy.print("x")
        number = self.send()
        self.assertEqual(self.ids(), [number])

    def test_connections_wake_only_who_names_them(self):
        with self.server.connect() as other:
            self.begin(connection=other)
            last, = (event["id"] for event in wait_until(
                lambda: self.visits("connect", other), "its connect was not recorded"))
            self.begin("connect", after=last)
            with self.server.connect() as visitor:
                event, = self.waiter.read().value()["events"]
                self.assertEqual([event], self.visits("connect", visitor))
            number = self.send()
            self.assertEqual(self.ids(other), [number])

    def test_what_another_waiter_runs_next_delays_nobody(self):
        """An event wakes three at once, the outer two of which go on to a method that takes long:
        whichever end of the queue a worker begins at, the one between them must not be behind it.
        """
        seconds = 4
        sleep = request(call_body("test.sleep", float(seconds)))
        with self.server.connect() as first, self.server.connect() as last:
            for count, (connection, then) in enumerate([(first, sleep), (self.waiter, b""),
                                                        (last, sleep)], start=1):
                connection.send(wait(self.last) + then)
                wait_for_waiters(self.proxy, count)
            began = time.monotonic()
            number = self.send()
            self.assertEqual(self.ids(), [number])
            self.assertLess(time.monotonic() - began, seconds)
            for sleeper in first, last:
                self.assertEqual(self.ids(sleeper), [number])
                self.assertEqual(sleeper.read().value(), seconds)

    def test_two_of_different_types_wake_apart(self):
        with self.server.connect() as other:
            self.begin("one")
            self.begin("two", connection=other)
            one = self.proxy.monitor.sendEvent("one")
            self.assertEqual(self.ids(), [one])
            wait_for_waiters(self.proxy, 1)
            two = self.proxy.monitor.sendEvent("two")
            self.assertEqual(self.ids(other), [two])
            wait_for_waiters(self.proxy, 0)

    def test_a_connection_that_waited_can_be_used_again(self):
        for _ in range(3):
            self.begin(after=self.last)
            number = self.last = self.send()
            self.assertEqual(self.ids(), [number])
            self.assertEqual(self.waiter.ask(PING).value(), "pong")

    def test_a_connection_that_is_to_close_closes_after_the_answer(self):
        self.begin(fields=("Connection: close",))
        number = self.send()
        self.assertEqual(self.ids(), [number])
        self.assertIsNone(self.waiter.read())

    def test_requests_behind_a_wait_are_answered_after_it_in_order(self):
        """One came together with it, the other while it waited."""
        before = self.proxy.monitor.getStatus()["waiters"]
        echo = [request(call_body("test.echo", i)) for i in range(2)]
        self.waiter.send(wait(self.last) + echo[0])
        wait_for_waiters(self.proxy, before + 1)
        self.waiter.send(echo[1])
        number = self.send()
        self.assertEqual(self.ids(), [number])
        self.assertEqual([self.waiter.read().value() for _ in echo], [0, 1])

    def test_waits_behind_one_another(self):
        self.begin("one")
        self.waiter.send(wait(self.last, "two") + wait(self.last, "three"))
        three, two, one = (self.proxy.monitor.sendEvent(name) for name in ("three", "two", "one"))
        self.assertEqual([self.ids() for _ in range(3)], [[one], [two], [three]])

    def test_a_wait_outlasts_the_times_allowed_for_other_things(self):
        options = ("--keepalive", "0.5", "--request-timeout", "0.5")
        with Server(*options) as server, server.connect() as waiter:
            began = time.monotonic()
            response = waiter.ask(wait("9" * 18, "x", timeout=2))
            self.assertEqual(response.value()["events"], [])
            self.assertGreaterEqual(time.monotonic() - began, 2)


class Sight(WaitingTest):
    def test_who_waits_is_shown_as_waiting(self):
        self.begin()
        shown = self.shown()
        self.assertEqual((shown["state"], shown["method"]), ("waiting", "monitor.waitEvents"))
        self.assertEqual(self.proxy.monitor.getStatus()["waiters"], 1)

    def stats(self):
        return next(one for one in self.proxy.monitor.getMethodStats()
                    if one["method"] == "monitor.waitEvents")

    def test_a_wait_counts_as_one_call_without_its_waiting(self):
        """Also one that looked many times, as events of other types came."""
        self.proxy.monitor.waitEvents("", 1, 0)  # what was never called has no numbers
        status, before = self.proxy.monitor.getStatus(), self.stats()
        self.begin("other")
        began = time.monotonic()
        events = 20
        for _ in range(events):
            self.send()
        wait_until(lambda: time.monotonic() - began > 1, "time stands still")
        self.proxy.monitor.sendEvent("other")
        self.assertEqual(len(self.ids()), 1)
        after = self.stats()
        self.assertEqual(after["calls"] - before["calls"], 1)
        self.assertEqual(after["faults"], before["faults"])
        self.assertLess(after["seconds"] - before["seconds"], 0.5)
        own = self.shown()
        self.assertEqual((own["calls"], own["faults"], own["state"]), (1, 0, "idle"))
        self.assertGreater(self.proxy.monitor.getStatus()["calls"], status["calls"] + events)


class Many(unittest.TestCase):
    COUNT = 200

    def test_they_take_no_threads_and_all_wake(self):
        with Server("--threads", "2", "--quiet") as server, server.proxy() as proxy:
            waiters = [server.connect() for _ in range(self.COUNT)]
            last = proxy.monitor.getStatus()["events"]["last"]
            threads = len(os.listdir(f"/proc/{server.process.pid}/task"))
            for waiter in waiters:
                waiter.send(wait(last, "wake"))
            wait_for_waiters(proxy, self.COUNT)
            self.assertEqual(len(os.listdir(f"/proc/{server.process.pid}/task")), threads)
            began = time.monotonic()
            self.assertEqual(proxy.monitor.ping(), "pong")
            self.assertLess(time.monotonic() - began, 1 * SLOW)
            number = proxy.monitor.sendEvent("wake")
            for waiter in waiters:
                self.assertEqual([event["id"] for event in waiter.read().value()["events"]],
                                 [number])
                self.assertEqual(waiter.ask(PING).value(), "pong")
                waiter.close()
            self.assertEqual(proxy.monitor.getStatus()["waiters"], 0)

    def follow(self, server, types, timeout, seen):
        """Collects the data of all events, waiting for each next one, up to the end."""
        after = "0"
        with server.connect(3 * PATIENCE) as connection:
            while "end" not in seen:
                answer = connection.ask(wait(after, *types, limit=100, timeout=timeout)).value()
                seen += [event["data"] for event in answer["events"]]
                after = answer["next"]

    def test_nothing_falls_between_two_waits(self):
        """Those who follow get everything once, also when it comes as their time is over."""
        followers, writers, each = 6, 4, 200
        seen = [[] for _ in range(followers)]

        def write(number):
            with server.proxy() as proxy:
                for i in range(each):
                    proxy.monitor.sendEvent(f"type{i % 2}", [number, i])

        with Server("--threads", "4", "--quiet", "--recent", "64K") as server, \
                server.proxy() as proxy:
            threads = [threading.Thread(target=self.follow, args=(
                server, [f"type{i % 2}", "end"], 0.002 if i > 3 else LONG, seen[i]))
                       for i in range(followers)]
            threads += [threading.Thread(target=write, args=(i,)) for i in range(writers)]
            for thread in threads:
                thread.start()
            for thread in threads[followers:]:
                thread.join()
            proxy.monitor.sendEvent("end", "end")
            for thread in threads[:followers]:
                thread.join()
            events = [(event["type"], event["data"]) for event in
                      read_events(proxy, "type0", "type1")]
        self.assertEqual(len(events), writers * each)
        for i, data in enumerate(seen):
            self.assertEqual(data, [data for kind, data in events if kind == f"type{i % 2}"]
                             + ["end"])

    def test_who_asks_for_different_things_gets_them(self):
        """Also side by side with others who ask for nearly the same, and woken by the same event."""
        kinds = [(("wake",), 10, ()), (("wake",), 1, ()), ((), 10, ()), (("wake", "x"), 10, ()),
                 (("wake",), 10, ("Connection: close",))]
        with Server("--threads", "2", "--quiet") as server, server.proxy() as proxy:
            last = proxy.monitor.sendEvent("start")
            waiters = []
            for i in range(100):
                types, limit, fields = kinds[i % len(kinds)]
                waiter = server.connect()
                waiter.send(wait(last, *types, limit=limit, fields=fields))
                waiters.append((waiter, limit, fields))
            wait_for_waiters(proxy, len(waiters))
            calls = xmlrpc.client.MultiCall(proxy)
            calls.monitor.sendEvent("wake", 1)
            calls.monitor.sendEvent("wake", 2)
            ids = list(calls())  # both in one transaction, but for bad luck
            for waiter, limit, fields in waiters:
                response = waiter.read()
                answer = response.value()
                found = [event["id"] for event in answer["events"]]
                self.assertIn(found, (ids[:1], ids[:limit]))
                self.assertEqual((answer["next"], answer["truncated"]), (found[-1], False))
                if fields:
                    self.assertIsNone(waiter.read())
                else:
                    self.assertEqual(waiter.ask(PING).value(), "pong")
                waiter.close()

    def test_who_missed_something_is_told_and_nobody_else(self):
        """Two ask for the same and are woken by the same, but have looked at events up to another."""
        with Server("--threads", "1", "--keep-events", "6", "--quiet") as server, \
                server.proxy() as proxy, server.connect() as early, server.connect() as late:
            last = proxy.monitor.sendEvent("start")
            early.send(wait(last, "wake"))
            wait_for_waiters(proxy, 1)
            for _ in range(5):
                proxy.monitor.sendEvent("other")
            late.send(wait(last, "wake"))
            wait_for_waiters(proxy, 2)
            for _ in range(4):
                proxy.monitor.sendEvent("other")
            number = proxy.monitor.sendEvent("wake")
            for waiter, truncated in ((early, True), (late, False)):
                answer = waiter.read().value()
                self.assertEqual([event["id"] for event in answer["events"]], [number])
                self.assertIs(answer["truncated"], truncated)

    def test_what_a_waiter_sends_meanwhile_costs_nothing(self):
        """Its call, of which the parsing takes long, is not run again for it."""
        with Server("--quiet", "--max-body", "16M") as server, server.proxy() as proxy, \
                server.connect() as waiter:
            last = proxy.monitor.sendEvent("start")
            body = call_body("monitor.waitEvents", last, 10, LONG)
            body = body.replace(b"<params>", b"<params>" + b"<!-- x -->" * 800000)
            began = server.cpu_seconds()
            waiter.send(request(body))
            wait_for_waiters(proxy, 1)
            once = server.cpu_seconds() - began
            began = server.cpu_seconds()
            for byte in PING * 2:
                waiter.send(bytes([byte]))
                proxy.monitor.ping()  # by now the byte was noticed
                wait_until(lambda: server.shown(waiter)["state"] == "waiting", "it waits no more")
            self.assertLess(server.cpu_seconds() - began, len(PING * 2) * once / 4)
            number = proxy.monitor.sendEvent("end")
            self.assertEqual([event["id"] for event in waiter.read().value()["events"]], [number])
            self.assertEqual([waiter.read().value() for _ in range(2)], ["pong"] * 2)


class OldEvents(unittest.TestCase):
    """Waits that begin with what is no longer in memory."""

    def fill(self, proxy, count=300):
        return [proxy.monitor.sendEvent("old", [i, "x" * 1000]) for i in range(count)]

    def test_old_events_are_answered_at_once(self):
        with Server("--recent", "64K") as server, server.proxy() as proxy, \
                server.connect() as waiter:
            ids = self.fill(proxy)
            answer = waiter.ask(wait("", "old")).value()
            self.assertEqual([event["id"] for event in answer["events"]], ids[:10])
            self.assertEqual(waiter.ask(PING).value(), "pong")

    def test_old_events_are_there_also_for_who_does_not_wait(self):
        with Server("--recent", "64K") as server, server.proxy() as proxy:
            ids = self.fill(proxy)
            for timeout in (0, 0.001):
                with self.subTest(timeout=timeout):
                    answer = proxy.monitor.waitEvents("", 10, timeout, ["old"])
                    self.assertEqual([event["id"] for event in answer["events"]], ids[:10])

    def test_a_stop_answers_who_waits_for_the_old(self):
        """Some have their page by then; those who have none are told why."""
        with Server("--recent", "64K", "--quiet") as server, server.proxy() as proxy:
            self.fill(proxy, 2000)
            readers = [server.connect() for _ in range(100)]
            body = call_body("monitor.readEvents", "", 1000, ["none"])
            for reader in readers:
                reader.send(request(body))
            server.wait_until_runs("monitor.readEvents", len(readers))
            server.stop()
            answers = [reader.read() for reader in readers]
            self.assertNotIn(None, answers)
            for reader in readers:
                reader.close()

    def test_a_wait_goes_on_when_the_old_have_none_of_its_type(self):
        with Server("--recent", "64K") as server, server.proxy() as proxy, \
                server.connect() as waiter:
            self.fill(proxy)
            waiter.send(wait("", "rare"))
            wait_for_waiters(proxy, 1)
            number = proxy.monitor.sendEvent("rare")
            answer = waiter.read().value()
            self.assertEqual([event["id"] for event in answer["events"]], [number])
            self.assertEqual((answer["next"], answer["truncated"]), (number, False))

    def test_a_wait_that_began_truncated_says_so_in_the_end(self):
        with Server("--recent", "64K", "--keep-events", "100") as server, \
                server.proxy() as proxy, server.connect() as waiter:
            ids = self.fill(proxy)
            waiter.send(wait(ids[0], "rare"))
            wait_for_waiters(proxy, 1)
            number = proxy.monitor.sendEvent("rare")
            answer = waiter.read().value()
            self.assertEqual([event["id"] for event in answer["events"]], [number])
            self.assertTrue(answer["truncated"])

    def test_the_time_ends_a_wait_that_began_with_the_old(self):
        with Server("--recent", "64K") as server, server.proxy() as proxy, \
                server.connect() as waiter:
            ids = self.fill(proxy)
            answer = waiter.ask(wait("", "rare", timeout=0.5)).value()
            self.assertEqual(answer["events"], [])
            self.assertGreaterEqual(int(answer["next"]), int(ids[-1]))


if __name__ == "__main__":
    unittest.main()
