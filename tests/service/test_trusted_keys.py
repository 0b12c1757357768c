"""A service that trusts keys serves what they signed and says why it refuses anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.app import create_app
from service.config import read_settings
from shortlist.bundle.signing import make_key, read_private_key, sign
from shortlist.errors import SettingsError
from tests.publishing import Publisher
from tests.serving import patient


def test_an_unsigned_version_is_refused_and_the_signed_one_serves_on(
    publisher: Publisher, tmp_path: Path
) -> None:
    key = tmp_path / "signing.key"
    public = make_key(key)
    signed = publisher.publish()
    sign(publisher.root / signed, read_private_key(key))
    settings = patient(publisher.root, trusted_keys=(str(public),))
    app = create_app(settings)
    reloader = app.extensions["reloader"]
    try:
        client = app.test_client()
        assert client.get("/readyz").get_json()["version"] == signed
        unsigned = publisher.publish(lambda manifest: manifest["catalog"].update(name="other"))
        reloader.check()
        ready = client.get("/readyz").get_json()
        assert (ready["version"], ready["refused_version"]) == (signed, unsigned)
        assert ready["degraded"] is True
        assert "manifest.sig: No such file" in ready["problem"]
        assert "the version is not signed" in ready["problem"]
        assert client.get("/v1/search?q=robots&k=3").get_json()["index_version"] == signed
        sign(publisher.root / unsigned, read_private_key(key))
        publisher.point_at(signed)
        reloader.check()
        publisher.point_at(unsigned)
        reloader.check()
        assert client.get("/readyz").get_json()["version"] == unsigned
    finally:
        reloader.stop()


def test_a_key_that_is_none_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"^trusted_keys: /nowhere\.pub: cannot be used as a k"):
        read_settings({"SHORTLIST_TRUSTED_KEYS": "/nowhere.pub"})
