"""Settings: where they come from, and the sentence for each that cannot be used."""

from decimal import Decimal
from pathlib import Path

import pytest

from lipwright.service.errors import SettingsError
from lipwright.service.settings import Settings, load_settings, unknown_variables


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description is not None and field.description.endswith((".", ")", ";")), name


def test_defaults_make_a_server() -> None:
    settings = load_settings()
    assert settings.database_url is None
    assert settings.sqlite_path == settings.data / "lipwright.db"
    assert (settings.models, settings.default_model) == (("tiny",), "tiny")
    assert settings.retention_us == 7 * 86_400_000_000
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "server.toml"
    file.write_text('port = 1234\nhost = "0.0.0.0"\nmodels = ["tiny", "big"]\nprice_unit_usd = 0.2\n')
    monkeypatch.setenv("LIPWRIGHT_SETTINGS", str(file))
    monkeypatch.setenv("LIPWRIGHT_PORT", "4321")
    settings = load_settings()
    assert (settings.port, settings.host, settings.models) == (4321, "0.0.0.0", ("tiny", "big"))
    assert settings.price_unit_usd == Decimal("0.2")
    assert load_settings(port=1).port == 1


def test_a_named_file_goes_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, port in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.toml").write_text(f"port = {port}")
    monkeypatch.setenv("LIPWRIGHT_SETTINGS", str(tmp_path / "a.toml"))
    assert (load_settings().port, load_settings(tmp_path / "b.toml").port) == (1, 2)


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWRIGHT_CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("LIPWRIGHT_URL_PORTS", "80,443,8080")
    settings = load_settings()
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.url_ports == (80, 443, 8080)


def test_an_empty_variable_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWRIGHT_PUBLIC_URL", "")
    assert load_settings().public_url is None


def test_the_public_url_loses_its_last_slash() -> None:
    assert load_settings(public_url="https://lips.example.com/").public_url == "https://lips.example.com"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"LIPWRIGHT_PORT": "70000"}, "The setting port is '70000', which cannot be used: .*65535"),
        ({"LIPWRIGHT_PORT": "web"}, "The setting port is 'web', which cannot be used"),
        ({"LIPWRIGHT_MAX_SIDE": "0"}, "The setting max_side is '0'"),
        ({"LIPWRIGHT_NSFW": "perhaps"}, "The setting nsfw is 'perhaps'.*'report' or 'block'"),
        ({"LIPWRIGHT_PUBLIC_URL": "example.com"}, "must be http:// or https://"),
        ({"LIPWRIGHT_RENDERER": "module"}, "must be module:function"),
        ({"LIPWRIGHT_DEFAULT_MODEL": "big"}, "default_model is 'big', but models holds only tiny"),
        ({"LIPWRIGHT_PRICE_CAP_S": "3"}, "price_cap_s is 3, below price_minimum_s"),
        ({"LIPWRIGHT_STORAGE": "s3"}, "s3_bucket is not given"),
        ({"LIPWRIGHT_S3_ACCESS_KEY_ID": "a"}, "must be given together"),
        ({"LIPWRIGHT_SETTINGS": "/nowhere/at/all.toml"}, "/nowhere/at/all.toml is not there"),
    ],
)
def test_what_cannot_be_used_is_told(
    values: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=sentence) as caught:
        load_settings()
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"), [("prot = 1", "There is no setting 'prot'"), ("port = ", "is not TOML")]
)
def test_a_bad_file_is_told(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=sentence):
        load_settings(file)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        database_url="postgresql://u:hush@h/d",
        metrics_key="hush",
        s3_access_key_id="hush",
        s3_secret_access_key="hush",
    )
    assert "hush" not in repr(settings) + str(settings)
    with pytest.raises(SettingsError) as caught:
        load_settings(metrics_key=["hush"])
    assert "hush" not in str(caught.value)


def test_misspelt_variables_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIPWRIGHT_DATABSE_URL", "LIPWRIGHT_CACHE", "LIPWRIGHT_TRACEBACK", "LIPWRIGHT_PORT"):
        monkeypatch.setenv(name, "1")
    assert "LIPWRIGHT_DATABSE_URL" in unknown_variables()
    assert not {"LIPWRIGHT_CACHE", "LIPWRIGHT_TRACEBACK", "LIPWRIGHT_PORT"} & set(unknown_variables())
