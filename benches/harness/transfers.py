"""How fast content moves, against other ways through the same port."""

import collections

from harness.row import Row, ratios, speed
from harness.script import escaped, size_on_wire
from harness.site import Daemon, Emulated, Module, script

MIB = 1 << 20
GIB = 1 << 30


def unpaced(bench):
    """Get and Put through a module that is not the limit, and what they cost the daemon."""
    size, slow = bench.bytes, bench.bytes // 4
    content = bench.random(size)
    seconds, cpu = collections.defaultdict(list), collections.defaultdict(list)
    ours, others = bench.module("unpaced"), bench.module("other-ways")
    for module in (ours, others):
        module("put", "/big", size)
        module("put", "/slow", slow)
    daemon = bench.daemon("unpaced-daemon", ours)
    daemon.cellftp("get", "/slow", "/dev/null")

    def through(name, *words):
        before = daemon.cpu()
        seconds[name].append(daemon.cellftp(*words))
        cpu[name].append([now - then for now, then in zip(daemon.cpu(), before)])

    for _ in bench.rounds():
        seconds["get raw"].append(script("raw", others.link, "get", "/big", size))
        through("get", "get", "/big", "/dev/null")
        seconds["get blocks"].append(script("blocks", others.link, "get", "/big", size))
        seconds["get lines"].append(4 * script("lines", others.link, "get", "/slow", slow))
        seconds["put raw"].append(script("raw", others.link, "put", "/put", size, content))
        through("put", "put", content, "/put", "--verify", "none")
        seconds["put blocks"].append(script("blocks", others.link, "put", "/put", size, content))
        seconds["put lines"].append(script("lines", others.link, "put", "/put", size, content))
    if ours("sha256", "/put") != others("sha256", "/put"):
        raise RuntimeError("what arrived is not what was sent")
    daemon.end()

    def against(name, other, goal, words):
        how = name.split()[0]
        behind = f"{speed(size, seconds[how])} against {speed(size, seconds[other])}"
        return Row(f"{words}", ratios(seconds[how], seconds[other]), goal, behind=behind)

    def user(how, words):
        per_gib = [user * GIB / size for user, _ in cpu[how]]
        system = sorted(system * GIB / size for _, system in cpu[how])[len(per_gib) // 2]
        behind = f"and {system:.1f} s of system time, which is the port's"
        return Row(f"user CPU of the daemon for 1 GiB, {words}", per_gib, 3, " s", False, behind)

    return [
        against("get", "get raw", 0.85, "Get unpaced, against raw bytes"),
        against("get", "get blocks", 1.3, "Get unpaced, against the 64-KiB script"),
        against("get", "get lines", 10, "Get unpaced, against the readline script"),
        against("put", "put raw", 0.85, "Put unpaced, against raw bytes"),
        against("put", "put blocks", 1.2, "Put unpaced, against the 64-KiB script"),
        against("put", "put lines", 1.2, "Put unpaced, against a script that writes 1 KiB"),
        user("get", "Get"),
        user("put", "Put"),
    ]


def real_server(bench):
    """The same through the emulated module and a real FTP server, which are the limit here."""
    size = bench.bytes // 4
    seconds = collections.defaultdict(list)
    server = bench.ftp_server()
    (server.root / "big").write_bytes(bench.random(size).read_bytes()[:size])
    program = bench.programs["cellftpd"]
    ours = Emulated(bench.scratch, "emulated", program)
    others = Emulated(bench.scratch, "emulated-for-others", program)
    daemon = Daemon(bench.scratch, "real-daemon", bench.programs, ours.link, server.port)
    daemon.cellftp("size", "/big")
    login(others.link, server.port)
    for _ in bench.rounds():
        seconds["raw"].append(script("raw", others.link, "get", "/big", size))
        seconds["ours"].append(daemon.cellftp("get", "/big", "/dev/null"))
    for process in (daemon, ours, others):
        process.end()
    behind = f"{speed(size, seconds['ours'])} against {speed(size, seconds['raw'])}"
    what = "Get through the emulated module and a real FTP server, against raw bytes"
    return [Row(what, ratios(seconds["ours"], seconds["raw"]), 0.85, behind=behind)]


def login(device, port):
    """Brings a module to where a script begins."""
    from harness.client import Port

    typed = Port(device)
    typed.say("ATE0", b"OK\r\n")
    typed.say("AT+CFTPSSTART", b"+CFTPSSTART: 0\r\n")
    typed.say("AT+CFTPSSINGLEIP=1", b"OK\r\n")
    typed.say(f'AT+CFTPSLOGIN="127.0.0.1",{port},"bench","bench",0', b"+CFTPSLOGIN: 0\r\n")
    typed.say("AT+CFTPSTYPE=I", b"+CFTPSTYPE: 0\r\n")
    typed.close()


def paced(bench):
    """How much of a line's pace is content, against what its framing allows."""
    rows = []
    for baud in (115_200, 921_600, 3_000_000):
        name = f"paced-{baud}"
        module = Module(bench.scratch, name, baud)
        daemon = bench.daemon(f"{name}-daemon", module)
        # Five seconds of the line.
        size = baud // 10 * 5 // 1480 * 1480
        module("put", "/get", size)
        content = bench.random(size)
        daemon.cellftp("size", "/get")
        got = daemon.cellftp("get", "/get", "/dev/null")
        put = daemon.cellftp("put", content, "/put", "--verify", "none")
        down, up = size_on_wire(size), len(escaped(content.read_bytes()))
        rows.append(Row(f"goodput at {baud:,} baud, Get", [down * 10 / baud / got], 0.995))
        rows.append(Row(f"goodput at {baud:,} baud, Put", [up * 10 / baud / put], 0.995))
        daemon.end()
        module.end()
    return rows


def by_bytes(bench):
    """Seconds of a Get by its bytes."""
    module = bench.module("by-bytes")
    sizes = [bench.bytes * part // 8 for part in range(1, 9)]
    for at, size in enumerate(sizes):
        module("put", f"/{at}", size)
    daemon = bench.daemon("by-bytes-daemon", module)
    daemon.cellftp("get", "/0", "/dev/null")
    points = []
    for at, size in enumerate(sizes):
        seconds = sorted(daemon.cellftp("get", f"/{at}", "/dev/null") for _ in range(3))
        points.append((size / MIB, seconds[1]))
    daemon.end()
    module.end()
    return points
