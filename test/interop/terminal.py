"""What must not reach a terminal, and all that the server shows on its own."""
import re

# What a terminal acts on, or what reorders or hides a text: C0, DEL, C1, marks, separators,
# embeddings, overrides and isolates of direction, the byte order mark. Surrogates are bytes that
# are not UTF-8 (PEP 383).
NASTY = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
                   "\ud800-\udfff]")

# All that a server shows, of which a string must not make up a line.
LINES = re.compile(r"(listening on|recording in) \S+|connected on [-0-9:. ]+ conn\d+ \S+|"
                   r"disconnected on [-0-9:. ]+ conn\d+ \S+ .+|"
                   r"print conn\d+ (\d+ [a-z0-9A-Z.]+( .*)?|no arguments|… .*|sum .*)|"
                   r"… \d+ lines? w(as|ere) not shown: the terminal did not keep up")


def assert_harmless(text):
    found = NASTY.search(text)
    if found:
        around = text[max(found.start() - 40, 0):found.end() + 10]
        raise AssertionError(f"this acts on a terminal: {ascii(around)}")


def assert_shown(lines):
    """Of the server's lines: none is harmful, and none made up by a string within another."""
    for line in lines:
        assert_harmless(line)
        if not LINES.fullmatch(line):
            raise AssertionError(f"the server shows no such line by itself: {ascii(line)}")
