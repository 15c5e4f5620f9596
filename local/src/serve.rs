//! Serving: the functions' routers behind the authorizer, the local routes, the sweep.

use std::error::Error;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use countersign::delivery::outbox::Outbox;
use countersign::flows::clock::{Clock, SystemRandomness};
use countersign::flows::{App, Settings};
use countersign::http::routes::router;
use countersign::keys::file::KeyFile;
use countersign::store::embedded::EmbeddedStore;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::util::option_layer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::authorizer::{Authorizer, authorize};
use crate::clock::{self, LocalClock};
use crate::command_line::Person;
use crate::inbox;
use crate::issuer::{Issuer, discovery};

/// Between two sweeps of expired items.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Serves until it is told to stop.
///
/// # Errors
/// When the port is taken, the data is in use by another process or can't be read.
pub(crate) async fn serve(port: u16, data_dir: &Path, settings: Settings) -> Result<(), Box<dyn Error>> {
    countersign::telemetry::start();
    make_folder(data_dir)?;
    let store = EmbeddedStore::open(&data_dir.join("countersign.redb"))?;
    let keys_path = data_dir.join("keys");
    let keys = KeyFile::open_or_create(&keys_path, &SystemRandomness)
        .map_err(|error| format!("{}: {error}", keys_path.display()))?;
    let issuer = Arc::new(Issuer::open(data_dir)?);
    let clock = Arc::new(LocalClock::default());
    let outbox = Arc::new(Outbox::new(store.database(), clock.clone()));
    let cors = cors(&settings.allowed_origins)?;
    let app = Arc::new(App::new(
        Arc::new(store.clone()),
        Arc::new(keys),
        outbox.clone(),
        clock.clone(),
        Arc::new(SystemRandomness),
        settings,
    ));

    let guarded = router(None, &app).route_layer(from_fn_with_state(Arc::new(Authorizer::of(&issuer)), authorize));
    let local = Router::new()
        .route("/local/inbox", get(inbox::get).with_state(outbox))
        .route("/local/clock", get(clock::get).post(clock::set).with_state(clock.clone()))
        .route("/local/issuer/.well-known/openid-configuration", get(configuration))
        .route("/local/issuer/.well-known/jwks.json", get(key_set).with_state(issuer.clone()))
        .layer(from_fn(from_this_machine));
    let service = guarded.layer(option_layer(cors)).merge(local);

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))?;
    welcome(listener.local_addr()?, &issuer)?;
    tokio::spawn(sweep(store, clock));
    axum::serve(listener, service).with_graceful_shutdown(stopped()).await?;
    Ok(())
}

/// Makes a folder that its owner alone may enter.
///
/// # Errors
/// When it can't be made.
pub(crate) fn make_folder(path: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| format!("{}: {error}", path.display()))
}

/// Tells a person what to do next.
fn welcome(address: SocketAddr, issuer: &Issuer) -> Result<(), Box<dyn Error>> {
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
         Enrol your own app         cargo run -- demo --user alice{port}\n  \
         A token for your client    cargo run -q -- token --user alice\n\n\
         Enrol an e-mail address, with a token for carol that lives an hour:\n\n  \
         curl http://{address}/v1/me/enrollments -H 'content-type: application/json' \\\n    \
         -d '{{\"factorType\":\"email\",\"email\":\"carol@example.com\"}}' \\\n    \
         -H 'authorization: {token}'\n"
    )?;
    out.flush()?;
    Ok(())
}

async fn configuration(headers: HeaderMap) -> Json<Value> {
    Json(discovery(headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()))
}

async fn key_set(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    Json(issuer.key_set())
}

/// Lets a local route answer only to a loopback name: a site that points its own name here reads no codes.
async fn from_this_machine(request: Request, next: Next) -> Response {
    if is_local(request.headers()) {
        next.run(request).await
    } else {
        let message = "this answers to 127.0.0.1 and localhost alone";
        (StatusCode::FORBIDDEN, Json(json!({"message": message}))).into_response()
    }
}

/// Whether a request comes to a loopback name, and from no other site: a page elsewhere may send a form here under our
/// own name, but says where it is from.
fn is_local(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let origin = text(header::ORIGIN).map(|origin| origin.strip_prefix("http://").unwrap_or_default());
    is_loopback(text(header::HOST).unwrap_or_default()) && origin.is_none_or(is_loopback)
}

/// Whether a `Host` names this machine, with any port or none.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|loopback| name.eq_ignore_ascii_case(loopback))
}

/// Cross-origin requests from these origins; without any, none.
fn cors(origins: &[String]) -> Result<Option<CorsLayer>, Box<dyn Error>> {
    if origins.is_empty() {
        return Ok(None);
    }
    let origin = if origins.iter().any(|origin| origin == "*") {
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
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static("x-request-id")]);
    Ok(Some(layer))
}

/// Deletes what has expired, now and then.
async fn sweep(store: EmbeddedStore, clock: Arc<LocalClock>) {
    loop {
        match store.sweep(clock.now().unix()).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(items.swept = swept, "expired items are gone"),
            Err(error) => tracing::warn!(store.error = ?error, "the sweep failed"),
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// Until Ctrl-C, or a polite kill.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_sites_page_is_not_local_whatever_host_it_calls() {
        let headers = |origin: &'static str| {
            HeaderMap::from_iter([
                (header::HOST, HeaderValue::from_static("127.0.0.1:3000")),
                (header::ORIGIN, HeaderValue::from_static(origin)),
            ])
        };
        assert!(is_local(&headers("http://127.0.0.1:3000")) && is_local(&headers("http://localhost:5173")));
        for origin in ["https://evil.example", "http://evil.example", "null", "http://127.0.0.1.evil.example"] {
            assert!(!is_local(&headers(origin)), "{origin}");
        }
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["127.0.0.1", "127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "evil.example", "127.0.0.1.evil.example:3000", "localhost.evil.example", "127.0.0.1:x", "::1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
