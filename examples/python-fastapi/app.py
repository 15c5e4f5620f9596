"""An application with a password, and with Countersign as its second factor."""

import hashlib, hmac, json, os, secrets
from html import escape
from typing import Annotated
from urllib.parse import quote

import uvicorn
from botocore import auth, awsrequest, exceptions, httpsession, session
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

HOST, PORT = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
COUNTERSIGN_URL = os.environ.get("COUNTERSIGN_URL", "http://127.0.0.1:3000")
ORIGIN = os.environ.get("ORIGIN", f"http://127.0.0.1:{PORT}")
RETURN_URL = f"{ORIGIN}/signed-in"  # Countersign must allow it: RETURN_URLS

# --- Countersign: requests are signed with AWS IAM. The local server has a key of its own. ---
aws = session.Session()
if COUNTERSIGN_URL.startswith("http://127.0.0.1:"): aws.set_credentials("local", "local")
http = httpsession.URLLib3Session(timeout=10)

def countersign(user, path, body):
    url = f"{COUNTERSIGN_URL}/v1/users/{quote(user, safe='')}{path}"
    request = awsrequest.AWSRequest("POST", url, {"content-type": "application/json"}, json.dumps(body))
    region = aws.get_config_variable("region") or "us-east-1"
    try:
        auth.SigV4Auth(aws.get_credentials(), "execute-api", region).add_auth(request)
        answer = http.send(request.prepare())
        return answer.status_code, json.loads(answer.content)
    except (exceptions.BotoCoreError, ValueError) as error:
        raise HTTPException(503, type(error).__name__) from error

def start_session(user):
    """Starts a session for this user. A user without a factor gets a session that enrols the first one."""
    # firstFactor: the password was checked here. An e-mail is then not enough as a second factor.
    check = {"purpose": "check", "returnUrl": RETURN_URL, "firstFactor": {"amr": ["pwd"]}}
    # contact: a code is sent there before the first factor is enrolled. A thief of the password does not get this code.
    contact = {"email": users[user]["email"]}
    enroll = {"purpose": "enroll", "returnUrl": RETURN_URL, "accountName": user, "contact": contact}
    expected, (status, answer) = "passed", countersign(user, "/sessions", check)
    if status == 404 and answer.get("code") == "not_enrolled":
        expected, (status, answer) = "enrolled", countersign(user, "/sessions", enroll)
    if status != 201:
        raise HTTPException(503, f"Countersign answered {status} {answer.get('code')}")
    return answer["url"], {"user": user, "id": answer["id"], "expected": expected}

# --- Your users. Here: one, in memory. ---
salt = secrets.token_bytes(16)
hashed = lambda password: hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
users = {"alice": {"hash": hashed("correct horse"), "email": "alice@example.com"}}

def password_is_right(name, password):
    # An unknown name is compared too, so that it takes the same time.
    return hmac.compare_digest(hashed(password), users[name]["hash"] if name in users else secrets.token_bytes(64))

# --- Your browser sessions. Here: in memory. ---
# After the password: {"waiting": {user, id, expected}}. After the second factor: {"user": …}.
browser_sessions = {}
SECURE = ORIGIN.startswith("https:")
COOKIE = "__Host-session" if SECURE else "session"
session_of = lambda request: browser_sessions.get(request.cookies.get(COOKIE), {})

def go_on(request, url, session):
    """Redirects. Every step gets a new cookie, so a cookie from before the step is worth nothing."""
    browser_sessions.pop(request.cookies.get(COOKIE), None)
    value = secrets.token_urlsafe(32)
    browser_sessions[value] = session
    response = RedirectResponse(url, 303)
    # "lax": the browser must send the cookie when it comes back from Countersign's page. "strict" does not work.
    response.set_cookie(COOKIE, value, httponly=True, samesite="lax", secure=SECURE)
    return response

# --- The pages. ---
app = FastAPI(openapi_url=None)
page = lambda body, status=200: HTMLResponse(f'<!doctype html><html lang="en"><title>Example</title>{body}', status)
refuse = lambda why: page(f'<p>{why}</p><p><a href="/">Sign in</a></p>', 403)

@app.get("/")
def form():
    return page("""<form method="post" action="/sign-in">
<p><label>Name <input name="name" autocomplete="username" required></label>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p><button>Sign in</button></form>""")

# Step 1: the password. The browser then goes to Countersign's page.
@app.post("/sign-in")
def sign_in(request: Request, name: Annotated[str, Form()], password: Annotated[str, Form()]):
    if request.headers.get("origin", ORIGIN) != ORIGIN: return refuse("This form is of another site.")
    if not password_is_right(name, password): return refuse("Name or password is wrong.")
    url, waiting = start_session(name)
    return go_on(request, url, {"waiting": waiting})

# Step 2: the browser comes back, with the session's id and a one-time code.
@app.get("/signed-in")
def signed_in(request: Request, session: str = "", code: str = ""):
    waiting = session_of(request).get("waiting")
    # The session must be the one that THIS browser started. If not, somebody else's link was opened here.
    if not waiting or session != waiting["id"]: return refuse("This browser did not start this sign-in.")
    if not code: return refuse("You left before the end.")
    # The browser proves nothing. Only this answer does. User and id come from the cookie's session.
    status, answer = countersign(waiting["user"], f"/sessions/{waiting['id']}/redeem", {"code": code})
    if status != 200 or answer["status"] != waiting["expected"]: return refuse("The second factor is missing.")
    return go_on(request, "/private", {"user": waiting["user"]})

# Step 3: a page that needs both factors.
@app.get("/private")
def private(request: Request):
    user = session_of(request).get("user")
    return page(f"<h1>Welcome, {escape(user)}</h1>") if user else refuse("Please sign in.")

# No answer of Countersign: nobody comes in.
@app.exception_handler(503)
def unavailable(request: Request, error: HTTPException):
    print(error.detail, flush=True)
    return page("<p>Signing in does not work at the moment. Please try again later.</p>", 503)

if __name__ == "__main__":
    # The access log would have the one-time codes, which are in the query.
    uvicorn.run(app, host=HOST, port=PORT, access_log=False)
