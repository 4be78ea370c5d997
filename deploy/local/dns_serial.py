#!/usr/bin/python3
"""Prints the serial of a zone as the name server on 127.0.0.1:PORT answers it now.

usage: dns_serial.py PORT ZONE
"""
import socket
import struct
import sys


def query(zone):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in zone.rstrip(".").split("."))
    return struct.pack("!6H", 1, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 6, 1)


def main():
    port, zone = int(sys.argv[1]), sys.argv[2]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", port))
        client.send(query(zone))
        answer = client.recv(4096)
    flags, answers = struct.unpack("!2xH2xH", answer[:8])
    if flags & 15 or answers == 0:
        sys.exit(f"dns_serial: no answer for {zone}: rcode {flags & 15}")
    # The SOA is the only answer; its five numbers end it, and the authority section follows.
    question = len(query(zone))
    length = struct.unpack("!H", answer[question + 10 : question + 12])[0]
    end = question + 12 + length
    print(struct.unpack("!I", answer[end - 20 : end - 16])[0])


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"dns_serial: {error}")
