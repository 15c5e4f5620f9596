//! The HTTP surface.

pub mod qr;
