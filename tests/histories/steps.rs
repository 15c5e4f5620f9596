//! The steps of a history.

use proptest::prelude::*;

/// The answers that must occur in all histories together.
pub(super) const TOLD: &[&str] = &[
    "passed",
    "already_enrolled",
    "already_used",
    "code_already_used",
    "expired",
    "factor_locked",
    "factor_required",
    "incorrect_code",
    "invalid_request",
    "not_enrolled",
    "not_found",
    "step_up_required",
    "too_many_attempts",
    "too_many_factors",
    "too_many_messages",
];

/// A user, in one of two sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who {
    pub(super) user: usize,
    pub(super) session: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Seconds pass.
    Pass(i64),
    /// The store deletes every item whose time to live has passed.
    Sweep,
    Do(Who, Act),
}

/// A request of a user. Factors are counted from the first of the kind that is meant, and again after the last; the
/// third is any.
#[derive(Clone, Debug)]
pub(super) enum Act {
    BeginApp { label: usize, code: Given },
    BeginSent { to: usize, code: Given },
    Confirm { kind: Kind, token: Which, code: Guess },
    Challenge { factor: usize },
    Answer { factor: usize, challenge: Which, code: Guess },
    Check { factor: Option<usize>, code: AppCode },
    Recover { code: RecoveryCode },
    NewCodes { code: Given },
    Rename { factor: usize, label: usize, code: Given },
    Remove { factor: usize, code: Given },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    App,
    Phone,
    Address,
}

/// A code in place of a recent check.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given {
    Nothing,
    App(AppCode),
    Recovery(RecoveryCode),
}

/// The token or challenge to use.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Newest,
    /// The one before the newest.
    Older,
    /// The newest of the other user.
    Others,
}

/// A code for an enrolment or a challenge.
#[derive(Clone, Copy, Debug)]
pub(super) enum Guess {
    Right,
    Wrong,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum AppCode {
    /// The code that the app shows this many steps from now.
    Shown(i64),
    Wrong,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum RecoveryCode {
    Unused,
    Used,
    Wrong,
}

/// One step, or several that make sense one after another.
pub(super) fn step() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        3 => pass(),
        1 => Just(vec![Step::Sweep]),
        4 => (who(), 0..2_usize).prop_map(|(who, label)| enroll(who, Kind::App, label)),
        4 => (who(), 0..4_usize).prop_map(|(who, to)| enroll(who, kind_of(to), to)),
        4 => (who(), 0..3_usize, guess()).prop_map(|(who, factor, code)| challenge(who, factor, code)),
        1 => (who(), 0..4_usize, 1..4_usize).prop_map(|(who, to, count)| insist(who, to, count)),
        2 => (who(), 0..3_usize, gap(), 2..9_usize)
            .prop_map(|(who, factor, gap, count)| send_again(who, factor, gap, count)),
        2 => (0..4_usize, gap(), 2..13_usize, given())
            .prop_map(|(to, gap, count, code)| begin_by_turns(to, gap, count, code)),
        1 => (who(), 0..3_usize, prop::sample::select(vec![172_800, 172_801]))
            .prop_map(|(who, factor, seconds)| answer_late(who, factor, seconds)),
        1 => (who(), 0..2_usize).prop_map(|(who, label)| hand_over(who, label)),
        1 => (who(), 0..3_usize, guesses_in_a_row()).prop_map(|(who, factor, count)| guesses(who, factor, count)),
        18 => (who(), act()).prop_map(|(who, act)| vec![Step::Do(who, act)]),
    ]
}

/// The kind of a destination by its index: two phone numbers, then two addresses.
pub(super) fn kind_of(to: usize) -> Kind {
    if to < 2 { Kind::Phone } else { Kind::Address }
}

fn pass() -> impl Strategy<Value = Vec<Step>> {
    let seconds = prop_oneof![
        6 => prop::sample::select(vec![1, 2, 4, 8, 19, 20, 29, 30, 31, 60]),
        2 => prop::sample::select(vec![59, 61, 300, 599, 600, 601]),
        1 => prop::sample::select(vec![899, 900, 901, 3_599, 3_600, 86_399, 86_400, 90_000, 172_801, 700_000]),
    ];
    seconds.prop_map(|seconds| vec![Step::Pass(seconds)])
}

fn who() -> impl Strategy<Value = Who> {
    (0..2_usize, 0..2_usize).prop_map(|(user, session)| Who { user, session })
}

fn enroll(who: Who, kind: Kind, which: usize) -> Vec<Step> {
    let begin = match kind {
        Kind::App => Act::BeginApp { label: which, code: Given::Nothing },
        Kind::Phone | Kind::Address => Act::BeginSent { to: which, code: Given::Nothing },
    };
    let confirm = Act::Confirm { kind, token: Which::Newest, code: Guess::Right };
    vec![Step::Do(who, begin), Step::Do(who, confirm)]
}

fn challenge(who: Who, factor: usize, code: Guess) -> Vec<Step> {
    let answer = Act::Answer { factor, challenge: Which::Newest, code };
    vec![Step::Do(who, Act::Challenge { factor }), Step::Do(who, answer)]
}

