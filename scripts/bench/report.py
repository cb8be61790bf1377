"""From samples to medians, a table and a plot."""

import statistics
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from scripts.bench import goals
from scripts.bench.stages import STAGES
from scripts.bench.stock import NAME as STOCK

Sample = dict[str, Any]
KEYS = ("kind", "engine", "batch", "image", "server", "clients", "share")  # which identify a turn


def line(sample: Sample) -> str:
    """Return a sample as one line of progress."""
    what = " ".join(f"{key} {sample[key]}" for key in KEYS[1:] if sample.get(key) is not None)
    rate = f"{sample['images_per_second']:8.1f} images/s" if "images_per_second" in sample else ""
    if "alone_images_per_second" in sample:
        rate += f", the engine alone {sample['alone_images_per_second']:.1f}"
    return f"round {sample['round'] + 1}  {sample['kind']:<12}{what}  {rate}"


def summary(measured: Sample) -> Sample:
    """Return what is written: medians of all rounds, and the goals."""
    turns: dict[tuple[object, ...], list[Sample]] = {}
    for sample in measured["samples"]:
        turns.setdefault(tuple(sample.get(key) for key in KEYS), []).append(sample)
    return {
        **{key: value for key, value in measured.items() if key != "samples"},
        "goals": goals.judge(measured),
        "turns": [_medians(samples) for samples in turns.values()],
    }


def _medians(samples: list[Sample]) -> Sample:
    row: Sample = {key: samples[0][key] for key in KEYS if samples[0].get(key) is not None}
    for figure, value in samples[0].items():
        if figure == "latencies":
            taken = [latency for sample in samples for latency in sample["latencies"]]
            cuts = statistics.quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else taken * 99
            row |= {f"p{percent}_ms": round(1000 * cuts[percent - 1], 2) for percent in (50, 95, 99)}
            row["requests"] = len(taken)
        elif figure not in (*KEYS, "round") and value is not None:
            values = [sample[figure] for sample in samples if sample[figure] is not None]
            row[figure] = round(statistics.median(values), 4)
    return row


def table(results: Sample) -> str:
    """Return the results as text."""
    turns, machine = results["turns"], results["machine"]
    sets = ", ".join(f"{name} {value}" for name, value in machine["instruction_sets"].items())
    serving = results["serving"]
    lines = [
        f"{results['model']['name']} on {machine['cpus']} CPUs ({machine['cpu']}; {sets}), medians of all rounds",
        f"served by {serving['engine']} in {serving['precision']}",
        "",
    ]
    engines = goals.pick(turns, kind="engine")
    batches = sorted({row["batch"] for row in engines})
    lines.append(f"{'images/s alone, at batch':<26}" + "".join(f"{batch:>9}" for batch in batches))
    for engine in dict.fromkeys(row["engine"] for row in engines):
        rates = [goals.pick(engines, engine=engine, batch=batch)[0]["images_per_second"] for batch in batches]
        lines.append(f"  {engine:<24}" + "".join(f"{rate:9.1f}" for rate in rates))
    lines += ["", f"{'ms of an image alone':<26}" + "".join(f"{name:>11}" for name in (*STAGES, "scaled", "MB"))]
    for row in goals.pick(turns, kind="stages"):
        cells = [row[f"{stage}_ms"] for stage in STAGES] + [row["scaled_ms"], row["bytes"] / 1e6]
        lines.append(f"  {row['image']:<24}" + "".join(f"{cell:11.2f}" for cell in cells))
    lines += [
        "",
        _row("over HTTP", "images/s", "p50 ms", "p95 ms", "p99 ms", "batch", "JVM ms", "worker ms", "client ms"),
    ]
    lines += [_http(f"{row['server']}, {row['clients']} clients", row) for row in goals.pick(turns, kind="closed loop")]
    lines += [_http(f"open loop, {row['share']:.0%} of that", row) for row in goals.pick(turns, kind="open loop")]
    lines += [_http(row["image"], row) for row in goals.pick(turns, kind="large")]
    lines += ["", "memory, MB: " + ", ".join(_memory(name, row) for name, row in results["memory"].items())]
    lines += ["", "goals"]
    lines += [_goal(row) for row in results["goals"]]
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"{cells[0]:<38}" + "".join(f"{cell:>12}" for cell in cells[1:])


