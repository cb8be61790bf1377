"""Generates the tables of measured figures for README.md and docs/ (`make docs`).

`make bench`, `make faults` and commands of `bench` write figures to build/, and `make figures` copies them to
docs/figures/.
"""

import json
from typing import Any

from scripts.bench.goals import pick
from scripts.bench.jpegs import AS_THEY_ARE
from scripts.bench.stock import NAME as STOCK
from scripts.common.paths import PROJECT
from scripts.docs.markdown import table

FIGURES = PROJECT / "docs" / "figures"
Figures = dict[str, Any]


def read(name: str) -> Figures:
    """Return the figures of a file in docs/figures/."""
    figures: Figures = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return figures


def headlines() -> str:
    """Return the README's four figures, each with its source."""
    bench, found = read("bench"), read("faults")
    goals = {row["goal"]: row["value"] for row in bench["goals"]}
    busy = max(pick(bench["turns"], kind="closed loop", server=_name(bench)), key=lambda row: row["images_per_second"])
    (lone,) = pick(bench["turns"], kind="closed loop", server=_name(bench), clients=1)
    over_stock = next(value for goal, value in goals.items() if "stock handler" in goal)
    lost = sum(row["lost"] for row in found.values())
    sent = sum(row["sent"] for row in found.values())
    return f"On {machine()}:\n\n" + table(
        ("figure", "measured", "source"),
        [
            (
                f"throughput, {busy['clients']} clients",
                f"{busy['images_per_second']:.1f} images/s, {over_stock:.2f} times TorchServe's stock handler",
                "[performance](docs/performance.md#throughput-and-latency)",
            ),
            (
                "latency, one client",
                f"p50 {lone['p50_ms']:.0f} ms, p99 {lone['p99_ms']:.0f} ms",
                "[performance](docs/performance.md#throughput-and-latency)",
            ),
            (
                "start",
                f"{next(value for goal, value in goals.items() if 'seconds' in goal):.1f} s to the first response",
                "[performance](docs/performance.md#goals)",
            ),
            (
                f"requests lost in {len(found)} kinds of faults",
                f"{lost} of {sent:,}",
                "[reliability](docs/reliability.md#faults)",
            ),
        ],
    )


def machine() -> str:
    """Return the machine and the model of the benchmark as a phrase."""
    bench = read("bench")
    serving, cpu = bench["serving"], bench["machine"]["cpu"]
    engine = f"{serving['engine']} in {serving['precision']}, {serving['instruction_set']}"
    return f"{bench['machine']['cpus']} cores ({cpu}) with {_name(bench)} ({engine})"


def service() -> str:
    """Return throughput and latency over HTTP, compared with the stock handler and the peers."""
    bench = read("bench")
    memory = bench["memory"][_name(bench)]
    turns = pick(bench["turns"], kind="closed loop")
    (image,) = pick(bench["turns"], kind="stages", image=AS_THEY_ARE)
    best = max(pick(bench["turns"], kind="engine"), key=lambda row: row["images_per_second"])
    stock = {row["clients"]: row for row in pick(turns, server=STOCK)}
    peers = [name for name in dict.fromkeys(row["server"] for row in turns) if name not in (_name(bench), STOCK)]
    rates = {(row["server"], row["clients"]): f"{row['images_per_second']:.1f}" for row in turns}
    head = ["clients", "images/s", "p50, ms", "p99, ms", "stock handler: images/s", "p50, ms"]
    head += [f"{peer}: images/s" for peer in peers]
    rows = [
        (
            row["clients"],
            rates[_name(bench), row["clients"]],
            f"{row['p50_ms']:.0f}",
            f"{row['p99_ms']:.0f}",
            rates[STOCK, row["clients"]],
            f"{stock[row['clients']]['p50_ms']:.0f}",
            *(rates.get((peer, row["clients"]), "") for peer in peers),
        )
        for row in pick(turns, server=_name(bench))
    ]
    return (
        f"Measured on {machine()}, images of {image['bytes'] / 1e6:.2f} MB, medians of {bench['plan']['rounds']} "
        f"rounds. The fastest engine alone, {best['engine']} at batch {best['batch']}, computes "
        f"{best['images_per_second']:.1f} images/s. After the run the worker held {memory['workers_mb']:.0f} MB "
        f"and the JVM {memory['jvm_mb']:.0f} MB.\n\n{table(head, rows)}"
    )


def goals() -> str:
    """Return the benchmark's goals, met or missed."""
    rows = [
        (
            row["goal"],
            f"{row['value']:g}",
            " to ".join(f"{bound:g}" for bound in row.get("middle_half", [])),
            row["bound"].replace(">=", "at least").replace("<=", "at most"),
            "met" if row["met"] else "missed",
        )
        for row in read("bench")["goals"]
    ]
    return table(("goal", "measured", "middle half of the pairs", "bound", ""), rows)


def large_images() -> str:
    """Return the time to decode and transform an image, by size."""
    turns = sorted(pick(read("bench")["turns"], kind="stages"), key=lambda row: float(row["megapixels"]))
    rows = [
        ("exact", *(_short(row["decode_ms"] + row["transform_ms"]) for row in turns)),
        ("scaled", *(_short(row["scaled_ms"]) for row in turns)),
    ]
    return table(("`large_jpegs`, ms", *(f"{row['megapixels']:.2g} megapixels" for row in turns)), rows)


