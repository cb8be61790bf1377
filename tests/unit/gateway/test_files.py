"""The gateway's files without a container: the problem documents."""

import json
import re

import pytest

from handler import errors
from handler.explanations import occlusion
from handler.protocols import timeout
from scripts.common.paths import CONFIG, PROJECT

NGINX = CONFIG / "nginx"


def test_problem_documents_have_the_handlers_shape() -> None:
    text = (NGINX / "problems.conf").read_text() + (NGINX / "nginx.conf.template").read_text()
    text = re.sub(r"\$\w+", "x", text)
    found = re.findall(r"""(?:return (\d+)|default) '(\{"type":.*)\\n';""", text)
    assert {"413", "429", "502", "503", "504", ""} <= {status for status, _ in found}
    example = json.loads(errors.RequestError(errors.EMPTY_BODY, "x").document())
    meanings = {problem.slug: (problem.status, problem.title) for problem in errors.TABLE}
    for status, text in found:
        body = json.loads(text)
        assert list(body) == list(example)
        assert body["status"] == int(status or 408)  # upload.js
        assert body["error"] == f"{body['title']}: {body['detail']}"
        meaning = (body["status"], body["title"])
        assert (
            meanings.get(body["type"].removeprefix("/problems/"), meaning) == meaning
        )  # the same slug means the same everywhere


@pytest.mark.parametrize(
    ("problem", "detail"),
    [(errors.DEADLINE_EXCEEDED, timeout.DETAIL), (errors.TOO_MANY_EXPLANATIONS, occlusion.DETAIL)],
    ids=lambda value: getattr(value, "slug", ""),
)
def test_the_gateway_has_the_handlers_words(problem: errors.Problem, detail: str) -> None:
    """nginx cannot intercept only its own 429s and 504s, so it writes the handler's anew."""
    document = json.loads(errors.RequestError(problem, detail).document())
    bodies = re.findall(rf"return {problem.status} '(.*)\\n';", (NGINX / "problems.conf").read_text())
    assert document in [json.loads(body) for body in bodies]


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        (b"Mozilla/5.0 (X11; Linux)", b"Mozilla/5.0 (X11; Linux)"),
        (b"M\xfcller", b"M"),
        ("100 €".encode(), b"100 "),
        (b"\xff", b""),
        (b"tab\tand more", b"tab"),
        (b"a" * 1000, None),
    ],
)
@pytest.mark.parametrize(("name", "length"), [("uri", 300), ("agent", 100)])
def test_the_log_has_only_the_ascii_of_what_clients_choose(
    name: str, length: int, sent: bytes, logged: bytes | None
) -> None:
    """With another byte in it, grep would take the log for a binary file."""
    template = (NGINX / "nginx.conf.template").read_text()
    (pattern,) = re.findall(rf'map \$\w+ \$logged_{name} {{\s+"~(.*)" \$first_of_{name};', template)
    found = re.match(pattern.replace("(?<", "(?P<").encode(), sent)
    assert found
    assert found[f"first_of_{name}"] == (sent[:length] if logged is None else logged)


@pytest.mark.parametrize(
    ("name", "query", "header"),
    [
        ("top_k", "arg_top_k", "http_x_top_k"),
        ("threshold", "arg_threshold", "http_x_threshold"),
        ("class", "class_in_query", "http_x_class"),
    ],
)
def test_options_in_headers_pass_as_they_were_sent(name: str, query: str, header: str) -> None:
    """The variables of njs are UTF-8: a header in Latin-1 would lose its bytes there."""
    template = (NGINX / "nginx.conf.template").read_text()
    lines = rf'map \${query} \${name} {{\s+default \${query};\s+"" \${header};\s+}}'
    assert re.search(lines, template)


def test_every_problem_has_a_page_and_is_documented() -> None:
    pages = (NGINX / "problem-pages.conf").read_text()
    text = (NGINX / "problems.conf").read_text()
    locations = set(re.findall(r"location (?:= )?([@/]\S+)", text)) - {"@500_server"}  # of single locations
    assert locations == set(re.findall(r"([@/]\S+);", pages))
    table = (PROJECT / "docs" / "deployment.md").read_text()
    for status, slug in re.findall(r"return (\d+) '\{\"type\":\"/problems/([a-z-]+)\"", text):
        if status not in ("400", "414", "431", "500"):  # of HTTP itself, which ordinary clients never meet
            assert status in table
            assert f"`{slug}`" in table
