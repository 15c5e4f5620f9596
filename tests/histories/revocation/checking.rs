//! Checks, and challenges.

use serde_json::json;

use super::oracle::{Beginning, LIFE, Permit};
use super::play::{Challenge, Factor, Game, expect};
use super::steps::{By, Who, With};
use super::ways::{Kind, passed};
use crate::rig::enroll::logto;

const CHALLENGES: &str = "/v1/me/challenges";
const VERIFY: &str = "/v1/me/verify";
const GENAUTH_VERIFY: &str = "/api/v3/mfa-totp-verify";

impl Game {
    pub(super) async fn check(&mut self, session: usize, with: With) -> Result<(), String> {
        let who = Who::Session(session);
        let app = self.factors.iter().find(|factor| factor.secret.is_some());
        let (has_app, has_recovery) = (app.is_some(), !self.recovery.is_empty());
        let can = |with: &With| match with {
            With::App => has_app,
            With::Recovery => has_recovery,
            With::Genauth | With::Logto => has_app || has_recovery,
            With::Challenge => self.factors.iter().any(|factor| factor.kind != Kind::App),
        };
        let Some(with) = [with, With::Recovery, With::App, With::Challenge].into_iter().find(can) else {
            return Ok(());
        };
        let recovery = || self.recovery[0].clone();
        let shown = |app: &Factor| self.world.next_code(app.secret.as_ref().unwrap());
        let (path, request, code) = match with {
            With::Challenge => {
                self.challenge(who, 0).await?;
                self.answer(0, By::Beginner, true).await?;
                self.tell("checked: Challenge");
                return Ok(());
            }
            With::Recovery => (VERIFY, json!({"code": recovery()}), recovery()),
            With::App => {
                let (app, code) = (app.unwrap(), shown(app.unwrap()));
                (VERIFY, json!({"factorId": app.id, "code": code}), code)
            }
            With::Genauth => {
                let code = app.map_or_else(recovery, shown);
                (GENAUTH_VERIFY, json!({"totp": code}), code)
            }
            With::Logto => {
                let code = app.map_or_else(recovery, shown);
                (logto::VERIFY, json!({"code": code}), code)
            }
        };
        let reply = self.client(who).post(path, request).await;
        expect(passed(&reply)?, || format!("{with:?}, told {} {}", reply.status, reply.json()))?;
        self.note_check(who, &code);
        self.tell(format!("checked: {with:?}"));
        Ok(())
    }

    pub(super) async fn challenge(&mut self, who: Who, factor: usize) -> Result<(), String> {
        let sent: Vec<_> = self.factors.iter().filter(|factor| factor.kind != Kind::App).collect();
        let Some(factor) = sent.get(factor % sent.len().max(1)).map(|factor| factor.id.clone()) else {
            return Ok(());
        };
        let reply = self.client(who).post(CHALLENGES, json!({"factorId": factor})).await;
        expect(passed(&reply)?, || format!("told {} {}", reply.status, reply.json()))?;
        let replaced = self.challenges.iter_mut().filter(|challenge| challenge.factor == factor);
        replaced.for_each(|challenge| challenge.is_open = false);
        let permit = if who.is_back_end() { Permit::Beginner } else { Permit::AnySession };
        let beginning = Beginning { by: who, changes: self.oracle.changes.len(), permit };
        let (id, code, ends) = (reply.text("/challengeId"), self.world.postbox.code(), self.world.now() + LIFE);
        self.challenges.push(Challenge { beginning, factor, id, code, ends, is_open: true });
        Ok(())
    }

    pub(super) async fn answer(&mut self, nth: usize, by: By, right: bool) -> Result<(), String> {
        let is_live = |index: &usize| {
            let challenge = &self.challenges[*index];
            let has_factor = self.factors.iter().any(|factor| factor.id == challenge.factor);
            challenge.is_open && has_factor && self.world.now() < challenge.ends
        };
        let (open, ended): (Vec<_>, Vec<_>) = (0..self.challenges.len()).rev().partition(is_live);
        let Some(index) = open.into_iter().chain(ended).nth(nth) else { return Ok(()) };
        let Challenge { beginning, id, code, .. } = self.challenges[index].clone();
        let who = by.who(beginning);
        let code = if right { code } else { self.world.postbox.wrong_code() };
        let reply = self.client(who).post(VERIFY, json!({"challengeId": id, "code": code})).await;
        let fits = right && is_live(&index);
        let may_finish = self.oracle.may_finish(beginning, who, self.world.now());
        let passed = passed(&reply)?;
        expect(passed == (fits && may_finish), || {
            format!(
                "by {who:?}, fits: {fits}, may: {may_finish}, told {} {}\n{beginning:?}",
                reply.status,
                reply.json()
            )
        })?;
        if fits && !may_finish {
            self.tell(format!("unanswered {}", self.oracle.why_unfinished(beginning, who)));
        }
        if passed {
            self.tell(format!("answered {}", self.oracle.why_finished(beginning, who)));
            self.challenges[index].is_open = false;
            let factor = self.factors.iter().find(|factor| factor.id == self.challenges[index].factor);
            if factor.is_some_and(|factor| factor.kind == Kind::Address) {
                self.oracle.note_mailed(who, self.world.now());
            } else {
                self.oracle.note_check(who, self.world.now());
            }
        }
        Ok(())
    }
}
