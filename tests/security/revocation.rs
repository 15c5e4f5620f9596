//! T18 as a table: after a change that may follow a compromise, no other session finishes an enrolment that it began
//! before.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{Client, Plan, World, enroll_email};

/// A change of factors that an owner makes after a possible compromise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    NewCodes,
    NewCodesWithACode,
    BindApp,
    BindAppInGenauth,
    BindAppInLogto,
    BindAppOnThePage,
    BindPhone,
    BindPhoneInGenauth,
    Remove,
    RemoveInGenauth,
    RemoveOnThePage,
}

impl Change {
    const ALL: [Self; 11] = [
        Self::NewCodes,
        Self::NewCodesWithACode,
        Self::BindApp,
        Self::BindAppInGenauth,
        Self::BindAppInLogto,
        Self::BindAppOnThePage,
        Self::BindPhone,
        Self::BindPhoneInGenauth,
        Self::Remove,
        Self::RemoveInGenauth,
        Self::RemoveOnThePage,
    ];

    /// The changes that the back end can make. It has only the native dialect.
    const BY_THE_BACK_END: [Self; 4] = [Self::NewCodes, Self::BindApp, Self::BindPhone, Self::Remove];

    /// Makes the change, as a client that may make it. `spare` is an enrolled phone, `codes` are unused recovery codes.
    /// `number` gives each case its own numbers and addresses.
    async fn make(self, client: &Client, spare: &str, codes: &[String], number: usize) {
        let world = &client.world;
        match self {
            Self::NewCodes => drop(client.post(CODES, Value::Null).await.expect(201)),
            Self::NewCodesWithACode => drop(client.post(CODES, json!({"code": codes[1]})).await.expect(201)),
            Self::BindApp => {
                let (token, secret) = begin_app(client, "Owner's").await;
                confirm(client, &token, &world.next_code(&secret)).await.expect(201);
            }
            Self::BindAppInGenauth => {
                let begun = genauth::begin(client, "OTP", Value::Null).await;
                let code = world.next_code(&genauth::secret(&begun));
                let reply = genauth::confirm(client, "OTP", &begun.text("/data/enrollmentToken"), &code).await;
                assert!(passed(&reply), "{}", reply.json());
            }
            Self::BindAppInLogto => {
                let (id, secret) = logto::begin(client).await;
                logto::verify(client, &id, &world.next_code(&secret)).await.expect(200);
                logto::bind(client, &id).await.expect(204);
            }
            Self::BindAppOnThePage => {
                let secret = profile::begin(client).await;
                profile::confirm(client, &world.next_code(&secret)).await.expect(200);
            }
            Self::BindPhone => {
                let request = json!({"factorType": "sms", "phoneNumber": format!("+86138001{:05}", 50_000 + number)});
                let token = client.post(ENROLL, request).await.expect(201).text("/enrollmentToken");
                confirm(client, &token, &world.postbox.code()).await.expect(201);
            }
            Self::BindPhoneInGenauth => {
                let begun =
                    genauth::begin(client, "SMS", json!({"phoneNumber": format!("138001{:05}", 50_000 + number)}))
                        .await;
                let token = begun.text("/data/enrollmentToken");
                assert!(passed(&genauth::confirm(client, "SMS", &token, &world.postbox.code()).await));
            }
            Self::Remove => drop(client.delete(&format!("{FACTORS}/{spare}"), Value::Null).await.expect(204)),
            Self::RemoveInGenauth => {
                assert!(passed(&client.post("/api/v3/reset-factor", json!({"factorId": spare})).await));
            }
            // The page turns an app off, so the owner first needs one. Binding it is a change too.
            Self::RemoveOnThePage => {
                let secret = profile::begin(client).await;
                profile::confirm(client, &world.next_code(&secret)).await.expect(200);
                client.patch(PROFILE_DISABLE, json!({"code": world.next_code(&secret)})).await.expect(200);
            }
        }
    }

    /// The kind of factor that the owner enrols for the change. Its enrolment replaces the thief's of the same kind.
    fn enrolled_kind(self) -> Option<&'static str> {
        match self {
            Self::BindApp | Self::BindAppInGenauth | Self::BindAppInLogto => Some("app"),
            Self::BindAppOnThePage | Self::RemoveOnThePage => Some("app"),
            Self::BindPhone | Self::BindPhoneInGenauth => Some("phone"),
            Self::NewCodes | Self::NewCodesWithACode | Self::Remove | Self::RemoveInGenauth => None,
        }
    }
}

/// A way to begin an enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    App,
    Phone,
    Address,
    GenauthApp,
    GenauthPhone,
    GenauthAddress,
    Logto,
    LogtoVerified,
    Page,
}

/// An enrolment that was begun, with the data that finishes it.
struct Begun {
    way: Way,
    token: String,
    secret: String,
    code: String,
}

