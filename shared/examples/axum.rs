//! Countersign in a server of your own: your login, your routes, and the second factor beside them.
//!
//! `cargo run -p countersign --features embedded,http --example axum` listens on a free port of this machine, and prints it.
//! The login is a stand-in: `authorization: Bearer alice` is Alice. Messages go to an inbox in the data folder; a real server
//! implements `Delivery`.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use countersign::clock::{SystemClock, SystemRandomness};
use countersign::config;
use countersign::delivery::outbox::Outbox;
use countersign::flows::{Seams, Service};
use countersign::http::caller::{Identity, bare};
use countersign::http::routes::router;
use countersign::keys::file::KeyFile;
use countersign::store::embedded::EmbeddedStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("countersign-example"), PathBuf::from);
    let second_factor = router(None, &Arc::new(service(&folder)?)).layer(from_fn(login));
    let application = Router::new().route("/", get(|| async { "an application with a second factor" }));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    eprintln!("http://{}", listener.local_addr()?);
    axum::serve(listener, application.merge(second_factor)).await?;
    Ok(())
}

/// The service, with its data in a folder.
fn service(folder: &Path) -> Result<Service, Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let store = EmbeddedStore::open(&folder.join("countersign.redb"))?;
    let is_empty = store.is_empty().map_err(|_| "the store can't be read")?;
    let keys = KeyFile::open_beside(is_empty, &folder.join("keys"), &SystemRandomness)?;
    let seams = Seams {
        delivery: Arc::new(Outbox::new(store.database(), Arc::new(SystemClock))),
        store: Arc::new(store),
        keys: Arc::new(keys),
        faces: None,
        clock: Arc::new(SystemClock),
        randomness: Arc::new(SystemRandomness),
    };
    Ok(Service::new(seams, config::read(|name| std::env::var(name).ok())?))
}

/// Your login: it finds out who calls, and hands that to Countersign as an extension of the request. Without an identity
/// Countersign answers 401 itself, in the route's dialect.
async fn login(mut request: Request, next: Next) -> Response {
    let Some(authorization) = request.headers().get(header::AUTHORIZATION) else { return next.run(request).await };
    let Ok(authorization) = authorization.to_str().map(str::to_owned) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let claims = [("sub".to_owned(), bare(&authorization).to_owned())];
    request.extensions_mut().insert(Identity::user(claims.into(), &authorization));
    next.run(request).await
}
