//! Unit tests of use cases without a store: documents in, a decision out.

use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::BASE32_NOPAD;

use super::challenge::Target;
use super::check::Apps;
use super::confirm::{Confirm, Given};
use super::engine::{Cx, Name, Outcome, Outgoing, UseCase, Work};
use super::enroll::{Enroll, Enrolled, Offer, Request};
use super::factors::{new_recovery_codes, rename};
use super::forget::Forget;
use super::verify::{Answer, Binding, Check};
use super::{AccountName, Caller, Settings, challenge, enroll};
use crate::clock::{Clock, Deadline, SystemRandomness};
use crate::config;
use crate::delivery::{Channel, Language};
use crate::domain::account::Account;
use crate::domain::actor::Actor;
use crate::domain::contact::{Destination, EmailAddress};
use crate::domain::enrollment::{Claim, Enrollment};
use crate::domain::error::Error;
use crate::domain::factor::totp::{PERIOD, Parameters, Step, code_at};
use crate::domain::factor::{FactorSummary, FactorType};
use crate::domain::hosted;
use crate::domain::ids::{FactorId, Label, Session, UserId};
use crate::domain::secret::{Code, KeyVersion, Passcode};
use crate::domain::terms::{AppsAllowed, CheckNeeded, RecoveryHandout, Terms};
use crate::domain::time::Timestamp;
use crate::domain::token::Realm;
use crate::domain::vault::Vault;
use crate::keys::Keyring;
use crate::keys::tests::Fixed;
use crate::keys::vault::UserVault;

/// A clock for deadlines that never pass.
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        START
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    async fn sleep(&self, _: std::time::Duration) {}
}

const START: Timestamp = Timestamp::from_unix(1_800_000_000);
const OWNER: Actor = Actor::Session(Session([1; 16]));
const THIEF: Actor = Actor::Session(Session([2; 16]));

/// One user's documents, and the context of decisions on them.
struct Bench {
    keyring: Arc<Keyring>,
    settings: Settings,
    now: Timestamp,
    work: Work,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let keyring = runtime.block_on(Keyring::load(&Fixed(vec![KeyVersion(1)]))).unwrap();
        let settings = config::read(|_| None).unwrap();
        Self { keyring: Arc::new(keyring), settings, now: START, work: Work::default() }
    }

    /// Lets a use case decide on the documents that earlier ones left, and keeps the documents that would be committed.
    fn decide<U: UseCase>(&mut self, actor: Actor, use_case: &U) -> Result<Outcome<U::Reply>, Error> {
        let user = UserId::parse("alice").unwrap();
        let account_name = AccountName::new("alice");
        let caller = Caller::new(user, actor, account_name, Arc::clone(&self.keyring), Deadline::starting_now(&Still));
        let vault = UserVault { keyring: &self.keyring, user: &caller.user, randomness: &SystemRandomness };
        loop {
            let unread =
                use_case.reads(&self.work, &vault).into_iter().filter(|name| !self.work.has(name)).collect::<Vec<_>>();
            if unread.is_empty() {
                break;
            }
            for name in unread {
                self.work.add_absent(name);
            }
        }
        let cx = Cx {
            caller: &caller,
            now: self.now,
            settings: &self.settings,
            randomness: &SystemRandomness,
            vault: &vault,
            channels: &[Channel::Sms, Channel::Email],
            faces: None,
            answer: None,
        };
        let decided = use_case.decide(&mut self.work, &cx);
        self.work.keep(decided.is_err());
        decided
    }

    fn account(&self) -> Account {
        self.work.account().unwrap().clone()
    }

    fn begin(&mut self, actor: Actor, request: &Request) -> Result<Enrolled, Error> {
        self.decide(actor, &Enroll { request, limit: None }).map(|outcome| outcome.reply)
    }

    /// Enrols an app of the owner; returns its secret and the factor.
    fn enroll_app(&mut self, label: &str) -> (Vec<u8>, FactorSummary) {
        let (begun, secret) = self.begin_app(OWNER, label).unwrap();
        let code = self.code(&secret);
        let confirm = Confirm { terms: &terms(), claim: Claim::from(&begun.token), proof: &Given::Code(code) };
        let confirmed = self.decide(OWNER, &confirm).map(|outcome| outcome.reply).unwrap();
        self.now = self.now.plus(PERIOD * 2);
        (secret, confirmed.factor)
    }

    fn begin_app(&mut self, actor: Actor, label: &str) -> Result<(Enrolled, Vec<u8>), Error> {
        let request = Request { label: Label::parse(label), ..Request::app(terms()) };
        let begun = self.begin(actor, &request)?;
        let Offer::App { secret, .. } = &begun.offer else { panic!("an app is offered a secret") };
        let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        Ok((begun, secret))
    }

    /// The code that an app shows now.
    fn code(&self, secret: &[u8]) -> Code {
        let step = u64::try_from(self.now.unix()).unwrap() / PERIOD;
        Code::parse(&code_at(secret, Parameters::default(), Step(step)))
    }

    /// A code that the app does not show in the steps around now.
    fn wrong_code(&self, secret: &[u8]) -> Code {
        let step = u64::try_from(self.now.unix()).unwrap() / PERIOD;
        let near = (step - 1..=step + 1).map(|step| code_at(secret, Parameters::default(), Step(step)));
        let near: Vec<_> = near.collect();
        Code::parse(&(0..10).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap())
    }
}

