//! Countersign: a second factor for any application on AWS.

pub mod domain;
pub mod store;
