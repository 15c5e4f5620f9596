"""Every factor call of GenAuth's own Python client, against a running Countersign.

TOKEN is the access token of a user without factors, TOKEN2 another user's.
"""

import base64
import os
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import requests
from authing import AuthenticationClient

URL = os.environ["COUNTERSIGN_URL"].rstrip("/")
PERIOD = 30


def signed_in_with(token):
    return AuthenticationClient(app_id="countersign-clients", app_host=URL, access_token=token)


client = signed_in_with(os.environ["TOKEN"])
stranger = signed_in_with(os.environ["TOKEN2"])

# New ones each run, since a server remembers whom it wrote to.
RUN = str(time.time_ns() // 1_000_000)[-8:]
PHONE = f"139{RUN}"
EMAIL = f"python-{RUN}@example.com"

passed = 0


@contextmanager
def step(sentence):
    global passed
    try:
        yield
    except BaseException:
        print(f"not ok {passed + 1} - {sentence}")
        raise
    passed += 1
    print(f"ok {passed} - {sentence}")


def local(method, path, **body):
    reply = requests.request(method, URL + path, headers={"accept": "application/json"}, json=body or None, timeout=10)
    reply.raise_for_status()
    return reply.json()


class Clock:
    """The time is set and never left to run, so that no step depends on how long the one before it took."""

    def set(self, moment):
        self.time = moment
        local("POST", "/local/clock", now=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def freeze(self):
        """Forward to the start of the next period: backwards could undercut what the server has stored."""
        now = datetime.fromisoformat(local("GET", "/local/clock")["now"].replace("Z", "+00:00"))
        start = (int(now.timestamp()) // PERIOD + 1) * PERIOD
        self.set(datetime.fromtimestamp(start, timezone.utc))

    def advance(self, seconds):
        self.set(self.time + timedelta(seconds=seconds))

    def release(self):
        local("POST", "/local/clock", now=None)


clock = Clock()


def sent_code(channel, to):
    """The newest code that was sent there; notices, which carry none, are passed over."""
    inbox = local("GET", "/local/inbox")
    return next(m["code"] for m in inbox if m["channel"] == channel and m["to"] == to and m.get("code"))


def oathtool(secret, moment, *options):
    command = ["oathtool", "--totp", "-b", "-N", moment.isoformat(), *options, secret]
    return subprocess.check_output(command, text=True).split()


def totp(secret):
    return oathtool(secret, clock.time)[0]


def wrong_totp(secret):
    """A code that is wrong for sure: none of those that the server's window of one step either way takes."""
    right = oathtool(secret, clock.time - timedelta(seconds=PERIOD), "-w", "2")
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)


def wrong_code(right):
    return "111111" if right == "000000" else "000000"


def read_qr(data_url):
    head, _, png = data_url.partition(",")
    assert head == "data:image/png;base64", head
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(base64.b64decode(png, validate=True))
        file.flush()
        command = ["zbarimg", "-q", "--raw", file.name]
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).rstrip("\n")


def ok(reply):
    assert reply["statusCode"] == 200, reply
    assert reply["message"] == "Operation successful" and reply["requestId"], reply
    assert "apiCode" not in reply, reply
    return reply.get("data")


def refused(reply, status):
    assert reply["statusCode"] == status, reply
    assert reply["message"], reply
    return reply


def not_verified(reply, api_code):
    refused(reply, 422)
    assert reply["data"]["verified"] is False, reply
    assert reply["apiCode"] == api_code, reply


def types(factors):
    return sorted(factor["factorType"] for factor in factors)


def enroll(factor_type, token, code):
    return client.enroll_factor({"passCode": code}, token, factor_type)


def sends(factor_type, profile):
    data = ok(client.send_enroll_factor_request(profile, factor_type))
    assert "otpData" not in data, data
    return data["enrollmentToken"]


def walk():
    with step("without an access token nothing is answered"):
        assert signed_in_with(None).list_enrolled_factors() == {"message": "Unauthorized"}

    with step("a new user has no factors and can enrol an app, a phone and an address"):
        assert ok(client.list_enrolled_factors()) == []
        assert types(ok(client.list_factors_to_enroll())) == ["EMAIL", "OTP", "SMS"]

    with step("a face, which is not offered, is refused with a reason"):
        # The client leaves a profile of None out of the body altogether.
        refused(client.send_enroll_factor_request(None, "FACE"), 501)
        photo = {"photo": "https://example.com/face.jpg", "isExternalPhoto": True}
        reply = client.enroll_factor(photo, "none", "FACE")
        assert reply["statusCode"] != 200 and reply["message"], reply

    with step("a request without its number names the missing field"):
        assert "phoneNumber" in refused(client.send_enroll_factor_request({}, "SMS"), 400)["message"]

    with step("an app is offered with a QR code that reads as its URI, and a recovery code"):
        data = ok(client.send_enroll_factor_request(None, "OTP"))
        token, uri, recovery_code = data["enrollmentToken"], data["otpData"]["qrCodeUri"], data["otpData"]["recoveryCode"]
        assert uri.startswith("otpauth://totp/"), uri
        assert read_qr(data["otpData"]["qrCodeDataUrl"]) == uri
        assert re.fullmatch(r"[0-9a-f]{4}(-[0-9a-f]{4}){5}", recovery_code), recovery_code
        secret = parse_qs(urlsplit(uri).query)["secret"][0]

    with step("a wrong code enrols no app"):
        refused(enroll("OTP", token, wrong_totp(secret)), 422)
        assert ok(client.list_enrolled_factors()) == []

    with step("the right code enrols it, once"):
        assert ok(enroll("OTP", token, totp(secret))) is None
        clock.advance(30)
        assert enroll("OTP", token, totp(secret))["statusCode"] != 200

    with step("the app is listed and no longer offered"):
        (otp,) = ok(client.list_enrolled_factors())
        assert otp["factorType"] == "OTP" and otp["profile"] == {}, otp
        assert types(ok(client.list_factors_to_enroll())) == ["EMAIL", "SMS"]

    with step("it is found by its id, by its owner alone"):
        assert ok(client.get_factor(otp["factorId"])) == otp
        refused(client.get_factor("no such factor"), 404)
        refused(stranger.get_factor(otp["factorId"]), 404)

    with step("no code at all is bad input"):
        refused(client.mfa_otp_verify(""), 400)
        # The client leaves None out of the body altogether.
        refused(client.mfa_otp_verify(None), 400)

    with step("a wrong code is not verified"):
        not_verified(client.mfa_otp_verify(wrong_totp(secret)), 6001)

    with step("the right code is verified, and not again"):
        code = totp(secret)
        assert ok(client.mfa_otp_verify(code)) == {"verified": True}
        not_verified(client.mfa_otp_verify(code), 6001)

    with step("the recovery code is verified in its place, and not again"):
        assert ok(client.mfa_otp_verify(recovery_code)) == {"verified": True}
        not_verified(client.mfa_otp_verify(recovery_code), 6002)

    with step("a phone is enrolled with the code sent to it, and is written to once a minute"):
        # Without a country code, China's is meant.
        token = sends("SMS", {"phoneNumber": PHONE})
        refused(client.send_enroll_factor_request({"phoneNumber": PHONE}, "SMS"), 429)
        code = sent_code("sms", f"+86{PHONE}")
        refused(enroll("SMS", token, wrong_code(code)), 422)
        ok(enroll("SMS", token, code))

    with step("ten minutes after the last check, changing factors needs another one"):
        clock.advance(601)
        refused(client.send_enroll_factor_request({"email": EMAIL}, "EMAIL"), 403)
        refused(client.reset_factor(otp["factorId"]), 403)
        ok(client.mfa_otp_verify(totp(secret)))

    with step("an address is enrolled with the code sent to it, within a minute"):
        late, late_code = sends("EMAIL", {"email": EMAIL}), sent_code("email", EMAIL)
        clock.advance(61)
        refused(enroll("EMAIL", late, late_code), 422)

        token, code = sends("EMAIL", {"email": EMAIL}), sent_code("email", EMAIL)
        refused(enroll("EMAIL", token, wrong_code(code)), 422)
        ok(enroll("EMAIL", token, code))

    with step("all three are listed, number and address masked"):
        factors = ok(client.list_enrolled_factors())
        assert types(factors) == ["EMAIL", "OTP", "SMS"], factors
        assert ok(client.list_factors_to_enroll()) == []
        profiles = {factor["factorType"]: factor["profile"] for factor in factors}
        assert profiles["SMS"]["phoneCountryCode"] == "+86", profiles
        assert profiles["SMS"]["phoneNumber"] and PHONE[3:] not in profiles["SMS"]["phoneNumber"], profiles
        assert profiles["EMAIL"]["email"] not in ("", EMAIL), profiles

    with step("nobody resets a factor that is not theirs"):
        refused(client.reset_factor("no such factor"), 404)
        refused(stranger.reset_factor(otp["factorId"]), 404)

    with step("each factor is reset by its id, gone at once and offered again"):
        for factor in factors:
            assert ok(client.reset_factor(factor["factorId"])) is None
            refused(client.get_factor(factor["factorId"]), 404)
            assert factor["factorType"] in types(ok(client.list_factors_to_enroll()))
        assert ok(client.list_enrolled_factors()) == []

    with step("a code of the app that was reset is not verified"):
        clock.advance(30)
        reply = client.mfa_otp_verify(totp(secret))
        assert reply["statusCode"] != 200, reply
        assert not (reply.get("data") or {}).get("verified"), reply


if __name__ == "__main__":
    clock.freeze()
    try:
        walk()
    finally:
        clock.release()
    print(f"{passed} steps passed")