impl Way {
    const ALL: [Self; 9] = [
        Self::App,
        Self::Phone,
        Self::Address,
        Self::GenauthApp,
        Self::GenauthPhone,
        Self::GenauthAddress,
        Self::Logto,
        Self::LogtoVerified,
        Self::Page,
    ];

    fn kind(self) -> &'static str {
        match self {
            Self::App | Self::GenauthApp | Self::Logto | Self::LogtoVerified | Self::Page => "app",
            Self::Phone | Self::GenauthPhone => "phone",
            Self::Address | Self::GenauthAddress => "address",
        }
    }

    async fn begin(self, client: &Client, number: usize) -> Begun {
        let world = &client.world;
        let begun = |token: String, secret: String, code: String| Begun { way: self, token, secret, code };
        match self {
            Self::App => {
                let (token, secret) = begin_app(client, "Thief's").await;
                begun(token, secret, String::new())
            }
            Self::Phone => {
                let request = json!({"factorType": "sms", "phoneNumber": format!("+4179123{number:04}")});
                let token = client.post(ENROLL, request).await.expect(201).text("/enrollmentToken");
                begun(token, String::new(), world.postbox.code())
            }
            Self::Address => {
                let (token, code) = begin_email(client, &format!("thief-{number}@example.org")).await;
                begun(token, String::new(), code)
            }
            Self::GenauthApp => {
                let reply = genauth::begin(client, "OTP", Value::Null).await;
                let secret = genauth::secret(&reply);
                begun(reply.text("/data/enrollmentToken"), secret, String::new())
            }
            Self::GenauthPhone => {
                let profile = json!({"phoneNumber": format!("79123{number:04}"), "phoneCountryCode": "+41"});
                let reply = genauth::begin(client, "SMS", profile).await;
                begun(reply.text("/data/enrollmentToken"), String::new(), world.postbox.code())
            }
            Self::GenauthAddress => {
                let profile = json!({"email": format!("thief-{number}@example.org")});
                let reply = genauth::begin(client, "EMAIL", profile).await;
                begun(reply.text("/data/enrollmentToken"), String::new(), world.postbox.code())
            }
            Self::Logto => {
                let (id, secret) = logto::begin(client).await;
                begun(id, secret, String::new())
            }
            Self::LogtoVerified => {
                let (id, secret) = logto::begin(client).await;
                logto::verify(client, &id, &world.next_code(&secret)).await.expect(200);
                begun(id, secret, String::new())
            }
            Self::Page => begun(String::new(), profile::begin(client).await, String::new()),
        }
    }
}

impl Begun {
    /// Tries to finish it.
    async fn finish(&self, client: &Client) -> crate::rig::Reply {
        let world = &client.world;
        match self.way {
            Way::App => confirm(client, &self.token, &world.next_code(&self.secret)).await,
            Way::Phone | Way::Address => confirm(client, &self.token, &self.code).await,
            Way::GenauthApp => genauth::confirm(client, "OTP", &self.token, &world.next_code(&self.secret)).await,
            Way::GenauthPhone => genauth::confirm(client, "SMS", &self.token, &self.code).await,
            Way::GenauthAddress => genauth::confirm(client, "EMAIL", &self.token, &self.code).await,
            Way::Logto => {
                let reply = logto::verify(client, &self.token, &world.next_code(&self.secret)).await;
                if passed(&reply) { logto::bind(client, &self.token).await } else { reply }
            }
            Way::LogtoVerified => logto::bind(client, &self.token).await,
            Way::Page => client.patch(profile::TWO_FA, json!({"code": world.next_code(&self.secret)})).await,
        }
    }

    /// The answers that the thief may get: a check is needed, or, if the owner enrolled a factor of the same kind, the
    /// enrolment is not found.
    fn refusals(&self, replaced: bool) -> &'static [(u64, &'static str)] {
        match (self.way, replaced) {
            (Way::App | Way::Phone | Way::Address, false) => &[(403, "step_up_required")],
            (Way::App | Way::Phone | Way::Address, true) => &[(404, "not_found"), (403, "step_up_required")],
            (Way::GenauthApp | Way::GenauthPhone | Way::GenauthAddress, false) => &[(403, "9005")],
            (Way::GenauthApp | Way::GenauthPhone | Way::GenauthAddress, true) => {
                &[(404, "9008"), (403, "9005"), (409, "9009")]
            }
            (Way::Logto | Way::LogtoVerified, false) => &[(403, "session.mfa.require_mfa_verification")],
            (Way::Logto | Way::LogtoVerified, true) => {
                &[(404, "session.verification_session_not_found"), (403, "session.mfa.require_mfa_verification")]
            }
            (Way::Page, _) => &[(400, "")],
        }
    }
}

