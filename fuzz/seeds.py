#!/usr/bin/env python3
"""Writes the seeds of the fuzz target into a folder: the attestation objects, authenticator data and public keys of the
recorded answers in tests/passkeys. Usage: seeds.py FOLDER"""

import base64
import hashlib
import json
import pathlib
import sys

RECORDED = pathlib.Path(__file__).parent.parent / "tests" / "passkeys"


def base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def byte_string(cbor):
    """The content of a byte string of up to 65,535 bytes that has a length of one or two bytes."""
    width = {0x58: 1, 0x59: 2}[cbor[0]]
    length = int.from_bytes(cbor[1 : 1 + width])
    return cbor[1 + width : 1 + width + length]


def of_registration(attestation_object):
    yield attestation_object
    _, after = attestation_object.split(b"\x68authData")
    data = byte_string(after)
    yield data
    # The key follows 37 bytes, the AAGUID, and the credential's id with its length.
    yield data[55 + int.from_bytes(data[53:55]) :]


def seeds():
    for vector in json.loads((RECORDED / "vectors.json").read_text())["vectors"]:
        yield from of_registration(bytes.fromhex(vector["registration"]["attestationObject"]))
        yield bytes.fromhex(vector["authentication"]["authenticatorData"])
    for answer in json.loads((RECORDED / "chromium.json").read_text())["answers"]:
        yield from of_registration(base64url(answer["registration"]["response"]["attestationObject"]))
        for assertion in answer["assertions"]:
            yield base64url(assertion["response"]["authenticatorData"])


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for seed in seeds():
    (folder / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
