//! The log's format: text in a terminal, JSON elsewhere.

use std::io::{self, IsTerminal};

use tracing::{Dispatch, Level};
use tracing_subscriber::fmt::MakeWriter;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text for people.
    Text,
    /// One JSON object per line. A line that is logged within a request has the request's id under `span`.
    Json,
}

/// Starts logging to standard error, at level INFO: as text if it is a terminal, else as JSON.
pub fn start() {
    let form = if io::stderr().is_terminal() { Form::Text } else { Form::Json };
    // A second call, as in tests, keeps the first subscriber.
    let _ = tracing::dispatcher::set_global_default(dispatch(form, Level::INFO, true, io::stderr));
}

/// The subscriber that writes lines in this form. If `timed`, a line has its time, and text may be coloured.
pub fn dispatch<W>(form: Form, level: Level, timed: bool, writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(writer).with_target(false);
    match (form, timed) {
        (Form::Text, true) => Dispatch::new(builder.compact().finish()),
        (Form::Text, false) => Dispatch::new(builder.compact().without_time().with_ansi(false).finish()),
        (Form::Json, true) => Dispatch::new(builder.json().flatten_event(true).with_span_list(false).finish()),
        (Form::Json, false) => {
            Dispatch::new(builder.json().flatten_event(true).with_span_list(false).without_time().finish())
        }
    }
}
