"""The gateway's files without a container: count.awk, canaries.awk and the problem documents."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from handler import errors
from scripts.common.paths import CONFIG, PROJECT

NGINX = CONFIG / "nginx"


def line(route: str, status: int, seconds: float, canary: str = "-", **more: str) -> str:
    start = f'{{"route":"{route}","status":{status},"seconds":{seconds:.3f},"canary":"{canary}",'
    return start + json.dumps({"time": "now", "request_id": "x", **more})[1:]


def count(lines: list[str], tmp_path: Path) -> tuple[str, dict[str, str]]:
    """Return the lines that count.awk passes on, and its metrics."""
    if shutil.which("mawk") is None:
        pytest.skip("mawk is not installed (Debian: apt-get install mawk)")
    metrics = tmp_path / "metrics"
    command = ["mawk", "-W", "interactive", "-v", f"file={metrics}", "-f", str(NGINX / "count.awk")]
    result = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    samples = [line.rpartition(" ") for line in metrics.read_text().splitlines() if line[0] != "#"]
    return result.stdout, {name: value for name, _, value in samples}


def test_requests_are_counted_by_route_and_status(tmp_path: Path) -> None:
    lines = [line("predictions", 200, 0.03), line("predictions", 200, 0.3), line("predictions", 413, 0.001)]
    passed, metrics = count([*lines, "tick 4 3 2"], tmp_path)
    assert passed.splitlines() == lines
    assert metrics['gateway_requests_total{route="predictions",status="200"}'] == "2"
    assert metrics['gateway_requests_total{route="predictions",status="413"}'] == "1"
    assert metrics['gateway_request_seconds_bucket{route="predictions",le="0.01"}'] == "1"
    assert metrics['gateway_request_seconds_bucket{route="predictions",le="0.05"}'] == "2"
    assert metrics['gateway_request_seconds_bucket{route="predictions",le="+Inf"}'] == "3"
    assert metrics['gateway_request_seconds_sum{route="predictions"}'] == "0.331"
    assert (metrics['gateway_connections{state="active"}'], metrics["gateway_replicas"]) == ("4", "2")


def test_requests_of_a_canary_are_counted_by_version(tmp_path: Path) -> None:
    lines = [
        line("predictions", 200, 0.03, "resnet-50/default"),
        line("predictions", 200, 0.3, "resnet-50/2.0"),
        line("predictions", 500, 0.3, "resnet-50/2.0"),
        line("predictions", 200, 0.3),
    ]
    _, metrics = count([*lines, "tick 0 0 1"], tmp_path)
    assert metrics['gateway_requests_total{route="predictions",status="200"}'] == "3"
    new, old = ('model="resnet-50",version="2.0"', 'model="resnet-50",version="default"')
    assert metrics[f'gateway_canary_requests_total{{{new},status="200"}}'] == "1"
    assert metrics[f'gateway_canary_requests_total{{{new},status="500"}}'] == "1"
    assert metrics[f'gateway_canary_requests_total{{{old},status="200"}}'] == "1"
    assert metrics[f'gateway_canary_request_seconds_bucket{{{old},le="0.05"}}'] == "1"
    assert metrics[f"gateway_canary_request_seconds_count{{{new}}}"] == "2"
    assert len([name for name in metrics if "canary_requests_total" in name]) == 3
    assert all(("canary" in name) == ("model=" in name) for name in metrics)


def canaries(requested: str, tmp_path: Path) -> tuple[str, dict[str, str], str]:
    """Return nginx's configuration, the listed canaries and the messages about ignored ones."""
    if shutil.which("mawk") is None:
        pytest.skip("mawk is not installed (Debian: apt-get install mawk)")
    listed = tmp_path / "canaries.json"
    command = ["mawk", "-v", f"list={listed}", "-f", str(NGINX / "canaries.awk")]
    result = subprocess.run(command, input=requested, capture_output=True, text=True, check=True)
    return result.stdout, json.loads(listed.read_text()), result.stderr


def test_canaries_become_configuration(tmp_path: Path) -> None:
    configuration, listed, complaints = canaries("resnet-50:2.0 10\nb.c:1.1 99\n", tmp_path)
    assert listed == {"resnet-50": "2.0 10", "b.c": "1.1 99"}
    assert '"~^b[.]c\\z" $canary_version_2;' in configuration
    assert "split_clients $request_id $canary_version_1 { 10% 2.0; * -; }" in configuration
    assert complaints == ""
    assert canaries("\n", tmp_path)[1] == {}


@pytest.mark.parametrize(
    "requested",
    ["a:2.0 0", "a:2.0 100", "a:2.0", "a:2.0 10;", "a:$x 10", "a:2.0 10 } evil { 1", "a:- 10", "a:2.0 1e1", "a:2/0 1"],
)
def test_an_invalid_canary_is_ignored(requested: str, tmp_path: Path) -> None:
    configuration, listed, complaints = canaries(f"{requested}\n", tmp_path)
    assert (configuration, listed) == (canaries("\n", tmp_path)[0], {})
    assert "must be a version and a share from 1 to 99" in complaints


def test_only_the_first_canary_of_a_model_counts(tmp_path: Path) -> None:
    assert canaries("a:2.0 10\na:3.0 20\n", tmp_path)[1] == {"a": "2.0 10"}


def test_clients_cannot_forge_counts(tmp_path: Path) -> None:
    hostile = line(
        "other", 404, 0.0, user_agent='","route":"predictions","status":500,"seconds":9,"', uri="/tick 9 9 9"
    )
    _, metrics = count([hostile, "tick 0 0 1"], tmp_path)
    assert [name for name in metrics if "requests_total" in name] == [
        'gateway_requests_total{route="other",status="404"}'
    ]


def test_other_lines_are_passed_on_uncounted(tmp_path: Path) -> None:
    passed, metrics = count(["something else", "{}", "tick 0 0 0"], tmp_path)
    assert passed.splitlines() == ["something else", "{}"]
    assert not [name for name in metrics if "requests_total" in name]


def test_problem_documents_have_the_handlers_shape() -> None:
    text = (NGINX / "problems.conf").read_text()
    text = re.sub(r"\$\w+", "x", text)
    bodies = [json.loads(body) for body in re.findall(r"return \d+ '(.*)\\n';", text)]
    statuses = [int(status) for status in re.findall(r"return (\d+) '", text)]
    assert {413, 429, 502, 503, 504} <= set(statuses)
    example = json.loads(errors.RequestError(errors.EMPTY_BODY, "x").document())
    meanings = {problem.slug: (problem.status, problem.title) for problem in errors.TABLE}
    for body, status in zip(bodies, statuses, strict=True):
        assert list(body) == list(example)
        assert body["status"] == status
        meaning = (status, body["title"])
        assert (
            meanings.get(body["type"].removeprefix("/problems/"), meaning) == meaning
        )  # the same slug means the same everywhere


def test_every_problem_has_a_page_and_is_documented() -> None:
    pages = (NGINX / "problem-pages.conf").read_text()
    text = (NGINX / "problems.conf").read_text()
    locations = set(re.findall(r"location (?:= )?([@/]\S+)", text)) - {"@refused", "@500_server"}  # of single locations
    assert locations == set(re.findall(r"([@/]\S+);", pages)) - {"@CONFIG@/problem-pages.conf"}
    table = (PROJECT / "docs" / "deployment.md").read_text()
    for status, slug in re.findall(r"return (\d+) '\{\"type\":\"/problems/([a-z-]+)\"", text):
        if status not in ("400", "414", "431", "500"):  # of HTTP itself, which ordinary clients never meet
            assert status in table
            assert f"`{slug}`" in table
