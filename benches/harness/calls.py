"""What single calls cost, in time, commands and memory."""

import statistics

from harness.client import Client, Port, connect, timed
from harness.row import Row

TIMES = 200
MIB = 1 << 20


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def latency(bench):
    """What the daemon adds to a command: through it, less typed on the port, less a call that touches no port."""
    ours, others = bench.module("latency"), bench.module("typed")
    for module in (ours, others):
        module("put", "/small", 1024)
    daemon = bench.daemon("latency-daemon", ours)
    client, port = Client(daemon.socket, bench.stubs), Port(others.link)
    client.size("/small")
    added, slowest, through, typed, empty = [], [], [], [], []
    for _ in bench.rounds():
        sizes, types, nothings = [], [], []
        for _ in range(TIMES):
            sizes.append(timed(lambda: client.size("/small")))
            types.append(timed(lambda: port.size("/small")))
            nothings.append(timed(client.nothing))
        middle = statistics.median(types) + statistics.median(nothings)
        added.append((statistics.median(sizes) - middle) * 1e6)
        slowest.append((percentile(sizes, 0.99) - middle) * 1e6)
        through, typed, empty = through + sizes, typed + types, empty + nothings
    daemon.end()
    middles = [statistics.median(all) * 1e6 for all in (through, typed, empty)]
    behind = "{:.0f} us; typed {:.0f} us, a call without the port {:.0f} us".format(*middles)
    what = "added by the daemon to a simple command"
    return [
        Row(f"{what}, p50", added, 100, " us", False, behind),
        Row(f"{what}, p99", slowest, 500, " us", False, "p99 through the daemon, less the two medians"),
    ]


def small_files(bench):
    """Commands that reach the network, for each small file."""
    module = bench.module("small")
    daemon = bench.daemon("small-daemon", module)
    client = Client(daemon.socket, bench.stubs)
    content, many = b"x" * 1024, 100
    paths = [f"/dir/{at}" for at in range(many)]
    client.put("/dir/first", content)
    network = ("SIZE", "GET", "PUT", "LIST", "CWD", "PWD", "DELE")

    def commands(files, work):
        module("counts")
        work()
        counts = module("counts")
        return [sum(counts.get(f"AT+CFTPS{name}", 0) for name in network) / files]

    def one_by_one():
        for path in paths[:20]:
            client.put(path, content)

    rows = [
        ("small Put with verification", commands(20, one_by_one), 2),
        ("many small Puts into one directory", commands(many, lambda: client.put_files(paths, content)), 1.05),
        ("many small Gets of one directory", commands(many, lambda: client.get_files(paths)), 1.05),
    ]
    daemon.end()
    words = "network commands a file"
    return [Row(f"{what}, {words}", values, goal, "", False, "", True) for what, values, goal in rows]


def memory(bench):
    """What the daemon holds: idle, for a client, for an operation that waits."""
    module = bench.module("memory")
    module("put", "/small", 1024)
    daemon = bench.daemon("memory-daemon", module)
    client = Client(daemon.socket, bench.stubs)
    idle, own = daemon.memory(), daemon.memory("RssAnon") / MIB
    client.size("/small")
    before = daemon.memory()
    connections = [connect(daemon.socket) for _ in range(200)]
    client.nothing()
    connected = (daemon.memory() - before) / len(connections)
    module("hold")
    before = daemon.memory()
    clients = [Client(daemon.socket, bench.stubs, alone=True) for _ in range(8)]
    for one in clients:
        one.nothing()
    calls = [one.size_later("/small") for one in clients for _ in range(90)]
    wait_for(client, len(calls))
    waiting = (daemon.memory() - before) / len(calls)
    module("release")
    for call in calls:
        call.result()
    daemon.end()
    return [
        Row("idle memory", [idle / MIB], 10, " MiB", False, f"{own:.1f} MiB; the rest is the program file"),
        Row("memory of a connected client", [connected / 1024], 16, " KiB", False, "of 200"),
        Row("memory of a waiting job", [waiting / 1024], 4, " KiB", False, f"of {len(calls)}"),
    ]


def ready(bench):
    """From the start of the program until it says that it is ready."""
    module = bench.module("ready")
    seconds = []
    for at in range(10):
        daemon = bench.daemon(f"ready-{at}", module)
        seconds.append(daemon.ready * 1000)
        daemon.end()
    module.end()
    return [Row("READY", seconds, 20, " ms", False)]


def by_queue(bench):
    """Milliseconds until a whole queue is served, by its length; and of a look at it."""
    module = bench.module("queue")
    module("put", "/small", 1024)
    daemon = bench.daemon("queue-daemon", module)
    clients = [Client(daemon.socket, bench.stubs, alone=True) for _ in range(10)]
    clients[0].size("/small")
    served, looked = [], []
    for length in (100, 200, 300, 400, 500, 600, 700, 800):
        module("hold")
        each = length // len(clients)
        calls = [one.size_later("/small") for one in clients for _ in range(each)]
        wait_for(clients[0], length)
        looks = [timed(clients[0].waiting) for _ in range(20)]
        looked.append((length, statistics.median(looks) * 1000))

        def serve():
            module("release")
            for call in calls:
                call.result()

        served.append((length, timed(serve) * 1000))
    daemon.end()
    module.end()
    return served, looked


def wait_for(client, length):
    """Until so many operations wait or have the link."""
    while count(client) < length:
        pass


def count(client):
    total, token = 0, ""
    while True:
        page = client.queue.ListOperations(client.operations.ListOperationsRequest(page_token=token))
        total, token = total + len(page.operations), page.next_page_token
        if not token:
            return total
