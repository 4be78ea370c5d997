#!/usr/bin/python3
"""https_recorder: the report receiver behind nginx. Keeps every request, then answers it.

usage: https_recorder.py PORT RECEIVED

A POST or PUT is answered 201, other methods 405, or what a switch says (see received.py). The
record is on disk before the first byte of the answer is sent; what is refused is kept as well.
"""
import http.server
import sys
import time

import received


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def receive(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        host = self.headers.get("Host", "")
        status = self.server.switches.status(host) or (201 if self.command in ("POST", "PUT") else 405)
        self.server.store.keep(
            body,
            host=host,
            method=self.command,
            uri=self.path,
            content_type=self.headers.get("Content-Type"),
            length=length,
            status=status,
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        time.sleep(self.server.switches.wait_s(host))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = receive

    def log_message(self, format, *args):  # the index is the log
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, directory):
        self.store = received.Store(directory, "https", "body")
        self.switches = received.Switches(directory, "https")
        super().__init__(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    Server(int(sys.argv[1]), sys.argv[2]).serve_forever()
