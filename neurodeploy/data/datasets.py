"""The datasets known by name.

A new dataset is one function here and one line in `SOURCES`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from neurodeploy.data.binning import Binning
from neurodeploy.data.dataset import (
    OFFICIAL,
    PAPER,
    RECORDINGS,
    SPEAKERS,
    STRATIFIED,
    Samples,
    Source,
    folders,
    stratified,
)
from neurodeploy.data.encode import regular_rate
from neurodeploy.data.fbank import frame_step_s
from neurodeploy.data.fetch import present
from neurodeploy.data.gsc import load_gsc
from neurodeploy.data.heidelberg import downloads, load_shd, load_ssc
from neurodeploy.data.nmnist import load_nmnist_small
from neurodeploy.data.settings import Wanted
from neurodeploy.data.speech_spikes import HASHED, load_fsdd_spikes, load_speech_commands_spikes
from neurodeploy.data.spoken_digits import load_fsdd
from neurodeploy.data.stream import from_bits
from neurodeploy.data.unpack import ENDINGS

__all__ = ["SOURCES", "Source", "folders"]


@functools.lru_cache(maxsize=2)
def _digits(n_steps: int) -> Samples:
    """Return the digits; a run asks for them dozens of times."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    spikes_BTI = regular_rate(bunch.data / 16.0, n_steps)
    bits = np.packbits(spikes_BTI.reshape(len(spikes_BTI), -1), axis=1)
    names = [str(name) for name in bunch.target_names]
    data = from_bits("digits", bits, n_steps, spikes_BTI.shape[2:], bunch.target, names)
    chosen = np.zeros(len(data), dtype=bool)
    chosen[stratified(data.labels_B, 0.2)] = True
    return Samples(data, chosen)


def _load_braille7(source: Source, wanted: Wanted, split: str) -> Samples:
    path = present(source, source.file, source.sha256)
    with np.load(path, allow_pickle=False) as stored:
        _, n_steps, n_sensors = (int(size) for size in stored["shape"])
        names = [str(name) for name in stored["class_names"]]
        n_steps = min(n_steps, wanted.n_steps)
        data = from_bits("braille7", stored["spikes_packed"], n_steps, (n_sensors,), stored["label"], names)
        return Samples(data, stored["is_test"].astype(bool))


def _binned(binning: Binning) -> dict[str, Any]:
    return {"dt_s": binning.dt_s, "n_steps": binning.n_steps, "binning": binning}


