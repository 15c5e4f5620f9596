//! The disk: it is full for a while, or it damages the store's file.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{BINARY, Server};
use crate::signing::BackEnd;
use crate::tools::have;

/// Bytes of a page of the store's file.
const PAGE: usize = 4096;

/// Begins an enrolment as the back end, which needs no token; returns the status.
fn enroll(server: &Server, user: &str) -> u16 {
    let path = format!("/v1/users/{user}/enrollments");
    BackEnd::of(server).call("POST", &path, &json!({"factorType": "totp"})).0
}

/// A data folder of a server that was stopped, with a user's enrolment in it.
fn stopped() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start_in(folder.path().to_owned());
    assert_eq!(enroll(&server, "alice"), 201);
    server.stop();
    folder
}

fn store(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("countersign.redb")
}

/// The server's command under a limit on the size of files, which stands in for a full disk.
fn limited_to(kilobytes: u64) -> Command {
    let mut command = Command::new("bash");
    let limited = format!("trap '' XFSZ; ulimit -S -f {kilobytes}; exec \"$@\"");
    command.args(["-c", &limited, "bash", BINARY]);
    command
}

#[test]
fn after_a_full_disk_the_server_goes_on_without_a_restart() {
    if !["bash", "prlimit"].into_iter().all(have) {
        return;
    }
    let folder = stopped();
    let kilobytes = fs::metadata(store(&folder)).unwrap().len() / 1024;
    let server = Server::start_by(limited_to(kilobytes), folder.path().to_owned());
    let full = (0..2000).find(|number| enroll(&server, &format!("user-{number}")) != 201).expect("a full disk");
    assert_eq!(enroll(&server, &format!("user-{full}")), 503, "there is still no room");

    let lift = ["--fsize=unlimited", "--pid", &server.id().to_string()].map(str::to_owned);
    assert!(Command::new("prlimit").args(lift).status().unwrap().success());
    for number in full..full + 20 {
        assert_eq!(enroll(&server, &format!("user-{number}")), 201);
    }
    assert_eq!(BackEnd::of(&server).call("GET", "/v1/users/alice/factors", &Value::Null).0, 200);
}

#[test]
fn a_first_start_on_a_full_disk_leaves_nothing_in_the_way_of_the_next() {
    if !have("bash") {
        return;
    }
    for kilobytes in [0, 1, 4, 100] {
        let folder = TempDir::new().unwrap();
        let arguments = ["--port", "0", "--data-dir"];
        let full = limited_to(kilobytes).args(arguments).arg(folder.path()).output().unwrap();
        let told = String::from_utf8(full.stderr).unwrap();
        assert_eq!(full.status.code(), Some(1), "{kilobytes} kB: {told}");
        assert!(told.contains("countersign.redb can't be opened: ") && told.lines().count() == 1, "{told}");
        assert_eq!(enroll(&Server::start_in(folder.path().to_owned()), "alice"), 201, "{kilobytes} kB");
    }

    let folder = TempDir::new().unwrap();
    let arguments = ["token", "--user", "alice", "--data-dir"];
    let full = limited_to(0).args(arguments).arg(folder.path()).output().unwrap();
    let told = String::from_utf8(full.stderr).unwrap();
    assert!(full.status.code() == Some(1) && told.contains("issuer.key: "), "{told}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "half a key is left");
}

/// Starts a server that must refuse its store; returns its words.
#[track_caller]
fn refusal(folder: &Path) -> String {
    // The time ends a server that starts after all.
    let mut command = Command::new("timeout");
    let output = command.args(["20", BINARY, "--port", "0", "--data-dir"]).arg(folder).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    told
}

#[test]
fn a_damaged_store_is_refused_in_a_sentence_with_the_ways_out() {
    if !have("timeout") {
        return;
    }
    let folder = stopped();
    let path = store(&folder);
    let sound = fs::read(&path).unwrap();
    // redb panics when it meets a page of a kind that it does not know.
    let mut unknown_pages = sound.clone();
    unknown_pages.chunks_mut(PAGE).skip(1).for_each(|page| page[0] ^= 0xff);
    // A few bytes of the item, in the page in use and in older copies: redb does not look at them when it opens the file.
    let mut altered = sound.clone();
    for at in (0..sound.len() - 50).filter(|at| sound[*at..].starts_with(b"e#alice#")) {
        altered[at + 40] ^= 1;
    }
    assert_ne!(altered, sound);
    let garbage = b"This is a shopping list and no store. ".repeat(10_000);
    for damaged in [unknown_pages, altered, garbage, sound[..sound.len() / 2].to_vec(), sound[..100].to_vec()] {
        fs::write(&path, &damaged).unwrap();
        let told = refusal(folder.path());
        let beginning =
            format!("countersign: the store {} is damaged, or is no store. Put back a copy", path.display());
        assert!(told.starts_with(&beginning) && told.contains("to begin anew"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    fs::write(&path, &sound).unwrap();
    assert_eq!(enroll(&Server::start_in(folder.path().to_owned()), "alice"), 201, "a copy that is put back works");
}
