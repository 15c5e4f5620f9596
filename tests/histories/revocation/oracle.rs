//! The oracle: it knows only changes and checks, and says which actors may change factors or finish what was begun.

use super::steps::Who;

/// Sessions of the user.
pub(super) const SESSIONS: usize = 3;
/// Seconds for which a check is valid, an enrolment lives and a challenge lives.
pub(super) const LIFE: i64 = 600;

/// A change of factors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    by: Who,
    what: &'static str,
}

/// A session's last check.
#[derive(Clone, Copy, Debug)]
struct Check {
    at: i64,
    /// The number of changes that came before it.
    changes: usize,
}

/// The beginning of an enrolment or a challenge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    pub(super) by: Who,
    /// The number of changes that came before it.
    pub(super) changes: usize,
    pub(super) permit: Permit,
}

/// The actors that may finish it without another check while nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    Nobody,
    Beginner,
    AnySession,
}

#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) changes: Vec<Change>,
    checks: [Option<Check>; SESSIONS],
    /// The last checks by e-mail.
    mailed: [Option<Check>; SESSIONS],
    /// Whether the account has a factor that is stronger than e-mail.
    has_second_factor: bool,
}

impl Oracle {
    pub(super) fn note_check(&mut self, who: Who, now: i64) {
        if let Who::Session(session) = who {
            self.checks[session] = Some(Check { at: now, changes: self.changes.len() });
            self.mailed[session] = None;
        }
    }

    pub(super) fn note_mailed(&mut self, who: Who, now: i64) {
        if let Who::Session(session) = who {
            self.mailed[session] = Some(Check { at: now, changes: self.changes.len() });
        }
    }

    /// Records whether the account has a factor that is stronger than e-mail. After `who` has bound the first one, its
    /// check by e-mail allows what it allowed before.
    pub(super) fn note_strength(&mut self, who: Who, has_second_factor: bool) {
        if let (Who::Session(session), false, true) = (who, self.has_second_factor, has_second_factor) {
            self.checks[session] = self.mailed[session].take().or(self.checks[session]);
        }
        self.has_second_factor = has_second_factor;
    }

    pub(super) fn note_change(&mut self, by: Who, what: &'static str) {
        self.changes.push(Change { by, what });
    }

    /// Removes all checks: an account without a factor has none.
    pub(super) fn forget_checks(&mut self) {
        (self.checks, self.mailed) = Default::default();
    }

    /// Whether another actor has made one of the changes after the first `since`.
    fn has_been_changed_for(&self, who: Who, since: usize) -> bool {
        self.changes[since..].iter().any(|change| change.by != who)
    }

    /// Whether a session has passed a check in the last ten minutes and after the last change of any other actor. A check
    /// by e-mail counts only while the account has nothing stronger.
    pub(super) fn holds_check(&self, session: usize, now: i64) -> bool {
        let is_recent = |check: Option<Check>| {
            check.is_some_and(|check| {
                now < check.at + LIFE && !self.has_been_changed_for(Who::Session(session), check.changes)
            })
        };
        is_recent(self.checks[session]) || !self.has_second_factor && is_recent(self.mailed[session])
    }

    /// Whether an actor may finish what was begun.
    pub(super) fn may_finish(&self, beginning: Beginning, actor: Who, now: i64) -> bool {
        let is_unchanged = beginning.changes == self.changes.len();
        let is_own = beginning.by == actor;
        match (beginning.by, actor) {
            (Who::BackEnd, Who::BackEnd) => is_unchanged,
            (Who::BackEnd, Who::Session(_)) | (Who::Session(_), Who::BackEnd) => false,
            (Who::Session(_), Who::Session(session)) => {
                let is_permitted = match beginning.permit {
                    Permit::Nobody => false,
                    Permit::Beginner => is_own,
                    Permit::AnySession => true,
                };
                is_unchanged && is_permitted || is_own && self.holds_check(session, now)
            }
        }
    }

    /// The reason that an actor may not finish what was begun.
    pub(super) fn why_unfinished(&self, beginning: Beginning, actor: Who) -> &'static str {
        let is_own = beginning.by == actor;
        let is_changed = self.changes.len() > beginning.changes;
        match beginning.by {
            _ if beginning.by.is_back_end() != actor.is_back_end() => "of another kind of caller",
            Who::BackEnd => "of the back end, after a change",
            Who::Session(_) if self.has_been_changed_for(beginning.by, beginning.changes) => {
                if is_own {
                    "after another's change"
                } else {
                    "after another's change, in other hands"
                }
            }
            Who::Session(_) if is_changed && is_own => "after an own change, with an old check",
            Who::Session(_) if is_own => "without a check",
            Who::Session(_) => "in other hands",
        }
    }

    /// The reason that an actor may finish what was begun.
    pub(super) fn why_finished(&self, beginning: Beginning, actor: Who) -> &'static str {
        match beginning.by {
            Who::BackEnd => "by the back end",
            Who::Session(_) if beginning.by != actor => "by another session",
            Who::Session(_) if self.has_been_changed_for(actor, beginning.changes) => {
                "after another's change and a check"
            }
            Who::Session(_) if self.changes.len() > beginning.changes => "after an own change",
            Who::Session(_) => "with nothing changed",
        }
    }

    /// The reasons that a session holds no check.
    pub(super) fn why_unchecked(&self, session: usize, now: i64) -> Vec<String> {
        let who = Who::Session(session);
        let check = self.checks[session];
        let since = check.map_or(0, |check| check.changes);
        let is_old = check.is_some_and(|check| now >= check.at + LIFE);
        if self.has_been_changed_for(who, since) {
            let stale = "a check before another's change".to_owned();
            let never = "another's change".to_owned();
            return if check.is_some() && !is_old { vec![stale, never] } else { vec![never] };
        }
        let own = self.changes[since..].iter().map(|change| format!("an old check, and a later {}", change.what));
        if is_old { own.collect() } else { Vec::new() }
    }
}
