"""All works of `bench train`, one line each."""

from neurodeploy.bench.lmu_work import LMUS
from neurodeploy.bench.lmuformer_work import LMUFORMER
from neurodeploy.bench.plif_work import PLIF
from neurodeploy.bench.spikformer_work import SPIKFORMER
from neurodeploy.bench.training import Training
from neurodeploy.bench.training_check import checked
from neurodeploy.bench.training_work import TRAINING_PEERS, about, dense_products, ours, training_work

WORKS: dict[str, Training] = {
    "silif": Training(512, 250, training_work, ours, about, TRAINING_PEERS, checked, dense_products),
    "plif": PLIF,
    **LMUS,
    "lmuformer": LMUFORMER,
    "spikformer": SPIKFORMER,
}
