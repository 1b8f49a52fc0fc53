"""Methods of the multivector track: a document is a set of vectors, scored by Chamfer (MaxSim)."""

from methods.multivector.base import Codes, MultiVectorCodec, SetSearcher
from methods.multivector.fde import FixedDimensionalEncoding
from methods.multivector.ragged import Ragged

__all__ = ["Codes", "FixedDimensionalEncoding", "MultiVectorCodec", "Ragged", "SetSearcher"]
