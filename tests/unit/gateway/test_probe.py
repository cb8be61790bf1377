"""`probe` of config/nginx/start.sh, with the output of curl as its input."""

import subprocess

from scripts.common.paths import CONFIG

START = CONFIG / "nginx" / "start.sh"

# stub_status of nginx 1.28 after its 200th connection, and curl's lines about it and about three replicas.
CONNECTIONS = (
    "Active connections: 7 \nserver accepts handled requests\n 200 200 1338 \nReading: 0 Writing: 2 Waiting: 5 \n"
)
OUTPUT = f"{CONNECTIONS}\nprobed 200 127.0.0.1\n\nprobed 200 172.21.0.2\n\nprobed 503 172.21.0.3\n\nprobed 000 \n"


def probe(output: str) -> str:
    """Run the function with three replicas in DNS, and with a curl that prints `output`."""
    text = START.read_text(encoding="utf-8")
    function = text[text.index("probe() {") : text.index("# Routes the paths under /gateway/")]
    script = f"""
backend=torchserve
getent() {{ printf '%s STREAM\\n' 172.21.0.2 172.21.0.3 172.21.0.4; }}
curl() {{ cat; }}
{function}
probe
"""
    done = subprocess.run(["sh", "-c", script], input=output, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def test_only_ready_replicas_are_listed() -> None:
    """The line that begins with nginx's 200 connections is not a status."""
    assert probe(OUTPUT) == "7 5 2 172.21.0.2\n"


def test_no_replica_responds() -> None:
    assert probe("probed 000 \n" * 4) == "0 0 3\n"


def test_curl_prints_the_lines_that_awk_reads() -> None:
    text = START.read_text(encoding="utf-8")
    assert "--write-out '\\nprobed %{http_code} %{remote_ip}\\n'" in text
