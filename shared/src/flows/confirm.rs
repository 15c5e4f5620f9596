//! Finishing an enrolment: a right code makes the candidate a factor.

use super::check::step_up_required;
use super::engine::{Cx, Name, Outcome, Question, UseCase, Work};
use super::enroll::require_first_app;
use super::receipt::{Receipt, Stated};
use super::{Caller, Service, faces, hosted, notice};
use crate::delivery::notices::Notice;
use crate::domain::account::Change;
use crate::domain::actor::Actor;
use crate::domain::enrollment::{Claim, Draft, Enrollment};
use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::factor::face::{Photo, Reference};
use crate::domain::factor::passkey::{Demands, RegistrationResponse};
use crate::domain::factor::{FactorSummary, FactorType, Opened, Proof};
use crate::domain::grant::Allowed;
use crate::domain::hosted::{HostedResult, Step};
use crate::domain::possession::{Attempt, Evidence, Possession};
use crate::domain::receipt::{PassedCheck, Statement};
use crate::domain::recovery::RecoverySet;
use crate::domain::secret::{Code, RecoveryCode};
use crate::domain::terms::{RecoveryHandout, Terms};
use crate::domain::token::EnrollmentToken;
use crate::domain::vault::Vault;

/// A factor that was just enrolled.
#[derive(Debug)]
pub struct Confirmed {
    /// The factor.
    pub factor: FactorSummary,
    /// The account's new recovery codes, which are shown once. Empty if it got none.
    pub recovery_codes: NewCodes,
    /// A receipt of the enrolment, which is no check. `None` if the operator has no receipts.
    pub receipt: Option<Receipt>,
    /// The URL to go to, if the enrolment has finished a hosted session.
    pub next: Option<hosted::NextUrl>,
}

impl Stated for Confirmed {
    fn statement(&self) -> Option<Statement> {
        let FactorSummary { id, created_at, .. } = &self.factor;
        Some(Statement::of(PassedCheck::enrolled(id.clone(), *created_at), *created_at))
    }

    fn set_receipt(&mut self, receipt: Receipt) {
        self.receipt = Some(receipt);
    }
}

/// A proof of a new factor, as a client gives it. It is not printed.
pub enum Given {
    /// A code.
    Code(Code),
    /// The registration of a passkey.
    Registration {
        /// The browser's answer.
        response: Box<RegistrationResponse>,
        /// The demands of the options that it answers.
        demands: &'static Demands,
    },
    /// A photo of a face.
    Photo(Photo),
}

/// New recovery codes for their owner. They are not printed.
#[derive(Default)]
pub struct NewCodes(pub Vec<RecoveryCode>);

impl std::fmt::Debug for NewCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewCodes({})", self.0.len())
    }
}

impl Service {
    /// Confirms an enrolment with its code, with a passkey's registration, or with the photo of a face.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`], [`Error::StepUpRequired`],
    /// [`Error::AlreadyEnrolled`], [`Error::TooManyFactors`], [`Error::TooManyAttempts`], [`Error::IncorrectCode`],
    /// [`Error::Busy`].
    pub async fn confirm(
        &self,
        caller: &Caller,
        terms: &Terms,
        claim: Claim<'_>,
        proof: &Given,
    ) -> Result<Confirmed, Error> {
        self.run_for_receipt(caller, &Confirm { terms, claim, proof }).await
    }

    /// Verifies the code of an enrolment that [`Service::bind`] binds later. This does not count as a recent check.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`], [`Error::TooManyAttempts`],
    /// [`Error::IncorrectCode`], [`Error::CodeAlreadyUsed`], [`Error::Busy`].
    pub async fn verify_candidate(&self, caller: &Caller, token: &EnrollmentToken, proof: &Given) -> Result<(), Error> {
        self.run(caller, &VerifyCandidate { claim: Claim::from(token), proof }).await
    }

