#!/usr/bin/python3
"""smtp_sink: a mail relay that delivers nothing. Keeps every message, then says 250.

usage: smtp_sink.py PORT RECEIVED CERTIFICATE KEY

A recipient is refused with what a switch says (see received.py). Message and envelope are on disk
before the 250 is sent. STARTTLS is offered, not demanded.
"""
import asyncio
import ssl
import sys

from aiosmtpd.smtp import SMTP

import received

SIZE_MAX = 64 * 1024 * 1024


class Handler:
    def __init__(self, directory):
        self.store = received.Store(directory, "smtp", "eml")
        self.switches = received.Switches(directory, "smtp")

    async def handle_RCPT(self, server, session, envelope, address, options):
        status = self.switches.status(address)
        if status is None:
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 kept here"
        self.keep(None, envelope, [address], session, status)
        return f"{status} {status // 100}.1.0 refused by a switch"

    async def handle_DATA(self, server, session, envelope):
        self.keep(envelope.original_content, envelope, envelope.rcpt_tos, session, 250)
        waits = [self.switches.wait_s(address) for address in envelope.rcpt_tos]
        await asyncio.sleep(max(waits))
        return "250 2.0.0 kept"

    def keep(self, message, envelope, recipients, session, status):
        self.store.keep(
            message,
            mail_from=envelope.mail_from,
            rcpt_tos=recipients,
            length=None if message is None else len(message),
            tls=session.ssl is not None,
            status=status,
        )


async def main(port, directory, certificate, key):
    handler = Handler(directory)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)

    def connection():
        return SMTP(handler, hostname="relay.example", tls_context=tls, data_size_limit=SIZE_MAX)

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:5]))
