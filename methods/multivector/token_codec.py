"""Every vector of a document in the code of a dense method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from methods.multivector.token_store import TokenStoreCodec, codec_of_each
from methods.registry import register


@register("token_codec")
class TokenCodec(TokenStoreCodec):
    """Late interaction on compressed vectors: all of them are kept, each in as many bytes as the budget leaves it.

    Codes that decode are scored as what they decode to, against float queries. Binary codes (``sign``, ``simhash``,
    ``itq``) are compared with the query's by our Hamming kernel: the least distance for the largest product. Recurrent
    binary codes (``bebr``) and signs scored asymmetrically are scanned by our SDC and ADC kernels.

    Parameters
    ----------
    dim : int
    codec, codec_params
        The dense method.
    """

    family = "token codes"
    _scans_binary = True
    summary = "every vector in any dense method's code, scored by MaxSim on what the codes stand for"
    source = "late interaction: Khattab & Zaharia, ColBERT, SIGIR 2020; the codec's own source"

    @classmethod
    def for_budget(
        cls,
        dim: int,
        code_bytes: int,
        lengths: np.ndarray,
        *,
        codec: str = "pq",
        codec_params: Mapping[str, Any] | None = None,
    ) -> TokenCodec:
        """``codec_params`` are keywords of the codec's ``for_budget``."""
        found = codec_of_each("token_codec", codec, dim, code_bytes, lengths, codec_params)
        return cls(dim, codec, found.params())
