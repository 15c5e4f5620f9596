//! T23: the log has what an operator needs, and never a secret or personal data.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use countersign::domain::ids::UserId;
use countersign::http::routes::{Access, routes};
use countersign::store::embedded::EmbeddedStore;
use countersign::store::records::account_key;
use countersign::store::{Commit, Item, Put, Replaces, Store, Version};
use countersign::telemetry;
pub(crate) use countersign::telemetry::Form;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Level};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::rig::tour::{self, Tour, Visit};
use crate::rig::{Client, Fate, Faults, Plan, TestKeys, Trouble, World};

mod debug;

/// A log in memory.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Adds a subscriber for the whole test process.
fn keep_call_sites_on() {
    // With only one subscriber, a call site that another thread reaches first is turned off for all threads.
    static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
    ANOTHER.get_or_init(|| Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish()));
}

impl Log {
    /// Captures everything that this thread logs until the guard is dropped, with spans and their fields.
    fn capture(form: Form) -> (Self, DefaultGuard) {
        Self::capture_at(Level::TRACE, form)
    }

    /// Captures everything that this thread logs until the guard is dropped, as the functions and the local server
    /// write it.
    fn as_served(form: Form) -> (Self, DefaultGuard) {
        keep_call_sites_on();
        let log = Self::default();
        let dispatch = telemetry::dispatch(form, Level::INFO, false, log.clone());
        let guard = tracing::dispatcher::set_default(&dispatch);
        (log, guard)
    }

    /// Captures like [`Self::capture`], from this level on.
    pub(crate) fn capture_at(level: Level, form: Form) -> (Self, DefaultGuard) {
        keep_call_sites_on();
        let log = Self::default();
        let builder = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_span_events(FmtSpan::FULL)
            .with_writer(log.clone())
            .with_ansi(false)
            .without_time();
        let guard = match form {
            Form::Json => tracing::subscriber::set_default(builder.json().flatten_event(true).finish()),
            Form::Text => tracing::subscriber::set_default(builder.compact().finish()),
        };
        (log, guard)
    }

    /// The lines without the durations, which may have as many digits as a code.
    pub(crate) fn lines(&self, form: Form) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| without_duration(form, line)).collect()
    }
}

fn without_duration(form: Form, line: &str) -> String {
    let name = if form == Form::Json { "\"duration_ms\":" } else { "duration_ms=" };
    let Some((before, after)) = line.split_once(name) else { return line.to_owned() };
    let number = after.find([',', '}', ' ']).unwrap_or(after.len());
    assert!(after[..number].parse::<f64>().unwrap() >= 0.0, "a duration is a number: {line}");
    format!("{before}{name}0{}", &after[number..])
}

/// Calls every route, with every kind of failure.
async fn tour() -> Tour {
    let faults = Faults::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
    let world = Plan::over(faults.clone(), tour::SETTINGS).build();
    let mut tour = Tour::of_every_flow(&world).await;
    let unlucky = tour.visitor("unlucky-urs");
    let begun = tour.post(&unlucky, "/v1/me/enrollments", json!({"factorType": "totp"})).await.expect(201);
    let code = world.next_code(&begun.text("/totp/secret"));
    let confirm = json!({"enrollmentToken": begun.text("/enrollmentToken"), "code": code});
    tour.post(&unlucky, "/v1/me/enrollments/confirm", confirm).await.expect(201);

    let undelivered = |number: u8| json!({"factorType": "sms", "phoneNumber": format!("+861381234560{number}")});
    for (number, fate) in (0..).zip([Fate::Refused, Fate::Lost, Fate::AnswerLost, Fate::NotConfigured]) {
        world.postbox.fate(fate);
        tour.post(&unlucky, "/v1/me/enrollments", undelivered(number)).await;
    }
    world.postbox.fate(Fate::Refused);
    for call in 0..8 {
        // Each call to the store fails in turn, also the one that restores what was committed for a refused message.
        faults.plan(Trouble::Throttled, call, 20);
        tour.post(&unlucky, "/v1/me/enrollments", undelivered(7)).await;
        faults.heal();
    }
    world.postbox.fate(Fate::Arrives);
    for trouble in [Trouble::Throttled, Trouble::Silence, Trouble::AnswerLost, Trouble::Conflict] {
        faults.plan(trouble, 0, usize::MAX);
        visit(&mut tour, &unlucky).await;
        faults.heal();
    }
    damage(&*faults, "unlucky-urs").await;
    visit(&mut tour, &unlucky).await;
    tour
}

/// One request of each dialect.
async fn visit(tour: &mut Tour, who: &Client) {
    tour.call(who, "GET", "/v1/me/factors", Value::Null).await;
    tour.post(who, "/v1/me/verify", json!({"code": "515253"})).await;
    tour.post(who, "/api/v3/mfa-totp-verify", json!({"totp": "545556"})).await;
    tour.post(who, "/api/experience/verification/totp/verify", json!({"code": "575859"})).await;
    tour.call(who, "PATCH", "/profile/two-fa/disable", json!({"code": "616263"})).await;
}

/// Makes an account's item unreadable.
async fn damage(store: &dyn Store, user: &str) {
    let key = account_key(&UserId::parse(user).unwrap());
    let replaces = Replaces::Version(store.get(&key).await.unwrap().unwrap().version);
    let puts = vec![Put { key, replaces, item: Item::default().with("schema", 99_i64), ttl: None }];
    store.commit(&Commit { version: Version([9; Version::LENGTH]), puts }).await.unwrap();
}

