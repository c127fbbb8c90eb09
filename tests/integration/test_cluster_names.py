"""The packages that objects name, read from an API server as they are at one moment."""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from integration.api_server import serving
from integration.listing_server import ListingServer
from kubelambda.catalog.api_reader import ApiReader
from kubelambda.catalog.cluster_names import NAMING_KINDS, PAGE_ITEMS, ClusterNames
from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.code import UploadedPackage
from kubelambda.core.packages.code_zip import build_inline_zip
from kubelambda.core.packages.names import NamesUnknownError
from unit.functions import make_function

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
FUNCTIONS, LAYERS = "lambdafunctions", "lambdalayers"


@asynccontextmanager
async def reading(
    server: ListingServer, *namespaces: str, index: FunctionIndex | None = None
) -> AsyncIterator[ClusterNames]:
    async with serving(server) as url:
        reader = ApiReader(url=url, ca_file=None, token_file=None, request_s=60.0)
        reader.open()
        yield ClusterNames(reader, index or FunctionIndex(), namespaces)
        await reader.close()


@pytest.fixture
def server() -> ListingServer:
    return ListingServer()


async def test_functions_layers_and_what_statuses_remember_are_read(server: ListingServer) -> None:
    remembered = base64.b64encode(bytes.fromhex(C)).decode()
    server.put(
        FUNCTIONS,
        "hello",
        spec={"code": {"package": A}},
        status={"layers": [{"name": "gone", "version": 1, "codeSha256": remembered}]},
    )
    server.put(LAYERS, "libs-1", spec={"version": 1, "content": {"package": B}})
    async with reading(server) as names:
        assert await names.read() == {A, B, C}


async def test_what_stands_in_a_layer_is_named_by_its_zip(server: ListingServer) -> None:
    """Gateways keep it as a package, for functions that outlive the layer."""
    files = {"python/a.py": "x"}
    server.put(LAYERS, "libs-1", spec={"version": 1, "content": {"inline": files}})
    async with reading(server) as names:
        assert await names.read() == {hashlib.sha256(build_inline_zip(files)).hexdigest()}


async def test_an_object_that_cannot_be_read_names_what_stands_in_it(
    server: ListingServer,
) -> None:
    server.put(FUNCTIONS, "odd", spec={"code": {"of the next release": [A]}})
    server.put(LAYERS, "odd-1", spec={"version": "one", "content": B})
    async with reading(server) as names:
        assert await names.read() == {A, B}


async def test_every_page_is_read_and_pages_are_small(server: ListingServer) -> None:
    packages = {f"{number:064x}" for number in range(3 * PAGE_ITEMS)}
    for package in packages:
        server.put(FUNCTIONS, package, spec={"code": {"package": package}})
    async with reading(server) as names:
        assert await names.read() == packages
    assert {query["limit"] for _, query in server.lists} == {str(PAGE_ITEMS)}


async def test_only_the_namespaces_of_the_installation_are_read(server: ListingServer) -> None:
    server.put(FUNCTIONS, "one", "shop", spec={"code": {"package": A}})
    server.put(LAYERS, "two-1", "office", spec={"content": {"package": B}})
    server.put(FUNCTIONS, "other", "foreign", spec={"code": {"package": C}})
    async with reading(server, "shop", "office") as names:
        assert await names.read() == {A, B}


@pytest.mark.parametrize("before", range(1, len(NAMING_KINDS) + 1))
async def test_what_moves_between_objects_during_the_read_is_not_overlooked(
    server: ListingServer, before: int
) -> None:
    """After ``before`` lists a function names it in place of the layer."""
    server.put(LAYERS, "a-1", spec={"content": {"package": A}})

    def swap() -> None:
        if len(server.lists) == before:
            server.put(FUNCTIONS, "f", spec={"code": {"package": A}})
            server.remove(LAYERS, "a-1")

    server.on_list = swap
    async with reading(server) as names:
        assert await names.read() == {A}


async def test_what_is_served_as_it_was_before_an_update_is_told(server: ListingServer) -> None:
    index = FunctionIndex()
    index.put(make_function(code=UploadedPackage(A)))
    server.put(FUNCTIONS, "hello", spec={"code": {"package": B}})
    async with reading(server, index=index) as names:
        assert await names.read() == {B}
        assert names.list_served() == {A}


@pytest.mark.parametrize("plural", NAMING_KINDS)
async def test_a_kind_that_cannot_be_read_makes_all_names_unknown(
    server: ListingServer, plural: str
) -> None:
    server.statuses[plural] = 404
    async with reading(server) as names:
        with pytest.raises(NamesUnknownError):
            await names.read()


async def test_a_version_that_is_forgotten_meanwhile_makes_all_names_unknown(
    server: ListingServer,
) -> None:
    server.put(FUNCTIONS, "hello", spec={"code": {"package": A}})

    def forget() -> None:
        server.oldest = 2

    server.on_list = forget
    async with reading(server) as names:
        with pytest.raises(NamesUnknownError):
            await names.read()


async def test_an_api_server_that_is_away_makes_all_names_unknown() -> None:
    reader = ApiReader(url="http://127.0.0.1:9", ca_file=None, token_file=None, request_s=60.0)
    reader.open()
    with pytest.raises(NamesUnknownError):
        await ClusterNames(reader, FunctionIndex()).read()
    await reader.close()


async def test_a_server_that_answers_another_version_is_not_believed(
    server: ListingServer,
) -> None:
    server.ignores_version = True
    server.put(FUNCTIONS, "hello", spec={"code": {"package": A}})
    server.on_list = lambda: server.put(FUNCTIONS, "other", spec={})
    async with reading(server) as names:
        with pytest.raises(NamesUnknownError):
            await names.read()
