"""Servers that strangers chose, in a network namespace where names mean what the test says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.certificate import make_certificate

pytestmark = pytest.mark.netns

PROGRAM = Path(__file__).parent / "programs" / "among_strangers.py"
HOSTS = """127.0.0.1 localhost inside.example
9.9.9.9 peer.example two-faced.example
10.1.2.3 two-faced.example
::1 six.example
"""
SCRIPT = """set -e
ip link set lo up
ip address add 9.9.9.9/32 dev lo
mount --bind {folder}/hosts /etc/hosts
mount --bind {folder}/resolv.conf /etc/resolv.conf
exec "$@"
"""
PROXIES = {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"}
URLS = {
    "name": "https://peer.example/",
    "other name": "https://inside.example/",
    "two addresses": "http://two-faced.example/",
    "number": "http://2130706433/",
    "hexadecimal": "http://0x7f.1/",
    "mapped": "http://[::ffff:127.0.0.1]/",
    "unknown": "http://unknown.example:81/",
    "silent": "http://silent.test/",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What each request became: without, and with ``public_only``."""
    folder = tmp_path_factory.mktemp("strangers")
    certificate = make_certificate(folder, "peer.example")
    (folder / "hosts").write_text(HOSTS)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:20 attempts:1\n")
    command = ["unshare", "--net", "--mount", "sh", "-c", SCRIPT.format(folder=folder), "sh"]
    program = [sys.executable, str(PROGRAM), str(folder / "certificate"), str(certificate)]
    environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", **PROXIES}
    began = time.monotonic()
    ran = subprocess.run(
        [*command, *program, *URLS.values()],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    return {key: found[url] for key, url in URLS.items()} | {"took": time.monotonic() - began}


def test_the_checked_address_is_dialled_under_the_servers_name(results):
    for response in results["name"]:
        assert response.count("Host: peer.example") == 2
        assert response.count("\r\n\r\npeer.example") == 2


def test_no_cookie_is_sent_back_and_no_proxy_asked(results):
    for response in results["name"]:
        assert "cookie" not in response.lower()


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("other name", "127.0.0.1"),
        ("two addresses", "10.1.2.3"),
        ("number", "127.0.0.1"),
        ("hexadecimal", "127.0.0.1"),
        ("mapped", "::ffff:7f00:1"),
    ],
)
def test_every_address_must_be_public(results, key, address):
    anywhere, public_only = results[key]
    assert not anywhere.startswith("NotPublic")
    assert public_only.startswith("NotPublic") and address in public_only


def test_a_certificate_for_another_name_is_refused(results):
    assert results["other name"][0].startswith("Unreachable")
    assert "certificate" in results["other name"][0]


def test_silent_name_servers_are_bounded_by_the_deadline(results):
    """Neither the request nor the end of the process waits for the look-up."""
    for outcome in results["silent"]:
        assert outcome.startswith("TimedOut") and not outcome.endswith("late")
    assert results["took"] < 20
