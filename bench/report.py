"""bench/RESULTS.md: what was measured, in tables."""
import os
import statistics
import textwrap

import plot
from bars import BARS
from workloads import WORKLOADS

HOW = """Each server is started, one answer of it compared with what it must be, and then they take
turns, round by round (A B C A B C …), {rounds} rounds of {seconds} s: a figure is their median,
with the least and the greatest in brackets, a ratio the median of the ratios within each round.
{generator} A server's CPU is what the clocks of its processes say (user and system, ended threads
too), divided by the calls; an error ends the run, as does an answer of another size than the one
that was checked."""
BY = {
    "wrk": "wrk, with one thread, sends the next call on a connection when the last is answered; "
           "p50 and p99 are of all calls, so that while a server stalls few are counted as slow: "
           "those that were under way.",
    "load": "The calls are those of bench/load, and what needs wrk is left out.",
}
RPYC = "RPyC is called by its own client, in four processes of Python, which is slower than wrk."


def _number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _spread(values):
    return f"{_number(statistics.median(values))} ({_number(min(values))} – {_number(max(values))})"


def _rows(table, words=1):
    """A table, its first row the head; the first columns, as many as have words, at the left."""
    head, *rows = table
    rule = ["---"] * words + ["--:"] * (len(head) - words)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _ratio(ours, theirs, what):
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in zip(ours, theirs))


def _workload(workload, rounds):
    """The table of one workload, of the rounds of each contender."""
    ours = rounds.get("lookout")
    kib = any(one.kib for figures in rounds.values() for one in figures)
    head = ["", "calls/s", "p50 ms", "p99 ms", "server CPU µs a call"]
    head += ["KiB each"] * kib + ["Lookout's calls/s", "Lookout's CPU"] * bool(ours)
    table = [head]
    for contender in workload.contenders:
        figures = rounds.get(contender.key)
        if not figures:
            continue
        row = [contender.name, *(_spread([getattr(one, what) for one in figures])
                                 for what in ("rate", "p50_ms", "p99_ms", "cpu_us"))]
        if kib:
            row.append(_spread([one.kib for one in figures]))
        if ours:
            row += ["", ""] if figures is ours else [
                f"{_ratio(ours, figures, 'rate'):.2f}×", f"{_ratio(ours, figures, 'cpu_us'):.2f}×"]
        table.append(row)
    name = workload.name[0].upper() + workload.name[1:]
    return f"### {name}\n\n{workload.note}{chr(10) * 2 if workload.note else ''}{_rows(table)}\n"


def judge(results):
    """(the bar, what it is about, in words, its figure or None), of what was measured."""
    for bar in BARS:
        if bar.workload not in results:
            continue
        workload = WORKLOADS[bar.workload]
        against = next((one.name for one in workload.contenders if one.key == bar.against), "")
        what = {"rate": "calls/s", "cpu_us": "server CPU a call", "p99_ms": "p99",
                "kib": "memory each"}[bar.what]
        yield bar, (workload.name, what, against), bar.value(results[bar.workload])


def _bars(results):
    table = [["workload", "of", "against", "bar", "aim", "figure", "rounds", "verdict"]]
    for bar, words, value in judge(results):
        sign = "≥" if bar.at_least else "≤"
        aim = "" if bar.aim is None else f"{sign} {bar.aim:g}"
        limit = f"{sign} {bar.limit:g} {bar.unit}"
        if value is None:
            table.append([*words, limit, aim, "", "", "not measured"])
        else:
            table.append([*words, limit, aim, f"{value[0]:.2f}",
                          f"{value[1]:.2f} – {value[2]:.2f}", bar.verdict(value[0])])
    return _rows(table, words=3)


def _pictures(results, path):
    """Draws what is drawn of ping at 64 connections; the line of the report that shows it."""
    rounds = results.get("ping64")
    if not rounds:
        return []
    groups = []
    for what, title, most_first in (
            ("rate", "monitor.ping, 64 connections: calls a second (more is better)", True),
            ("cpu_us", "the same: server CPU µs a call (less is better)", False)):
        rows = [(one.name, statistics.median(getattr(figures, what)
                                             for figures in rounds[one.key]), one.key == "lookout")
                for one in WORKLOADS["ping64"].contenders if one.key in rounds]
        groups.append((title, sorted(rows, key=lambda row: row[1], reverse=most_first)))
    with open(path, "w", encoding="utf-8") as file:
        file.write(plot.draw(groups))
    return [f"![Calls a second and server CPU a call, by server]({os.path.basename(path)})", ""]


def write(path, results, run):
    """Writes the report, and the plot beside it. `run` has what is said of the run itself."""
    how = HOW.format(rounds=run["rounds"], seconds=run["seconds"], generator=BY[run["generator"]])
    if any("rpyc" in rounds for rounds in results.values()):
        how += " " + RPYC
    lines = ["# Lookout beside other servers", "",
             f"Written by `bench/compare` on {run['date']}.", "", textwrap.fill(how, 100), "",
             _rows([["", ""], *map(list, run["facts"])], words=2), ""]
    lines += [f"- Left out: {name}: {reason}." for name, reason in run["missing"]]
    lines += [""] * bool(run["missing"])
    lines += _pictures(results, os.path.splitext(path)[0] + ".svg")
    lines += ["## The bars", "", _bars(results), "", "## The workloads", ""]
    lines += [_workload(WORKLOADS[key], rounds) for key, rounds in results.items()]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
