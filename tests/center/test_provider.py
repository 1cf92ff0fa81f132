"""Signing in by a provider of our own making that speaks real OpenID Connect."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI, Form
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.responses import RedirectResponse

from bconnect_center.core.roles import Role


class Provider:
    """Gives codes at once; `claims` and `key` are what tests bend."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.shown = self.key
        self.claims: dict[str, Any] = {}
        self.nonce = ""
        self.challenge = ""
        self.url = ""
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self.describe)
        self.app.get("/authorize")(self.authorize)
        self.app.post("/token")(self.token)
        self.app.get("/keys")(lambda: {"keys": [self.shown.as_dict(private=False)]})

    def describe(self) -> dict[str, str]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }

    def authorize(
        self, redirect_uri: str, state: str, nonce: str, code_challenge: str
    ) -> RedirectResponse:
        self.nonce, self.challenge = nonce, code_challenge
        return RedirectResponse(f"{redirect_uri}?code=once&state={state}", 303)

    def token(self, code: str = Form(), code_verifier: str = Form()) -> dict[str, Any]:
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        assert code == "once" and create_s256_code_challenge(code_verifier) == self.challenge
        claims = {"iss": self.url, "aud": "centre", "sub": "7", "nonce": self.nonce} | self.claims
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": token}


@pytest.fixture
def provider(
    centre_file: Path, clock: Any, wait_for: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Provider]:
    import uvicorn

    made = Provider()
    server = uvicorn.Server(uvicorn.Config(made.app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    made.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    made.claims = {
        "exp": clock() // 10**9 + 300,
        "preferred_username": "validator",
        "bconnect_role": ["validator"],
    }
    monkeypatch.setenv("OIDC_SECRET", "geheim")
    with centre_file.open("a", encoding="utf-8") as file:
        file.write(f"oidc: {{issuer: '{made.url}', client: centre, secret: '${{OIDC_SECRET}}'}}\n")
    yield made
    server.should_exit = True
    thread.join(10.0)


def way(client: httpx.Client) -> httpx.Response:
    """As a browser goes: to the provider and back."""
    there = client.get("/oidc/start")
    assert there.status_code == 303, there.text
    returned = httpx.get(there.headers["location"]).headers["location"]
    parts = urlsplit(returned)
    return client.get(f"{parts.path}?{parts.query}")


def test_in_a_browser(provider: Provider, tab: Any) -> None:
    tab.go("/login")
    tab.page.click("a[href='/oidc/start']")
    tab.page.wait_for_url(lambda url: "oidc" not in url)
    tab.go("/signed-in")
    assert "Validator" in tab.page.locator(".me summary").inner_text()


def test_who_the_provider_names_is_in(provider: Provider, centre: Any) -> None:
    client = centre.client()
    assert way(client).status_code == 200
    assert client.get("/signed-in").status_code == 200


@pytest.mark.parametrize(
    ("bent", "said"),
    [
        ({"preferred_username": "nobody"}, "no account"),
        ({"preferred_username": "../admin"}, "preferred_username"),
        ({"bconnect_role": ["admin"]}, "the account is validator"),
        ({"bconnect_role": None}, "the account is validator"),
        ({"aud": "another"}, "not valid"),
        ({"iss": "http://127.0.0.1:1"}, "not valid"),
        ({"nonce": "played again"}, "not valid"),
        ({"exp": 1}, "not valid"),
    ],
)
def test_who_it_does_not_name_is_out(
    provider: Provider, centre: Any, bent: dict[str, Any], said: str
) -> None:
    provider.claims |= bent
    client = centre.client()
    answer = way(client)
    assert answer.status_code == 403 and said in answer.text
    assert client.get("/signed-in").status_code in (401, 303)
    assert "sign-in refused" in [act.what for _, act in centre.house.audit.newest(5)]


def test_another_key_is_not_believed(provider: Provider, centre: Any) -> None:
    provider.shown = RSAKey.generate_key(2048, {"kid": "one"})
    assert way(centre.client()).status_code == 403


def test_a_code_from_another_browser_is_not_taken(provider: Provider, centre: Any) -> None:
    there = centre.client().get("/oidc/start")
    state = parse_qs(urlsplit(there.headers["location"]).query)["state"][0]
    assert centre.client().get(f"/oidc/back?code=once&state={state}").status_code == 400


def test_without_a_provider_there_is_no_such_door(centre: Any) -> None:
    assert centre.client().get("/oidc/start").status_code == 404
    assert Role.VALIDATOR.value in {person.name for person in centre.house.people.all()}
