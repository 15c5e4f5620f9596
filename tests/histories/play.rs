//! Plays a history against the service and the model in parallel.

use std::sync::Arc;

use countersign::store::embedded::EmbeddedStore;
use serde_json::{Value, json};

use super::limits::{Enrollments, LIFE, Refusal, SETTINGS};
use super::model::{Apps, Challenge, Enrollment, Expected, Owner};
use super::steps::{Act, AppCode, Given, Guess, Kind, RecoveryCode, Step, Which, Who, kind_of};
use crate::rig::{Client, Plan, Reply, World, tools};

const LABELS: [&str; 2] = ["Phone", "Laptop"];
const DESTINATIONS: [&str; 4] = ["+8613800138000", "+8613800138001", "one@example.com", "two@example.com"];
const NO_SUCH_RECOVERY_CODE: &str = "0000-0000-0000-0000";

struct Game {
    world: World,
    owners: [Owner; 2],
    /// The enrolment messages to each destination.
    sent: [Enrollments; 4],
    told: Vec<String>,
}

/// Plays the steps. Returns the answer of each step, or the step at which the service and the model differ.
pub(super) async fn play(steps: Vec<Step>) -> Result<Vec<String>, String> {
    let store = EmbeddedStore::in_memory().unwrap();
    let world = Plan::over(Arc::new(store.clone()), SETTINGS).build();
    let mut game = Game { world, owners: Default::default(), sent: Default::default(), told: Vec::new() };
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Pass(seconds) => game.world.pass(*seconds),
            Step::Sweep => {
                store.sweep(game.world.now()).await.unwrap();
                game.owners.iter_mut().for_each(|owner| owner.swept = game.world.now());
            }
            Step::Do(who, act) => {
                let played = game.act(*who, act).await;
                played.map_err(|why| format!("step {number}, {step:?}: {why}\n{:#?}", game.owners[who.user]))?;
            }
        }
    }
    Ok(game.told)
}

impl Game {
    async fn act(&mut self, who: Who, act: &Act) -> Result<(), String> {
        let owner = &self.owners[who.user];
        let is_app = |factor: &usize| owner.factors[*factor].kind == Kind::App;
        let any: Vec<_> = (0..owner.factors.len()).collect();
        let (apps, sent): (Vec<_>, Vec<_>) = any.iter().copied().partition(is_app);
        let pick = |from: &[usize], nth: usize| {
            let from = if from.is_empty() || nth == 2 { &any } else { from };
            from[nth % from.len()]
        };
        match act {
            Act::BeginApp { label, code } => self.begin_app(who, LABELS[*label], *code).await?,
            Act::BeginSent { to, code } => self.begin_sent(who, *to, *code).await?,
            Act::Confirm { kind, token, code } => self.confirm(who, *kind, *token, *code).await?,
            Act::Recover { code } => self.check(who, None, Given::Recovery(*code)).await?,
            Act::NewCodes { code } => self.new_codes(who, *code).await?,
            Act::Check { factor: None, code } => self.check(who, None, Given::App(*code)).await?,
            // All following steps need a factor.
            _ if any.is_empty() => return Ok(()),
            Act::Check { factor: Some(nth), code } => {
                let factor = pick(&apps, *nth);
                self.check(who, Some(factor), Given::App(*code)).await?;
            }
            Act::Challenge { factor } => {
                let factor = pick(&sent, *factor);
                self.challenge(who, factor).await?;
            }
            Act::Answer { factor, challenge, code } => {
                let factor = pick(&sent, *factor);
                self.answer(who, factor, *challenge, *code).await?;
            }
            Act::Rename { factor, label, code } => {
                let factor = pick(&any, *factor);
                self.rename(who, factor, LABELS[*label], *code).await?;
            }
            Act::Remove { factor, code } => {
                let factor = pick(&any, *factor);
                self.remove(who, factor, *code).await?;
            }
        }
        self.compare(who).await
    }

    fn client(&self, Who { user, session }: Who) -> Client {
        self.world.session(&format!("user-{user}"), &format!("session-{session}"))
    }

