"""Measures a function's cold start and its checks, and the same check in Python with boto3, in one run.

    target/tmp/moto/bin/python bench/cold_start.py [--functions FOLDER] [--starts N] [--calls N]

A server in this process gives each function its events and its key. The table is in DynamoDB Local. The tests install
DynamoDB Local and boto3 (`cargo test -p countersign-functions`). A row is medians. "init" runs from the start of the
process to its first request for an event. "call 1" is the first wrong code of a user's app; the later calls follow.
Memory is the most that was resident. The check is the same everywhere: one read and one conditional write.
"""

import argparse
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import queue
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

MAC = base64.b64encode(bytes(range(32))).decode()
FACE = {"BoundingBox": {"Width": 0.5, "Height": 0.5, "Left": 0.25, "Top": 0.25}, "Confidence": 99.9}
AWS_ANSWERS = {"GenerateMac": {"Mac": MAC, "KeyId": "key", "MacAlgorithm": "HMAC_SHA_256"},
               "CompareFaces": {"SourceImageFace": FACE, "FaceMatches": [{"Similarity": 99.9, "Face": FACE}],
                                "UnmatchedFaces": []}}
ROOT = pathlib.Path(__file__).parents[1]
EVENT = json.loads((ROOT / "events/native-post-verify.json").read_text())
LAMBDA = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "bench",
          "AWS_SECRET_ACCESS_KEY": "bench", "AWS_LAMBDA_FUNCTION_NAME": "bench", "AWS_LAMBDA_FUNCTION_VERSION": "1",
          "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def service(command, folder):
    """Starts a server and waits until it listens. PORT in its command stands for a free port."""
    port = free_port()
    command = [part.replace("PORT", str(port)) for part in command]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, f"http://127.0.0.1:{port}"
        time.sleep(0.05)
    sys.exit(f"{command[0]} does not listen")


class Runtime:
    """Lambda's runtime API for one process: it hands out events and takes the answers."""

    def __init__(self):
        self.events, self.answers, self.asked = queue.Queue(), queue.Queue(), threading.Event()
        runtime = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One write without Nagle's algorithm: else the client's delayed acknowledgement would be measured.
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_GET(self):
                runtime.asked.set()
                body = json.dumps(runtime.events.get()).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "request-1")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 10_000))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:1:function:bench")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    body = self.chunks()
                else:
                    body = self.rfile.read(int(self.headers["Content-Length"]))
                # This server answers for KMS and Rekognition too, in no time, so that they do not count.
                target = self.headers.get("X-Amz-Target")
                answer = json.dumps(AWS_ANSWERS[target.split(".")[-1]]).encode() if target else b""
                self.send_response(200 if target else 202)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                if not target:
                    runtime.answers.put((time.perf_counter(), json.loads(body)))

            def chunks(self):
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                # A function is killed when it was measured. Its connections break, which is no news.
                if not isinstance(sys.exc_info()[1], ConnectionError):
                    super().handle_error(request, client_address)

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = "127.0.0.1:%d" % self.server.server_address[1]

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def call(self, event):
        began = time.perf_counter()
        self.events.put(event)
        ended, answer = self.answers.get(timeout=30)
        return (ended - began) * 1000, answer


def run(command, environment, start, calls):
    """One cold start and some calls. Returns init, first call, median of the other calls (in ms), and resident MB."""
    runtime = Runtime()
    environment = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": runtime.address,
                   "AWS_ENDPOINT_URL_KMS": f"http://{runtime.address}", **LAMBDA, **environment}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        if not runtime.asked.wait(30):
            sys.exit(f"{command} does not ask for events")
        init = (time.perf_counter() - began) * 1000
        times = []
        for number in range(calls + 1):
            event = json.loads(json.dumps(EVENT))
            # Each call has its own user with an app, so that no delay begins.
            event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = f"user-{start}-{number}"
            event["body"] = json.dumps({"code": "000000"})
            taken, answer = runtime.call(event)
            if answer["statusCode"] != 400 or json.loads(answer["body"])["code"] != "incorrect_code":
                sys.exit(f"{command} answers {answer}")
            times.append(taken)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        resident = int(status.split("VmHWM:")[1].split()[0]) / 1024
    finally:
        end(process, runtime)
    return init, times[0], statistics.median(times[1:]), resident


