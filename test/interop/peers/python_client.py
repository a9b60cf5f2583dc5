"""Python's xmlrpc.client as a peer: see ../peers.py for what a peer reads and writes."""
import sys
import xmlrpc.client

from values import serve, tagged, untagged


def outcome(proxy, step):
    try:
        function = proxy
        for name in step["method"].split("."):
            function = getattr(function, name)
        return {"result": tagged(function(*map(untagged, step["params"])))}
    except xmlrpc.client.Fault as fault:
        return {"fault": {"code": fault.faultCode, "string": fault.faultString}}


with xmlrpc.client.ServerProxy(sys.argv[1], allow_none=True, use_builtin_types=True) as server:
    serve(lambda step: outcome(server, step))
