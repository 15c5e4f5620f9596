//! The engine: it reads the documents that a use case names, lets it decide, commits the decision, and only then
//! answers.
//!
//! ```text
//!   read ──▶ decide ──▶ commit ──▶ send ──▶ answer
//!    ▲                    │         │ refused: the documents committed for the message are restored
//!    └───── conflict ─────┘         ▼
//!                                 answer
//! ```
//! A use case may ask a judge outside, whose answer costs money and takes time. It charges the question first, and the
//! charge is committed before the judge is asked:
//! ```text
//!   read ──▶ ask ──▶ commit the charge ──▶ the judge ──▶ read ──▶ decide ──▶ …
//! ```
//! The judge is asked once. Its answer is kept over conflicts.
//!
//! A use case is pure: it names documents of the caller's user and changes copies of them. It can't reach another
//! user's documents, and its tests need no store.

use futures_util::future::try_join_all;

use super::faces::FaceSettings;
use super::{Caller, Countries, Service, Settings, hosted};
use crate::delivery::{Channel, DeliveryError, Message};
use crate::domain::account::Account;
use crate::domain::challenge::Challenge;
use crate::domain::contact::Destination;
use crate::domain::enrollment::Enrollment;
use crate::domain::error::Error;
use crate::domain::factor::FactorType;
use crate::domain::factor::face::{Comparisons, Photo, Reference, Verdict};
use crate::domain::hosted::{Hosted, Step};
use crate::domain::ids::{FactorId, HostedId, UserId};
use crate::domain::limits::DestinationLimit;
use crate::domain::policy::Policy;
use crate::domain::random::Randomness;
use crate::domain::time::Timestamp;
use crate::domain::vault::Vault;
use crate::judge::JudgeError;
use crate::keys::vault::UserVault;
use crate::photo_link::PhotoLinks;
use crate::store::records::{
    Record, account_key, challenge_key, comparisons_key, destination_key, enrollment_key, hosted_key, reference_key,
};
use crate::store::{Item, ItemError, Key, Put, Replaces, Version};

/// The most decisions of one request. It decides again after each conflict with another request.
const ROUNDS: u32 = 10;

/// A use case: a request to the rules.
pub(super) trait UseCase: Sync {
    /// The answer.
    type Reply: Send;

    /// The kind of request. It decides which hosted sessions open it.
    const STEP: Step;

    /// The documents that it needs, given those read so far and the keys, bound to the caller's user. The engine calls
    /// it until it names no new document, and reads the new ones of each call in parallel.
    fn reads(&self, work: &Work, vault: &dyn Vault) -> Vec<Name>;

    /// The question that a judge must answer before the decision. It charges the question to `work`, all changes of which
    /// are committed before the judge is asked. After a refusal only the settled ones are. It is not called again once
    /// the judge was asked.
    ///
    /// # Errors
    /// The refusal.
    fn asks(&self, _: &mut Work, _: &Cx<'_>) -> Result<Option<Question>, Error> {
        Ok(None)
    }

    /// Decides the request. After a success all changes of [`Work`] are committed; after a refusal only the settled
    /// ones.
    ///
    /// # Errors
    /// The refusal.
    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Self::Reply>, Error>;
}

/// The decision to carry out the request.
pub(super) struct Outcome<R> {
    /// The answer, given after the commit and the message.
    pub(super) reply: R,
    /// A message to send after the commit.
    pub(super) message: Option<Outgoing>,
}

/// A message to send after the commit.
pub(super) enum Outgoing {
    /// A message without which the request has failed, and the documents that are restored if it is refused.
    Code {
        /// The message.
        message: Message,
        /// The documents.
        undo: Vec<Name>,
    },
    /// A message about what was committed. If it is not sent, the request has succeeded all the same.
    Notice(Message),
}

/// A question to the judge of faces: how similar is the photo to the reference?
pub(super) struct Question {
    /// The factor, or the candidate, that it is about.
    pub(super) about: FactorId,
    pub(super) reference: Photo,
    pub(super) photo: Photo,
    /// The time at which it was charged.
    pub(super) charged_at: Timestamp,
}

/// The answer of the judge.
pub(super) struct Answer {
    about: FactorId,
    pub(super) verdict: Result<Verdict, JudgeError>,
    /// The time at which the question was charged.
    pub(super) charged_at: Timestamp,
}

