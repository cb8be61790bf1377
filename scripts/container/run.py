"""What the model server's container runs: TorchServe with what was registered last, in the foreground, until SIGTERM.

ARCHIVES   the archives that the image brings (default /srv/archives)
STORE      the model store, on a volume (default /srv/models)
STATE      what is registered, on a volume (default /srv/state)
MANAGEMENT_ADDRESS
           where the management API listens (default 0.0.0.0, for the gateway; 127.0.0.1 in Kubernetes)
GRPC       on: gRPC (scripts/container/rpc) listens at port 8084, for the gateway

ALLOWED_SHA256 (see scripts/archives/allowed.py) holds at the start and, through the gateway, for every registration;
scripts/container/authorization.py reads the management token.
"""

import os
import shutil
import socket
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from scripts.archives.reading import identity
from scripts.client.management import Management
from scripts.common.errors import CommandError
from scripts.common.signals import stopping_on_signals
from scripts.container import status
from scripts.container.authorization import Authorization, read_token
from scripts.container.readiness import Readiness
from scripts.server import restore
from scripts.server.idle import wait_idle
from scripts.server.ports import Ports
from scripts.server.torchserve import DRAIN_TIMEOUT, TorchServe

EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside the container's own network; compose decides what is published
CALL_TIMEOUT = 3.0  # s for one call of the management API


def bring_archives(archives: Path, store: Path, kept: Path) -> dict[str, str]:
    """Copy the image's archives that this store has not had yet, and return them: served name -> file name.

    One that is registered but lost from the store is copied again, and restored with the other registered ones.
    """
    new = {}
    for archive in sorted(archives.glob("*.mar")):
        if restore.is_new(kept, archive):
            _copy(archive, store)
            name, _ = identity(archive)  # not its file's name: that of a later version has the version in it
            new[name] = archive.name
        elif restore.is_lost(kept, archive, store):
            print(f"{archive.name} is gone from the model store or damaged there: taking the image's", flush=True)
            _copy(archive, store)
    return new


def _copy(archive: Path, store: Path) -> None:
    draft = store / f".{archive.name}-{socket.gethostname()}"  # another replica may be writing its own
    try:
        shutil.copyfile(archive, draft)
        draft.replace(store / archive.name)  # atomic: another replica may be reading it
    finally:
        draft.unlink(missing_ok=True)  # half an archive on a full disk would keep it full


def _replace(management: Management, kept: Path, archive: Path) -> None:
    """Make the image's new version the default, in place of the one that an earlier image brought."""
    name, version = identity(archive)
    management.set_default(name, version)
    before = restore.remember(kept, archive)
    if before and before in {known.id for known in management.versions(name)}:
        print(f"{name} {version} replaces {before}", flush=True)
        wait_idle(management, DRAIN_TIMEOUT, before)
        management.unregister(*before)


def environment(ports: Ports) -> dict[str, str]:
    """Return the variables with which TorchServe listens on every address and does not log the container's requests."""
    management = os.environ.get("MANAGEMENT_ADDRESS", EVERYWHERE)
    return {
        # See config/log4j2.xml.
        "OWN_REQUESTS": "DENY",
        "REQUESTS_TO": "requests-on-console",
        "TS_INFERENCE_ADDRESS": f"http://{EVERYWHERE}:{ports.inference}",
        "TS_MANAGEMENT_ADDRESS": f"http://{management}:{ports.management}",
        "TS_METRICS_ADDRESS": f"http://{EVERYWHERE}:{ports.metrics}",
    }


def _grpc(readiness: Readiness, ports: Ports) -> AbstractContextManager[None]:
    """Return what serves gRPC, if it is on."""
    setting = os.environ.get("GRPC", "")
    if setting not in ("", "on", "off"):
        raise CommandError(f"GRPC is {setting!r}: set on or off")
    if setting != "on":
        return nullcontext()
    from scripts.container.rpc import server as rpc  # noqa: PLC0415 - without gRPC, its libraries are not loaded

    return rpc.serving(readiness, ports.url(ports.inference), f"{EVERYWHERE}:{ports.grpc}")


def run() -> None:
    """Run until SIGTERM; then drain and stop."""
    archives = Path(os.environ.get("ARCHIVES", "/srv/archives"))
    store = Path(os.environ.get("STORE", "/srv/models"))
    kept = Path(os.environ.get("STATE", "/srv/state"))
    authorization = Authorization(read_token(), store, os.environ.get("SERVICE"))
    new = bring_archives(archives, store, kept)
    ports = Ports()
    scratch = Path("/tmp/serve")  # noqa: S108 - a tmpfs of this container alone
    server = TorchServe(new, store, ports, scratch, environment(ports), kept, to_console=True)
    management = Management(ports.url(ports.management), timeout=CALL_TIMEOUT)
    readiness = Readiness(management, ports.url(ports.inference))
    status.serve(readiness, authorization, EVERYWHERE, status.DEFAULT_PORT)
    with stopping_on_signals():
        try:
            with _grpc(readiness, ports), server:
                for archive in new.values():
                    _replace(server.management, kept, store / archive)
                readiness.accepting.set()
                print("ready", flush=True)
                try:
                    ended = server.process.wait()
                except KeyboardInterrupt:
                    readiness.accepting.clear()
                    print("stopping: draining requests", flush=True)
                    raise
        except KeyboardInterrupt:
            print("stopped", flush=True)
            sys.exit(0)
    raise CommandError(f"TorchServe ended by itself (status {ended})")
