"""MUVERA: fixed dimensional encodings, compressed by any dense method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from methods import registry
from methods.errors import MethodError
from methods.multivector.fde import FixedDimensionalEncoding, encoding_width
from methods.multivector.ragged import Ragged
from methods.multivector.single_vector import SingleVectorCodec, first_that_fits
from methods.multivector.stretch import LEAST_COSINE, Stretch, sample_of
from methods.part_names import behind, under
from methods.registry import register

__all__ = ["GRID", "Muvera"]

#: (repetitions, simhash_bits, inner_dim), widest encoding first: the Pareto-optimal points of the paper's grid with 20
#: repetitions, one step beyond it, and the narrowest of them with fewer repetitions for smaller budgets.
GRID = ((20, 6, 16), (20, 5, 16), (20, 5, 8), (20, 4, 8), (20, 3, 8), (10, 3, 8), (5, 3, 8), (5, 2, 8), (1, 2, 8))
#: Default scoring of binary codes -> that of float queries: a query's encoding is mostly zeros, whose bits say nothing.
_ASYMMETRIC = {"hamming": "asymmetric", "sdc": "adc"}
_ALONG = 0.5  # what counts of a query along a direction that vectors share, of which it has much that says little
_DIMS_PER_BYTE = 8  # PQ-256-8 of the paper: beyond it codes lose more than a narrower encoding does


@register("muvera")
class Muvera(SingleVectorCodec):
    """Dhulipala et al., MUVERA, NeurIPS 2024: FDEs and product quantization of them (section 3.2).

    Where (repetitions, simhash_bits, inner_dim) are left open, the widest encoding of :data:`GRID` of which a byte
    of the code holds at most eight dimensions is taken: with ``pq``, 1,280 bytes are the paper's (20, 5, 16) in
    PQ-256-8.

    Parameters
    ----------
    dim : int
    repetitions : int
        Of the partition of vectors, by hyperplanes drawn under the seed of :meth:`fit`.
    simhash_bits : int
        A repetition has 2^simhash_bits partitions.
    inner_dim : int
        Width of a partition's block; 0: that of the vectors, which are not projected.
    final_dim : int or None
        Width after a final projection; None: there is none.
    fill_empty : bool
        Whether an empty partition of a document takes its nearest vector.
    center : bool, optional
        Whether vectors are taken relative to their mean and stretched along it (see
        :mod:`methods.multivector.stretch`); if None, where they share a direction. What a query has along it counts
        half.
    codec, codec_params
        The dense method.
    """

    family = "fixed dimensional encoding"
    summary = "sets as single vectors by random partitions (FDE), compressed by any dense method"
    source = "Dhulipala et al., MUVERA, NeurIPS 2024, arXiv 2405.19504"
    # 1: empty partitions filled by the earliest vector, binary codes compared with those of queries;
    # 2: vectors of zeros encoded with the others of a set, and never centered by default;
    # 3: centered ones partitioned by what is along the mean too, which queries need not share
    version = "4"
    kind_exceptions: ClassVar[dict[str, str]] = {
        "rogue dimensions": "hyperplanes see these two alone, and the mean of a block is not near its best vector"
    }

    _stretches = False  # the vectors of sets are
    fde_: FixedDimensionalEncoding

    def __init__(
        self,
        dim: int,
        repetitions: int = 20,
        simhash_bits: int = 5,
        inner_dim: int | None = 16,
        codec: str = "pq",
        codec_params: Mapping[str, Any] | None = None,
        *,
        final_dim: int | None = None,
        fill_empty: bool = True,
        center: bool | None = None,
    ) -> None:
        if center is not None and not isinstance(center, bool):
            raise MethodError(f"center={center!r} is none of true, false and null; use one of them")
        self.dim, self.repetitions, self.simhash_bits = dim, repetitions, simhash_bits
        self.inner_dim, self.final_dim = inner_dim, final_dim
        self.fill_empty, self.center = fill_empty, center
        super().__init__(dim, codec, codec_params)

    @classmethod
    def _sized(
        cls,
        dim: int,
        code_bytes: int,
        lengths: np.ndarray,
        *,
        repetitions: int | None = None,
        simhash_bits: int | None = None,
        inner_dim: int | None = None,
        final_dim: int | None,
        codec: str = "pq",
        codec_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What is given stays; what is None comes from the first point of the grid that fits.

        ``inner_dim=0`` is no inner projection. ``codec_params`` are as a user of ``codec`` sets them; where they do
        not say how binary codes are scored, queries keep their floats.
        """
        codec_params = dict(codec_params or {})
        if (scoring := _ASYMMETRIC.get(registry.parameters(codec).get("scoring", ""))) is not None:
            codec_params.setdefault("scoring", scoring)
        given = (repetitions, simhash_bits, inner_dim)
        points = [tuple(own if known is None else known for known, own in zip(given, point)) for point in GRID]
        choices = []
        for r, bits, inner in dict.fromkeys(points):
            width = encoding_width(dim, r, bits, inner or None, final_dim)
            if (r, bits, inner) == points[-1] or width <= _DIMS_PER_BYTE * code_bytes:
                choices.append(({"repetitions": r, "simhash_bits": bits, "inner_dim": inner or None}, codec, width))
        return first_that_fits("muvera", code_bytes, choices, codec_params)

    @property
    def _out_dim(self) -> int:
        return encoding_width(*self._shape)

    @property
    def _shape(self) -> tuple[int, int, int, int | None, int | None]:
        return self.dim, self.repetitions, self.simhash_bits, self.inner_dim, self.final_dim

    def _fit_map(self, documents: Ragged, seed: int) -> None:
        stretch = Stretch.none(self.dim)
        if self.center is not False:
            stretch = Stretch.fit(sample_of(documents, seed), -1.0 if self.center else LEAST_COSINE)
        self.fde_ = FixedDimensionalEncoding(*self._shape, self.fill_empty, not stretch.is_identity, seed)
        self.fde_.fit(documents.vectors, stretch)

    def _document_vectors(self, documents: Ragged) -> np.ndarray:
        return self.fde_.encode_documents(documents.vectors, documents.offsets)

    def _query_vectors(self, queries: Ragged) -> np.ndarray:
        vectors = Stretch(self.fde_.stretch_.mean, 1 / _ALONG).queries(queries.vectors)
        return self.fde_.encode_queries(vectors, queries.offsets)

    def parts(self) -> dict[str, np.ndarray]:
        """The dense codec's, and the encoding's arrays: the projections in the fewest bytes that hold them."""
        fde = self.fde_
        own: dict[str, np.ndarray] = {"hyperplanes": fde.hyperplanes}
        if fde.inner_projection is not None:
            own["inner_projection"] = fde.inner_projection.astype(np.int8)
        if fde.final_index is not None and fde.final_sign is not None:
            own |= {"final_index": fde.final_index, "final_sign": fde.final_sign}
        own |= fde.stretch_.parts()
        return behind("fde.", own) | super().parts()

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        own = under("fde.", parts)
        stretch = Stretch.from_parts(self.dim, own)
        own = {name: array for name, array in own.items() if not name.startswith("stretch.")}
        self.fde_ = FixedDimensionalEncoding.from_arrays(
            **own, fill_empty=self.fill_empty, final_dim=self.final_dim, fill_earliest=False
        )
        if not stretch.is_identity:
            self.fde_.center = True
            self.fde_.fit(np.empty((0, self.dim), np.float32), stretch)
