//! The README says what is: its tables are held against the code, and against what the other tests saw.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use countersign::config::SETTINGS;
use countersign::http::routes::routes;
use serde_json::Value;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The part of the README under a heading or marker, up to the next.
fn section<'a>(readme: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = readme.split_once(from).unwrap_or_else(|| panic!("the README has no {from:?}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// The cells of a table's rows, without the two lines of its head.
fn rows(section: &str) -> Vec<Vec<String>> {
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn the_table_of_settings_is_the_one_in_the_code() {
    let readme = read("README.md");
    let documented = rows(section(&readme, "<!-- settings -->", "<!-- /settings -->"));
    let expected: Vec<_> = SETTINGS
        .iter()
        .map(|setting| {
            let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
            vec![format!("`{}`", setting.name), default, setting.meaning.to_owned()]
        })
        .collect();
    let table: Vec<_> = expected.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    assert_eq!(documented, expected, "the table should be:\n{}", table.join("\n"));
}

#[test]
fn every_route_is_in_the_row_of_its_function_and_nothing_else_is() {
    let readme = read("README.md");
    let mut documented = BTreeSet::new();
    for row in rows(section(&readme, "## Routes", "A native request")) {
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
    let readme = read("README.md");
    let native: BTreeSet<_> = rows(section(&readme, "**Native**", "**GenAuth**"))
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone()))
        .collect();
    let genauth: BTreeSet<_> = rows(section(&readme, "**GenAuth**", "**Logto**"))
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let logto: BTreeSet<_> = rows(section(&readme, "**Logto**", "**Profile page**"))
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
    for document in ["README.md", "DESIGN.md"] {
        for link in read(document).split("](").skip(1) {
            let target = link.split(')').next().unwrap().split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                read(target);
            }
        }
    }
}