    /// Binds an enrolment whose code was verified before. `token` may be the error of a malformed id: it is returned
    /// only after the test for a recent check.
    ///
    /// # Errors
    /// In this order: [`Error::StepUpRequired`], [`Error::NotFound`], [`Error::AlreadyUsed`] or [`Error::Expired`],
    /// [`Error::NotVerified`], [`Error::AlreadyEnrolled`] or [`Error::TooManyFactors`]; [`Error::Busy`].
    pub async fn bind(
        &self,
        caller: &Caller,
        terms: &Terms,
        token: &Result<EnrollmentToken, Error>,
    ) -> Result<Confirmed, Error> {
        self.run_for_receipt(caller, &Bind { terms, token }).await
    }
}

pub(super) struct Confirm<'a> {
    pub(super) terms: &'a Terms,
    pub(super) claim: Claim<'a>,
    pub(super) proof: &'a Given,
}

impl UseCase for Confirm<'_> {
    type Reply = Confirmed;

    const STEP: Step = Step::Enroll;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        let further = match self.claim.factor_type {
            FactorType::Face => faces::counts().into_iter().chain([Name::Reference]).collect(),
            FactorType::Totp | FactorType::Sms | FactorType::Email | FactorType::Passkey => Vec::new(),
        };
        [Name::Account, Name::Enrollment(self.claim.factor_type)].into_iter().chain(further).collect()
    }

    /// The photo of a face is compared with itself, which shows whether it has one face of enough size.
    fn asks(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Option<Question>, Error> {
        match (self.claim.factor_type, self.proof) {
            (FactorType::Face, Given::Photo(photo)) => {
                let draft = self.allowed(work, cx)?.0;
                draft.tries.admit(CodeKind::Face, cx.now, cx.policy())?;
                faces::charge(work, cx)?;
                let about = draft.candidate.id;
                let (reference, photo) = (photo.clone(), photo.clone());
                Ok(Some(Question { about, reference, photo, charged_at: cx.now }))
            }
            (_, Given::Code(_) | Given::Registration { .. } | Given::Photo(_)) => Ok(None),
        }
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Confirmed>, Error> {
        let (draft, opened) = self.allowed(work, cx)?;
        let possession = prove(work, cx, self.claim, self.proof, &opened)?;
        if let Given::Photo(photo) = self.proof {
            *work.reference_mut()? = Reference::new(&draft.candidate.id, photo, cx.vault, cx.now)?;
        }
        bind(work, cx, self.terms, &draft, &opened, possession)
    }
}

impl Confirm<'_> {
    /// The draft, if its proof may be compared now and the account has room for the factor.
    fn allowed(&self, work: &mut Work, cx: &Cx<'_>) -> Result<(Draft, Opened), Error> {
        work.rewind(&Name::Enrollment(self.claim.factor_type), cx.now);
        let account = work.account()?;
        // Without a token, an enrolled app is the likeliest reason for a missing enrolment, so it is reported first.
        if self.claim.nonce.is_none() {
            require_first_app(self.terms, self.claim.factor_type, account)?;
        }
        let (draft, _) = claimed(work, cx, self.claim)?;
        if !account.may_finish(draft.beginning(), cx.caller.actor, cx.now, cx.policy()) {
            return Err(may_not_finish(work, cx, self.claim.factor_type, Some(draft.ticket.by)));
        }
        let draft = draft.clone();
        let opened = draft.candidate.open(cx.vault)?;
        require_room(work, cx, self.terms, &draft, &opened)?;
        Ok((draft, opened))
    }
}

struct VerifyCandidate<'a> {
    claim: Claim<'a>,
    proof: &'a Given,
}

impl UseCase for VerifyCandidate<'_> {
    type Reply = ();

    const STEP: Step = Step::Other;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Enrollment(self.claim.factor_type)]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<()>, Error> {
        work.rewind(&Name::Enrollment(self.claim.factor_type), cx.now);
        let opened = claimed(work, cx, self.claim)?.0.candidate.open(cx.vault)?;
        let possession = prove(work, cx, self.claim, self.proof, &opened)?;
        let draft = claimed(work, cx, self.claim)?.0.clone();
        *work.enrollment_mut(self.claim.factor_type)? = Enrollment::Verified(draft, possession);
        Ok(Outcome::reply(()))
    }
}

