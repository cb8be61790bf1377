"""An archive is code: only files of the model store are loaded, and only those that ALLOWED_SHA256 names."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.archives import allowed, registration
from scripts.cli.models import models
from scripts.common.errors import CommandError
from scripts.server import restore
from scripts.server.torchserve import TorchServe
from tests.archives import as_version
from tests.unit.scripts.server.test_restore import save, version


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with an archive, and links to it and to another one outside."""
    folder = tmp_path / "store"
    folder.mkdir()
    for path in (folder / "good.mar", tmp_path / "outside.mar"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelName": path.stem}}))
    (folder / "link.mar").symlink_to(folder / "good.mar")
    (folder / "outside.mar").symlink_to(tmp_path / "outside.mar")
    (folder / "folder.mar").mkdir()
    return folder


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_without_sums_every_file_of_the_store_is_allowed(store: Path) -> None:
    assert allowed.refusal(store / "good.mar") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("link.mar", "is a link: copy"),
        ("outside.mar", "is a link: copy"),
        ("folder.mar", "there is no archive"),
        ("nowhere.mar", "there is no archive"),
    ],
)
def test_links_and_missing_files_are_refused(store: Path, name: str, words: str) -> None:
    refusal = allowed.refusal(store / name)
    assert refusal
    assert words in refusal