impl<R> Outcome<R> {
    /// An answer without a message.
    pub(super) fn reply(reply: R) -> Self {
        Self { reply, message: None }
    }
}

/// The context of a decision.
pub(super) struct Cx<'a> {
    pub(super) caller: &'a Caller,
    pub(super) now: Timestamp,
    pub(super) settings: &'a Settings,
    pub(super) randomness: &'a dyn Randomness,
    /// The keys, bound to the caller's user.
    pub(super) vault: &'a dyn Vault,
    /// The channels that are configured.
    pub(super) channels: &'a [Channel],
    /// The settings of faces. `None`: faces are off.
    pub(super) faces: Option<&'a FaceSettings>,
    /// The answer of the judge, if it was asked.
    pub(super) answer: Option<&'a Answer>,
}

impl Cx<'_> {
    pub(super) fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// The settings of faces.
    ///
    /// # Errors
    /// [`Error::ChannelNotConfigured`] if faces are off.
    pub(super) fn faces(&self) -> Result<&FaceSettings, Error> {
        self.faces.ok_or(FACES_OFF)
    }

    /// The judge's answer about this factor.
    ///
    /// # Errors
    /// [`Error::Busy`] if it was asked about another factor, which has been replaced since.
    pub(super) fn answer_about(&self, factor: &FactorId) -> Result<&Answer, Error> {
        self.answer.filter(|answer| answer.about == *factor).ok_or(Error::Busy)
    }

    /// Checks that messages can be sent by a channel.
    ///
    /// # Errors
    /// [`Error::ChannelNotConfigured`].
    pub(super) fn require_channel(&self, channel: Channel) -> Result<(), Error> {
        if self.channels.contains(&channel) { Ok(()) } else { Err(not_configured(channel)) }
    }
}

pub(super) fn not_configured(channel: Channel) -> Error {
    Error::ChannelNotConfigured(match channel {
        Channel::Sms => "SMS",
        Channel::Email => "E-mail",
    })
}

pub(super) const FACES_OFF: Error = Error::ChannelNotConfigured("A face");

/// The name of a document: one of the caller's user, the limit of a destination, or the count of comparisons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Account,
    Enrollment(FactorType),
    Challenge(FactorId),
    Hosted(HostedId),
    Limit(LimitIndex),
    /// The reference of the user's face.
    Reference,
    /// The comparisons of faces today, over all users.
    Comparisons,
}

/// The name of a destination's limit: a keyed digest of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LimitIndex([u8; 16]);

impl Name {
    fn key(&self, user: &UserId) -> Key {
        match self {
            Self::Account => account_key(user),
            Self::Enrollment(factor_type) => enrollment_key(user, *factor_type),
            Self::Challenge(factor) => challenge_key(user, factor),
            Self::Hosted(id) => hosted_key(user, id),
            Self::Limit(LimitIndex(index)) => destination_key(*index),
            Self::Reference => reference_key(user),
            Self::Comparisons => comparisons_key(),
        }
    }

    /// Reads the document from its item. Without an item it is the default.
    fn read(&self, item: Option<&Item>) -> Result<Document, ItemError> {
        fn of<T: Record>(item: Option<&Item>) -> Result<T, ItemError> {
            item.map_or_else(|| Ok(T::default()), T::read)
        }
        Ok(match self {
            Self::Account => Document::Account(of(item)?),
            Self::Enrollment(_) => Document::Enrollment(of(item)?),
            Self::Challenge(_) => Document::Challenge(of(item)?),
            Self::Hosted(_) => Document::Hosted(of(item)?),
            Self::Limit(_) => Document::Limit(of(item)?),
            Self::Reference => Document::Reference(of(item)?),
            Self::Comparisons => Document::Comparisons(of(item)?),
        })
    }
}

#[derive(Clone, PartialEq)]
enum Document {
    Account(Account),
    Enrollment(Enrollment),
    Challenge(Challenge),
    Hosted(Hosted),
    Limit(DestinationLimit),
    Reference(Reference),
    Comparisons(Comparisons),
}