/// Wrong codes for one enrolment, then for another.
fn insist(who: Who, to: usize, count: usize) -> Vec<Step> {
    let confirm = |code| Step::Do(who, Act::Confirm { kind: kind_of(to), token: Which::Newest, code });
    let begin = || Step::Do(who, Act::BeginSent { to, code: Given::Nothing });
    let guesses = || (0..count).map(|_| confirm(Guess::Wrong));
    let first = [begin()].into_iter().chain(guesses());
    first.chain([Step::Pass(60), begin()]).chain(guesses()).chain([confirm(Guess::Right)]).collect()
}

/// Seconds between messages, chosen so that each limit is reached.
fn gap() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![19, 20, 60, 200, 600, 900, 3_600])
}

/// Challenges of one factor, answered or not.
fn send_again(who: Who, factor: usize, gap: i64, count: usize) -> Vec<Step> {
    let again = |number: usize| {
        let sent = challenge(who, factor, Guess::Right);
        sent.into_iter().take(1 + number % 2).chain([Step::Pass(gap)])
    };
    (0..count).flat_map(again).collect()
}

/// Enrolments of one destination, by both users.
fn begin_by_turns(to: usize, gap: i64, count: usize, code: Given) -> Vec<Step> {
    let begin = |number| Step::Do(Who { user: number % 2, session: 0 }, Act::BeginSent { to, code });
    (0..count).flat_map(|number| [begin(number), Step::Pass(gap)]).collect()
}

/// An answer after the day that a message counts for, and the day that its item is kept after that.
fn answer_late(who: Who, factor: usize, seconds: i64) -> Vec<Step> {
    let mut steps = challenge(who, factor, Guess::Right);
    steps.splice(1..1, [Step::Pass(seconds), Step::Sweep]);
    steps
}

/// One session removes every factor, and another enrols anew: the first session then has no recent check.
fn hand_over(who: Who, label: usize) -> Vec<Step> {
    let other = Who { session: 1 - who.session, ..who };
    let remove = || Step::Do(who, Act::Remove { factor: 0, code: Given::App(AppCode::Shown(0)) });
    let steps = enroll(who, Kind::App, label).into_iter().chain([remove(), remove(), remove()]);
    let steps = steps.chain(enroll(other, Kind::App, label));
    steps.chain([Step::Do(who, Act::NewCodes { code: Given::Nothing })]).collect()
}

/// Numbers of guesses: few enough to go on, or enough to be locked out.
fn guesses_in_a_row() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![1, 2, 3, 4, 10])
}

/// Wrong codes in a row, each at a time when it is compared.
fn guesses(who: Who, factor: usize, count: usize) -> Vec<Step> {
    let check = |code| Step::Do(who, Act::Check { factor: Some(factor), code });
    let guesses = (0..count).flat_map(|_| [check(AppCode::Wrong), Step::Pass(900)]);
    guesses.chain([check(AppCode::Wrong), check(AppCode::Shown(0))]).collect()
}

fn act() -> impl Strategy<Value = Act> {
    let kind = || prop::sample::select(vec![Kind::App, Kind::Phone, Kind::Address]);
    let factor = || 0..3_usize;
    prop_oneof![
        2 => (0..2_usize, given()).prop_map(|(label, code)| Act::BeginApp { label, code }),
        2 => (0..4_usize, given()).prop_map(|(to, code)| Act::BeginSent { to, code }),
        4 => (kind(), which(), guess()).prop_map(|(kind, token, code)| Act::Confirm { kind, token, code }),
        2 => factor().prop_map(|factor| Act::Challenge { factor }),
        3 => (factor(), which(), guess())
            .prop_map(|(factor, challenge, code)| Act::Answer { factor, challenge, code }),
        4 => (prop::option::of(factor()), app_code()).prop_map(|(factor, code)| Act::Check { factor, code }),
        2 => recovery_code().prop_map(|code| Act::Recover { code }),
        1 => given().prop_map(|code| Act::NewCodes { code }),
        1 => (factor(), 0..2_usize, given()).prop_map(|(factor, label, code)| Act::Rename { factor, label, code }),
        1 => (factor(), given()).prop_map(|(factor, code)| Act::Remove { factor, code }),
    ]
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        4 => Just(Given::Nothing),
        2 => app_code().prop_map(Given::App),
        1 => recovery_code().prop_map(Given::Recovery),
    ]
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![6 => Just(Which::Newest), 1 => Just(Which::Older), 1 => Just(Which::Others)]
}

fn guess() -> impl Strategy<Value = Guess> {
    prop_oneof![2 => Just(Guess::Right), 1 => Just(Guess::Wrong)]
}

fn app_code() -> impl Strategy<Value = AppCode> {
    prop_oneof![4 => Just(AppCode::Shown(0)), 3 => (-2..=2_i64).prop_map(AppCode::Shown), 2 => Just(AppCode::Wrong)]
}

fn recovery_code() -> impl Strategy<Value = RecoveryCode> {
    prop_oneof![2 => Just(RecoveryCode::Unused), 1 => Just(RecoveryCode::Used), 1 => Just(RecoveryCode::Wrong)]
}
