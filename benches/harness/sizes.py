"""How large the programs are, and what the daemon of a package takes before anybody calls it."""

import time

from harness.row import Row
from harness.site import Daemon


def sizes(bench):
    """Of the programs of `--small`; of those that are measured without it."""
    directory = bench.options.small or bench.programs["cellftpd"].parent
    kind = "for a router" if bench.options.small else "of the release profile"
    size = lambda name: [(directory / name).stat().st_size / (1 << 20)]
    stable = bench.options.small is not None
    return [
        Row(f"daemon {kind}", size("cellftpd"), 9, " MiB", False, "", stable, held=9.4),
        Row(f"command line {kind}", size("cellftp"), 5, " MiB", False, "", stable),
    ]


def packaged(bench):
    """What the daemon of `--small` takes before anybody calls it."""
    programs = {name: bench.options.small / name for name in ("cellftpd", "cellftp")}
    module = bench.module("packaged")
    idle, own, ready = [], [], []
    for at in range(10):
        daemon = Daemon(bench.scratch, f"packaged-{at}", programs, module.link)
        ready.append(daemon.ready * 1000)
        # The module is brought up behind READY.
        time.sleep(1)
        idle.append(daemon.memory() / (1 << 20))
        own.append(daemon.memory("RssAnon") / (1 << 20))
        daemon.end()
    module.end()
    behind = f"{max(own):.1f} MiB; the rest is the program file"
    return [
        Row("idle memory of the daemon for a router", idle, 10, " MiB", False, behind, True, held=10.5),
        Row("READY of the daemon for a router", ready, 20, " ms", False, "", True),
    ]
