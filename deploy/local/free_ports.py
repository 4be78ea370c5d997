#!/usr/bin/python3
"""Prints NAME=PORT for every NAME: ports on which nobody listens, TCP or UDP, on the loopback address.

usage: free_ports.py FIRST LAST NAME...   (NAME=PORT lines of ports already given away on stdin)
"""
import random
import socket
import sys


def is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def main():
    first, last = int(sys.argv[1]), int(sys.argv[2])
    names = sys.argv[3:]
    given = {int(line.rpartition("=")[2]) for line in sys.stdin}
    # A random start: a port let go a moment ago may still have packets on their way to it.
    start = random.randrange(first, last + 1)
    candidates = [*range(start, last + 1), *range(first, start)]
    free = (port for port in candidates if port not in given and is_free(port))
    for name in names:
        port = next(free, None)
        if port is None:
            sys.exit(f"free_ports: no free port between {first} and {last}")
        print(f"{name}={port}")


if __name__ == "__main__":
    main()
