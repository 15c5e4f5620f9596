//! Black-box tests of Countersign: a module per subject.

// The attribute says to clippy that the helpers are tests too.
#[cfg(test)]
mod adapters;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod faces;
mod faults;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod genauth;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod logto;
#[cfg(test)]
mod native;
#[cfg(test)]
mod page;
#[cfg(test)]
mod passkeys;
#[cfg(test)]
mod pictures;
#[cfg(test)]
mod profile;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod relying_party;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod security;
#[cfg(test)]
mod sessions;
mod sizes;
#[cfg(test)]
mod store;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod template;
