//! The model: the expected result of every request after any history.

use super::limits::{Enrollments, LIFE, MAX_FACTORS, Messages, Refusal, Wrong, incorrect, refusal};
use super::steps::{Kind, Who};
use crate::rig::tools;

#[derive(Debug)]
pub(super) struct Factor {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) label: String,
    /// The destination of its codes.
    pub(super) to: String,
    pub(super) secret: String,
    /// The last time step whose code passed.
    pub(super) used: i64,
    pub(super) wrong: Wrong,
    /// The messages sent to it since it was enrolled.
    pub(super) sent: Messages,
    /// The newest is last.
    pub(super) challenges: Vec<Challenge>,
}

#[derive(Debug)]
pub(super) struct Challenge {
    /// The next change of factors ends it, except for the session that began it.
    pub(super) epoch: u32,
    pub(super) begun_by: usize,
    pub(super) id: String,
    pub(super) code: String,
    pub(super) ends: i64,
    pub(super) wrong: Wrong,
    pub(super) answered: bool,
}

#[derive(Debug)]
pub(super) struct Enrollment {
    pub(super) token: String,
    pub(super) label: String,
    pub(super) to: String,
    /// The secret of an app.
    pub(super) secret: String,
    /// The code that was sent.
    pub(super) code: String,
    /// The authority to finish it: no change since this epoch, and this session. `None`: any session.
    pub(super) epoch: u32,
    pub(super) session: Option<usize>,
    pub(super) begun_by: usize,
    pub(super) ends: i64,
    pub(super) wrong: Wrong,
    pub(super) confirmed: bool,
}

/// A user.
#[derive(Debug, Default)]
pub(super) struct Owner {
    pub(super) epoch: u32,
    pub(super) factors: Vec<Factor>,
    /// Enrolments of each kind, the newest last.
    pub(super) enrollments: [Vec<Enrollment>; 3],
    /// Challenges to factors that are gone.
    pub(super) orphans: Vec<(String, String)>,
    pub(super) unused: Option<Vec<String>>,
    pub(super) used: Vec<String>,
    /// The time at which the store was last swept.
    pub(super) swept: i64,
    checked_since: [Option<i64>; 2],
    /// The same of checks by e-mail.
    mailed_since: [Option<i64>; 2],
}

/// The effect of a code that is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    AppPassed { factor: usize, step: i64 },
    AppFailed { factor: usize },
    RecoveryPassed { code: String },
    Nothing,
}

/// The expected result of a request.
#[derive(Debug)]
pub(super) struct Expected {
    /// The request is refused with any of these. If there is none, it passes.
    pub(super) refusals: Vec<Refusal>,
    /// The effect of a right code, even if the request is refused for another reason.
    pub(super) passed: Effect,
    /// The effect of an answer that the code is wrong.
    pub(super) failed: Effect,
}

impl Expected {
    pub(super) fn of(refusals: impl IntoIterator<Item = Refusal>) -> Self {
        let refusals = refusals.into_iter().collect();
        Self { refusals, passed: Effect::Nothing, failed: Effect::Nothing }
    }

    /// The same, with more possible refusals.
    fn or(mut self, refusals: impl IntoIterator<Item = Refusal>) -> Self {
        self.refusals.extend(refusals);
        self
    }

    fn wrong(remaining: Option<u32>, failed: Effect) -> Self {
        Self { refusals: vec![incorrect(remaining)], passed: Effect::Nothing, failed }
    }

    fn right(passed: Effect) -> Self {
        Self { refusals: Vec::new(), passed, failed: Effect::Nothing }
    }
}

/// The app that a code is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Apps {
    One(usize),
    Only,
}

impl Owner {
    pub(super) fn has_recent_check(&self, session: usize, now: i64) -> bool {
        let is_recent = |since: Option<i64>| since.is_some_and(|since| now < since + LIFE);
        let has_second_factor = self.factors.iter().any(|factor| factor.kind != Kind::Address);
        is_recent(self.checked_since[session]) || !has_second_factor && is_recent(self.mailed_since[session])
    }

