//! A stack on this machine: every function as a process under Lambda's runtime API, with stand-ins for AWS around them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use countersign::http::routes::{Function, routes};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::proxy::{Proxy, Seen};
use crate::rig::{clients_of, dynamodb, moto, sam};
use crate::template::Template;
use crate::walk::Deployed;

/// The binaries of this profile.
const BINARIES: [(&str, &str); 6] = [
    ("enroll-request", env!("CARGO_BIN_EXE_enroll-request")),
    ("create-totp", env!("CARGO_BIN_EXE_create-totp")),
    ("verify", env!("CARGO_BIN_EXE_verify")),
    ("challenge", env!("CARGO_BIN_EXE_challenge")),
    ("factors", env!("CARGO_BIN_EXE_factors")),
    ("page", env!("CARGO_BIN_EXE_page")),
];

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The output folder of `sam build`, if these tests use it.
pub(crate) fn built_by_sam() -> Option<PathBuf> {
    std::env::var_os("FUNCTIONS_DIR").map(|folder| root().join(folder))
}

/// The path of a function's binary.
pub(crate) fn binary(function: &str) -> PathBuf {
    let Some(folder) = built_by_sam() else {
        return BINARIES.iter().find(|(name, _)| *name == function).map(|(_, path)| PathBuf::from(path)).unwrap();
    };
    let camel: String = function.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    let binary = folder.join(format!("{camel}Function/bootstrap"));
    assert!(binary.exists(), "{} is not there: sam build makes it", binary.display());
    binary
}

/// A running function.
struct Running {
    process: Child,
    log: PathBuf,
    dynamodb: Proxy,
    others: Proxy,
}

/// All processes. They end when it is dropped.
pub(crate) struct Stack {
    pub(crate) url: String,
    runtime: Child,
    functions: BTreeMap<&'static str, Running>,
    events: BTreeMap<String, Value>,
    folder: TempDir,
}

