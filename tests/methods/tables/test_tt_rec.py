"""TT-Rec: rows of a batch do not depend on how their cores were multiplied."""

from __future__ import annotations

import numpy as np
import torch

from methods.tables._module import untrained
from methods.tables.state import Fields
from methods.tables.tt_rec import TTRec


def test_few_ids_and_all_ids_read_the_same_rows():
    fields = Fields((300, 41), np.ones(341, np.int64))
    module = untrained(TTRec(fields.rows, 16, rank=3), fields, seed=0)
    ids = torch.stack([torch.arange(300), torch.arange(300) % 41], dim=1)
    whole = module(ids).detach()
    for example in (0, 7, 299):
        torch.testing.assert_close(module(ids[example : example + 1]).detach()[0], whole[example])
