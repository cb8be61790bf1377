"""How the gateway reads what its looks around bring: `look_around` of config/nginx/start.sh."""

import subprocess

from tests.conftest import PROJECT

START = PROJECT / "config" / "nginx" / "start.sh"

# What nginx 1.28 says of itself after its 200th connection, and what curl says of it and of two replicas.
CONNECTIONS = (
    "Active connections: 7 \nserver accepts handled requests\n 200 200 1338 \nReading: 0 Writing: 2 Waiting: 5 \n"
)
LOOK = f"{CONNECTIONS}\nanswered 200 127.0.0.1\n\nanswered 200 172.21.0.2\n\nanswered 503 172.21.0.3\n\nanswered 000 \n"


def look_around(seen: str) -> str:
    """Run the function with a curl that has seen this, where three replicas have a name."""
    text = START.read_text(encoding="utf-8")
    function = text[text.index("look_around() {") : text.index("# Where an address of the management port leads")]
    script = f"""
backend=torchserve
getent() {{ printf '%s STREAM\\n' 172.21.0.2 172.21.0.3 172.21.0.4; }}
curl() {{ cat; }}
{function}
look_around
"""
    done = subprocess.run(["sh", "-c", script], input=seen, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def test_replicas_that_take_requests_are_told_from_the_others() -> None:
    """The line of counts begins with the number 200 once: it is no answer, and names no replica."""
    assert look_around(LOOK) == "7 5 2 172.21.0.2\n"


def test_nobody_answers() -> None:
    assert look_around("answered 000 \n" * 4) == "0 0 3\n"


def test_curl_is_asked_for_what_is_read() -> None:
    text = START.read_text(encoding="utf-8")
    assert "--write-out '\\nanswered %{http_code} %{remote_ip}\\n'" in text
