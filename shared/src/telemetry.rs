//! The log's format: text in a terminal, JSON elsewhere.

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::{Dispatch, Level};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

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
        (Form::Text, true) => Dispatch::new(builder.compact().with_timer(Milliseconds).finish()),
        (Form::Text, false) => Dispatch::new(builder.compact().without_time().with_ansi(false).finish()),
        (Form::Json, true) => {
            Dispatch::new(builder.json().flatten_event(true).with_span_list(false).with_timer(Milliseconds).finish())
        }
        (Form::Json, false) => {
            Dispatch::new(builder.json().flatten_event(true).with_span_list(false).without_time().finish())
        }
    }
}

/// Times with three digits of the second's fraction, also where they are zero: `2026-11-21T20:00:00.120Z`.
struct Milliseconds;

impl FormatTime for Milliseconds {
    #[expect(clippy::disallowed_methods, reason = "a log line has the machine's time, whatever a test's clock says")]
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", in_milliseconds(jiff::Timestamp::now()))
    }
}

fn in_milliseconds(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_time_has_three_digits_of_a_fraction_whatever_they_are() {
        for (nanoseconds, expected) in [(0, "000"), (120_000_000, "120"), (7_999_999, "007"), (999_999_999, "999")] {
            let time = jiff::Timestamp::new(1_800_000_000, nanoseconds).unwrap();
            assert_eq!(in_milliseconds(time), format!("2027-01-15T08:00:00.{expected}Z"));
        }
    }

    #[test]
    fn a_line_of_either_form_has_such_a_time() {
        for form in [Form::Text, Form::Json] {
            let lines = Lines::default();
            let writer = lines.clone();
            let dispatch = dispatch(form, Level::INFO, true, move || writer.clone());
            tracing::dispatcher::with_default(&dispatch, || tracing::info!("something happened"));
            let line = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            let (_, time) = line.split_once("20").unwrap();
            let time = time.get(.."26-11-21T20:00:00.123Z".len()).unwrap();
            let shape = time.replace(|letter: char| letter.is_ascii_digit(), "9");
            assert_eq!(shape, "99-99-99T99:99:99.999Z", "{line}");
        }
    }
}
