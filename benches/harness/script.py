"""The other ways to move a file through the port of a module: what daemon and port are measured against.

    script.py raw|blocks|lines DEVICE get|put PATH BYTES [FILE]

`raw` moves the same bytes and looks at none of them: the limit of the port. The others are the two
scripts that people write with pyserial: `blocks` reads whatever is there, up to 64 KiB, and cuts it
itself; `lines` has readline() for the lines and read(n) for the content. Prints the seconds from the
command to the last line of its answer.
"""

import os
import sys
import time
import tty

import serial

CHUNK = 64 * 1024


def size_on_wire(size, block=1480):
    """Bytes that a Get of so many bytes has between its OK and its last line."""
    whole, rest = divmod(size, block)
    head = lambda length: len(f"\r\n+CFTPSGET: DATA,{length}\r\n")
    return size + whole * head(block) + (head(rest) if rest else 0)


def escaped(content):
    return content.replace(b"\x03", b"\x03\x03").replace(b"\x1a", b"\x03\x1a")


class Raw:
    def __init__(self, device):
        self.port = os.open(device, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.port)

    def get(self, path, size):
        os.write(self.port, f'AT+CFTPSGET="{path}"\r'.encode())
        left = len("\r\nOK\r\n") + size_on_wire(size) + len("\r\n+CFTPSGET: 0\r\n")
        while left:
            left -= len(os.read(self.port, min(left, CHUNK)))

    def put(self, path, content):
        wire = memoryview(escaped(content) + b"\x1a")
        began = time.perf_counter()
        os.write(self.port, f'AT+CFTPSPUT="{path}"\r'.encode())
        self.until(b">")
        while wire:
            wire = wire[os.write(self.port, wire[:CHUNK]) :]
        self.until(b"+CFTPSPUT: 0\r\n")
        return time.perf_counter() - began

    def until(self, end):
        got = b""
        while not got.endswith(end):
            got += os.read(self.port, CHUNK)


class Blocks:
    def __init__(self, device):
        self.port = serial.Serial(device, 115200)
        self.buffer = b""

    def more(self):
        self.buffer += self.port.read(max(1, min(CHUNK, self.port.in_waiting)))

    def line(self):
        while b"\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.strip()

    def take(self, count):
        while len(self.buffer) < count:
            self.more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def get(self, path, size):
        self.port.write(f'AT+CFTPSGET="{path}"\r'.encode())
        return self.received(size)

    def received(self, size):
        got = 0
        with open(os.devnull, "wb") as file:
            while True:
                line = self.line()
                if line.startswith(b"+CFTPSGET: DATA,"):
                    part = self.take(int(line[16:]))
                    file.write(part)
                    got += len(part)
                elif line.startswith(b"+CFTPSGET:"):
                    assert line == b"+CFTPSGET: 0" and got == size, (line, got)
                    return

    def put(self, path, content, part=CHUNK):
        began = time.perf_counter()
        self.port.write(f'AT+CFTPSPUT="{path}"\r'.encode())
        self.prompt()
        for at in range(0, len(content), part):
            self.port.write(escaped(content[at : at + part]))
        self.port.write(b"\x1a")
        while (line := self.line()) != b"+CFTPSPUT: 0":
            assert line in (b"", b"OK"), line
        return time.perf_counter() - began

    def prompt(self):
        while b">" not in self.buffer:
            self.more()
        self.buffer = b""


class Lines(Blocks):
    def line(self):
        return self.port.readline().strip()

    def take(self, count):
        return self.port.read(count)

    def put(self, path, content, part=1024):
        return super().put(path, content, part)

    def prompt(self):
        self.port.read_until(b">")


def main():
    kind, device, what, path, size, *file = sys.argv[1:]
    way = {"raw": Raw, "blocks": Blocks, "lines": Lines}[kind](device)
    if what == "put":
        with open(file[0], "rb") as content:
            content = content.read(int(size))
        seconds = way.put(path, content)
    else:
        began = time.perf_counter()
        way.get(path, int(size))
        seconds = time.perf_counter() - began
    print(seconds)


if __name__ == "__main__":
    main()
