//! Histories: attempts to finish something after a change that has ended it, and other steps in between.

use proptest::prelude::*;

use super::oracle::SESSIONS;
use super::steps::{By, Route, Step, Who, With, request, route, seconds, session, single, way, who, with};
use super::ways::Way;

/// A change by an actor that may make it.
#[derive(Clone, Copy, Debug)]
enum Change {
    NewCodes,
    Bind(Way),
    Remove(Route, usize),
    Forget,
}

/// Attacks and single steps, one after another.
pub(super) fn history() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(part(), 1..14).prop_map(|parts| parts.concat())
}

fn part() -> impl Strategy<Value = Vec<Step>> {
    // An account without a factor needs no check, and an account with only an app has nothing to challenge.
    let address = || prop::option::weighted(0.8, Just(Step::AddressIfNeeded));
    prop_oneof![
        2 => seconds().prop_map(|seconds| vec![Step::Pass(seconds)]),
        2 => (who(), change()).prop_map(|(who, change)| made(who, change)),
        4 => single().prop_map(|step| vec![step]),
        35 => (address(), attempt()).prop_map(|(address, attempt)| address.into_iter().chain(attempt).collect()),
    ]
}

/// The attacks of T18: an actor tries something that a change may have ended.
fn attempt() -> BoxedStrategy<Vec<Step>> {
    prop_oneof![
        14 => attack().prop_map(|attack| attack.of_enrollment()),
        8 => attack().prop_map(|attack| attack.of_challenge()),
        7 => (session(), others(), change(), request()).prop_map(|(session, other, change, request)| {
            outlived(session, other(Who::Session(session)), change, request)
        }),
        5 => (session(), change(), change(), request())
            .prop_map(|(session, first, second, request)| prolonged(session, [first, second], request)),
        4 => (session(), way(), change(), half_a_life())
            .prop_map(|(session, way, change, seconds)| lingered(session, way, change, seconds)),
        3 => (session(), change(), half_a_life())
            .prop_map(|(session, change, seconds)| unanswered(session, change, seconds)),
        3 => (session(), way(), others()).prop_map(|(session, way, other)| handed_over(session, way, other)),
        2 => prop::option::of((who(), change())).prop_map(of_back_end),
        2 => session().prop_map(unchecked),
    ]
    .boxed()
}

/// A change, after a check if one is needed.
fn made(who: Who, change: Change) -> Vec<Step> {
    let check = match who {
        Who::Session(session) => Some(Step::CheckIfNeeded { session }),
        Who::BackEnd => None,
    };
    check.into_iter().chain(change.steps(who)).collect()
}

impl Change {
    fn steps(self, who: Who) -> Vec<Step> {
        match self {
            Self::NewCodes => vec![Step::NewCodes { who, code: false }],
            Self::Bind(way) => {
                vec![Step::Begin { who, way, code: false }, Step::Finish { nth: 0, by: By::Beginner, right: true }]
            }
            Self::Remove(route, factor) => vec![Step::Remove { who, route, factor, code: false }],
            Self::Forget => vec![Step::Forget],
        }
    }

    /// Replaces a binding that would replace the enrolment by another change.
    fn beside(self, way: Way) -> Self {
        match self {
            Self::Bind(other) if other.kind() == way.kind() => Self::NewCodes,
            Self::NewCodes | Self::Bind(_) | Self::Remove(..) | Self::Forget => self,
        }
    }
}

/// Makes room for an app if the dialect allows only one.
fn room_for(way: Way) -> Option<Step> {
    let apps = Step::Remove { who: Who::Session(0), route: Route::Page, factor: 0, code: true };
    way.is_of_an_only_app().then_some(apps)
}

/// One actor begins something, another makes changes, and the first may pass another check before it finishes.
#[derive(Clone, Debug)]
struct Attack {
    thief: Who,
    way: Way,
    is_verified: bool,
    changes: Vec<(Who, Change)>,
    seconds: Option<i64>,
    with: With,
    checks_again: bool,
    finishes: By,
}

impl Attack {
    fn check(&self) -> Option<Step> {
        match self.thief {
            Who::Session(session) => Some(Step::Check { session, with: self.with }),
            Who::BackEnd => None,
        }
    }

    /// The steps from `begin` to `end`, with the changes in between.
    fn around(&self, begin: Vec<Step>, changes: &[(Who, Change)], end: Step) -> Vec<Step> {
        let changes = changes.iter().flat_map(|(who, change)| made(*who, *change));
        let again = match self.thief {
            Who::Session(session) if self.checks_again => Some(Step::CheckIfNeeded { session }),
            Who::Session(_) | Who::BackEnd => None,
        };
        let wait = self.seconds.map(Step::Pass);
        begin.into_iter().chain(changes).chain(wait).chain(again).chain([end]).collect()
    }

    fn of_enrollment(&self) -> Vec<Step> {
        let begin = Step::Begin { who: self.thief, way: self.way, code: false };
        let verify = Some(Step::Verify { by: By::Beginner }).filter(|_| self.is_verified && self.way == Way::Logto);
        let begin = room_for(self.way).into_iter().chain(self.check()).chain([begin]).chain(verify).collect();
        let changes: Vec<_> = self.changes.iter().map(|(who, change)| (*who, change.beside(self.way))).collect();
        self.around(begin, &changes, Step::Finish { nth: 0, by: self.finishes, right: true })
    }

    fn of_challenge(&self) -> Vec<Step> {
        let begin = vec![Step::Challenge { who: self.thief, factor: 0 }];
        self.around(begin, &self.changes, Step::Answer { nth: 0, by: self.finishes, right: true })
    }
}

