//! Faces with the local server, as docs/faces.md describes it.

use std::fs;
use std::path::Path;
use std::process::Command;

use image::ImageFormat;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::photos::{data_url, picture};
use crate::server::{BINARY, Server};
use crate::tools::have;

#[test]
fn the_commands_for_faces_work_when_they_are_pasted() {
    if !["bash", "curl"].into_iter().all(have) {
        return;
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/faces.md")).unwrap();
    let (_, walk) = page.split_once("<!-- walk -->\n```sh\n").expect("the page has a walk");
    let (walk, _) = walk.split_once("```").unwrap();
    let server = Server::start_with(&["--faces", "on"]);
    let token = format!("{BINARY} token --data-dir {}", server.data().display());
    let script = walk
        .replace("URL=http://127.0.0.1:3000", &format!("URL={}", server.url))
        .replace("cargo run -q -- token", &token);
    assert!(script.contains(BINARY) && script.contains(&server.url), "the walk no longer has what is replaced");
    let script = format!("{script}\nPHOTO=other.jpg\nwith_photo | send verify\n");
    let folder = TempDir::new().unwrap();
    for (name, person) in [("me.jpg", 1), ("other.jpg", 2)] {
        fs::write(folder.path().join(name), picture(person, ImageFormat::Jpeg)).unwrap();
    }
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).current_dir(&folder).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 5, "{printed}");
    assert_eq!(answers[1]["factor"]["type"], "face");
    assert_eq!(json!([answers[3]["acr"], answers[3]["amr"]]), json!(["sms", ["sms", "face"]]));
    assert_eq!(answers[4]["code"], "incorrect_code");
}

#[test]
fn the_local_server_fetches_no_link_t36() {
    let server = Server::start_with(&["--faces", "on", "--photo-hosts", "photos.example.com"]);
    let alice = server.user("alice");
    let number = "+41791234567";
    let sms = json!({"factorType": "sms", "phoneNumber": number});
    let begun = alice.call("POST", "/v1/me/enrollments", sms).1;
    let confirm = json!({"enrollmentToken": begun["enrollmentToken"], "code": server.code_for(number)});
    assert_eq!(alice.call("POST", "/v1/me/enrollments/confirm", confirm).0, 201);
    let request = json!({"factorType": "FACE", "profile": {"consent": {"version": "2027-01"}}});
    let begun = alice.call("POST", "/api/v3/send-enroll-factor-request", request).1;
    let photo = |photo: &str, is_link: bool| {
        let data = json!({"photo": photo, "isExternalPhoto": is_link});
        json!({"factorType": "FACE", "enrollmentToken": begun["data"]["enrollmentToken"], "enrollmentData": data})
    };
    let (_, refused) = alice.call("POST", "/api/v3/enroll-factor", photo("https://photos.example.com/a.jpg", true));
    assert_eq!(json!([refused["statusCode"], refused["apiCode"]]), json!([400, 1700]), "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("photos are not fetched here"), "{refused}");
    let file = data_url("image/png", &picture(1, ImageFormat::Png));
    let (_, enrolled) = alice.call("POST", "/api/v3/enroll-factor", photo(&file, false));
    assert_eq!(enrolled["statusCode"], 200, "{enrolled}");
}
