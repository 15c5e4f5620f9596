//! Enrolments: the steps that begin and finish them.

use super::oracle::{Beginning, LIFE, Permit};
use super::play::{Enrollment, Factor, Game, expect};
use super::steps::{By, Who};
use super::ways::{Kind, Way, passed, texts};
use crate::rig::Reply;
use crate::rig::enroll::logto;

/// The most factors of a history. Below it, the account has room for every enrolment that was begun.
const MANY_FACTORS: usize = 28;

impl Game {
    pub(super) async fn begin(&mut self, who: Who, way: Way, code: bool) -> Result<(), String> {
        if self.factors.len() >= MANY_FACTORS {
            return Ok(());
        }
        let way = if who.is_back_end() { way.native() } else { way };
        let code = if code && way == way.native() && !who.is_back_end() { self.right_code(None) } else { None };
        let client = self.client(who);
        let reply = way.begin(&client, self.enrollments.len(), code.as_deref()).await;
        let (begun, not_begun) = (format!("{}: begun", way.dialect()), format!("{}: not begun", way.dialect()));
        let passed = match way {
            // Logto's dialect needs the check at the end. An enrolment begun without a check must not replace one begun
            // with a check.
            Way::Logto => {
                let newest = self.enrollments.iter().rfind(|enrollment| enrollment.way.kind() == Kind::App);
                let is_in_the_way = newest.is_some_and(|newest| self.is_live(newest) && self.is_standing(newest));
                let passed = passed(&reply)?;
                let expected = self.is_allowed(who) || !is_in_the_way;
                expect(passed == expected, || format!("told {} {}", reply.status, reply.json()))?;
                self.tell(if passed { begun } else { not_begun });
                passed
            }
            _ if way.is_of_an_only_app() && self.has_app() => {
                return expect(!passed(&reply)?, || "there is an app".to_owned());
            }
            _ => self.judge(who, code.as_deref(), &reply, [&begun, &not_begun])?,
        };
        if passed {
            let permit = match who {
                Who::Session(_) if self.factors.is_empty() => Permit::AnySession,
                _ if self.is_allowed(who) => Permit::Beginner,
                _ => Permit::Nobody,
            };
            let beginning = Beginning { by: who, changes: self.oracle.changes.len(), permit };
            let replaced = self.enrollments.iter_mut().filter(|enrollment| enrollment.way.kind() == way.kind());
            replaced.for_each(|enrollment| enrollment.is_open = false);
            let (proof, ends) = (way.proof(&client, &reply), self.world.now() + LIFE);
            self.enrollments.push(Enrollment { beginning, way, proof, ends, is_open: true, is_verified: false });
        }
        Ok(())
    }

    fn is_live(&self, enrollment: &Enrollment) -> bool {
        enrollment.is_open && self.world.now() < enrollment.ends
    }

    /// Whether the actor that began it could finish it now.
    fn is_standing(&self, enrollment: &Enrollment) -> bool {
        let beginning = enrollment.beginning;
        self.oracle.may_finish(beginning, beginning.by, self.world.now())
    }

    pub(super) async fn verify_newest(&mut self, by: By) -> Result<(), String> {
        let Some(newest) = self.enrollments.iter().rposition(|enrollment| enrollment.way == Way::Logto) else {
            return Ok(());
        };
        let who = by.who(self.enrollments[newest].beginning);
        if who.is_back_end() {
            return Ok(());
        }
        let code = self.world.next_code(self.enrollments[newest].proof.secret.as_ref().unwrap());
        self.verify(newest, who, &code, true).await
    }

    /// Logto's request to verify the code of an enrolment. It needs no check and does not count as one.
    async fn verify(&mut self, enrollment: usize, who: Who, code: &str, right: bool) -> Result<(), String> {
        let reply = logto::verify(&self.client(who), &self.enrollments[enrollment].proof.token, code).await;
        let expected = right && self.is_live(&self.enrollments[enrollment]);
        expect(passed(&reply)? == expected, || format!("told {} {}", reply.status, reply.json()))?;
        self.enrollments[enrollment].is_verified |= expected;
        Ok(())
    }

    pub(super) async fn finish(&mut self, nth: usize, by: By, right: bool) -> Result<(), String> {
        let (open, ended): (Vec<_>, Vec<_>) =
            (0..self.enrollments.len()).rev().partition(|index| self.is_live(&self.enrollments[*index]));
        let Some(index) = open.into_iter().chain(ended).nth(nth) else { return Ok(()) };
        let Enrollment { beginning, way, proof, .. } = self.enrollments[index].clone();
        let who = by.who(beginning);
        if who.is_back_end() && way != way.native() {
            return Ok(());
        }
        let code = match &proof.secret {
            Some(secret) if right => self.world.next_code(secret),
            Some(secret) => self.world.wrong_code(secret),
            None if right => proof.code.clone(),
            None => self.world.postbox.wrong_code(),
        };
        if way == Way::Logto && !self.enrollments[index].is_verified {
            self.verify(index, who, &code, right).await?;
        }
        let reply = way.finish(&self.client(who), &proof.token, &code).await;
        let is_proven = if way == Way::Logto { self.enrollments[index].is_verified } else { right };
        let has_room = !way.is_of_an_only_app() || !self.has_app();
        let fits = is_proven && has_room && self.is_live(&self.enrollments[index]);
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
            let why = self.oracle.why_unfinished(beginning, who);
            self.tell(format!("unfinished {why}"));
            self.tell(format!("{}: unfinished {why}", way.dialect()));
        }
        if passed {
            self.tell(format!("{}: finished", way.dialect()));
            self.tell(format!("finished {}", self.oracle.why_finished(beginning, who)));
            self.bound(index, who, &reply).await;
        }
        Ok(())
    }

    async fn bound(&mut self, enrollment: usize, who: Who, reply: &Reply) {
        let Enrollment { way, proof, is_open, .. } = &mut self.enrollments[enrollment];
        *is_open = false;
        let (way, proof) = (*way, proof.clone());
        let codes = match way {
            Way::Page => texts(reply, "data"),
            _ => proof.recovery.map(|code| vec![code]).or_else(|| texts(reply, "recoveryCodes")),
        };
        self.recovery = codes.unwrap_or_else(|| std::mem::take(&mut self.recovery));
        self.oracle.note_change(who, "binding");
        // Binding the first factor counts as a check. Binding another renews no check.
        if self.factors.is_empty() {
            self.oracle.note_check(who, self.world.now());
        }
        let id = self.listed().await.pop().unwrap();
        self.factors.push(Factor { id, kind: way.kind(), secret: proof.secret });
        self.note_strength(who);
    }
}
