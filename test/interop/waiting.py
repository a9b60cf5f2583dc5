"""For tests of waiting for events: the request, and a client that sends it."""
from lookout import LookoutTest, call_body, read_events, request, wait_for_waiters

LONG = 600  # seconds: no test waits for so long, so an answer was not due to the time-out


def wait(after, *types, limit=10, timeout=LONG, fields=()):
    body = call_body("monitor.waitEvents", after, limit, timeout, *([types] if types else []))
    return request(body, *fields)


class WaitingTest(LookoutTest):
    """Each test has a proxy and a raw connection, closed at its end, and a type of its own."""

    def setUp(self):
        self.proxy = self.server.proxy()
        self.addCleanup(self.proxy("close"))
        self.waiter = self.server.connect()
        self.addCleanup(self.waiter.close)
        self.type = self.id().rpartition(".")[2][:63]
        self.proxy.monitor.sendEvent("start")
        self.last = self.proxy.monitor.getStatus()["events"]["last"]

    def send(self, *data):
        return self.proxy.monitor.sendEvent(self.type, *data)

    def begin(self, *types, connection=None, after=None, **options):
        """Sends the request; returns when the server has its client among those who wait."""
        before = self.proxy.monitor.getStatus()["waiters"]
        (connection or self.waiter).send(wait(after or self.last, *types, **options))
        wait_for_waiters(self.proxy, before + 1)

    def ids(self, connection=None):
        """The ids in the answer that is to come."""
        return [event["id"] for event in (connection or self.waiter).read().value()["events"]]

    def visits(self, kind, connection):
        """The events of this type that tell of the connection."""
        return [event for event in read_events(self.proxy, kind)
                if event["data"]["peer"] == connection.peer]

    def shown(self):
        """What the server shows of the connection that waits."""
        return self.server.shown(self.waiter)
