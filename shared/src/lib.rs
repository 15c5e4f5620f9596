//! Countersign: a second factor for any application on AWS.
//!
//! The rules are in [`domain`], the use cases in [`flows`], the wire formats in `http`; stores, keys and delivery are
//! behind traits.

pub mod delivery;
pub mod domain;
pub mod flows;
pub mod keys;
pub mod store;
