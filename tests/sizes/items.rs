//! The size of every kind of item in every state, as `DynamoDB` counts it: a write costs by the kilobyte.

use std::fmt::Write as _;
use std::sync::Arc;

use countersign::store::embedded::EmbeddedStore;
use serde_json::{Value, json};

use super::units::size;
use crate::passkeys::flows as passkeys;
use crate::rig::authenticator::{Authenticator, Key};
use crate::rig::enroll::{genauth, logto, native, profile};
use crate::rig::{Client, Fate, Observed, World, enroll_app, enroll_email, enroll_phone};

/// A user id in the form of Cognito's.
const ALICE: &str = "6f1c2d8e-0b7a-4c55-9a43-d1e0f7b2c964";
const PHONE: &str = "+8613800138000";
const ADDRESS: &str = "alice.liddell@example.com";

/// A world whose items are weighed.
struct Scales {
    world: World,
    observed: Arc<Observed>,
    table: String,
}

impl Scales {
    fn new() -> Self {
        let observed = Observed::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
        Self { world: World::on(observed.clone()), observed, table: String::new() }
    }

    fn alice(&self, session: &str) -> Client {
        self.world.session(ALICE, session)
    }

    /// The size of the only item whose key begins with `prefix`, in bytes.
    async fn weigh(&self, prefix: &str) -> usize {
        let items = self.observed.items().await;
        let mut meant = items.iter().filter(|(key, _)| key.as_str().starts_with(prefix));
        let (key, stored) = meant.next().expect("an item");
        assert!(meant.next().is_none(), "several items begin with {prefix}");
        size(key, &stored.item, stored.ttl)
    }

    async fn note(&mut self, prefix: &str, says: &str) {
        let size = self.weigh(prefix).await;
        writeln!(self.table, "{size:>5} B  {says}").unwrap();
    }

    /// Makes a request that must be refused.
    async fn refused(&self, session: &str, path: &str, body: Value, status: u16) {
        self.alice(session).post(path, body).await.expect(status);
    }
}

#[tokio::test]
async fn the_usual_account_stays_under_a_kilobyte_whatever_happens_to_it() {
    let scales = Scales::new();
    let (secret, id, recovery) = enroll_app(&scales.alice("1"), "Authenticator app").await;
    let mut sizes = vec![scales.weigh("a#").await];
    for session in ["2", "3", "4", "5"] {
        let check = json!({"code": scales.world.next_code(&secret)});
        scales.alice(session).post("/v1/me/verify", check).await.expect(200);
        sizes.push(scales.weigh("a#").await);
    }
    let mut wrong = 0;
    while wrong < 100 {
        let check = json!({"factorId": id, "code": scales.world.wrong_code(&secret)});
        match scales.alice("1").post("/v1/me/verify", check).await {
            reply if reply.status == 400 => wrong += 1,
            reply => scales.world.pass(i64::try_from(reply.retry_after().unwrap()).unwrap()),
        }
    }
    scales.refused("1", "/v1/me/verify", json!({"code": "0000-0000-0000-0000"}), 400).await;
    sizes.push(scales.weigh("a#").await);
    scales.alice("1").post("/v1/me/verify", json!({"code": recovery[0]})).await.expect(200);
    sizes.push(scales.weigh("a#").await);
    assert!(sizes.iter().all(|size| *size < 1024), "{sizes:?}");
}

#[tokio::test]
async fn every_item_weighs_what_was_reviewed() {
    let table = [
        accounts().await,
        full_accounts().await,
        with_passkeys().await,
        enrollments().await,
        sent_enrollments().await,
        challenges().await,
    ];
    insta::assert_snapshot!("every_item", table.concat());
}

