"""Each method of the server is called with what none of its signatures takes: all are refused.

What it takes is what the server itself says of it (system.methodSignature), but for those with a
parameter of any type, for which XML-RPC has no word.
"""
import itertools
import unittest
import xmlrpc.client

from lookout import LookoutTest

VALUES = {
    "int": 1, "double": 1.5, "string": "a", "boolean": True, "array": [], "struct": {}, "nil": None,
    "dateTime.iso8601": xmlrpc.client.DateTime("19980717T14:08:55"),
    "base64": xmlrpc.client.Binary(b"x"),
}
ALL_OF_UP_TO = 2  # parameters

TAKE_ANY = {"monitor.sendEvent": [("string",), ("string", "any")], "test.echo": [("any",)],
            "print": None}


def takes(signature, types):
    return len(signature) == len(types) and all(
        wanted in ("any", given) for wanted, given in zip(signature, types))


def neighbours(signature):
    """It with one parameter of each other type, with one less and one more."""
    concrete = tuple("string" if wanted == "any" else wanted for wanted in signature)
    for i, given in itertools.product(range(len(concrete)), VALUES):
        yield concrete[:i] + (given,) + concrete[i + 1:]
    for i in range(len(concrete)):
        yield concrete[:i] + concrete[i + 1:]
    yield from (concrete + (given,) for given in VALUES)


class WrongParameters(LookoutTest):
    options = ("--quiet", "--validator")

    def test_each_method_refuses_what_no_signature_of_it_has(self):
        few = {types for count in range(ALL_OF_UP_TO + 1)
               for types in itertools.product(VALUES, repeat=count)}
        calls = 0
        with self.server.proxy(allow_none=True) as proxy:
            for method, signatures in self.signatures(proxy).items():
                for types in few.union(*map(neighbours, signatures)):
                    if not any(takes(signature, types) for signature in signatures):
                        self.assert_refused(proxy, method, types)
                        calls += 1
        print(f"{calls} calls", end=" ... ")
        self.assertGreater(calls, 2000)

    def signatures(self, proxy):
        """The types of parameters of each method that does not take whatever it is given."""
        found = {method: proxy.system.methodSignature(method)
                 for method in proxy.system.listMethods()}
        undefined = {method for method in found if found[method] == "undef"}
        self.assertEqual(undefined, set(TAKE_ANY))
        defined = {method: [tuple(signature[1:]) for signature in found[method]]
                   for method in set(found) - undefined}
        return {**defined, **{method: signatures for method, signatures in TAKE_ANY.items()
                              if signatures}}

    def assert_refused(self, proxy, method, types):
        with self.assertRaises(xmlrpc.client.Fault, msg=(method, types)) as caught:
            getattr(proxy, method)(*[VALUES[one] for one in types])
        self.assertEqual(caught.exception.faultCode, -32602,
                         (method, types, caught.exception.faultString))


if __name__ == "__main__":
    unittest.main()