struct Bind<'a> {
    terms: &'a Terms,
    token: &'a Result<EnrollmentToken, Error>,
}

impl UseCase for Bind<'_> {
    type Reply = Confirmed;

    const STEP: Step = Step::Other;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        let enrollment = self.token.as_ref().ok().map(|token| Name::Enrollment(token.factor_type));
        [Name::Account].into_iter().chain(enrollment).collect()
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Confirmed>, Error> {
        if let Ok(token) = self.token {
            work.rewind(&Name::Enrollment(token.factor_type), cx.now);
        }
        let (account, actor) = (work.account()?, cx.caller.actor);
        let claimed = match self.token {
            Ok(token) => claimed(work, cx, Claim::from(token)),
            Err(error) => Err(error.clone()),
        };
        // Only an actor that may bind an enrolment learns whether there is one.
        let may_ask = match &claimed {
            Ok((draft, _)) => account.may_finish(draft.beginning(), actor, cx.now, cx.policy()),
            Err(_) => account.allowed(actor, cx.now, cx.policy()) != Allowed::NotYet,
        };
        if !may_ask {
            let factor_type = self.token.as_ref().map_or(FactorType::Totp, |token| token.factor_type);
            let by = claimed.as_ref().ok().map(|(draft, _)| draft.ticket.by);
            return Err(may_not_finish(work, cx, factor_type, by));
        }
        let (draft, possession) = claimed?;
        let (draft, possession) = (draft.clone(), possession.cloned().ok_or(Error::NotVerified)?);
        let opened = draft.candidate.open(cx.vault)?;
        require_room(work, cx, self.terms, &draft, &opened)?;
        bind(work, cx, self.terms, &draft, &opened, possession)
    }
}

/// The refusal of a draft that the actor may not finish. It is `StepUpRequired` if a check would help. Otherwise it is
/// `Expired` for the actor's own draft, and `NotFound` for another session's.
fn may_not_finish(work: &Work, cx: &Cx<'_>, factor_type: FactorType, by: Option<Actor>) -> Error {
    let (actor, subject) = (cx.caller.actor, Subject::Enrollment(factor_type));
    match work.account().map(|account| account.allowed(actor, cx.now, cx.policy())) {
        Err(error) => error,
        Ok(Allowed::NotYet) => step_up_required(work, cx),
        Ok(Allowed::AnySession(_) | Allowed::Beginner(_)) if by == Some(actor) => Error::Expired(subject),
        Ok(Allowed::AnySession(_) | Allowed::Beginner(_)) => Error::NotFound(subject),
    }
}

/// The draft that a claim refers to, and its possession if its code was verified before.
fn claimed<'a>(work: &'a Work, cx: &Cx<'_>, claim: Claim<'_>) -> Result<(&'a Draft, Option<&'a Possession>), Error> {
    work.enrollment(claim.factor_type)?.claimed(claim, cx.caller.actor.access(), cx.now)
}

/// Compares the code of a draft, which may have been verified before, and settles the count of a wrong one.
fn prove(work: &mut Work, cx: &Cx<'_>, claim: Claim<'_>, given: &Given, opened: &Opened) -> Result<Possession, Error> {
    let draft = claimed(work, cx, claim)?.0;
    let kind = CodeKind::from(draft.candidate.factor_type());
    draft.tries.admit(kind, cx.now, cx.policy())?;
    let id = draft.candidate.id.clone();
    let proof = match given {
        Given::Photo(_) if cx.answer.is_some() => {
            let verdict = faces::judged(work, cx.answer_about(&id)?)?;
            Proof::Face(verdict, cx.faces()?.least)
        }
        Given::Code(Code::Digits(digits)) => Proof::Digits(digits),
        Given::Registration { response, demands } => {
            Proof::Registration { response, relying_party: cx.settings.relying_party()?, demands }
        }
        // A code of any other form can't be right, so it is not counted as a guess.
        Given::Code(_) | Given::Photo(_) => return Err(Error::IncorrectCode { kind, remaining: None }),
    };
    let (draft, shown) = claimed(work, cx, claim)?;
    let (candidate, nonce, shown) = (&draft.candidate, draft.ticket.nonce, shown.map(Possession::evidence));
    match candidate.attempt(opened, cx.vault, nonce, proof, cx.now, shown)? {
        Attempt::Right(possession) => Ok(possession),
        Attempt::Spent => Err(Error::CodeAlreadyUsed),
        Attempt::Wrong => {
            let tries = work.enrollment_mut(claim.factor_type)?.count_wrong(cx.now);
            work.settle();
            Err(Error::IncorrectCode { kind, remaining: Some(tries.remaining(cx.policy())) })
        }
    }
}