    pub(super) fn note_check(&mut self, session: usize, now: i64) {
        (self.checked_since[session], self.mailed_since[session]) = (Some(now), None);
    }

    fn forget_checks_of(&mut self, session: usize) {
        self.checked_since[session] = None;
        self.mailed_since[session] = None;
    }

    /// The app that a code is for.
    pub(super) fn app(&self, apps: Apps) -> Option<usize> {
        let is_app = |factor: &usize| self.factors[*factor].kind == Kind::App;
        match apps {
            Apps::One(factor) => Some(factor).filter(is_app),
            Apps::Only => {
                let mut only = (0..self.factors.len()).filter(is_app);
                only.next().filter(|_| only.next().is_none())
            }
        }
    }

    /// A check of a code, by the form of the code.
    pub(super) fn check(&self, code: &str, apps: Apps, now: i64) -> Expected {
        if code.contains('-') {
            return self.check_recovery(code);
        }
        let Some(app) = self.app(apps) else {
            let has_apps = self.factors.iter().any(|factor| factor.kind == Kind::App);
            let told = match apps {
                Apps::Only if self.factors.is_empty() => "not_enrolled",
                Apps::Only if has_apps => "factor_required",
                Apps::One(_) | Apps::Only => "invalid_request",
            };
            return Expected::of([refusal(told)]);
        };
        let factor = &self.factors[app];
        if let Some(refusal) = factor.wrong.delays(now) {
            return Expected::of([refusal]);
        }
        let step = now.div_euclid(30);
        let shown: Vec<_> =
            (step - 1..=step + 1).filter(|step| tools::totp(&factor.secret, step * 30) == code).collect();
        match shown.last() {
            None => Expected::wrong(factor.wrong.free_after_this(), Effect::AppFailed { factor: app }),
            Some(step) if *step <= factor.used => Expected::of([refusal("code_already_used")]),
            Some(step) => Expected::right(Effect::AppPassed { factor: app, step: *step }),
        }
    }

    fn check_recovery(&self, code: &str) -> Expected {
        if self.factors.is_empty() {
            return Expected::of([refusal("not_enrolled")]);
        }
        match &self.unused {
            Some(unused) if unused.iter().any(|each| each == code) => {
                Expected::right(Effect::RecoveryPassed { code: code.to_owned() })
            }
            Some(_) | None => Expected::wrong(None, Effect::Nothing),
        }
    }

    /// The check that a change of factors needs.
    pub(super) fn authorize(&self, session: usize, code: Option<&str>, apps: Apps, now: i64) -> Expected {
        if self.factors.is_empty() || self.has_recent_check(session, now) {
            return Expected::of([]);
        }
        match code {
            None => Expected::of([refusal("step_up_required")]),
            Some(code) => self.check(code, apps, now),
        }
    }

    pub(super) fn apply(&mut self, effect: &Effect, session: usize, now: i64) {
        match effect {
            Effect::AppPassed { factor, step } => {
                let factor = &mut self.factors[*factor];
                (factor.used, factor.wrong) = (*step, Wrong::default());
                self.note_check(session, now);
            }
            Effect::AppFailed { factor } => self.factors[*factor].wrong.more(now),
            Effect::RecoveryPassed { code } => {
                self.unused.as_mut().unwrap().retain(|each| each != code);
                self.used.push(code.clone());
                self.note_check(session, now);
            }
            Effect::Nothing => {}
        }
    }

    fn has_app(&self, label: &str) -> bool {
        self.factors.iter().any(|factor| factor.kind == Kind::App && factor.label == label)
    }

    fn has_destination(&self, to: &str) -> bool {
        self.factors.iter().any(|factor| factor.kind != Kind::App && factor.to == to)
    }

    /// The refusals of a candidate for which the account has no room.
    fn no_room(&self, kind: Kind, label: &str, to: &str) -> Vec<Refusal> {
        let full = (self.factors.len() >= MAX_FACTORS).then(|| refusal("too_many_factors"));
        let is_there = if kind == Kind::App { self.has_app(label) } else { self.has_destination(to) };
        full.into_iter().chain(is_there.then(|| refusal("already_enrolled"))).collect()
    }

