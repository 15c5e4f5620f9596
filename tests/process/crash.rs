//! `kill -9` at any moment: every answered request is stored, every unanswered one is stored whole or not at all.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Server, User};
use crate::tools::totp;

/// The progress of an enrolment, as its client knows it.
#[derive(Clone)]
enum Known {
    /// The enrolment's request was answered with a token and a secret.
    Begun { user: User, token: String, secret: String },
    /// The confirmation was sent, but not answered.
    Sent { user: User, token: String, secret: String },
    /// The confirmation was answered.
    Confirmed { user: User, token: String, secret: String },
}

#[expect(clippy::disallowed_methods, reason = "the server under test runs on the machine's time")]
fn code(secret: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    totp(secret, i64::try_from(now).unwrap())
}

/// Enrols one user after the other until a request has no answer.
fn enroll_until_killed(users: impl Iterator<Item = User>, known: &Mutex<Vec<Known>>) {
    for user in users {
        let begun = user.try_call("POST", "/v1/me/enrollments", json!({"factorType": "totp"}));
        let Some((status, answer)) = begun else { return };
        assert_eq!(status, 201, "{answer}");
        let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        let (token, secret) = (text("/enrollmentToken"), text("/totp/secret"));
        let index = {
            let mut known = known.lock().unwrap();
            known.push(Known::Begun { user: user.clone(), token: token.clone(), secret: secret.clone() });
            known.len() - 1
        };
        let tell = |state| known.lock().unwrap()[index] = state;
        let body = json!({"enrollmentToken": token, "code": code(&secret)});
        tell(Known::Sent { user: user.clone(), token: token.clone(), secret: secret.clone() });
        let Some((status, answer)) = user.try_call("POST", "/v1/me/enrollments/confirm", body) else { return };
        assert_eq!(status, 201, "{answer}");
        tell(Known::Confirmed { user, token, secret });
    }
}

/// The numbers of factors and of recovery codes in an account.
fn factors_and_codes(user: &User) -> (usize, u64) {
    let (status, list) = user.call("GET", "/v1/me/factors", Value::Null);
    assert_eq!(status, 200);
    (list["factors"].as_array().unwrap().len(), list["recoveryCodes"]["remaining"].as_u64().unwrap())
}

fn confirm(user: &User, token: &str, secret: &str) -> u16 {
    user.call("POST", "/v1/me/enrollments/confirm", json!({"enrollmentToken": token, "code": code(secret)})).0
}

#[test]
fn every_answered_enrollment_survives_a_kill_and_others_are_whole_or_absent() {
    const ROUNDS: u64 = 12;
    const WRITERS: usize = 4;
    let folder = TempDir::new().unwrap();
    let mut seen = [0_usize; 3];
    for round in 0..ROUNDS {
        let mut server = Server::start_in(folder.path().to_owned());
        let known = Arc::new(Mutex::new(Vec::new()));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let names = (0..6).map(move |number| format!("user-{round}-{writer}-{number}"));
                let users: Vec<_> = names.map(|name| server.user(&name)).collect();
                (users, Arc::clone(&known))
            })
            .collect();
        let threads: Vec<_> = writers
            .into_iter()
            .map(|(users, known)| std::thread::spawn(move || enroll_until_killed(users.into_iter(), &known)))
            .collect();
        // Each round kills at another moment, from before the first answer to after the last.
        std::thread::sleep(Duration::from_millis(5 + round * 17));
        server.kill();
        for thread in threads {
            thread.join().unwrap();
        }

        let again = Server::start_in(folder.path().to_owned());
        for state in known.lock().unwrap().iter().cloned() {
            match state {
                Known::Begun { user, token, secret } => {
                    seen[0] += 1;
                    let user = user.at(&again);
                    assert_eq!(factors_and_codes(&user), (0, 0));
                    assert_eq!(confirm(&user, &token, &secret), 201);
                }
                Known::Sent { user, token, secret } => {
                    seen[1] += 1;
                    let user = user.at(&again);
                    match factors_and_codes(&user) {
                        (0, 0) => assert_eq!(confirm(&user, &token, &secret), 201),
                        (1, 10) => assert_eq!(confirm(&user, &token, &secret), 409),
                        between => panic!("neither whole nor absent: {between:?}"),
                    }
                }
                Known::Confirmed { user, token, secret } => {
                    seen[2] += 1;
                    let user = user.at(&again);
                    assert_eq!(factors_and_codes(&user), (1, 10));
                    assert_eq!(confirm(&user, &token, &secret), 409);
                }
            }
        }
    }
    assert!(seen[1] > 0 && seen[2] > 0, "the kills came at the wrong moments: {seen:?}");
}
