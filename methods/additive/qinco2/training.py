"""Training of the networks of QINCo2: from a residual quantizer on, by gradient descent on the error of every step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from methods.additive.qinco2.network import Network
from methods.faiss_tools import training_sample
from methods.fitting.residual import residual_encoder, train_residual

_START_ITERATIONS, _START_BEAM, _START_VECTORS = 10, 4, 10_000  # of the residual quantizer: see train_residual
_BATCH, _LEARNING_RATE, _WARM_UP = 512, 1e-3, 0.05
_EARLY = 0.1  # weight of the error of all steps but the last: only the last decides what a code decodes to
_EPOCHS_PER_CODE = 2  # the beam search costs as much as two epochs of gradient descent
_TRAINING_BEAM = 2
_TRAINED = ("codebooks", "condition", "up", "down", "out")  # beside the projection and bias of codewords


def train_network(
    vectors: np.ndarray,
    steps: int,
    *,
    width: int,
    hidden: int,
    blocks: int,
    candidates: int,
    beam: int,
    epochs: int,
    seed: int,
) -> Network:
    """The network of ``steps`` steps for ``vectors`` (n, d) float32; without epochs, a plain residual quantizer."""
    mean = vectors.mean(axis=0)
    scale = np.float32((vectors - mean).std()) or np.float32(1)
    x = np.ascontiguousarray((vectors - mean) / scale)
    sample = training_sample(x, 256, len(x), seed)
    codebooks = train_residual(sample, steps, _START_BEAM, _START_ITERATIONS, seed, _START_VECTORS)
    network, project = untrained(codebooks, width, hidden, blocks, seed)
    network = replace(network, mean=mean, scale=np.full(1, scale))
    if not epochs:
        return network
    codes = residual_encoder(codebooks, _START_BEAM).sa_encode(x)  # the untrained network's are the same
    return _Trainer(network, project).run(x, codes, epochs, candidates, min(beam, _TRAINING_BEAM), seed)


def untrained(codebooks: np.ndarray, width: int, hidden: int, blocks: int, seed: int) -> tuple[Network, np.ndarray]:
    """A network that adds nothing to ``codebooks`` (M, 256, d) yet, and the projection (M, d, width) of codewords.

    Only the last maps are zero, so that gradients reach all others after one step.
    """
    rng = np.random.default_rng(seed)
    m, _, d = codebooks.shape

    def uniform(inputs: int, *shape: int) -> np.ndarray:
        return ((3 / inputs) ** 0.5 * rng.uniform(-1, 1, shape)).astype(np.float32)

    project = uniform(d, m, d, width)
    network = Network(
        mean=np.zeros(d, np.float32),
        scale=np.ones(1, np.float32),
        codebooks=codebooks,
        selection=codebooks.copy(),
        embedded=codebooks @ project,
        condition=uniform(d, m, d, width),
        up=uniform(width, m, blocks, width, hidden),
        down=uniform(hidden, m, blocks, hidden, width),
        out=np.zeros((m, width, d), np.float32),
    )
    return network, project


class _Trainer:
    """Weights as torch parameters, and the mean left-over of every codeword as of the last epoch."""

    def __init__(self, network: Network, project: np.ndarray) -> None:
        import torch

        self.network = network
        start = {name: getattr(network, name) for name in _TRAINED}
        start |= {"project": project, "bias": np.zeros((network.steps, 1, project.shape[2]), np.float32)}
        self.weights: dict[str, Any] = {name: torch.tensor(a, requires_grad=True) for name, a in start.items()}
        self.sums, self.counts = torch.tensor(network.selection), torch.ones(network.steps, 256)

    def run(self, x: np.ndarray, codes: np.ndarray, epochs: int, candidates: int, beam: int, seed: int) -> Network:
        """Adam with a cosine schedule; codes (n, M) of x (n, d) are searched for anew every few epochs."""
        import torch
        from tqdm import tqdm

        optimizer = torch.optim.Adam(self.weights.values(), lr=_LEARNING_RATE)
        total = epochs * -(-len(x) // _BATCH)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda t: min((t + 1) / (_WARM_UP * total), 0.5 * (1 + np.cos(np.pi * min(1, t / total))))
        )
        rng, data = np.random.default_rng(seed), torch.from_numpy(x)
        for epoch in tqdm(range(epochs), desc="qinco2", unit="epoch", disable=None, leave=False):
            if epoch and epoch % _EPOCHS_PER_CODE == 0:
                codes = self.current().encode_normalized(x, candidates, beam)
            self.sums.copy_(self.weights["codebooks"].detach())
            self.counts.fill_(1)
            order = rng.permutation(len(x))
            for start in range(0, len(x), _BATCH):
                rows = order[start : start + _BATCH]
                loss = self._loss(data[rows], torch.from_numpy(codes[rows].T.astype(np.int64)))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        return self.current()

    def current(self) -> Network:
        """The network as trained so far; candidates are selected by the mean of what each codeword was to rebuild."""
        now = {name: tensor.detach().numpy().copy() for name, tensor in self.weights.items()}
        embedded = now["codebooks"] @ now.pop("project") + now.pop("bias")
        return replace(self.network, **now, embedded=embedded, selection=(self.sums / self.counts[:, :, None]).numpy())

    def _loss(self, x: Any, codes: Any) -> Any:
        """The weighted squared errors of all steps, for vectors (n, d) and codes (M, n) int64."""
        import torch

        # Indexing a weight of all steps would make a gradient as large as it at every step.
        steps = {name: tensor.unbind(0) for name, tensor in self.weights.items()}
        decoded = torch.nn.functional.embedding(codes[0], steps["codebooks"][0])
        errors, ones = [(decoded - x).square().sum(dim=1).mean()], torch.ones(len(x))
        for m in range(1, len(codes)):
            with torch.no_grad():
                self.sums[m].index_add_(0, codes[m], x - decoded)
                self.counts[m].index_add_(0, codes[m], ones)
            codewords = torch.nn.functional.embedding(codes[m], steps["codebooks"][m])
            z = codewords @ steps["project"][m] + torch.addmm(steps["bias"][m], decoded, steps["condition"][m])
            for up, down in zip(steps["up"][m], steps["down"][m]):
                z = z + torch.relu(z @ up) @ down
            decoded = torch.addmm(decoded + codewords, z, steps["out"][m])
            errors.append((decoded - x).square().sum(dim=1).mean())
        return errors[-1] + _EARLY * sum(errors[:-1])
