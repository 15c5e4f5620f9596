//! The functions' binaries under Lambda's runtime API, as `cargo lambda` serves it, against DynamoDB Local and moto; and the
//! stack, as `sam deploy` deploys it into ministack.
//!
//! With `FUNCTIONS_DIR` the binaries are the output of `sam build`, as they are deployed; else those of this profile.
//! Their environment is the template's.

// The attribute tells clippy that the helpers are tests too.
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod busy;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod events;
#[cfg(test)]
mod faces;
#[cfg(test)]
mod passkeys;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod template;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod walk;
#[cfg(test)]
mod watch;

#[cfg(test)]
#[path = "../rig"]
#[expect(dead_code, unreachable_pub, clippy::pedantic, reason = "the rig is another package's, which uses all of it")]
mod rig {
    pub mod authenticator;
    mod clients;
    pub mod dynamodb;
    pub mod moto;
    pub mod photos;
    pub mod proxy;
    pub mod sam;
    pub mod tools;
    mod wire;

    pub use clients::{clients_at, clients_of};
}
