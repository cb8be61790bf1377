"""One TorchServe process: started, waited for, stopped."""

import contextlib
import ctypes
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

from handler.lifecycle import RUN_DIRECTORY, STOPPING_FILE, TRIALS_DIRECTORY
from scripts.archives import allowed
from scripts.archives.reading import identity
from scripts.client.management import Management
from scripts.client.predict import check_prediction
from scripts.common.errors import CommandError
from scripts.common.paths import BUILD, CONFIG, MODEL_STORE, remove_abandoned
from scripts.common.waiting import wait_until
from scripts.server import java, jvm, restore, snapshot
from scripts.server.drain import Drain
from scripts.server.ports import Ports

DRAIN_TIMEOUT = 20.0  # s that in-flight requests may take at a stop
STOP_TIMEOUT = 15.0  # s until a drained server that was asked to stop is killed; it takes about 5
START_TIMEOUT = 180.0  # s until the first real prediction
POLL = 0.05  # s between two checks whether it listens
SCRATCH = "torchserve-"  # the folder of unpacked archives, with the process's number behind it
PR_SET_PDEATHSIG, PR_SET_TIMERSLACK = 1, 29  # of prctl(2)

_scratch_folders: set[Path] = set()  # of this process's servers


def _before_start() -> None:
    """Have the kernel send SIGTERM to this process when its parent has ended in any way, and wake it up in time."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    libc.prctl(PR_SET_TIMERSLACK, 1)  # ns that a wait, such as a lone request's for company, may end late; else 50,000


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
            CommandError: no Java, a port that is taken, or an archive that may not be served.
        """
        allowed.sums()  # an error shows now, not at the first registration
        for archive in self.models.values():
            allowed.require(self.store / archive)
        self.ports.require_free()
        executable = java.find()
        shutil.rmtree(self.run_directory / "logs", ignore_errors=True)
        self.run_directory.mkdir(parents=True, exist_ok=True)
        # Worker sockets lie here, whose paths may be 108 characters at most; unpacked archives too.
        remove_abandoned(Path(tempfile.gettempdir()), SCRATCH, _scratch_folders)
        self._scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-"))
        _scratch_folders.add(self._scratch)
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
                preexec_fn=_before_start,  # noqa: PLW1509 - nothing else runs in this process yet
            )

    def wait_ready(self, timeout: float = START_TIMEOUT) -> None:
        """Wait until every model's workers are ready and each has made a prediction.

        Raises:
            CommandError: the server ended or took too long.
        """
        deadline = time.monotonic() + timeout
        if not wait_until(self._listens, timeout, POLL):
            raise CommandError(f"TorchServe does not respond after {timeout:.0f} s: see {self.log}")
        for restored in self._restored:
            try:
                self._check(*restored.id, deadline, predicts=restored.workers > 0)
            except CommandError as failure:
                if restored.id.name in self.models:
                    raise
                print(f"warning: a restored model is not served: {failure}", flush=True)
        for name, version in self._register_new().items():
            self._check(name, version, deadline)

    def stop(self) -> None:
        """Drain and stop the server and its workers, and remove unpacked archives."""
        if self.process.poll() is None:
            Drain(self.ports, self._scratch / STOPPING_FILE, self.management).run(DRAIN_TIMEOUT)
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_TIMEOUT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # workers that outlived it
        self.process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)
        _scratch_folders.discard(self._scratch)

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

    def _check(self, name: str, version: str | None, deadline: float, predicts: bool = True) -> None:
        """Wait for a version's workers, and for a prediction unless it was scaled to no worker."""
        self.management.wait_ready(name, version, max(0.0, deadline - time.monotonic()))
        if predicts:
            check_prediction(self.ports.url(self.ports.inference), f"{name}/{version}" if version else name)

    def _listens(self) -> bool:
        if self.process.poll() is not None:
            raise CommandError(f"TorchServe ended while starting (status {self.process.returncode}): see {self.log}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports.management)) == 0

    def _write_config(self) -> None:
        """Write the config file of this start: config.properties, and what is restored."""
        restored = restore.restore(self.state, self.store) if self.state else restore.Restored()
        for sentence in restored.left_out:
            print(f"warning: {sentence}", flush=True)
        self._restored = restored.versions
        for saved in restored.versions:
            print(f"restoring {saved.id}, workers: {saved.workers}", flush=True)
        if self.state:
            snapshot.forget_old(self.state / snapshot.FOLDER)
        self._config = self.run_directory / "config.properties"
        config = (CONFIG / "config.properties").read_text(encoding="utf-8")
        self._config.write_text(restore.config_with(self._restored, config), encoding="utf-8")

    def _register_new(self) -> dict[str, str | None]:
        """Register what was not restored, and return it: served name -> version; None stands for the only one.

        Where nothing is restored it stands on the command line; TorchServe looks at one of the two only. A version
        that comes beside restored ones is not made the default here.
        """
        if not self._restored:
            return dict.fromkeys(self.models)
        new: dict[str, str | None] = {}
        for name, archive in self.models.items():
            _, version = identity(self.store / archive)
            if (name, version) not in {saved.id for saved in self._restored}:
                self.management.register(archive, name=name)
                new[name] = version
        return new

    def _command(self, executable: Path) -> list[str]:
        arguments = ["--python", sys.executable, "-f", str(self._config), "-s", str(self.store)]
        if self.state is None:
            arguments.append("-ncs")  # no snapshots
        if self.models:
            arguments += ["-m", *(f"{name}={archive}" for name, archive in self.models.items())]
        return [*jvm.command(executable, self.log.parent, self._scratch), *arguments]

    def _environment(self) -> dict[str, str]:
        url, ports = self.ports.url, self.ports
        return {
            **os.environ,
            "MODEL_STORE": str(self.store.resolve()),
            "METRICS_CONFIG": str(CONFIG / "metrics.yaml"),
            RUN_DIRECTORY: str(self._scratch),
            TRIALS_DIRECTORY: str((self.state or BUILD).resolve() / "trials"),
            "LOG_LOCATION": str((self.state or self.run_directory).resolve()),  # snapshots go to config/ below it
            "TS_INFERENCE_ADDRESS": url(ports.inference),
            "TS_MANAGEMENT_ADDRESS": url(ports.management),
            "TS_METRICS_ADDRESS": url(ports.metrics),
            **self.environment,
        }
