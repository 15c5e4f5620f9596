//! Where log lines go: readable in a terminal, JSON elsewhere. What is in them is decided where they are written.

use std::io::{self, IsTerminal};

use tracing::Level;

/// Logs to standard error: for people if that is a terminal, else as JSON.
pub fn start() {
    let builder = tracing_subscriber::fmt().with_max_level(Level::INFO).with_writer(io::stderr).with_target(false);
    // A second start, as in tests, keeps the first.
    let _ = if io::stderr().is_terminal() {
        tracing::subscriber::set_global_default(builder.compact().finish())
    } else {
        tracing::subscriber::set_global_default(
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish(),
        )
    };
}
