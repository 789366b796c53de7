"""What an upload's options and an account's own settings are held against, and the sentence where they do not fit."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from worker.errors import ConfigError, InputError
from worker.wrong import first

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
    return _held_against(model, provider, options, "option")


def checked_filters(model: type[BaseModel], provider: str, filters: dict[str, Any]) -> dict[str, Any]:
    """Checked filters of lists, without those that are not given; raises InputError `bad_filter`."""
    return _held_against(model, provider, filters, "filter")


def _held_against(model: type[BaseModel], provider: str, given: dict[str, Any], noun: str) -> dict[str, Any]:
    try:
        return model(**given).model_dump(exclude_none=True)
    except ValidationError as error:
        raise InputError(f"bad_{noun}", _sentence(error, model, provider, noun)) from None


def _sentence(error: ValidationError, model: type[BaseModel], provider: str, noun: str) -> str:
    wrong = first(error)
    name = wrong.path[0][:60] if wrong.path else f"{noun}s"
    name = name if name.isprintable() else repr(name)
    if wrong.kind == "missing":
        return f"The {noun} {name} is required by {provider}; set it with --set {name}=… or in the account's options."
    if wrong.kind == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"The {noun} {name} is not one that {provider} knows; use one of: {known}."
    return f"The {noun} {name} cannot be used: {wrong.text[:1].lower()}{wrong.text[1:]}; correct it."


def settings_of(model: type[BaseModel], provider: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A check of an account's `own` settings; it raises ConfigError `bad_account`."""

    def check(own: dict[str, Any]) -> dict[str, Any]:
        try:
            return model(**own).model_dump()
        except ValidationError as error:
            wrong = first(error)
            where = f"own.{wrong.where[:60] or 'own'}"
            text = f"The setting {where} of a {provider} account cannot be used: {wrong.text}; correct it."
            raise ConfigError("bad_account", text) from None

    return check
