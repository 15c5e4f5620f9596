"""Measures the check of a face in `verify` beside the check of an app, with faces off and on, in one run.

    sudo target/tmp/moto/bin/python bench/faces.py PHOTO [--functions FOLDER] [--starts N] [--calls N] [--memory MB …]

PHOTO is a JPEG or PNG of at most 2 megapixels. The rest is as in cold_start.py. Lambda gives a function a share of a
processor by its memory, 1769 MB for one. This script gives the same share to the process (cgroup v1, which needs root).
"init" runs from the start of the process to its first request for an event: Lambda does not limit the processor then, and
neither does this script. Rekognition answers at once, so its own time comes on top.
"""

import argparse
import base64
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from cold_start import LAMBDA, ROOT, Runtime, end, service, totp

CGROUP = pathlib.Path("/sys/fs/cgroup/cpu/countersign-bench")
PERIOD = 20_000


def limit(process, megabytes):
    """Gives a process the share of a processor that this much memory has on Lambda."""
    CGROUP.mkdir(exist_ok=True)
    (CGROUP / "cpu.cfs_period_us").write_text(str(PERIOD))
    (CGROUP / "cpu.cfs_quota_us").write_text(str(PERIOD * megabytes // 1769))
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        (CGROUP / "tasks").write_text(task.name)


def event(name, user, body):
    made = json.loads((ROOT / f"events/{name}.json").read_text())
    made["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user
    made["body"] = json.dumps(body)
    return made


def run(binaries, environment, user, photo, calls, megabytes):
    """One start of `verify`. Returns init, the medians of an app's check and of a face's (in ms), and resident MB."""

    def function(name, more):
        runtime = Runtime()
        address = f"http://{runtime.address}"
        values = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": runtime.address, "AWS_ENDPOINT_URL_KMS": address,
                  "AWS_ENDPOINT_URL_REKOGNITION": address, **LAMBDA, **environment, **more}
        began = time.perf_counter()
        process = subprocess.Popen([binaries[name]], env=values, stderr=subprocess.DEVNULL)
        if not runtime.asked.wait(30):
            sys.exit(f"{name} does not ask for events")
        return runtime, process, (time.perf_counter() - began) * 1000

    def asked(runtime, name, body, status):
        taken, answer = runtime.call(event(name, user, body))
        if answer["statusCode"] != status:
            sys.exit(f"{name} answers {answer}")
        return taken, json.loads(answer["body"])

    faces = {"FACES": "on"} if photo else {}
    begin, one, _ = function("enroll-request", faces)
    verify, two, init = function("verify", faces)
    try:
        begun = asked(begin, "native-post-enrollments", {"factorType": "totp"}, 201)[1]
        secret = begun["totp"]["secret"]
        proof = {"enrollmentToken": begun["enrollmentToken"], "code": totp(secret)}
        asked(verify, "native-post-enrollments-confirm", proof, 201)
        # The next time step's code is right too.
        asked(verify, "native-post-verify", {"code": totp(secret, 1)}, 200)
        if photo:
            consent = {"factorType": "face", "consent": {"version": "1"}}
            token = asked(begin, "native-post-enrollments", consent, 201)[1]["enrollmentToken"]
            asked(verify, "native-post-enrollments-confirm", {"enrollmentToken": token, "photo": photo}, 201)
        limit(two, megabytes)
        wrong = [asked(verify, "native-post-verify", {"code": "000000"}, 400)[0] for _ in range(4)]
        shown = [asked(verify, "native-post-verify", {"photo": photo}, 200)[0] for _ in range(calls)] if photo else [0]
        status = pathlib.Path(f"/proc/{two.pid}/status").read_text()
        resident = int(status.split("VmHWM:")[1].split()[0]) / 1024
    finally:
        end(one, begin)
        end(two, verify)
    return init, statistics.median(wrong), statistics.median(shown), resident


def main():
    arguments = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    arguments.add_argument("photo", help="a JPEG or PNG")
    arguments.add_argument("--functions", default="target/sam", help="the folder that `sam build` wrote")
    arguments.add_argument("--starts", type=int, default=7, help="starts of each")
    arguments.add_argument("--calls", type=int, default=8, help="photos after each start; a user has ten an hour")
    arguments.add_argument("--memory", type=int, nargs="+", default=[128, 256, 512, 1024], help="MB, as on Lambda")
    arguments = arguments.parse_args()
    import boto3

    folder = pathlib.Path(arguments.functions)
    folder = folder if folder.is_absolute() else ROOT / folder
    binaries = {"enroll-request": folder / "EnrollRequestFunction/bootstrap", "verify": folder / "VerifyFunction/bootstrap"}
    kind = "png" if arguments.photo.endswith("png") else "jpeg"
    photo = f"data:image/{kind};base64," + base64.b64encode(pathlib.Path(arguments.photo).read_bytes()).decode()
    database, dynamodb = service(
        ["java", "-Xmx256m", "-Djava.library.path=lib", "-cp", "lib/*",
         "software.amazon.dynamodb.services.local.main.ServerRunner", "-inMemory", "-disableTelemetry", "-port", "PORT"],
        ROOT / "target/tmp/dynamodb-local")
    credentials = {"region_name": "us-east-1", "aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
    boto3.client("dynamodb", endpoint_url=dynamodb, **credentials).create_table(
        TableName="table", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
    environment = {"TABLE_NAME": "table", "KMS_KEYS": "1:key", "AWS_ENDPOINT_URL_DYNAMODB": dynamodb}
    rows = {}
    try:
        # In turn, so that other load on the machine affects all.
        for start in range(arguments.starts):
            for megabytes in arguments.memory:
                for name, shown in [("off", None), ("on", photo)]:
                    user = f"user-{start}-{megabytes}-{name}"
                    row = run(binaries, environment, user, shown, arguments.calls, megabytes)
                    rows.setdefault((megabytes, name), []).append(row)
    finally:
        database.kill()
    print(f"medians of {arguments.starts} starts; the binary has {binaries['verify'].stat().st_size} bytes\n")
    print("| memory MB | faces | init ms | check of an app ms | check of a face ms | resident MB |\n|---|---|---|---|---|---|")
    for (megabytes, name), values in rows.items():
        columns = [statistics.median(column) for column in zip(*values)]
        print(f"| {megabytes} | {name} | " + " | ".join(f"{value:.1f}" for value in columns) + " |")


if __name__ == "__main__":
    main()
