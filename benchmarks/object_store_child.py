"""An S3 server on loopback; arguments are its port and, to keep objects, a folder.

Run by an interpreter that has moto, which holds objects in memory: with a folder each is written
there before it is acknowledged, and is there again when a killed server is started over it.
Ends when its standard input does.
"""

from __future__ import annotations

import logging
import sys
import urllib.parse
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

from moto.s3.models import S3Backend, s3_backends
from moto.server import ThreadedMotoServer

_ACCOUNT, _PARTITION, _REGION = "123456789012", "aws", "us-east-1"


def fill_from(folder: Path) -> None:
    """Put what lies in a folder into the server."""
    backend = s3_backends[_ACCOUNT][_PARTITION]
    for bucket in folder.iterdir():
        backend.create_bucket(bucket.name, _REGION)
        for path in bucket.iterdir():
            if path.suffix != ".part":
                backend.put_object(bucket.name, urllib.parse.unquote(path.name), path.read_bytes())


def keep_in(folder: Path) -> None:
    """Write every bucket and object into a folder from now on, and remove what is deleted."""
    create, put, delete = S3Backend.create_bucket, S3Backend.put_object, S3Backend.delete_object

    def create_bucket(self: Any, bucket_name: str, *given: Any, **how: Any) -> Any:
        (folder / bucket_name).mkdir()
        return create(self, bucket_name, *given, **how)

    def put_object(self: Any, bucket_name: str, key_name: str, value: bytes, **how: Any) -> Any:
        path = _path(folder, bucket_name, key_name)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(value)
        part.rename(path)
        return put(self, bucket_name, key_name, value, **how)

    def delete_object(self: Any, bucket_name: str, key_name: str, *given: Any, **how: Any) -> Any:
        _path(folder, bucket_name, key_name).unlink(missing_ok=True)
        return delete(self, bucket_name, key_name, *given, **how)

    S3Backend.create_bucket, S3Backend.put_object = create_bucket, put_object
    S3Backend.delete_object = delete_object


def _path(folder: Path, bucket: str, key: str) -> Path:
    return folder / bucket / urllib.parse.quote(key, safe="")


def main() -> None:
    """Serve, tell the port, and wait."""
    logging.disable()
    if len(sys.argv) > 2:
        fill_from(Path(sys.argv[2]))
        keep_in(Path(sys.argv[2]))
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=int(sys.argv[1]), verbose=False)
    server.start()
    print("port", server.get_host_and_port()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
