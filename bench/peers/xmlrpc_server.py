"""The peer of Python's own library: xmlrpc.server with a thread for each connection.

Usage: xmlrpc_server.py PORT
"""
import socketserver
import sys
import time
import xmlrpc.server


class Handler(xmlrpc.server.SimpleXMLRPCRequestHandler):
    """Keeps connections open; that class sets TCP_NODELAY and buffers what it writes already."""

    protocol_version = "HTTP/1.1"

    def end_headers(self):
        if self.close_connection:  # which http.server does, but does not say
            self.send_header("Connection", "close")
        super().end_headers()


class Server(socketserver.ThreadingMixIn, xmlrpc.server.SimpleXMLRPCServer):
    daemon_threads = True
    block_on_close = False  # would keep a list of all threads
    request_queue_size = 1024


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def main():
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler, logRequests=False)
    server.register_function(lambda: "pong", "monitor.ping")
    server.register_function(lambda value: value, "test.echo")
    server.register_function(sleep, "test.sleep")
    server.serve_forever()


if __name__ == "__main__":
    main()
