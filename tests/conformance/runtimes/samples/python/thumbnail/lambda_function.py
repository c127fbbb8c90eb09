"""Shape: an S3 event, work on files in /tmp, a presigned URL for what was made."""

import os
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus, urlsplit

import boto3
from botocore.config import Config

s3 = boto3.client("s3", config=Config(signature_version="s3v4"))


def lambda_handler(event, context):
    return [make_thumbnail(record["s3"]) for record in event["Records"]]


def make_thumbnail(found):
    bucket = found["bucket"]["name"]
    key = unquote_plus(found["object"]["key"])
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        target = Path(directory) / Path(key).name
        halve(Path("images/fade.ppm"), target)  # in the package, from the working directory
        size = target.read_text().split()[1:3]
    place = {"Bucket": f"{bucket}-resized", "Key": key}
    asked = parse_qs(urlsplit(s3.generate_presigned_url("get_object", Params=place)).query)
    return {
        "key": key,
        "size": "x".join(size),
        "signedFor": asked["X-Amz-Credential"][0].split("/")[2:],
        "ownToken": asked["X-Amz-Security-Token"] == [os.environ["AWS_SESSION_TOKEN"]],
    }


def halve(source, target):
    """Every other pixel of every other row of a plain PPM."""
    kind, width, height, deepest, *values = source.read_text().split()
    pixels = [values[at : at + 3] for at in range(0, len(values), 3)]
    rows = [pixels[at : at + int(width)] for at in range(0, len(pixels), int(width))]
    kept = [pixel for row in rows[::2] for pixel in row[::2]]
    head = [kind, str(int(width) // 2), str(int(height) // 2), deepest]
    target.write_text("\n".join([*head, *(" ".join(pixel) for pixel in kept)]))
