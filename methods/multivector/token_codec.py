"""Every vector of a document in the code of a dense method."""

from __future__ import annotations

from methods.multivector.token_store import TokenStoreCodec
from methods.registry import register


@register("token_codec")
class TokenCodec(TokenStoreCodec):
    """Late interaction on compressed vectors: all of them are kept, each in as many bytes as the budget leaves it.

    Codes that decode are scored as what they decode to, against float queries; codes of levels (``trellis``,
    ``rq_trellis``, ``transform_coding``) and on grids (``saq``, ``mrq``, ``ash``) after a scan of them all that finds
    which to decode. Binary codes (``sign``, ``simhash``, ``itq``) are compared with the query's by our Hamming kernel:
    the least distance for the largest product. Recurrent binary codes (``bebr``) and signs scored asymmetrically are
    scanned by our SDC and ADC kernels.

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
