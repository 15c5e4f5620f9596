//! The table of `docs/costs.md`: computed from the prices on that page and from what each request takes.

use super::documents::table;
use super::region;
use crate::docs::{read, rows};

/// The rows of the table of costs: a thing that is done a thousand times, and its flows.
const COSTS: [(&str, &[&str]); 10] = [
    ("checks of an app's code, or of a recovery code, without a receipt", &["an_app_is_checked"]),
    ("the same with a receipt", &["an_app_is_checked_with_a_receipt"]),
    (
        "checks by SMS or e-mail: challenge and answer",
        &["a_phone_is_challenged", "a_challenge_is_answered_with_a_receipt"],
    ),
    ("checks by a passkey: challenge and answer", &["a_passkey_is_challenged", "a_passkey_is_checked"]),
    (
        "sign-ins by a hosted session with an app: created, shown, passed, redeemed",
        &[
            "the_back_end_creates_a_session",
            "a_session_is_shown",
            "a_session_is_passed_with_an_app",
            "the_back_end_redeems_a_session_with_a_receipt",
        ],
    ),
    ("demands that are met", &["a_demand_is_met_with_a_receipt"]),
    ("enrolments of an app: begun and confirmed", &["an_app_is_begun", "an_app_is_confirmed"]),
    ("enrolments of a passkey", &["a_passkey_is_begun", "a_passkey_is_confirmed"]),
    ("enrolments of a number or an address", &["a_phone_is_begun", "a_phone_is_confirmed"]),
    ("lists of factors", &["factors_are_listed"]),
];

/// The read and write units of a flow's request, as they were reviewed.
fn units(flow: &str) -> [u32; 2] {
    let snapshot = read("tests/sizes/snapshots/countersign__sizes__round_trips__every_flow.snap");
    let of_flow = |line: &str| {
        let [_, reads, writes, name] = line.split_whitespace().take(4).collect::<Vec<_>>().try_into().ok()?;
        (name == format!("{flow}:")).then(|| [reads, writes].map(|units: &str| units.parse().unwrap()))
    };
    snapshot.lines().find_map(of_flow).unwrap_or_else(|| panic!("there is no {flow}"))
}

/// US dollars for a million: of requests without their units, of receipts, of read units, of write units.
fn prices(page: &str) -> [f64; 4] {
    let [mut request, mut receipt, mut read, mut write] = [0.0; 4];
    for row in rows(region::of(page, "prices")) {
        let price: f64 = row[1].parse().unwrap();
        match (row[0].as_str(), row[2].as_str()) {
            (name, "see above") if name.contains("read unit") => read = price,
            (_, "see above") => write = price,
            (name, much) => {
                let time = much.strip_prefix("128 MB × ").and_then(|time| time.strip_suffix(" ms"));
                let much = time.map_or_else(|| much.parse(), |time| time.parse().map(|ms: f64| 0.125 * ms / 1000.0));
                let of = if name.ends_with("for a receipt") { &mut receipt } else { &mut request };
                *of += price * much.unwrap();
            }
        }
    }
    [request, receipt, read, write]
}

pub(super) fn synced(page: &str) -> String {
    let [of_request, of_receipt, of_read, of_write] = prices(page);
    let row = |(what, flows): &(&str, &[&str])| {
        let requests = u32::try_from(flows.len()).unwrap();
        let [reads, writes] =
            flows.iter().map(|flow| units(flow)).fold([0, 0], |[r, w], [reads, writes]| [r + reads, w + writes]);
        let receipts = u32::try_from(flows.iter().filter(|flow| flow.ends_with("_with_a_receipt")).count()).unwrap();
        let sum = f64::from(requests) * of_request
            + f64::from(receipts) * of_receipt
            + f64::from(reads) * of_read
            + f64::from(writes) * of_write;
        let numbers = [requests, reads, writes].map(|number| number.to_string());
        [vec![(*what).to_owned()], numbers.to_vec(), vec![format!("{:.4}", sum / 1000.0)]].concat()
    };
    let head = ["a thousand", "requests", "read units", "write units", "$"];
    region::with(page, "costs", &table(head, &COSTS.iter().map(row).collect::<Vec<_>>()))
}
