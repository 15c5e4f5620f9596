//! Countersign: a second factor for any application on AWS, or for a server of your own.
//!
//! The rules are in [`domain`], the use cases in [`flows`]; stores, keys and delivery are behind traits. Without features the
//! crate is just that.
//!
//! | feature | brings |
//! |---|---|
//! | `http` | the routes of every dialect, as an axum router |
//! | `photos` | photos of faces, from data URLs |
//! | `qr` | QR codes |
//! | `embedded` | a store in one file, a key file's neighbour, an inbox in place of messages, and a stand-in for the judge of faces |
//! | `aws` | DynamoDB, KMS, SNS, SES and Rekognition, and photos by link |
//! | `lambda` | events of API Gateway |
//! | `telemetry` | the format of the log |
//!
//! A service over its seams, and the router of all its routes:
//! ```
//! # #[cfg(all(feature = "embedded", feature = "http"))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use countersign::delivery::outbox::Outbox;
//! use countersign::clock::{SystemClock, SystemRandomness};
//! use countersign::flows::{Seams, Service};
//! use countersign::http::routes::router;
//! use countersign::keys::file::KeyFile;
//! use countersign::store::embedded::EmbeddedStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let keys = folder.path().join("keys");
//! let store = EmbeddedStore::in_memory()?;
//! let seams = Seams {
//!     delivery: Arc::new(Outbox::new(store.database(), Arc::new(SystemClock))),
//!     store: Arc::new(store),
//!     keys: Arc::new(KeyFile::open_beside(true, &keys, &SystemRandomness)?),
//!     faces: None,
//!     clock: Arc::new(SystemClock),
//!     randomness: Arc::new(SystemRandomness),
//! };
//! let settings = countersign::config::read(|name| std::env::var(name).ok())?;
//! let router = router(None, &Arc::new(Service::new(seams, settings)));
//! # drop(router);
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "embedded", feature = "http")))]
//! # fn main() {}
//! ```
//! Each request carries the identity that your own login found, as an extension (`http::caller::Identity`);
//! `examples/axum.rs` has it all.

#[cfg(feature = "aws")]
pub mod clients;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod flows;
#[cfg(feature = "http")]
pub mod http;
pub mod json;
pub mod judge;
pub mod keys;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "photos")]
pub mod photo;
pub mod photo_link;
#[cfg(feature = "qr")]
pub mod qr;
pub mod store;
#[cfg(feature = "telemetry")]
pub mod telemetry;
