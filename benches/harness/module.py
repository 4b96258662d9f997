"""A module for benchmarks: it answers from memory as fast as it can, on a pseudo-terminal.

It says what a SIM7600 says and has no network, and no pace of its own unless a number of bits per
second is given, so that the port and whoever reads it are the limit. Programs speak to it through its link; the benchmark speaks to it
on standard input, one JSON array a line, and gets one line of JSON back:

    ["put", PATH, BYTES]   makes a file of BYTES random bytes, the same at each start
    ["counts"]             how often each command was said since the last `counts`
    ["sha256", PATH]       of the file
    ["hold"], ["release"]  keeps the answers to SIZE back, and lets them go
"""

import collections
import hashlib
import json
import os
import posixpath
import random
import re
import selectors
import sys
import time
import tty

READ = 64 * 1024
# Content of a block (SIMCom manual L1214).
BLOCK = 1480
ETX, END = b"\x03", b"\x1a"
# Seconds that the system may wake a process late.
LATE = 0.05

ANSWERS = {
    "AT+CGMI": "SIMCOM INCORPORATED",
    "AT+CGMM": "SIMCOM_SIM7600E-H",
    "AT+CGMR": "+CGMR: LE20B04SIM7600M22",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CSQ": "+CSQ: 21,99",
    "AT+CEREG?": "+CEREG: 0,1",
    "AT+CGREG?": "+CGREG: 0,1",
    "AT+CREG?": "+CREG: 0,1",
    "AT+COPS?": '+COPS: 0,0,"Bench",7',
    "AT+CFTPSGET=?": '+CFTPSGET: [{non-ascii}]"FILEPATH"[,<rest_size>[(0,1)]]',
    "AT+CFTPSPUT=?": '+CFTPSPUT: [{non-ascii}]"FILEPATH"[,<data_len>[,<rest_size>]]',
}
REFUSED = ("AT+CFTPSMODE", "AT+CFTPSSLCFG")


