"""An inner ear: mono audio in, spikes of 700 channels out, by the model that made SHD and SSC.

The chain is `prepare` (level and ramps), `basilar_membrane` (velocity of each place) and `kernels` (probability
of a spike, 40 random fibres and one neuron a channel, in compiled code). `single_precision` runs it, and `encode`
is the door. The same equations step by step in double
precision are in the tests, `tests/data/cochlea/equations.py`, and held against the data sets' own program.

Sources: B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke, "The Heidelberg Spiking Data Sets for the
Systematic Evaluation of Spiking Neural Networks", IEEE TNNLS 2020, arXiv:1910.07407 (the whole);
T. Sieroka, H. G. Dosch, A. Rupp, JASA 120(1) 297, 2006 (membrane); R. Meddis, JASA 79(3) 702, 1986 and
83(3) 1056, 1988 (hair cell).

Axes: T step, C channel.
"""
