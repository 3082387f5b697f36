"""A site as operators serve it: behind nginx, with TLS, or with a proxy_pass and no more."""

from __future__ import annotations

import contextlib

import httpx
import pytest
from playwright.sync_api import expect

from changemaker_core.features.accounts import api
from changemaker_core.testing import nginx
from changemaker_core.testing.ports import free_port
from tests.accounts.gallery.plugin import GalleryPlugin
from tests.accounts.gallery.serving import served
from tests.bench.certificate import make_certificate

pytestmark = [pytest.mark.nginx, pytest.mark.database("sqlite")]

EMAIL, PASSWORD = "sam@example.org", "wide river, slow boat"
SERVER = """
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    location / {{
        proxy_pass {upstream};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto https;
    }}
}}
"""


DEFAULTS = "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {upstream}; }} }}"


def test_nginx_with_its_defaults_opens_no_mailbox_and_is_reported(make_config, tmp_path, caplog):
    """Each visitor has the address of this machine then, and its name."""
    port = free_port()
    with served(make_config(development=True), []) as (_, upstream):
        file = tmp_path / "site.conf"
        file.write_text(DEFAULTS.format(port=port, upstream=upstream))
        with nginx.running(file, port, tmp_path / "nginx") as address:
            headers = {"Accept-Language": "en", "Accept": "text/html"}
            for _ in range(2):
                refused = httpx.get(f"{address}/mailbox", headers=headers)
                assert (refused.status_code, "subject" in refused.text) == (403, False)
    assert caplog.text.count("trusted_proxies does not name it") == 1


@pytest.fixture
def behind_nginx(make_config, tmp_path):
    """The address of a site behind nginx, which ends TLS with a certificate of its own."""
    port = free_port()
    address = f"https://127.0.0.1:{port}"
    config = make_config(base_url=address, trusted_proxies=("127.0.0.0/8",))
    certificate = make_certificate(tmp_path)
    with contextlib.ExitStack() as stack:
        app, upstream = stack.enter_context(served(config, [GalleryPlugin]))
        api.create_user(app.site, email=EMAIL, name="Sam", role="CURATOR", password=PASSWORD)
        file = tmp_path / "site.conf"
        file.write_text(SERVER.format(port=port, certificate=certificate, upstream=upstream))
        stack.enter_context(nginx.running(file, port, tmp_path / "nginx"))
        yield address


@pytest.mark.browser
def test_the_cookie_is_bound_to_its_host_and_to_tls(open_page, behind_nginx):
    page = open_page(ignore_https_errors=True)
    page.goto(f"{behind_nginx}/gallery/new")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{behind_nginx}/gallery/new")
    (cookie,) = page.context.cookies(behind_nginx)
    assert cookie["name"] == "__Host-cm_session"
    assert (cookie["secure"], cookie["httpOnly"], cookie["path"]) == (True, True, "/")
    page.locator(".account-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You have signed out.")
    assert page.context.cookies(behind_nginx) == []
