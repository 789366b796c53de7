"""A load run drawn: PNG files over its seconds."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tests.load.run import Load
from tests.load.watch import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (10.0, 5.0)  # inches
DOTS = 110  # an inch
MB = 1e6


def draw(load: Load, folder: Path) -> list[Path]:
    """The files, made in `folder`."""
    plots: dict[str, Callable[[Axes, Load], None]] = {
        "accepted": _accepted,
        "chunks": _chunks,
        "queues": _queues,
        "memory": _memory,
        "processor": _processor,
    }
    return [_drawn(load, folder / f"{name}.png", plot) for name, plot in plots.items()]


def _drawn(load: Load, path: Path, plot: "Callable[[Axes, Load], None]") -> Path:
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # only who draws needs it, and no screen
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_prop_cycle(color=[colormaps["tab20"](number) for number in range(20)])
    plot(axes, load)
    for one in load.uploads:
        axes.axvline(one.given - load.watch.began, color="grey", linewidth=0.7, linestyle=":")
    axes.axvline(load.called - load.watch.began, color="black", linewidth=0.7, linestyle="--")
    axes.set_xlabel("seconds; dotted: an upload was given, dashed: everybody had been called")
    axes.set_ylim(bottom=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", fontsize="small", ncols=2)
    figure.savefig(path)
    return path


def _accepted(axes: "Axes", load: Load) -> None:
    axes.set_title("contacts that the provider has taken")
    axes.plot(_moments(load), [sample.contacts for sample in load.watch.samples])


def _chunks(axes: "Axes", load: Load) -> None:
    axes.set_title("chunks by state")
    samples = load.watch.samples
    states = sorted({state for sample in samples for state in sample.chunks})
    heights = [[sample.chunks.get(state, 0) for sample in samples] for state in states]
    if heights:
        axes.stackplot(_moments(load), heights, labels=states)


def _queues(axes: "Axes", load: Load) -> None:
    axes.set_title("messages that wait for a worker")
    _lines(axes, load, lambda sample: dict(sample.waiting))


def _memory(axes: "Axes", load: Load) -> None:
    axes.set_title("memory of each process, MB")
    _lines(axes, load, lambda sample: {name: size / MB for name, size in sample.memory.items()})


def _processor(axes: "Axes", load: Load) -> None:
    axes.set_title("processor of each process, % of one core")
    samples = load.watch.samples
    for name in samples[0].processor:
        busy = [(b.processor[name] - a.processor[name]) / (b.at - a.at) * 100 for a, b in pairwise(samples)]
        axes.plot(_moments(load)[1:], busy, label=name, linewidth=1)


def _lines(axes: "Axes", load: Load, values: Callable[[Sample], dict[str, float]]) -> None:
    found = [values(sample) for sample in load.watch.samples]
    for name in sorted({name for one in found for name in one}):
        axes.plot(_moments(load), [one.get(name, 0) for one in found], label=name, linewidth=1)


def _moments(load: Load) -> list[float]:
    return [sample.at for sample in load.watch.samples]
