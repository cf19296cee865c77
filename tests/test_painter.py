"""The painters of lips and lids at work."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gath import files
from gath.layers import request
from gath.painters import CHANNELS, ClosedLidsNet, ClosedLipsNet
from talkinghead.face import closed_lids, closed_lips
from talkinghead.face.painter import described


@pytest.mark.parametrize(
    "kind, make, size",
    [("closed_lips", ClosedLipsNet, closed_lips.SIZE), ("closed_lids", ClosedLidsNet, closed_lids.SIZE)],
)
def test_network_runs_without_torch_as_it_does_in_torch(tmp_path, kind, make, size):
    torch.manual_seed(0)
    net, seen = make().eval(), torch.rand(1, CHANNELS, *size[::-1]) * 2 - 1
    files.save(net, tmp_path / "net.safetensors")
    told, _, state = files.read(tmp_path / "net.safetensors")
    assert told == kind
    with torch.inference_mode():
        made = request(described(state, size)).infer([seen.numpy()])[0]
        np.testing.assert_allclose(made, net(seen).numpy(), atol=5e-3)
