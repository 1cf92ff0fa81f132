"""Sign-in by an OpenID Connect provider: code flow with PKCE (OIDC Core 1.0, RFC 7636)."""

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bconnect_center.core.moments import SECOND
from bconnect_center.settings import Oidc
from bconnect_site.environment import expand_env

ALGORITHMS = ["RS256", "ES256", "EdDSA"]
TIMEOUT = 10.0  # s
LEEWAY = 60  # s the provider's clock may differ


class ProviderError(ValueError):
    """The provider is away, or what it says is not to be believed; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in on its way: where the browser is sent, and what it must bring back."""

    url: str
    state: str
    nonce: str
    verifier: str


class Provider:
    """`redirect`: our address the provider sends browsers back to."""

    def __init__(self, settings: Oidc, redirect: str) -> None:
        self._settings, self._redirect = settings, redirect
        if urlsplit(settings.issuer).scheme != "https" and "127.0.0.1" not in settings.issuer:
            raise ProviderError(f'oidc.issuer: found "{settings.issuer}", needs https://')

    def begin(self) -> Begun:
        """Raises ProviderError."""
        nonce, verifier = generate_token(32), generate_token(64)
        with self._client() as client:
            url, state = client.create_authorization_url(
                self._described()["authorization_endpoint"], code_verifier=verifier, nonce=nonce
            )
        return Begun(url, state, nonce, verifier)

    def finish(self, code: str, begun: Begun, now: int) -> dict[str, Any]:
        """The claims about who came back; `now` in ns. Raises ProviderError."""
        described = self._described()
        try:
            with self._client() as client:
                token = client.fetch_token(
                    described["token_endpoint"], code=code, code_verifier=begun.verifier
                )
            held: Any = self._get(described["jwks_uri"])
            keys = KeySet.import_key_set(held)
            claims = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                now=now // SECOND,
                leeway=LEEWAY,
                iss={"essential": True, "value": described["issuer"]},
                aud={"essential": True, "value": self._settings.client},
                exp={"essential": True},
                nonce={"essential": True, "value": begun.nonce},
                sub={"essential": True},
            ).validate(claims)
        except (httpx.HTTPError, JoseError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ProviderError(f"sign-in: the provider's answer is not valid ({error})") from None
        except Exception as error:  # the library's own family has no common base with the above
            raise ProviderError(f"sign-in: the provider refuses ({error})") from None
        return dict(claims)

    def _client(self) -> OAuth2Client:
        secret = expand_env(self._settings.secret, os.environ, "oidc.secret")
        return OAuth2Client(
            self._settings.client,
            secret,
            scope="openid profile",
            redirect_uri=self._redirect,
            code_challenge_method="S256",
            timeout=TIMEOUT,
        )

    def _described(self) -> dict[str, Any]:
        issuer = self._settings.issuer.rstrip("/")
        found = self._get(f"{issuer}/.well-known/openid-configuration")
        if str(found.get("issuer", "")).rstrip("/") != issuer:
            raise ProviderError("sign-in: the provider calls itself by another name")
        return found

    @staticmethod
    def _get(url: str) -> dict[str, Any]:
        try:
            answer = httpx.get(url, timeout=TIMEOUT)
            answer.raise_for_status()
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderError(f"sign-in: the provider does not answer ({error})") from None
        if not isinstance(found, dict):
            raise ProviderError("sign-in: the provider's answer is not one")
        return found