def end(process, runtime):
    """Ends a function and its runtime."""
    process.kill()
    process.wait()
    runtime.close()


def totp(secret, later=0):
    """The code of an authenticator app, or that of a later time step (RFC 6238)."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30 + later), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000)


def enroll(binaries, environment, starts, calls):
    """Enrols an app for each user, through the functions."""

    def function(name):
        runtime = Runtime()
        values = {"AWS_LAMBDA_RUNTIME_API": runtime.address, "AWS_ENDPOINT_URL_KMS": f"http://{runtime.address}", **LAMBDA,
                  **environment}
        return runtime, subprocess.Popen([binaries[name]], env=values, stderr=subprocess.DEVNULL)

    def asked(name, user, body):
        event = json.loads((ROOT / f"events/{name}.json").read_text())
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user
        event["body"] = json.dumps(body)
        return event

    (begin, one), (confirm, two) = function("enroll-request"), function("verify")
    try:
        for user in [f"user-{start}-{number}" for start in range(starts) for number in range(calls + 1)]:
            begun = begin.call(asked("native-post-enrollments", user, {"factorType": "totp"}))[1]
            begun = json.loads(begun["body"])
            code = totp(begun["totp"]["secret"])
            confirmation = {"enrollmentToken": begun["enrollmentToken"], "code": code}
            answer = confirm.call(asked("native-post-enrollments-confirm", user, confirmation))[1]
            if answer["statusCode"] != 201:
                sys.exit(f"not enrolled: {answer}")
    finally:
        end(one, begin)
        end(two, confirm)


def main():
    arguments = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    arguments.add_argument("--functions", default="target/sam", help="the folder that `sam build` wrote")
    arguments.add_argument("--starts", type=int, default=15, help="cold starts of each")
    arguments.add_argument("--calls", type=int, default=50, help="checks after each start, besides the first")
    arguments = arguments.parse_args()
    # Here, so that the help and the parts of this file need no boto3.
    import boto3

    folder = ROOT / arguments.functions
    binaries = {"enroll-request": folder / "EnrollRequestFunction/bootstrap", "verify": folder / "VerifyFunction/bootstrap"}

    for path in [*binaries.values(), ROOT / "target/tmp/dynamodb-local"]:
        if not path.exists():
            sys.exit(f"{path} is missing: build the functions as .ci/run does, then run the tests")

    dynamodb_local = ["java", "-Xmx256m", "-Djava.library.path=lib", "-cp", "lib/*",
                      "software.amazon.dynamodb.services.local.main.ServerRunner", "-inMemory", "-disableTelemetry",
                      "-port", "PORT"]
    database, dynamodb = service(dynamodb_local, ROOT / "target/tmp/dynamodb-local")
    credentials = {"region_name": "us-east-1", "aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
    boto3.client("dynamodb", endpoint_url=dynamodb, **credentials).create_table(
        TableName="table", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
    environment = {"TABLE_NAME": "table", "KMS_KEYS": "1:key", "AWS_ENDPOINT_URL_DYNAMODB": dynamodb}
    peer = [sys.executable, str(ROOT / "bench/peer.py")]
    try:
        enroll(binaries, environment, arguments.starts, arguments.calls)
        rows = {"countersign": [], "python + boto3": []}
        # In turn, so that other load on the machine affects both.
        for start in range(arguments.starts):
            rows["countersign"].append(run([binaries["verify"]], environment, start, arguments.calls))
            rows["python + boto3"].append(run(peer, environment, start, arguments.calls))
    finally:
        database.kill()
    print(f"medians of {arguments.starts} starts, {arguments.calls} calls each; DynamoDB Local on the same machine\n")
    print("| | init ms | call 1 ms | later calls ms | resident MB |\n|---|---|---|---|---|")
    medians = {name: [statistics.median(column) for column in zip(*row)] for name, row in rows.items()}
    for name, values in medians.items():
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    ratios = [theirs / ours for theirs, ours in zip(medians["python + boto3"], medians["countersign"])]
    print("| ratio | " + " | ".join(f"{ratio:.1f}" for ratio in ratios) + " |")


if __name__ == "__main__":
    main()
