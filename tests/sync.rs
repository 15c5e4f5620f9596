//! In sync: whatever follows from the route table, from the tables of settings and from the reviewed costs is written by
//! one test. Without `SYNC=1` the test only compares. `CONTRIBUTING.md` says how it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use countersign::config::{DEPLOYMENT_SETTINGS, SETTINGS, Setting};
use countersign::http::routes::{Access, Function, Method, Route, routes};
use serde_json::Value;

use crate::bodies::given::well_meant;

mod costs;
mod documents;
mod events;
mod invented;
mod manifest;
mod region;
mod template;
mod writing;

pub use events::name_of;

/// The files with a generated region. The events are generated as whole files.
const FILES: [&str; 5] = ["Cargo.toml", "docs/api.md", "docs/costs.md", "docs/settings.md", "template.yaml"];

/// The text of each file that is at least partly generated, by its path in the repository.
type Files = BTreeMap<String, String>;

/// A route, with all that is generated from it.
#[derive(Clone)]
pub struct Row {
    function: Function,
    dialect: &'static str,
    access: Access,
    method: Method,
    path: &'static str,
    /// A body that is meant well, for a new event; `None` for a request without one.
    body: Option<Value>,
}

impl Row {
    /// The route key of API Gateway.
    fn key(&self) -> String {
        format!("{} {}", self.method.as_str(), self.path)
    }

    /// Whether the function may send a message, so that API Gateway limits the route's rate.
    fn sends(&self) -> bool {
        match self.function {
            Function::EnrollRequest | Function::Challenge => true,
            Function::CreateTotp | Function::Verify | Function::Factors | Function::Page => false,
        }
    }
}

impl From<&Route> for Row {
    fn from(route: &Route) -> Self {
        let body = (route.method != Method::Get).then(|| well_meant(route).into_iter().next()).flatten();
        let Route { function, dialect, access, method, path, .. } = *route;
        Self { function, dialect: dialect.name, access, method, path, body }
    }
}

/// The columns of routes: each dialect in the order of the table, and after it its routes for the back end, if any.
fn columns(rows: &[Row]) -> Vec<(&'static str, Access)> {
    let mut columns = Vec::new();
    for row in rows {
        if !columns.iter().any(|(dialect, _)| *dialect == row.dialect) {
            for access in [Access::User, Access::BackEnd, Access::Hosted, Access::Public] {
                if rows.iter().any(|each| (each.dialect, each.access) == (row.dialect, access)) {
                    columns.push((row.dialect, access));
                }
            }
        }
    }
    columns
}

/// The source of everything that is generated.
struct Source<'a> {
    rows: Vec<Row>,
    settings: &'a [Setting],
    deployment_settings: &'a [Setting],
}

impl Source<'static> {
    fn of_the_code() -> Self {
        let rows = routes().iter().map(Row::from).collect();
        Self { rows, settings: SETTINGS, deployment_settings: DEPLOYMENT_SETTINGS }
    }
}

impl Source<'_> {
    /// The files as they should be. The parts of `files` that are written by hand are taken over.
    fn synced(&self, files: &Files) -> Files {
        let mut synced = events::synced(files, &self.rows);
        for name in FILES {
            let text = files.get(name).unwrap_or_else(|| panic!("there is no {name}"));
            let text = match name {
                "Cargo.toml" => manifest::synced(text, &self.rows),
                "docs/api.md" => documents::with_routes(text, &self.rows),
                "docs/costs.md" => costs::synced(text),
                "docs/settings.md" => documents::with_settings(text, self.settings, self.deployment_settings),
                "template.yaml" => template::synced(text, &self.rows),
                other => panic!("nothing of {other} is generated"),
            };
            synced.insert(name.to_owned(), text);
        }
        synced
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads the files, and whatever is in the folder of the events.
fn read() -> Files {
    let read = |name: String| {
        let text = fs::read_to_string(root().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, text)
    };
    let events = fs::read_dir(root().join("events")).unwrap();
    let events = events.map(|file| format!("events/{}", file.unwrap().file_name().to_str().unwrap()));
    FILES.map(str::to_owned).into_iter().chain(events).map(read).collect()
}

/// The first difference of each file that is not as it should be.
fn differences(files: &Files, synced: &Files) -> Vec<String> {
    let names: BTreeSet<_> = files.keys().chain(synced.keys()).collect();
    names.into_iter().filter_map(|name| difference(name, files.get(name), synced.get(name))).collect()
}

fn difference(name: &str, is: Option<&String>, should_be: Option<&String>) -> Option<String> {
    let (is, should_be) = match (is, should_be) {
        (Some(is), Some(should_be)) if is == should_be => return None,
        (Some(is), Some(should_be)) => (is, should_be),
        (None, _) => return Some(format!("{name} is missing")),
        (_, None) => return Some(format!("{name} belongs to no route")),
    };
    let same = is.lines().zip(should_be.lines()).take_while(|(is, should_be)| is == should_be).count();
    let lines = |sign: &str, text: &str| -> String {
        text.lines().skip(same).take(3).map(|line| format!("\n{sign} {line}")).collect()
    };
    Some(format!("{name}, from line {}:{}{}", same + 1, lines("-", is), lines("+", should_be)))
}

#[test]
fn the_files_follow_from_the_tables_of_routes_and_settings() {
    let files = read();
    let synced = Source::of_the_code().synced(&files);
    let differences = differences(&files, &synced);
    if writing::is_asked_for(|name| std::env::var(name).ok()) {
        writing::write(&root(), &files, &synced);
        return;
    }
    assert!(
        differences.is_empty(),
        "{}\nrun `SYNC=1 cargo test --workspace --test countersign -- sync` and review the diff",
        differences.join("\n")
    );
}