impl Drop for Stack {
    fn drop(&mut self) {
        let processes = self.functions.values_mut().map(|function| &mut function.process);
        for process in processes.chain([&mut self.runtime]) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Caller<'a> {
    /// A user in the session of the same name.
    User(&'a str),
    /// A user in another session.
    Elsewhere(&'a str),
    /// The back end for a user.
    BackEnd(&'a str),
    /// A person in the hosted session of this token.
    Session(&'a str),
    /// Anyone, without an identity.
    Anyone,
}

/// The secret of a person's browser.
pub(crate) const BROWSER: &str = "c291cmNlIG9mIGEgdGFsZQ";

pub(crate) struct Reply {
    pub(crate) status: u64,
    pub(crate) headers: Value,
    pub(crate) body: Value,
}

impl Reply {
    /// Asserts the status; returns the reply.
    #[track_caller]
    pub(crate) fn expect(self, status: u64) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// A text in the body, by JSON pointer.
    #[track_caller]
    pub(crate) fn text(&self, pointer: &str) -> String {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no {pointer} in {}", self.body)).to_owned()
    }
}

impl Stack {
    /// Starts everything, with the template's environment and `more`. `None` where a tool is missing.
    pub(crate) async fn start(more: &[(&str, &str)]) -> Option<Self> {
        let template = Template::read()?;
        let (dynamodb, moto) = (dynamodb::endpoint()?, moto::endpoint()?);
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().file_name().unwrap().to_str().unwrap().replace('.', "t");
        // DynamoDB Local treats each access key as an account.
        let account = HEXLOWER.encode(table.as_bytes());
        let clients = clients_of(dynamodb, &account).await;
        dynamodb::create_table(&dynamodb::patient(&clients.dynamodb), &table).await;
        let key = moto::hmac_key();
        moto::verify_sender("security@example.com");

        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let runtime = Command::new(sam::tool("cargo-lambda")?)
            .args(["lambda", "watch", "--only-lambda-apis", "--ignore-changes", "-A", "127.0.0.1", "-P"])
            .arg(port.to_string())
            .current_dir(root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From here on, dropping `stack` ends the processes, also after a panic.
        let mut stack = Self { url, runtime, functions: BTreeMap::new(), events: events(), folder };
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(started.elapsed() < Duration::from_mins(1), "cargo-lambda does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        for function in Function::ALL.map(Function::name) {
            let log = stack.folder.path().join(function);
            let (dynamodb, others) = (Proxy::to(dynamodb), Proxy::to(moto));
            let process = Command::new(binary(function))
                .env_clear()
                .envs(template.environment(function, &table, &key))
                .env("AWS_LAMBDA_RUNTIME_API", format!("{}/.rt/{function}", stack.url))
                .env("AWS_LAMBDA_FUNCTION_NAME", function)
                .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
                .env("AWS_REGION", "us-east-1")
                .env("AWS_ACCESS_KEY_ID", &account)
                .env("AWS_SECRET_ACCESS_KEY", "test")
                .env("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url())
                .env("AWS_ENDPOINT_URL", others.url())
                .envs(more.iter().copied())
                .stdout(Stdio::null())
                .stderr(File::create(&log).unwrap())
                .spawn()
                .unwrap();
            stack.functions.insert(function, Running { process, log, dynamodb, others });
        }
        Some(stack)
    }

    /// Sends an event to a function.
    #[track_caller]
    pub(crate) fn invoke(&self, function: &str, event: &Value) -> Reply {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.url);
        let request = ureq::post(&url).config().timeout_global(Some(Duration::from_secs(30))).build();
        let answer: Value = request.send_json(event).unwrap().body_mut().read_json().unwrap();
        let body = answer["body"].as_str().unwrap_or_default();
        Reply {
            status: answer["statusCode"].as_u64().unwrap_or_else(|| panic!("{function}: {answer}")),
            headers: answer["headers"].clone(),
            body: if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() },
        }
    }

    /// The proxy between a function and KMS, SNS, SES and Rekognition.
    pub(crate) fn others(&self, function: &str) -> &Proxy {
        &self.functions[function].others
    }

    /// The proxy between a function and DynamoDB.
    pub(crate) fn dynamodb(&self, function: &str) -> &Proxy {
        &self.functions[function].dynamodb
    }

    /// A function's calls to AWS since the last call, in the words of a policy.
    pub(crate) async fn asked(&self, function: &str) -> BTreeSet<String> {
        let running = &self.functions[function];
        let seen = running.dynamodb.take().await.into_iter().chain(running.others.take().await);
        seen.flat_map(|seen| asked(&seen)).collect()
    }

    /// The lines that a function logged.
    pub(crate) fn log(&self, function: &str) -> Vec<String> {
        fs::read_to_string(&self.functions[function].log).unwrap().lines().map(str::to_owned).collect()
    }

    /// Whether a function still runs.
    pub(crate) fn runs(&mut self, function: &str) -> bool {
        let running = self.functions.get_mut(function).unwrap();
        running.process.try_wait().unwrap().is_none()
    }
}

impl Deployed for Stack {
    fn call(&self, caller: Caller<'_>, route: &str, parameters: &[(&str, &str)], body: &Value) -> Reply {
        let mut event = self.events.get(route).unwrap_or_else(|| panic!("no event for {route}")).clone();
        let mut given = json!({});
        match caller {
            Caller::User(user) | Caller::Elsewhere(user) => {
                let session = if matches!(caller, Caller::User(_)) { user } else { "elsewhere" };
                let claims = &mut event["requestContext"]["authorizer"]["jwt"]["claims"];
                claims["sub"] = user.into();
                claims["sid"] = session.into();
            }
            Caller::BackEnd(user) => given["userId"] = user.into(),
            Caller::Session(token) => {
                event["headers"]["authorization"] = format!("Bearer {token}").into();
                event["headers"]["countersign-browser"] = BROWSER.into();
            }
            Caller::Anyone => {}
        }
        for (name, value) in parameters {
            given[name] = (*value).into();
        }
        let query = parameters.iter().filter(|(name, _)| !route.contains(&format!("{{{name}}}")));
        event["rawQueryString"] =
            query.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&").into();
        event["pathParameters"] = given;
        event["isBase64Encoded"] = false.into();
        event["body"] = if body.is_null() { Value::Null } else { body.to_string().into() };
        self.invoke(function_of(route), &event)
    }

    fn message_to(&self, to: &str) -> Option<String> {
        if to.starts_with('+') { moto::sms_to(to).pop() } else { moto::emails_to(to).pop().map(|email| email.html) }
    }
}

/// The function that serves a route.
pub(crate) fn function_of(route: &str) -> &'static str {
    let is_meant = |each: &countersign::http::routes::Route| format!("{} {}", each.method.as_str(), each.path) == route;
    routes().into_iter().find(is_meant).unwrap_or_else(|| panic!("no route {route}")).function.name()
}

/// The events in `events/`, by route.
fn events() -> BTreeMap<String, Value> {
    let files = fs::read_dir(root().join("events")).unwrap().map(|file| file.unwrap().path());
    let events = files.map(|file| serde_json::from_str::<Value>(&fs::read_to_string(file).unwrap()).unwrap());
    events.map(|event| (event["routeKey"].as_str().unwrap().to_owned(), event)).collect()
}

/// The permissions that a request needs. A transaction needs those of its items.
fn asked(seen: &Seen) -> Vec<String> {
    // The keys of receipts and the day's count of comparisons are permitted one by one.
    let is_one = |key: &str| key.starts_with("k#") || key.starts_with("b#");
    let kind = |key: &String| if is_one(key) { key.clone() } else { format!("{}#*", &key[..1]) };
    let kinds = seen.keys.iter().map(kind);
    match seen.name() {
        "GetItem" => kinds.map(|kind| format!("dynamodb:GetItem {kind}")).collect(),
        "UpdateItem" | "TransactWriteItems" => kinds.map(|kind| format!("dynamodb:UpdateItem {kind}")).collect(),
        "GenerateMac" => vec!["kms:GenerateMac".to_owned()],
        "CompareFaces" => vec!["rekognition:CompareFaces".to_owned()],
        "Publish" => vec!["sns:Publish".to_owned()],
        "POST /v2/email/outbound-emails" => vec!["ses:SendEmail".to_owned()],
        other => panic!("nobody expects {other}"),
    }
}
