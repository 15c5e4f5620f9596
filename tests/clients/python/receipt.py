"""A verifier with PyJWT, as docs/receipts.md has it. It is given a genuine receipt, and forged ones to refuse."""

import json
import os

import jwt

issuer = os.environ["COUNTERSIGN_URL"]


def check(receipt, user):
    key = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json").get_signing_key_from_jwt(receipt)
    claims = jwt.decode(receipt, key, algorithms=["RS256"], issuer=issuer, audience="countersign")
    if (
        jwt.get_unverified_header(receipt)["typ"] != "receipt+jwt"
        or claims["sub"] != user
        or "second_factor" not in claims["scope"].split()
    ):
        raise PermissionError("a second factor is needed")
    return claims


def is_refused(receipt, user):
    try:
        check(receipt, user)
    except (jwt.PyJWTError, PermissionError):
        return True
    return False


receipts = json.loads(os.environ["RECEIPTS"])
assert check(receipts["genuine"], "alice")["acr"] == "otp"
assert is_refused(receipts["genuine"], "bob")
assert len(receipts["forged"]) > 5
for name, receipt in receipts["forged"].items():
    assert is_refused(receipt, "alice"), name
