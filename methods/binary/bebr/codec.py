"""The method ``bebr``: recurrent binary codes, and the three ways of searching them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.binary._base import pack_signs
from methods.binary.bebr import budget, fitting, grid, layout, search, upgrade
from methods.binary.bebr.losses import LOSSES
from methods.binary.bebr.quantizer import Quantizer
from methods.binary.bebr.settings import Settings
from methods.encoding.factor_byte import factor_bytes, factor_table
from methods.encoding.offset import offset_bytes, offset_tables, offsets_of, split
from methods.encoding.squared_length import half_squares, square_bytes, square_tables
from methods.errors import MethodError
from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.sdc import SDCScanner
from methods.parameters import check_device, check_integer
from methods.registry import register
from methods.search.scanners import HammingSearcher, SymbolSearcher
from methods.vectors import as_vectors, normalized

SCORINGS = ("sdc", "adc", "hamming")


@register("bebr")
class BEBR(Codec):
    """Recurrent binarization: ``dim_code`` symbols of ``loops + 1`` bits, a byte for the factor, under l2 two more.

    "Binary Embedding-based Retrieval at Tencent", KDD 2023, arXiv 2302.08714. A symbol stands for the recurrent sum
    +-1 +- 1/2 ..., a vector for a linear decoder's rows times these sums times the factor. What differs from the
    paper, because it measures better here (results/published/bebr_ablation.md): the start is a rotated uniform grid
    on the principal axes, the decoder is fitted to the codes and the codes to the decoder in turn, and gradient
    descent trains only what scores are computed with, unless ``blocks`` asks for the paper's network.

    Where vectors share a direction, a code also holds the vector's offset along the mean, and the symbols what is
    orthogonal to it (:mod:`methods.encoding.offset`): else that one direction would fill all codes. Where
    few of the decoder's rows outweigh the others, real weights of a query have 15 bits instead of 8.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    dim_code : int
        Symbols of a code, m; None for a budget: as many as fit.
    loops : int
        Bits of a symbol less one, u; None for a budget: 1, or 0 under ``hamming``.
    scoring : {"sdc", "adc", "hamming"}
        The query a code like a document's, or real (rounded to int8, under l2 to 15 bits), or (``loops=0`` only)
        signs that are counted.
    query_loops : int or None
        Loops of a query's code under ``sdc``; None: as many as a document has.
    digits : int or None
        Most symbols of one dimension; None: what 8 bits allow.
    rounds : int
        Of fitting decoder and codes in turn.
    refine : int
        Most passes of coordinate descent over a code.
    blocks : int
        Layers of each map's branch; 0: linear maps.
    hidden : int
        Width of those layers; 0: twice ``dim``.
    normalize : bool
        Normalize the reconstruction inside the recurrence, as the paper does; with ``blocks`` > 0 only.
    loss : {"distill", "contrastive"}
        What training minimizes.
    epochs : int
        Of 25 batches of about 1,000 vectors at most; training stops when held-out recall no longer rises.
    queue : int
        Documents kept as negatives for the contrastive loss.
    device : str
        For training: ``auto``, ``cpu``, ``cuda``.
    checkpoint : str or None
        File from which an interrupted training resumes.
    offset : bool or None
        Whether codes hold an offset, whose bytes are taken from the symbols'; None: where held-out training vectors
        find more neighbors with it (:mod:`methods.fitting.offset_choice`). Never under l2, nor with Hamming distances.
    """

    family = "binary"
    copies_codes = True
    summary = "recurrent binary codes: uniform symbols under a learned decoder, the query a code too"
    source = "Binary Embedding-based Retrieval at Tencent, KDD 2023, arXiv 2302.08714"
    requires = ("torch",)
    # 1: no squared length under l2; 2: no offset, weights of 8 bits; 3: the factor's byte divided its range evenly
    version = "4"
    estimator = True
    check_params: ClassVar[dict[str, Any]] = {"epochs": 0}
    check_exceptions: ClassVar[dict[str, str]] = {
        "search_finds_what_its_codes_hold": "scoring=sdc codes a query as documents are, and its code errs as theirs; "
        "query_loops=4 and scoring=adc find what float queries find"
    }

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        dim_code: int = 64,
        loops: int = budget.LOOPS,
        *,
        scoring: str = "sdc",
        query_loops: int | None = None,
        digits: int | None = None,
        rounds: int = 8,
        refine: int = 8,
        blocks: int = 0,
        hidden: int = 0,
        normalize: bool = False,
        loss: str = "distill",
        epochs: int = 4,
        queue: int = 0,
        device: str = "auto",
        checkpoint: str | None = None,
        offset: bool | None = None,
    ) -> None:
        self.dim_code, self.loops, self.scoring = dim_code, loops, scoring
        self.query_loops, self.digits = query_loops, digits
        self.rounds, self.refine, self.blocks, self.hidden = rounds, refine, blocks, hidden
        self.normalize, self.loss, self.epochs, self.queue = normalize, loss, epochs, queue
        self.device, self.checkpoint, self.offset = device, checkpoint, offset
        super().__init__(dim, metric)

    @classmethod
    def _sized(
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        dim_code: int | None = None,
        loops: int | None = None,
        scoring: str,
        digits: int | None,
        blocks: int,
        offset: bool | None,
    ) -> dict[str, Any]:
        """Two bits a symbol and as many symbols as fit (:mod:`methods.binary.bebr.budget`), unless given."""
        digits = 1 if blocks else digits  # the paper's network binarizes each dimension once
        m, u = budget.choose(dim, code_bytes, metric, scoring, dim_code, loops, digits, bool(offset))
        return {"dim_code": m, "loops": u, "digits": digits}

    @property
    def bits(self) -> int:
        """Bits of a symbol."""
        return self.loops + 1

    @property
    def _settings(self) -> Settings:
        return Settings(**self.params())

    @property
    def code_size(self) -> int:
        return layout.symbol_bytes(self.dim_code, self.bits) + layout.extra_bytes(self.metric, self.scoring)

    # --- fitted state ------------------------------------------------------------------------------------

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        self._load_parts(fitting.fit(self._settings, vectors, seed))

    def parts(self) -> dict[str, np.ndarray]:
        return dict(self.parts_)

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        if "factor_scale" not in parts:
            raise MethodError("these parts are of bebr before version 4; fit and encode anew")
        self.parts_ = dict(parts)
        self.mean_, self.decoder_ = parts["mean"], parts["decoder"]
        self._factors = factor_table(parts["factor_scale"])
        self._direction = parts.get("direction")
        self._offset_range = parts.get("offset_range", np.array([-1, 1], np.float32))
        self._fine = self._direction is not None or "fine_weights" in parts
        self._calibration = parts.get("calibration", np.float32(1))  # see methods.binary.bebr.upgrade
        if self.metric is Metric.L2 and self.scoring != "hamming" and "square_range" not in parts:
            raise MethodError("these parts are of bebr before it kept lengths under l2; fit and encode anew")
        self._square_range = parts.get("square_range", np.ones(2, np.float32))
        if self.scoring != "hamming":
            self.quantizer_ = Quantizer(self._settings, parts)

    # --- codes ---------------------------------------------------------------------------------------------

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        if self.scoring == "hamming":
            return pack_signs((vectors - self.mean_) @ self.decoder_.T)
        rests, columns = vectors - self.mean_, []
        if self._direction is not None:
            offsets, rests = split(vectors, self.mean_, self._direction)
            columns.append(offset_bytes(offsets, self._offset_range))
        levels, decoded = self.quantizer_.encoder.encode(normalized(rests))
        factors = layout.ratio(np.linalg.norm(rests, axis=1), decoded) * self._calibration
        entries = factor_bytes(factors, self.parts_["factor_scale"])
        if self.metric is Metric.L2:
            columns.append(square_bytes(half_squares(levels @ self.decoder_), self._square_range))
        return np.hstack([layout.pack(layout.symbols_of(levels, self.bits), self.bits), entries[:, None], *columns])

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        if self.scoring == "hamming":
            signs = 2 * np.unpackbits(codes, axis=1, count=self.dim_code).astype(np.float32) - 1
            return signs @ self.decoder_ * self.parts_["factor_scale"][2] + self.mean_
        levels, factors = self.levels(codes)
        rests = (levels @ self.decoder_) * factors[:, None]
        if self._direction is None:
            return rests + self.mean_
        kept = codes[:, -len(offset_tables(self._offset_range)) :]
        offsets = offsets_of(kept, self._offset_range) - rests @ self._direction
        return rests + offsets[:, None] * self._direction + self.mean_

    def levels(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Odd levels (n, symbols) float32 and factors (n,) float32 that ``codes`` (n, code_size) uint8 stand for.

        Not for ``scoring="hamming"``, whose codes have neither.
        """
        symbols, entries, _ = search.split(codes, len(self.decoder_), self.bits)
        return layout.levels(layout.unpack(symbols, len(self.decoder_), self.bits), self.bits), self._factors[entries]

    # --- search --------------------------------------------------------------------------------------------

    def _searcher(self, codes: np.ndarray) -> Searcher:
        if self.scoring == "hamming":
            return HammingSearcher(self.dim, self.metric, codes, self._encode, self.dim_code)
        form, quantizer = (codes, len(self.decoder_), self.bits, self._factors), self.quantizer_
        if self.metric is Metric.L2:
            nearest = search.fine_scanner(*form, square_tables(self._square_range), squared=True)
            return search.NearestSearcher(self.dim, nearest, self.mean_, quantizer.compared)
        if self._fine:
            tables = np.empty((0, 256), np.float32)
            if self._direction is not None:
                tables = offset_tables(self._offset_range)
            fine = search.fine_scanner(*form, tables, squared=False)
            return search.OffsetSearcher(self.dim, self.metric, fine, self.mean_, self._direction, quantizer.compared)
        if self.scoring == "sdc" and quantizer.compares_codes:
            return SymbolSearcher(self.dim, self.metric, search.scanner(SDCScanner, *form), quantizer.query_codes)
        return SymbolSearcher(self.dim, self.metric, search.scanner(ADCScanner, *form), quantizer.query_weights)

    def successor(self, old_vectors: np.ndarray, new_vectors: np.ndarray, weight: float = 1.0) -> Codec:
        self._check_fitted()
        dim = np.shape(new_vectors)[1] if np.ndim(new_vectors) == 2 else 0
        new = BEBR(**upgrade.successor_params(self._settings, len(self.decoder_), dim))
        new_vectors = as_vectors(new_vectors, new.dim, "new vectors")
        parts = upgrade.fit_compatible(self._settings, self._levels_of, old_vectors, new_vectors, weight)
        return BEBR.from_parts(new.params(), {**parts, "factor_scale": self.parts_["factor_scale"]})

    def _levels_of(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`levels`, of the codes of ``vectors``."""
        return self.levels(self.encode(vectors))

    # --- validation ----------------------------------------------------------------------------------------

    def _check_shape(self) -> None:
        super()._check_shape()
        if self.scoring not in SCORINGS:
            raise MethodError(f"scoring={self.scoring!r} is unknown; use one of {', '.join(SCORINGS)}")
        if self.scoring == "hamming" and self.loops:
            raise MethodError(f"scoring=hamming counts differing bits and needs loops=0, not loops={self.loops}")
        if self.loss not in LOSSES:
            raise MethodError(f"loss={self.loss!r} is unknown; use one of {', '.join(LOSSES)}")
        if not 0 <= self.loops <= budget.MOST_LOOPS:
            raise MethodError(f"loops={self.loops} is out of range; bebr takes 0 to {budget.MOST_LOOPS}")
        if self.query_loops is not None and not self.loops <= self.query_loops <= 7:
            raise MethodError(f"query_loops={self.query_loops} is out of range; use {self.loops} (as documents) to 7")
        if self.query_loops is not None and self.blocks:
            raise MethodError("query_loops needs linear maps; leave it null, or use blocks=0")
        if self.offset not in (None, True, False):
            raise MethodError(f"offset={self.offset!r} is neither true, false nor null; use one of them")
        limit = 1 if self.scoring == "hamming" or self.blocks else self.digits or grid.axis_limit(self.bits)
        if not 1 <= self.dim_code <= limit * self.dim:
            raise MethodError(
                f"dim_code={self.dim_code} is out of range; use 1 to {limit * self.dim} at dim={self.dim}"
            )
        for name in ("rounds", "refine", "blocks", "hidden", "epochs", "queue"):
            check_integer(name, getattr(self, name), 0, 1_000_000)
        check_device(self.device)
