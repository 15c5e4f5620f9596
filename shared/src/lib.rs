//! Countersign: a second factor for any application on AWS.

pub mod delivery;
pub mod domain;
pub mod http;
pub mod store;
