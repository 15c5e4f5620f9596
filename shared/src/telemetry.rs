//! The log's format: text in a terminal, JSON elsewhere.

use std::io::{self, IsTerminal};

use tracing::Level;

/// Starts logging to standard error, at level INFO: as text if it is a terminal, else as JSON.
pub fn start() {
    let builder = tracing_subscriber::fmt().with_max_level(Level::INFO).with_writer(io::stderr).with_target(false);
    // A second call, as in tests, keeps the first subscriber.
    let _ = if io::stderr().is_terminal() {
        tracing::subscriber::set_global_default(builder.compact().finish())
    } else {
        tracing::subscriber::set_global_default(
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish(),
        )
    };
}
