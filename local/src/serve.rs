//! The server: the functions' routers behind their authorizers, the local routes, and the sweep of expired items.

use std::error::Error;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Json, Router};
use countersign::delivery::outbox::Outbox;
use countersign::flows::clock::{Clock, SystemClock, SystemRandomness};
use countersign::flows::{Seams, Service, Settings};
use countersign::http::RECEIPT;
use countersign::http::routes::{Access, router_behind};
use countersign::keys::file::KeyFile;
use countersign::store::embedded::EmbeddedStore;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tower::util::option_layer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::authorizer::{Authorizer, authorize, authorize_back_end, name_request};
use crate::clock::{self, LocalClock};
use crate::command_line::{Person, data_dir_flag};
use crate::inbox::{self, Inbox};
use crate::issuer::{ISSUER, Issuer, discovery};
use crate::loopback::{from_this_machine, host};

/// The time between two sweeps of expired items.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// The time for open requests to end when the server stops. Without it, a request that never arrives whole would keep
/// the server running.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// The port is in use, or the data is in use by another process or can't be read.
pub(crate) async fn serve(port: u16, data_dir: &Path, mut settings: Settings) -> Result<(), Box<dyn Error>> {
    countersign::telemetry::start();
    make_folder(data_dir)?;
    let store = EmbeddedStore::open(&data_dir.join("countersign.redb"))?;
    let (keys_path, is_empty) = (data_dir.join("keys"), store.is_empty().map_err(|_| "the store can't be read")?);
    let keys = KeyFile::open_beside(is_empty, &keys_path, &SystemRandomness)
        .map_err(|error| format!("{}: {error}", keys_path.display()))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {port} is in use: is Countersign running already? If not, choose another port with --port")
        }
        _ => format!("{address}: {error}"),
    })?;
    let address = listener.local_addr()?;
    // With port 0 the system chooses one.
    if let Some(receipts) = settings.receipts.as_mut().filter(|receipts| receipts.issuer == own_issuer(0)) {
        receipts.issuer = own_issuer(address.port());
    }
    // The JWT authorizer of an API would take a receipt for an access token, and an access token for a receipt.
    if settings.receipts.as_ref().is_some_and(|receipts| receipts.issuer == ISSUER) {
        return Err(format!("--receipt-issuer must not be {ISSUER}, the issuer of access tokens").into());
    }
    let issuer = Arc::new(Issuer::open(data_dir)?);
    let clock = Arc::new(LocalClock::default());
    let outbox = Arc::new(Outbox::new(store.database(), clock.clone()));
    let cors = cors(&settings.allowed_origins)?;
    let seams = Seams {
        store: Arc::new(store.clone()),
        keys: Arc::new(keys),
        delivery: outbox.clone(),
        clock: clock.clone(),
        randomness: Arc::new(SystemRandomness),
    };
    let service = Arc::new(Service::new(seams, settings));

    let authorizer = Arc::new(Authorizer::of(&issuer));
    let guarded = router_behind(None, &service, |access, handler| match access {
        Access::User => handler.layer(from_fn_with_state(Arc::clone(&authorizer), authorize)),
        Access::BackEnd => handler.layer(from_fn(authorize_back_end)),
        Access::Public => handler.layer(from_fn(name_request)),
    });
    let data_flag = data_dir_flag(data_dir);
    let inbox = Arc::new(Inbox { outbox, token_command: format!("cargo run -q -- token --user carol{data_flag}") });
    let local = Router::new()
        .route("/local/inbox", get(inbox::get).with_state(inbox))
        .route("/local/clock", get(clock::get).post(clock::set).with_state(clock.clone()))
        .route("/local/issuer/.well-known/openid-configuration", get(configuration))
        .route("/local/issuer/.well-known/jwks.json", get(key_set).with_state(issuer.clone()))
        .layer(from_fn(from_this_machine));
    // CORS covers the functions only: no other site may read the inbox.
    let router = guarded.layer(option_layer(cors)).merge(local);

    let signalled = stop_signal();
    welcome(address, &data_flag, &issuer)?;
    tokio::spawn(sweep(store, clock));
    // A gateway that asks for the keys before the first check must find them.
    let warmed = Arc::clone(&service);
    tokio::spawn(async move { warmed.warm_up_receipts().await });
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    tokio::select! {
        served = serving => served?,
        () = async {
            signalled.await;
            drop(stop);
            tokio::time::sleep(GRACE).await;
        } => {}
    }
    Ok(())
}

/// The issuer of receipts of a server on this port.
pub(crate) fn own_issuer(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Creates a folder with mode 0700, and its parents.
///
/// # Errors
/// The folder can't be created.
pub(crate) fn make_folder(path: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| format!("{}: {error}", path.display()))
}

/// Prints the address and the next steps.
fn welcome(address: SocketAddr, data_flag: &str, issuer: &Issuer) -> Result<(), Box<dyn Error>> {
    let token = issuer.token(&Person { user: "carol".to_owned(), email: None, phone: None, ttl: 3600 })?;
    let port = match address.port() {
        3000 => String::new(),
        port => format!(" --port {port}"),
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Countersign listens on http://{address}\n\n  \
         Codes that would be sent   http://{address}/local/inbox\n  \
         Enrol your own app         cargo run -- demo --user alice{port}{data_flag}\n  \
         A token for your client    cargo run -q -- token --user alice{data_flag}\n\n\
         Enrol an e-mail address, with a token for carol that lives an hour:\n\n  \
         curl http://{address}/v1/me/enrollments -H 'content-type: application/json' \\\n    \
         -d '{{\"factorType\":\"email\",\"email\":\"carol@example.com\"}}' \\\n    \
         -H 'authorization: {token}'\n"
    )?;
    out.flush()?;
    Ok(())
}

async fn configuration(headers: HeaderMap) -> Json<Value> {
    Json(discovery(host(&headers)))
}

async fn key_set(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    Json(issuer.key_set())
}

/// The CORS rules for these origins; `None` if there are none.
fn cors(origins: &[String]) -> Result<Option<CorsLayer>, Box<dyn Error>> {
    if origins.is_empty() {
        return Ok(None);
    }
    let origin = if origins == ["*"] {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().map(|origin| origin.parse()).collect::<Result<Vec<HeaderValue>, _>>()?)
    };
    let of_authing = ["app-id", "sdk-version", "request-from", "lang"].map(|name| format!("x-authing-{name}"));
    let mut headers = vec![header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT_LANGUAGE];
    for name in of_authing {
        headers.push(name.parse::<HeaderName>()?);
    }
    let layer = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(headers)
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static("x-request-id"), RECEIPT]);
    Ok(Some(layer))
}

/// Deletes expired items at intervals. It goes by the earlier of the local clock and the machine's, so that setting the
/// local clock forward and back again deletes nothing.
async fn sweep(store: EmbeddedStore, clock: Arc<LocalClock>) {
    loop {
        match store.sweep(clock.now().min(SystemClock.now()).unix()).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(items.swept = swept, "expired items were deleted"),
            Err(error) => tracing::warn!(store.error = ?error, "deleting expired items failed"),
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// Completes at Ctrl-C or SIGTERM. It listens from the call on, not from the first poll.
fn stop_signal() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        let (Ok(mut interrupted), Ok(mut terminated)) = signals else {
            // Without handlers, the signals end the process by themselves.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    }
}
