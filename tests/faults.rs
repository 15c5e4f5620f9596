//! Faults of every kind, at every call and of any duration. The account is then as before or as after the request, its
//! owner is told the result or that the service is busy, and the owner can go on.
//!
//! Every flow first runs without faults. This run gives the expected result for the runs with faults.

pub(crate) mod bench;
mod delivery;
pub(crate) mod flows;
mod keys;
mod killed;
mod late;
pub(crate) mod lost_replies;
mod mixtures;
mod shape;
mod store;
