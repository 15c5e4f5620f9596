//! AWS's own DynamoDB Local, from Maven Central: started once by the tests that need it, gone with them.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};

use super::tools::have;

/// Where it answers, or that it can't be had here.
static ENDPOINT: LazyLock<Option<(String, Mutex<Child>)>> = LazyLock::new(start);

/// Starts it. It ends when its standard input does: with this process, however that ends.
fn start() -> Option<(String, Mutex<Child>)> {
    if !["java", "mvn"].into_iter().all(have) {
        return None;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dynamodb-local");
    if !folder.join("lib/.whole").exists() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(tests.join("aws/pom.xml"), folder.join("pom.xml")).unwrap();
        let goal = ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"];
        let status = Command::new("mvn").args(goal).current_dir(&folder).status().unwrap();
        assert!(status.success(), "Maven could not fetch DynamoDB Local");
        std::fs::write(folder.join("lib/.whole"), "").unwrap();
    }
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let script = format!(
        "java -Xmx256m -Djava.library.path=lib -cp 'lib/*' \
         software.amazon.dynamodb.services.local.main.ServerRunner -inMemory -disableTelemetry -port {port} \
         >server.log 2>&1 & server=$!; read -r _; kill $server"
    );
    let process = Command::new("sh").args(["-c", &script]).current_dir(&folder).stdin(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "DynamoDB Local did not start: {}", log(&folder));
        std::thread::sleep(Duration::from_millis(50));
    }
    Some((format!("http://127.0.0.1:{port}"), Mutex::new(process)))
}

fn log(folder: &Path) -> String {
    let Ok(file) = std::fs::File::open(folder.join("server.log")) else { return String::new() };
    BufReader::new(file).lines().map_while(Result::ok).collect::<Vec<_>>().join("\n")
}

/// A client of it, without retries, as the functions have. Each has an account of its own there, by its access key: what
/// repeats between tests, as their randomness does, is no repetition to the service.
pub fn client() -> Option<Client> {
    static ACCOUNTS: AtomicUsize = AtomicUsize::new(0);
    let (endpoint, _) = ENDPOINT.as_ref()?;
    let account = format!("test{}", ACCOUNTS.fetch_add(1, Ordering::SeqCst));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(account, "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint)
        .build();
    Some(Client::from_conf(config))
}

/// A new table of this name.
pub async fn create_table(client: &Client, name: &str) {
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(
            AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S).build().unwrap(),
        )
        .key_schema(KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap())
        .send()
        .await
        .unwrap();
}
