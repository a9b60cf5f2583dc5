"""The peer of RPyC: its ThreadedServer, with a thread for each connection. Not XML-RPC.

Usage: rpyc_server.py PORT
"""
import sys

import rpyc
from rpyc.utils.server import ThreadedServer


class Monitor(rpyc.Service):
    def exposed_ping(self):
        return "pong"


if __name__ == "__main__":
    ThreadedServer(Monitor(), hostname="127.0.0.1", port=int(sys.argv[1]), backlog=1024).start()
