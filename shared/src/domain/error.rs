//! The one error of the domain and the flows. It knows nothing of HTTP. Each dialect matches on it exhaustively.

use std::fmt;

use super::factor::face::Unclear;
use super::factor::{FactorSummary, FactorType};
use super::transaction::TransactionProblem;

/// The reason that a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The request has no identity, or its identity may not do this.
    Unauthorized,
    /// The request does not say which factor it means, and several fit.
    FactorRequired,
    /// The factor's codes are sent by message, so a challenge is needed first.
    ChallengeRequired,
    /// The factor makes its own codes, so it can't be challenged.
    NotChallengeable,
    /// The code is wrong. It was counted, unless it is a recovery code or its form can't be right.
    IncorrectCode {
        /// The kind of code.
        kind: CodeKind,
        /// Tries left before the next one is refused or delayed. `None`: the code was not counted, or delays have
        /// begun.
        remaining: Option<u32>,
    },
    /// The code is right but was used before. The person must wait for the next one.
    CodeAlreadyUsed,
    /// The transaction is not well-formed, can't be shown whole, or can't be confirmed with this code. No code was
    /// compared.
    TransactionRefused(TransactionProblem),
    /// The transaction is not the one of the challenge. It was counted as a wrong code is.
    TransactionMismatch {
        /// Tries left before the next one is refused or delayed.
        remaining: u32,
    },
    /// Changing factors needs a recent check of this session.
    StepUpRequired {
        /// The factors with which the person can pass a check.
        available: Vec<FactorSummary>,
    },
    /// The first factor needs a hosted session in which a contact of the back end's record is confirmed.
    ContactRequired,
    /// A face is kept only with its person's consent.
    ConsentRequired,
    /// A face is enrolled only beside another factor.
    OtherFactorRequired,
    /// The photo can't be judged. The person should take another one.
    PhotoUnclear(Unclear),
    /// Too many wrong codes in a row. The factor stays locked until it is reset.
    FactorLocked,
    /// The destination is not a mobile number, or its country is not allowed.
    DestinationRefused,
    /// The subject does not exist, or it belongs to another user.
    NotFound(Subject),
    /// The destination, or an authenticator app of that label, is already enrolled.
    AlreadyEnrolled(FactorType),
    /// The account has the most factors that the policy allows.
    TooManyFactors,
    /// The account has no factor of this type. `None`: it has no factor at all.
    NotEnrolled(Option<FactorType>),
    /// The token or challenge was used before.
    AlreadyUsed(Subject),
    /// The token or challenge has expired, or a change of factors has ended it.
    Expired(Subject),
    /// The new factor's code has not been verified yet.
    NotVerified,
    /// The verification was of an enrolled factor, so there is nothing new to bind.
    NothingToBind,
    /// Too many wrong codes for now.
    TooManyAttempts {
        /// The kind of code.
        kind: CodeKind,
        /// Seconds to wait.
        retry_after: u64,
    },
    /// Too many messages for now.
    TooManyMessages {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// Too many comparisons of faces for now, of this user or of all users together.
    TooManyComparisons {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// This kind of factor is not configured. The text is its name for people.
    ChannelNotConfigured(&'static str),
    /// The message was refused, or it is unknown whether it was sent.
    DeliveryFailed,
    /// The store or the keys can't be reached, too many requests conflicted, messages are throttled, or the time is up.
    /// The client may repeat the same request.
    Busy,
    /// An internal failure. The text is only for the log.
    Internal(&'static str),
}

/// The kind of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// A code of an authenticator app.
    Totp,
    /// A passcode sent by SMS.
    Sms,
    /// A passcode sent by e-mail.
    Email,
    /// A recovery code.
    Recovery,
    /// A passkey's answer.
    Passkey,
    /// A photo of a face.
    Face,
}

impl From<FactorType> for CodeKind {
    fn from(factor: FactorType) -> Self {
        match factor {
            FactorType::Totp => Self::Totp,
            FactorType::Sms => Self::Sms,
            FactorType::Email => Self::Email,
            FactorType::Passkey => Self::Passkey,
            FactorType::Face => Self::Face,
        }
    }
}

/// The thing that was not found, was used before or has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An enrolment token.
    Enrollment(FactorType),
    /// A challenge.
    Challenge,
    /// A factor.
    Factor,
    /// A hosted session.
    Session,
    /// The contact of record in a hosted session.
    Contact,
    /// The reference of a face.
    Reference,
}

impl Error {
    /// A stable name, logged as `error.code`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ChallengeRequired | Self::NotChallengeable | Self::TransactionRefused(_) => "invalid_request",
            Self::TransactionMismatch { .. } => "transaction_mismatch",
            Self::Unauthorized => "unauthorized",
            // A user without a factor of this type has another one. `not_enrolled` would be wrong, because an application
            // may let a user without factors in.
            Self::FactorRequired | Self::NotEnrolled(Some(_)) => "factor_required",
            Self::IncorrectCode { .. } => "incorrect_code",
            Self::CodeAlreadyUsed => "code_already_used",
            Self::StepUpRequired { .. } => "step_up_required",
            Self::ContactRequired => "contact_required",
            Self::ConsentRequired => "consent_required",
            Self::OtherFactorRequired => "other_factor_required",
            Self::PhotoUnclear(_) => "photo_unclear",
            Self::FactorLocked => "factor_locked",
            Self::DestinationRefused => "destination_refused",
            Self::NotFound(_) => "not_found",
            Self::NotEnrolled(None) => "not_enrolled",
            Self::AlreadyEnrolled(_) => "already_enrolled",
            Self::TooManyFactors => "too_many_factors",
            Self::AlreadyUsed(_) => "already_used",
            Self::Expired(_) => "expired",
            Self::NotVerified => "not_verified",
            Self::NothingToBind => "nothing_to_bind",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::TooManyMessages { .. } => "too_many_messages",
            Self::TooManyComparisons { .. } => "too_many_comparisons",
            Self::ChannelNotConfigured(_) => "channel_not_configured",
            Self::DeliveryFailed => "delivery_failed",
            Self::Busy => "busy",
            Self::Internal(_) => "internal",
        }
    }

    /// Seconds after which the same request may succeed.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyAttempts { retry_after, .. }
            | Self::TooManyMessages { retry_after }
            | Self::TooManyComparisons { retry_after } => Some(*retry_after),
            Self::Busy => Some(1),
            _ => None,
        }
    }
}

