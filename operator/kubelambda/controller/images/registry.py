"""One conversation with one container registry, by the pulling half of the OCI distribution API.

Contract: sends nothing to a host that the installation does not allow, be it for a token or after a
redirect. Manifests come from the registry itself; a blob may be on another allowed host. Every
answer is limited in bytes and time, and is checked against its digest. All requests are anonymous:
no process of ours reads pull secrets. Raises only the errors of this module.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin

import aiohttp

from kubelambda.core.images.config import INDEX_TYPES, MANIFEST_TYPES
from kubelambda.core.images.reference import AllowedRegistries, ImageReference, find_origin

ANSWER_BYTES_MAX = 1_048_576
"""Of a manifest or an image's configuration: layers are never fetched."""
TOKEN_BYTES_MAX = 65_536
CONNECT_S = 4.0
REQUEST_S = 10.0
_HOPS_MAX = 4
_UNAVAILABLE = (408, 425, 429)
_MANIFESTS = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
_ANYTHING = "application/octet-stream, */*"
_CHALLENGE = re.compile(r'([a-z_]+)="([^"]*)"', re.IGNORECASE)


class RegistryError(Exception):
    """The message is a sentence for the function's owner, the same on every try."""


class RegistryUnavailableError(RegistryError):
    """It does not answer now; trying again may help."""


class RegistryDeniedError(RegistryError):
    """It tells an anonymous client nothing about this image."""


class ImageAbsentError(RegistryError):
    """It has no such repository, tag or digest."""


class NotAllowedError(RegistryError):
    """The registry refers to a host that the installation does not allow."""


class BadAnswerError(RegistryError):
    """It answers with something that no registry answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole of a successful answer."""

    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """The digest of the content, computed here, whatever the registry says."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"


class Registry:
    """The registry of one image, within ``async with``; remembers its token that long."""

    def __init__(self, reference: ImageReference, allowed: AllowedRegistries) -> None:
        self._reference = reference
        self._allowed = allowed
        self._api = allowed.find_api(reference.registry)
        self._token = ""
        self._session: aiohttp.ClientSession | None = None
        if not self._api:
            raise NotAllowedError(_describe_host(reference.registry))

    async def __aenter__(self) -> "Registry":
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=REQUEST_S, sock_connect=CONNECT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "kubelambda"},
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch_manifest(self, target: str) -> Answer:
        """The manifest or index behind a tag or digest; checked against the digest if it is one."""
        answer = await self._get(f"manifests/{target}", _MANIFESTS)
        return _check_digest(answer, target) if target.startswith("sha256:") else answer

    async def fetch_blob(self, digest: str) -> bytes:
        """A small blob, checked against its digest."""
        answer = await self._get(f"blobs/{digest}", _ANYTHING, other_host=True)
        return _check_digest(answer, digest).content

    async def _get(self, path: str, accept: str, *, other_host: bool = False) -> Answer:
        url = f"{self._api}/v2/{self._reference.repository}/{path}"
        authorized = False
        for _ in range(_HOPS_MAX):
            headers = {"Accept": accept}
            if self._token and find_origin(url) == find_origin(self._api):
                headers["Authorization"] = f"Bearer {self._token}"
            status, answer, told = await self._request(url, headers, ANSWER_BYTES_MAX)
            if status == 401 and not authorized and find_origin(url) == find_origin(self._api):
                authorized = True
                await self._fetch_token(told.get("WWW-Authenticate", ""))
            elif status in (301, 302, 303, 307, 308):
                url = self._follow(url, told.get("Location", ""), other_host=other_host)
            else:
                self._check_status(status)
                return answer
        raise BadAnswerError(f"the registry {self._reference.registry} redirects without end")

    def _follow(self, url: str, location: str, *, other_host: bool) -> str:
        """Where a redirect leads, if it may be followed."""
        target = urljoin(url, location)
        if find_origin(target) == find_origin(self._api) and location:
            return target
        if not other_host:
            raise BadAnswerError(
                f"the registry {self._reference.registry} sends manifests from another host; "
                "name that one in code.imageURI"
            )
        if not self._allowed.permits(target):
            raise NotAllowedError(_describe_host(_host_of(target)))
        return target

    async def _fetch_token(self, challenge: str) -> None:
        """Get an anonymous token, as the registry's challenge asks for."""
        scheme, _, rest = challenge.partition(" ")
        told = {name.lower(): text for name, text in _CHALLENGE.findall(rest)}
        realm = told.get("realm", "")
        if scheme.lower() != "bearer" or not realm:
            raise RegistryDeniedError(self._describe_denial())
        if not self._allowed.permits(realm) and find_origin(realm) != find_origin(self._api):
            raise NotAllowedError(_describe_host(_host_of(realm)))
        scope = told.get("scope") or f"repository:{self._reference.repository}:pull"
        query = {"scope": scope} | ({"service": told["service"]} if "service" in told else {})
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        status, answer, _ = await self._request(
            url, {"Accept": "application/json"}, TOKEN_BYTES_MAX
        )
        if status in _UNAVAILABLE or status >= 500:
            self._check_status(status)
        self._token = _read_token(answer.content)
        if not self._token:
            raise RegistryDeniedError(self._describe_denial())

    def _check_status(self, status: int) -> None:
        host = self._reference.registry
        if status == 200:
            return
        if status == 404:
            raise ImageAbsentError(
                f"{self._reference} is not in the registry; push it, or correct code.imageURI"
            )
        if status in (401, 403):
            raise RegistryDeniedError(self._describe_denial())
        if status in _UNAVAILABLE or status >= 500:
            raise RegistryUnavailableError(f"the registry {host} does not answer now")
        raise BadAnswerError(f"the registry {host} answers {status} where an image was asked for")

    def _describe_denial(self) -> str:
        return (
            f"the registry {self._reference.registry} tells an anonymous client nothing about "
            f"{self._reference.name}; the repository is private or absent"
        )

    async def _request(
        self, url: str, headers: Mapping[str, str], bytes_max: int
    ) -> tuple[int, Answer, Mapping[str, str]]:
        """Status, content and headers; no redirect is followed here."""
        if self._session is None:
            raise RuntimeError("a Registry is used within async with")
        host = self._reference.registry
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                content = await _read(response, bytes_max) if response.status == 200 else b""
                return response.status, Answer(content, response.content_type), response.headers
        except aiohttp.ClientConnectorCertificateError as error:
            raise RegistryUnavailableError(
                f"the certificate of the registry {host} is not one that the controller trusts"
            ) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise BadAnswerError(
                f"the registry {host} refers to something that is not an address"
            ) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise RegistryUnavailableError(f"the registry {host} does not answer now") from error


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > bytes_max:
            raise BadAnswerError(f"a registry's answer of more than {bytes_max} bytes")
    return bytes(content)


def _check_digest(answer: Answer, digest: str) -> Answer:
    if answer.digest != digest:
        raise BadAnswerError("the registry's answer does not have the digest that was asked for")
    return answer


def _read_token(content: bytes) -> str:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    told = document if isinstance(document, dict) else {}
    token = told.get("token") or told.get("access_token") or ""
    return token if isinstance(token, str) and token.isascii() and token.isprintable() else ""


def _host_of(url: str) -> str:
    return find_origin(url).rpartition("://")[2] or "that the registry refers to"


def _describe_host(host: str) -> str:
    return (
        f"the host {host} is not among the registries that this installation allows; an "
        "administrator adds it to functions.allowedRegistries"
    )
