"""Modules and a daemon on this machine, each a process."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
SECONDS = 30


class Process:
    """A process that ends with the benchmark."""

    all = []

    def __init__(self, command, log, **options):
        with open(log, "ab") as log:
            self.child = subprocess.Popen(command, stderr=log, **options)
        Process.all.append(self)

    def end(self):
        self.child.terminate()
        try:
            self.child.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
        Process.all.remove(self)

    def cpu(self):
        """Seconds of user and of system time so far."""
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) / TICKS, int(fields[12]) / TICKS

    def memory(self, kind="VmRSS"):
        """Bytes of resident memory; `RssAnon`: of them those that no file has."""
        for line in pathlib.Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the kernel does not tell the memory of a process")


class Module(Process):
    """A module of benchmarks, see module.py."""

    def __init__(self, scratch, name, baud=0):
        self.link = scratch / name
        super().__init__(
            [sys.executable, HERE / "module.py", self.link, str(baud)],
            scratch / f"{name}.log",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        until(self.link.exists, f"the port of {name}")

    def __call__(self, *order):
        self.child.stdin.write(json.dumps(order) + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())


class Emulated(Process):
    """The emulated module of this repository, with an FTP server of this machine behind it."""

    def __init__(self, scratch, name, daemon, *options):
        self.link = scratch / name
        command = [daemon, "emulate", "--link", self.link, *options]
        super().__init__(command, scratch / f"{name}.log", stdout=subprocess.DEVNULL)
        until(self.link.exists, f"the port of {name}")


class FtpServer(Process):
    """An FTP server on a scratch directory."""

    def __init__(self, scratch):
        self.root = scratch / "ftp"
        self.root.mkdir()
        self.port = free_port()
        command = [sys.executable, HERE.parent.parent / "tests/support/pyftpdlib_server.py"]
        command += ["--port", str(self.port), "--root", self.root]
        command += ["--user", "bench", "--password", "bench"]
        super().__init__(command, scratch / "ftp.log", stdout=subprocess.DEVNULL)
        until(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, "the FTP server")


class Daemon(Process):
    """The daemon on the port of a module, and its command line."""

    def __init__(self, scratch, name, programs, device, ftp_port=21, **keys):
        self.programs, self.home = programs, scratch / name
        self.home.mkdir()
        self.socket = self.home / "socket"
        configuration = self.home / "cellftpd.toml"
        configuration.write_text(
            f"[module]\ndevice = '{device}'\n[listen]\nunix = '{self.socket}'\n"
            f"[log]\nlevel = 'warn'\n[transfers]\ndirectory = '{self.home}'\n"
            f"[servers.bench]\nhost = '127.0.0.1'\nport = {ftp_port}\nsecurity = 'none'\n"
            "username = 'bench'\npassword = 'bench'\n"
        )
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notices.bind(str(self.home / "notices"))
        notices.settimeout(SECONDS)
        environment = os.environ | {"NOTIFY_SOCKET": str(self.home / "notices")}
        began = time.perf_counter()
        command = [programs["cellftpd"], "--config", configuration]
        super().__init__(command, self.home / "log", env=environment)
        while b"READY=1" not in notices.recv(4096).split(b"\n"):
            pass
        self.ready = time.perf_counter() - began
        notices.close()

    def cellftp(self, *words):
        """Seconds that a command takes, from the start of the program to its end."""
        command = [self.programs["cellftp"], "--socket", self.socket, "-p", "bench", *words]
        began = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        seconds = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"{words}: {done.stderr.decode()}")
        return seconds


def script(kind, device, *words):
    """Seconds that another way to move a file takes, see script.py."""
    command = [sys.executable, HERE / "script.py", kind, device, *map(str, words)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def until(holds, what):
    """Waits for `holds` to be true."""
    ends = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > ends:
            raise RuntimeError(f"{what} did not come")
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