fn terms() -> Terms {
    Terms {
        realm: Realm::new('t'),
        enrollment_seconds: 600,
        check_needed: CheckNeeded::ToBegin,
        apps: AppsAllowed::Several,
        recovery: RecoveryHandout::WithFirstFactor(10),
    }
}

fn an_address() -> Request {
    let address = Destination::Email(EmailAddress::parse("alice@example.com").unwrap());
    Request { target: enroll::Target::Destination(address), ..Request::app(terms()) }
}

fn digits(code: &Code) -> &Passcode {
    if let Code::Digits(digits) = code { digits } else { panic!("six digits") }
}

#[test]
fn a_wrong_totp_code_is_counted_and_a_right_one_resets_the_count() {
    let mut bench = Bench::new();
    let (secret, factor) = bench.enroll_app("Phone");
    let wrong = bench.wrong_code(&secret);
    let refused = bench.decide(THIEF, &Check { code: &wrong, apps: &Apps::Only, binding: &Binding::default() });
    assert!(matches!(refused, Err(Error::IncorrectCode { remaining: Some(4), .. })));
    assert_eq!(bench.account().factor(&factor.id).unwrap().attempts().wrong, 1);
    let right = bench.code(&secret);
    bench.decide(OWNER, &Check { code: &right, apps: &Apps::Only, binding: &Binding::default() }).map(|_| ()).unwrap();
    assert_eq!(bench.account().factor(&factor.id).unwrap().attempts().wrong, 0);
}

#[test]
fn a_wrong_recovery_code_writes_nothing() {
    let mut bench = Bench::new();
    bench.enroll_app("Phone");
    let before = bench.account();
    let wrong = Code::parse("0000-0000-0000-0000");
    let refused = bench.decide(THIEF, &Check { code: &wrong, apps: &Apps::Only, binding: &Binding::default() });
    assert!(matches!(refused, Err(Error::IncorrectCode { remaining: None, .. })));
    assert_eq!(bench.account(), before);
}

#[test]
fn a_right_code_is_spent_even_if_the_request_is_refused() {
    let mut bench = Bench::new();
    let (secret, factor) = bench.enroll_app("Phone");
    bench.enroll_app("Tablet");
    let code = bench.code(&secret);
    let (id, label) = (factor.id.clone(), Label::parse("Tablet").unwrap());
    let taken = bench.decide(THIEF, &rename(&id, &label, Some(&code)));
    assert!(matches!(taken, Err(Error::AlreadyEnrolled(FactorType::Totp))));
    assert_eq!(bench.account().factor(&id).unwrap().label().as_str(), "Phone");
    let again = bench.decide(OWNER, &Check { code: &code, apps: &Apps::One(id), binding: &Binding::default() });
    assert!(matches!(again, Err(Error::CodeAlreadyUsed)));
}

#[test]
fn a_request_refused_for_lack_of_a_recent_check_writes_nothing() {
    let mut bench = Bench::new();
    bench.enroll_app("Phone");
    let before = bench.account();
    assert!(matches!(bench.begin(THIEF, &an_address()), Err(Error::StepUpRequired { .. })));
    assert!(matches!(bench.decide(THIEF, &new_recovery_codes(None)), Err(Error::StepUpRequired { .. })));
    assert_eq!(bench.account(), before);
    assert_eq!(*bench.work.enrollment(FactorType::Email).unwrap(), Enrollment::None);
}

#[test]
fn a_change_ends_the_recent_checks_and_enrollments_of_other_sessions() {
    let mut bench = Bench::new();
    let (secret, _) = bench.enroll_app("Phone");
    let code = bench.code(&secret);
    bench.decide(THIEF, &Check { code: &code, apps: &Apps::Only, binding: &Binding::default() }).map(|_| ()).unwrap();
    let (begun, thiefs) = bench.begin_app(THIEF, "Thief's").unwrap();
    bench.decide(OWNER, &new_recovery_codes(None)).map(|_| ()).unwrap();
    let code = bench.code(&thiefs);
    let confirm = Confirm { terms: &terms(), claim: Claim::from(&begun.token), proof: &Given::Code(code) };
    assert!(matches!(bench.decide(THIEF, &confirm), Err(Error::StepUpRequired { .. })));
    assert_eq!(bench.account().factors().len(), 1);
}