    pub(super) fn begin_app(&self, session: usize, label: &str, code: Option<&str>, now: i64) -> Expected {
        self.authorize(session, code, Apps::Only, now).or(self.no_room(Kind::App, label, ""))
    }

    /// The beginning of an enrolment with a sent code. `sent`: the messages to the destination, of all users.
    pub(super) fn begin_sent(
        &self,
        who: Who,
        (kind, to): (Kind, &str),
        code: Option<&str>,
        sent: &Enrollments,
        now: i64,
    ) -> Expected {
        self.authorize(who.session, code, Apps::Only, now)
            .or(self.no_room(kind, "", to))
            .or(self.carried(kind, now).ends(now))
            .or(sent.limit(who.user, now))
    }

    /// The count of wrong codes that a new enrolment takes over.
    pub(super) fn carried(&self, kind: Kind, now: i64) -> Wrong {
        match self.enrollments[kind as usize].last() {
            Some(begun) if kind != Kind::App => begun.wrong.carried(now),
            _ => Wrong::default(),
        }
    }

    pub(super) fn confirm(&self, session: usize, kind: Kind, token: &str, code: &str, now: i64) -> Expected {
        let pending = match self.enrollments[kind as usize].last() {
            Some(newest) if newest.token == token && !newest.wrong.is_swept(newest.ends, self.swept) => newest,
            _ => return Expected::of([refusal("not_found")]),
        };
        if pending.confirmed {
            return Expected::of([refusal("already_used")]);
        }
        if now >= pending.ends {
            return Expected::of([refusal("expired")]);
        }
        let is_theirs = pending.epoch == self.epoch && pending.session.is_none_or(|begun_by| begun_by == session);
        let is_allowed = is_theirs || pending.begun_by == session && self.has_recent_check(session, now);
        // A check is asked for where one helps. Else another session's is not there, and one's own has ended.
        let not_allowed = if !self.factors.is_empty() && !self.has_recent_check(session, now) {
            "step_up_required"
        } else if pending.begun_by == session {
            "expired"
        } else {
            "not_found"
        };
        let refused = Expected::of((!is_allowed).then(|| refusal(not_allowed)))
            .or(self.no_room(kind, &pending.label, &pending.to))
            .or(pending.wrong.ends(now));
        // A request that is refused for another reason is refused before its code is compared.
        let is_right = if kind == Kind::App { shows(&pending.secret, code, now) } else { pending.code == code };
        if !refused.refusals.is_empty() || is_right {
            return refused;
        }
        Expected::wrong(Some(pending.wrong.tries_after_this()), Effect::Nothing)
    }

    pub(super) fn challenge(&self, factor: usize, now: i64) -> Expected {
        let factor = &self.factors[factor];
        if factor.kind == Kind::App {
            return Expected::of([refusal("invalid_request")]);
        }
        Expected::of(factor.wrong.delays(now)).or(factor.carried(now).ends(now)).or(factor.sent.limit(now))
    }

    pub(super) fn answer(&self, session: usize, factor: usize, id: &str, code: &str, now: i64) -> Expected {
        let factor = &self.factors[factor];
        let open = match factor.challenges.last() {
            Some(newest) if newest.id == id && !factor.sent.is_swept(self.swept) => newest,
            _ => return Expected::of([refusal("not_found")]),
        };
        if open.answered {
            return Expected::of([refusal("already_used")]);
        }
        let is_standing = open.epoch == self.epoch || open.begun_by == session && self.has_recent_check(session, now);
        if now >= open.ends {
            return Expected::of([refusal("expired")]);
        }
        let ended = (!is_standing).then(|| refusal("expired"));
        let refused = Expected::of(ended).or(factor.wrong.delays(now)).or(open.wrong.ends(now));
        if !refused.refusals.is_empty() || open.code == code {
            return refused;
        }
        let before_a_delay = factor.wrong.free_after_this().unwrap_or(0);
        Expected::wrong(Some(open.wrong.tries_after_this().min(before_a_delay)), Effect::Nothing)
    }

    pub(super) fn new_codes(&self, session: usize, code: Option<&str>, now: i64) -> Expected {
        let nothing = self.factors.is_empty().then(|| refusal("not_enrolled"));
        self.authorize(session, code, Apps::Only, now).or(nothing)
    }

