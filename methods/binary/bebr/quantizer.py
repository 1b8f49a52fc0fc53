"""What the parts of a codec make of vectors and of queries: levels, and what these are compared with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from methods.binary.bebr import layout
from methods.binary.bebr.encoder import LinearEncoder
from methods.binary.bebr.network import NetworkEncoder
from methods.binary.bebr.settings import Settings
from methods.vectors import normalized


class Quantizer:
    """Levels of unit vectors and weights of queries, for codes that are not compared by Hamming distances.

    Parameters
    ----------
    settings : Settings
    parts : dict of arrays
        ``decoder`` (m, dim) scores; ``encoder``, if it differs, with ``lead`` (m,), or the network (``net.`` before the
        names of its arrays) makes codes; ``direction`` (dim,) is that of offsets, if there are any.

    Attributes
    ----------
    encoder, query_encoder : LinearEncoder or NetworkEncoder
        Of documents, and of queries under ``sdc``.
    """

    encoder: LinearEncoder | NetworkEncoder
    query_encoder: LinearEncoder | NetworkEncoder

    def __init__(self, settings: Settings, parts: Mapping[str, np.ndarray]) -> None:
        self.settings, self.decoder, self.direction = settings, parts["decoder"], parts.get("direction")
        if settings.blocks:
            weights = {name[4:]: array for name, array in parts.items() if name.startswith("net.")}
            network = (weights, self.decoder, settings.loops, settings.blocks, settings.normalize)
            self.encoder = self.query_encoder = NetworkEncoder(*network)
            return
        linear = (parts.get("encoder", self.decoder), parts["lead"], settings.bits, settings.refine)
        self.encoder = LinearEncoder(*linear)
        self.query_encoder = LinearEncoder(*linear, finer=self._finer) if self._finer else self.encoder

    @property
    def _finer(self) -> int:
        """Loops of a query's code beyond those of a document's."""
        return 0 if self.settings.query_loops is None else self.settings.query_loops - self.settings.loops

    @property
    def compares_codes(self) -> bool:
        """Whether the plain inner product of two codes is that of what they decode to."""
        encoder = self.encoder
        if not isinstance(encoder, LinearEncoder) or self.query_encoder is not encoder:
            return False
        return encoder.decoder is self.decoder and encoder.orthogonal

    def query_codes(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Symbols of queries, and the value of a product of symbols: |row|^2 4^u / |decoded query| |query|."""
        bits, loops = self.settings.bits, self.settings.loops
        levels, decoded = self.encoder.encode(normalized(queries))
        unit = layout.ratio(np.linalg.norm(queries, axis=1), decoded) * float((self.decoder[0] ** 2).sum())
        return layout.pack(layout.symbols_of(levels, bits), bits), unit * np.float32(4**loops)

    def query_weights(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of levels: the decoder's rows times the query, or times what its code decodes to."""
        _, weights = self.compared(queries)
        return weights, np.ones(len(queries), np.float32)

    def compared(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What codes are compared with, for queries (nq, dim) float32 less the mean (under l2) or its direction.

        Returns
        -------
        vectors : (nq, dim) float32
            The queries, or under ``sdc`` what their codes decode to.
        weights : (nq, symbols) float32
            Of the codes' levels.
        """
        if self.settings.scoring == "sdc":
            levels, decoded = self.query_encoder.encode(normalized(queries))
            scale = layout.ratio(np.linalg.norm(queries, axis=1), decoded) * np.float32(0.5**self._finer)
            queries = (levels @ self.decoder) * scale[:, None]
        if self.direction is not None:
            queries = queries - (queries @ self.direction)[:, None] * self.direction
        return queries, queries @ self.decoder.T * np.float32(2**self.settings.loops)
