"""What an upload's options and an account's own settings are held against, and the sentence where they do not fit."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from worker.errors import ConfigError, InputError

# Options that belong to one provider and that another one has no counterpart of, and what to do about it.
Impossible = dict[str, str]


def checked(
    model: type[BaseModel], provider: str, options: dict[str, Any], impossible: Impossible | None = None
) -> dict[str, Any]:
    """Checked options, without those left to the provider's default; raises InputError `bad_option`.

    `impossible` names the options that this provider cannot honour and says why, in the rest of a sentence.
    """
    for name, why in (impossible or {}).items():
        if options.get(name) is not None:
            raise InputError("bad_option", f"The option {name} cannot be honoured by {provider}: {why}; leave it out.")
    try:
        return model(**options).model_dump(exclude_none=True)
    except ValidationError as error:
        raise InputError("bad_option", _sentence(error, model, provider)) from None


def _sentence(error: ValidationError, model: type[BaseModel], provider: str) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0])[:60] if first["loc"] else "options"
    name = name if name.isprintable() else repr(name)
    if first["type"] == "missing":
        return f"The option {name} is required by {provider}; set it with --set {name}=… or in the account's options."
    if first["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"The option {name} is not one that {provider} knows; use one of: {known}."
    return f"The option {name} cannot be used: {first['msg'].removeprefix('Value error, ').lower()}; correct it."


def settings_of(model: type[BaseModel], provider: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A check of an account's `own` settings; it raises ConfigError `bad_account`."""

    def check(own: dict[str, Any]) -> dict[str, Any]:
        try:
            return model(**own).model_dump()
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = ".".join(str(part) for part in first["loc"])[:60] or "own"
            text = first["msg"].removeprefix("Value error, ")
            raise ConfigError(
                "bad_account", f"The setting own.{name} of a {provider} account cannot be used: {text}; correct it."
            ) from None

    return check


def no_settings(provider: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """For a provider without settings of its own."""

    def check(own: dict[str, Any]) -> dict[str, Any]:
        if own:
            named = ", ".join(sorted(own))
            raise ConfigError("bad_account", f"A {provider} account has no settings of its own ({named}); remove them.")
        return {}

    return check
