#!/usr/bin/python3
"""fake_https: a report receiver on loopback that misbehaves as the request's path says.

usage: fake_https.py CERTIFICATE KEY REQUESTS CANARY new|old

Prints its port. Every request is in the file REQUESTS, raw, before it is answered; redirects lead
to the port CANARY; old: TLS 1.0 and 1.1 only. Ends with its standard input.
"""
import errno
import gzip
import socket
import ssl
import struct
import sys
import threading
import time

CERTIFICATE, KEY, REQUESTS, CANARY, VERSIONS = sys.argv[1:]


def status(code, *headers):
    lines = ["HTTP/1.1 %d x" % code, *headers, "Content-Length: 0", "Connection: close", "", ""]
    return lambda peer: peer.sendall("\r\n".join(lines).encode())


def page(code, *headers):  # a body that is longer than anybody reads
    lines = ["HTTP/1.1 %d x" % code, *headers, "Content-Length: 5120", "", "x" * 5120]
    return lambda peer: peer.sendall("\r\n".join(lines).encode())


def redirect(code):
    return status(code, "Location: https://127.0.0.1:%s/201" % CANARY)


def forever(begin, more, pause_s=0.0):
    def answer(peer):
        peer.sendall(begin)
        while True:
            peer.sendall(more)
            time.sleep(pause_s)

    return answer


def bomb(peer):
    data = gzip.compress(bytes(16 * 1024 * 1024))
    peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")
    peer.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))


def cut(peer):  # an end without TLS's own
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")
    socket.socket(fileno=peer.detach()).close()


def late(peer):  # long enough to be found waiting
    time.sleep(1)
    status(201)(peer)


def keep(peer):  # the connection, for what follows
    peer.sendall(b"HTTP/1.1 201 x\r\nContent-Length: 0\r\n\r\n")


def session(peer):  # 299: one that this server had with the same client before
    status(299 if peer.session_reused else 200)(peer)


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.socket(fileno=peer.detach()).close()


ANSWERS = {
    "/201": status(201),
    "/201-late": late,
    "/201-keep": keep,
    "/session": session,
    "/200-long": forever(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", bytes(16384)),
    "/200-endless-body": forever(b"HTTP/1.1 200 OK\r\n\r\n", bytes(16384)),
    "/200-endless-headers": forever(b"HTTP/1.1 200 OK\r\n", b"X-Filler: %s\r\n" % (b"x" * 500)),
    "/503-endless-headers": forever(b"HTTP/1.1 503 x\r\n", b"X-Filler: %s\r\n" % (b"x" * 500)),
    "/200-bomb": bomb,
    "/200-cut": cut,
    "/reset": reset,
    "/silent": forever(b"", b"", 0.05),
    "/drip": forever(b"HTTP/1.1 200 OK", b" ", 0.05),
    "/103": forever(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.01),
    "/http09": lambda peer: peer.sendall(b"thank you\n"),
    "/503": status(503),
    "/503-120": status(503, "Retry-After: 120"),
    "/429-date": status(429, "Retry-After: Fri, 31 Dec 2038 23:59:59 GMT"),
    "/429-junk": status(429, "Retry-After: soon"),
    "/400": status(400),
    "/410": status(410),
    "/400-page": page(400),
    "/404-page": page(404),
    "/410-page": page(410),
    "/503-page": page(503, "Retry-After: 120"),
    **{"/%d" % code: redirect(code) for code in (301, 302, 303, 307, 308)},
}


def request_read(peer):
    request = b""
    while b"\r\n\r\n" not in request:
        data = peer.recv(65536)
        if not data:
            return None
        request += data
    head = request.split(b"\r\n\r\n")[0]
    lines = [line.partition(b":") for line in head.lower().split(b"\r\n")]
    lengths = [value for name, _, value in lines if name == b"content-length"]
    while len(request) < len(head) + 4 + int(lengths[0]):
        request += peer.recv(65536)
    return request


def serve(plain, context):
    try:
        with context.wrap_socket(plain, server_side=True) as peer:
            path = "/201-keep"
            while path == "/201-keep":
                request = request_read(peer)
                if request is None:
                    return
                with open(REQUESTS, "ab") as log:
                    log.write(request)
                path = request.split(b" ")[1].decode()
                ANSWERS.get(path, ANSWERS["/201"])(peer)
    except OSError:  # the client has seen enough
        pass


def accept(listener):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    if VERSIONS == "old":
        context.set_ciphers("ALL:@SECLEVEL=0")  # of its own accord OpenSSL speaks them no more
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=serve, args=(plain, context), daemon=True).start()


def listen():
    """The same port on 127.0.0.1 and, where there is IPv6, on ::1."""
    while True:
        first = socket.create_server(("127.0.0.1", 0), backlog=64)
        try:
            where = ("::1", first.getsockname()[1])
            return [first, socket.create_server(where, family=socket.AF_INET6, backlog=64)]
        except OSError as error:
            if error.errno != errno.EADDRINUSE:  # else somebody has the other half of it
                return [first]
            first.close()


if __name__ == "__main__":
    listening = listen()
    print(listening[0].getsockname()[1], flush=True)
    for listener in listening:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    sys.stdin.read()
