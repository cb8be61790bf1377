"""One TorchServe process: started, waited for, stopped.

The JVM is started directly and not through the `torchserve` command, which allows one server a machine (its pid file)
and does not pass SIGTERM on.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts import java, state
from scripts.drain import drain
from scripts.failure import Failure
from scripts.manage import Management
from scripts.paths import BUILD, CONFIG, MODEL_STORE
from scripts.predict import check_prediction

DRAIN_TIMEOUT = 20.0  # s that requests in flight may take once a stop is asked for
STOP_TIMEOUT = 15.0  # s until a drained server that was asked to stop is killed; it takes about 5
START_TIMEOUT = 180.0  # s until the first real prediction
HEAP = "-Xmx1g"  # the requests of a full queue fit: bodies are the heap's largest tenants


@dataclass(frozen=True)
class Ports:
    """The five ports of a server; all follow from the first, as TorchServe's defaults do from 8080.

    Args:
        inference: the first.
    """

    inference: int = 8080

    @property
    def management(self) -> int:
        """Port of the management API."""
        return self.inference + 1

    @property
    def metrics(self) -> int:
        """Port of the Prometheus endpoint."""
        return self.inference + 2

    @property
    def grpc(self) -> tuple[int, int]:
        """Ports of the gRPC listeners, which TorchServe cannot do without: 7070 and 7071 beside 8080."""
        return self.inference - 1010, self.inference - 1009

    def url(self, port: int) -> str:
        """Return the address of one of them."""
        return f"http://127.0.0.1:{port}"

    def require_free(self) -> None:
        """Refuse to start where somebody listens.

        Raises:
            Failure: the first port that is taken.
        """
        for port in (self.inference, self.management, self.metrics, *self.grpc):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise Failure(
                        f"port {port} is taken: stop what listens there, or serve elsewhere with PORT=9080"
                    ) from error


@dataclass
class TorchServe:
    """A TorchServe in a process of its own.

    Args:
        models: served name -> archive's file name in the model store.
        store: the model store.
        ports: where it listens.
        run_directory: its working directory, which keeps the logs.
        environment: variables beside this process's own, such as CONSOLE_LEVEL.
        state: the folder that keeps what is registered over a restart; None starts afresh every time.
        to_console: TorchServe's own lines go to this process's output instead of a file beside its log.
    """

    models: Mapping[str, str]
    store: Path = MODEL_STORE
    ports: Ports = field(default_factory=Ports)
    run_directory: Path = BUILD / "serve"
    environment: Mapping[str, str] = field(default_factory=dict)
    state: Path | None = None
    to_console: bool = False

    def __post_init__(self) -> None:
        """Prepare what is known before the start."""
        self.management = Management(self.ports.url(self.ports.management))
        self.log = self.run_directory / "logs" / "torchserve.log"

    def start(self) -> None:
        """Start the process; `wait_ready` says when it serves.

        Raises:
            Failure: no Java, or a port that is taken.
        """
        self.ports.require_free()
        executable = java.find()
        shutil.rmtree(self.run_directory / "logs", ignore_errors=True)
        self.run_directory.mkdir(parents=True, exist_ok=True)
        # Worker sockets lie here, whose paths may be 108 characters at most; unpacked archives too.
        self._scratch = Path(tempfile.mkdtemp(prefix="torchserve-"))
        self.log.parent.mkdir(parents=True)
        self._write_config()
        with self.log.with_name("console.log").open("wb") as console:
            self.process = subprocess.Popen(
                self._command(executable),
                cwd=self.run_directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=None if self.to_console else console,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
            )

    def wait_ready(self, timeout: float = START_TIMEOUT) -> None:
        """Wait until every model's workers are ready and each has answered a real prediction.

        Raises:
            Failure: the server ended or took too long.
        """
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self.process.poll() is not None:
                raise Failure(f"TorchServe ended while it started (status {self.process.returncode}): see {self.log}")
            if time.monotonic() > deadline:
                raise Failure(f"TorchServe does not answer after {timeout:.0f} s: see {self.log}")
            time.sleep(0.05)
        for name, versions in self._restored.items():
            try:
                for version, settings in versions.items():
                    self._check(name, version, deadline, predicts=settings["minWorkers"] > 0)
            except Failure as failure:
                if name in self.models:
                    raise
                print(f"warning: a restored model is not served: {failure}", flush=True)
        for name in self._register_new():
            self._check(name, "", deadline)

    def stop(self) -> None:
        """Finish what is in flight, stop the server and all its workers, and remove what it unpacked."""
        if self.process.poll() is None:
            drain(self.management, DRAIN_TIMEOUT)
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_TIMEOUT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # workers that outlived it
        self.process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> "TorchServe":
        """Start and wait until it is ready."""
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _check(self, name: str, version: str, deadline: float, predicts: bool = True) -> None:
        """Wait for a version's workers, and for a real prediction unless it was scaled to none of them."""
        self.management.wait_ready(name, version, max(0.0, deadline - time.monotonic()))
        if predicts:
            check_prediction(self.ports.url(self.ports.inference), f"{name}/{version}" if version else name)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports.management)) == 0

    def _write_config(self) -> None:
        """Write the config file of this start: config.properties, and what is restored."""
        restored = state.restore(self.state, self.store) if self.state else state.Restored()
        for sentence in restored.left_out:
            print(f"warning: {sentence}", flush=True)
        self._restored = restored.models
        for name, versions in restored.models.items():
            for version, settings in versions.items():
                print(f"restoring {name} {version}, workers: {settings['minWorkers']}", flush=True)
        if self.state:
            state.forget_old(self.state)
        self._config = self.run_directory / "config.properties"
        config = (CONFIG / "config.properties").read_text(encoding="utf-8")
        self._config.write_text(state.config_with(self._restored, config), encoding="utf-8")

    def _register_new(self) -> list[str]:
        """Register the models that were not restored, and return their names.

        Where nothing is restored they stand on the command line; TorchServe looks at one of the two only.
        """
        new = {name: archive for name, archive in self.models.items() if name not in self._restored}
        if self._restored:
            for name, archive in new.items():
                self.management.register(archive, name=name)
        return list(new)

    def _command(self, executable: Path) -> list[str]:
        spec = importlib.util.find_spec("ts")
        if spec is None or not spec.submodule_search_locations:
            raise Failure("torchserve is not installed in this environment: run make setup")
        package = Path(spec.submodule_search_locations[0])
        return [
            *(
                str(executable),
                HEAP,
                f"-Djava.io.tmpdir={self._scratch}",
                f"-Dmodel_server_home={package.parent}",
                f"-Dlog.folder={self.log.parent.resolve()}",
            ),
            f"-Dlog4j2.configurationFile=file://{CONFIG / 'log4j2.xml'}",
            *("-cp", str(package / "frontend" / "*"), "org.pytorch.serve.ModelServer"),
            *(
                "--python",
                sys.executable,
                "-f",
                str(self._config),
                "-s",
                str(self.store),
            ),
            *([] if self.state else ["-ncs"]),  # no snapshots where nobody keeps them
            *(["-m", *(f"{name}={archive}" for name, archive in self.models.items())] if self.models else []),
        ]

    def _environment(self) -> dict[str, str]:
        url, ports = self.ports.url, self.ports
        return {
            **os.environ,
            "MODEL_STORE": str(self.store.resolve()),
            "METRICS_CONFIG": str(CONFIG / "metrics.yaml"),
            "LOG_LOCATION": str((self.state or self.run_directory).resolve()),  # snapshots go to config/ below it
            "TS_INFERENCE_ADDRESS": url(ports.inference),
            "TS_MANAGEMENT_ADDRESS": url(ports.management),
            "TS_METRICS_ADDRESS": url(ports.metrics),
            "TS_GRPC_INFERENCE_PORT": str(ports.grpc[0]),
            "TS_GRPC_MANAGEMENT_PORT": str(ports.grpc[1]),
            **self.environment,
        }
