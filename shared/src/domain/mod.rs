//! The domain rules: pure and synchronous, without I/O. Time and randomness are arguments.

pub mod account;
pub mod actor;
pub mod challenge;
pub mod contact;
pub mod enrollment;
pub mod error;
pub mod factor;
pub mod grant;
pub mod hosted;
pub mod ids;
pub mod limits;
pub mod otpauth;
pub mod policy;
pub mod possession;
pub mod random;
pub mod receipt;
pub mod receipt_keys;
pub mod recovery;
pub mod secret;
pub mod terms;
pub mod time;
pub mod token;
pub mod transaction;
pub mod vault;