fn attack() -> BoxedStrategy<Attack> {
    let count = prop_oneof![1 => Just(0_usize), 3 => Just(1), 1 => Just(2)];
    let changes = count.prop_flat_map(|count| prop::collection::vec((others(), change()), count));
    let finishes = prop_oneof![3 => Just(None), 3 => others().prop_map(Some)];
    let seconds = prop::option::weighted(0.15, seconds());
    let parts = (who(), way(), any::<bool>(), changes, seconds, with(), prop::bool::weighted(0.35), finishes);
    parts
        .prop_map(|(thief, way, is_verified, changes, seconds, with, checks_again, finishes)| Attack {
            thief,
            way,
            is_verified,
            changes: changes.into_iter().map(|(other, change)| (other(thief), change)).collect(),
            seconds,
            with,
            checks_again,
            finishes: finishes.map_or(By::Beginner, |other| By::Other(other(thief))),
        })
        .boxed()
}

/// A function from an actor to another one.
fn others() -> impl Strategy<Value = fn(Who) -> Who> {
    let next: fn(Who) -> Who = |who| match who {
        Who::Session(session) => Who::Session((session + 1) % SESSIONS),
        Who::BackEnd => Who::Session(1),
    };
    let third: fn(Who) -> Who = |who| match who {
        Who::Session(session) => Who::Session((session + 2) % SESSIONS),
        Who::BackEnd => Who::Session(2),
    };
    let back_end: fn(Who) -> Who = |who| match who {
        Who::Session(_) => Who::BackEnd,
        Who::BackEnd => Who::Session(0),
    };
    prop_oneof![3 => Just(next), 2 => Just(third), 1 => Just(back_end)]
}

/// A session passes a check, an actor makes a change, and the session makes a request.
fn outlived(session: usize, who: Who, change: Change, request: Step) -> Vec<Step> {
    let room = request.way().and_then(room_for);
    let check = Step::Check { session, with: With::App };
    let change = request.way().map_or(change, |way| change.beside(way));
    room.into_iter().chain([check]).chain(made(who, change)).chain([by_session(request, session)]).collect()
}

/// A session makes one change after another, and makes a request when its check is old.
fn prolonged(session: usize, changes: [Change; 2], request: Step) -> Vec<Step> {
    let who = Who::Session(session);
    let room = request.way().and_then(room_for);
    let check = Step::Check { session, with: With::Genauth };
    let changes = changes.into_iter().map(|change| request.way().map_or(change, |way| change.beside(way)));
    let changes = changes.flat_map(|change| [Step::Pass(250)].into_iter().chain(change.steps(who)));
    let steps = room.into_iter().chain([check]).chain(changes).chain([Step::Pass(100)]);
    steps.chain([by_session(request.clone(), session)]).collect()
}

/// A session begins something and makes a change. At the end its check is old, but the enrolment is not.
fn lingered(session: usize, way: Way, change: Change, seconds: i64) -> Vec<Step> {
    let who = Who::Session(session);
    let check = Step::Check { session, with: With::Logto };
    let begin = [Step::Pass(seconds), Step::Begin { who, way, code: false }];
    let end = [Step::Pass(seconds), Step::Finish { nth: 0, by: By::Beginner, right: true }];
    let change = change.beside(way).steps(who);
    room_for(way).into_iter().chain([check]).chain(begin).chain(change).chain(end).collect()
}

/// The same with a challenge.
fn unanswered(session: usize, change: Change, seconds: i64) -> Vec<Step> {
    let who = Who::Session(session);
    let check = Step::Check { session, with: With::Recovery };
    let begin = [Step::Pass(seconds), Step::Challenge { who, factor: 0 }];
    let end = [Step::Pass(seconds), Step::Answer { nth: 0, by: By::Beginner, right: true }];
    [check].into_iter().chain(begin).chain(change.steps(who)).chain(end).collect()
}

/// A session begins an enrolment, and another tries to finish it.
fn handed_over(session: usize, way: Way, other: fn(Who) -> Who) -> Vec<Step> {
    let who = Who::Session(session);
    let begin = [Step::CheckIfNeeded { session }, Step::Begin { who, way, code: false }];
    let finish = Step::Finish { nth: 0, by: By::Other(other(who)), right: true };
    room_for(way).into_iter().chain(begin).chain([finish]).collect()
}

/// The back end sends a code and answers the challenge.
fn of_back_end(change: Option<(Who, Change)>) -> Vec<Step> {
    let change = change.map(|(who, change)| made(who, change)).unwrap_or_default();
    let begin = [Step::Challenge { who: Who::BackEnd, factor: 0 }];
    let answer = Step::Answer { nth: 0, by: By::Beginner, right: true };
    begin.into_iter().chain(change).chain([answer]).collect()
}

/// In Logto's dialect a session begins without a check, which it needs at the end.
fn unchecked(session: usize) -> Vec<Step> {
    let begin = Step::Begin { who: Who::Session(session), way: Way::Logto, code: false };
    let finish = Step::Finish { nth: 0, by: By::Beginner, right: true };
    room_for(Way::Logto).into_iter().chain([Step::Pass(600), begin, finish]).collect()
}

fn by_session(mut request: Step, session: usize) -> Step {
    if let Step::Begin { who, .. } | Step::NewCodes { who, .. } | Step::Remove { who, .. } = &mut request {
        *who = Who::Session(session);
    }
    request
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => Just(Change::NewCodes),
        8 => way().prop_map(Change::Bind),
        6 => (route(), 0..4_usize).prop_map(|(route, factor)| Change::Remove(route, factor)),
        1 => Just(Change::Forget),
    ]
}

/// Seconds: about half the time for which a check is valid, or ten.
fn half_a_life() -> impl Strategy<Value = i64> {
    prop_oneof![1 => Just(10_i64), 2 => 290..=310_i64]
}