    /// Compares an answer with the expected result, and records the effect of a check. Returns whether the request
    /// passed.
    fn judge(&mut self, who: Who, reply: &Reply, expected: &Expected) -> Result<bool, String> {
        let now = self.world.now();
        let (status, code) = reply.outcome();
        let wait = reply.retry_after().map(|seconds| i64::try_from(seconds).unwrap());
        let remaining =
            reply.json().get("remainingAttempts").map(|number| u32::try_from(number.as_u64().unwrap()).unwrap());
        let refusal = Refusal { code: code.clone(), wait, remaining };
        let passed = (200..300).contains(&status);
        let as_expected =
            if passed { expected.refusals.is_empty() } else { status < 500 && expected.refusals.contains(&refusal) };
        if !as_expected {
            return Err(format!("told {status} {refusal:?}, where was expected {expected:?}"));
        }
        let effect = if code == "incorrect_code" { &expected.failed } else { &expected.passed };
        self.owners[who.user].apply(effect, who.session, now);
        self.told.push(if passed { "passed".to_owned() } else { code });
        Ok(passed)
    }

    /// The text of a code that replaces a recent check, or that is checked.
    fn given(&self, who: Who, given: Given, apps: Apps) -> Option<String> {
        let owner = &self.owners[who.user];
        match given {
            Given::Nothing => None,
            Given::App(code) => {
                let secret = owner.app(apps).map(|app| &owner.factors[app].secret);
                Some(secret.map_or_else(|| "123456".to_owned(), |secret| self.app_code(secret, code)))
            }
            Given::Recovery(code) => {
                let kept = match code {
                    RecoveryCode::Unused => owner.unused.as_ref().and_then(|unused| unused.first()),
                    RecoveryCode::Used => owner.used.last(),
                    RecoveryCode::Wrong => None,
                };
                Some(kept.map_or_else(|| NO_SUCH_RECOVERY_CODE.to_owned(), String::clone))
            }
        }
    }

    fn app_code(&self, secret: &str, code: AppCode) -> String {
        match code {
            AppCode::Shown(step) => tools::totp(secret, self.world.now() + step * 30),
            AppCode::Wrong => self.world.wrong_code(secret),
        }
    }

    async fn begin_app(&mut self, who: Who, label: &str, code: Given) -> Result<(), String> {
        let now = self.world.now();
        let code = self.given(who, code, Apps::Only);
        let expected = self.owners[who.user].begin_app(who.session, label, code.as_deref(), now);
        let request = json!({"factorType": "totp", "label": label, "code": code});
        let reply = self.client(who).post("/v1/me/enrollments", request).await;
        if self.judge(who, &reply, &expected)? {
            let (token, secret) = (reply.text("/enrollmentToken"), reply.text("/totp/secret"));
            self.begun(who, Kind::App, token, |begun| (begun.label, begun.secret) = (label.to_owned(), secret));
        }
        Ok(())
    }

    async fn begin_sent(&mut self, who: Who, to: usize, code: Given) -> Result<(), String> {
        let now = self.world.now();
        let (kind, destination) = (kind_of(to), DESTINATIONS[to]);
        let code = self.given(who, code, Apps::Only);
        let expected = self.owners[who.user].begin_sent(who, (kind, destination), code.as_deref(), &self.sent[to], now);
        let request = match kind {
            Kind::Phone => json!({"factorType": "sms", "phoneNumber": destination, "code": code}),
            _ => json!({"factorType": "email", "email": destination, "code": code}),
        };
        let sent = self.world.postbox.calls();
        let reply = self.client(who).post("/v1/me/enrollments", request).await;
        let passed = self.judge(who, &reply, &expected)?;
        self.is_sent(sent, passed)?;
        if passed {
            self.sent[to].more(who.user, now);
            let code = self.world.postbox.code();
            self.begun(who, kind, reply.text("/enrollmentToken"), |begun| {
                (begun.to, begun.code) = (destination.to_owned(), code);
            });
        }
        Ok(())
    }

    /// Checks that a request that passed has sent one message, and a refused one none.
    fn is_sent(&self, before: usize, passed: bool) -> Result<(), String> {
        let sent = self.world.postbox.calls() - before;
        if sent == usize::from(passed) { Ok(()) } else { Err(format!("{sent} messages were sent")) }
    }