/// Checks that the draft may become a factor of the account as it is now.
fn require_room(work: &Work, cx: &Cx<'_>, terms: &Terms, draft: &Draft, opened: &Opened) -> Result<(), Error> {
    let account = work.account()?;
    require_first_app(terms, draft.candidate.factor_type(), account)?;
    account.require_room(opened.place(&draft.candidate.label), cx.vault, cx.policy())
}

/// Makes the draft a factor, with the recovery codes that the terms provide.
fn bind(
    work: &mut Work,
    cx: &Cx<'_>,
    terms: &Terms,
    draft: &Draft,
    opened: &Opened,
    possession: Possession,
) -> Result<Outcome<Confirmed>, Error> {
    let factor_type = draft.candidate.factor_type();
    hosted::require_enrollable(work, cx, factor_type)?;
    if let Evidence::Registered(registered) = possession.evidence()
        && work.account()?.passkey(&registered.credential_id).is_some()
    {
        return Err(Error::AlreadyEnrolled(factor_type));
    }
    let contact = hosted::contact_of_record(work, cx)?.map(Box::new);
    let account = work.account_mut()?;
    let (recovery_codes, codes) = match terms.recovery {
        RecoveryHandout::WithFirstFactor(count) if account.factors().is_empty() => {
            some(recovery_codes::<{ RecoveryCode::SHORT }>(cx, count)?)
        }
        RecoveryHandout::WithEveryFactor(count) => some(recovery_codes::<{ RecoveryCode::SHORT }>(cx, count)?),
        RecoveryHandout::ShownAtBeginning => (NewCodes::default(), draft.recovery.clone()),
        RecoveryHandout::WithFirstFactor(_) | RecoveryHandout::OnRequest => (NewCodes::default(), None),
    };
    let id = draft.candidate.id.clone();
    let change = Change::Bind { candidate: draft.candidate.clone(), possession, codes, contact };
    account.change(change, cx.caller.actor, cx.now, cx.policy())?;
    let factor = account.factor(&id)?.summary_of(opened);
    *work.enrollment_mut(factor_type)? = draft.confirmed();
    let enrolled = PassedCheck::enrolled(factor.id.clone(), cx.now);
    let next = hosted::finish(work, cx, HostedResult::Enrolled(enrolled))?;
    let message = notice::of_change(work, cx, Notice::Added(factor_type))?;
    Ok(Outcome { reply: Confirmed { factor, recovery_codes, receipt: None, next }, message })
}

fn some((codes, set): (NewCodes, RecoverySet)) -> (NewCodes, Option<RecoverySet>) {
    (codes, Some(set))
}

/// `count` new recovery codes, and the set of their digests.
pub(super) fn recovery_codes<const BYTES: usize>(cx: &Cx<'_>, count: usize) -> Result<(NewCodes, RecoverySet), Error> {
    let version = cx.vault.current();
    let random = |_| RecoveryCode::random::<BYTES>(cx.randomness);
    let codes = (0..count).map(random).collect::<Result<Vec<_>, _>>()?;
    let digest = |code| cx.vault.recovery_digest(version, code).map(|digest| digest.bytes);
    let digests = codes.iter().map(digest).collect::<Result<_, Error>>()?;
    Ok((NewCodes(codes), RecoverySet::new(version, digests, cx.now)))
}
