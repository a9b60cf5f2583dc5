"""The examples that the README sends people to: they must do what they say."""
import os
import re
import sys
import unittest
import xmlrpc.client

from lookout import LookoutTest, ROOT, run

EXAMPLES = os.path.join(ROOT, "examples")


class CurlScript(LookoutTest):
    def test_shows_what_is_sent_and_what_comes_back(self):
        script = os.path.join(EXAMPLES, "curl.sh")
        done, lines = self.server.printed_by(run, script, self.server.url)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.count("Content-Type: text/xml"), 3)
        answers = re.findall(r"answers:\n(.*?</methodResponse>)", done.stdout, re.DOTALL)
        self.assertEqual([xmlrpc.client.loads(answer)[0][0] for answer in answers[:2]],
                         ["pong", 10])
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            xmlrpc.client.loads(answers[2])
        self.assertEqual(caught.exception.faultCode, -32601)
        self.assertEqual([line.split()[1] for line in lines[:10]],
                         ["string", "int", "double", "boolean", "dateTime", "base64", "array",
                          "struct", "i8", "nil"])

    def test_says_that_there_is_no_server(self):
        self.assertNotEqual(run(os.path.join(EXAMPLES, "curl.sh"), "http://127.0.0.1:1").returncode,
                            0)


class PythonClient(LookoutTest):
    def client(self, *arguments, server=None):
        server = server or f"127.0.0.1:{self.server.port}"
        return run(sys.executable, os.path.join(EXAMPLES, "client.py"), server, *arguments)

    def test_commands(self):
        self.assertEqual(self.client("ping").stdout, "pong\n")
        self.assertIn("'name': 'lookout'", self.client("status").stdout)
        self.assertIn("'name': 'lookout'", self.client().stdout)
        self.assertEqual(self.client("call", "greet", "Ada").stdout, "Hello, Ada!\n")
        self.assertEqual(self.client("ping", server=self.server.url).stdout, "pong\n")

    def test_print_every_type(self):
        done, lines = self.server.printed_by(
            self.client, "print", "hello", "i/42", "d/2.5", "b/true", "s/i/1", "h/00ff",
            "t/20261123T10:11:12")
        self.assertEqual((done.stdout, done.stderr), ("7\n", ""))
        self.assertEqual([line.split()[1] for line in lines[:7]],
                         ["string", "int", "double", "boolean", "string", "base64", "dateTime"])

    def test_exit_statuses(self):
        self.assertEqual(self.client("call", "no.such").returncode, 1)
        for mistake in (["nonsense"], ["call"], ["print", "i/x"], ["print", "b/maybe"]):
            self.assertEqual(self.client(*mistake).returncode, 2)
        self.assertEqual(self.client("ping", server="127.0.0.1:1").returncode, 3)


if __name__ == "__main__":
    unittest.main()