    fn begun(&mut self, who: Who, kind: Kind, token: String, fill: impl FnOnce(&mut Enrollment)) {
        let now = self.world.now();
        let owner = &mut self.owners[who.user];
        let mut begun = Enrollment {
            token,
            label: String::new(),
            to: String::new(),
            secret: String::new(),
            code: String::new(),
            epoch: owner.epoch,
            session: (!owner.factors.is_empty()).then_some(who.session),
            begun_by: who.session,
            ends: now + LIFE,
            wrong: owner.carried(kind, now),
            confirmed: false,
        };
        fill(&mut begun);
        owner.enrollments[kind as usize].push(begun);
    }

    async fn confirm(&mut self, who: Who, kind: Kind, which: Which, guess: Guess) -> Result<(), String> {
        let now = self.world.now();
        let owner = &self.owners[if let Which::Others = which { 1 - who.user } else { who.user }];
        let Some(meant) = nth_newest(&owner.enrollments[kind as usize], which) else { return Ok(()) };
        let code = match (guess, kind) {
            (Guess::Right, Kind::App) => tools::totp(&meant.secret, now),
            (Guess::Wrong, Kind::App) => self.world.wrong_code(&meant.secret),
            (Guess::Right, _) => meant.code.clone(),
            (Guess::Wrong, _) => another(&meant.code),
        };
        let token = meant.token.clone();
        let expected = self.owners[who.user].confirm(who.session, kind, &token, &code, now);
        let confirm = json!({"enrollmentToken": token, "code": code});
        let reply = self.client(who).post("/v1/me/enrollments/confirm", confirm).await;
        let passed = self.judge(who, &reply, &expected)?;
        let owner = &mut self.owners[who.user];
        if passed {
            let is_first = owner.factors.is_empty();
            owner.bind(who.session, kind, reply.text("/factor/id"), reply.text("/factor/label"), now);
            match (codes(&reply), is_first) {
                (Some(codes), true) => owner.renew_codes(who.session, codes),
                (None, false) => {}
                _ => return Err("the first factor brings recovery codes, and no other does".to_owned()),
            }
        } else if reply.outcome().1 == "incorrect_code" {
            owner.wrong_for_enrollment(kind, now);
        }
        Ok(())
    }

    async fn challenge(&mut self, who: Who, factor: usize) -> Result<(), String> {
        let now = self.world.now();
        let expected = self.owners[who.user].challenge(factor, now);
        let sent = self.world.postbox.calls();
        let request = json!({"factorId": self.owners[who.user].factors[factor].id});
        let reply = self.client(who).post("/v1/me/challenges", request).await;
        let passed = self.judge(who, &reply, &expected)?;
        self.is_sent(sent, passed)?;
        if passed {
            let message = self.world.postbox.sent().pop().unwrap();
            let epoch = self.owners[who.user].epoch;
            let factor = &mut self.owners[who.user].factors[factor];
            if message.to != factor.to {
                return Err("the code went elsewhere".to_owned());
            }
            let wrong = factor.carried(now);
            factor.sent.more(now);
            factor.challenges.push(Challenge {
                epoch,
                begun_by: who.session,
                id: reply.text("/challengeId"),
                code: message.code,
                ends: now + LIFE,
                wrong,
                answered: false,
            });
        }
        Ok(())
    }

    async fn answer(&mut self, who: Who, factor: usize, which: Which, guess: Guess) -> Result<(), String> {
        let now = self.world.now();
        let own = &self.owners[who.user];
        let others = &self.owners[1 - who.user];
        let of_factor = |owner: &Owner, factor: usize| {
            let challenge = owner.factors.get(factor).and_then(|factor| nth_newest(&factor.challenges, which));
            challenge.map(|challenge| (challenge.id.clone(), challenge.code.clone()))
        };
        // If there is no older one, a challenge of a removed factor.
        let meant = match which {
            Which::Newest => of_factor(own, factor),
            Which::Older => of_factor(own, factor).or_else(|| own.orphans.last().cloned()),
            Which::Others => of_factor(others, factor),
        };
        let Some((id, right)) = meant else { return Ok(()) };
        let code = if let Guess::Right = guess { right } else { another(&right) };
        let expected = own.answer(who.session, factor, &id, &code, now);
        let reply = self.client(who).post("/v1/me/verify", json!({"challengeId": id, "code": code})).await;
        if self.judge(who, &reply, &expected)? {
            self.owners[who.user].answered(who.session, factor, now);
        } else if reply.outcome().1 == "incorrect_code" {
            self.owners[who.user].wrong_for_challenge(factor, now);
        }
        Ok(())
    }