impl Document {
    fn put(&self, key: Key, replaces: Replaces, now: Timestamp, policy: &Policy) -> Put {
        fn of<T: Record>(document: &T, now: Timestamp, policy: &Policy) -> (Item, Option<i64>) {
            (document.write(), document.ttl(now, policy))
        }
        let (item, ttl) = match self {
            Self::Account(account) => of(account, now, policy),
            Self::Enrollment(enrollment) => of(enrollment, now, policy),
            Self::Challenge(challenge) => of(challenge, now, policy),
            Self::Hosted(hosted) => of(hosted, now, policy),
            Self::Limit(limit) => of(limit, now, policy),
            Self::Reference(reference) => of(reference, now, policy),
            Self::Comparisons(comparisons) => of(comparisons, now, policy),
        };
        Put { key, replaces, item, ttl }
    }

    fn rewind(&mut self, now: Timestamp) {
        match self {
            Self::Account(account) => account.rewind(now),
            Self::Enrollment(enrollment) => enrollment.rewind(now),
            Self::Challenge(challenge) => challenge.rewind(now),
            // Each compares its own times with the clock.
            Self::Hosted(_) | Self::Reference(_) | Self::Comparisons(_) => {}
            Self::Limit(limit) => limit.rewind(now),
        }
    }
}

/// Copies of the documents that a request has read, with its changes. A document without an item is the default.
#[derive(Default)]
pub(super) struct Work(Vec<Entry>);

struct Entry {
    name: Name,
    replaces: Replaces,
    /// The document as it was read.
    before: Document,
    /// The document that is committed if the request is refused.
    settled: Document,
    /// The document that is committed if the request succeeds.
    current: Document,
    /// Whether the document is committed even if it has not changed.
    is_written_anyway: bool,
}

/// The functions that a test of a use case calls in place of the engine.
#[cfg(test)]
impl Work {
    /// Whether this document was read.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.document(name).is_some()
    }

    /// Adds a document that has no item.
    pub(super) fn add_absent(&mut self, name: Name) {
        let document = name.read(None).unwrap();
        let [before, settled, current] = std::array::from_fn(|_| document.clone());
        let (replaces, is_written_anyway) = (Replaces::Nothing, false);
        self.0.push(Entry { name, replaces, before, settled, current, is_written_anyway });
    }

    /// Keeps the documents as they would have been committed.
    pub(super) fn keep(&mut self, is_refused: bool) {
        for entry in &mut self.0 {
            let after = if is_refused { entry.settled.clone() } else { entry.current.clone() };
            if after != entry.before {
                entry.replaces = Replaces::Version(Version([0; Version::LENGTH]));
            }
            entry.before = after;
            entry.settled = entry.before.clone();
            entry.current = entry.before.clone();
        }
    }
}

/// The error of a use case that asked for a document that it did not name.
const UNREAD: Error = Error::Internal("a document was not read");

impl Work {
    /// Settles the changes so far: they are committed even if the request is refused later. Only the code that compares
    /// a proof calls it, so that a right code is spent and a wrong one counted even if something else is refused.
    pub(super) fn settle(&mut self) {
        for entry in &mut self.0 {
            entry.settled = entry.current.clone();
        }
    }

