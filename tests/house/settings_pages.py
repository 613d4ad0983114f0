"""What `.env.example` and the README's table must say, made from Settings: one variable for each field but the excluded."""

import re

from config import Settings

ROW = re.compile(r"^\| `[A-Z][A-Z0-9_]*` \| .*\|$", re.MULTILINE)


def plain(default: object) -> str:
    """A default as the environment would hold it; nothing for none."""
    if default is None or default == ():
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def table() -> list[str]:
    """The rows of the README's table of settings; a default that is none stands without backticks."""
    return [
        f"| `{name.upper()}` | {f'`{plain(field.default)}`' if plain(field.default) else 'none'} | {field.description} |"
        for name, field in Settings.model_fields.items()
        if not field.exclude
    ]


def example() -> list[str]:
    """The paragraphs of `.env.example` after its first: meaning, then the default commented out."""
    paragraphs = []
    for name, field in Settings.model_fields.items():
        if field.exclude:
            continue
        line = "FLASK_ENV=development" if name == "flask_env" else f"# {name.upper()}={plain(field.default)}"
        paragraphs.append(f"# {(field.description or '').replace('`', '')}\n{line}")
    return paragraphs


def rows_of(readme: str) -> list[str]:
    return ROW.findall(readme)


def paragraphs_of(env_example: str) -> list[str]:
    return env_example.strip().split("\n\n")[1:]
