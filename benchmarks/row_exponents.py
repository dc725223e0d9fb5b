"""What an exponent of its own for every output channel would bring: a run's network in integers, both ways.

    python benchmarks/row_exponents.py RUN [--samples N] [--bits 8 6 4]

Weights are rounded, not fine-tuned. Agreement is the part of the float network's classes that the integers give.
"""

import argparse
from pathlib import Path

import numpy as np

from neurodeploy.backends import fixed, reference
from neurodeploy.backends.calibration import measure, spread_over
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.mapping.discretize_dynamics import row_plan
from neurodeploy.pipeline.conversion import deployable, fed, float_network, part
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import trained_network
from neurodeploy.program.plan import ConnectionPlan, Plan


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--bits", type=int, nargs="*", default=[8, 6, 4])
    asked = parser.parse_args()
    folder = RunFolder(asked.run)
    recipe = folder.recipe()
    network = deployable(trained_network(folder), recipe)
    graph = float_network(network, recipe)
    train, test = fed(network, part(recipe, "train")), fed(network, part(recipe, "test")).first(asked.samples)
    measured = measure(graph, train.at(spread_over(len(train))[:64]).spikes_BTI)
    data = test.whole()
    starts = range(0, len(test), reference.BATCH)
    wanted = np.concatenate(
        [reference.run(graph, data.spikes_BTI[one : one + reference.BATCH]).predictions_B for one in starts]
    )
    print(f"{recipe.name}: {len(test)} samples, float {100 * (wanted == data.labels_B).mean():.2f} %")
    for bits in asked.bits:
        shared = choose_plan(graph, bits, measured)
        own = Plan(dict(shared.vth_mant), {})
        for one in graph.synapses:
            precise = shared.connections[one.name]
            gain = graph.population(one.target).weight_gain
            found = np.array(row_plan(one, gain, shared.vth_mant[one.target], bits).weight_exp)
            least = min(0, int(np.min(precise.weight_exp)))  # below it a sum would lose bits
            exponents = tuple(np.clip(found, least, precise.weight_exp).tolist())
            own.connections[one.name] = ConnectionPlan(bits, exponents) if len(set(exponents)) > 1 else precise
        for name, plan in (("one exponent", shared), ("one a channel", own)):
            ran = fixed.run(compile_network(graph, plan=plan).program, data.spikes_BTI).predictions_B
            rows = {one.name: np.unique(plan.connections[one.name].weight_exp).tolist() for one in graph.synapses}
            right, same = (100 * (ran == one).mean() for one in (data.labels_B, wanted))
            print(f"{bits} bits, {name:13s} {right:6.2f} %, agreement {same:6.2f} %, exponents {rows}", flush=True)


if __name__ == "__main__":
    main()
