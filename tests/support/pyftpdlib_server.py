"""An FTP server for tests, on pyftpdlib, with faults on request.

Listens on 127.0.0.1 and serves one account with every permission. The faults are those
of real servers on bad days; each is off unless its option is given.
"""

import argparse
import logging
import os
import time

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.exceptions import _RetryError
from pyftpdlib.filesystems import AbstractedFS
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
    parser.add_argument(
        "--mood", action="append", default=[], choices=MOODS, help="an odd way of real servers"
    )
    parser.add_argument(
        "--replies", metavar="FILE", help="its lines answer the next USER commands, and go"
    )
    return parser.parse_args()


MOODS = (
    "ignores-path",  # LIST lists the working directory, whatever it names.
    "lists-itself",  # LIST of a directory prints one line, of the directory.
    "pattern",  # LIST takes [x] for a pattern that x fits.
    "hides-dots",  # No listing shows names that begin with a dot.
    "truncates",  # A listing ends after 40 lines.
    "drops-in",  # The listing of /in is empty.
    "refuses-empty-450",  # LIST of an empty directory is refused.
    "refuses-empty-550",
    "strange",  # A listing has lines of a form that nobody knows.
    "replays",  # The listing of a directory is what its file .listing holds.
    "any-case",  # Names that differ in case only are one.
    "grows",  # A file grows by 100 bytes between SIZE and RETR.
    "no-size",  # SIZE is not known.
    "says-0",  # SIZE of every file is 0.
    "late-226",  # What ends an upload is said 100 s after its last byte.
    "names-only",  # A listing has names only.
    "absolute-names",  # A listing has whole paths for names.
    "marks",  # A listing marks directories and programs, as ls -F does.
    "no-pwd",  # PWD is not known.
    "no-list",  # LIST is not known.
    "no-password",  # USER is enough to log in.
    "dos",  # A listing is that of Windows CE, with 24 hours.
    "letters",  # Commands are known by their letters alone: TYPE A N is none of them.
    # The command is answered by 421 when it comes first.
    *("dismisses-" + command for command in "TYPE PWD CWD PASV LIST SIZE RETR STOR DELE".split()),
)


class RefusesRest:
    """Mixin of a control connection."""

    def ftp_REST(self, line):
        self.respond("502 Command not implemented.")


