"""`--work sdt`: SpikingJelly runs the same network, and the integers are of its populations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurodeploy.backends import fixed
from neurodeploy.bench import plif_inference, sdt_inference
from neurodeploy.bench.contenders import time_first

pytest.importorskip("spikingjelly")


def test_our_network_and_spikingjellys_give_the_same_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plif_inference, "N_SAMPLES", 6)
    work = sdt_inference.sdt()
    x_BTI = torch.from_numpy(work.spikes_BTI).float()
    network = sdt_inference.random_network(x_BTI)
    with torch.no_grad():
        answer = network(x_BTI)
        (theirs,) = work.peers[0].build(None)(time_first(work.spikes_BTI))
    assert all(0.01 < float(one.mean()) < 0.6 for one in answer.hidden)
    torch.testing.assert_close(theirs[0], answer.output_BC, rtol=0, atol=1e-6)
    first = work.program.layers[0]
    found = fixed.run(work.program, work.spikes_BTI, record=[first.name])
    few = fixed.run(work.program, work.spikes_BTI, scores_only=work.scores_only)
    assert work.scores_only
    np.testing.assert_array_equal(few.output_BN, found.output_BN)
    sent_BTN = found.layers[first.name].spikes_BTN[:, first.start : first.start + work.spikes_BTI.shape[1]]
    assert (sent_BTN == answer.hidden[0].numpy()).mean() > 0.99  # of 8-bit weights