fn assert_clean(lines: &[String], tour: &Tour) {
    let secrets = tour.secrets();
    assert!(secrets.len() > 300, "{}", secrets.len());
    assert!(tour.personal().len() > 20, "{}", tour.personal().len());
    let never: BTreeSet<String> = ["otpauth", "secret=", "access-token", "Bearer", "Specimen", "claimed.example"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    for line in lines {
        let found = secrets.iter().chain(tour.personal()).chain(&never).find(|each| line.contains(*each));
        assert_eq!(found, None, "it is in the log: {line}");
    }
}

/// Asserts that each request has one line, with the fields that an operator needs.
fn assert_one_line_each(lines: &[String], visits: &[Visit]) {
    let mut routes_seen = BTreeSet::new();
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for Visit { request_id, status } in visits {
        let mut of_request = lines.iter().filter(|line| line["request.id"] == **request_id);
        let line = of_request.next().unwrap_or_else(|| panic!("{request_id} has no line"));
        assert!(of_request.next().is_none(), "{request_id} has two lines");
        assert_eq!(line["http.status"], *status, "{line}");
        assert!(line["duration_ms"].is_number(), "{line}");
        assert_eq!(line["level"], if line["error.code"] == "internal" { "ERROR" } else { "INFO" }, "{line}");
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name}: {line}")).to_owned();
        routes_seen.insert((text("http.method"), text("http.route")));
    }
    let with_route = lines.iter().filter(|line| line.get("http.route").is_some()).count();
    assert_eq!(with_route, visits.len(), "no other line names a route");
    let table = routes().into_iter().filter(|route| route.access != Access::Public);
    let table: BTreeSet<_> = table.map(|route| (route.method.as_str().to_owned(), route.path.to_owned())).collect();
    assert_eq!(routes_seen, table, "the walk goes by every route");
}

#[tokio::test]
async fn json_logs_have_no_secret_and_one_line_per_request_t23() {
    let (log, guard) = Log::capture(Form::Json);
    let tour = tour().await;
    drop(guard);
    let lines = log.lines(Form::Json);
    assert_clean(&lines, &tour);
    assert_one_line_each(&lines, &tour.visits);
    let warned = |message: &str| lines.iter().any(|line| line.contains(message));
    for message in ["the store does not answer", "its charge stays", "an item can't be read"] {
        assert!(warned(message), "the walk goes by what can go wrong: {message}");
    }
}

/// An operator who gets a request's id from a user finds every line of that request.
#[tokio::test]
async fn every_line_of_a_request_has_its_id() {
    for form in [Form::Json, Form::Text] {
        let faults = Faults::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
        let world = World::on(faults.clone());
        world.user("alice").get("/v1/me/factors").await.expect(200);
        let (log, guard) = Log::as_served(form);
        faults.plan(Trouble::Silence, 0, usize::MAX);
        world.user("alice").get("/v1/me/factors").await.expect(503);
        drop(guard);
        let lines = log.lines(form);
        assert_eq!(lines.len(), 2, "what the store did, and the request: {lines:?}");
        for line in &lines {
            let id = match form {
                Form::Text => line.contains("request.id=\"request-1\""),
                Form::Json => {
                    let line: Value = serde_json::from_str(line).unwrap();
                    line["request.id"] == "request-1" || line["span"]["request.id"] == "request-1"
                }
            };
            assert!(id, "{line}");
        }
    }
}

#[tokio::test]
async fn text_logs_have_no_secret_and_one_line_per_request_t23() {
    let (log, guard) = Log::capture(Form::Text);
    let tour = tour().await;
    drop(guard);
    let lines = log.lines(Form::Text);
    assert_clean(&lines, &tour);
    for Visit { request_id, .. } in &tour.visits {
        let id = format!("request.id=\"{request_id}\" ");
        assert_eq!(lines.iter().filter(|line| line.contains(&id)).count(), 1, "{request_id}");
    }
}

#[tokio::test]
async fn unreachable_keys_are_logged_without_a_secret_t23() {
    let (log, guard) = Log::capture(Form::Json);
    let world = Plan { keys: TestKeys::failing(1), ..Plan::with(&[]) }.build();
    let mut tour = Tour::new(&world);
    let urs = tour.visitor("unlucky-urs");
    let request = json!({"factorType": "sms", "phoneNumber": "+8613812345678"});
    tour.post(&urs, "/v1/me/enrollments", request.clone()).await.expect(503);
    tour.post(&urs, "/v1/me/enrollments", request).await.expect(201);
    drop(guard);
    let lines = log.lines(Form::Json);
    assert!(lines.iter().any(|line| line.contains("out of order")), "{lines:?}");
    for found in tour.secrets().iter().chain(tour.personal()) {
        assert!(lines.iter().all(|line| !line.contains(found)), "{found:?} is in the log");
    }
}

/// Tests the capture itself: every logged text is found.
#[tokio::test]
async fn the_log_capture_sees_every_event_and_span_field() {
    for form in [Form::Json, Form::Text] {
        let (log, guard) = Log::capture(form);
        let span = tracing::trace_span!("check", code = "828384");
        span.in_scope(|| tracing::trace!(duration_ms = 0.828_384, "looked at"));
        drop((span, guard));
        let lines = log.lines(form);
        assert!(lines.iter().any(|line| line.contains("828384") && line.contains("looked at")), "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains("0.828384")), "{lines:?}");
    }
}
