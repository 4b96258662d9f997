"""An FTP client for tests, on Python's ftplib: what the servers do without a module.

Reads a list of operations as JSON, carries them out in one session, and prints the list
of their results: {"ok": VALUE}, or {"error": "550 reply of the server"}. Operations:
["put", NAME, LOCAL, OFFSET], ["get", NAME, LOCAL, OFFSET], ["size", NAME], ["list"],
["cwd", PATH], ["pwd"], ["mkd", NAME], ["rmd", NAME], ["dele", NAME], and
["getresp"], a reply that no command asked for, such as the 421 of an idle connection.
"""

import argparse
import ftplib
import json
import os
import socket
import ssl
import sys


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument(
        "--security", choices=("none", "auth-ssl", "auth-tls", "implicit"), required=True
    )
    parser.add_argument("--certificate", help="what the server must show")
    parser.add_argument(
        "--reuse-session", action="store_true", help="data connections resume the TLS session"
    )
    parser.add_argument("operations")
    return parser.parse_args()


class Secure(ftplib.FTP_TLS):
    def __init__(self, options):
        context = ssl.create_default_context(cafile=options.certificate)
        # The session of a TLS 1.3 connection is known only after its first read, which
        # ftplib gives no hold of.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        super().__init__(context=context, timeout=20)
        self.options = options

    def connect(self, host, port):
        if self.options.security != "implicit":
            return super().connect(host, port)
        self.host = host
        bare = socket.create_connection((host, port), 20)
        self.af = bare.family
        self.sock = self.context.wrap_socket(bare, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def auth(self):
        self.voidcmd("AUTH SSL" if self.options.security == "auth-ssl" else "AUTH TLS")
        self.sock = self.context.wrap_socket(self.sock, server_hostname=self.host)
        self.file = self.sock.makefile("r", encoding=self.encoding)

    def ntransfercmd(self, command, rest=None):
        bare, size = ftplib.FTP.ntransfercmd(self, command, rest)
        session = self.sock.session if self.options.reuse_session else None
        return self.context.wrap_socket(bare, server_hostname=self.host, session=session), size


def connect(options):
    ftp = ftplib.FTP(timeout=20) if options.security == "none" else Secure(options)
    ftp.connect(options.host, options.port)
    ftp.login(options.user, options.password)
    if options.security != "none":
        ftp.prot_p()
    ftp.voidcmd("TYPE I")
    return ftp


def carry_out(ftp, name, *rest):
    if name == "put":
        path, local, offset = rest
        with open(local, "rb") as file:
            file.seek(offset)
            return ftp.storbinary(f"STOR {path}", file, rest=offset or None)
    if name == "get":
        path, local, offset = rest
        with open(local, "wb") as file:
            return ftp.retrbinary(f"RETR {path}", file.write, rest=offset or None)
    if name == "list":
        lines = []
        ftp.retrlines("LIST", lines.append)
        return lines
    method = {"dele": ftp.delete}.get(name) or getattr(ftp, name)
    return method(*rest)


def main():
    options = arguments()
    results = []
    try:
        ftp = connect(options)
    except (*ftplib.all_errors, ssl.SSLError) as error:
        print(json.dumps([{"error": str(error)}]))
        return
    for operation in json.loads(options.operations):
        try:
            results.append({"ok": carry_out(ftp, *operation)})
        except (*ftplib.all_errors, ssl.SSLError) as error:
            results.append({"error": str(error)})
    print(json.dumps(results))
    sys.stdout.flush()
    # A server with a fault may not answer QUIT, which is of no interest here.
    os._exit(0)


if __name__ == "__main__":
    main()
