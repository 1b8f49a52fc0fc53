"""Reasons that several methods share why a kind of vectors costs them recall, for ``Codec.kind_exceptions``."""

from __future__ import annotations

__all__ = ["ERROR_ALONG_MEAN", "LEFT_OUT", "NO_LENGTHS", "OFFSET_KEEPS_IT", "PRUNED", "along_mean"]

_ALONG_MEAN = "errors along the direction that all vectors share are multiplied by a query's large product with it"
OFFSET_KEEPS_IT = f"{_ALONG_MEAN}; center=offset keeps that direction apart"
ERROR_ALONG_MEAN = f"{_ALONG_MEAN}; metric=l2 finds the same neighbors of vectors of length 1 without that loss"
LEFT_OUT = (
    "little varies along the direction that all vectors share, so that it is left out, but queries have a large "
    "product with it; metric=l2 finds the same neighbors of vectors of length 1 without that loss"
)
PRUNED = "products of most vectors are near the largest, and what decides among them is pruned"

NO_LENGTHS = dict.fromkeys(
    ("lengths vary, ip", "lengths vary, l2", "integers, ip"),
    "codes hold no lengths, and even exact directions alone find few of the neighbors; rabitq holds both",
)


def along_mean(reason: str, *kinds: str) -> dict[str, str]:
    """``reason`` under ``ip`` and ``cosine`` for ``kinds``, all that share a direction if none is named.

    A kind may name one of the two: ``"integers, cosine"``.
    """
    both = [kind for kind in kinds or ("common direction",) if ", " not in kind]
    named = [f"{kind}, {metric}" for kind in both for metric in ("ip", "cosine")]
    return dict.fromkeys([*named, *(kind for kind in kinds if ", " in kind)], reason)
