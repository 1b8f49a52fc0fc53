"""Draws ``docs/frontier.svg``: ``python docs/frontier_figure.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from methods.encoding.gaussian_levels import distortions
from methods.transform.trellis.quantizer import trained


def draw(file: Path) -> None:
    """Mean squared error of a unit Gaussian by bits a dimension: scalar levels, trellises, and the bound 4^-bits."""
    bits = np.arange(1, 7)
    series = {
        "transform_coding\n(Lloyd-Max)": (distortions()[bits], "#0072B2", "o", -4),
        "trellis\n(1024 states)": (trained(10).errors[bits], "#D55E00", "s", 8),
        "rq_trellis\n(4096 states)": (trained(12).errors[bits], "#009E73", "^", -26),
    }
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    rates = np.linspace(0.8, 6.2, 50)
    axes.plot(rates, np.zeros_like(rates), color="black", linewidth=1)
    axes.annotate("rate-distortion\nbound", (6.2, 0), (4, -4), textcoords="offset points")
    for label, (errors, color, marker, below) in series.items():
        excess = 10 * np.log10(errors * 4.0**bits)
        axes.plot(bits, excess, color=color, marker=marker)
        axes.annotate(label, (bits[-1], excess[-1]), (22, below), textcoords="offset points", color=color)
        for rate, above, error in zip(bits, excess, errors):
            side = 5 if marker == "s" else -13
            axes.annotate(f"{error:.2g}", (rate, above), (0, side), textcoords="offset points", ha="center", fontsize=8)
    axes.set(
        xlabel="bits a dimension", ylabel="error above the bound (dB)", xticks=bits, xlim=(0.7, 8), ylim=(-0.5, 4.8)
    )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(file, metadata={"Date": None})


if __name__ == "__main__":
    plt.rcParams["svg.hashsalt"] = "frontier"
    draw(Path(__file__).with_name("frontier.svg"))