PAPER_250 = Binning(250, 1.0, 5)
PAPER_300 = Binning(300, 1.2, 5)
"""The SiLIF paper's 4 ms for SHD and for SSC."""

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="digits",
            what="1,797 handwritten digits, 8x8 pixels, as regular spike trains; inside scikit-learn",
            licence="CC BY 4.0",
            citation="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998",
            dt_s=1e-3,
            n_steps=24,
            load=lambda source, wanted, split: _digits(wanted.n_steps),
            n_classes=10,
        ),
        Source(
            name="braille7",
            what="984 Braille letters (7 classes) from 12 touch sensors, 256 steps of 5 ms",
            licence="CC BY 4.0",
            citation="Müller-Cleve et al., Frontiers in Neuroscience 16:951164, 2022",
            dt_s=5e-3,
            n_steps=256,
            load=_load_braille7,
            n_classes=7,
            file="braille7_events/braille7_events.npz",
            sha256="682aac633ec27f1932c33ccf2a85117f304894971878ba1522954929be1e8949",
            note="Zenodo record 7050094, events with threshold 1, ON and OFF joined",
        ),
        Source(
            name="nmnist_small",
            what="942 event-camera digits of N-MNIST (870 to train, 72 to test), 2x34x34, 300 steps of 1 ms",
            licence="CC BY-SA 4.0",
            citation="Orchard et al., Frontiers in Neuroscience 9:437, 2015",
            dt_s=1e-3,
            n_steps=300,
            load=load_nmnist_small,
            n_classes=10,
            file="nmnist_small/nmnist_test.npz",
            sha256="cc0634fa478e8d3fa10e4a87eb958bf4e034c7e880984b7f41fdf9ac80334af9",
            note="from slayerPytorch's NMNISTsmall, with nmnist_train.npz beside it",
            parts=(("nmnist_train.npz", "776fd41dddbb7a3f85750befad511514947a639017f223da7b6d56a3f3329c6d"),),
        ),
        Source(
            name="fsdd_spikes",
            what="1,320 spoken digits (1,020 to train, 300 to test, 6 speakers) as 700-channel cochlea spikes",
            licence="CC BY-SA 4.0",
            citation="Jackson et al., Free Spoken Digit Dataset, DOI 10.5281/zenodo.1342401; encoded to spikes",
            **_binned(PAPER_250),
            load=load_fsdd_spikes,
            file="fsdd_spikes/fsdd_spikes_train.npz",
            sha256="4f5ccd2c95648b5e280573fc0e53aca3b9eb3305e26b9b989dc998deaf5b3222",
            note="with fsdd_spikes_test.npz beside it",
            parts=(("fsdd_spikes_test.npz", "854c4768da41caa90be627f73d7e0fe19b0ff92894891b21e03940426f5984ca"),),
            partitions=(RECORDINGS, SPEAKERS, STRATIFIED),
            n_classes=10,
        ),
        Source(
            name="fsdd",
            what="2,580 recordings of spoken digits (2,280 to train, 300 to test), turned to cochlea spikes here, once",
            licence="CC BY-SA 4.0",
            citation="Jackson et al., Free Spoken Digit Dataset, DOI 10.5281/zenodo.1342401",
            **_binned(PAPER_250),
            load=load_fsdd,
            file="fsdd/fsdd_train.npz",
            sha256="8568bc869f5915f809d1c3c85c5905b7383cd5a8148608a6c559341f652952fe",
            note="with fsdd_test.npz beside it",
            parts=(("fsdd_test.npz", "e1e73579c5632e6f7be4005962ea058f6ee1256dec1234d1263e2d92784bc78f"),),
            partitions=(RECORDINGS, SPEAKERS, STRATIFIED),
            n_classes=10,
        ),
        Source(
            name="speech_commands_spikes",
            what="1,150 Speech Commands clips of 30 words as 700-channel cochlea spikes, SSC's class numbers",
            licence="CC BY 4.0",
            citation="Warden, arXiv:1804.03209; encoded to spikes after Cramer et al., IEEE TNNLS, 2020",
            **_binned(PAPER_300),
            load=load_speech_commands_spikes,
            file="speech_commands_spikes/speech_commands_spikes.npz",
            sha256="88404d0b3affbdcb09512a04bacbf7dac3e74543e69556033266766664b23554",
            note="a re-encoded subset, never to be called SSC",
            partitions=(SPEAKERS, OFFICIAL, HASHED),
            n_classes=35,
        ),
        Source(
            name="shd",
            what="Spiking Heidelberg Digits: 10,420 spoken digits in English and German, 12 speakers, 700 channels",
            licence="CC BY 4.0",
            citation="Cramer et al., IEEE TNNLS 33, 2744-2757, 2022",
            **_binned(PAPER_250),
            load=load_shd,
            file="shd/shd_train.h5",
            note="from https://zenkelab.org/datasets/, with shd_test.h5 beside it; .h5.gz and .h5.zip are read too",
            parts=(("shd_test.h5", ""),),
            packings=ENDINGS,
            downloads=downloads("shd"),
            partitions=(SPEAKERS, STRATIFIED, PAPER),
            n_classes=20,
        ),
        Source(
            name="ssc",
            what="Spiking Speech Commands: 105,829 spoken words of 35 classes, 700 channels, official parts",
            licence="CC BY 4.0",
            citation="Cramer et al., IEEE TNNLS 33, 2744-2757, 2022",
            **_binned(PAPER_300),
            load=load_ssc,
            file="ssc/ssc_train.h5",
            note="from https://zenkelab.org/datasets/, with ssc_valid.h5 and ssc_test.h5 beside it; .h5.gz and .h5.zip "
            "are read too",
            parts=(("ssc_valid.h5", ""), ("ssc_test.h5", "")),
            packings=ENDINGS,
            downloads=downloads("ssc"),
            partitions=(OFFICIAL,),
            n_classes=35,
        ),
        Source(
            name="gsc",
            what="Google Speech Commands v2: 105,829 spoken words of 35 classes as 40 log-mel features, real values",
            licence="CC BY 4.0",
            citation="Warden, arXiv:1804.03209, 2018",
            dt_s=frame_step_s(),
            n_steps=98,
            load=load_gsc,
            file="gsc/validation_list.txt",
            note="unpack speech_commands_v0.02.tar.gz of download.tensorflow.org/data there",
            parts=(("testing_list.txt", ""),),
            partitions=(OFFICIAL,),
            n_classes=35,
        ),
    )
}