async fn accounts() -> String {
    let mut scales = Scales::new();
    let (secret, app, recovery) = enroll_app(&scales.alice("1"), "Authenticator app").await;
    scales.note("a#", "account: an app and ten recovery codes, just enrolled").await;
    let check = json!({"code": scales.world.next_code(&secret)});
    scales.alice("1").post("/v1/me/verify", check).await.expect(200);
    scales.note("a#", "account: the same after a check").await;
    scales.refused("1", "/v1/me/verify", json!({"code": scales.world.wrong_code(&secret)}), 400).await;
    scales.note("a#", "account: the same after a wrong code").await;
    scales.refused("1", "/v1/me/verify", json!({"code": "0000-0000-0000-0000"}), 400).await;
    scales.note("a#", "account: the same after a wrong recovery code").await;
    for session in ["2", "3", "4"] {
        let check = json!({"code": scales.world.next_code(&secret)});
        scales.alice(session).post("/v1/me/verify", check).await.expect(200);
    }
    scales.note("a#", "account: the same with four sessions checked").await;
    scales.alice("1").post("/v1/me/verify", json!({"code": recovery[0]})).await.expect(200);
    scales.note("a#", "account: an app and nine recovery codes").await;
    enroll_phone(&scales.alice("1"), PHONE).await;
    scales.note("a#", "account: the same and a number").await;
    enroll_email(&scales.alice("1"), ADDRESS).await;
    scales.note("a#", "account: the same and an address").await;
    let listed = scales.alice("1").get("/v1/me/factors").await.json();
    for id in [&app, listed["factors"][1]["id"].as_str().unwrap(), listed["factors"][2]["id"].as_str().unwrap()] {
        scales.alice("1").delete(&format!("/v1/me/factors/{id}"), Value::Null).await.expect(204);
    }
    scales.note("a#", "account: nothing left").await;
    scales.table
}

async fn full_accounts() -> String {
    let mut scales = Scales::new();
    let alice = scales.alice("1");
    for number in 0..32 {
        let (secret, id, _) = enroll_app(&alice, &format!("{number:ø>64}")).await;
        // A further enrolment does not count as a check, so the session passes one every ten minutes.
        if number % 8 == 0 {
            let check = json!({"factorId": id, "code": alice.world.next_code(&secret)});
            alice.post("/v1/me/verify", check).await.expect(200);
        }
    }
    scales.note("a#", "account: 32 apps with the longest labels").await;

    let mut of_page = Scales::new();
    let alice = of_page.alice("1");
    profile::enroll_app(&alice).await;
    of_page.note("a#", "account: an app and twelve recovery codes, of a profile page").await;
    scales.table + &of_page.table
}

/// ES256 passkeys of three kinds: of a phone, of a computer, and of a security key, which counts. The lengths of their ids
/// are those of Apple's, of Windows Hello's and of a Yubikey's.
fn three_passkeys() -> [Authenticator; 3] {
    let with_id = |authenticator, length| Authenticator { credential_id: vec![7; length], ..authenticator };
    let [phone, computer, key] = [1, 2, 3].map(Key::es256);
    [
        with_id(Authenticator::phone(phone), 20),
        with_id(Authenticator::phone(computer), 32),
        with_id(Authenticator::security_key(key), 64),
    ]
}

async fn with_passkeys() -> String {
    let mut scales = Scales::new();
    let alice = scales.alice("1");
    let [mut phone, mut computer, mut key] = three_passkeys();
    let (secret, ..) = enroll_app(&alice, "Authenticator app").await;
    passkeys::enroll(&alice, &mut phone).await;
    scales.note("a#", "account: an app, ten recovery codes and a passkey").await;
    for session in ["1", "2", "3"] {
        passkeys::pass(&scales.alice(session), &mut phone).await.expect(200);
    }
    scales.note("a#", "account: the same with three sessions checked by the passkey").await;
    passkeys::pass(&scales.alice("4"), &mut phone).await.expect(200);
    scales.note("a#", "account: the same with four sessions checked by the passkey").await;
    for other in [&mut computer, &mut key] {
        passkeys::enroll(&alice, other).await;
    }
    enroll_phone(&alice, PHONE).await;
    enroll_email(&alice, ADDRESS).await;
    scales.note("a#", "account: an app, ten recovery codes, three passkeys, a number and an address").await;
    for session in ["1", "2", "3", "4"] {
        passkeys::pass(&scales.alice(session), &mut key).await.expect(200);
        scales.refused(session, "/v1/me/verify", json!({"code": scales.world.wrong_code(&secret)}), 400).await;
        scales.world.pass(120);
    }
    scales.note("a#", "account: all of these with four sessions checked, and wrong codes").await;

    let mut begun = Scales::new();
    passkeys::begin(&begun.alice("1")).await;
    begun.note("e#", "enrolment: a passkey, pending").await;
    let mut challenged = Scales::new();
    passkeys::enroll(&challenged.alice("1"), &mut phone).await;
    passkeys::challenge(&challenged.alice("1"), Value::Null).await;
    challenged.note("a#", "account: a passkey and ten recovery codes").await;
    challenged.note("c#", "challenge: of passkeys, open").await;
    scales.table + &begun.table + &challenged.table
}

