//! Writing what was generated.

use std::fs;
use std::path::Path;

use super::Files;

/// Whether the files are to be written: with `SYNC=1`, and never in CI.
pub(super) fn is_asked_for(variable: impl Fn(&str) -> Option<String>) -> bool {
    let in_ci = variable("CI").is_some_and(|ci| !["", "0", "false"].contains(&ci.as_str()));
    variable("SYNC").as_deref() == Some("1") && !in_ci
}

/// Writes the files that changed, and removes those that are no more. Each is written beside its place first and then
/// renamed, so that no file is ever half there. A file that stays behind in `events/` after a crash belongs to no route:
/// the next run removes it.
pub(super) fn write(root: &Path, files: &Files, synced: &Files) {
    for (name, text) in synced.iter().filter(|(name, text)| files.get(*name) != Some(*text)) {
        let path = root.join(name);
        let beside = root.join(format!("{name}.new"));
        fs::write(&beside, text)
            .and_then(|()| fs::rename(&beside, &path))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in files.keys().filter(|name| !synced.contains_key(*name)) {
        fs::remove_file(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn nothing_is_written_unless_it_is_asked_for_and_never_in_ci() {
    let asked = |sync: Option<&str>, ci: Option<&str>| {
        is_asked_for(|name| if name == "SYNC" { sync } else { ci }.map(str::to_owned))
    };
    assert!(asked(Some("1"), None));
    assert!(asked(Some("1"), Some("false")));
    assert!(!asked(Some("1"), Some("true")));
    assert!(!asked(Some("1"), Some("1")));
    assert!(!asked(Some("0"), None));
    assert!(!asked(None, None));
}

#[test]
fn changed_files_are_written_and_obsolete_ones_removed() {
    let folder = tempfile::tempdir().unwrap();
    let files = |files: &[(&str, &str)]| -> Files {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    let before = files(&[("changed", "old"), ("gone", "old"), ("same", "read")]);
    for name in before.keys() {
        fs::write(folder.path().join(name), "on disk").unwrap();
    }
    write(folder.path(), &before, &files(&[("changed", "new"), ("added", "new"), ("same", "read")]));
    let found = fs::read_dir(folder.path()).unwrap().map(|file| {
        let file = file.unwrap();
        (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap())
    });
    assert_eq!(found.collect::<Files>(), files(&[("added", "new"), ("changed", "new"), ("same", "on disk")]));
}
