"""The table, and docs/BENCHMARKS.md."""

import os
import pathlib
import platform

from harness.chart import chart

HEADS = ("what", "median", "spread", "goal", "", "behind it")

TEXT = """# Benchmarks

Ratios within one run on one machine. Nothing absolute is promised: another machine has other figures, and ratios that
are alike. `benches/run --write` made this page and its plots.

```
benches/run                  # builds the release programs, measures, prints the table
benches/run --only unpaced   # one part of it
cargo bench                  # the values that every byte passes, beside copying the same bytes
```

## How

Everything runs on loopback in one run: modules on pseudo-terminals, the release build of `cellftpd`, and its clients.
{rounds} rounds of each ratio, its two sides in turn; the table has the median of the rounds and the least and the most.
A large file has {mib} MiB of random bytes.

- *Unpaced* content comes from a module that answers from memory (`benches/harness/module.py`), in blocks of 1480 bytes,
  as fast as the pseudo-terminal takes it. So the port and whoever reads it are the limit. The emulated module of
  `cellftpd emulate` is slower than that; the rows that it is the limit of say so.
- *Raw bytes* is a program that reads or writes the same bytes of the same module and looks at none of them.
- *The scripts* are those that people write with pyserial: one reads whatever is there, up to 64 KiB, and cuts it itself,
  one has `readline()` and `read(n)`. All of them are in `benches/harness/script.py`.
- Get and Put are those of `cellftp`, from the start of the program to its end, with `/dev/null` at its end. A Put
  is not verified, since a script verifies nothing.
- A simple command is `AT+CFTPSSIZE`, from a client on gRPC's C core. What the daemon adds is that call, less the same
  command typed on the port, less a call that touches no port.
- System time is not counted: it is the terminal's, and a script has it as well.

On {machine}. {note}

## What came out

{table}
"""

PLOTS = """
## Cost by size

![Seconds of a Get by its bytes](benchmarks/get.svg)

![Milliseconds until a queue is served, by its length](benchmarks/queue.svg)

![Milliseconds of one look at the queue, by its length](benchmarks/look.svg)
"""


def table(rows):
    lines = [HEADS, ("---",) * len(HEADS), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(docs, options, rows, plots):
    text = TEXT.format(
        rounds=options.rounds,
        mib=options.mib,
        machine=machine(),
        note=options.note,
        table=table(rows),
    )
    if plots:
        text += PLOTS
        draw(docs / "benchmarks", plots)
    (docs / "BENCHMARKS.md").write_text(text)


def draw(directory, plots):
    directory.mkdir(exist_ok=True)
    served, looked = plots["queue"]
    drawn = {
        "get": chart("Cost of a Get", "MiB", "seconds", {"Get unpaced": plots["get"]}),
        "queue": chart(
            "Cost of a queue", "operations that wait", "milliseconds until all are served", {"SIZE": served}
        ),
        "look": chart(
            "Cost of a look at the queue", "operations that wait", "milliseconds", {"ListOperations": looked}
        ),
    }
    for name, text in drawn.items():
        (directory / f"{name}.svg").write_text(text)


def machine():
    """What it ran on, in words."""
    names = [
        line.split(":")[1].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    name = names[0] if names else platform.machine()
    load = os.getloadavg()[1]
    return (
        f"{os.cpu_count()} processors ({name}), Linux {platform.release().split('-')[0]},"
        f" Python {platform.python_version()}; the load average of the last five minutes was {load:.1f}"
    )