async fn enrollments() -> String {
    let mut scales = Scales::new();
    let alice = scales.alice("1");
    let begun = alice.post(native::ENROLL, json!({"factorType": "totp"})).await.expect(201);
    let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
    scales.note("e#", "enrolment: an app, pending").await;
    native::confirm(&alice, &token, &scales.world.wrong_code(&secret)).await.expect(400);
    scales.note("e#", "enrolment: the same after a wrong code").await;
    native::confirm(&alice, &token, &scales.world.next_code(&secret)).await.expect(201);
    scales.note("e#", "enrolment: confirmed").await;

    let mut of_genauth = Scales::new();
    let alice = of_genauth.alice("1");
    let begun = genauth::begin(&alice, "OTP", json!({})).await;
    of_genauth.note("e#", "enrolment: an app, pending in genauth with its recovery code").await;
    let (token, code) = (begun.text("/data/enrollmentToken"), of_genauth.world.next_code(&genauth::secret(&begun)));
    let enrolled = genauth::confirm(&alice, "OTP", &token, &code).await;
    assert_eq!(enrolled.json()["statusCode"], 200);
    of_genauth.note("a#", "account: an app and one recovery code, of genauth").await;

    let mut of_logto = Scales::new();
    let alice = of_logto.alice("1");
    logto::begin_verified(&alice).await;
    of_logto.note("e#", "enrolment: an app, verified in logto, to be bound").await;
    scales.table + &of_genauth.table + &of_logto.table
}

async fn sent_enrollments() -> String {
    let mut table = String::new();
    for (factor_type, field, to) in [("sms", "phoneNumber", PHONE), ("email", "email", ADDRESS)] {
        let mut scales = Scales::new();
        let alice = scales.alice("1");
        let request = json!({"factorType": factor_type, field: to});
        let (token, _) = native::begin_sent(&alice, request.clone()).await;
        scales.note("e#", &format!("enrolment: {factor_type}, pending")).await;
        scales.note("l#", &format!("limit: {factor_type}, charged")).await;
        let wrong = scales.world.postbox.wrong_code();
        native::confirm(&alice, &token, &wrong).await.expect(400);
        scales.note("e#", "enrolment: the same after a wrong code").await;
        // The day's last message is left to another user.
        let others = (1..9).map(|_| alice.clone()).chain([scales.world.user("bob")]);
        for user in others {
            scales.world.pass(3_600);
            user.post(native::ENROLL, request.clone()).await.expect(201);
        }
        scales.note("l#", &format!("limit: {factor_type}, charged with the ten messages of a day")).await;

        let mut refused = Scales::new();
        refused.world.postbox.fate(Fate::Refused);
        refused.refused("1", native::ENROLL, request, 502).await;
        refused.note("e#", "enrolment: its message was refused").await;
        refused.note("l#", &format!("limit: {factor_type}, its charge undone")).await;
        table = table + &scales.table + &refused.table;
    }
    table
}

async fn challenges() -> String {
    let mut scales = Scales::new();
    let alice = scales.alice("1");
    let phone = enroll_phone(&alice, PHONE).await;
    scales.world.postbox.fate(Fate::Refused);
    alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(502);
    scales.note("c#", "challenge: its message was refused").await;
    scales.world.postbox.fate(Fate::Arrives);
    let sent = alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(201);
    scales.note("c#", "challenge: open").await;
    let answer = |code: String| json!({"challengeId": sent.text("/challengeId"), "code": code});
    scales.refused("1", "/v1/me/verify", answer(scales.world.postbox.wrong_code()), 400).await;
    scales.note("c#", "challenge: the same after a wrong code").await;
    alice.post("/v1/me/verify", answer(scales.world.postbox.code())).await.expect(200);
    scales.note("c#", "challenge: answered").await;
    for _ in 1..20 {
        scales.world.pass(3_600);
        alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(201);
    }
    scales.note("c#", "challenge: open, after the twenty messages of a day").await;
    scales.table
}
