"""Calls the RPyC peer as wrk calls the others: a call at a time on each connection.

The connections are spread over a few processes, each with a thread for each of its connections.
Prints, as JSON, the calls, the seconds that a connection called for, and the median and 99th percentile of a call.

Usage: rpyc_load.py PORT CONNECTIONS SECONDS
"""
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time

import rpyc

PROCESSES = 4  # more of them take from the server what they gain


def call(port, start, seconds, latencies):
    connection = rpyc.connect("127.0.0.1", port)
    ping = connection.root.ping  # looked up once: each call is then one exchange
    if ping() != "pong":
        raise ValueError("the answer is wrong")
    start.wait()
    before = time.monotonic()
    until = before + seconds
    while before < until:
        ping()
        now = time.monotonic()
        latencies.append(now - before)
        before = now
    connection.close()


def fail(failed):
    """A thread that dies takes its process along: what the others did is no measurement."""
    sys.stderr.write(f"not every call went well: {failed.exc_value!r}\n")
    os._exit(1)


def call_over(port, connections, seconds, start, answer):
    threading.excepthook = fail
    latencies = [[] for _ in range(connections)]
    threads = [threading.Thread(target=call, args=(port, start, seconds, own)) for own in latencies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer.send([one for own in latencies for one in own])


def main():
    port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    count = min(PROCESSES, connections)
    start = multiprocessing.Barrier(connections + 1)
    processes, answers = [], []
    for i in range(count):
        here, there = multiprocessing.Pipe(duplex=False)
        share = connections // count + (i < connections % count)
        process = multiprocessing.Process(target=call_over,
                                          args=(port, share, seconds, start, there))
        process.start()
        there.close()  # so that a process that dies is noticed
        processes.append(process)
        answers.append(here)
    start.wait(timeout=60)
    latencies = [one for answer in answers for one in answer.recv()]
    for process in processes:
        process.join()
    cuts = statistics.quantiles(latencies, n=100)
    print(json.dumps({"calls": len(latencies), "seconds": sum(latencies) / connections,
                      "p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000}))


if __name__ == "__main__":
    main()
