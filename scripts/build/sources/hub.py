"""Downloads microsoft/resnet-50 from the Hugging Face Hub: one pinned revision, safetensors only, SHA-256 verified."""

import dataclasses
import re
from pathlib import Path

import requests

from handler.manifest import sha256_of
from scripts.build.sources.files import CONFIG, PREPROCESSOR
from scripts.build.sources.local import origin_of_directory
from scripts.build.sources.source import Origin
from scripts.common.errors import CommandError

REPOSITORY = "microsoft/resnet-50"
REVISION = "34c2154c194f829b11125337b98c8f5f9965ff19"  # has model.safetensors
LICENCE = "apache-2.0"
NAME = "resnet-50"
WEIGHTS = "model.safetensors"


class HubUnreachableError(Exception):
    """The Hub does not respond; another source may work."""


def origin(name: str) -> Origin:
    """Return the pinned model's origin, downloaded once into huggingface_hub's cache.

    HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE apply as in huggingface_hub.

    Raises:
        HubUnreachableError: no connection, a server error, or offline without a cached copy.
        CommandError: the Hub refused the download, or the download cannot be used.
    """
    directory = download()
    local = origin_of_directory(directory, name or NAME)
    return dataclasses.replace(local, source=f"{REPOSITORY}@{REVISION}", licence=LICENCE)


def download() -> Path:
    """Download the model's three files and return their directory; raises as `origin` does."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415 - reads HF_* variables

    try:
        directory = _fetch(local_files_only=True)
    except LocalEntryNotFoundError:
        _probe()
        try:
            directory = _fetch(local_files_only=False)
        except (LocalEntryNotFoundError, HfHubHTTPError) as error:
            raise _download_error(error) from error
    verify(directory / WEIGHTS)
    return directory


def _fetch(*, local_files_only: bool) -> Path:
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - see download

    for file in (CONFIG, PREPROCESSOR, WEIGHTS):
        path = hf_hub_download(REPOSITORY, file, revision=REVISION, local_files_only=local_files_only)
    return Path(path).parent


def _download_error(error: BaseException) -> Exception:
    """Distinguish a Hub that is down from one that refuses, by the response in the error or its cause."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    if response is None:
        return HubUnreachableError("the connection broke off")
    if response.status_code >= requests.codes.server_error:
        return HubUnreachableError(f"it responds with status {response.status_code}")
    return CommandError(
        f"the Hub refuses {REPOSITORY} at revision {REVISION[:8]} (status {response.status_code}): "
        "check HF_TOKEN and HF_ENDPOINT, or name a local copy with MODEL="
    )


def _probe() -> None:
    """Check with one request that the Hub responds, because huggingface_hub retries for half a minute."""
    from huggingface_hub import constants  # noqa: PLC0415 - see download

    if constants.HF_HUB_OFFLINE:
        raise HubUnreachableError("HF_HUB_OFFLINE is set and the model is not in the cache")
    try:
        requests.head(constants.ENDPOINT, timeout=10)
    except requests.RequestException as error:
        raise HubUnreachableError("no connection") from error


def verify(weights: Path) -> None:
    """Check a downloaded file against the Hub's SHA-256, and delete it if it differs.

    huggingface_hub does not check it, but names a large file's blob in its cache by that SHA-256.

    Raises:
        CommandError: the file is corrupted.
    """
    blob = weights.resolve()
    if re.fullmatch(r"[0-9a-f]{64}", blob.name) and (actual := sha256_of(blob)) != blob.name:
        weights.unlink()
        blob.unlink(missing_ok=True)
        raise CommandError(
            f"the download of {WEIGHTS} is corrupted (SHA-256 {actual[:12]}… instead of {blob.name[:12]}…); "
            "it was deleted: run again to download it again"
        )
