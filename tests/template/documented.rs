//! The statements of `docs/deploy.md`.

use std::fs;
use std::path::Path;

use countersign::http::routes::Function;

use super::{Template, permissions, rules};

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy.md")).unwrap()
}

/// The parameters of every `sam deploy` in the page.
fn parameter_sets() -> Vec<Vec<String>> {
    let lines = page().replace("\\\n", " ");
    let commands = lines.lines().filter_map(|line| line.trim().strip_prefix("sam deploy"));
    commands
        .filter_map(|command| command.split_once("--parameter-overrides "))
        .map(|(_, parameters)| parameters.split_whitespace().map(|each| each.replace('\'', "")).collect())
        .collect()
}

#[test]
fn the_documented_parameter_sets_are_accepted() {
    let sets = parameter_sets();
    for issuer in ["Issuer=https://cognito-idp.", "Issuer=https://example.eu.auth0.com/"] {
        assert!(sets.concat().iter().any(|parameter| parameter.starts_with(issuer)), "no set has {issuer}");
    }
    for set in sets {
        let parameters: Vec<_> = set.iter().map(String::as_str).collect();
        if Template::with(&parameters).is_none() {
            return;
        }
        assert_eq!(rules::broken(&parameters).unwrap(), [""; 0], "{parameters:?}");
    }
}

#[test]
fn the_table_of_permissions_says_what_each_function_reads_and_writes() {
    let page = page();
    let (_, table) = page.split_once("| function | `dynamodb:GetItem` |").unwrap();
    let rows: Vec<Vec<_>> = table.lines().skip(2).map(|row| row.split('|').map(str::trim).collect()).collect();
    for function in Function::ALL {
        let name = format!("`{}`", function.name());
        let row = rows.iter().find(|row| row.get(1) == Some(&name.as_str())).unwrap();
        let (read, written) = permissions::items(function);
        assert_eq!((row[2], row[3]), (words(read).as_str(), words(written).as_str()), "{name}");
    }
}

/// The kinds of items in words: `a#*` and `e#*` give `accounts, enrolments`.
fn words(kinds: &[&str]) -> String {
    let word = |kind: &&str| match *kind {
        "a#*" => "accounts",
        "e#*" => "enrolments",
        "c#*" => "challenges",
        "l#*" => "limits",
        "s#*" => "sessions",
        "f#*" => "references of faces",
        "b#faces" => "today's comparisons of faces",
        "k#receipt" => "the keys of receipts",
        "k#jwks" => "their public halves",
        other => panic!("the page has no word for {other}"),
    };
    kinds.iter().map(word).collect::<Vec<_>>().join(", ")
}
