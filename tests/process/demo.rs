//! The demo, as a person sees it in a terminal of 24 rows and 80 columns.

use std::fs;
use std::io::{Read, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::server::{BINARY, Server};
use crate::tools::{have, totp};

/// A running demo.
struct Demo {
    process: std::process::Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Demo {
    fn start(server: &Server, user: &str) -> Self {
        let port = server.url.rsplit(':').next().unwrap();
        let mut process = Command::new(BINARY)
            .args(["demo", "--user", user, "--port", port, "--data-dir"])
            .arg(server.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output }
    }

    /// All that is printed until the next question, with the question.
    fn until_question(&mut self) -> String {
        let mut printed = Vec::new();
        while !printed.ends_with(b"(Ctrl-D to stop): ") {
            let mut byte = [0];
            assert_eq!(self.output.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&printed));
            printed.push(byte[0]);
        }
        String::from_utf8(printed).unwrap()
    }

    fn type_in(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Ends the input, as Ctrl-D does; returns what is still printed.
    fn stop(self) -> String {
        drop(self.input);
        let mut printed = String::new();
        let mut output = self.output;
        output.read_to_string(&mut printed).unwrap();
        let mut process = self.process;
        assert!(process.wait().unwrap().success());
        printed
    }
}

/// The text in a picture that `zbarimg` can read.
fn read_back(picture: &[u8]) -> String {
    let mut reader = Command::new("zbarimg")
        .args(["--quiet", "--raw", "--oneshot", "-Sdisable", "-Sqrcode.enable", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    reader.stdin.take().unwrap().write_all(picture).unwrap();
    String::from_utf8(reader.wait_with_output().unwrap().stdout).unwrap().trim_end().to_owned()
}

/// A picture (PGM) of half blocks as a terminal with a black ground shows them: a character is 8 pixels wide and 16 high.
fn photograph(rows: &[&str]) -> Vec<u8> {
    const MARGIN: usize = 4;
    let columns = rows[0].chars().count();
    let mut pixels = Vec::new();
    let dark_line = vec![0_u8; (columns + 2 * MARGIN) * 8];
    (0..MARGIN * 16).for_each(|_| pixels.extend(&dark_line));
    for row in rows {
        for half in [['█', '▀'], ['█', '▄']] {
            let mut line = vec![0; MARGIN * 8];
            for block in row.chars() {
                assert!(" ▀▄█".contains(block), "{row}");
                line.extend([if half.contains(&block) { 255 } else { 0 }; 8]);
            }
            line.extend([0; MARGIN * 8]);
            (0..8).for_each(|_| pixels.extend(&line));
        }
    }
    (0..MARGIN * 16).for_each(|_| pixels.extend(&dark_line));
    let (width, height) = (dark_line.len(), pixels.len() / dark_line.len());
    [format!("P5 {width} {height} 255\n").into_bytes(), pixels].concat()
}

#[expect(clippy::disallowed_methods, reason = "the server under test runs on the machine's time")]
fn code(uri: &str) -> String {
    let secret = uri.split(['?', '&']).find_map(|part| part.strip_prefix("secret=")).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    totp(secret, i64::try_from(now).unwrap())
}

#[test]
fn the_demo_fits_a_terminal_and_its_qr_code_can_be_read_from_the_screen() {
    if !have("zbarimg") {
        return;
    }
    let server = Server::start();
    // The second name makes the largest symbol that still fits, in a quiet zone of one module.
    for (user, secret_at) in [("alice", 22), ("alice.of.the.second.floor", 22)] {
        let mut demo = Demo::start(&server, user);
        let screen = demo.until_question();
        let rows: Vec<&str> = screen.lines().collect();
        assert!(rows.len() <= 24, "{} rows:\n{screen}", rows.len());
        assert!(rows.iter().all(|row| row.chars().count() <= 80), "{screen}");
        let uri = read_back(&photograph(&rows[..secret_at]));
        assert!(uri.starts_with(&format!("otpauth://totp/Countersign:{user}?secret=")), "{uri:?}\n{screen}");
        assert!(uri.ends_with("issuer=Countersign"), "{uri}");

        // Enter alone is no answer.
        demo.type_in("");
        assert_eq!(demo.until_question(), "The code that the app shows (Ctrl-D to stop): ");
        demo.type_in(&code(&uri));
        let confirmed = demo.until_question();
        assert!(
            confirmed.contains("has an authenticator app: ") && confirmed.contains("Recovery codes"),
            "{confirmed}"
        );
        let recovery_code = confirmed.lines().find_map(|line| line.strip_prefix("  ")).unwrap();
        demo.type_in("");
        assert!(demo.until_question().starts_with("A check: "));
        demo.type_in(recovery_code);
        assert!(demo.until_question().starts_with("Verified.\n"));
        demo.stop();
    }
}

#[test]
fn a_qr_code_too_large_for_a_terminal_is_a_picture_until_the_demo_ends() {
    if !have("zbarimg") {
        return;
    }
    let server = Server::start();
    let user = "somebody.with.a.long.name@a.department.with.a.long.name.example.com";
    let mut demo = Demo::start(&server, user);
    let screen = demo.until_question();
    let path = screen.lines().find_map(|line| line.strip_prefix("  file://")).unwrap_or_else(|| panic!("{screen}"));
    let uri = read_back(&fs::read(path).unwrap());
    assert!(uri.starts_with("otpauth://totp/Countersign:somebody.with.a.long.name%40a.department"), "{uri}");
    demo.type_in(&code(&uri));
    assert!(demo.until_question().contains("Recovery codes"));
    assert!(!fs::exists(path).unwrap(), "the picture has the secret in it");
    demo.stop();
}

#[test]
fn the_demo_of_a_user_with_an_app_checks_codes_and_spends_nothing() {
    let server = Server::start();
    let alice = server.user("alice");
    let begun = alice.call("POST", "/v1/me/enrollments", json!({"factorType": "totp"})).1;
    let uri = begun["totp"]["uri"].as_str().unwrap();
    let confirm = json!({"enrollmentToken": begun["enrollmentToken"], "code": code(uri)});
    assert_eq!(alice.call("POST", "/v1/me/enrollments/confirm", confirm).0, 201);

    let account = || alice.call("GET", "/v1/me/factors", Value::Null);
    let before = account();
    let mut demo = Demo::start(&server, "alice");
    let screen = demo.until_question();
    assert!(screen.starts_with("alice has an authenticator app already: "), "{screen}");
    assert!(screen.ends_with("A check: the app's next code, or a recovery code (Ctrl-D to stop): "), "{screen}");
    demo.stop();
    assert_eq!(account(), before);
    assert_eq!(before.1["recoveryCodes"]["remaining"], 10);
}

#[test]
fn the_demo_of_a_user_with_another_factor_asks_for_a_recovery_code_until_one_is_right() {
    let server = Server::start();
    let bob = server.user("bob");
    let body = json!({"factorType": "email", "email": "bob@example.com"});
    let begun = bob.call("POST", "/v1/me/enrollments", body).1;
    let confirm = json!({"enrollmentToken": begun["enrollmentToken"], "code": server.code_for("bob@example.com")});
    let confirmed = bob.call("POST", "/v1/me/enrollments/confirm", confirm).1;

    let mut demo = Demo::start(&server, "bob");
    assert!(demo.until_question().starts_with("bob has another factor"));
    demo.type_in("0000-0000-0000-0000");
    let again = demo.until_question();
    assert!(again.ends_with("A recovery code (Ctrl-D to stop): ") && again.lines().count() == 2, "{again}");
    demo.type_in(confirmed["recoveryCodes"][0].as_str().unwrap());
    assert!(demo.until_question().contains("Scan it with your app"));
    demo.stop();
}
