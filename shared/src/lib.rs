//! Countersign: a second factor for any application on AWS.
//!
//! The rules are in [`domain`], the use cases in [`flows`], the wire formats in [`http`]; stores, keys and delivery are
//! behind traits.

#[cfg(feature = "aws")]
pub mod clients;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod flows;
pub mod http;
pub mod keys;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod store;
pub mod telemetry;
