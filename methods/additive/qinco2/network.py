"""The networks of QINCo2 in NumPy: encoding by beam search, decoding step by step.

For the codeword ``c`` that the code names, a step adds ``f(c, x)`` to the reconstruction ``x`` so far:

    z = c P + x Q + b;    z = z + relu(z U_l) D_l  for each block l;    f(c, x) = c + z W

(the architecture of QINCo2, its projections of ``c`` and its concatenation with ``x`` merged into ``P`` and ``Q``).
The first step adds its codeword alone. Vectors are centered and divided by one scale before.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

_ROWS = 16_384  # candidates, and decoded vectors, whose hidden layer is held at a time


@dataclass
class Network:
    """Weights of M steps for vectors of d dimensions; width w, L blocks of h hidden units.

    Attributes
    ----------
    mean : (d,) float32
    scale : (1,) float32
    codebooks : (M, 256, d) float32
    selection : (M, 256, d) float32
        The codebooks by which candidates are chosen, without a network.
    embedded : (M, 256, w) float32
        ``c P + b`` of every codeword.
    condition : (M, d, w) float32
        ``Q``.
    up, down : (M, L, w, h) and (M, L, h, w) float32
    out : (M, w, d) float32
        ``W``.
    """

    mean: np.ndarray
    scale: np.ndarray
    codebooks: np.ndarray
    selection: np.ndarray
    embedded: np.ndarray
    condition: np.ndarray
    up: np.ndarray
    down: np.ndarray
    out: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def steps(self) -> int:
        return len(self.codebooks)

    def rescaled_codebooks(self) -> np.ndarray:
        """The codebooks (M, 256, d) in the units of the vectors, the mean in the first: sums near to what decodes."""
        books = self.codebooks * self.scale
        books[0] += self.mean
        return books

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Vectors (n, d) float32 of codes (n, M) uint8."""
        vectors = np.empty((len(codes), self.codebooks.shape[2]), np.float32)
        for start in range(0, len(codes), _ROWS // 4):
            block = codes[start : start + _ROWS // 4]
            x = self.codebooks[0, block[:, 0]]
            for m in range(1, self.steps):
                z = self.run_blocks(m, self.embedded[m, block[:, m]] + x @ self.condition[m])
                x += self.codebooks[m, block[:, m]]
                x += z @ self.out[m]
            vectors[start : start + len(block)] = x * self.scale + self.mean
        return vectors

    def encode(self, vectors: np.ndarray, candidates: int, beam: int) -> np.ndarray:
        """Codes (n, M) uint8 of vectors (n, d) float32; see :meth:`BeamSearch.codes`."""
        return self.encode_normalized((vectors - self.mean) / self.scale, candidates, beam)

    def encode_normalized(self, x: np.ndarray, candidates: int, beam: int) -> np.ndarray:
        """As :meth:`encode`, of centered and scaled vectors."""
        search, rows = BeamSearch(self), max(1, _ROWS // (candidates * beam))
        blocks = [search.codes(x[start : start + rows], candidates, beam) for start in range(0, len(x), rows)]
        return np.concatenate(blocks) if blocks else np.empty((0, self.steps), np.uint8)

    def run_blocks(self, m: int, z: np.ndarray) -> np.ndarray:
        """The residual blocks of step ``m`` on z (n, w), in place."""
        for up, down in zip(self.up[m], self.down[m]):
            hidden = z @ up
            z += np.maximum(hidden, 0, out=hidden) @ down
        return z


class BeamSearch:
    """Encoding with what does not depend on the vectors computed once.

    The error of a candidate needs no vector of d dimensions: with the residual r and f = c + z W,
    |r - f|^2 = |r|^2 - 2 r.c + |c|^2 + 2 z.(W c - W r) + z.(W W') z.
    """

    def __init__(self, network: Network) -> None:
        net = self.network = network
        self.norms = (net.codebooks**2).sum(axis=2)
        self.selection_norms = (net.selection**2).sum(axis=2)
        self.both = np.concatenate([net.codebooks, net.selection], axis=1).transpose(0, 2, 1)
        self.mapped = np.matmul(net.codebooks, net.out.transpose(0, 2, 1))  # (M, 256, w): W c
        self.gram = np.matmul(net.out, net.out.transpose(0, 2, 1))  # (M, w, w)

    def codes(self, x: np.ndarray, candidates: int, beam: int) -> np.ndarray:
        """Codes (n, M) uint8 of normalized vectors (n, d).

        Each of ``beam`` partial codes goes on with the ``candidates`` codewords that ``selection`` finds nearest to
        the residual; the best ``beam`` of all, by the networks, are kept.
        """
        net, rows = self.network, np.arange(len(x))[:, None]
        errors = self.norms[0] - 2 * (x @ net.codebooks[0].T)
        symbols = _least(errors, beam if net.steps > 1 else 1)
        codes, decoded = symbols[:, :, None], net.codebooks[0][symbols]  # (n, beam, m) and (n, beam, d)
        for m in range(1, net.steps):
            flat = decoded.reshape(-1, x.shape[1])
            left = np.repeat(x, codes.shape[1], axis=0) - flat
            chosen, z, errors = self._errors(m, flat, left, candidates)
            best = _least(errors.reshape(len(x), -1), beam if m + 1 < net.steps else 1)
            parents, symbols = best // candidates, chosen.reshape(len(x), -1)[rows, best]
            codes = np.concatenate([codes[rows, parents], symbols[:, :, None]], axis=2)
            if m + 1 < net.steps:
                z = z.reshape(len(x), -1, z.shape[2])[rows, best]
                decoded = decoded[rows, parents] + net.codebooks[m][symbols] + z @ net.out[m]
        return codes[:, 0].astype(np.uint8)

    def _errors(
        self, m: int, decoded: np.ndarray, left: np.ndarray, candidates: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Candidates (n, A), their z (n, A, w) and squared errors (n, A) at step ``m``."""
        net = self.network
        products = left @ self.both[m]
        chosen = _least(self.selection_norms[m] - 2 * products[:, 256:], candidates)
        z = net.embedded[m][chosen] + (decoded @ net.condition[m])[:, None]
        w = z.shape[2]
        z = net.run_blocks(m, z.reshape(-1, w))
        linear = 2 * (self.mapped[m][chosen] - (left @ net.out[m].T)[:, None]).reshape(-1, w)
        linear += z @ self.gram[m]
        errors = np.einsum("ij,ij->i", linear, z).reshape(chosen.shape)
        errors += self.norms[m][chosen] - 2 * np.take_along_axis(products[:, :256], chosen, 1)
        errors += np.einsum("ij,ij->i", left, left)[:, None]
        return chosen, z.reshape(*chosen.shape, w), errors


def _least(values: np.ndarray, count: int) -> np.ndarray:
    """Columns (n, count) of the least ``values`` (n, c >= count) of each row, the order among them left open."""
    return np.argpartition(values, min(count, values.shape[1] - 1), axis=1)[:, :count]
