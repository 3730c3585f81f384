"""Objects to finds, each once, so that the whole fits best."""

from __future__ import annotations

from collections.abc import Mapping

import networkx


def assign(weights: Mapping[tuple[int, int], float]) -> set[tuple[int, int]]:
    """Pairs of an object and a find, each at most once, of the greatest weight together."""
    if not weights:
        return set()
    graph = networkx.Graph()
    for (object_id, place), weight in weights.items():
        graph.add_edge(("object", object_id), ("find", place), weight=weight)
    pairs = (dict((one, other)) for one, other in networkx.max_weight_matching(graph))
    return {(pair["object"], pair["find"]) for pair in pairs}
