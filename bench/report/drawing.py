"""What figures share: colors of families, titles, ticks, the axis of a measure or of its error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.records import Record
from bench.report.names import shown_name
from bench.report.words import less_is_better, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colors, which color-blind readers distinguish too; then some of Tol's for more families.
_COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#555555",
    "#882255",
    "#999933",
    "#332288",
)
_FINE = (1, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001)
_COARSE = (1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_MANY_DECADES = 2.2  # of errors, from which on ticks are coarse
_GOOD = 0.9  # a quality from which on differences are better seen in its error


def colors_of(families: Iterable[str]) -> dict[str, str]:
    """A color for each family of one data set, the same in figures and on the page."""
    return {family: _COLORS[i % len(_COLORS)] for i, family in enumerate(sorted({*families} - {"identity"}))}


def ink(color: str) -> str:
    """The color darkened until small text in it can be read on white (WCAG 2's contrast of 4.5)."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = to_rgb(color)

    def luminance(shade: float) -> float:
        linear = [
            ((shade * c + 0.055) / 1.055) ** 2.4 if shade * c > 0.04045 else shade * c / 12.92
            for c in (red, green, blue)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    shade = next(s for s in np.linspace(1, 0, 101).tolist() if 1.05 / (luminance(s) + 0.05) >= 4.5)
    return to_hex((shade * red, shade * green, shade * blue))


def title_of(record: Record) -> str:
    """The data set of a figure: its name, size and metric."""
    data, name = record.dataset, shown_name(record)
    if data.metric == "auc":
        return f"{name}: a table of {data.vectors_per_item:,.0f} x {data.dim}, {data.queries:,} test examples"
    sets = "" if data.vectors_per_item is None else f"{data.vectors_per_item:.1f} x "
    return f"{name}: {data.n:,} x {sets}{data.dim}, {data.metric}"


def ratio_ticks(
    axis: Axes, ratios: Sequence[int], raw: float, most_digits: int, label: Callable[[float], str] = short
) -> None:
    """Ticks at every ratio, or at every second, third, ..., as far as their sizes have room; ``label`` writes one."""
    for step in range(1, len(ratios) + 1):
        sizes = [raw / ratio for ratio in ratios[step - 1 :: step]]
        if sum(len(short(size)) for size in sizes) <= most_digits:
            break
    axis.set_xticks(sizes, [label(size) for size in sizes])
    axis.minorticks_off()


@dataclass(frozen=True)
class Vertical:
    """The vertical axis: a measure, or its error ``1 - measure`` on a logarithmic scale, upside down.

    Attributes
    ----------
    least : float
        The error that stands for none, which has no logarithm.
    """

    measure: str
    is_error: bool
    least: float

    @classmethod
    def of(cls, records: Sequence[Record], measure: str, error: bool | None = None) -> Vertical:
        """For these records, which have the measure.

        ``error`` None chooses what can be read: the error where a quarter of the records have .9 or more, since .95,
        .98 and .997 lie on each other otherwise. An AUC keeps its own scale, whose differences are small anywhere.
        """
        values = np.array([record.quality[measure].value for record in records])
        if error is None:
            error = measure != "auc" and float((values >= _GOOD).mean()) >= 0.25
        is_share = not less_is_better(measure) and values.min() >= 0 and values.max() <= 1
        least = 1 / (20 * max(record.dataset.queries for record in records))  # half of one neighbor of one query
        return cls(measure, error and is_share, least)

    @property
    def label(self) -> str:
        return f"error: 1 - {self.measure} (log scale)" if self.is_error else self.measure

    def drawn(self, values: np.ndarray | Sequence[float]) -> np.ndarray:
        """Values of the measure as the axis has them."""
        values = np.asarray(values, np.float64)
        return np.maximum(1 - values, self.least) if self.is_error else values

    def straight(self, drawn: np.ndarray) -> np.ndarray:
        """Drawn values on a scale on which the axis is linear, and more is better; inverse: :meth:`bent`."""
        return -np.log10(drawn) if self.is_error else drawn

    def bent(self, straight: np.ndarray) -> np.ndarray:
        return 10.0**-straight if self.is_error else straight

    def limits(self, values: Sequence[float], margin: float = 0.05) -> tuple[float, float]:
        """Ends of the axis, the worse first, between which all values of the measure lie, with a margin."""
        straight = self.straight(self.drawn(values))
        low, high = float(straight.min()), float(straight.max())
        pad = margin * ((high - low) or 1.0)
        worst, best = self.bent(np.array([low - pad, high + pad])).tolist()
        return (min(worst, 1.0) if self.is_error else worst), best

    def set_up(self, axis: Axes, worst: float, best: float) -> None:
        """Give the axis its ends, and an error its scale and ticks."""
        if self.is_error:
            from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

            axis.set_yscale("log")
            ticks = _COARSE if np.log10(worst / best) > _MANY_DECADES else _FINE
            axis.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if best <= tick <= worst]))
            axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.yaxis.set_minor_locator(NullLocator())
            axis.yaxis.set_minor_formatter(NullFormatter())
        axis.set_ylim(worst, best)