def faults() -> str:
    """Return what clients saw during each fault."""
    head = ("what was done", "requests", "succeeded", "refused", "lost", "longest gap, s", "recovery, s")
    rows = [
        (
            what,
            *(row[key] for key in ("sent", "succeeded", "refused", "lost")),
            f"{row['longest_gap_seconds']:.1f}",
            f"{row['recovery_seconds']:.1f}" if "recovery_seconds" in row else "",
        )
        for what, row in sorted(read("faults").items())
    ]
    return table(head, rows)


def tracing() -> str:
    """Return what the request log and traces cost."""
    found = read("tracing")
    names = {"request_log": "request log", "traces": "traces", "both": "both"}

    def cell(cost: Figures, figure: str) -> str:
        low, high = cost[f"{figure}_percent_middle_half"]
        return f"{cost[f'{figure}_percent']:.1f} % ({low:.1f} to {high:.1f})"

    rows = []
    for cost in found["costs"]:
        clients = f"{cost['clients']} client{'s' if cost['clients'] > 1 else ''}"
        rows.append((f"{names[cost['part']]}, {clients}", cell(cost, "throughput"), cell(cost, "cpu")))
    return (
        f"{_setting(found)}, {found['plan']['sampled']:.0%} of the requests in traces; medians of "
        f"{found['plan']['rounds']} rounds, and their middle half:\n\n"
        + table(("what", "throughput lost", "CPU time added (JVM and worker)"), rows)
    )


def overload() -> str:
    """Return how many responses come in time when more is sent than the server takes."""
    found = read("overload")
    names = {"with_deadlines": "with `X-Request-Timeout`", "without_deadlines": "without"}
    rows = [
        (
            label,
            f"{found[name]['share']:.0%}",
            ", ".join(f"{each[name]['share']:.0%}" for each in found["rounds"]),
            f"{found[name]['p50']:.2f}",
        )
        for name, label in names.items()
    ]
    head = (
        f"each client waits {found['plan']['deadline']:g} s",
        "responses in time, relative to the server's rate with 16 clients: median",
        "each round",
        "p50 of the responses 200, s",
    )
    return (
        f"{_setting(found)}; {found['placement']}; {found['plan']['rounds']} rounds of {found['plan']['seconds']:g} s, "
        f"with {found['plan']['factor']:g} times the {found['images_per_second']:.0f} images/s that it takes:\n\n"
        + table(head, rows)
    )


def _setting(found: Figures) -> str:
    serving, cores = found["serving"], f"{found['cpus']} core{'s' if found['cpus'] > 1 else ''}"
    return f"{cores} ({found['cpu']}) with {found['model']} ({serving['engine']} in {serving['precision']})"


def drift() -> str:
    """Return which changes of the images the metrics of drift notice, and after how many images."""
    found = read("drift")
    statistics = ("classes", "confidence", "features")

    def cell(row: Figures, name: str) -> str:
        if "checks" in row:
            return f"{row['ratio'][name]:.2f}, above 1 in {row['above'][name]} of {row['checks']} checks"
        after = row["noticed_after"].get(name)
        return f"{row['ratio'][name]:.2f}" + (f", after {after}" if after else "")

    rows = [(row["images"], *(cell(row, name) for name in statistics)) for row in found["rows"]]
    return (
        f"{found['photos']} COCO photos, {found['crops']} crops of each for the reference and as many others as what "
        f"is served; photos of other things are {found['other_photos']} of CPPE-5. {found['model']}, {found['engine']} "
        f"in {found['precision']}. Of unchanged images, the highest ratio in {found['unchanged_windows']} windows of "
        f"{found['window']} images; else the ratio of a window of changed images, and how many of them it took behind "
        f"unchanged ones until the ratio was above 1: medians of {found['repeats']}.\n\n"
        + table(("images", *statistics), rows)
    )


def explanations() -> str:
    """Return how faithful explanations are, and what they cost."""
    found = read("explanations")
    spent, covered, count = found["cost"], found["occlusion"], found["images"]
    head = (
        "map",
        "deletion (less is better)",
        "insertion (more is better)",
        "better than random (deletion, insertion)",
    )

    def better(row: Figures) -> str:
        return f"{row['deletion_better_than_random']}, {row['insertion_better_than_random']} of {count}"

    rows = [
        (name, f"{row['deletion']:.3f}", f"{row['insertion']:.3f}", "" if name == "random" else better(row))
        for name, row in found["faithfulness"].items()
    ]
    return (
        f"{found['model']} on {found['cpus']} cores ({found['cpu']}), {found['engine']}; Grad-CAM in torch, float32. "
        f"Mean areas under the curves on {count} COCO images:\n\n{table(head, rows)}\n\n"
        f"A lone image's class activation map took {spent['ratio']:.2f} times as long as a prediction, and "
        f"{spent['cpu_ratio']:.2f} times the CPU time. Occlusion, which the network does not need, had the default "
        f"{covered['limit_seconds']:g} s: it took {covered['seconds']:.2f} s an image, for which the network saw "
        f"{covered['runs']:g} covered copies ({covered['fewest_runs']} at least). All are medians."
    )


def _name(bench: Figures) -> str:
    return str(bench["model"]["name"])


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:.0f}"
