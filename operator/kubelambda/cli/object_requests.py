"""What ``kubelambda apply``, ``get`` and ``delete`` do, once their command line has been read.

Contract: one object that is refused does not keep the others from being applied or deleted; each
function says whether all of it succeeded. CommandError for a mistake of the user.
"""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import yaml

from kubelambda.api.kinds import BY_NAME
from kubelambda.cli.failure import CommandError
from kubelambda.cli.manifests import read_manifests
from kubelambda.cli.output import Output
from kubelambda.cli.resource_words import Wanted, describe, qualify, read_words
from kubelambda.cli.table import render_table
from kubelambda.cli.target_options import TargetOptions
from kubelambda.cli.targets import open_objects
from kubelambda.objects.apply import build_applied, plan_apply
from kubelambda.objects.errors import ConflictError, NotFoundError, ObjectsError, UnavailableError
from kubelambda.objects.identity import DEFAULT_NAMESPACE
from kubelambda.objects.port import Manifest, Objects, list_all

_TRIES = 5


async def apply_all(target: TargetOptions, sources: list[str], namespace: str) -> bool:
    """Create or change the objects of ``sources``."""
    manifests = read_manifests(sources, namespace)
    succeeded = True
    async with open_objects(target) as objects:
        for manifest in manifests:
            what = describe(BY_NAME[manifest["kind"]], manifest["metadata"]["name"])
            try:
                print(f"{what} {await _apply(objects, manifest)}", flush=True)
            except UnavailableError:
                raise
            except ObjectsError as error:
                succeeded = _complain(what, error)
    return succeeded


async def _apply(objects: Objects, wanted: Manifest) -> str:
    """What happened to the object: created, configured or unchanged."""
    kind, metadata = wanted["kind"], wanted["metadata"]
    for tries_left in reversed(range(_TRIES)):
        try:
            live = await objects.get(kind, metadata.get("namespace"), metadata["name"])
        except NotFoundError:
            await objects.create(build_applied(wanted))
            return "created"
        planned = plan_apply(live, wanted)
        if planned is None:
            return "unchanged"
        try:
            written = await objects.update(planned)
        except ConflictError:  # somebody has written meanwhile, the controller perhaps
            if not tries_left:
                raise
            continue
        is_same = written["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
        return "unchanged" if is_same else "configured"
    raise AssertionError("the last try returns or raises")


async def delete_all(
    target: TargetOptions,
    words: list[str],
    sources: list[str],
    namespace: str,
    ignore_not_found: bool,
) -> bool:
    """Delete the objects that ``words`` name, or that ``sources`` hold."""
    wanted = _list_wanted(words, sources, namespace)
    succeeded = True
    async with open_objects(target) as objects:
        for one, place in wanted:
            for name in one.names:
                try:
                    await objects.delete(one.kind.name, place, name)
                    print(f'{qualify(one.kind)} "{name}" deleted', flush=True)
                except UnavailableError:
                    raise
                except ObjectsError as error:
                    if not (ignore_not_found and isinstance(error, NotFoundError)):
                        succeeded = _complain(describe(one.kind, name), error)
    return succeeded


def _list_wanted(
    words: list[str], sources: list[str], namespace: str
) -> list[tuple[Wanted, str | None]]:
    """Each with its namespace."""
    if bool(words) == bool(sources):
        raise CommandError("name a KIND and NAMEs, or files with -f")
    if sources:
        return [
            (
                Wanted(BY_NAME[manifest["kind"]], (manifest["metadata"]["name"],)),
                manifest["metadata"].get("namespace"),
            )
            for manifest in read_manifests(sources, namespace)
        ]
    found = read_words(words)
    if not all(one.names for one in found):
        raise CommandError("name the objects to delete: kubelambda delete KIND NAME")
    place = namespace or DEFAULT_NAMESPACE
    return [(one, place if one.kind.is_namespaced else None) for one in found]


async def show(
    target: TargetOptions, words: list[str], namespace: str | None, output: Output
) -> bool:
    """Print the objects that ``words`` name; without a namespace, of all of them."""
    wanted, found, succeeded = read_words(words), [], True
    async with open_objects(target) as objects:
        for one in wanted:
            place = namespace if one.kind.is_namespaced else None
            if not one.names:
                items, _ = await list_all(objects, one.kind.name, place)
                found.append((one, items))
                continue
            for name in one.names:
                try:
                    found.append((one, [await objects.get(one.kind.name, place, name)]))
                except NotFoundError as error:
                    succeeded = _complain(describe(one.kind, name), error)
    _print_found(found, namespace, output)
    return succeeded


def _print_found(
    found: list[tuple[Wanted, list[Manifest]]], namespace: str | None, output: Output
) -> None:
    items = [item for _, some in found for item in some]
    if output in (Output.JSON, Output.YAML):
        is_one = len(found) == len(items) == 1 and found[0][0].names
        content = items[0] if is_one else {"apiVersion": "v1", "kind": "List", "items": items}
        print(_dump(content, output), end="")
    elif output is Output.NAME:
        for one, some in found:
            for item in some:
                print(describe(one.kind, item["metadata"]["name"]))
    elif items:
        _print_tables(found, output, namespaces=namespace is None)
    elif not any(one.names for one, _ in found):
        where = f" in {namespace} namespace." if namespace else ""
        print(f"No resources found{where}", file=sys.stderr)


def _print_tables(
    found: list[tuple[Wanted, list[Manifest]]], output: Output, *, namespaces: bool
) -> None:
    """One table for each kind."""
    by_kind: dict[str, list[Manifest]] = {}
    for one, some in found:
        by_kind.setdefault(one.kind.name, []).extend(some)
    kinds = [BY_NAME[name] for name, some in by_kind.items() if some]
    tables = [
        render_table(
            kind,
            by_kind[kind.name],
            datetime.now(UTC),
            wide=output is Output.WIDE,
            namespaces=namespaces and kind.is_namespaced,
            prefix=f"{qualify(kind)}/" if len(by_kind) > 1 else "",
        )
        for kind in kinds
    ]
    print("\n\n".join(tables))


def _dump(content: Any, output: Output) -> str:
    if output is Output.JSON:
        return json.dumps(content, indent=4) + "\n"
    return yaml.safe_dump(content, sort_keys=False)


def _complain(what: str, error: ObjectsError) -> bool:
    print(f"kubelambda: {what}: {error.message}", file=sys.stderr)
    return False
