"""What the environment may say, and what it means."""

from itertools import product
from pathlib import Path

import pytest

from habsim.errors import SettingsError
from habsim.settings import S3Settings, Settings

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
SECRETS = dict.fromkeys(KEYS, "hidden")


def settings(**environment: str) -> Settings:
    return Settings.from_environment(environment)


def test_an_empty_environment_has_every_default() -> None:
    default = settings()
    assert default.data_dir == Path.cwd() / "data"
    assert default.store is None
    assert default.members == 21
    assert default.stale_hours == 18
    assert default.refresh_seconds == 300
    assert default.queue_seconds == 30
    assert default.results_bytes == 512_000_000
    assert default.cors_origins == ("*",)
    assert default.cache_bytes is None
    assert not default.whole_files
    assert default.password is None
    assert default.secret_key is None
    assert default.proxies == 0
    assert default.production


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "S3_BUCKET_NAME",
        "S3_ENDPOINT_URL",
        "FLASK_ENV",
        "HABSIM_DATA_DIR",
        "HABSIM_STORE",
        "HABSIM_MEMBERS",
        "HABSIM_STALE_HOURS",
        "HABSIM_REFRESH_SECONDS",
        "HABSIM_ENSEMBLES",
        "HABSIM_QUEUE_SECONDS",
        "HABSIM_RESULTS_BYTES",
        "HABSIM_CORS_ORIGINS",
        "HABSIM_CACHE_BYTES",
        "HABSIM_WHOLE_FILES",
        "HABSIM_PASSWORD",
        "HABSIM_PROXIES",
        "SECRET_KEY",
    ],
)
def test_an_empty_variable_is_one_that_is_not_set(name: str) -> None:
    assert settings(**{name: ""}) == settings()


def test_every_variable_is_heard() -> None:
    assert settings(HABSIM_DATA_DIR="/somewhere").data_dir == Path("/somewhere")
    assert settings(HABSIM_MEMBERS="31").members == 31
    assert settings(HABSIM_STALE_HOURS="7.5").stale_hours == 7.5
    assert settings(HABSIM_REFRESH_SECONDS="60").refresh_seconds == 60
    assert settings(HABSIM_ENSEMBLES="3").ensembles == 3
    assert settings(HABSIM_QUEUE_SECONDS="0").queue_seconds == 0
    assert settings(HABSIM_RESULTS_BYTES="1000000").results_bytes == 1_000_000
    assert settings(HABSIM_CACHE_BYTES="1e9").cache_bytes == 1_000_000_000
    assert settings(HABSIM_WHOLE_FILES="1").whole_files
    assert not settings(HABSIM_WHOLE_FILES="0").whole_files
    assert settings(HABSIM_PASSWORD="pass word").password == "pass word"
    assert settings(SECRET_KEY="key").secret_key == "key"
    assert settings(HABSIM_PROXIES="1").proxies == 1
    assert not settings(FLASK_ENV="development").production


def test_nothing_secret_is_shown() -> None:
    shown = repr(settings(HABSIM_PASSWORD="hidden", SECRET_KEY="hidden", S3_BUCKET_NAME="mine", **SECRETS))
    assert "mine" in shown
    assert "hidden" not in shown


def test_on_railway_data_are_on_the_volume_unless_told_otherwise() -> None:
    assert settings(RAILWAY_ENVIRONMENT="production").data_dir == Path("/app/data")
    assert settings(RAILWAY_ENVIRONMENT="production", HABSIM_DATA_DIR="/there").data_dir == Path("/there")


@pytest.mark.parametrize(
    "text", ["https://a.example,https://b.example", "https://a.example https://b.example"]
)
def test_origins_are_a_list(text: str) -> None:
    assert settings(HABSIM_CORS_ORIGINS=text).cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf", "1e30", "1;2"])
@pytest.mark.parametrize(
    "name",
    [
        "HABSIM_MEMBERS",
        "HABSIM_STALE_HOURS",
        "HABSIM_REFRESH_SECONDS",
        "HABSIM_ENSEMBLES",
        "HABSIM_QUEUE_SECONDS",
        "HABSIM_RESULTS_BYTES",
        "HABSIM_CACHE_BYTES",
        "HABSIM_PROXIES",
    ],
)
def test_a_number_that_cannot_be_used_is_an_error_that_names_its_variable(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be "):
        settings(**{name: text})


@pytest.mark.parametrize("name", ["HABSIM_MEMBERS", "HABSIM_ENSEMBLES", "HABSIM_PROXIES"])
@pytest.mark.parametrize("text", ["2.5", "-1", "1000"])
def test_a_count_is_a_whole_number_within_reason(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be "):
        settings(**{name: text})


def test_a_bucket_without_a_name_is_an_error_that_names_its_variable() -> None:
    with pytest.raises(SettingsError, match="HABSIM_STORE"):
        settings(HABSIM_STORE="s3://")


STORES = (None, "", "winds", "/winds", "s3://other", "s3://other/a/b/")
BUCKETS = (None, "", "mine")
KEYRINGS: tuple[dict[str, str], ...] = (
    {},
    {"AWS_ACCESS_KEY_ID": "key"},
    {"AWS_SECRET_ACCESS_KEY": "secret"},
    KEYS,
)
ENVIRONMENTS = (None, "", "production", "development")
EVERY_CHOICE = list(product(STORES, BUCKETS, KEYRINGS, ENVIRONMENTS))


@pytest.mark.parametrize(("store", "bucket", "keys", "flask"), EVERY_CHOICE)
def test_the_store_is_the_first_that_is_configured(
    store: str | None, bucket: str | None, keys: dict[str, str], flask: str | None
) -> None:
    named = {"HABSIM_STORE": store, "S3_BUCKET_NAME": bucket, "FLASK_ENV": flask}
    chosen = settings(**{name: value for name, value in named.items() if value is not None}, **keys).store
    if store in ("winds", "/winds"):
        assert chosen == Path.cwd() / store
    elif store:
        assert isinstance(chosen, S3Settings)
        assert (chosen.bucket, chosen.prefix) == ("other", "a/b" if store.endswith("a/b/") else "")
    elif bucket:
        assert isinstance(chosen, S3Settings)
        assert (chosen.bucket, chosen.prefix) == ("mine", "")
    elif keys == KEYS and flask == "production":
        assert isinstance(chosen, S3Settings)
        assert (chosen.bucket, chosen.prefix) == ("habsim-storage", "")
    else:
        assert chosen is None


def test_a_bucket_is_asked_as_the_environment_says() -> None:
    plain = settings(S3_BUCKET_NAME="mine").store
    assert plain == S3Settings("mine", "", "us-west-1", None, None, None)
    told = settings(
        S3_BUCKET_NAME="mine", AWS_REGION="auto", S3_ENDPOINT_URL="https://store.example", **KEYS
    ).store
    assert told == S3Settings("mine", "", "auto", "https://store.example", "key", "secret")
