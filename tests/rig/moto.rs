//! moto, which stands in for SNS, SES and KMS. The first test that needs it starts it, and it ends with the process.
//!
//! All tests share its state, so each uses its own numbers, addresses and keys.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::tools::have;

/// The endpoint and the process; `None` where moto is missing.
static ENDPOINT: LazyLock<Option<(String, Mutex<Child>)>> = LazyLock::new(start);

/// Starts the server. It ends when its standard input closes, so it ends with this process in every case.
fn start() -> Option<(String, Mutex<Child>)> {
    if !have("python3") {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/aws/requirements-moto.txt");
    let locked = std::fs::read_to_string(&lock).unwrap();
    // Installs again if the lock file has changed or the last installation did not finish.
    if !std::fs::read_to_string(folder.join(".whole")).is_ok_and(|installed| installed == locked) {
        let _ = std::fs::remove_dir_all(&folder);
        let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let arguments = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
        run(Command::new(folder.join("bin/pip")).args(arguments).arg(&lock));
        std::fs::write(folder.join(".whole"), locked).unwrap();
    }
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let script = format!(
        "bin/python -m moto.server -H 127.0.0.1 -p {port} >server.log 2>&1 & server=$!; read -r _; kill $server"
    );
    let process = Command::new("sh").args(["-c", &script]).current_dir(&folder).stdin(Stdio::piped()).spawn().unwrap();
    let endpoint = format!("http://127.0.0.1:{port}");
    let started = Instant::now();
    while ureq::get(format!("{endpoint}/moto-api/data.json")).call().is_err() {
        let log = || std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
        assert!(started.elapsed() < Duration::from_secs(60), "moto did not start: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
    Some((endpoint, Mutex::new(process)))
}

/// The endpoint; `None` where moto is missing.
pub fn endpoint() -> Option<&'static str> {
    ENDPOINT.as_ref().map(|(endpoint, _)| endpoint.as_str())
}

/// The Python of moto's environment, which has boto3. It exists after a call of [`endpoint`].
pub fn python() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto/bin/python")
}

/// All data that moto holds, by service.
pub fn data() -> Value {
    let data = ureq::get(format!("{}/moto-api/data.json", endpoint().unwrap())).call();
    data.unwrap().body_mut().read_json().unwrap()
}

/// The texts of the SMS to a number, oldest first.
pub fn sms_to(number: &str) -> Vec<String> {
    let all = data()["sns"]["SMS"].as_array().cloned().unwrap_or_default();
    let all = all.iter().filter(|sms| sms["phone_number"] == *number);
    all.map(|sms| sms["message"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Calls KMS with the account that owns the keys.
fn kms(operation: &str, body: &Value) -> Value {
    let answer = ureq::post(endpoint().unwrap())
        .header("x-amz-target", format!("TrentService.{operation}"))
        .header("authorization", signature("kms"))
        .content_type("application/x-amz-json-1.1")
        .send(body.to_string());
    answer.unwrap().body_mut().read_json().unwrap()
}

/// A signature header with the parts that moto reads: service and region.
fn signature(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20270101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=none"
    )
}

/// Creates an HMAC key; returns its ARN.
pub fn hmac_key() -> String {
    let made = kms("CreateKey", &json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}));
    made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

/// Creates a key for encryption only; returns its ARN.
pub fn encryption_key() -> String {
    kms("CreateKey", &json!({}))["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

/// The MAC of a message, computed by KMS.
pub fn mac(arn: &str, message: &[u8]) -> Vec<u8> {
    let body = json!({"KeyId": arn, "MacAlgorithm": "HMAC_SHA_256", "Message": BASE64.encode(message)});
    BASE64.decode(kms("GenerateMac", &body)["Mac"].as_str().unwrap().as_bytes()).unwrap()
}

/// Verifies a sender with SES.
pub fn verify_sender(address: &str) {
    let answer = ureq::post(format!("{}/v2/email/identities", endpoint().unwrap()))
        .header("authorization", signature("ses"))
        .send_json(json!({"EmailIdentity": address}));
    assert!(answer.unwrap().status().is_success());
}

/// An e-mail that SES received. Of text and HTML, moto keeps only the HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    pub from: String,
    pub subject: String,
    pub html: String,
}

/// The e-mails to an address, oldest first.
pub fn emails_to(address: &str) -> Vec<Email> {
    let all = data()["ses"]["Message"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = all.iter().filter(|email| email["destinations"]["ToAddresses"] == json!([address]));
    all.map(|it| Email { from: text(&it["source"]), subject: text(&it["subject"]), html: text(&it["body"]) }).collect()
}
