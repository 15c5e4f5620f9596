"""Runs the code for Python of docs/integrate.md, with the function of docs/api.md: see documented.mjs."""

import json
import os
import pathlib
import re
import sys

docs = pathlib.Path(__file__).parents[2] / "docs"
code = {"URL": os.environ["COUNTERSIGN_URL"], "RETURN_URL": os.environ["RETURN_URL"]}
for page in ("api.md", "integrate.md"):
    [block] = re.findall(r"```python\n(.*?)```", (docs / page).read_text(), re.DOTALL)
    # What follows the functions in api.md is a call of them.
    exec(block.split("\nstatus, answer = countersign(")[0], code)

for line in sys.stdin:
    call = json.loads(line)
    outcome = {"session": call["session"]}
    try:
        outcome["result"] = code[call["call"]](call["given"], call["session"])
    except RuntimeError as error:
        outcome["error"] = str(error)
    print(json.dumps(outcome), flush=True)
