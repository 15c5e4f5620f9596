"""The back end's function of docs/api.md as it stands there: botocore signs, and Countersign checks the signature."""

import os
import re
from urllib.parse import quote

with open(os.environ["PAGE"], encoding="utf-8") as page:
    (code,) = (block for block in re.findall(r"^```python\n(.*?)^```$", page.read(), re.M | re.S) if "SigV4Auth" in block)
definition, _, _ = code.partition("\nstatus, answer =")
names = {"URL": os.environ["COUNTERSIGN_URL"]}
exec(definition, names)
countersign = names["countersign"]

for user in ["alice", "auth0|alice", "a@example.com", "a+b=c:d~e"]:
    path = f"/v1/users/{quote(user, safe='')}"
    status, answer = countersign("POST", f"{path}/enrollments", {"factorType": "totp"})
    assert status == 201, answer
    status, answer = countersign("GET", f"{path}/factors")
    assert (status, answer["factors"]) == (200, []), answer

os.environ["AWS_SECRET_ACCESS_KEY"] = "any"
exec(definition, names)
assert names["countersign"]("GET", "/v1/users/alice/factors") == (403, {"message": "Forbidden"})
