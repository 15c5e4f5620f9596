//! The rig: Countersign's routers in this process, with a store, a clock, a postbox and randomness that the test
//! controls.

// Helpers panic like tests: a helper that fails is a failed test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use countersign::clock::Clock;
use countersign::config;
use countersign::delivery::Delivery;
use countersign::domain::error::Error;
use countersign::domain::random::Randomness;
use countersign::domain::secret::KeyVersion;
use countersign::domain::time::Timestamp;
use countersign::flows::{FaceSeams, Seams, Service, Settings};
use countersign::http::caller::Identity;
use countersign::http::edge::RequestId;
use countersign::http::routes::{Access, Route, router, routes};
use countersign::keys::{Keys, KeysError, Root};
use countersign::store::Store;
use countersign::store::embedded::EmbeddedStore;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

pub mod authenticator;
mod clients;
pub mod dynamodb;
pub mod enroll;
pub mod faces;
pub mod moto;
mod photos;
mod postbox;
pub mod proxy;
pub mod sam;
mod suite;
pub mod tools;
pub mod tour;
mod transcript;
mod wire;
mod wrapped;

pub use clients::{clients_at, clients_of};
pub use enroll::native::{enroll_app, enroll_email, enroll_phone};
pub use faces::{TestJudge, TestLinks};
pub use postbox::{Fate, Postbox};
pub(crate) use suite::suite;
pub use transcript::Transcript;
pub use wrapped::{Asked, CutOff, Faults, Observed, Recorded, Trouble};

/// The start of a test's clock in Unix seconds: a whole number of TOTP time steps.
pub const START: i64 = 1_800_000_000;

/// A clock that stands still until the test moves it. So do a request's limits of time: no load makes it late.
pub struct TestClock {
    now: AtomicI64,
    /// Limits of time follow the runtime's clock from this moment on. A test may pause that clock.
    runtime: Option<Instant>,
}

impl TestClock {
    fn at(now: i64) -> Self {
        Self { now: AtomicI64::new(now), runtime: None }
    }

    /// A clock whose limits of time follow the runtime's clock.
    pub fn of_the_runtime() -> Arc<Self> {
        Arc::new(Self { runtime: Some(Instant::now()), ..Self::at(START) })
    }
}

#[async_trait::async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.runtime.map_or(Duration::ZERO, |since| since.elapsed())
    }

    async fn sleep(&self, duration: Duration) {
        // A short pause lets other writers go on. A limit of time never comes while the clock stands still.
        if self.runtime.is_some() || duration < Duration::from_secs(1) {
            tokio::time::sleep(duration).await;
        } else {
            std::future::pending().await
        }
    }
}

/// Repeatable randomness: `SplitMix64` from a seed, so that snapshots show the same tokens in every run.
pub struct Repeating(AtomicU64);

impl Randomness for Repeating {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Master keys of fixed bytes, whose first calls can fail.
pub struct TestKeys {
    versions: Vec<KeyVersion>,
    failures: AtomicI64,
}

impl TestKeys {
    /// Keys whose first `failures` calls fail.
    pub fn failing(failures: i64) -> Arc<Self> {
        Arc::new(Self { versions: vec![KeyVersion(1)], failures: AtomicI64::new(failures) })
    }

    /// Keys of these versions; the first seals.
    pub fn of_versions(versions: &[u8]) -> Arc<Self> {
        let versions = versions.iter().copied().map(KeyVersion).collect();
        Arc::new(Self { versions, failures: AtomicI64::new(0) })
    }
}

#[async_trait::async_trait]
impl Keys for TestKeys {
    fn versions(&self) -> &[KeyVersion] {
        &self.versions
    }

    async fn derive(&self, version: KeyVersion, _: &[u8]) -> Result<Root, KeysError> {
        if self.failures.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Err(KeysError("out of order"));
        }
        Ok(Root::new([version.0; 32]))
    }
}

/// Settings of every world, unless a plan has others: transfers, and a page with a place to return to.
const DEFAULTS: &[(&str, &str)] = &[
    ("TRANSACTION_TYPES", TRANSFERS),
    ("PAGE_URL", "https://countersign.example/page"),
    ("RP_ID", "example.com"),
    ("RP_ORIGINS", "https://login.example.com,https://countersign.example"),
    ("RETURN_URLS", "https://shop.example/signed-in"),
];

