//! The local clock. `/local/clock` sets it: it runs with the machine's clock, runs shifted from it, or stands still.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use countersign::clock::{Clock, SystemClock};
use countersign::domain::time::Timestamp;
use serde_json::{Value, json};

/// The latest time that can be set, in Unix seconds: the end of 9998. Times computed from it stay in the calendar.
const LAST: i64 = 253_370_764_799;

#[derive(Default)]
pub(crate) struct LocalClock(Mutex<Hands>);

#[derive(Clone, Copy)]
enum Hands {
    /// Seconds ahead of the machine's clock; negative is behind.
    Running(i64),
    /// The time at which it stands still.
    Frozen(Timestamp),
}

impl Default for Hands {
    fn default() -> Self {
        Self::Running(0)
    }
}

#[async_trait]
impl Clock for LocalClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

impl Hands {
    fn now(self) -> Timestamp {
        match self {
            Self::Running(shift) => moved(SystemClock.now(), shift),
            Self::Frozen(at) => at,
        }
    }
}

impl LocalClock {
    /// Applies a body of `POST /local/clock`.
    fn set(&self, body: &Value) -> Result<(), &'static str> {
        let mut hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let set = match (body.get("now"), body.get("advance")) {
            (Some(Value::Null), None) => Hands::Running(0),
            (Some(Value::String(text)), None) => {
                let time: jiff::Timestamp =
                    text.parse().map_err(|_| "`now` must be a time such as 2027-01-01T00:00:00Z")?;
                Hands::Frozen(Timestamp::from_unix(time.as_second()))
            }
            (None, Some(advance)) => {
                let seconds = advance.as_i64().ok_or("`advance` must be a whole number of seconds")?;
                match *hands {
                    Hands::Running(shift) => Hands::Running(shift.saturating_add(seconds)),
                    Hands::Frozen(at) => Hands::Frozen(moved(at, seconds)),
                }
            }
            _ => return Err("give either `now` (a time or null) or `advance` (a number of seconds)"),
        };
        if !(0..=LAST).contains(&set.now().unix()) {
            return Err("the time must be between 1970 and 9998");
        }
        *hands = set;
        Ok(())
    }
}

fn moved(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_unix(time.unix().saturating_add(seconds))
}

/// `GET /local/clock`
pub(crate) async fn get(State(clock): State<Arc<LocalClock>>) -> Json<Value> {
    Json(json!({"now": clock.now().to_string()}))
}

/// `POST /local/clock`
pub(crate) async fn set(State(clock): State<Arc<LocalClock>>, body: Bytes) -> Response {
    let body = serde_json::from_slice(&body).map_err(|_| "the body is not JSON");
    match body.and_then(|body| clock.set(&body)) {
        Ok(()) => get(State(clock)).await.into_response(),
        Err(message) => (StatusCode::BAD_REQUEST, Json(json!({"message": message}))).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_frozen_moved_and_released() {
        let clock = LocalClock::default();
        clock.set(&json!({"now": "2027-01-15T08:00:00Z"})).unwrap();
        assert_eq!(clock.now().unix(), 1_800_000_000);
        clock.set(&json!({"advance": 61})).unwrap();
        assert_eq!(clock.now().unix(), 1_800_000_061);
        clock.set(&json!({"now": null})).unwrap();
        assert!(SystemClock.now().unix() - clock.now().unix() <= 1);
        clock.set(&json!({"advance": 3600})).unwrap();
        assert!((3599..=3601).contains(&(clock.now().unix() - SystemClock.now().unix())));
    }

    #[test]
    fn an_invalid_clock_request_is_refused_and_changes_nothing() {
        let clock = LocalClock::default();
        clock.set(&json!({"now": "2027-01-15T08:00:00Z"})).unwrap();
        let bodies = [
            json!({}),
            json!(null),
            json!([]),
            json!({"now": "soon"}),
            json!({"now": 5}),
            json!({"now": "2027-01-15T08:00:00Z", "advance": 1}),
            json!({"now": "1969-12-31T23:59:59Z"}),
            json!({"now": "9999-01-01T00:00:00Z"}),
            json!({"advance": 1.5}),
            json!({"advance": "1"}),
            json!({"advance": i64::MAX}),
            json!({"advance": i64::MIN}),
        ];
        for body in bodies {
            assert!(clock.set(&body).is_err(), "{body}");
        }
        assert_eq!(clock.now().unix(), 1_800_000_000);
    }
}