/// A sentence for a person, without internals and without values.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => f.write_str("This route needs an identity."),
            Self::FactorRequired => f.write_str("Name the factor that the code is for."),
            Self::ChallengeRequired => f.write_str("Ask for a challenge first: the codes of this factor are sent."),
            Self::NotChallengeable => f.write_str("This factor can't be challenged: it makes its own codes."),
            Self::IncorrectCode { kind: CodeKind::Passkey, .. } => f.write_str("The passkey was not accepted."),
            Self::IncorrectCode { kind: CodeKind::Face, .. } => f.write_str("The face was not recognised."),
            Self::IncorrectCode { .. } => f.write_str("The code is not right."),
            Self::CodeAlreadyUsed => f.write_str("This code was used before: wait for the next one."),
            Self::TransactionRefused(_) => f.write_str("This transaction can't be confirmed like this."),
            Self::TransactionMismatch { .. } => f.write_str("The code is for another transaction."),
            Self::StepUpRequired { .. } => f.write_str("Pass a check in this session first."),
            Self::ContactRequired => {
                f.write_str("The first factor needs a session in which a contact from your record is confirmed.")
            }
            Self::ConsentRequired => f.write_str("A face needs the person's consent, with the version of its text."),
            Self::OtherFactorRequired => f.write_str("Enroll another factor first: a face is only there beside one."),
            Self::PhotoUnclear(Unclear::NoFace) => f.write_str("The photo shows no face: take another one."),
            Self::PhotoUnclear(Unclear::SeveralFaces) => {
                f.write_str("The photo shows more than one face: take another one.")
            }
            Self::PhotoUnclear(Unclear::TooSmall) => f.write_str("The face is too small: take a photo from nearer."),
            Self::FactorLocked => f.write_str("Too many wrong codes: this factor is locked until it is reset."),
            Self::DestinationRefused => f.write_str("Messages can't be sent to this destination."),
            Self::NotFound(Subject::Enrollment(_)) => f.write_str("There is no such enrollment."),
            Self::NotFound(Subject::Challenge) => f.write_str("There is no such challenge."),
            Self::NotFound(Subject::Factor) => f.write_str("There is no such factor."),
            Self::NotFound(Subject::Session) => f.write_str("There is no such session."),
            Self::NotFound(Subject::Reference) => f.write_str("There is no photo of this face."),
            Self::NotFound(Subject::Contact) => f.write_str("There is no contact to confirm."),
            Self::AlreadyEnrolled(FactorType::Totp) => f.write_str("An authenticator app of this label is enrolled."),
            Self::AlreadyEnrolled(FactorType::Passkey) => f.write_str("This passkey is already enrolled."),
            Self::AlreadyEnrolled(FactorType::Face) => f.write_str("A face is already enrolled."),
            Self::AlreadyEnrolled(_) => f.write_str("This destination is already enrolled."),
            Self::TooManyFactors => f.write_str("The account has as many factors as it may have."),
            Self::NotEnrolled(Some(_)) => f.write_str("No factor of this type is enrolled."),
            Self::NotEnrolled(None) => f.write_str("No factor is enrolled."),
            Self::AlreadyUsed(Subject::Challenge) => f.write_str("This challenge was answered before."),
            Self::AlreadyUsed(Subject::Contact) => f.write_str("The contact is confirmed."),
            Self::AlreadyUsed(Subject::Session) => f.write_str("This session is finished."),
            Self::AlreadyUsed(_) => f.write_str("This enrollment was confirmed before."),
            Self::Expired(Subject::Challenge | Subject::Contact) => {
                f.write_str("The challenge has expired: ask for a new one.")
            }
            Self::Expired(Subject::Session) => f.write_str("The session is over: begin again."),
            Self::Expired(Subject::Reference) => {
                f.write_str("The photo of this face was deleted: remove it, and enroll it again.")
            }
            Self::Expired(_) => f.write_str("The enrollment has expired: begin again."),
            Self::NotVerified => f.write_str("Verify a code of the new factor first."),
            Self::NothingToBind => {
                f.write_str("This verification was of an enrolled factor: there is nothing to bind.")
            }
            Self::TooManyAttempts { retry_after, .. } => {
                write!(f, "Too many wrong codes: try again in {retry_after} s.")
            }
            Self::TooManyMessages { retry_after } => write!(f, "Too many messages: try again in {retry_after} s."),
            Self::TooManyComparisons { retry_after } => {
                write!(f, "Too many photos: try again in {retry_after} s.")
            }
            Self::ChannelNotConfigured(channel) => write!(f, "{channel} is not set up here."),
            Self::DeliveryFailed => f.write_str("The message could not be sent."),
            Self::Busy => f.write_str("The service is busy: try again."),
            Self::Internal(_) => f.write_str("Something went wrong."),
        }
    }
}

impl std::error::Error for Error {}
