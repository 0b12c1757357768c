"""The service's settings: where they come from and which are refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.__main__ import main
from service.config import Settings, read_settings, shown_default
from shortlist.encoder.machine import Precision
from shortlist.errors import SettingsError

NAMES = [setting.name for setting in fields(Settings)]


def test_without_a_word_every_setting_has_its_default() -> None:
    assert read_settings({}) == Settings()
    assert (Settings().host, Settings().port, Settings().workers) == ("127.0.0.1", 8000, 1)
    assert Settings().precision is Precision.AUTO


def test_environment_variables_are_read_and_typed() -> None:
    settings = read_settings(
        {
            "SHORTLIST_ARTIFACTS": "/srv/bundles",
            "SHORTLIST_PORT": "9001",
            "SHORTLIST_POLL_S": "0.25",
            "SHORTLIST_PRECISION": "bf16",
            "PORT": "1",
            "PATH": "/bin",
        }
    )
    expected = Settings(
        artifacts=Path("/srv/bundles"), port=9001, poll_s=0.25, precision=Precision.BF16
    )
    assert settings == expected


def test_an_option_goes_before_the_environment_which_goes_before_the_default() -> None:
    environment = {"SHORTLIST_PORT": "9001", "SHORTLIST_WORKERS": "3"}
    settings = read_settings(environment, port="9002", workers=None)
    assert (settings.port, settings.workers, settings.threads) == (9002, 3, 32)


def test_an_unknown_variable_is_named_beside_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"SHORTLIST_PROT": "9001"})
    message = str(caught.value)
    assert message.startswith("SHORTLIST_PROT: no such setting; known: ")
    assert re.findall(r"SHORTLIST_(\w+)", message)[1:] == [name.upper() for name in NAMES]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("port", "-1", "port: expected 0 to 65535, found -1"),
        ("port", "65536", "port: expected 0 to 65535, found 65536"),
        ("workers", "0", "workers: expected 1 to 64, found 0"),
        ("threads", "1025", "threads: expected 1 to 1024, found 1025"),
        ("encoder_threads", "-1", "encoder_threads: expected 0 to 256, found -1"),
        ("max_batch", "0", "max_batch: expected 1 to 256, found 0"),
        ("max_waiting", "0", "max_waiting: expected 1 to 100000, found 0"),
        ("query_cache", "-1", "query_cache: expected 0 to 1e+07, found -1"),
        ("deadline_s", "-1", "deadline_s: expected 0 to 600, found -1.0"),
        ("max_body_bytes", "1023", "max_body_bytes: expected 1024 to 1.07374e+09, found 1023"),
        ("max_concurrent", "32", "max_concurrent: expected fewer than threads (32), found 32"),
        ("log_format", "xml", "log_format: expected one of plain, json, found 'xml'"),
        ("log_level", "all", "log_level: expected one of debug, info, warning, error, found 'all'"),
        (
            "log_queries",
            "maybe",
            "log_queries: expected one of 1, true, yes, on, 0, false, no, off, found 'maybe'",
        ),
        (
            "cors_origins",
            "https://a.example, *",
            "cors_origins: expected origins like https://example.org, in lower case and "
            "without a path, found '*'",
        ),
        ("poll_s", "0", "poll_s: expected 0.05 to 60, found 0.0"),
        ("poll_s", "nan", "poll_s: expected 0.05 to 60, found nan"),
        ("poll_s", "inf", "poll_s: expected 0.05 to 60, found inf"),
        ("port", "http", "port: expected int, found 'http'"),
        ("port", "80.5", "port: expected int, found '80.5'"),
        ("port", "", "port: expected int, found ''"),
        ("poll_s", "soon", "poll_s: expected float, found 'soon'"),
        ("precision", "f16", "precision: expected one of auto, f32, bf16, int8, found 'f16'"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(
    name: str, value: str, message: str
) -> None:
    for source in ({"environment": {f"SHORTLIST_{name.upper()}": value}}, {name: value}):
        given = dict(source)
        environment = given.pop("environment", {})
        with pytest.raises(SettingsError) as caught:
            read_settings(environment, **given)  # type: ignore[arg-type]
        assert str(caught.value) == message


@pytest.mark.parametrize(("name", "low", "high"), [("port", 0, 65535), ("poll_s", 0.05, 60)])
def test_the_ends_of_a_range_are_allowed(name: str, low: float, high: float) -> None:
    for end in (low, high):
        assert getattr(read_settings({}, **{name: str(end)}), name) == end


@pytest.mark.parametrize(
    ("texts", "value"),
    [(("1", "true", "YES", "on"), True), (("0", "False", "no", "off"), False)],
)
def test_yes_and_no_have_several_words(texts: tuple[str, ...], value: bool) -> None:
    found = [read_settings({"SHORTLIST_LOG_QUERIES": text}).log_queries for text in texts]
    assert found == [value] * 4


def test_origins_are_separated_by_commas() -> None:
    settings = read_settings({"SHORTLIST_CORS_ORIGINS": "https://a.example, http://[::1]:8080,"})
    assert settings.cors_origins == ("https://a.example", "http://[::1]:8080")
    assert read_settings({"SHORTLIST_CORS_ORIGINS": ""}).cors_origins == ()


@pytest.mark.parametrize(
    "origin", ["https://a.example/", "a.example", "https://A.example", "null", "ftp://a.example"]
)
@pytest.mark.parametrize("name", ["cors_origins", "image_origins"])
def test_what_no_browser_sends_as_an_origin_is_refused(name: str, origin: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: expected origins like"):
        read_settings({}, **{name: origin})


def test_some_threads_are_kept_for_refusing() -> None:
    assert (Settings(threads=32).admitted, Settings(threads=32, max_concurrent=31).admitted) == (
        28,
        31,
    )
    assert (Settings(threads=1).admitted, Settings(threads=1, max_concurrent=1).admitted) == (1, 1)


@pytest.mark.parametrize("name", ["api_key", "metrics_token", "write_key", "user_key"])
def test_a_secret_is_neither_shown_nor_quoted(name: str) -> None:
    settings = read_settings({f"SHORTLIST_{name.upper()}": "swordfish"})
    assert getattr(settings, name) == "swordfish"
    assert "swordfish" not in repr(settings)
    for wrong in ("sword fish", "swordfish\n", "swördfish"):
        with pytest.raises(SettingsError) as caught:
            read_settings({}, **{name: wrong})
        assert str(caught.value) == (
            f"{name}: expected visible ASCII characters without blanks, found others"
        )
    result = CliRunner().invoke(
        main, ["--help"], env={f"SHORTLIST_{name.upper()}": "swordfish"}, terminal_width=400
    )
    assert "swordfish" not in result.output
    assert f"[env var: SHORTLIST_{name.upper()}; default: empty]" in result.output


def test_writes_need_a_key_of_their_own() -> None:
    message = "write_key: expected a key where writes is on, another one than api_key, found "
    with pytest.raises(SettingsError, match=f"^{message}none$"):
        read_settings({"SHORTLIST_WRITES": "on"})
    same = {"SHORTLIST_API_KEY": "k3y", "SHORTLIST_WRITE_KEY": "k3y"}
    with pytest.raises(SettingsError, match=f"^{message}that one$") as caught:
        read_settings({"SHORTLIST_WRITES": "on", **same})
    assert "k3y" not in str(caught.value)
    assert not read_settings(same).writes
    settings = read_settings({"SHORTLIST_WRITES": "on", "SHORTLIST_WRITE_KEY": "wr1te"})
    assert (settings.write_places, Settings().write_places) == (16, 0)


def test_events_are_kept_at_a_url_that_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://anna:swordfish@db/shop"
    settings = read_settings({"SHORTLIST_EVENTS": url})
    assert settings.events == url
    assert "swordfish" not in repr(settings)
    assert (settings.event_places, Settings().event_places) == (16, 0)
    with pytest.raises(SettingsError, match=r"^events: a user or password holds one of") as caught:
        read_settings({"SHORTLIST_EVENTS": "postgresql://anna:sword@fish@db/shop"})
    assert "fish" not in str(caught.value)
    with pytest.raises(SettingsError, match=r"^events: expected sqlite:///file or post"):
        read_settings({"SHORTLIST_EVENTS": "mysql://db/shop"})
    monkeypatch.setattr("service.checks.find_spec", lambda name: None if name == "psycopg" else 1)
    assert read_settings({"SHORTLIST_EVENTS": "sqlite:///events.db"}).events
    message = r"^events: needs psycopg; install shortlist\[events\]$"
    with pytest.raises(SettingsError, match=message):
        read_settings({"SHORTLIST_EVENTS": url})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_the_encoders_share_the_cores_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert Settings().threads_per_encoder == 8
    assert Settings(workers=3).threads_per_encoder == 2
    assert Settings(workers=16).threads_per_encoder == 1
    assert Settings(workers=2, encoder_threads=5).threads_per_encoder == 5


def test_help_lists_every_setting_with_its_option_variable_and_default() -> None:
    result = CliRunner().invoke(main, ["--help"], terminal_width=400)
    assert result.exit_code == 0
    told = " ".join(result.output.split()).split(" --")
    for setting in fields(Settings):
        option = f"{setting.name.replace('_', '-')} "
        (line,) = [line for line in told if line.startswith(option)]
        assert " ".join(setting.metadata["help"].split()) in line
        variable = f"SHORTLIST_{setting.name.upper()}"
        assert f"[env var: {variable}; default: {shown_default(setting)}" in line


def test_help_shows_what_may_be_chosen_and_between_which_limits() -> None:
    printed = CliRunner().invoke(main, ["--help"], terminal_width=400).output
    words = " ".join(printed.split())
    for option in (
        "--artifacts DIRECTORY Folder",
        "--precision [auto|f32|bf16|int8] Number",
        "--log-format [plain|json] How",
        "--log-level [debug|info|warning|error] The",
        "--log-queries [on|off] Whether",
        "--deadline-s NUMBER Seconds",
        "--port INTEGER Port",
        "default: 8000; 0<=x<=65535]",
        "default: 1048576; 1024<=x<=1073741824]",
    ):
        assert option in words


def test_the_program_ends_with_2_and_one_message_when_a_setting_is_wrong(
    repository: Path, tmp_path: Path
) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SHORTLIST_PROT": "1"}
    result = subprocess.run(
        [sys.executable, "-m", "service"],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 2
    assert "SHORTLIST_PROT: no such setting" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "port: expected 0 to 65535, found 70000"),
        (["--precision", "f64"], "precision: expected one of auto, f32, bf16, int8, found 'f64'"),
        (["--prot", "1"], "No such option"),
        (["bundles"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, arguments, terminal_width=200)
    assert result.exit_code == 2
    assert message in result.output


def test_an_empty_host_is_refused() -> None:
    with pytest.raises(SettingsError, match="host: expected an address or name, found none"):
        read_settings({"SHORTLIST_HOST": " "})
