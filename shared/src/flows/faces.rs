//! Faces: a photo that is compared, by a judge outside, with the photo of the enrolment. It adds to a check that another
//! factor has passed in the same session.

use super::check::step_up_required;
use super::engine::{Answer, Cx, Name, Outcome, Question, UseCase, Work};
use super::verify::{Binding, Passed};
use super::{Caller, Service};
use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::factor::face::{Method, Photo, Similarity, TRIES, Verdict};
use crate::domain::factor::{Factor, FactorType};
use crate::domain::hosted::Step;
use crate::domain::ids::FactorId;
use crate::domain::possession::Attempt;
use crate::domain::receipt::{Level, PassedCheck};
use crate::domain::vault::Vault;
use crate::judge::JudgeError;
use crate::photo_link::PhotoHosts;

/// The operator's settings of faces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaceSettings {
    /// The least similarity of two photos of one face.
    pub least: Similarity,
    /// The most comparisons of a day, over all users.
    pub comparisons_per_day: u32,
    /// The hosts that photos may be fetched from.
    pub photo_hosts: PhotoHosts,
}

impl Service {
    /// Checks a photo of the caller's face. The session must have passed a check with another factor. The result is that
    /// check, with the face beside it; it gives no recent check.
    ///
    /// # Errors
    /// [`Error::ChannelNotConfigured`], [`Error::NotEnrolled`], [`Error::NotFound`], [`Error::StepUpRequired`],
    /// [`Error::FactorLocked`], [`Error::TooManyComparisons`], [`Error::PhotoUnclear`], [`Error::IncorrectCode`],
    /// [`Error::Expired`] if the reference was deleted, [`Error::Busy`].
    pub async fn verify_face(&self, caller: &Caller, photo: &Photo, face: Option<&FactorId>) -> Result<Passed, Error> {
        self.run_for_receipt(caller, &CheckFace { photo, face }).await
    }
}

struct CheckFace<'a> {
    photo: &'a Photo,
    /// The factor that the client names.
    face: Option<&'a FactorId>,
}

impl UseCase for CheckFace<'_> {
    type Reply = Passed;

    const STEP: Step = Step::Check;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        [Name::Account, Name::Reference].into_iter().chain(counts()).collect()
    }

    fn asks(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Option<Question>, Error> {
        cx.faces()?;
        work.rewind(&Name::Account, cx.now);
        let face = self.face(work)?;
        earlier_check(work, cx)?;
        face.admit(cx.now, cx.policy())?;
        let id = face.id().clone();
        let reference = work.reference()?.open(&id, cx.vault, cx.now, cx.policy().face_keep_seconds())?;
        let reference = reference.ok_or(Error::Expired(Subject::Reference))?;
        charge(work, cx)?;
        // The try counts until the judge has spoken. If the function is killed before that, it still counts.
        work.account_mut()?.factor_mut(&id)?.failed(cx.now);
        Ok(Some(Question { about: id, reference, photo: self.photo.clone(), charged_at: cx.now }))
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Passed>, Error> {
        let (settings, id) = (cx.faces()?, self.face(work)?.id().clone());
        // Without it, another face was enrolled in the meantime.
        let answer = cx.answer_about(&id)?;
        if must_take_back(answer.verdict) {
            work.account_mut()?.factor_mut(&id)?.take_back();
        }
        let verdict = judged(work, answer)?;
        let remaining = |face: &Factor| TRIES.saturating_sub(face.attempts().wrong);
        match Method::compare(verdict, settings.least) {
            Attempt::Right(possession) => {
                let earlier = earlier_check(work, cx)?;
                work.account_mut()?.factor_mut(&id)?.passed(&possession, cx.vault, cx.now)?;
                work.reference_mut()?.used(cx.vault, cx.now)?;
                let mut passed = Passed::new(earlier, &Binding::default(), None)?;
                (passed.statement.with_face, passed.statement.issued_at) = (true, cx.now);
                Ok(Outcome::reply(passed))
            }
            Attempt::Spent | Attempt::Wrong => {
                let remaining = Some(remaining(self.face(work)?));
                Err(Error::IncorrectCode { kind: CodeKind::Face, remaining })
            }
        }
    }
}

impl CheckFace<'_> {
    /// The enrolled face.
    fn face<'a>(&self, work: &'a Work) -> Result<&'a Factor, Error> {
        let account = work.account()?;
        let face = account.face().ok_or(match (self.face, account.factors().is_empty()) {
            (Some(_), _) => Error::NotFound(Subject::Factor),
            (None, true) => Error::NotEnrolled(None),
            (None, false) => Error::NotEnrolled(Some(FactorType::Face)),
        })?;
        if self.face.is_none_or(|named| named == face.id()) { Ok(face) } else { Err(Error::NotFound(Subject::Factor)) }
    }
}

/// The newest check that this session has passed with another factor.
fn earlier_check(work: &Work, cx: &Cx<'_>) -> Result<PassedCheck, Error> {
    let account = work.account()?;
    let mut checks = account.recent_checks(cx.caller.actor, cx.now, cx.policy());
    let earlier = checks.find(|check| Level::OF_CHECKS.contains(&check.level) && account.still_has(check));
    earlier.cloned().ok_or_else(|| step_up_required(work, cx))
}

/// The documents that count comparisons: of the user, and of all users today.
pub(super) fn counts() -> [Name; 2] {
    [Name::Challenge(FactorId::any_face()), Name::Comparisons]
}

/// Charges a comparison to the user and to the day.
pub(super) fn charge(work: &mut Work, cx: &Cx<'_>) -> Result<(), Error> {
    let settings = cx.faces()?;
    work.rewind(&Name::Challenge(FactorId::any_face()), cx.now);
    let of_user = work.challenge_mut(&FactorId::any_face())?;
    of_user.sent = of_user.sent.charge_comparison(cx.now, cx.policy())?;
    let of_day = work.comparisons_mut()?;
    *of_day = of_day.charge(cx.now, settings.comparisons_per_day)?;
    Ok(())
}

/// Whether the failure that was counted before the judge was asked is taken back, because the judge has said nothing of
/// the face.
fn must_take_back(verdict: Result<Verdict, JudgeError>) -> bool {
    match verdict {
        Ok(Verdict::Unclear(_)) | Err(JudgeError::Refused) => true,
        // The face may have been compared.
        Ok(Verdict::Similar(_)) | Err(JudgeError::Unknown) => false,
    }
}

/// The judge's verdict. A comparison that was certainly not made is taken back from the counts.
pub(super) fn judged(work: &mut Work, answer: &Answer) -> Result<Verdict, Error> {
    let Answer { verdict, charged_at, .. } = *answer;
    if verdict == Err(JudgeError::Refused) {
        let of_user = work.challenge_mut(&FactorId::any_face())?;
        of_user.sent = of_user.sent.clone().take_back();
        let of_day = work.comparisons_mut()?;
        *of_day = of_day.take_back(charged_at);
    }
    work.settle();
    match verdict {
        Ok(Verdict::Unclear(unclear)) => Err(Error::PhotoUnclear(unclear)),
        Ok(verdict) => Ok(verdict),
        Err(JudgeError::Refused | JudgeError::Unknown) => Err(Error::Busy),
    }
}