#[test]
fn changes_do_not_extend_the_recent_check_of_the_acting_session() {
    let mut bench = Bench::new();
    bench.enroll_app("Phone");
    // One change a minute, each within the time for which a recent check is valid.
    let enrolled_at = START;
    while bench.now < enrolled_at.plus(540) {
        bench.now = bench.now.plus(60);
        bench.decide(OWNER, &new_recovery_codes(None)).map(|_| ()).unwrap();
    }
    bench.now = enrolled_at.plus(600);
    assert!(matches!(bench.decide(OWNER, &new_recovery_codes(None)), Err(Error::StepUpRequired { .. })));
}

/// The code in a message, and the documents that are restored if the message is refused.
fn sent_code(message: Option<Outgoing>) -> (Code, Vec<Name>) {
    let Some(Outgoing::Code { message, undo }) = message else { panic!("a code is sent") };
    (Code::parse(&message.code), undo)
}

#[test]
fn a_change_ends_the_open_challenges_of_other_sessions() {
    for (asks, answers) in [(THIEF, false), (OWNER, true)] {
        let mut bench = Bench::new();
        bench.enroll_app("Phone");
        let outcome = bench.decide(OWNER, &Enroll { request: &an_address(), limit: None });
        let Outcome { reply, message } = outcome.unwrap_or_else(|error| panic!("{error}"));
        let (code, _) = sent_code(message);
        let confirm = Confirm { terms: &terms(), claim: Claim::from(&reply.token), proof: &Given::Code(code) };
        bench.decide(OWNER, &confirm).map(|_| ()).unwrap();

        let target = Target::OnlyOf(FactorType::Email);
        let request = challenge::Request {
            realm: Realm::new('t'),
            target,
            language: Language::English,
            platform: None,
            transaction: None,
        };
        let Ok(Outcome { reply, message }) = bench.decide(asks, &request) else { panic!("a challenge") };
        let (code, undo) = sent_code(message);
        assert_eq!(undo, [Name::Challenge(reply.id.factor.clone())]);
        bench.decide(OWNER, &new_recovery_codes(None)).map(|_| ()).unwrap();
        let answered =
            bench.decide(asks, &Answer { digits: digits(&code), id: &reply.id, binding: &Binding::default() });
        assert_eq!(answered.is_ok(), answers, "{asks:?}");
    }
}

#[test]
fn only_the_back_end_can_forget_a_user() {
    let mut bench = Bench::new();
    bench.enroll_app("Phone");
    assert!(matches!(bench.decide(OWNER, &Forget), Err(Error::Unauthorized)));
    assert_eq!(bench.account().factors().len(), 1);
    bench.decide(Actor::BackEnd, &Forget).map(|_| ()).unwrap();
    assert_eq!(bench.account().factors().len(), 0);
}

#[test]
fn a_refusal_after_a_clock_step_back_stores_the_new_start_of_the_wait_t49() {
    let mut bench = Bench::new();
    let (secret, factor) = bench.enroll_app("Phone");
    for _ in 0..6 {
        let wrong = bench.wrong_code(&secret);
        let _ = bench.decide(THIEF, &Check { code: &wrong, apps: &Apps::Only, binding: &Binding::default() });
        bench.now = bench.now.plus(10);
    }
    bench.now = Timestamp::from_unix(bench.now.unix() - 3_600);
    let code = bench.code(&secret);
    let refused = bench.decide(OWNER, &Check { code: &code, apps: &Apps::Only, binding: &Binding::default() });
    assert!(matches!(refused, Err(Error::TooManyAttempts { retry_after: 4, .. })));
    assert_eq!(bench.account().factor(&factor.id).unwrap().attempts().last.rewound, Some(bench.now));
}

/// A use case that asks for a document that it did not name.
struct Forgetful;

impl UseCase for Forgetful {
    type Reply = ();

    const STEP: hosted::Step = hosted::Step::Other;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account]
    }

    fn decide(&self, work: &mut Work, _: &Cx<'_>) -> Result<Outcome<()>, Error> {
        work.challenge(&FactorId::random(&SystemRandomness)?).map(|_| Outcome::reply(()))
    }
}

#[test]
fn using_a_document_that_was_not_read_is_an_internal_error() {
    assert!(matches!(Bench::new().decide(OWNER, &Forgetful), Err(Error::Internal("a document was not read"))));
}

#[test]
fn the_one_time_code_of_a_session_is_not_printed() {
    let next = super::hosted::NextUrl("https://shop.example/signed-in?session=s&code=c".to_owned());
    assert_eq!(format!("{next:?}"), "NextUrl(…)");
}
