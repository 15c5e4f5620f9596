//! Changes other than a new factor.

use serde_json::{Value, json};

use super::play::{FACTORS, Game, expect};
use super::steps::{Route, Who};
use super::ways::{Kind, passed, texts};

const CODES: &str = "/v1/me/recovery-codes";
const GENAUTH_RESET: &str = "/api/v3/reset-factor";
const PAGE_DISABLE: &str = "/profile/two-fa/disable";

impl Game {
    pub(super) async fn new_codes(&mut self, who: Who, code: bool) -> Result<(), String> {
        if self.factors.is_empty() {
            return Ok(());
        }
        let code = if code && !who.is_back_end() { self.right_code(None) } else { None };
        let reply = self.client(who).post(CODES, json!({"code": code})).await;
        if self.judge(who, code.as_deref(), &reply, ["new codes: made", "new codes: not made"])? {
            self.recovery = texts(&reply, "recoveryCodes").unwrap();
            self.oracle.note_change(who, "set of codes");
        }
        Ok(())
    }

    pub(super) async fn remove(&mut self, who: Who, route: Route, factor: usize, code: bool) -> Result<(), String> {
        if self.factors.is_empty() {
            return Ok(());
        }
        let factor = factor % self.factors.len();
        let id = self.factors[factor].id.clone();
        let client = self.client(who);
        let passed = if matches!(route, Route::Genauth) && !who.is_back_end() {
            let reply = client.post(GENAUTH_RESET, json!({"factorId": id})).await;
            self.judge(who, None, &reply, ["genauth: removed", "genauth: not removed"])?
        } else {
            let code = if code && !who.is_back_end() { self.right_code(Some(factor)) } else { None };
            let reply = client.delete(&format!("{FACTORS}/{id}"), json!({"code": code})).await;
            self.judge(who, code.as_deref(), &reply, ["native: removed", "native: not removed"])?
        };
        if passed {
            self.factors.remove(factor);
            self.removed(who, "removal");
        }
        Ok(())
    }

    /// The page removes every app, with a code.
    pub(super) async fn disable(&mut self, who: Who) -> Result<(), String> {
        let Some(app) = self.factors.iter().position(|factor| factor.kind == Kind::App) else { return Ok(()) };
        let code = self.right_code(Some(app)).unwrap();
        let reply = self.client(who).patch(PAGE_DISABLE, json!({"code": code})).await;
        expect(passed(&reply)?, || format!("told {} {}", reply.status, reply.json()))?;
        self.note_check(who, &code);
        self.factors.retain(|factor| factor.kind != Kind::App);
        self.removed(who, "removal");
        self.tell("profile: removed");
        Ok(())
    }

    pub(super) async fn forget(&mut self) -> Result<(), String> {
        if self.factors.is_empty() {
            return Ok(());
        }
        let reply = self.client(Who::BackEnd).delete("/v1/me", Value::Null).await;
        expect(passed(&reply)?, || format!("told {} {}", reply.status, reply.json()))?;
        self.factors.clear();
        self.enrollments.iter_mut().for_each(|enrollment| enrollment.is_open = false);
        self.removed(Who::BackEnd, "reset");
        self.tell("the user was forgotten");
        Ok(())
    }

    /// Records a removal. The recovery codes and the checks are removed with the last factor.
    fn removed(&mut self, who: Who, what: &'static str) {
        self.oracle.note_change(who, what);
        self.note_strength(who);
        if self.factors.is_empty() {
            self.recovery.clear();
            self.oracle.forget_checks();
        }
    }
}
