"""Where cores stand on the chip's mesh, and how far a spike message goes.

Assumed: cores are filled in their order, tile after tile, rows from left to right; a message goes along its row
first, then along the column, and the way is as long as the tiles between. Ways from chip to chip are counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurodeploy.mapping.placement.limits import Limits


@dataclass(frozen=True, eq=False)
class Mesh:
    """Positions of cores (C,): tile column and row on their chip."""

    chip: np.ndarray
    column: np.ndarray
    row: np.ndarray

    @classmethod
    def of(cls, n_cores: int, limits: Limits) -> Mesh:
        """Return the positions of so many cores.

        >>> from neurodeploy.hardware.chips import chip_named
        >>> mesh = Mesh.of(130, Limits.of(chip_named("loihi1")))
        >>> [(int(mesh.chip[n]), int(mesh.column[n]), int(mesh.row[n])) for n in (3, 4, 32, 128)]
        [(0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0)]
        """
        chip, core = np.divmod(np.arange(n_cores), limits.cores_per_chip)
        row, column = np.divmod(core // limits.cores_per_tile, limits.mesh_columns)
        return cls(chip, column, row)

    def ways(self, sources: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return tiles east or west, tiles north or south, and chips left, for all pairs (S, T)."""
        pairs = [np.abs(one[sources][:, None] - one[targets]) for one in (self.column, self.row)]
        leaves = self.chip[sources][:, None] != self.chip[targets]
        east_west, north_south = (np.where(leaves, 0, one) for one in pairs)
        return east_west, north_south, leaves.astype(np.int64)