/// A type of transactions: a transfer shows its amount and its payee.
pub const TRANSFERS: &str = r#"{"transfer": {"en": "Pay {amount} to {payee}", "zh-Hans": "向{payee}付款{amount}"}}"#;

/// A transfer of this amount to this payee.
pub fn transfer(amount: &str, payee: &str) -> Value {
    json!({"type": "transfer", "id": "t-1", "amount": amount, "payee": payee})
}

/// The parts of a [`World`], with defaults for most.
pub struct Plan {
    pub store: Arc<dyn Store>,
    pub keys: Arc<dyn Keys>,
    pub settings: Settings,
    pub postbox: Arc<Postbox>,
    pub clock: Arc<TestClock>,
    pub seed: u64,
    /// Replaces the randomness from the seed.
    pub randomness: Option<Arc<dyn Randomness>>,
    /// Replaces the postbox.
    pub delivery: Option<Arc<dyn Delivery>>,
    /// Compares faces, if they are on.
    pub judge: Arc<TestJudge>,
    /// Fetches photos, if faces are on.
    pub links: Arc<TestLinks>,
}

impl Plan {
    /// The default plan with these settings.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::over(Arc::new(EmbeddedStore::in_memory().unwrap()), settings)
    }

    /// The default plan over another store, with these settings.
    pub fn over(store: Arc<dyn Store>, settings: &[(&str, &str)]) -> Self {
        let set: BTreeMap<_, _> = DEFAULTS.iter().chain(settings).copied().collect();
        Self {
            store,
            keys: TestKeys::of_versions(&[1]),
            settings: config::read(|name| set.get(name).map(|value| (*value).to_owned())).unwrap(),
            postbox: Arc::new(Postbox::default()),
            clock: Arc::new(TestClock::at(START)),
            seed: 1,
            randomness: None,
            delivery: None,
            judge: Arc::default(),
            links: Arc::default(),
        }
    }

    pub fn build(self) -> World {
        let Self { store, keys, settings, postbox, clock, seed, randomness, delivery, judge, links } = self;
        let randomness = randomness.unwrap_or_else(|| Arc::new(Repeating(AtomicU64::new(seed))));
        let delivery = delivery.unwrap_or_else(|| postbox.clone());
        let faces = FaceSeams { judge: judge.clone(), links: Some(links.clone()) };
        let seams =
            Seams { store: Arc::clone(&store), keys, delivery, faces: Some(faces), clock: clock.clone(), randomness };
        let service = Arc::new(Service::new(seams, settings));
        World { router: router(None, &service), service, store, postbox, clock, judge, links }
    }
}

/// Countersign with its clock, store and postbox.
#[derive(Clone)]
pub struct World {
    pub router: Router,
    pub service: Arc<Service>,
    pub store: Arc<dyn Store>,
    pub postbox: Arc<Postbox>,
    pub clock: Arc<TestClock>,
    pub judge: Arc<TestJudge>,
    pub links: Arc<TestLinks>,
}

impl World {
    /// The default world.
    pub fn new() -> Self {
        Plan::with(&[]).build()
    }

    /// The default world over another store.
    pub fn on(store: Arc<dyn Store>) -> Self {
        Plan::over(store, &[]).build()
    }

