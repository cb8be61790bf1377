"""Brings a new version of a model into service beside the running one, without losing a request, or goes back.

start   register the archive, wait for its workers, ask for a prediction, compare its answers with the running
        version's, with --canary give it a share of the requests first; then make it the default, wait until the old
        version has nothing in flight, and unregister it
back    the same with the version that the last rollout replaced, without comparing

Whatever goes wrong before the new version is the default leaves the old one serving, and the new one is unregistered.
"""

import argparse
import os
from pathlib import Path

from scripts import allowed, history
from scripts.compare import photos
from scripts.failure import Failure, run
from scripts.fleet import Fleet
from scripts.management import DEFAULT_URL, Management
from scripts.paths import MODEL_STORE
from scripts.predict import DEFAULT_URL as INFERENCE_URL
from scripts.stopping import stopping_on_signals
from scripts.takeover import DRAIN, Takeover


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.rollout", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="roll out an archive that lies in the model store")
    back = commands.add_parser("back", help="go back to the version that the last rollout replaced")
    start.add_argument("archive", help="its file name, such as resnet-50-2.0.mar")
    start.add_argument("--photos", type=Path, help="a folder of photos to compare on (default: four at hand)")
    start.add_argument("--max-differ", type=int, help="refuse if more photos have another best class (default: any)")
    start.add_argument("--canary", type=int, metavar="PERCENT", help="of the requests go to the new version first")
    start.add_argument("--watch", type=float, default=60.0, help="seconds of the canary (default %(default).0f)")
    back.add_argument("name", help="the model")
    for command in (start, back):
        command.add_argument("--store", type=Path, default=MODEL_STORE, help="where archives lie, for ALLOWED_SHA256")
        command.add_argument(
            "--url", default=os.environ.get("MANAGEMENT_URL", DEFAULT_URL), help="(default %(default)s)"
        )
        command.add_argument("--inference", default=INFERENCE_URL, help="(default %(default)s)")
        command.add_argument(
            "--drain", type=float, default=DRAIN, help="seconds for requests in flight (%(default).0f)"
        )
    return parser


def _start(given: argparse.Namespace, takeover: Takeover) -> None:
    gateway = takeover.fleet.behind_gateway()
    if given.canary is not None:
        if not 1 <= given.canary <= 99:
            raise Failure("--canary is a share in percent, from 1 to 99")
        if not gateway:
            raise Failure(f"--canary needs the gateway (make up), and {given.url} has none")
    archive = given.store / given.archive
    if not gateway and (allowed.sums() or archive.is_symlink()):
        allowed.require(archive)  # the gateway looks by itself, where the store is
    sent = photos(given.photos) if given.command == "start" else {}
    if takeover.load():
        with takeover.or_put_back():
            if sent:
                takeover.compare(sent, given.max_differ)
            if given.canary is not None:
                takeover.try_out(given.canary, given.watch)
            takeover.switch()
    takeover.finish()


def main() -> None:
    """Run the command line; a bearer token comes from MANAGEMENT_TOKEN, never from the command line."""
    given = _parser().parse_args()
    management = Management(given.url.rstrip("/"), os.environ.get("MANAGEMENT_TOKEN", ""))
    expected = ""
    if given.command == "back":
        last = history.last(management.url, given.name)
        given.archive, given.canary, expected = last.archive, None, last.version
    with stopping_on_signals():
        _start(given, Takeover(Fleet(management, given.inference.rstrip("/")), given.archive, given.drain, expected))


if __name__ == "__main__":
    run(main)
