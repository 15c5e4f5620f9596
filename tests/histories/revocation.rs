//! T18 as random histories of three sessions of one user, in every dialect, and the back end. An actor can't finish
//! what it began before another actor's change, and no change renews a check.

mod attacks;
mod changing;
mod checking;
mod enrolling;
mod oracle;
mod play;
mod steps;
mod ways;

use super::Told;

/// The most rounds of histories in which every case must occur.
const ROUNDS: usize = 4;

/// The cases that must occur in all rounds together: each reason for a refusal, and each way to success.
const COVERED: &[&str] = &[
    "native: finished",
    "genauth: finished",
    "logto: finished",
    "profile: finished",
    "finished with nothing changed",
    "finished by the back end",
    "finished by another session",
    "finished after an own change",
    "finished after another's change and a check",
    "native: unfinished after another's change",
    "genauth: unfinished after another's change",
    "logto: unfinished after another's change",
    "profile: unfinished after another's change",
    "native: unfinished after another's change, in other hands",
    "genauth: unfinished after another's change, in other hands",
    "logto: unfinished after another's change, in other hands",
    "profile: unfinished after another's change, in other hands",
    "unfinished after an own change, with an old check",
    "unfinished in other hands",
    "unfinished without a check",
    "unfinished of the back end, after a change",
    "unfinished of another kind of caller",
    "answered with nothing changed",
    "answered by the back end",
    "answered by another session",
    "answered after an own change",
    "answered after another's change and a check",
    "unanswered after another's change",
    "unanswered after another's change, in other hands",
    "unanswered after an own change, with an old check",
    "unanswered of the back end, after a change",
    "unanswered of another kind of caller",
    "checked: App",
    "checked: Recovery",
    "checked: Genauth",
    "checked: Logto",
    "checked: Challenge",
    "native: begun",
    "genauth: begun",
    "logto: begun",
    "profile: begun",
    "native: not begun after another's change",
    "genauth: not begun after another's change",
    "profile: not begun after another's change",
    "new codes: made",
    "new codes: not made after another's change",
    "native: removed",
    "genauth: removed",
    "profile: removed",
    "native: not removed after another's change",
    "genauth: not removed after another's change",
    "refused after a check before another's change",
    "refused after an old check, and a later binding",
    "refused after an old check, and a later set of codes",
    "refused after an old check, and a later removal",
    "the user was forgotten",
];

#[test]
fn in_random_histories_a_change_ends_the_pending_work_of_other_actors_t18() {
    let mut told = Told::new();
    let missing = |told: &Told| COVERED.iter().copied().filter(|what| !told.contains_key(*what)).collect::<Vec<_>>();
    // Rare cases may be missing in one round.
    for _ in 0..ROUNDS {
        for (what, count) in super::run(160, attacks::history(), play::play) {
            *told.entry(what).or_default() += count;
        }
        if missing(&told).is_empty() {
            return;
        }
    }
    panic!("no history had {:?}: {told:#?}", missing(&told));
}
