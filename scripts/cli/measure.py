"""Measure a server: speed, settings, drift, and responses to malformed requests."""

from pathlib import Path

import click

from scripts.cli import options


@click.group(invoke_without_command=True)
@options.model
@options.name
@options.port
@options.images
@click.option("--quick", is_flag=True, help="Measure less, in a third of the time.")
@click.option("--rounds", type=int, help="Number of repetitions.")
@click.pass_context
def bench(
    context: click.Context, model: str, name: str, port: int, images: str, quick: bool, rounds: int | None
) -> None:
    """Measure throughput and latency of the service.

    The same run measures the engines alone and TorchServe's stock handler.

    Prints a table with the goals, and writes build/bench.json and build/bench.png.
    """
    if context.invoked_subcommand:
        return
    from scripts.bench.benchmark import run
    from scripts.bench.plan import plan

    run(model, name, images, port, plan(quick=quick, rounds=rounds))


@bench.command()
@options.model
@options.port
@options.images
@options.rounds
@options.seconds
@click.option(
    "--calibration", default="", metavar="FOLDER", help="Images for int8 (default: those in installed packages)."
)
def precision(model: str, port: int, images: str, rounds: int, seconds: float, calibration: str) -> None:
    """Compare int8 with float32 over HTTP."""
    from scripts.bench.precision import run

    run(model, calibration, images, port, rounds, seconds)


@bench.command()
@options.model
@options.port
@options.images
@click.option("--requests", default=200)
def lone(model: str, port: int, images: str, requests: int) -> None:
    """Show where the time of a lone request goes, from socket to socket."""
    from scripts.bench.lone import run

    run(model, images, port, requests)


@bench.command()
@options.model
@options.port
@options.images
@click.option("--rounds", default=5, help="Number of repetitions.")
@click.option("--seconds", default=10.0, help="Seconds per measurement.")
@click.option("--factor", default=2.0, help="How many times the server's rate to send.")
@click.option("--deadline", default=1.0, help="Seconds that each client waits.")
def overload(model: str, port: int, images: str, rounds: int, seconds: float, factor: float, deadline: float) -> None:
    """Count the responses that come in time under overload, with deadlines and without."""
    from scripts.bench.overload import Plan, run

    run(model, images, port, Plan(factor, deadline, rounds, seconds))


@bench.command()
@options.model
@options.port
@options.images
@click.option("--rounds", default=8, help="Number of repetitions.")
@options.seconds
@click.option("--sampled", default=0.1, help="Share of the requests in traces.")
@click.option(
    "--clients", multiple=True, type=int, default=(1, 16), help="Clients at a time; may be given several times."
)
def tracing(
    model: str, port: int, images: str, rounds: int, seconds: float, sampled: float, clients: tuple[int, ...]
) -> None:
    """Measure the overhead of the request log and of traces."""
    from scripts.bench.tracing_cost import Plan, run

    run(model, images, port, Plan(sampled, clients, rounds, seconds))


@bench.command()
@options.model
@options.port
@options.images
@click.option("--rounds", default=8, help="Number of repetitions.")
@click.option("--seconds", default=10.0, help="Seconds per measurement.")
def folder(model: str, port: int, images: str, rounds: int, seconds: float) -> None:
    """Compare the rate of `predict FOLDER` with that of the benchmark's clients.

    Writes build/folder.json.
    """
    from scripts.bench.folder import Plan, run

    run(model, images, port, Plan(rounds, seconds))


@bench.command()
@options.model
@click.option("--images", required=True, metavar="FOLDER", help="Folder of images to explain.")
@click.option("--quick", is_flag=True, help="Take two images and few steps.")
def explanations(model: str, images: str, quick: bool) -> None:
    """Measure what explanations cost, and how faithful they are.

    Compares them with random maps and captum's Grad-CAM, and writes build/explanations.json.
    """
    from scripts.bench.explanations import run

    run(model, images, quick=quick)


@bench.command()
@click.argument("direct")
@click.argument("gateway")
@click.option("--image", type=click.Path(path_type=Path), help="Image to send (default: the example image).")
@click.option("--clients", default=8)
@options.rounds
@options.seconds
def gateway(direct: str, gateway: str, image: Path | None, clients: int, rounds: int, seconds: float) -> None:
    """Measure the overhead of the gateway.

    DIRECT and GATEWAY are prediction URLs, which are measured in turns.
    """
    from scripts.bench.gateway_cost import Plan, run

    run(direct, gateway, image, Plan(clients, seconds, rounds))


@bench.command()
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--images", required=True, metavar="FOLDER", help="Photos: half for a reference, half as what is served.")
@click.option("--others", required=True, metavar="FOLDER", help="Photos of other things.")
def drift(archive: Path, images: str, others: str) -> None:
    """Show which changes of the images the metrics of drift notice, and after how many.

    In this process, by the engine of ARCHIVE. Writes build/drift.json.
    """
    from scripts.bench.drift import run

    run(archive, images, others)


@bench.command()
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--rounds", default=30, help="Number of repetitions.")
def drift_cost(archive: Path, rounds: int) -> None:
    """Measure what the window of drift adds to the network's CPU time.

    In this process, by the engine of ARCHIVE.
    """
    from scripts.bench.drift_cost import run

    run(archive, rounds)


@click.command()
@options.model
@options.port
@options.rounds
@options.seconds
def tune(model: str, port: int, rounds: int, seconds: float) -> None:
    """Find the fastest settings for this machine.

    Compares numbers of workers and threads, batch sizes and delays, and writes build/tune.json.
    """
    from scripts.bench.tune import run

    run(model, port, rounds, seconds)


@click.command()
@click.option("--minutes", default=15.0)
@click.option("--clients", default=4)
@options.server_url
@options.model
@options.name
@options.port
@click.option(
    "--output", type=click.Path(path_type=Path), help="Where to write the samples (default: build/soak.json)."
)
def soak(minutes: float, clients: int, url: str, model: str, name: str, port: int, output: Path | None) -> None:
    """Look for drift under valid and invalid requests.

    Compares the last quarter of the time with the first, and writes build/soak.json.
    """
    from scripts.soak.soak import FIGURES, Target, run

    run(Target(url, model, name, port), minutes, clients, output or FIGURES)


@click.command()
@click.option("--requests", default=2500)
@click.option("--seed", default=1)
@options.server_url
@click.option("--management", default="", help="Its management API; the token comes from MANAGEMENT_TOKEN.")
@options.model
@options.name
@options.port
def fuzz(requests: int, seed: int, url: str, management: str, model: str, name: str, port: int) -> None:
    """Send malformed requests, and check that they do no harm.

    Valid requests between them must all succeed. Writes build/fuzz.json.
    """
    from scripts.fuzz import fuzz

    if url:
        report = fuzz.attack_running(url, name, options.management(management) if management else None, requests, seed)
    else:
        report = fuzz.attack_own(model, name, port, requests, seed)
    fuzz.conclude(report, seed)
