//! AWS's DynamoDB Local from Maven Central. The first test that needs it starts it, and it ends with the process.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};

use super::clients_at;
use super::tools::have;

/// The endpoint and the process; `None` where DynamoDB Local is missing.
static ENDPOINT: LazyLock<Option<(String, Mutex<Child>)>> = LazyLock::new(start);

/// Starts the server. It ends when its standard input closes, so it ends with this process in every case.
fn start() -> Option<(String, Mutex<Child>)> {
    if !["java", "mvn"].into_iter().all(have) {
        return None;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
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

/// The endpoint; `None` where DynamoDB Local is missing.
pub fn endpoint() -> Option<&'static str> {
    ENDPOINT.as_ref().map(|(endpoint, _)| endpoint.as_str())
}

/// The functions' client with a longer timeout: many tests at once may keep the server busy for a while.
pub async fn client() -> Option<Client> {
    Some(patient(&clients_at(endpoint()?).await.dynamodb))
}

/// The same client without a timeout.
pub fn patient(client: &Client) -> Client {
    Client::from_conf(client.config().to_builder().timeout_config(TimeoutConfig::disabled()).build())
}

/// Creates a table of this name.
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
