//! Plays a history against the service and compares each answer with the oracle's.

use super::oracle::{Beginning, Oracle};
use super::steps::{By, Route, Step, Who, With};
use super::ways::{Kind, Proof, Way, passed};
use crate::rig::{Client, Plan, Reply, World};

pub(super) const FACTORS: &str = "/v1/me/factors";

/// The widest limits, so that they refuse no message and no code.
const SETTINGS: &[(&str, &str)] = &[
    ("GENAUTH_ENROLLMENT_SECONDS", "600"),
    ("RESEND_SECONDS", "1"),
    ("SENDS_PER_TEN_MINUTES", "100"),
    ("SENDS_PER_HOUR", "100"),
    ("SENDS_PER_DAY", "100"),
    ("FREE_ATTEMPTS", "10"),
    ("CODE_TRIES", "10"),
    ("RECOVERY_CODES", "20"),
];

#[derive(Debug)]
pub(super) struct Factor {
    pub(super) id: String,
    pub(super) kind: Kind,
    /// The secret of an app.
    pub(super) secret: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Enrollment {
    pub(super) beginning: Beginning,
    pub(super) way: Way,
    pub(super) proof: Proof,
    pub(super) ends: i64,
    /// It was neither finished nor replaced.
    pub(super) is_open: bool,
    /// Logto's request has verified its code.
    pub(super) is_verified: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Challenge {
    pub(super) beginning: Beginning,
    pub(super) factor: String,
    pub(super) id: String,
    pub(super) code: String,
    pub(super) ends: i64,
    /// It was neither answered nor replaced.
    pub(super) is_open: bool,
}

pub(super) struct Game {
    pub(super) world: World,
    pub(super) oracle: Oracle,
    pub(super) factors: Vec<Factor>,
    /// Recovery codes that were not used.
    pub(super) recovery: Vec<String>,
    /// The newest is last.
    pub(super) enrollments: Vec<Enrollment>,
    /// The newest is last.
    pub(super) challenges: Vec<Challenge>,
    pub(super) told: Vec<String>,
}

pub(super) async fn play(steps: Vec<Step>) -> Result<Vec<String>, String> {
    let mut game = Game {
        world: Plan::with(SETTINGS).build(),
        oracle: Oracle::default(),
        factors: Vec::new(),
        recovery: Vec::new(),
        enrollments: Vec::new(),
        challenges: Vec::new(),
        told: Vec::new(),
    };
    for (number, step) in steps.iter().enumerate() {
        // A factor gets no two messages within the same second.
        game.world.pass(1);
        let played = game.play(step).await;
        played.map_err(|why| format!("step {number}, {step:?}: {why}\nof {steps:#?}\n{:#?}", game.oracle))?;
    }
    game.compare().await?;
    Ok(game.told)
}

impl Game {
    async fn play(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Pass(seconds) => self.world.pass(seconds),
            Step::Begin { who, way, code } => self.begin(who, way, code).await?,
            Step::Verify { by } => self.verify_newest(by).await?,
            Step::Finish { nth, by, right } => self.finish(nth, by, right).await?,
            Step::Check { session, with } => self.check(session, with).await?,
            Step::CheckIfNeeded { session } if self.is_allowed(Who::Session(session)) => {}
            Step::CheckIfNeeded { session } => self.check(session, With::Recovery).await?,
            Step::AddressIfNeeded if self.factors.iter().any(|factor| factor.kind != Kind::App) => {}
            Step::AddressIfNeeded => {
                self.begin(Who::BackEnd, Way::Address, false).await?;
                self.finish(0, By::Beginner, true).await?;
            }
            Step::Challenge { who, factor } => self.challenge(who, factor).await?,
            Step::Answer { nth, by, right } => self.answer(nth, by, right).await?,
            Step::NewCodes { who, code } => self.new_codes(who, code).await?,
            Step::Remove { who, route: Route::Page, .. } if !who.is_back_end() => self.disable(who).await?,
            Step::Remove { who, route, factor, code } => self.remove(who, route, factor, code).await?,
            Step::Forget => self.forget().await?,
        }
        match step {
            Step::Finish { .. } | Step::Remove { .. } | Step::Forget => self.compare().await,
            _ => Ok(()),
        }
    }

    /// Checks that the account has exactly the expected factors.
    async fn compare(&self) -> Result<(), String> {
        let known: Vec<_> = self.factors.iter().map(|factor| factor.id.clone()).collect();
        let listed = self.listed().await;
        expect(listed == known, || format!("the account has {listed:?}, not {known:?}"))
    }

    pub(super) fn client(&self, who: Who) -> Client {
        match who {
            Who::Session(session) => self.world.session("alice", &format!("session-{session}")),
            Who::BackEnd => self.world.back_end("alice"),
        }
    }

    /// The ids of the factors.
    pub(super) async fn listed(&self) -> Vec<String> {
        let listed = self.client(Who::BackEnd).get(FACTORS).await.json();
        let factors = listed["factors"].as_array().unwrap();
        factors.iter().map(|factor| factor["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn tell(&mut self, what: impl Into<String>) {
        self.told.push(what.into());
    }

    pub(super) fn has_app(&self) -> bool {
        self.factors.iter().any(|factor| factor.kind == Kind::App)
    }

    /// Whether an actor may change factors without a code.
    pub(super) fn is_allowed(&self, who: Who) -> bool {
        match who {
            Who::BackEnd => true,
            Who::Session(session) => self.factors.is_empty() || self.oracle.holds_check(session, self.world.now()),
        }
    }

    /// A code that is right now and was not used: of this factor, a recovery code, or of the only app.
    pub(super) fn right_code(&self, factor: Option<usize>) -> Option<String> {
        let apps: Vec<_> = self.factors.iter().filter_map(|factor| factor.secret.as_ref()).collect();
        let own = factor.and_then(|factor| self.factors[factor].secret.as_ref());
        let only = apps.first().filter(|_| apps.len() == 1).copied();
        match (own, self.recovery.first(), only) {
            (Some(secret), _, _) | (None, None, Some(secret)) => Some(self.world.next_code(secret)),
            (None, recovery, _) => recovery.cloned(),
        }
    }

    /// Tells the oracle whether the account has a factor that is stronger than e-mail.
    pub(super) fn note_strength(&mut self, who: Who) {
        let has_second_factor = self.factors.iter().any(|factor| factor.kind != Kind::Address);
        self.oracle.note_strength(who, has_second_factor);
    }

    /// Records a check with a right code.
    pub(super) fn note_check(&mut self, who: Who, code: &str) {
        self.oracle.note_check(who, self.world.now());
        self.recovery.retain(|unused| unused != code);
    }

    /// Compares the answer to a request for a change with the oracle's. The request must pass if the actor may change
    /// factors or gives a right code, and must be refused otherwise. `what` names both outcomes: passed and refused.
    pub(super) fn judge(
        &mut self,
        who: Who,
        code: Option<&str>,
        reply: &Reply,
        what: [&str; 2],
    ) -> Result<bool, String> {
        let now = self.world.now();
        let was_allowed = self.is_allowed(who);
        let passed = passed(reply)?;
        let is_allowed = was_allowed || code.is_some();
        expect(passed == is_allowed, || format!("allowed: {is_allowed}, and told {} {}", reply.status, reply.json()))?;
        match (who, code) {
            _ if was_allowed => {}
            (_, Some(code)) => self.note_check(who, code),
            (Who::BackEnd, None) => {}
            (Who::Session(session), None) => {
                for why in self.oracle.why_unchecked(session, now) {
                    self.tell(format!("refused after {why}"));
                    self.tell(format!("{} after {why}", what[1]));
                }
            }
        }
        if passed {
            self.tell(what[0]);
        }
        Ok(passed)
    }
}

impl By {
    pub(super) fn who(self, beginning: Beginning) -> Who {
        match self {
            Self::Beginner => beginning.by,
            Self::Other(who) => who,
        }
    }
}

pub(super) fn expect(holds: bool, why_not: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why_not()) }
}
