"""Accounts: who may call, what they may do, and whether their money suffices to dial.

Any account id is welcome until it is put otherwise. A balance is in the account's currency; the gate is 1 US dollar.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sandbox.refusals import ControlError, flag, known_keys, number

# Units of a currency for one US dollar. Fixed: a moving rate would make runs differ.
RATES = {"USD": 1.0, "EUR": 0.9, "RUR": 90.0, "KZT": 500.0}
LEAST_USD = 1.0
# Methods that an account with such a role may not call.
ROLES = {
    "no_account_info": frozenset({"GetAccountInfo"}),
    "no_uploads": frozenset({"CreateCallList", "CreateManualCallList", "AppendToCallList"}),
}


@dataclass
class Account:
    account_id: int
    name: str
    balance: float
    currency: str
    api_key: str | None = None
    active: bool = True
    frozen: bool = False
    roles: frozenset[str] = frozenset()
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def can_dial(self) -> bool:
        return self.active and not self.frozen and self.balance / RATES[self.currency] >= LEAST_USD

    @property
    def secret(self) -> str:
        """The api_key it shows: the one put, else one derived from the id."""
        return self.api_key or str(uuid.uuid5(uuid.NAMESPACE_OID, f"api_key/{self.account_id}"))

    def may(self, method: str) -> bool:
        return not any(method in ROLES[role] for role in self.roles)


class Accounts:
    def __init__(self, balance: float, currency: str) -> None:
        self._balance, self._currency = balance, checked_currency(currency)
        self._by_id: dict[int, Account] = {}

    def get(self, account_id: int) -> Account:
        if account_id not in self._by_id:
            name = f"account-{account_id}"
            self._by_id[account_id] = Account(account_id, name, self._balance, self._currency)
        return self._by_id[account_id]

    def named(self, name: str) -> Account:
        """The account of that name; a new name opens a new account."""
        found = next((account for account in self._by_id.values() if account.name == name), None)
        if found is None:
            found = self.get(max(self._by_id, default=0) + 1)
            found.name = name
        return found

    def put_balance(self, document: Mapping[str, object]) -> None:
        """`{"balance", "currency", "account_id"}`; without account_id for all accounts, those to come included."""
        known_keys(document, {"balance", "currency", "account_id"}, "PUT /balance")
        balance = number(document, "balance", -1e12)
        currency = checked_currency(document.get("currency", self._currency))
        if document.get("account_id") is not None:
            chosen = [self.get(int(number(document, "account_id", 1)))]
        else:
            self._balance, self._currency = balance, currency
            chosen = list(self._by_id.values())
        for account in chosen:
            account.balance, account.currency = balance, currency

    def balance(self) -> dict[str, object]:
        accounts = {str(a.account_id): {"balance": a.balance, "currency": a.currency} for a in self._by_id.values()}
        return {"balance": self._balance, "currency": self._currency, "accounts": accounts}

    def put(self, account_id: int, document: Mapping[str, object]) -> Account:
        """Sets what is named of api_key, account_name, roles, active and frozen. Raises ControlError."""
        known_keys(document, {"api_key", "account_name", "roles", "active", "frozen"}, "PUT /accounts")
        roles = document.get("roles", {})
        if not isinstance(roles, Mapping):
            raise ControlError("bad_value", f"'roles' must be an object of true and false; it was {roles!r}.")
        known_keys(roles, set(ROLES), "'roles'")
        flags = {key: flag(document, key) for key in ("active", "frozen") if key in document}
        account = self.get(account_id)
        if "roles" in document:
            account.roles = frozenset(role for role in roles if flag(roles, role))
        account.name = str(document.get("account_name", account.name))
        if "api_key" in document:
            account.api_key = None if document["api_key"] is None else str(document["api_key"])
        account.active, account.frozen = flags.get("active", account.active), flags.get("frozen", account.frozen)
        return account

    def put_key(self, account_id: int, document: Mapping[str, object]) -> None:
        """`{"key_id", "public_key"}`: from now on this account's tokens must be signed. Raises ControlError."""
        known_keys(document, {"key_id", "public_key"}, "PUT /keys")
        pem = str(document.get("public_key", ""))
        try:
            load_pem_public_key(pem.encode())
        except ValueError as error:
            raise ControlError("bad_key", "'public_key' must be a public key in PEM.") from error
        self.get(account_id).keys[str(document.get("key_id", ""))] = pem


def checked_currency(currency: object) -> str:
    if currency not in RATES:
        raise ControlError("bad_value", f"'currency' must be one of {', '.join(RATES)}; it was {currency!r}.")
    return str(currency)
