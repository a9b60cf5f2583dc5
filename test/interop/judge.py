"""Holds what came back on a connection against what its case expects."""
import io
import xmlrpc.client

from catalogue import ANSWER, CLOSED, EITHER, FAULT, REFUSAL, SILENCE, VALUE, Expected
from lookout import read_response

PONG = Expected(VALUE, "pong", "")


def plain(value):
    """The value in Python's own types alone."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, xmlrpc.client.DateTime):
        return value.value
    if isinstance(value, xmlrpc.client.Binary):
        return value.data
    return value


def same(value, other):
    """Whether they are alike down to the types: 1 is neither 1.0 nor True."""
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(same, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(same(value[name], other[name])
                                                    for name in value)
    return repr(value) == repr(other)


def short(text):
    text = str(text)
    return text if len(text) < 300 else f"{text[:300]}…"


def wrong_answer(expected, response):
    """What is wrong with an answer to a call; None when nothing is."""
    if response.status != 200:
        return f"status {response.status}: {short(response.body.decode())}"
    if response.headers.get("content-type", "").split(";")[0] != "text/xml":
        return "it is not of the type text/xml"
    try:
        value = plain(response.value())
    except xmlrpc.client.Fault as fault:
        if expected.kind == EITHER:
            return None
        if expected.kind == FAULT and fault.faultCode == expected.what \
                and expected.text.lower() in fault.faultString.lower():
            return None
        return f"fault {fault.faultCode}: {short(fault.faultString)}"
    fits = expected.kind in (ANSWER, EITHER) or \
        expected.kind == VALUE and same(value, plain(expected.what))
    return None if fits else f"value {short(repr(value))}"


def wrong_refusal(expected, response, without_content):
    text = response.body.decode()
    if response.status != expected.what:
        return f"status {response.status}: {short(text)}"
    if response.headers.get("connection", "").lower() != "close":
        return "it does not say that the connection closes"
    if not without_content and expected.text.lower() not in text.lower():
        return f"it says {short(text)}"
    return None


def wrong_response(expected, response, without_content):
    """What is wrong with one response; None when nothing is."""
    opened = [name for name in response.headers if name.startswith("access-control")]
    if opened:
        return f"it lets pages from elsewhere call: {opened}"
    if expected.kind == REFUSAL:
        return wrong_refusal(expected, response, without_content)
    return wrong_answer(expected, response)


def read_responses(back, without_content):
    """All final responses. Those to HEAD have no content, whatever their length says."""
    stream, responses = io.BytesIO(back), []
    while stream.tell() < len(back):
        response = read_response(stream, without_content)
        if response.status >= 200:
            responses.append(response)
    return responses


def expected_of(case, cut_short):
    """What must come back, up to the end of the connection; or may, when the input is cut short:
    a refusal can come before all that is refused has, but not an answer.
    """
    responses = [one for one in case.expected if one.kind not in (SILENCE, CLOSED)]
    if cut_short:
        return responses if responses[-1:] and responses[-1].kind == REFUSAL else responses[:-1]
    return [*responses, PONG] if case.kept else responses


def complaint(case, back, cut_short=False):
    """What is wrong with all that came back; None when nothing is."""
    without_content = case.sent.startswith(b"HEAD ")
    wanted = expected_of(case, cut_short)
    try:
        responses = read_responses(back, without_content)
        for i, (expected, response) in enumerate(zip(wanted, responses)):
            wrong = wrong_response(expected, response, without_content)
            if wrong:
                return f"response {i + 1}: {wrong}"
    except Exception as error:  # whatever a broken server sends
        return f"what came back cannot be read ({error!r}): {short(back)}"
    if len(responses) > len(wanted) or len(responses) < len(wanted) and not cut_short:
        return f"{len(responses)} responses, not {len(wanted)}"
    return None
