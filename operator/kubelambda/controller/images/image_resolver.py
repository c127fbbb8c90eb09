"""From the image that a function names to its digest and its command.

Contract: one resolution, no memory. Outcomes are values: a ``Problem`` is worded for the function's
owner, and says whether waiting can help. ``image_lookups`` asks what a tag means once for each
generation of the function, so a push changes nothing before the function is updated.
"""

import asyncio
from collections.abc import Mapping

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.images.registry import (
    BadAnswerError,
    ImageAbsentError,
    NotAllowedError,
    Registry,
    RegistryDeniedError,
    RegistryError,
)
from kubelambda.core.images.config import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    OWN_DIRECTORY,
    ImageConfig,
    ImageRequest,
    OciError,
    ResolvedImage,
    find_config_digest,
    find_type,
    parse_config,
    parse_document,
    pick_platform,
    resolve_command,
)
from kubelambda.core.images.reference import (
    AllowedRegistries,
    ImageReference,
    ImageReferenceError,
    parse_image_reference,
)
from kubelambda.judge.problem import Problem

RESOLUTION_S = 30.0
_REASONS: Mapping[type[RegistryError], Reason] = {
    NotAllowedError: Reason.REGISTRY_NOT_ALLOWED,
    ImageAbsentError: Reason.IMAGE_NOT_FOUND,
    BadAnswerError: Reason.INVALID_IMAGE,
}
_ADVICE = (
    ". With functions.imagePullSecrets the nodes can pull it all the same: then set both "
    "imageConfig.entryPoint and imageConfig.command, which the controller cannot look up"
)


Resolution = ResolvedImage | Problem
"""The image, or why there is none (yet)."""


async def resolve_image(
    request: ImageRequest, allowed: AllowedRegistries, architecture: str
) -> Resolution:
    """Ask the image's registry; takes no longer than RESOLUTION_S."""
    try:
        reference = parse_image_reference(request.uri)
    except ImageReferenceError as error:
        return Problem(Reason.INVALID_SPEC, f"code.imageURI: {error}")
    try:
        async with asyncio.timeout(RESOLUTION_S):
            return await _ask(reference, request.wanted, allowed, architecture)
    except OciError as error:
        return Problem(Reason.INVALID_IMAGE, f"the image {reference} {error}")
    except RegistryDeniedError as error:
        return _trust_spec(reference, request.wanted, str(error))
    except TimeoutError:
        return _defer(f"the registry {reference.registry} does not answer in time")
    except RegistryError as error:
        reason = _REASONS.get(type(error))
        return Problem(reason, str(error)) if reason else _defer(str(error))


async def _ask(
    reference: ImageReference,
    wanted: ImageConfig,
    allowed: AllowedRegistries,
    architecture: str,
) -> ResolvedImage:
    async with Registry(reference, allowed) as registry:
        answer = await registry.fetch_manifest(reference.target)
        pinned = ImageReference(reference.registry, reference.repository, digest=answer.digest)
        manifest = parse_document(answer.content)
        if find_type(answer.media_type, manifest) in INDEX_TYPES:
            # Pods name the index, so that each node takes the variant for its machine.
            answer = await registry.fetch_manifest(pick_platform(manifest, architecture))
            manifest = parse_document(answer.content)
        if find_type(answer.media_type, manifest) not in MANIFEST_TYPES:
            raise OciError("has a manifest of a kind that is not a container image")
        content = await registry.fetch_blob(find_config_digest(manifest))
    return resolve_command(pinned, parse_config(parse_document(content)), wanted)


def _trust_spec(reference: ImageReference, wanted: ImageConfig, denial: str) -> Resolution:
    """Take all from the spec, since only the nodes may see the image.

    LIMIT: without a digest in code.imageURI each node pulls what the tag means then.
    """
    if not wanted.entry_point or not wanted.command:
        return Problem(Reason.REGISTRY_ACCESS_DENIED, denial + _ADVICE)
    try:
        return resolve_command(reference, ImageConfig(working_directory=OWN_DIRECTORY), wanted)
    except OciError as error:
        return Problem(Reason.INVALID_IMAGE, f"the image {reference} {error}")


def _defer(message: str) -> Problem:
    return Problem(Reason.REGISTRY_UNAVAILABLE, f"{message}; it is asked again", transient=True)