class Module:
    def __init__(self, link, baud=0):
        # A hundredth of a second of the line at once: a thousandth of its bits per second, in bytes.
        self.burst = baud // 1000 or READ
        self.outward, self.inward = Line(baud), Line(baud)
        self.port, self.slave = os.openpty()
        tty.setraw(self.port)
        tty.setraw(self.slave)
        os.symlink(os.ttyname(self.slave), link)
        self.files = {}
        # The wire of the last file that was asked for.
        self.wire = (None, b"")
        self.directory = "/"
        self.typed = b""
        self.counts = collections.Counter()
        self.held = None

    def run(self):
        waits = selectors.DefaultSelector()
        waits.register(self.port, selectors.EVENT_READ, self.hear)
        waits.register(sys.stdin.fileno(), selectors.EVENT_READ, self.obey)
        while True:
            for key, _ in waits.select():
                key.data()

    # The benchmark's side.

    def obey(self):
        line = sys.stdin.readline()
        if not line:
            sys.exit()
        word, *values = json.loads(line)
        print(json.dumps(getattr(self, "do_" + word)(*values)), flush=True)

    def do_put(self, path, size):
        self.files[path] = random.Random(size).randbytes(size)
        self.blocks(path)

    def do_counts(self):
        counts, self.counts = self.counts, collections.Counter()
        return counts

    def do_sha256(self, path):
        return hashlib.sha256(self.content(path)).hexdigest()

    def do_hold(self):
        self.held = []

    def do_release(self):
        held, self.held = self.held, None
        for path in held:
            self.size(path)

    # The port's side.

    def hear(self):
        self.typed += self.read().replace(b"\n", b"")
        while b"\r" in self.typed:
            line, self.typed = self.typed.split(b"\r", 1)
            # What ends an upload that nobody began means nothing.
            self.command(line.translate(None, ETX + END + b"\0").decode("latin-1"))

    def say(self, *lines):
        self.write("".join(f"\r\n{line}\r\n" for line in lines).encode())

    def write(self, data):
        view = memoryview(data)
        while view:
            written = os.write(self.port, view[: self.burst])
            view = view[written:]
            self.outward.passed(written)

    def read(self):
        got = os.read(self.port, self.burst)
        self.inward.passed(len(got))
        return got

    def command(self, line):
        if not line:
            return
        name, _, values = line.partition("=")
        self.counts[name] += 1
        if line.startswith(REFUSED):
            self.say("ERROR")
        elif line in ANSWERS:
            self.say(ANSWERS[line], "OK")
        elif name == "AT+CFTPSPWD":
            self.say(f'+CFTPSPWD: "{self.directory}"', "OK")
        elif name == "AT+CFTPSCWD":
            self.directory = self.path(values)
            self.say("OK", "+CFTPSCWD: 0")
        elif name == "AT+CFTPSSIZE":
            path = self.path(values)
            self.size(path) if self.held is None else self.held.append(path)
        elif name == "AT+CFTPSGET":
            self.get(self.path(values), int(values.rpartition('"')[2].strip(",") or 0))
        elif name == "AT+CFTPSPUT":
            self.put(self.path(values))
        elif name == "AT+CFTPSLIST":
            self.list()
        elif name == "AT+CFTPSDELE":
            self.files.pop(self.path(values), None)
            self.say("OK", "+CFTPSDELE: 0")
        elif name.startswith("AT+CFTPS") and name != "AT+CFTPSSINGLEIP" and values != "?":
            self.say("OK", f"+{name[3:]}: 0")
        else:
            self.say("OK")

    def path(self, values):
        return posixpath.join(self.directory, values.split('"')[1])

    def size(self, path):
        size = self.length(path)
        # 9: the server refuses (SIMCom manual, codes of the FTPS service).
        self.say("OK", f"+CFTPSSIZE: {9 if size is None else size}")

    def get(self, path, offset):
        if path not in self.files:
            return self.say("ERROR", "+CFTPSGET: 9")
        self.say("OK")
        self.write(self.blocks(path) if offset == 0 else framed(self.content(path)[offset:]))
        self.say("+CFTPSGET: 0")

    def blocks(self, path):
        if self.wire[0] != path:
            self.wire = (path, framed(self.content(path)))
        return self.wire[1]

    def put(self, path):
        self.write(b"\r\n>")
        parts, tail = [], b""
        while True:
            part = self.read()
            parts.append(part)
            tail = (tail + part)[-64:]
            # Unescaped, where an even number of ETX stands before it.
            if tail.endswith(END):
                marks = len(tail) - 1 - len(tail[:-1].rstrip(ETX))
                if marks % 2 == 0:
                    break
        self.files[path] = Typed(parts)
        self.say("OK", "+CFTPSPUT: 0")

    def list(self):
        lines = []
        for path in self.files:
            folder, name = posixpath.split(path)
            if folder == self.directory:
                lines.append(f"-rw-r--r-- 1 ftp ftp {self.length(path)} Mar 19 13:51 {name}\r\n")
        self.say("OK")
        if lines:
            self.write(framed("".join(lines).encode(), "LIST"))
        self.say("+CFTPSLIST: 0")

    def length(self, path):
        content = self.files.get(path)
        return None if content is None else len(content)

    def content(self, path):
        content = self.files[path]
        if isinstance(content, Typed):
            content = self.files[path] = content.content()
        return content


class Line:
    """One direction of a line, with ten bits a byte. 0 baud: it has no pace."""

    def __init__(self, baud):
        self.seconds = 10 / baud if baud else 0
        self.free = 0

    def passed(self, count):
        """Waits until so many bytes have passed. Who was late does not wait until it has caught up."""
        now = time.monotonic()
        if self.free < now - LATE:
            # A line that was silent has saved nothing up.
            self.free = now
        self.free += count * self.seconds
        if self.seconds and self.free > now:
            time.sleep(self.free - now)


class Typed:
    """An upload as it was typed. It is read only when somebody asks, and not while time is taken."""

    def __init__(self, parts):
        self.parts = parts

    def content(self):
        wire = b"".join(self.parts)[:-1]
        return re.sub(rb"\x03(.)", rb"\1", wire, flags=re.DOTALL)

    def __len__(self):
        wire = b"".join(self.parts)[:-1]
        escapes = wire.count(ETX) - wire.count(ETX + ETX)
        return len(wire) - escapes


def framed(content, name="GET"):
    view = memoryview(content)
    parts = []
    for at in range(0, len(content), BLOCK):
        block = view[at : at + BLOCK]
        parts += (b"\r\n+CFTPS%s: DATA,%d\r\n" % (name.encode(), len(block)), block)
    return b"".join(parts)


if __name__ == "__main__":
    Module(sys.argv[1], *map(int, sys.argv[2:])).run()
