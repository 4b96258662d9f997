"""An FTP server for tests, on pyftpdlib, with faults on request.

Listens on 127.0.0.1 and serves one account with every permission. The faults are those
of real servers on bad days; each is off unless its option is given.
"""

import argparse
import logging
import os

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.exceptions import _RetryError
from pyftpdlib.handlers import (
    DTPHandler,
    FTPHandler,
    ThrottledDTPHandler,
    TLS_DTPHandler,
    TLS_FTPHandler,
)
from pyftpdlib.servers import ThreadedFTPServer


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--root", required=True, help="what the account sees as /")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--security", choices=("none", "explicit", "implicit"), default="none")
    parser.add_argument("--certificate", help="PEM file with certificate and key")
    parser.add_argument("--client-ca", help="PEM file: clients must show a certificate of these")
    parser.add_argument("--refuse-rest", action="store_true", help="answer 502 to REST")
    parser.add_argument(
        "--cut-data-every", type=int, metavar="BYTES", help="close each data connection after"
    )
    parser.add_argument("--space", type=int, metavar="BYTES", help="the disk is full after")
    parser.add_argument("--idle-timeout", type=int, metavar="SECONDS", default=300)
    parser.add_argument("--bytes-per-second", type=int, default=0)
    parser.add_argument(
        "--announced-address", help="in place of 127.0.0.1 in replies to PASV, like behind NAT"
    )
    return parser.parse_args()


class RefusesRest:
    """Mixin of a control connection."""

    def ftp_REST(self, line):
        self.respond("502 Command not implemented.")


class EndsEarly:
    """Mixin of a data connection that the server closes with an error."""

    def end(self, reply):
        self._resp = (reply, logging.warning)
        self.close()

    def receive_at_most(self, limit, size, reply):
        """What `recv` returns; ends when more than `limit` bytes come in all."""
        left = limit - self.tot_bytes_received
        chunk = super().recv(min(size, left) if left > 0 else 1)
        if left <= 0 and chunk:
            self.end(reply)
            raise _RetryError
        return chunk


class CutsData(EndsEarly):
    """Breaks after `limit` bytes, both ways."""

    limit = 0
    reply = "426 Connection closed; transfer aborted."

    def send(self, data):
        left = self.limit - self.tot_bytes_sent
        if left <= 0:
            self.end(self.reply)
            return 0
        return super().send(data[:left])

    def recv(self, size):
        return self.receive_at_most(self.limit, size, self.reply)


class FillsDisk(EndsEarly):
    """Takes no more than `space` bytes in all files under `root`."""

    root = ""
    space = 0
    room = None

    def recv(self, size):
        if self.room is None:
            self.room = max(0, self.space - self.used())
        return self.receive_at_most(self.room, size, "552 Disk full.")

    def used(self):
        return sum(
            os.path.getsize(os.path.join(folder, name))
            for folder, _, names in os.walk(self.root)
            for name in names
        )


def control_connection(options):
    secure = options.security != "none"
    bases = [TLS_FTPHandler if secure else FTPHandler]
    if options.refuse_rest:
        bases.insert(0, RefusesRest)
    fields = {
        "timeout": options.idle_timeout,
        "masquerade_address": options.announced_address,
        "use_sendfile": not (options.cut_data_every or options.bytes_per_second),
        "dtp_handler": data_connection(options),
        "banner": "ready",
    }
    if secure:
        fields.update(
            certfile=options.certificate, tls_control_required=True, tls_data_required=True
        )
    if options.security == "implicit":

        # The greeting comes after the handshake, not at the first byte.
        fields["handle"] = lambda self: self.secure_connection(self.ssl_context)
        fields["handle_ssl_established"] = TLS_FTPHandler.handle
    control = type("Control", tuple(bases), fields)
    if options.client_ca:
        asks_for_certificates(control, options.client_ca)
    return control


def asks_for_certificates(control, client_ca):
    context = control.get_ssl_context()
    context.load_verify_locations(client_ca)
    # OpenSSL resumes no session of such a context that has no name.
    context.set_session_id(b"cellftpd")
    context.set_verify(
        SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *check: bool(check[-1])
    )
    control.ssl_context = context


def data_connection(options):
    bases = [TLS_DTPHandler if options.security != "none" else DTPHandler]
    fields = {}
    if options.bytes_per_second:
        bases.insert(0, ThrottledDTPHandler)
        fields.update(read_limit=options.bytes_per_second, write_limit=options.bytes_per_second)
    if options.cut_data_every:
        bases.insert(0, CutsData)
        fields["limit"] = options.cut_data_every
    if options.space is not None:
        bases.insert(0, FillsDisk)
        fields.update(root=options.root, space=options.space)
    # One base may be a subclass of another; the more special one alone is enough then.
    bases = [one for one in bases if not any(issubclass(x, one) and x is not one for x in bases)]
    return type("Data", tuple(bases), fields)


def main():
    options = arguments()
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(message)s")
    control = control_connection(options)
    control.authorizer = DummyAuthorizer()
    control.authorizer.add_user(options.user, options.password, options.root, perm="elradfmwMT")
    # A thread a client: one that is slow in a TLS handshake does not hold up another.
    ThreadedFTPServer(("127.0.0.1", options.port), control).serve_forever()


if __name__ == "__main__":
    main()