    pub(super) fn change(&self, session: usize, factor: usize, code: Option<&str>, now: i64) -> Expected {
        let apps = if self.factors[factor].kind == Kind::App { Apps::One(factor) } else { Apps::Only };
        self.authorize(session, code, apps, now)
    }

    pub(super) fn rename(&self, session: usize, factor: usize, label: &str, code: Option<&str>, now: i64) -> Expected {
        let others = self.factors.iter().enumerate().filter(|(index, each)| *index != factor && each.kind == Kind::App);
        let taken = self.factors[factor].kind == Kind::App && others.into_iter().any(|(_, each)| each.label == label);
        self.change(session, factor, code, now).or(taken.then(|| refusal("already_enrolled")))
    }

    /// Makes the newest enrolment of a kind a factor.
    pub(super) fn bind(&mut self, session: usize, kind: Kind, id: String, label: String, now: i64) {
        let confirmed = self.enrollments[kind as usize].last_mut().unwrap();
        confirmed.confirmed = true;
        let (secret, to) = (confirmed.secret.clone(), confirmed.to.clone());
        let used = now.div_euclid(30);
        self.factors.push(Factor {
            id,
            kind,
            label,
            to,
            secret,
            used,
            wrong: Wrong::default(),
            sent: Messages::default(),
            challenges: Vec::new(),
        });
        self.epoch += 1;
        self.forget_checks_of(1 - session);
        // Binding the first factor counts as a check. Binding another renews no check, but after the first one that is
        // stronger than e-mail, a check by e-mail allows what it allowed before.
        let stronger = self.factors.iter().filter(|factor| factor.kind != Kind::Address).count();
        if self.factors.len() == 1 {
            self.note_check(session, now);
        } else if kind != Kind::Address
            && stronger == 1
            && let Some(since) = self.mailed_since[session]
        {
            self.note_check(session, since);
        }
    }

    /// Replaces the recovery codes. Other sessions lose their checks, which they may have passed with an old code.
    pub(super) fn renew_codes(&mut self, session: usize, codes: Vec<String>) {
        self.used.extend(self.unused.take().into_iter().flatten());
        self.unused = Some(codes);
        self.forget_checks_of(1 - session);
        self.epoch += 1;
    }

    pub(super) fn remove(&mut self, session: usize, factor: usize) {
        let gone = self.factors.remove(factor);
        self.orphans.extend(gone.challenges.into_iter().map(|challenge| (challenge.id, challenge.code)));
        self.epoch += 1;
        self.forget_checks_of(1 - session);
        if self.factors.is_empty() {
            self.used.extend(self.unused.take().into_iter().flatten());
            (0..2).for_each(|session| self.forget_checks_of(session));
        }
    }

    pub(super) fn wrong_for_enrollment(&mut self, kind: Kind, now: i64) {
        self.enrollments[kind as usize].last_mut().unwrap().wrong.more(now);
    }

    pub(super) fn wrong_for_challenge(&mut self, factor: usize, now: i64) {
        let factor = &mut self.factors[factor];
        factor.wrong.more(now);
        factor.challenges.last_mut().unwrap().wrong.more(now);
    }

    pub(super) fn answered(&mut self, session: usize, factor: usize, now: i64) {
        let factor = &mut self.factors[factor];
        factor.wrong = Wrong::default();
        factor.challenges.last_mut().unwrap().answered = true;
        if factor.kind == Kind::Address {
            self.mailed_since[session] = Some(now);
        } else {
            self.note_check(session, now);
        }
    }
}

impl Factor {
    /// The count of wrong answers that a new challenge takes over.
    pub(super) fn carried(&self, now: i64) -> Wrong {
        match self.challenges.last() {
            Some(open) if !open.answered => open.wrong.carried(now),
            _ => Wrong::default(),
        }
    }
}

/// Whether an app shows a code now, or one step earlier or later.
fn shows(secret: &str, code: &str, now: i64) -> bool {
    (-1..=1).any(|step| tools::totp(secret, now + step * 30) == code)
}
