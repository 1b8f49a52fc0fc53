"""SIFT descriptors of a picture by OpenCV: at its keypoints, and on grids of several scales (dense SIFT).

128 numbers from 0 to 255, as Lowe (2004, section 6) describes them: histograms of eight directions of the gradient in
4 x 4 cells around a point, scaled to norm 512 with none above a fifth of it.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError

VERSION, REQUIREMENT, DIM = "5.0.0", "opencv-python-headless==5.0.0.93", 128
CONTRAST = 0.01  # least contrast of a keypoint, of a range of 1: a quarter of OpenCV's own, for many keypoints
MOST_PIXELS = 8_000_000  # of a picture; a larger one is reduced, as detection takes 250 bytes a pixel
STEP = 6  # pixels from one point of a grid to the next, at every scale
SCALES = 4  # of grids, half an octave apart: cells of 4.8, 6.8, 9.6 and 13.6 pixels
FLAT = 3.0  # standard deviation of gray values (0 to 255) below which a patch shows noise alone
_SIGMA, _EDGE = 1.6, 10  # OpenCV's own
_LAYERS_PER_OCTAVE = 2  # of the grids' scales
_CELL, _CELLS = 1.5, 4  # a cell's side in sizes of a keypoint, and cells along a patch
_REACH = _CELL * (_CELLS + 1) / 2 * 2**0.5  # of the gradients that a descriptor sums, in sizes of a keypoint


def load_opencv() -> Any:
    """OpenCV, of the version that makes the data set, on one thread; :class:`DatasetError` says what to install."""
    if importlib.util.find_spec("cv2") is None:
        raise DatasetError("SIFT needs OpenCV; pip install 'vector-compression-bench[photos]'")
    import cv2

    if cv2.__version__ != VERSION:
        raise DatasetError(f"OpenCV is {cv2.__version__}, the data set is made by {VERSION}; pip install {REQUIREMENT}")
    cv2.setNumThreads(1)
    return cv2


def decoded(content: bytes) -> np.ndarray:
    """Gray values (height, width) uint8 of a picture's file, reduced to at most ``MOST_PIXELS``."""
    cv2 = load_opencv()
    gray = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    if gray is None:
        raise DatasetError("OpenCV cannot read a picture of a package that is what it should be; install it again")
    factor = (MOST_PIXELS / gray.size) ** 0.5
    return gray if factor >= 1 else cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def keypoints(gray: np.ndarray) -> np.ndarray:
    """Descriptors (n, 128) uint8 of the keypoints of a picture (height, width) uint8, each turned by its direction."""
    cv2 = load_opencv()
    sift = cv2.SIFT_create(0, 3, CONTRAST, _EDGE, _SIGMA, descriptorType=cv2.CV_8U)
    _, descriptors = sift.detectAndCompute(gray, None)
    return np.empty((0, DIM), np.uint8) if descriptors is None else descriptors


def grids(gray: np.ndarray) -> np.ndarray:
    """Descriptors (n, 128) uint8 on a grid at each scale, upright; flat patches are left out.

    ``gray`` is (height, width) uint8. Scale by scale, row by row.
    """
    cv2 = load_opencv()
    points = [
        cv2.KeyPoint(x, y, size, 0.0, 0.0, octave | layer << 8)
        for scale in range(SCALES)
        for octave, layer, size in [(*divmod(scale, _LAYERS_PER_OCTAVE), size_of(scale))]
        for x, y in grid(gray, size).tolist()
    ]
    if not points:
        return np.empty((0, DIM), np.uint8)
    sift = cv2.SIFT_create(0, _LAYERS_PER_OCTAVE, CONTRAST, _EDGE, _SIGMA, descriptorType=cv2.CV_8U)
    return sift.compute(gray, points)[1]


def size_of(scale: int) -> float:
    """Size of the keypoints on the grid of a scale, in pixels: twice the blur of the layer that they are taken from."""
    return float(2 * _SIGMA * 2 ** (scale / _LAYERS_PER_OCTAVE))


def grid(gray: np.ndarray, size: float) -> np.ndarray:
    """Points (n, 2) float64, x and y, whose gradients all lie in the picture and whose patch is not flat."""
    cv2 = load_opencv()
    height, width = gray.shape
    margin = int(np.ceil(_REACH * size))
    xs, ys = np.arange(margin, width - margin, STEP), np.arange(margin, height - margin, STEP)
    if not len(xs) or not len(ys):
        return np.empty((0, 2))
    side = int(np.ceil(_CELL * _CELLS * size)) | 1
    rows, columns = np.ix_(ys, xs)
    mean, square = (
        box(gray, cv2.CV_32F, (side, side))[rows, columns].astype(np.float64)
        for box in (cv2.boxFilter, cv2.sqrBoxFilter)
    )
    at = np.argwhere(square - mean**2 >= FLAT**2)
    return np.stack([xs[at[:, 1]], ys[at[:, 0]]], axis=1).astype(np.float64)
