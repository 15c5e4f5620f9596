//! The local server as a process: what a person who has just cloned it would do, and what a power cut would.

#[cfg(test)]
mod clients;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod first_run;
#[cfg(test)]
mod server;
#[cfg(test)]
#[path = "../rig/tools.rs"]
mod tools;
