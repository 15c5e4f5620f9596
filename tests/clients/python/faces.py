"""A face by GenAuth's own Python client, and its check, for which the client has no method, by the native route.

PHOTO and OTHER_PHOTO are data URLs of two pictures, and PHOTO_OF_NOBODY is one without a face.
"""

import os

import requests

import genauth
from genauth import URL, client, clock, ok, refused, step, totp, types

PHOTO, OTHER_PHOTO, PHOTO_OF_NOBODY = (os.environ[name] for name in ("PHOTO", "OTHER_PHOTO", "PHOTO_OF_NOBODY"))
CONSENT = {"consent": {"version": "2027-01"}}
LINK = "https://example.com/face.jpg"


def refused_as(reply, status, api_code):
    refused(reply, status)
    assert reply["apiCode"] == api_code, reply


def begin(profile):
    return client.send_enroll_factor_request(profile, "FACE")


def enroll(token, **data):
    return client.enroll_factor(data, token, "FACE")


def show(photo):
    headers = {"authorization": f"Bearer {os.environ['TOKEN']}"}
    reply = requests.post(f"{URL}/v1/me/verify", headers=headers, json={"photo": photo}, timeout=10)
    return reply.status_code, reply.json()


def walk():
    with step("a face is no first factor"):
        assert types(ok(client.list_factors_to_enroll())) == ["EMAIL", "OTP", "SMS"]
        refused_as(begin(CONSENT), 422, 1703)

    with step("an app comes first, and a check with it"):
        data = ok(client.send_enroll_factor_request(None, "OTP"))
        secret = genauth.parse_qs(genauth.urlsplit(data["otpData"]["qrCodeUri"]).query)["secret"][0]
        ok(client.enroll_factor({"passCode": totp(secret)}, data["enrollmentToken"], "OTP"))
        clock.advance(30)
        assert ok(client.mfa_otp_verify(totp(secret))) == {"verified": True}
        assert types(ok(client.list_factors_to_enroll())) == ["EMAIL", "FACE", "SMS"]

    with step("without consent nothing begins"):
        refused_as(begin({}), 400, 9016)
        # The client leaves a profile of None out of the body altogether.
        refused_as(begin(None), 400, 9016)
        refused_as(begin({"consent": None}), 400, 9016)

    with step("consent goes in the profile"):
        token = ok(begin(CONSENT))["enrollmentToken"]

    with step("a photo is needed, and a link is none"):
        refused_as(enroll(token), 400, 1700)
        refused_as(enroll(token, photo=None), 400, 1700)
        refused_as(enroll(token, photo=LINK), 400, 1700)
        refused_as(enroll(token, photo=LINK, isExternalPhoto=None), 400, 1700)
        refused_as(enroll(token, photo=LINK, isExternalPhoto=True), 400, 1700)

    with step("a photo without a face is refused, and the enrolment stays"):
        refused_as(enroll(token, photo=PHOTO_OF_NOBODY), 422, 1702)

    with step("a photo as a data URL enrols the face; the client sends a nested None, which is no answer"):
        assert ok(enroll(token, photo=PHOTO, isExternalPhoto=None, passCode=None)) is None

    with step("the face is listed and found, and there is no second one"):
        _, face = ok(client.list_enrolled_factors())
        assert face["factorType"] == "FACE" and face["profile"] == {}, face
        assert ok(client.get_factor(face["factorId"])) == face
        assert types(ok(client.list_factors_to_enroll())) == ["EMAIL", "SMS"]
        refused_as(begin(CONSENT), 409, 1706)

    with step("the native route checks it, beside the check with the app"):
        status, answer = show(PHOTO)
        assert (status, answer["verified"], answer["acr"], answer["amr"]) == (200, True, "otp", ["otp", "face"]), answer
        assert [show(photo)[1]["code"] for photo in (OTHER_PHOTO, PHOTO_OF_NOBODY)] == ["incorrect_code", "photo_unclear"]

    with step("ten minutes after the check with the app, a face passes nothing and resets nothing"):
        clock.advance(601)
        assert show(PHOTO)[1]["code"] == "step_up_required"
        refused_as(client.reset_factor(face["factorId"]), 403, 9005)
        ok(client.mfa_otp_verify(totp(secret)))

    with step("the face is reset, gone at once and offered again"):
        assert ok(client.reset_factor(face["factorId"])) is None
        refused(client.get_factor(face["factorId"]), 404)
        assert types(ok(client.list_factors_to_enroll())) == ["EMAIL", "FACE", "SMS"]
        assert show(PHOTO)[0] == 400


if __name__ == "__main__":
    clock.freeze()
    try:
        walk()
    finally:
        clock.release()
    print(f"{genauth.passed} steps passed")
