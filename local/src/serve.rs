//! The server: the functions' routers behind their authorizers, the local routes, and the sweep of expired items.

use std::error::Error;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::panic;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign::clock::{Clock, SystemClock, SystemRandomness};
use countersign::config;
use countersign::delivery::outbox::Outbox;
use countersign::flows::{FaceSeams, Seams, Service, Settings};
use countersign::http::RECEIPT;
use countersign::http::routes::{Access, router, router_behind};
use countersign::http::well_known::{Configuration, KeySet};
use countersign::judge::stand_in::StandIn;
use countersign::keys::file::KeyFile;
use countersign::store::embedded::{EmbeddedStore, OpenError, damaged};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tower::util::option_layer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::authorizer::{Authorizer, authorize, authorize_back_end, name_request};
use crate::clock::{self, LocalClock};
use crate::command_line::{AccessKey, data_dir_flag};
use crate::home::{self, Home};
use crate::inbox::{self, Inbox};
use crate::issuer::{CLIENT, ISSUER, Issuer, discovery};
use crate::loopback::{from_this_machine, host};
use crate::report;
use crate::signature::Verifier;
use crate::site;
use crate::try_it::{self, RETURN_PATH, TryIt};

/// The time between two sweeps of expired items.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// The time for open requests to end when the server stops. Without it, a request that never arrives whole would keep
/// the server running.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// The port is in use, or the data is in use by another process or can't be read.
pub(crate) async fn serve(
    port: u16,
    data_dir: &Path,
    key: AccessKey,
    mut settings: Settings,
) -> Result<(), Box<dyn Error>> {
    countersign::telemetry::start();
    make_folder(data_dir)?;
    let store = open_store(&data_dir.join("countersign.redb"))?;
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
    site::move_to(&mut settings, address.port())?;
    // The JWT authorizer of an API would take a receipt for an access token, and an access token for a receipt.
    if settings.receipts.as_ref().is_some_and(|receipts| receipts.issuer == ISSUER) {
        return Err(format!("--receipt-issuer must not be {ISSUER}, the issuer of access tokens").into());
    }
    if settings.receipts.as_ref().is_some_and(|receipts| receipts.audiences.iter().any(|audience| audience == CLIENT)) {
        return Err(format!("--receipt-audiences must not have {CLIENT}, the audience of access tokens").into());
    }
    let return_urls = site::return_urls(address.port());
    settings.return_urls.0.extend_from_slice(&return_urls);
    config::check_page(&settings)?;
    let issuer = Arc::new(Issuer::open(data_dir)?);
    let clock = Arc::new(LocalClock::default());
    let outbox = Arc::new(Outbox::new(store.database(), clock.clone()));
    let cors = cors(&settings.allowed_origins)?;
    let seams = Seams {
        store: Arc::new(store.clone()),
        keys: Arc::new(keys),
        delivery: outbox.clone(),
        faces: settings.faces.is_some().then(|| FaceSeams { judge: Arc::new(StandIn::new()), links: None }),
        clock: clock.clone(),
        randomness: Arc::new(SystemRandomness),
    };
    let service = Arc::new(Service::new(seams, settings));

    let authorizer = Arc::new(Authorizer::of(&issuer));
    let verifier = Arc::new(Verifier::new(&key.id, &key.secret));
    let guarded = router_behind(None, &service, |access, handler| match access {
        Access::User => handler.layer(from_fn_with_state(Arc::clone(&authorizer), authorize)),
        Access::BackEnd => handler.layer(from_fn_with_state(Arc::clone(&verifier), authorize_back_end)),
        // The function checks a session's token itself.
        Access::Public | Access::Hosted => handler.layer(from_fn(name_request)),
    });

    let commands = Commands::of(address.port(), data_dir);
    let inbox = Arc::new(Inbox { outbox, token_command: commands.token("carol") });
    let home = Arc::new(Home {
        port: address.port(),
        token: commands.token("alice"),
        demo: commands.demo("alice"),
        back_end: commands.back_end("demo", &key),
    });
    let try_it = Arc::new(TryIt::new(router(None, &service), return_urls.to_vec()));
    let local = Router::new()
        .route("/", get(home::get).with_state(home))
        .route("/local/inbox", get(inbox::get).with_state(inbox))
        .route("/local/try", post(try_it::begin).with_state(try_it.clone()))
        .route(RETURN_PATH, get(try_it::finish).with_state(try_it))
        .route("/local/clock", get(clock::get).post(clock::set).with_state(clock.clone()))
        .route("/local/issuer/.well-known/openid-configuration", get(configuration))
        .route("/local/issuer/.well-known/jwks.json", get(key_set).with_state(issuer.clone()))
        .layer(from_fn(from_this_machine));
    // CORS covers the functions only: no other site may read the inbox.
    let router = guarded.layer(option_layer(cors)).merge(local);

    let signalled = stop_signal();
    welcome(address, data_dir, &commands)?;
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

/// Creates a folder with mode 0700, and its parents.
///
/// # Errors
/// The folder can't be created.
pub(crate) fn make_folder(path: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| format!("{}: {error}", path.display()))
}

/// Opens the store, or says what is wrong with its file.
fn open_store(path: &Path) -> Result<EmbeddedStore, OpenError> {
    // redb panics on some damaged files. The hook replaces the backtrace, and works in a release build too, where a panic
    // can't be caught.
    let usual = panic::take_hook();
    let message = damaged(path);
    panic::set_hook(Box::new(move |_| {
        report(&message);
        std::process::exit(1);
    }));
    let store = EmbeddedStore::open(path);
    panic::set_hook(usual);
    store
}

/// The shell commands of the next steps, with the flags of this server.
struct Commands {
    port: u16,
    port_flag: String,
    data_flag: String,
}

impl Commands {
    fn of(port: u16, data_dir: &Path) -> Self {
        let port_flag = if port == 3000 { String::new() } else { format!(" --port {port}") };
        Self { port, port_flag, data_flag: data_dir_flag(data_dir) }
    }

    fn token(&self, user: &str) -> String {
        format!("cargo run -q -- token --user {user}{}", self.data_flag)
    }

    /// The list of a user's factors, asked for as the back end. A secret other than the default is not shown.
    fn back_end(&self, user: &str, key: &AccessKey) -> String {
        let credentials = if key.is_default() { "local:local" } else { "ID:SECRET" };
        let Self { port, .. } = self;
        let url = format!("http://127.0.0.1:{port}/v1/users/{user}/factors");
        format!("curl --aws-sigv4 aws:amz:local:execute-api --user {credentials} {url}")
    }

    fn demo(&self, user: &str) -> String {
        format!("cargo run -q -- demo --user {user}{}{}", self.port_flag, self.data_flag)
    }
}

/// Prints the address and the next steps.
fn welcome(address: SocketAddr, data_dir: &Path, commands: &Commands) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Countersign listens on http://{address}\n\n  \
         Codes that would be sent   http://{address}/local/inbox\n  \
         Try it in a browser        http://{address}/\n  \
         Accounts and keys          {data_dir}\n\n\
         In a second terminal:\n\n  \
         Enrol your own app         {demo}\n  \
         A token for your client    {token}\n  \
         A first walk               README.md\n",
        data_dir = data_dir.display(),
        demo = commands.demo("alice"),
        token = commands.token("alice"),
    )?;
    out.flush()
}

async fn configuration(headers: HeaderMap) -> Json<Configuration> {
    Json(discovery(host(&headers)))
}

async fn key_set(State(issuer): State<Arc<Issuer>>) -> Json<KeySet> {
    Json(KeySet::of(vec![issuer.public_key()]))
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