    /// Records in this document whether the clock has stepped back. The record is committed even if the request is
    /// refused. Without it every refusal would state the same wait, and the wait would never end.
    pub(super) fn rewind(&mut self, name: &Name, now: Timestamp) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.name == *name) {
            entry.current.rewind(now);
            entry.settled.rewind(now);
        }
    }

    /// Whether any document that was read has an item.
    pub(super) fn is_anything_there(&self) -> bool {
        self.0.iter().any(|entry| entry.replaces != Replaces::Nothing)
    }

    /// Commits every document, also the unchanged ones.
    pub(super) fn write_all(&mut self) {
        self.0.iter_mut().for_each(|entry| entry.is_written_anyway = true);
    }

    fn document(&self, name: &Name) -> Option<&Document> {
        self.0.iter().find(|entry| entry.name == *name).map(|entry| &entry.current)
    }

    fn document_mut(&mut self, name: &Name) -> Option<&mut Document> {
        self.0.iter_mut().find(|entry| entry.name == *name).map(|entry| &mut entry.current)
    }

    pub(super) fn account(&self) -> Result<&Account, Error> {
        if let Some(Document::Account(account)) = self.document(&Name::Account) { Ok(account) } else { Err(UNREAD) }
    }

    pub(super) fn account_mut(&mut self) -> Result<&mut Account, Error> {
        if let Some(Document::Account(account)) = self.document_mut(&Name::Account) { Ok(account) } else { Err(UNREAD) }
    }

    pub(super) fn enrollment(&self, factor_type: FactorType) -> Result<&Enrollment, Error> {
        match self.document(&Name::Enrollment(factor_type)) {
            Some(Document::Enrollment(enrollment)) => Ok(enrollment),
            _ => Err(UNREAD),
        }
    }

    pub(super) fn enrollment_mut(&mut self, factor_type: FactorType) -> Result<&mut Enrollment, Error> {
        match self.document_mut(&Name::Enrollment(factor_type)) {
            Some(Document::Enrollment(enrollment)) => Ok(enrollment),
            _ => Err(UNREAD),
        }
    }

    pub(super) fn challenge(&self, factor: &FactorId) -> Result<&Challenge, Error> {
        match self.document(&Name::Challenge(factor.clone())) {
            Some(Document::Challenge(challenge)) => Ok(challenge),
            _ => Err(UNREAD),
        }
    }

    pub(super) fn challenge_mut(&mut self, factor: &FactorId) -> Result<&mut Challenge, Error> {
        match self.document_mut(&Name::Challenge(factor.clone())) {
            Some(Document::Challenge(challenge)) => Ok(challenge),
            _ => Err(UNREAD),
        }
    }

    pub(super) fn hosted(&self, id: &HostedId) -> Result<&Hosted, Error> {
        match self.document(&Name::Hosted(id.clone())) {
            Some(Document::Hosted(hosted)) => Ok(hosted),
            _ => Err(UNREAD),
        }
    }

    pub(super) fn hosted_mut(&mut self, id: &HostedId) -> Result<&mut Hosted, Error> {
        match self.document_mut(&Name::Hosted(id.clone())) {
            Some(Document::Hosted(hosted)) => Ok(hosted),
            _ => Err(UNREAD),
        }
    }

    pub(super) fn reference(&self) -> Result<&Reference, Error> {
        match self.document(&Name::Reference) {
            Some(Document::Reference(reference)) => Ok(reference),
            _ => Err(UNREAD),
        }
    }

    pub(super) fn reference_mut(&mut self) -> Result<&mut Reference, Error> {
        match self.document_mut(&Name::Reference) {
            Some(Document::Reference(reference)) => Ok(reference),
            _ => Err(UNREAD),
        }
    }

    pub(super) fn comparisons_mut(&mut self) -> Result<&mut Comparisons, Error> {
        match self.document_mut(&Name::Comparisons) {
            Some(Document::Comparisons(comparisons)) => Ok(comparisons),
            _ => Err(UNREAD),
        }
    }

    /// Whether the changes so far remove the face of the account.
    fn removes_face(&self) -> bool {
        let faces = self.0.iter().filter_map(|entry| match (&entry.before, &entry.current) {
            (Document::Account(before), Document::Account(now)) => Some((before.face(), now.face())),
            _ => None,
        });
        let mut faces = faces.map(|(before, now)| (before.is_some(), now.is_some()));
        faces.any(|face| face == (true, false))
    }

    /// Commits this document even if it is unchanged.
    pub(super) fn write_anyway(&mut self, name: &Name) {
        let meant = self.0.iter_mut().filter(|entry| entry.name == *name);
        meant.for_each(|entry| entry.is_written_anyway = true);
    }

    pub(super) fn limit_mut(&mut self, index: LimitIndex) -> Result<&mut DestinationLimit, Error> {
        match self.document_mut(&Name::Limit(index)) {
            Some(Document::Limit(limit)) => Ok(limit),
            _ => Err(UNREAD),
        }
    }

    /// The puts to commit: every changed document after a success, the settled ones after a refusal.
    fn puts(&self, is_refused: bool, cx: &Cx<'_>) -> Vec<Put> {
        let changed = self.0.iter().filter_map(|entry| {
            let after = if is_refused { &entry.settled } else { &entry.current };
            let put = || after.put(entry.name.key(&cx.caller.user), entry.replaces, cx.now, cx.policy());
            (entry.is_written_anyway || *after != entry.before).then(put)
        });
        changed.collect()
    }

    /// The puts that restore these documents as they were read, over those committed under this version.
    fn restored(&self, names: &[Name], version: Version, cx: &Cx<'_>) -> Vec<Put> {
        let undone = self.0.iter().filter(|entry| names.contains(&entry.name) && entry.current != entry.before);
        let put = |entry: &Entry| {
            entry.before.put(entry.name.key(&cx.caller.user), Replaces::Version(version), cx.now, cx.policy())
        };
        undone.map(put).collect()
    }
}

