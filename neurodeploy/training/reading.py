"""What training reads off the two kinds of answers that networks give.

A spiking network with output neurons gives the spikes of every layer; the SiLIF family, its baselines and its folded
networks give an `Answer` with scores.

Axes: B sample, T step, N neuron, C class.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn import functional

from neurodeploy.networks.sequence import Answer

LEAST_PROBABILITY = 1e-7
"""A class that no step gives a chance has a logarithm too."""


class Reading(NamedTuple):
    """One batch's answers.

    Attributes:
        scores_BC: The largest is the class, the lowest class on a tie.
        logits_BC: What cross-entropy is applied to.
        log_probabilities_BC: What a student takes over from a teacher.
        hidden: What each hidden layer sends, (B, T, N), before dropout.
        sent: What the output does, where it spikes.
        steps_BTC: Logits of each step, of a network that gives them.
    """

    scores_BC: torch.Tensor
    logits_BC: torch.Tensor
    log_probabilities_BC: torch.Tensor
    hidden: Sequence[torch.Tensor]
    sent: torch.Tensor | None = None
    steps_BTC: torch.Tensor | None = None


def read(found: Answer | list[torch.Tensor], logit_gain: float = 1.0, score_gain: float = 1.0) -> Reading:
    """Return what a network's answer says.

    Args:
        found: What the network gave.
        logit_gain: Logit per output spike and step, for output neurons.
        score_gain: Logit per unit of an `Answer`'s scores; 1 in the SiLIF paper.

    The probabilities of an `Answer` that gives no logits are the scores over their sum, the mean over time of softmax;
    they mean something for the leaky readout alone, whose scores are sums of softmax.
    """
    if isinstance(found, Answer):
        scores_BC = found.output_BC
        logits_BC = scores_BC if score_gain == 1 else score_gain * scores_BC
        if found.logits:
            steps_BTC = None if found.steps is None else score_gain * found.steps
            chances = functional.log_softmax(logits_BC, dim=1)
            return Reading(scores_BC, logits_BC, chances, found.hidden, found.sent, steps_BTC)
        share_BC = scores_BC / scores_BC.sum(dim=1, keepdim=True)
        return Reading(scores_BC, logits_BC, share_BC.clamp_min(LEAST_PROBABILITY).log(), found.hidden, found.sent)
    *hidden, output_BTN = found
    logits_BC = output_BTN.mean(dim=1) * logit_gain
    log_probabilities_BC = functional.log_softmax(logits_BC, dim=1)
    return Reading(output_BTN.sum(dim=1), logits_BC, log_probabilities_BC, tuple(hidden), output_BTN)
