//! The documents agree with the code, and with the answers that the other tests saw.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use countersign::config::{DEPLOYMENT_SETTINGS, SETTINGS, Setting};
use countersign::http::routes::routes;
use serde_json::Value;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The part of a page from one heading or marker up to another.
fn section<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("the page has no {from:?}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// The cells of a table's rows, without the two lines of its head.
fn rows(section: &str) -> Vec<Vec<String>> {
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Each setting's row.
fn settings(settings: &[Setting]) -> Vec<Vec<String>> {
    let row = |setting: &Setting| {
        let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        vec![format!("`{}`", setting.name), default, setting.meaning.to_owned()]
    };
    settings.iter().map(row).collect()
}

#[test]
fn the_tables_of_settings_are_those_in_the_code() {
    for (name, expected) in [("settings", SETTINGS), ("deployment-settings", DEPLOYMENT_SETTINGS)] {
        assert_table("docs/settings.md", name, &settings(expected));
    }
}

/// The table between two comments of this name has these rows.
fn assert_table(page: &str, name: &str, expected: &[Vec<String>]) {
    let page = read(page);
    let documented = rows(section(&page, &format!("<!-- {name} -->"), &format!("<!-- /{name} -->")));
    let table: Vec<_> = expected.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    assert_eq!(documented, expected, "the table of {name} should be:\n{}", table.join("\n"));
}

/// What is done a thousand times, and the flows that it takes.
const COSTS: [(&str, &[&str]); 5] = [
    ("checks of an app's code, or of a recovery code", &["an_app_is_checked"]),
    ("checks by SMS or e-mail: challenge and answer", &["a_phone_is_challenged", "a_challenge_is_answered"]),
    ("enrolments of an app: begun and confirmed", &["an_app_is_begun", "an_app_is_confirmed"]),
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

/// US dollars for a million: of requests without their units, of read units, of write units.
fn prices() -> [f64; 3] {
    let page = read("docs/costs.md");
    let [mut request, mut read, mut write] = [0.0; 3];
    for row in rows(section(&page, "<!-- prices -->", "<!-- /prices -->")) {
        let price: f64 = row[1].parse().unwrap();
        match (row[0].as_str(), row[2].as_str()) {
            (name, "see above") if name.contains("read unit") => read = price,
            (_, "see above") => write = price,
            (_, much) => {
                let time = much.strip_prefix("128 MB × ").and_then(|time| time.strip_suffix(" ms"));
                let much = time.map_or_else(|| much.parse(), |time| time.parse().map(|ms: f64| 0.125 * ms / 1000.0));
                request += price * much.unwrap();
            }
        }
    }
    [request, read, write]
}

#[test]
fn what_it_costs_is_computed_from_the_prices_and_from_what_each_request_takes() {
    let [of_request, of_read, of_write] = prices();
    let row = |(what, flows): &(&str, &[&str])| {
        let requests = u32::try_from(flows.len()).unwrap();
        let [reads, writes] =
            flows.iter().map(|flow| units(flow)).fold([0, 0], |[r, w], [reads, writes]| [r + reads, w + writes]);
        let sum = f64::from(requests) * of_request + f64::from(reads) * of_read + f64::from(writes) * of_write;
        let numbers = [requests, reads, writes].map(|number| number.to_string());
        [vec![(*what).to_owned()], numbers.to_vec(), vec![format!("{:.4}", sum / 1000.0)]].concat()
    };
    assert_table("docs/costs.md", "costs", &COSTS.iter().map(row).collect::<Vec<_>>());

    // The table: what an item weighs and 100 bytes that DynamoDB adds, at $0.25 a GB and $0.20 for the backup.
    let sizes = read("tests/sizes/snapshots/countersign__sizes__items__every_item.snap");
    let usual = sizes.lines().find(|line| line.ends_with("an app and ten recovery codes, just enrolled")).unwrap();
    let bytes: f64 = usual.split_whitespace().next().unwrap().parse().unwrap();
    let gigabytes = (bytes + 100.0) / 1000.0;
    let sentence = format!("weigh {gigabytes:.1} GB, which is ${:.2} a month", gigabytes * (0.25 + 0.20));
    assert!(read("docs/costs.md").contains(&sentence), "{sentence}");
}

#[test]
fn every_route_is_in_the_row_of_its_function_and_nothing_else_is() {
    let page = read("docs/api.md");
    let mut documented = BTreeSet::new();
    for row in rows(section(&page, "<!-- routes -->", "<!-- /routes -->")) {
        for route in row[1..].concat().split('`').filter(|text| text.contains('/')) {
            documented.insert((row[0].trim_matches('`').to_owned(), route.to_owned()));
        }
    }
    let expected: BTreeSet<_> = routes()
        .iter()
        .map(|route| (route.function.name().to_owned(), format!("{} {}", route.method.as_str(), route.path)))
        .collect();
    assert_eq!(documented, expected);
}

/// Every JSON answer in the reviewed snapshots, with its HTTP status.
fn answers() -> Vec<(u16, Value)> {
    let mut answers = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with(".venv") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "snap") {
                for answer in fs::read_to_string(&path).unwrap().split("\n→ ").skip(1) {
                    let status = answer.lines().next().unwrap().trim().parse().unwrap();
                    let body = answer.split_once("\n{").map(|(_, rest)| format!("{{{rest}"));
                    let body = body.and_then(|body| body.split_once("\n}").map(|(body, _)| format!("{body}\n}}")));
                    if let Some(body) = body.and_then(|body| serde_json::from_str(&body).ok()) {
                        answers.push((status, body));
                    }
                }
            }
        }
    }
    assert!(answers.len() > 50, "only {} answers were found in the snapshots", answers.len());
    answers
}

#[test]
fn every_error_that_was_seen_is_in_the_tables() {
    let page = read("docs/api.md");
    let native: BTreeSet<_> = rows(section(&page, "**Native**", "**GenAuth**"))
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone()))
        .collect();
    let genauth: BTreeSet<_> = rows(section(&page, "**GenAuth**", "**Logto**"))
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let logto: BTreeSet<_> = rows(section(&page, "**Logto**", "**Profile page**"))
        .into_iter()
        .map(|row| row[1].trim_matches('`').to_owned())
        .collect();

    let mut seen = [0; 3];
    for (status, answer) in answers() {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(code), Some(_)) = (text("code"), text("title")) {
            assert!(native.contains(&(code.clone(), status.to_string())), "native {status} {code} is not documented");
            seen[0] += 1;
        } else if let Some(code) = answer.get("statusCode").and_then(Value::as_u64).filter(|code| *code != 200) {
            let api_code = answer.get("apiCode").map(ToString::to_string).unwrap_or_default();
            assert!(genauth.contains(&(code.to_string(), api_code.clone())), "GenAuth {code} {api_code:?} is not");
            seen[1] += 1;
        } else if let (Some(code), Some(_)) = (text("code"), text("message")) {
            assert!(logto.contains(&code), "Logto {status} {code} is not documented");
            seen[2] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 5), "errors seen natively, of GenAuth, of Logto: {seen:?}");
}

#[test]
fn every_file_that_the_documents_link_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = fs::read_dir(root.join("docs")).unwrap().chain(fs::read_dir(&root).unwrap());
    let pages: Vec<_> =
        pages.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    assert!(pages.len() > 7, "only {} pages were found", pages.len());
    for page in pages {
        for link in fs::read_to_string(&page).unwrap().split("](").skip(1) {
            let target = link.split(')').next().unwrap().split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                let target = page.parent().unwrap().join(target);
                assert!(target.exists(), "{} links to {}", page.display(), target.display());
            }
        }
    }
}
