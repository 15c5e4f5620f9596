//! The functions' binaries under Lambda's runtime API, as `cargo lambda` serves it, against DynamoDB Local and moto.
//!
//! With `FUNCTIONS_DIR` they are what `sam build` put there, as they are deployed; else this profile's. Their environment is
//! the template's.

// The attribute says to clippy that the helpers are tests too.
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod busy;
#[cfg(test)]
#[path = "../rig/dynamodb.rs"]
mod dynamodb;
#[cfg(test)]
mod events;
#[cfg(test)]
#[path = "../rig/moto.rs"]
mod moto;
#[cfg(test)]
#[path = "../rig/proxy.rs"]
mod proxy;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod template;
#[cfg(test)]
#[path = "../rig/tools.rs"]
mod tools;
#[cfg(test)]
mod watch;
#[cfg(test)]
#[path = "../rig/wire.rs"]
mod wire;
