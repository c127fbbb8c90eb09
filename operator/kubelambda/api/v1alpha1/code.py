"""Where a function's code comes from: exactly one source.

Contract: what AWS's FunctionCode says, plus sources that only a cluster has; pure. Layers share the
fields and rules of what is fetched. Limits: spec/lambda.md section 6.2.
"""

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from kubelambda.api.model import ApiModel, Entries, LocalReference
from kubelambda.api.rules import Rule, build_pattern_rule

INLINE_BYTES_MAX = 65536
INLINE_FILES_MAX = 64
ZIP_BYTES_MAX = 65536
SOURCES = ("inline", "zipFile", "configMapRef", "url", "s3Bucket", "package", "imageURI")

_FILE_NAME = r"^[^/\\\x00-\x1f\x7f]+(/[^/\\\x00-\x1f\x7f]+)*$"
_DOT_SEGMENT = r"(^|/)\.\.?(/|$)"


def is_safe_file_name(name: str) -> bool:
    """Relative, without empty or dotted segments, backslashes and control characters."""
    return (
        len(name) <= 255
        and re.fullmatch(_FILE_NAME, name) is not None
        and re.search(_DOT_SEGMENT, name.replace("\n", "/")) is None
    )


FILE_NAMES = Rule(
    cel=(
        f"self.all(name, name.size() <= 255 && name.matches(r'{_FILE_NAME}')"
        f" && !name.matches(r'{_DOT_SEGMENT}'))"
    ),
    message=(
        "file names are relative paths of at most 255 characters without empty, '.' or '..' "
        "segments, backslashes and control characters"
    ),
    check=lambda files: all(is_safe_file_name(name) for name in files),
)
FILES_APART = Rule(
    cel="self.all(one, !self.exists(other, other.startsWith(one + '/')))",
    message="a name cannot be both a file and a directory of other files",
    check=lambda files: not any(other.startswith(file + "/") for file in files for other in files),
)
FILES_TOTAL = Rule(
    cel=f"self.map(name, bytes(self[name]).size()).sum() <= {INLINE_BYTES_MAX}",
    message=f"inline code holds at most {INLINE_BYTES_MAX} bytes in all",
    check=lambda files: sum(len(text.encode()) for text in files.values()) <= INLINE_BYTES_MAX,
)
BASE64 = build_pattern_rule(
    r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    "zipFile must be base64 in one line",
)
ZIP_SIZE = Rule(
    cel=(
        "self.size() / 4 * 3 - (self.endsWith('==') ? 2 : (self.endsWith('=') ? 1 : 0))"
        f" <= {ZIP_BYTES_MAX}"
    ),
    message=f"zipFile holds a zip of at most {ZIP_BYTES_MAX} bytes",
    check=lambda text: (
        len(text) // 4 * 3 - (2 if text.endswith("==") else int(text.endswith("=")))
        <= ZIP_BYTES_MAX
    ),
)
SHA256_HEX = build_pattern_rule(r"^[0-9a-f]{64}$", "64 lower-case hexadecimal digits")
NO_BLANKS = build_pattern_rule(r"^[^ \t\n\r\f\v]+$", "must not contain blanks")
HTTP_URL = build_pattern_rule(
    r"^https?://[^/ \t\n\r\f\v]+[^ \t\n\r\f\v]*$", "a URL that begins with https:// or http://"
)
BUCKET = build_pattern_rule(r"^[0-9A-Za-z._-]+$", "a bucket name of letters, digits, '.', '-', '_'")


InlineFiles = Annotated[
    dict[str, Annotated[str, Field(max_length=INLINE_BYTES_MAX)]],
    Field(min_length=1, max_length=INLINE_FILES_MAX),
    Entries,
    FILE_NAMES,
    FILES_APART,
    FILES_TOTAL,
]
ZipText = Annotated[str, Field(min_length=1, max_length=87384), BASE64, ZIP_SIZE]
PackageName = Annotated[str, Field(max_length=64), SHA256_HEX]


class FetchedSource(ApiModel):
    """A zip that environments fetch themselves: by URL or from a bucket."""

    url: Annotated[str, Field(max_length=2048), HTTP_URL] | None = Field(
        None, description="Where the agent fetches a zip; needs sha256."
    )
    sha256: Annotated[str, Field(max_length=64), SHA256_HEX] | None = Field(
        None, description="SHA-256 of what url gives, in hexadecimal."
    )
    s3_bucket: Annotated[str, Field(min_length=3, max_length=63), BUCKET] | None = Field(
        None, description="Bucket of a zip; needs s3Key."
    )
    s3_key: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        None, description="Key of the zip in s3Bucket."
    )
    s3_object_version: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        None, description="Version of that object."
    )

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.url) == has(self.sha256)",
            message="url and sha256 go together",
            check=lambda code: (code.url is None) == (code.sha256 is None),
        ),
        Rule(
            cel=(
                "has(self.s3Bucket) == has(self.s3Key)"
                " && (!has(self.s3ObjectVersion) || has(self.s3Bucket))"
            ),
            message="s3Bucket and s3Key go together, s3ObjectVersion only with them",
            check=lambda code: (
                (code.s3_bucket is None) == (code.s3_key is None)
                and (code.s3_object_version is None or code.s3_bucket is not None)
            ),
        ),
    )

    def count_sources(self, names: Sequence[str]) -> int:
        """How many of the sources ``names``, as YAML has them, are set."""
        fields = {field.alias: name for name, field in type(self).model_fields.items()}
        return sum(getattr(self, fields[name]) is not None for name in names)


class FunctionCode(FetchedSource):
    """Exactly one source of code."""

    inline: InlineFiles | None = Field(
        None, description="File names and their text, 64 KiB in all."
    )
    zip_file: ZipText | None = Field(None, description="A zip of at most 64 KiB, in base64.")
    config_map_ref: LocalReference | None = Field(
        None, description="A ConfigMap of the same namespace whose keys are file names."
    )
    package: PackageName | None = Field(
        None, description="SHA-256 of a package uploaded through the Lambda API, in hexadecimal."
    )
    image_uri: Annotated[str, Field(min_length=1, max_length=1000), NO_BLANKS] | None = Field(
        None, alias="imageURI", description="Container image; packageType Image only."
    )

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in SOURCES)}].filter(x, x).size() == 1",
            message=f"code has exactly one of {', '.join(SOURCES)}",
            check=lambda code: code.count_sources(SOURCES) == 1,
        ),
        *FetchedSource.RULES,
    )