    async fn check(&mut self, who: Who, factor: Option<usize>, code: Given) -> Result<(), String> {
        let apps = factor.map_or(Apps::Only, Apps::One);
        let code = self.given(who, code, apps).unwrap();
        let owner = &self.owners[who.user];
        let expected = owner.check(&code, apps, self.world.now());
        let request = json!({"factorId": factor.map(|factor| &owner.factors[factor].id), "code": code});
        let reply = self.client(who).post("/v1/me/verify", request).await;
        self.judge(who, &reply, &expected).map(|_| ())
    }

    async fn new_codes(&mut self, who: Who, code: Given) -> Result<(), String> {
        let code = self.given(who, code, Apps::Only);
        let expected = self.owners[who.user].new_codes(who.session, code.as_deref(), self.world.now());
        let reply = self.client(who).post("/v1/me/recovery-codes", json!({"code": code})).await;
        if self.judge(who, &reply, &expected)? {
            self.owners[who.user].renew_codes(who.session, codes(&reply).unwrap());
        }
        Ok(())
    }

    /// A code for a change of a factor: of the factor itself if it is an app, else of the only app.
    fn given_for(&self, who: Who, factor: usize, code: Given) -> Option<String> {
        let is_app = self.owners[who.user].factors[factor].kind == Kind::App;
        self.given(who, code, if is_app { Apps::One(factor) } else { Apps::Only })
    }

    async fn rename(&mut self, who: Who, factor: usize, label: &str, code: Given) -> Result<(), String> {
        let code = self.given_for(who, factor, code);
        let owner = &self.owners[who.user];
        let expected = owner.rename(who.session, factor, label, code.as_deref(), self.world.now());
        let path = format!("/v1/me/factors/{}", owner.factors[factor].id);
        let reply = self.client(who).patch(&path, json!({"label": label, "code": code})).await;
        if self.judge(who, &reply, &expected)? {
            label.clone_into(&mut self.owners[who.user].factors[factor].label);
        }
        Ok(())
    }

    async fn remove(&mut self, who: Who, factor: usize, code: Given) -> Result<(), String> {
        let code = self.given_for(who, factor, code);
        let owner = &self.owners[who.user];
        let expected = owner.change(who.session, factor, code.as_deref(), self.world.now());
        let path = format!("/v1/me/factors/{}", owner.factors[factor].id);
        let reply = self.client(who).delete(&path, json!({"code": code})).await;
        if self.judge(who, &reply, &expected)? {
            self.owners[who.user].remove(who.session, factor);
        }
        Ok(())
    }

    /// Checks that both users see the factors that the model has.
    async fn compare(&self, who: Who) -> Result<(), String> {
        for user in [who.user, 1 - who.user] {
            let listed = self.client(Who { user, ..who }).get("/v1/me/factors").await;
            let owner = &self.owners[user];
            let expected: Vec<_> = owner.factors.iter().map(|factor| (&factor.id, &factor.label)).collect();
            let json = listed.json();
            let texts = |name: &str| {
                let factors = json["factors"].as_array().into_iter().flatten();
                factors.map(|factor| factor[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            let found: Vec<_> = texts("id").into_iter().zip(texts("label")).collect();
            let remaining = owner.unused.as_ref().map_or(0, Vec::len);
            let is_same = found.iter().map(|(id, label)| (id, label)).eq(expected)
                && json["recoveryCodes"]["remaining"] == json!(remaining);
            if !is_same {
                return Err(format!("user {user} sees {json}"));
            }
        }
        Ok(())
    }
}

/// An element of a list whose newest is last.
fn nth_newest<T>(all: &[T], which: Which) -> Option<&T> {
    all.iter().rev().nth(usize::from(matches!(which, Which::Older)))
}

/// Another code of six digits.
fn another(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

fn codes(reply: &Reply) -> Option<Vec<String>> {
    let json = reply.json();
    let codes = json.get("recoveryCodes").and_then(Value::as_array)?;
    Some(codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}