def test_an_archive_must_be_one_of_the_sums(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = sum_of(store / "good.mar")
    for text in (good, good.upper(), f"{'0' * 64}, {good}", f" {good}\n{'0' * 64} "):
        monkeypatch.setenv(allowed.VARIABLE, text)
        assert allowed.refusal(store / "good.mar") is None
    monkeypatch.setenv(allowed.VARIABLE, "0" * 64)
    assert f"SHA-256 {good}, which is not in ALLOWED_SHA256" in str(allowed.refusal(store / "good.mar"))


def cut(data: bytes) -> bytes:
    """Return the half that a full disk takes."""
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return data[: len(data) // 3] + bytes([data[len(data) // 3] ^ 1]) + data[len(data) // 3 + 1 :]


BAD: dict[str, Callable[[Path], object]] = {
    "half": lambda path: path.write_bytes(cut(path.read_bytes())),
    "flipped": lambda path: path.write_bytes(flipped(path.read_bytes())),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"no zip"),
}


@pytest.fixture
def damaged(store: Path, tiny_archive: Path, request: pytest.FixtureRequest) -> Path:
    path = store / "damaged.mar"
    path.write_bytes(tiny_archive.read_bytes())
    assert allowed.refusal(path) is None
    BAD[request.param](path)
    return path


@pytest.mark.parametrize("damaged", BAD, indirect=True)
def test_a_damaged_archive_is_refused_everywhere(damaged: Path, store: Path, tmp_path: Path) -> None:
    words = "damaged.mar is cut off, damaged or no archive: copy it again, and see whether the disk is full"
    assert registration.refusal("url=damaged.mar", store) == words
    with pytest.raises(CommandError, match=words):
        TorchServe({"damaged": "damaged.mar"}, store).start()
    with pytest.raises(CommandError, match=words):
        models(["register", "damaged.mar", "--store", str(store)], standalone_mode=False)
    save(tmp_path, "1", {"tiny-resnet": {"1.0": version("damaged.mar", default=True)}})
    restored = restore.restore(tmp_path, store)
    assert restored.versions == ()
    assert "damaged" in restored.left_out[0]


def test_a_program_that_is_not_the_manifests_is_refused_everywhere(
    store: Path, tmp_path: Path, tiny_archive: Path
) -> None:
    as_version("1.0", tiny_archive, store / "changed.mar", damaged=True)
    words = "a program in changed.mar is not the one of its manifest: build the archive again"
    assert registration.refusal("url=changed.mar", store) == words
    with pytest.raises(CommandError, match=words):
        TorchServe({"changed": "changed.mar"}, store).start()
    save(tmp_path, "1", {"tiny-resnet": {"1.0": version("changed.mar", default=True)}})
    assert restore.restore(tmp_path, store).left_out == (f"tiny-resnet 1.0 is not restored: {words}",)


def test_an_archive_without_a_program_is_refused(store: Path, tiny_archive: Path) -> None:
    path = store / "lacking.mar"
    with zipfile.ZipFile(tiny_archive) as whole, zipfile.ZipFile(path, "w") as copy:
        for item in whole.infolist():
            if item.filename != "program.pt2":
                copy.writestr(item, whole.read(item))
    assert allowed.refusal(path) == "lacking.mar lacks a program of its manifest: build the archive again"


def test_another_projects_archive_is_allowed(store: Path) -> None:
    with zipfile.ZipFile(store / "good.mar", "a") as archive:
        archive.writestr("model.json", '{"layers": 3}')
    assert allowed.refusal(store / "good.mar") is None


def test_a_word_that_is_no_sum(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(allowed.VARIABLE, "resnet-50.mar")
    with pytest.raises(CommandError, match=r"ALLOWED_SHA256 holds 'resnet-50\.mar', which is no SHA-256 sum"):
        TorchServe({}, store).start()


def test_a_server_does_not_start_with_an_archive_that_is_not_allowed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match=r"link\.mar is a link"):
        TorchServe({"good": "good.mar", "link": "link.mar"}, store).start()
    monkeypatch.setenv(allowed.VARIABLE, "0" * 64)
    with pytest.raises(CommandError, match="not in ALLOWED_SHA256"):
        TorchServe({"good": "good.mar"}, store).start()


def test_a_restart_leaves_out_archives_that_are_not_allowed(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "20261122092014267", {"good": {"1.0": version("good.mar", default=True)}})
    assert [version.id for version in restore.restore(tmp_path, store).versions] == [("good", "1.0")]
    monkeypatch.setenv(allowed.VARIABLE, "0" * 64)
    restored = restore.restore(tmp_path, store)
    assert restored.versions == ()
    assert restored.left_out[0].startswith("good 1.0 is not restored: good.mar has SHA-256 ")


def test_the_command_refuses_before_it_sends_a_request(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match=r"outside\.mar is a link"):
        models(["register", "outside.mar", "--store", str(store)], standalone_mode=False)
    monkeypatch.setenv(allowed.VARIABLE, "0" * 64)
    with pytest.raises(CommandError, match="not in ALLOWED_SHA256"):
        models(["register", "good.mar", "--store", str(store)], standalone_mode=False)


REFUSED = {
    "": "name one archive",
    "model_name=a": "name one archive",
    "url=good.mar&url=good.mar": "name one archive",
    "url&url=good.mar": "name one archive",
    "url=good.mar;url=good.mar": "characters that no registration needs",
    "model_name=a;url=good.mar": "characters that no registration needs",
    "url=good.mar#": "characters that no registration needs",
    "url=good.mar&handler=os:system": "and nothing else",
    "url=good.mar&runtime=LSP": "and nothing else",
    "url=http://127.0.0.1/good.mar": "no file name",
    "url=https%3A%2F%2F127.0.0.1%2Fgood.mar": "no file name",
    "url=file:///etc/passwd": "no file name",
    "url=../store/good.mar": "no file name",
    "url=%2e%2e%2fstore%2fgood.mar": "no file name",
    "url=%252e%252e%252fstore%252fgood.mar": "no file name",
    "url=./good.mar": "no file name",
    "url=good.mar%00": "no file name",
    "url=.good.mar": "no file name",
    "url=GOOD.MAR": "no file name",
    "url=jar:file:/store/good.mar": "no file name",
    "url=folder.mar": "there is no archive",
    "url=outside.mar": "is a link",
    "%75rl=outside.mar": "is a link",
}


@pytest.mark.parametrize(("query", "words"), REFUSED.items())
def test_registrations_that_the_gateway_refuses(store: Path, query: str, words: str) -> None:
    refusal = registration.refusal(query, store)
    assert refusal
    assert words in refusal
    assert not set('"\\') & set(refusal)  # it stands in a JSON document of nginx's


def test_registrations_that_the_gateway_allows(store: Path) -> None:
    for query in ("url=good.mar", "url=good.mar&model_name=a&synchronous=true", f"url=file://{store}/good.mar"):
        assert registration.refusal(query, store) is None
