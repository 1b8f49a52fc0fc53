"""What the benchmarks beside faiss share: one thread of it, and a table of ratios printed last.

A module that wants both has ``COLUMNS``, ``ROWS`` (filled by its tests) and ``title()`` of the table.
"""

from __future__ import annotations

import faiss
import pytest


@pytest.fixture(autouse=True, scope="module")
def beside_faiss(request):
    """Prints the table after pytest's own summaries, where nothing is captured any more."""
    if not hasattr(request.module, "ROWS"):
        yield
        return
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)
    request.config.add_cleanup(lambda: print_table(request.module))


def print_table(module):
    if not module.ROWS:
        return
    rows = [module.COLUMNS, *module.ROWS]
    widths = [max(map(len, column)) for column in zip(*rows)]
    print(f"\n{module.title()}")
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
