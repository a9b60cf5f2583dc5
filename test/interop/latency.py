"""How long answers take, for a client that asks again and again and waits for each.

While such a client waits it does not ask, so a server that stands still spoils one figure alone,
however long it does. Counted are therefore also those that it would have asked meanwhile.
"""
import statistics


def steady(times, pause):
    """The times, with those of all that was not asked because an answer was late.

    `pause` is what the client leaves between two calls, in the unit of the times.
    """
    found = list(times)
    for time in times:
        while (time := time - pause) > 0:
            found.append(time)
    return found


def p99(times, pause):
    return statistics.quantiles(steady(times, pause), n=100)[98]
