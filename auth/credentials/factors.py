"""The condition that a person has a second factor: an authenticator app or a passkey."""


def has_second_factor(person: str) -> str:
    """Return the condition in SQL; `person` is the expression of the person's ID."""
    app = f"SELECT FROM second_factors AS f WHERE f.user_id = {person}"
    passkey = f"SELECT FROM passkeys AS k WHERE k.user_id = {person}"
    return f"(EXISTS ({app}) OR EXISTS ({passkey}))"
