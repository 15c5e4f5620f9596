//! Whatever goes wrong, wherever and for however long: an account is as before or as after, its owner is told what
//! happened or that the service is busy, and can go on.
//!
//! Every flow is first carried out without trouble; that is the judge of what comes of it in trouble.

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