impl Service {
    /// Runs a use case for a caller.
    ///
    /// # Errors
    /// The refusal of the use case. [`Error::Busy`] after too many conflicts, or if the store does not answer: then
    /// nothing was committed, unless only the answer to the commit was lost. [`Error::DeliveryFailed`],
    /// [`Error::ChannelNotConfigured`] or [`Error::Busy`] if the message is not sent.
    pub(super) async fn run<U: UseCase>(&self, caller: &Caller, use_case: &U) -> Result<U::Reply, Error> {
        let vault = UserVault { keyring: &caller.keyring, user: &caller.user, randomness: self.randomness() };
        let channels = self.channels();
        let mut answer = None;
        for conflicts in 0..ROUNDS {
            if conflicts > 0 {
                self.pause(8 * conflicts).await?;
            }
            let mut work = self.read(use_case, caller, &vault).await?;
            let (settings, randomness) = (self.settings(), self.randomness());
            let (now, faces) = (self.clock.now(), self.faces());
            let answered = answer.as_ref();
            let cx =
                Cx { caller, now, settings, randomness, vault: &vault, channels: &channels, faces, answer: answered };
            let asked = match answered {
                Some(_) => Ok(None),
                None => hosted::within(&mut work, &cx, U::STEP, |work| use_case.asks(work, &cx)),
            };
            let decided = match asked {
                Ok(Some(question)) => {
                    if self.commit(work.puts(false, &cx)).await?.is_some() {
                        answer = Some(self.ask(caller, question).await);
                    }
                    continue;
                }
                Ok(None) => hosted::within(&mut work, &cx, U::STEP, |work| use_case.decide(work, &cx)),
                Err(refusal) => Err(refusal),
            };
            if decided.is_ok() && work.removes_face() {
                self.destroy_reference(&mut work, caller).await?;
            }
            let puts = work.puts(decided.is_err(), &cx);
            let committed = if puts.is_empty() {
                None
            } else {
                // `None` is a conflict: another request wrote first, so the decision is void.
                let Some(version) = self.commit(puts).await? else { continue };
                Some(version)
            };
            let Outcome { reply, message } = decided?;
            match message {
                Some(Outgoing::Code { message, undo }) => {
                    let undo = committed.map(|version| work.restored(&undo, version, &cx)).unwrap_or_default();
                    self.send(caller, &message, undo).await?;
                }
                Some(Outgoing::Notice(message)) => self.notify(&message).await,
                None => {}
            }
            return Ok(reply);
        }
        Err(Error::Busy)
    }

    /// Asks the judge of faces. A late request does not ask any more.
    async fn ask(&self, caller: &Caller, question: Question) -> Answer {
        let Question { about, reference, photo, charged_at } = question;
        let verdict = match self.faces.as_ref().map(|faces| &faces.judge) {
            Some(judge) if !caller.deadline.is_late(self.clock.as_ref()) => judge.compare(&reference, &photo).await,
            Some(_) | None => Err(JudgeError::Refused),
        };
        if let Err(error) = verdict {
            tracing::warn!(judge.error = %error, "the judge of faces has not answered");
        }
        Answer { about, verdict, charged_at }
    }

    /// Destroys the reference of a face that the request removes, whatever request it is.
    async fn destroy_reference(&self, work: &mut Work, caller: &Caller) -> Result<(), Error> {
        if work.reference().is_err() {
            work.0.push(self.entry(Name::Reference, &caller.user).await?);
        }
        *work.reference_mut()? = Reference::None;
        Ok(())
    }

    /// The settings of faces; `None` if they are off.
    #[must_use]
    pub fn faces(&self) -> Option<&FaceSettings> {
        self.settings.faces.as_ref().filter(|_| self.faces.is_some())
    }

    /// Fetches photos; `None` if a photo is part of the request.
    #[must_use]
    pub fn photo_links(&self) -> Option<&dyn PhotoLinks> {
        self.faces.as_ref()?.links.as_deref()
    }