def _http(name: str, row: Sample) -> str:
    figures = ("images_per_second", "p50_ms", "p95_ms", "p99_ms", "mean_batch", "jvm_cpu_ms_per_image")
    cells = [row.get(figure) for figure in (*figures, "worker_cpu_ms_per_image", "client_cpu_ms_per_image")]
    return _row(f"  {name}", *("-" if cell is None else f"{cell:.1f}" for cell in cells))


def _memory(name: str, row: Sample) -> str:
    return f"{name} {row['workers_mb']:.0f}" + (f" and its JVM {row['jvm_mb']:.0f}" if row["jvm_mb"] else "")


def _goal(row: Sample) -> str:
    half = "; half of the pairs {:g} to {:g}".format(*row["middle_half"]) if "middle_half" in row else ""
    return f"  {'met   ' if row['met'] else 'MISSED'}  {row['value']:<8g} {row['bound']:<9} {row['goal']}{half}"


def plot(results: Sample, path: Path) -> None:
    """Draw throughput and latency against clients, and what a large image costs."""
    turns, name = results["turns"], results["model"]["name"]
    figure = Figure(figsize=(15, 4.6), layout="constrained")
    rate, latency, size = figure.subplots(1, 3)
    colours = {name: "tab:blue", goals.FLOAT32.format(name=name): "tab:cyan", STOCK: "tab:gray"}
    colours |= dict(zip(results["peers"], ("tab:orange", "tab:green"), strict=True))
    for server, colour in colours.items():
        rows = goals.pick(turns, kind="closed loop", server=server)
        clients = [row["clients"] for row in rows]
        rate.plot(clients, [row["images_per_second"] for row in rows], "o-", color=colour, label=server)
        for percent, style in ((50, "-"), (99, ":")) if server in (name, STOCK) else ():
            values = [row[f"p{percent}_ms"] for row in rows]
            latency.plot(clients, values, f"o{style}", color=colour, label=f"{server}, p{percent}")
    best = max(goals.pick(turns, kind="engine"), key=lambda row: float(row["images_per_second"]))
    ceiling = f"{best['engine']} alone, batch {best['batch']}"
    rate.axhline(best["images_per_second"], color="tab:red", linestyle="--", label=ceiling)
    for axes in (rate, latency):
        axes.set_xscale("log", base=2)
        axes.set_xticks(results["plan"]["clients"], [str(clients) for clients in results["plan"]["clients"]])
    latency.set_yscale("log")
    for axis in (latency.yaxis.set_major_formatter, latency.yaxis.set_minor_formatter):
        axis(ScalarFormatter())  # 60 instead of 6 x 10^1
    _label(rate, "Throughput", "clients (closed loop)", "images/s")
    rate.set_ylim(top=1.6 * best["images_per_second"])  # room for the legend
    _label(latency, "Latency", "clients (closed loop)", "ms")
    rows = sorted(goals.pick(turns, kind="stages"), key=lambda row: float(row["megapixels"]))
    sizes = [row["megapixels"] for row in rows]
    curves = {
        "inference": [row["inference_ms"] for row in rows],
        "decode and transform": [row["decode_ms"] + row["transform_ms"] for row in rows],
        "the same, large_jpegs: scaled": [row["scaled_ms"] for row in rows],
    }
    for label, values in curves.items():
        size.plot(sizes, values, "o-", label=label)
    _label(size, "One image alone", "megapixels", "ms")
    serving = results["serving"]
    figure.suptitle(f"{name} on {results['machine']['cpus']} CPUs, {serving['engine']} in {serving['precision']}")
    figure.savefig(path, dpi=110)


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(bottom=0 if axes.get_yscale() == "linear" else None)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
