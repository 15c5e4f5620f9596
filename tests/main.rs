//! Black-box tests of Countersign: a module per subject.

// The attribute says to clippy that the helpers are tests too.
#[cfg(test)]
mod store;
