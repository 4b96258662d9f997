"""Drives a module on a serial port as a short script of anyone's would, without any of our
code: logs in, puts a file, asks for its size, gets it back, logs out.

Usage: at_client.py DEVICE HOST PORT USER PASSWORD SERVER_TYPE REMOTE LOCAL
Exits with 0 when the bytes that came back are those of LOCAL.
"""

import os
import re
import select
import sys
import termios
import tty

SECONDS = 30


class Port:
    def __init__(self, device):
        self.descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.descriptor, termios.TCSANOW)
        self.buffer = b""

    def read(self):
        ready, _, _ = select.select([self.descriptor], [], [], SECONDS)
        if not ready:
            sys.exit(f"silence after {self.buffer[-200:]!r}")
        self.buffer += os.read(self.descriptor, 65536)

    def take(self, count):
        while len(self.buffer) < count:
            self.read()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def until(self, pattern):
        while not (found := re.search(pattern, self.buffer)):
            self.read()
        self.buffer = self.buffer[found.end() :]
        return found

    def write(self, data):
        while data:
            data = data[os.write(self.descriptor, data[:4096]) :]

    def command(self, text, *patterns):
        """Sends a command and waits for `patterns`, in their order."""
        self.write(text.encode() + b"\r")
        found = [self.until(pattern + rb"|\r\nERROR\r\n") for pattern in patterns]
        for one in found:
            if b"ERROR" in one[0]:
                sys.exit(f"{text}: ERROR")
        return found

    def report(self, text):
        """Sends a command that ends with OK and a code, in either order."""
        name = text[2:].split("=")[0].encode()
        code = rb"\r\n" + re.escape(name) + rb": (\d+)\r\n"
        ok = rb"\r\nOK\r\n"
        found = self.command(text, rb"(?:" + ok + code + rb"|" + code + ok + rb")")[0]
        return int(found[1] or found[2])

    def expect(self, text, wanted=0):
        if (code := self.report(text)) != wanted:
            sys.exit(f"{text}: {code}")


def main():
    device, host, number, user, password, kind, remote, local = sys.argv[1:]
    with open(local, "rb") as file:
        content = file.read()
    port = Port(device)
    port.command("ATE0", rb"\r\nOK\r\n")
    port.expect("AT+CFTPSSTART")
    port.command("AT+CFTPSSINGLEIP=1", rb"\r\nOK\r\n")
    port.expect(f'AT+CFTPSLOGIN="{host}",{number},"{user}","{password}",{kind}')
    port.expect("AT+CFTPSTYPE=I")

    port.command(f'AT+CFTPSPUT="{remote}"', rb"\r\n>")
    escaped = content.replace(b"\x03", b"\x03\x03").replace(b"\x1a", b"\x03\x1a")
    port.write(escaped + b"\x1a")
    port.until(rb"\r\nOK\r\n\r\n\+CFTPSPUT: 0\r\n")
    port.expect(f'AT+CFTPSSIZE="{remote}"', len(content))

    port.command(f'AT+CFTPSGET="{remote}"', rb"\r\nOK\r\n")
    got = b""
    while True:
        found = port.until(rb"\r\n\+CFTPSGET: (?:DATA,(\d+)|(\d+))\r\n")
        if found[2]:
            break
        got += port.take(int(found[1]))
    if found[2] != b"0" or got != content:
        sys.exit(f"GET ended with {found[2]} after {len(got)} of {len(content)} bytes")
    port.expect("AT+CFTPSLOGOUT")
    port.expect("AT+CFTPSSTOP")


if __name__ == "__main__":
    main()
