"""The command line of TorchServe's JVM, without the `torchserve` command.

That command allows one server a machine (its pid file) and does not pass SIGTERM on.
"""

import importlib.util
from pathlib import Path

from handler.cpus import cpus
from scripts.common.errors import CommandError
from scripts.common.paths import CONFIG

OPTIONS = (
    "-Xmx1g",  # the requests of a full queue fit: bodies are the heap's largest tenants
    # By default Java would begin with a 64th of the machine's memory, and fill it before it collects: 100 MB more for a
    # frontend that keeps nothing.
    "-Xms48m",
    "-XX:MaxNewSize=32m",
    # A collector and a compiler with threads of their own take CPU time from the workers: for minutes, the second
    # compiler took 2 % of it for a frontend that needs 1 %.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # On one or two CPUs, Java would start a thread for every batch that goes to a worker: 0.4 ms of a lone request.
    # It keeps the threads of a larger pool; one that writes to a worker that does not read is taken until that ends.
    "-Djava.util.concurrent.ForkJoinPool.common.parallelism=32",
)


def package() -> Path:
    """Return the directory of TorchServe's package.

    Raises:
        CommandError: TorchServe is not installed.
    """
    spec = importlib.util.find_spec("ts")
    if spec is None or not spec.submodule_search_locations:
        raise CommandError("torchserve is not installed in this environment: run make setup")
    return Path(spec.submodule_search_locations[0])


def command(java: Path, logs: Path, scratch: Path) -> list[str]:
    """Return the program and its arguments, to which TorchServe's own are added.

    Args:
        java: the Java runtime.
        logs: the directory of its logs.
        scratch: the directory of worker sockets and unpacked archives.

    Raises:
        CommandError: TorchServe is not installed.
    """
    directory = package()
    return [
        *(str(java), *OPTIONS),
        f"-XX:ActiveProcessorCount={cpus()}",  # Java 17 does not look at the groups around its own
        f"-Djava.io.tmpdir={scratch}",
        f"-Dmodel_server_home={directory.parent}",
        f"-Dlog.folder={logs.resolve()}",
        f"-Dlog4j2.configurationFile=file://{CONFIG / 'log4j2.xml'}",
        *("-cp", str(directory / "frontend" / "*"), "org.pytorch.serve.ModelServer"),
    ]