/// A user with an address, a spare phone and recovery codes, one of which a thief used to pass a check.
struct Robbed {
    owner: Client,
    thief: Client,
    spare: String,
    codes: Vec<String>,
}

async fn robbed(world: &World, name: &str, number: usize) -> Robbed {
    let (owner, thief) = (world.session(name, "owner"), world.session(name, "thief"));
    let request = json!({"factorType": "email", "email": format!("{name}@example.com")});
    let token = owner.post(ENROLL, request).await.expect(201).text("/enrollmentToken");
    let confirmed = confirm(&owner, &token, &world.postbox.code()).await.expect(201);
    let codes: Vec<String> = serde_json::from_value(confirmed.json()["recoveryCodes"].clone()).unwrap();
    let request = json!({"factorType": "sms", "phoneNumber": format!("+86138001{:05}", 40_000 + number)});
    let token = owner.post(ENROLL, request).await.expect(201).text("/enrollmentToken");
    let spare = confirm(&owner, &token, &world.postbox.code()).await.expect(201).text("/factor/id");
    verify(&thief, &codes[0]).await.expect(200);
    Robbed { owner, thief, spare, codes }
}

/// Asserts that the thief can't finish an enrolment after the change, and that the account stays the owner's.
async fn revokes(world: &World, (way, change): (Way, Change), by_back_end: bool, number: usize) {
    let case = format!("{way:?}, then {change:?}, back end: {by_back_end}");
    let name = format!("user-{number}");
    let Robbed { owner, thief, spare, codes } = robbed(world, &name, number).await;
    let begun = way.begin(&thief, number).await;
    let by = if by_back_end { world.back_end(&name) } else { owner.clone() };
    change.make(&by, &spare, &codes, number).await;
    let factors = owner.get(FACTORS).await.json()["factors"].clone();

    let refused = begun.finish(&thief).await;
    let is_replaced = change.enrolled_kind() == Some(way.kind());
    let told = outcome(&refused);
    let expected = begun.refusals(is_replaced);
    assert!(expected.iter().any(|(status, code)| (*status, *code) == (told.0, told.1.as_str())), "{case}: {told:?}");
    let reply = thief.delete(&format!("{FACTORS}/{}", factors[0]["id"].as_str().unwrap()), Value::Null).await;
    assert_eq!(outcome(&reply), (403, "step_up_required".to_owned()), "{case}");
    assert_eq!(owner.get(FACTORS).await.json()["factors"], factors, "{case}");
    world.pass(60);
}

pub(super) async fn a_change_ends_the_enrollments_that_other_sessions_began_t18(store: Arc<dyn Store>) {
    // By default genauth's enrolments live for a minute, and a change with two codes takes as long.
    let world = Plan::over(store, &[("GENAUTH_ENROLLMENT_SECONDS", "600")]).build();
    let mut number = 0;
    for change in Change::ALL {
        for way in Way::ALL {
            number += 1;
            revokes(&world, (way, change), false, number).await;
        }
    }
    for change in Change::BY_THE_BACK_END {
        for way in Way::ALL {
            number += 1;
            revokes(&world, (way, change), true, number).await;
        }
    }
}

/// The attack as it was first found: five hundred seconds later, within the life of both the check and the enrolment.
pub(super) async fn new_recovery_codes_end_an_enrollment_begun_with_a_leaked_one_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let Robbed { owner, thief, .. } = robbed(&world, "alice", 0).await;
    let (token, secret) = begin_app(&thief, "Thief's").await;
    owner.post(CODES, Value::Null).await.expect(201);
    world.pass(500);
    expect(&confirm(&thief, &token, &world.next_code(&secret)).await, 403, "step_up_required");
}

/// A thief without a check does not void an enrolment that the owner is about to finish.
pub(super) async fn an_enrollment_survives_its_owners_changes_and_a_thiefs_attempts_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (owner, thief) = (world.session("alice", "owner"), world.session("alice", "thief"));
    enroll_email(&owner, "alice@example.com").await;
    let (token, secret) = begin_app(&owner, "New").await;
    for _ in 0..2 {
        expect(&thief.post(logto::SECRET, Value::Null).await, 403, "session.mfa.require_mfa_verification");
        owner.post(CODES, Value::Null).await.expect(201);
    }
    confirm(&owner, &token, &world.next_code(&secret)).await.expect(201);
}

/// The session that makes the change may finish what it began.
pub(super) async fn the_session_that_makes_a_change_may_finish_its_own_enrollment_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let owner = world.user("alice");
    enroll_email(&owner, "alice@example.com").await;
    let (token, secret) = begin_app(&owner, "New").await;
    owner.post(CODES, Value::Null).await.expect(201);
    confirm(&owner, &token, &world.next_code(&secret)).await.expect(201);
}
