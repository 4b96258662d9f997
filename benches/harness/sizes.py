"""How large the programs are."""

from harness.row import Row


def sizes(bench):
    """Of the programs of `--small`; of those that are measured without it."""
    directory = bench.options.small or bench.programs["cellftpd"].parent
    kind = "for a router" if bench.options.small else "of the release profile"
    size = lambda name: [(directory / name).stat().st_size / (1 << 20)]
    stable = bench.options.small is not None
    return [
        Row(f"daemon {kind}", size("cellftpd"), 9, " MiB", False, "", stable),
        Row(f"command line {kind}", size("cellftp"), 5, " MiB", False, "", stable),
    ]
