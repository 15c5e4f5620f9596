//! The steps of several sessions and of the back end.

use proptest::prelude::*;

use super::oracle::SESSIONS;
use super::ways::Way;

/// A session of the user, or the back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Session(usize),
    BackEnd,
}

impl Who {
    pub(super) fn is_back_end(self) -> bool {
        self == Self::BackEnd
    }
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Seconds pass.
    Pass(i64),
    Begin {
        who: Who,
        way: Way,
        code: bool,
    },
    /// Only verifies the code of an enrolment, in Logto's dialect.
    Verify {
        by: By,
    },
    /// Finishes the nth newest enrolment. The open ones are counted first.
    Finish {
        nth: usize,
        by: By,
        right: bool,
    },
    Check {
        session: usize,
        with: With,
    },
    /// Passes a check, if the session may not change factors without one.
    CheckIfNeeded {
        session: usize,
    },
    /// The back end enrols an address, if the account has no factor with a destination.
    AddressIfNeeded,
    Challenge {
        who: Who,
        factor: usize,
    },
    /// Answers the nth newest challenge. The open ones are counted first.
    Answer {
        nth: usize,
        by: By,
        right: bool,
    },
    NewCodes {
        who: Who,
        code: bool,
    },
    Remove {
        who: Who,
        route: Route,
        factor: usize,
        code: bool,
    },
    /// The back end forgets the user.
    Forget,
}

impl Step {
    /// The way of an enrolment that begins.
    pub(super) fn way(&self) -> Option<Way> {
        if let Self::Begin { way, .. } = self { Some(*way) } else { None }
    }
}

/// The actor that finishes something.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    Beginner,
    Other(Who),
}

/// The means with which a session passes a check. If the account does not have it, the session takes another.
#[derive(Clone, Copy, Debug)]
pub(super) enum With {
    App,
    Recovery,
    Genauth,
    Logto,
    Challenge,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    Native,
    Genauth,
    /// The profile page. It removes every app, with a code.
    Page,
}

/// A request that needs a recent check.
pub(super) fn request() -> impl Strategy<Value = Step> {
    let code = || prop::bool::weighted(0.2);
    prop_oneof![
        3 => (who(), way(), code()).prop_map(|(who, way, code)| Step::Begin { who, way, code }),
        1 => (who(), code()).prop_map(|(who, code)| Step::NewCodes { who, code }),
        2 => (who(), route(), 0..4_usize, code())
            .prop_map(|(who, route, factor, code)| Step::Remove { who, route, factor, code }),
    ]
}

pub(super) fn single() -> impl Strategy<Value = Step> {
    let nth = || prop_oneof![4 => Just(0_usize), 1 => 1..4_usize];
    let right = || prop::bool::weighted(0.9);
    prop_oneof![
        4 => request(),
        1 => by().prop_map(|by| Step::Verify { by }),
        4 => (nth(), by(), right()).prop_map(|(nth, by, right)| Step::Finish { nth, by, right }),
        3 => (session(), with()).prop_map(|(session, with)| Step::Check { session, with }),
        2 => (who(), 0..4_usize).prop_map(|(who, factor)| Step::Challenge { who, factor }),
        3 => (nth(), by(), right()).prop_map(|(nth, by, right)| Step::Answer { nth, by, right }),
    ]
}

pub(super) fn session() -> impl Strategy<Value = usize> {
    0..SESSIONS
}

pub(super) fn who() -> impl Strategy<Value = Who> {
    prop_oneof![5 => session().prop_map(Who::Session), 1 => Just(Who::BackEnd)]
}

pub(super) fn by() -> impl Strategy<Value = By> {
    prop_oneof![3 => Just(By::Beginner), 2 => who().prop_map(By::Other)]
}

/// A way to enrol, each dialect with the same probability.
pub(super) fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        prop::sample::select(vec![Way::App, Way::Phone, Way::Address]),
        prop::sample::select(vec![Way::GenauthApp, Way::GenauthPhone, Way::GenauthAddress]),
        Just(Way::Logto),
        Just(Way::Page),
    ]
}

pub(super) fn with() -> impl Strategy<Value = With> {
    prop::sample::select(vec![With::App, With::Recovery, With::Genauth, With::Logto, With::Challenge])
}

pub(super) fn route() -> impl Strategy<Value = Route> {
    prop::sample::select(vec![Route::Native, Route::Native, Route::Genauth, Route::Page])
}

pub(super) fn seconds() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![1, 30, 100, 250, 300, 500, 599, 600, 601, 700])
}
