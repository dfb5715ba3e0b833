"""A setting is what the environment says, or a sentence."""

import pytest

from gateway.settings import SettingsError, is_loopback, read_settings, unknown_settings, with_secret


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch, tmp_path):
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        monkeypatch.delenv(f"ORDERLOOM_{name}", raising=False)
    monkeypatch.setenv("ORDERLOOM_DATA_DIR", str(tmp_path / "data"))


def test_nothing_has_to_be_set(tmp_path):
    settings = read_settings()

    assert settings.database_url == f"sqlite:///{tmp_path}/data/orderloom.sqlite"
    assert settings.is_sqlite
    assert settings.redis_url is None


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("ORDERLOOM_DATABASE_URL", "postgresql://ada@db/shop")
    monkeypatch.setenv("ORDERLOOM_CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("ORDERLOOM_TRUSTED_PROXIES", "10.0.0.0/8,::1")
    monkeypatch.setenv("ORDERLOOM_LOG_FORMAT", "JSON")
    monkeypatch.setenv("ORDERLOOM_TEST_PAYMENTS", "1")
    monkeypatch.setenv("ORDERLOOM_REDIS_URL", "")

    settings = read_settings()

    assert not settings.is_sqlite
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.log_format.value == "json"
    assert settings.test_payments
    assert settings.redis_url is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "mysql://ada:hunter2@db/shop", "write postgresql://"),
        ("DATABASE_URL", "hunter2", "write postgresql://"),
        ("REDIS_URL", "http://hunter2", "redis:// or"),
        ("SECRET_KEY", "hunter2", "at least 32 characters"),
        ("JWKS_URL", "file:///hunter2", "https:// or http://"),
        ("CORS_ORIGINS", "shop.example", "origins are written"),
        ("TRUSTED_PROXIES", "proxy.example", "valid IPv4 network"),
        ("REQUEST_RATE", "fast", "30/minute"),
        ("DEPTH_MAX", "deep", "valid integer"),
        ("DEPTH_MAX", "0", "greater than or equal to 1"),
        ("GRAPHIQL", "perhaps", "valid boolean"),
        ("LOG_LEVEL", "loud", "'debug', 'info'"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it_and_not_its_value(monkeypatch, name, value, sentence):
    monkeypatch.setenv(f"ORDERLOOM_{name}", value)

    with pytest.raises(SettingsError) as wrong:
        read_settings()

    (said,) = str(wrong.value).splitlines()
    assert said.startswith(f"ORDERLOOM_{name}: ")
    assert sentence in said
    assert "hunter2" not in said


def test_a_provider_needs_its_name_and_ours(monkeypatch):
    monkeypatch.setenv("ORDERLOOM_JWKS_URL", "https://id.example/keys")

    with pytest.raises(SettingsError, match="needs ORDERLOOM_JWT_ISSUER and ORDERLOOM_JWT_AUDIENCE"):
        read_settings()


def test_a_mistyped_name_is_pointed_out(monkeypatch):
    monkeypatch.setenv("ORDERLOOM_DATABSE_URL", "sqlite:///x")

    assert unknown_settings() == [
        "ORDERLOOM_DATABSE_URL is not a setting and is ignored; did you mean ORDERLOOM_DATABASE_URL?"
    ]


def test_a_secret_is_made_once_and_kept_for_its_owner_alone(tmp_path):
    first, second = with_secret(read_settings()), with_secret(read_settings())

    file = tmp_path / "data" / "secret"
    assert first.secret == second.secret == file.read_text()
    assert len(first.secret) >= 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["secret"]


def test_a_given_secret_is_not_kept(tmp_path):
    assert with_secret(read_settings(secret_key="k" * 32)).secret == "k" * 32
    assert not (tmp_path / "data").exists()


def test_a_damaged_secret_is_not_replaced(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret").touch()

    with pytest.raises(SettingsError, match="holds no secret key"):
        with_secret(read_settings())


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        *((host, True) for host in ("127.0.0.1", "127.0.0.9", "::1", "[::1]", "localhost")),
        *((host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "shop.example")),
    ],
)
def test_only_loopback_is_this_machine_alone(host, only_here):
    assert is_loopback(host) is only_here
