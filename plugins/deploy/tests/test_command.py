"""``changemaker deploy``: printed and written files, and the errors of the command line."""

from __future__ import annotations

import re

import pytest


def test_nginx_is_printed_for_this_site(run):
    done = run("nginx", "--split", "petitions=127.0.0.1:4100")
    assert 'location ~ "^/petitions(/|$)" {' in done.stdout
    assert "server 127.0.0.1:4100;" in done.stdout
    assert "server_name 127.0.0.1;" in done.stdout  # from base_url
    assert "trusted_proxies" in done.stderr


def test_nginx_without_a_split_has_one_upstream(run):
    text = run("nginx", "--no-cache").stdout
    # Files and their uploads, and no split.
    locations = re.findall(r"location ~ (.+) {", text)
    assert locations == ['"^/api/settings/images/?$"', '"^/images(/|$)"']
    assert "proxy_cache" not in text
    assert set(re.findall(r"proxy_pass (.+);", text)) == {"http://changemaker_main"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split", "petision"], "Did you mean petitions?"),
        (["--split", "accounts"], "No loaded plugin 'accounts'"),
        (["--split", "petitions=4100"], "'4100' is not an address"),
        (["--split", "petitions=127.0.0.1:99999"], "is not an address"),
        (["--split", "petitions=127.0.0.1:4000"], "both listen on 127.0.0.1:4000"),
        (["--split", "petitions", "--split", "petitions"], "split off twice"),
        (["--split", "Petitions"], "is not PLUGIN"),
        (["--certificate", "/etc/chain.pem"], "needs its key"),
        (["--server-name", "a;b"], "is not a name"),
    ],
)
def test_wrong_options_are_rejected_with_a_reason(run, options, message):
    done = run("nginx", *options)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_existing_files_are_replaced_only_with_force(run, tmp_path):
    (tmp_path / "changemaker.conf").write_text("mine")
    done = run("nginx", "--into", tmp_path)
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert (tmp_path / "changemaker.conf").read_text() == "mine"
    run("nginx", "--into", tmp_path, "--force")
    assert "proxy_pass" in (tmp_path / "changemaker.conf").read_text()
