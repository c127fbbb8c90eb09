"""Objects of a JetStream object store, changed only from the revision that was read.

Contract: the format is NATS' own (ADR-20 of nats-architecture-and-design), so nats-py, other
releases and the ``nats`` command read it: chunks under a random nuid, then one description by name.
A description replaces the former one only if that is still the last of its subject
(Nats-Expected-Last-Subject-Sequence), which nats-py's own ``put`` and ``delete`` do not ask for;
the server compares and writes at one moment. Chunks are removed only when no description can name
them any more; those of a step whose end is unknown stay (``Orphans``).

A description that says ``deleted`` and still has its digest is one whose object is hidden: the
chunks are there.
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from nats.js import JetStreamContext
from nats.js.api import Header, ObjectInfo, ObjectMetaOptions
from nats.js.errors import APIError, BadObjectMetaError, NotFoundError

_ROLLUP_SUBJECT = "sub"
_CHUNK_BYTES = 128 * 1024
_WRONG_LAST_SEQUENCE = (10071, 10164)
"""Error codes of the server: the description is not the last one any more."""


@dataclass(frozen=True, slots=True)
class Description:
    """The last description of a name, and its place in the stream."""

    sequence: int
    info: ObjectInfo

    @property
    def has_content(self) -> bool:
        """Whether its chunks are there, hidden or not."""
        return bool(self.info.digest)

    @property
    def is_hidden(self) -> bool:
        """Whether its object is hidden."""
        return bool(self.info.deleted) and self.has_content


class Objects:
    """The objects of ``bucket``."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._stream = f"OBJ_{bucket}"

    async def find(self, context: JetStreamContext, name: str) -> Description | None:
        """The description of ``name`` as the stream's leader has it; None without one."""
        try:
            message = await context.get_last_msg(self._stream, self._description_subject(name))
        except NotFoundError:
            return None
        return Description(message.seq or 0, _decode(message.data or b""))

    async def list_names(self, context: JetStreamContext) -> set[str]:
        """Every name that has a description now."""
        subjects = await self._list_subjects(context, f"$O.{self._bucket}.M.")
        return {base64.urlsafe_b64decode(subject).decode() for subject in subjects}

    async def write(
        self, context: JetStreamContext, name: str, nuid: str, content: bytes
    ) -> ObjectInfo:
        """Write the chunks of a new object; the description that is to follow."""
        for start in range(0, len(content), _CHUNK_BYTES):
            await context.publish(
                self._chunk_subject(nuid),
                content[start : start + _CHUNK_BYTES],
                stream=self._stream,
            )
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
        return ObjectInfo(
            name=name,
            bucket=self._bucket,
            nuid=nuid,
            size=len(content),
            chunks=-(-len(content) // _CHUNK_BYTES),
            digest=f"SHA-256={digest}",
            mtime=_format_now(),
            options=ObjectMetaOptions(max_chunk_size=_CHUNK_BYTES),
        )

    async def read(self, context: JetStreamContext, info: ObjectInfo) -> AsyncIterator[bytes]:
        """The chunks of an object, one request each; NotFoundError if they are being removed.

        nats-py's own ``get`` waits at a consumer for chunks that are removed meanwhile.
        """
        subject, sequence = self._chunk_subject(info.nuid), 0
        for _ in range(info.chunks or 0):
            message = await context.get_msg(
                self._stream, seq=sequence + 1, subject=subject, direct=True, next=True
            )
            sequence = message.seq or 0
            yield message.data or b""

    async def describe(
        self, context: JetStreamContext, info: ObjectInfo, former: Description | None
    ) -> Description | None:
        """Write ``info`` in place of ``former``; None if that is not the last one any more."""
        headers: dict[str, Any] = {
            Header.ROLLUP: _ROLLUP_SUBJECT,
            Header.EXPECTED_LAST_SUBJECT_SEQUENCE: str(former.sequence if former else 0),
        }
        content = json.dumps(info.as_dict()).encode()
        try:
            written = await context.publish(
                self._description_subject(info.name or ""),
                content,
                stream=self._stream,
                headers=headers,
            )
        except APIError as error:
            if error.err_code in _WRONG_LAST_SEQUENCE:
                return None
            raise
        return Description(written.seq, info)

    async def remove(self, context: JetStreamContext, description: Description) -> bool:
        """Remove this very description, then the chunks; False if it is not there any more."""
        try:
            await context.delete_msg(self._stream, description.sequence)
        except APIError:
            last = await self.find(context, description.info.name or "")
            if last is not None and last.sequence == description.sequence:
                raise
            return False
        await self.purge(context, description.info.nuid)
        return True

    async def purge(self, context: JetStreamContext, nuid: str) -> None:
        """Remove chunks that no description names."""
        await context.purge_stream(self._stream, subject=self._chunk_subject(nuid))

    async def list_chunks(self, context: JetStreamContext) -> set[str]:
        """The nuids of all chunks that are there."""
        return await self._list_subjects(context, self._chunk_subject(""))

    async def _list_subjects(self, context: JetStreamContext, prefix: str) -> set[str]:
        """What follows ``prefix`` in the subjects of all messages."""
        state = (await context.stream_info(self._stream, subjects_filter=f"{prefix}>")).state
        return {subject.removeprefix(prefix) for subject in state.subjects or ()}

    def _description_subject(self, name: str) -> str:
        return f"$O.{self._bucket}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"

    def _chunk_subject(self, nuid: str) -> str:
        return f"$O.{self._bucket}.C.{nuid}"


def show(description: Description, *, hidden: bool) -> ObjectInfo:
    """The description of the same object, hidden or not, as of now."""
    return replace(description.info, deleted=hidden, mtime=_format_now())


class Orphans:
    """Chunks that no description names, and since when; whoever looks says what time it is."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._since: dict[str, float] = {}

    def take(self, chunks: Iterable[str], named: Iterable[str], now_s: float) -> list[str]:
        """Nuids that have been orphans for the grace; ``chunks`` were listed before ``named``."""
        orphans = set(chunks) - set(named)
        self._since = {nuid: self._since.get(nuid, now_s) for nuid in orphans}
        return [nuid for nuid, since_s in self._since.items() if now_s - since_s >= self._grace_s]


def _decode(data: bytes) -> ObjectInfo:
    try:
        info: ObjectInfo = ObjectInfo.from_response(json.loads(data))
    except (ValueError, TypeError, AttributeError) as error:
        raise BadObjectMetaError from error
    return info


def _format_now() -> str:
    return datetime.now(UTC).isoformat()