    /// Reads the documents that a use case names.
    async fn read<U: UseCase>(&self, use_case: &U, caller: &Caller, vault: &dyn Vault) -> Result<Work, Error> {
        let mut work = Work::default();
        loop {
            let mut names = use_case.reads(&work, vault);
            names.extend(hosted::reads(caller));
            let mut seen = Vec::new();
            names.retain(|name| {
                let is_new = work.document(name).is_none() && !seen.contains(name);
                seen.push(name.clone());
                is_new
            });
            if names.is_empty() {
                return Ok(work);
            }
            work.0.extend(try_join_all(names.into_iter().map(|name| self.entry(name, &caller.user))).await?);
        }
    }

    async fn entry(&self, name: Name, user: &UserId) -> Result<Entry, Error> {
        let key = name.key(user);
        let stored = self.get(&key).await?;
        let document = name.read(stored.as_ref().map(|stored| &stored.item)).map_err(|error| {
            tracing::error!(item.kind = ?key, item.attribute = error.0, "an item can't be read");
            Error::Internal("an item can't be read")
        })?;
        let replaces = stored.map_or(Replaces::Nothing, |stored| Replaces::Version(stored.version));
        let (before, settled) = (document.clone(), document.clone());
        Ok(Entry { name, replaces, before, settled, current: document, is_written_anyway: false })
    }

    /// Sends a message once. The documents that were committed for it are restored if the message was certainly not
    /// sent, or if the request has no time left for it.
    async fn send(&self, caller: &Caller, message: &Message, undo: Vec<Put>) -> Result<(), Error> {
        let failure = if caller.deadline.is_late(self.clock.as_ref()) {
            Error::Busy
        } else {
            match self.delivery.send(message).await {
                Ok(()) => return Ok(()),
                // The message may have been sent, so the charge stays. The client does not get the token.
                Err(DeliveryError::Unknown) => return Err(Error::DeliveryFailed),
                Err(DeliveryError::Refused) => Error::DeliveryFailed,
                Err(DeliveryError::Throttled) => Error::Busy,
                Err(DeliveryError::NotConfigured) => not_configured(message.channel),
            }
        };
        // If this fails, an enrolment or a challenge stays for which nobody has the token. Its owner can try again
        // when the next message is due.
        match self.commit(undo).await {
            Ok(Some(_)) => {}
            Ok(None) => tracing::info!("a message was not sent, and another request has gone on since"),
            Err(error) => tracing::warn!(error.code = error.code(), "a message was not sent, and its charge stays"),
        }
        Err(failure)
    }

    /// Sends a notice once, however late the request is. The change that it is about stands, whatever becomes of it.
    async fn notify(&self, message: &Message) {
        if let Err(error) = self.delivery.send(message).await {
            tracing::warn!(notice.error = %error, "a notice of a change was not sent");
        }
    }

    /// The channels that messages can be sent by.
    pub(super) fn channels(&self) -> Vec<Channel> {
        let goes_somewhere = |channel: &Channel| match channel {
            Channel::Sms => self.settings().countries != Countries::Only(Vec::new()),
            Channel::Email => true,
        };
        let configured =
            [Channel::Sms, Channel::Email].into_iter().filter(|channel| self.delivery.configured(*channel));
        configured.filter(goes_somewhere).collect()
    }
}

impl Caller {
    /// The name of a destination's limit.
    ///
    /// # Errors
    /// As [`crate::keys::Keyring::index`].
    pub(super) fn limit(&self, destination: &Destination) -> Result<LimitIndex, Error> {
        let kind = FactorType::from(destination.channel()).name();
        self.keyring.index(kind, &[&destination.limit_form()]).map(LimitIndex)
    }

    /// The name of the limit of a contact of record. It is another one, so that nobody who enrols the destination of a
    /// stranger uses up the codes that its owner needs before a first factor.
    ///
    /// # Errors
    /// As [`crate::keys::Keyring::index`].
    pub(super) fn contact_limit(&self, contact: &Destination) -> Result<LimitIndex, Error> {
        let kind = FactorType::from(contact.channel()).name();
        self.keyring.index("contact", &[kind, &contact.limit_form()]).map(LimitIndex)
    }
}
