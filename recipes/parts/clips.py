"""A pack of faces in, its clips out as gath.motion.fit_unit_map takes them."""

from __future__ import annotations

import numpy as np

from gath.data import MAX_YAW, Pack


def clip_list(pack: Pack) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Landmarks, units and pose of each clip's frontal frames; of each data set about as many clips as of others."""
    frontal = np.abs(pack.pose[:, 0]) < MAX_YAW
    groups = [np.flatnonzero((pack.group == g) & frontal) for g in np.unique(pack.group) if g >= 0]
    per_source = {s: sum(pack.source[g[0]] == s for g in groups if len(g)) for s in np.unique(pack.source)}
    # One speaker has a thousand clips: keep of each data set about as many as the others have.
    keep = [g for i, g in enumerate(groups) if len(g) >= 8 and i % max(1, per_source[pack.source[g[0]]] // 60) == 0]
    return [(pack.landmarks[g], pack.units[g], pack.pose[g]) for g in keep]