class Odd:
    """Mixin of a control connection of a server in odd moods."""

    moods = ()
    replies = None
    the_password = None
    dismissed = []

    def ftp_USER(self, line):
        lines = []
        if self.replies and os.path.exists(self.replies):
            with open(self.replies) as file:
                lines = file.read().splitlines()
        if not lines and "no-password" in self.moods:
            self.respond = lambda reply, **more: None
            super().ftp_USER(line)
            del self.respond
            return super().ftp_PASS(self.the_password)
        if not lines:
            return super().ftp_USER(line)
        with open(self.replies, "w") as file:
            file.write("".join(line + "\n" for line in lines[1:]))
        self.respond(lines[0])
        if lines[0].startswith("421"):
            self.close_when_done()

    def pre_process_command(self, line, cmd, arg):
        if "dismisses-" + cmd in self.moods and cmd not in self.dismissed:
            self.dismissed.append(cmd)
            self.respond("421 Timeout, closing control connection.")
            return self.close_when_done()
        return super().pre_process_command(line, cmd, arg)

    def ftp_PWD(self, line):
        if "no-pwd" in self.moods:
            return self.respond("502 Command not implemented.")
        return super().ftp_PWD(line)

    def ftp_TYPE(self, line):
        if "letters" in self.moods and " " in line:
            return self.respond("504 Unsupported type.")
        return super().ftp_TYPE(line)

    def ftp_SIZE(self, path):
        if "no-size" in self.moods:
            return self.respond("502 Command not implemented.")
        if "says-0" in self.moods and os.path.isfile(path):
            return self.respond("213 0")
        return super().ftp_SIZE(path)

    def ftp_RETR(self, file):
        if "grows" in self.moods:
            with open(file, "ab") as more:
                more.write(b"+" * 100)
        return super().ftp_RETR(file)

    def ftp_LIST(self, path):
        if not self.moods:
            return super().ftp_LIST(path)
        if "no-list" in self.moods:
            return self.respond("502 Command not implemented.")
        working = self.fs.ftp2fs(self.fs.cwd)
        if "ignores-path" in self.moods:
            path = working
        if "pattern" in self.moods and path != working:
            path = path.replace("[", "").replace("]", "")
        if "lists-itself" in self.moods and path != working and os.path.isdir(path):
            line = "drwxr-xr-x   2 ftp ftp 4096 Mar 19 2020 " + self.fs.fs2ftp(path)
            return self.print_lines([line.encode() + b"\r\n"])
        if not os.path.lexists(path):
            return self.respond("550 No such file or directory.")
        if "replays" in self.moods and os.path.exists(os.path.join(path, ".listing")):
            with open(os.path.join(path, ".listing"), "rb") as file:
                return self.print_lines([file.read()])
        directory, names = os.path.split(path)
        names = [names]
        if os.path.isdir(path):
            directory, names = path, sorted(os.listdir(path))
            for code in ("450", "550"):
                if "refuses-empty-" + code in self.moods and not names:
                    return self.respond(code + " No files found.")
        if "hides-dots" in self.moods:
            names = [name for name in names if not name.startswith(".")]
        if "truncates" in self.moods:
            names = names[:40]
        if "drops-in" in self.moods and os.path.basename(path) == "in":
            names = []
        if "strange" in self.moods:
            return self.print_lines([b"== %d ==\r\n" % len(name) for name in names])
        if "names-only" in self.moods:
            return self.print_lines([name.encode() + b"\r\n" for name in names])
        if "dos" in self.moods:
            return self.print_lines([dos(directory, name) for name in names])
        lines = list(self.fs.format_list(directory, names))
        if "absolute-names" in self.moods:
            path = self.fs.fs2ftp(directory).rstrip("/") + "/"
            ends = zip(lines, names)
            lines = [
                line.replace(name.encode() + b"\r\n", (path + name).encode() + b"\r\n")
                for line, name in ends
            ]
        if "marks" in self.moods:
            lines = [
                line[:-2] + (b"/" if line.startswith(b"d") else b"*") + b"\r\n" for line in lines
            ]
        return self.print_lines(lines)

    def print_lines(self, lines):
        self.push_dtp_data(b"".join(lines), cmd="LIST")


def dos(directory, name):
    path = os.path.join(directory, name)
    what = "      <DIR>          " if os.path.isdir(path) else "%20d " % os.path.getsize(path)
    return ("11-02-18  15:33 %s%s\r\n" % (what, name)).encode()


class AnyCase(AbstractedFS):
    """Names that differ in case only are one."""

    def ftp2fs(self, ftppath):
        path = super().ftp2fs(ftppath)
        directory, sought = os.path.split(path)
        if os.path.lexists(path) or not os.path.isdir(directory):
            return path
        for name in os.listdir(directory):
            if name.lower() == sought.lower():
                return os.path.join(directory, name)
        return path


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


class EndsLate:
    """Mixin of a data connection whose upload takes the server long to store."""

    def close(self):
        if self.receive and self.transfer_finished and not self._closed:
            self.file_obj.flush()
            time.sleep(100)
        super().close()


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
    bases = [Odd, TLS_FTPHandler if secure else FTPHandler]
    if options.refuse_rest:
        bases.insert(0, RefusesRest)
    fields = {
        "timeout": options.idle_timeout,
        "masquerade_address": options.announced_address,
        "use_sendfile": not (options.cut_data_every or options.bytes_per_second),
        "dtp_handler": data_connection(options),
        "banner": "ready",
        "moods": options.mood,
        "replies": options.replies,
        "the_password": options.password,
    }
    if "any-case" in options.mood:
        fields["abstracted_fs"] = AnyCase
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
    if "late-226" in options.mood:
        bases.insert(0, EndsLate)
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