    /// Seconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.clock.now.load(Ordering::SeqCst)
    }

    /// Moves the clock forward.
    pub fn pass(&self, seconds: i64) {
        self.clock.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The app's code of the next time step. Moves the clock to that step.
    pub fn next_code(&self, secret: &str) -> String {
        self.pass(30 - self.now().rem_euclid(30));
        tools::totp(secret, self.now())
    }

    /// A six-digit code that is not valid for the app now.
    pub fn wrong_code(&self, secret: &str) -> String {
        let near: Vec<_> = (-2..=2).map(|step| tools::totp(secret, self.now() + step * 30)).collect();
        (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status, headers: parts.headers, bytes }
    }

    /// A user in their usual session.
    pub fn user(&self, name: &str) -> Client {
        self.session(name, &format!("{name}-1"))
    }

    /// A user in a named session.
    pub fn session(&self, name: &str, session: &str) -> Client {
        let claims = [("iss", "https://issuer.example"), ("client_id", "app"), ("sub", name), ("jti", session)];
        let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Client::new(self, Some(Identity::user(claims, "token")))
    }

    /// A user whose token has these claims.
    pub fn claiming(&self, claims: &[(&str, &str)]) -> Client {
        let claims = claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Client::new(self, Some(Identity::user(claims, "token")))
    }

    /// The application's back end. It calls `/v1/users/{user}` where a path begins with `/v1/me`.
    pub fn back_end(&self, user: &str) -> Client {
        Client { subject: Some(user.to_owned()), ..Client::new(self, Some(Identity::BackEnd)) }
    }

    /// A client that may call the route, as this user or as the back end for this user.
    pub fn caller(&self, route: &Route, user: &str) -> Client {
        match route.access {
            // A route of hosted sessions gets a user's token, which it refuses.
            Access::User | Access::Public | Access::Hosted => self.user(user),
            Access::BackEnd => self.back_end(user),
        }
    }

    /// A person in a hosted session, in the browser with this secret: any 22 characters of Base64url.
    pub fn in_session(&self, token: &str, browser: &str) -> Client {
        Client { session: Some((token.to_owned(), browser.to_owned())), ..Client::new(self, None) }
    }

    /// A client without an identity.
    pub fn nobody(&self) -> Client {
        Client::new(self, None)
    }
}

/// A client: it sends requests with one identity.
#[derive(Clone)]
pub struct Client {
    pub world: World,
    pub identity: Option<Identity>,
    /// The user that `/v1/me` stands for, if the client is the back end.
    subject: Option<String>,
    /// The token and the browser's secret, if the client is in a hosted session.
    session: Option<(String, String)>,
}

impl Client {
    pub fn new(world: &World, identity: Option<Identity>) -> Self {
        Self { world: world.clone(), identity, subject: None, session: None }
    }

    /// The path for this client: the back end's is under `/v1/users/…`, that of a hosted session under `/v1/session`.
    pub fn path(&self, path: &str) -> String {
        match (&self.subject, &self.session) {
            (Some(user), _) => path.replacen("/v1/me", &format!("/v1/users/{user}"), 1),
            (None, Some(_)) => path.replacen("/v1/me", "/v1/session", 1),
            (None, None) => path.to_owned(),
        }
    }

    /// A request with this client's identity.
    pub fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let mut request =
            Request::builder().method(method).uri(self.path(path)).extension(RequestId("request-1".to_owned()));
        if let Some(identity) = &self.identity {
            request = request.extension(identity.clone());
        }
        if let Some((token, browser)) = &self.session {
            request = request.header("authorization", format!("Bearer {token}")).header("countersign-browser", browser);
        }
        request
    }

    /// Sends a JSON body; `null` sends none.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        let request = self.request(method, path);
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            request.header("content-type", "application/json").body(Body::from(body.to_string()))
        };
        self.world.send(request.unwrap()).await
    }

    /// Sends any bytes, with any content type or none.
    pub async fn send(&self, method: &str, path: &str, content_type: Option<&str>, body: impl Into<Body>) -> Reply {
        let mut request = self.request(method, path);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        self.world.send(request.body(body.into()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.call("PATCH", path, body).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    pub async fn delete(&self, path: &str, body: Value) -> Reply {
        self.call("DELETE", path, body).await
    }
}

/// Every route that needs an identity.
pub fn routes_with_identity() -> Vec<Route> {
    routes().into_iter().filter(|route| ![Access::Public, Access::Hosted].contains(&route.access)).collect()
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        if self.bytes.is_empty() { Value::Null } else { serde_json::from_slice(&self.bytes).unwrap() }
    }

    /// A text in the body, by JSON pointer.
    pub fn text(&self, pointer: &str) -> String {
        let json = self.json();
        json.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {json}")).to_owned()
    }

    /// The status, and the `code` of the native dialect or Logto's.
    pub fn outcome(&self) -> (u16, String) {
        let json = self.json();
        let code = json.get("code").and_then(Value::as_str).unwrap_or("");
        (self.status.as_u16(), code.to_owned())
    }

    /// Asserts the status; returns the reply.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// The header `Retry-After`, in seconds.
    pub fn retry_after(&self) -> Option<u64> {
        self.headers.get("retry-after")?.to_str().ok()?.parse().ok()
    }
}
