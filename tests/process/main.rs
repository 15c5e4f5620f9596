//! The local server as a process: the steps of a person who has just cloned it, and the effects of a power cut.

#![expect(unreachable_pub, reason = "modules of one test binary, one of them shared with another binary")]
#![expect(clippy::needless_pass_by_value, reason = "bodies are written as `json!` where they are sent")]

#[cfg(test)]
mod bench;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod example;
#[cfg(test)]
mod faces;
#[cfg(test)]
mod first_run;
#[cfg(test)]
mod page;
#[cfg(test)]
#[path = "../rig/photos.rs"]
mod photos;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod server;
#[cfg(test)]
mod signing;
#[cfg(test)]
#[path = "../rig/tools.rs"]
mod tools;
