//! The documents agree with the answers that the other tests saw, and with one another. Their generated tables are
//! in `sync`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The part of a page from one heading or marker up to another.
fn section<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("the page has no {from:?}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// The cells of a table's rows, without the two lines of its head.
pub fn rows(section: &str) -> Vec<Vec<String>> {
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn the_storage_costs_follow_from_the_size_of_an_item() {
    // The size of an item, and 100 bytes that DynamoDB adds, at $0.25 a GB and $0.20 for the backup.
    let sizes = read("tests/sizes/snapshots/countersign__sizes__items__every_item.snap");
    let usual = sizes.lines().find(|line| line.ends_with("an app and ten recovery codes, just enrolled")).unwrap();
    let bytes: f64 = usual.split_whitespace().next().unwrap().parse().unwrap();
    let gigabytes = (bytes + 100.0) / 1000.0;
    let sentence = format!("weigh {gigabytes:.1} GB, which is ${:.2} a month", gigabytes * (0.25 + 0.20));
    assert!(read("docs/costs.md").contains(&sentence), "{sentence}");
}

/// The page's sentence has the sizes, and a write takes one unit for each kilobyte that is begun.
#[test]
fn the_units_of_passkeys_follow_from_the_size_of_an_account() {
    let table = read("tests/sizes/snapshots/countersign__sizes__items__every_item.snap");
    let size = |account: &str| {
        let line = table.lines().find(|line| line.ends_with(account)).unwrap_or_else(|| panic!("no {account}"));
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap()
    };
    let one = [size("an app, ten recovery codes and a passkey"), size("three sessions checked by the passkey")];
    let fourth = size("four sessions checked by the passkey");
    let everything = [size("three passkeys, a number and an address"), size("four sessions checked, and wrong codes")];
    assert_eq!(one.map(|bytes| bytes.div_ceil(1024)), [1, 1]);
    assert_eq!([fourth, everything[0], everything[1]].map(|bytes| bytes.div_ceil(1024)), [2, 2, 2]);
    let [[one, three], [all, most]] = [one, everything];
    let sentence = format!(
        "has {one} bytes, and {three} while three sessions hold a recent check: one write unit. A fourth makes it {fourth} \
         bytes and two units. With three passkeys, a number and an address it has {all} to {most} bytes: two units"
    );
    let page = read("docs/costs.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&sentence), "{sentence}");
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
fn every_error_in_the_snapshots_is_documented() {
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

/// The files that a row of the requirements names. One without a folder is in the folder of the one before it.
fn named_files(cell: &str) -> Vec<PathBuf> {
    let mut folder = PathBuf::new();
    let mut files = Vec::new();
    let names = cell.split('`').skip(1).step_by(2);
    for name in names.filter(|name| name.ends_with(".rs") || name.ends_with('/')) {
        let path = if name.contains('/') { PathBuf::from(name) } else { folder.join(name) };
        folder = if name.ends_with('/') { path.clone() } else { path.parent().unwrap().to_owned() };
        files.push(path);
    }
    files
}

/// The text of a file, or of all files in a folder.
fn text_of(path: &Path) -> String {
    if path.is_file() {
        return fs::read_to_string(path).unwrap();
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.is_dir() || path.extension().is_some_and(|it| it == "rs"));
    paths.map(|path| text_of(&path)).collect()
}

#[test]
fn every_requirement_names_files_with_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = read("docs/security.md");
    let rows = rows(section(&page, "## Requirements", "T25 and T27"));
    assert!(rows.len() > 40, "only {} requirements were found", rows.len());
    for row in &rows {
        let (requirement, state) = (&row[0], &row[3]);
        let digits: String = requirement.chars().filter(char::is_ascii_digit).collect();
        let suffix = if requirement.ends_with('b') { "b" } else { "" };
        let number = format!("_t{digits:0>2}{suffix}");
        let texts: Vec<_> = named_files(state).iter().map(|path| text_of(&root.join(path))).collect();
        let is_whole = !state.starts_with("not yet") && !state.starts_with("in part");
        let is_tested = texts.iter().any(|text| text.contains(&number));
        assert!(is_tested || !is_whole, "no file of {requirement} has a test that ends in {number}");
    }
}

#[test]
fn every_file_that_the_documents_link_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.chain([root.join("docs"), root]).filter(|path| path.is_dir());
    let pages = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let pages: Vec<_> =
        pages.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    assert!(pages.len() > 15, "only {} pages were found", pages.len());
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

#[test]
fn the_applications_of_120_lines_have_no_more() {
    for example in ["node-express/app.js", "python-fastapi/app.py", "profile-page/index.html"] {
        let lines = read(&format!("examples/{example}")).lines().count();
        assert!(lines <= 120, "{example} has {lines} lines");
    }
    let block = read("README.md").split_once("```js\n").unwrap().1.split("```").next().unwrap().lines().count();
    assert!(block <= 15, "the code on the README's first screen has {block} lines");
}
