//! The rules: pure and synchronous, with no I/O, no clock and no ambient randomness.

pub mod contact;
pub mod otpauth;
