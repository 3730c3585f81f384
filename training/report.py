"""Put what was measured into the model card, and draw it: `python -m training.report`.

Reads training/results/: `rounds.json` (one entry a round) and what `training.evaluate --json` wrote of each
set of weights. Fills the marked blocks of checkpoints/README.md and draws checkpoints/rounds.png.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "training" / "results"
CARD = ROOT / "checkpoints" / "README.md"
CURVE = ROOT / "checkpoints" / "rounds.png"
BLOCK = re.compile(r"(<!-- nano: (\w+) -->\n).*?(<!-- /nano -->)", re.DOTALL)

ON_THE_SAME_CLIPS = {"round5": "round 5", "round4": "round 4"}
"""Files of RESULTS measured on the same held-out clips, and what the table calls them."""
COLUMNS = (
    ("round5", "off box", "round 5, whole picture"),
    ("round5", "auto box", "round 5, windows"),
    ("round6", "auto box", "round 6, windows"),
    ("nano", "auto box", "nano, windows"),
)
"""Of the table of sequences: file of RESULTS, row of a sequence, title."""
VALIDATION = 12
"""Sequences of DAVIS 2016's validation set, which come first; the others are of its training set."""
HELD_OUT_ROWS = {
    "box_first": "box: first mask",
    "box_tracked": "box: tracked",
    "click_first": "click: first mask",
    "click_tracked": "click: tracked",
    "box_visible_auc": "ROC AUC of the object score, visible or hidden (box)",
    "click_visible_auc": "the same (click)",
    "box_visible_called_hidden": "visible frames called hidden (box)",
    "box_hidden_called_visible": "hidden frames called visible (box)",
    "box_loss_told": "leavings told within 5 frames (box), share",
    "click_loss_told": "the same (click)",
    "box_losses": "leavings",
}


def load(name: str) -> Any:
    """One file of RESULTS."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def rounds_table() -> str:
    """A row a round."""
    lines = ["| round | what changed | hours | in all | first | mean J |", "|---|---|---|---|---|---|"]
    total = 0.0
    for entry in load("rounds"):
        total += entry["hours"]
        name = f"**{entry['round']} (shipped)**" if entry.get("shipped") else entry["round"]
        measured = (f"{entry[key]:.2f}" if key in entry else "-" for key in ("first", "mean_j"))
        lines.append(
            f"| {name} | {entry['what']} | {entry['hours']:.1f} | {total:.1f} | {' | '.join(measured)} |"
        )
    return "\n".join(lines) + "\n"


def davis_table() -> str:
    """A row a sequence: mean J of each set of weights through each window, and the first mask's."""
    results = {name: load(name)["davis"]["sequences"] for name, _, _ in COLUMNS}
    names = list(results["nano"])
    titles = ["", "first mask, box", *(title for _, _, title in COLUMNS)]
    lines = ["| " + " | ".join(titles) + " |"]
    lines.append("|" + "---|" * (len(COLUMNS) + 2))
    groups = {
        "mean of the 12": names[:VALIDATION],
        "mean of the 25": names[VALIDATION:],
        "mean of all": names,
    }
    for label, group in [(name, [name]) for name in names] + list(groups.items()):
        first = _mean([results["nano"][name]["auto box"]["first"] for name in group])
        values = [_mean([results[file][name][row]["j"] for name in group]) for file, row, _ in COLUMNS]
        best = max(values)
        cells = [f"**{v:.2f}**" if v == best else f"{v:.2f}" for v in values]
        lines.append(f"| {label} | {first:.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def held_out_table() -> str:
    """Held-out clips and the product's scenes."""
    results = {title: load(name) for name, title in ON_THE_SAME_CLIPS.items()}
    lines = ["| | " + " | ".join(results) + " |", "|---|" + "---|" * len(results)]
    for key, title in HELD_OUT_ROWS.items():
        cells = [
            f"{result['held_out'][key]:.0f}" if key.endswith("losses") else f"{result['held_out'][key]:.2f}"
            for result in results.values()
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    for scene in next(iter(results.values()))["scenes"]:
        cells = [f"{result['scenes'][scene]:.2f}" for result in results.values()]
        lines.append(f"| scene `{scene}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


TABLES = {"rounds": rounds_table, "davis": davis_table, "held_out": held_out_table}


def filled(text: str) -> str:
    """The text with every marked block replaced by its table."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def draw(target: Path) -> None:
    """Mean J against hours of training, a point a round."""
    import matplotlib as mpl  # here, because the tables need no plotting

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rounds = [entry for entry in load("rounds") if "mean_j" in entry]
    hours = [sum(entry["hours"] for entry in rounds[: index + 1]) for index in range(len(rounds))]
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for key, label in (("first", "first mask"), ("mean_j", "mean J")):
        axes.plot(hours, [entry[key] for entry in rounds], "o-", label=label)
    for x, entry in zip(hours, rounds, strict=True):
        axes.annotate(
            entry["round"], (x, entry["mean_j"]), textcoords="offset points", xytext=(2, -12), fontsize=7
        )
    axes.set_xlabel("hours of training (two shared cores)")
    axes.set_ylabel("four DAVIS sequences, box prompt")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(target, dpi=110)


def main() -> None:
    """Rewrite the model card's blocks and the curve."""
    CARD.write_text(filled(CARD.read_text(encoding="utf-8")), encoding="utf-8")
    draw(CURVE)


if __name__ == "__main__":
    main()
