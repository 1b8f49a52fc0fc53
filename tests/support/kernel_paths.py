"""The paths of kernels that their tests go through.

The emulated AVX-512 path is the native one but for one instruction, and every kernel takes seconds to compile for it.
Where the processor has a native path of 512 bits, that is what the tests of kernels go through instead.
"""

from __future__ import annotations

from methods.kernels.machine.cpu import EMULATED, best_path, missing_flags, supported_paths

_WIDE = [EMULATED] if missing_flags("avx512_vnni") else []

EVERY = [*supported_paths(), *_WIDE]
WIDEST = [best_path(), *_WIDE]
