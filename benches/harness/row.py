"""Rows of the table."""

import dataclasses
import statistics


@dataclasses.dataclass
class Row:
    """One figure: what was measured, its values in the rounds, the goal, and what it says."""

    what: str
    values: list
    goal: float
    unit: str = ""
    # Whether more is better.
    more: bool = True
    # The figures behind it, in words.
    behind: str = ""
    # It does not depend on how busy the machine is, so that a check may rely on it.
    stable: bool = False
    # What a check fails beyond, where that is not the goal: the figure that was reached, and a little more.
    held: float = None

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def met(self):
        return self.median >= self.goal if self.more else self.median <= self.goal

    @property
    def fails(self):
        """Whether a check fails on it."""
        bound = self.goal if self.held is None else self.held
        return self.stable and (self.median < bound if self.more else self.median > bound)

    def cells(self):
        """As words: what, median, spread, goal, whether it is met, what is behind it."""
        show = lambda value: f"{value:.3g}" if value < 100 else f"{value:.0f}"
        spread = f"{show(min(self.values))} to {show(max(self.values))}"
        return (
            self.what,
            f"{show(self.median)}{self.unit}",
            spread if len(self.values) > 1 else "",
            f"{'at least' if self.more else 'at most'} {show(self.goal)}{self.unit}",
            "met" if self.met else "not met",
            self.behind,
        )


def ratios(ours, others):
    """Of each round: how many times as fast is ours as the others."""
    return [other / our for our, other in zip(ours, others)]


def speed(size, seconds):
    """The median, in words."""
    return f"{size / statistics.median(seconds) / 1e6:.1f} MB/s"
