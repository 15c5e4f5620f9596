//! The `Debug` output of types with secret or personal content.

use std::fmt::Debug;

use crate::rig::World;
use countersign::clock::Deadline;
use countersign::delivery::messages::{Occasion, Purpose};
use countersign::delivery::{Channel, Message};
use countersign::domain::actor::Actor;
use countersign::domain::contact::{EmailAddress, PhoneNumber};
use countersign::domain::ids::{Session, UserId};
use countersign::domain::secret::{Code, Passcode, RecoveryCode, TotpSecret};
use countersign::domain::token::{ChallengeId, EnrollmentToken, Nonce};
use countersign::flows::challenge::Challenged;
use countersign::flows::confirm::NewCodes;
use countersign::flows::enroll::{Enrolled, Offer, Request, Target};
use countersign::flows::{AccountName, Caller};
use countersign::http::caller::Identity;
use countersign::keys::Keyring;

/// Does not compile for a type that can be printed, because the method would then be ambiguous between two traits.
macro_rules! cant_be_printed {
    ($($type:ty),+ $(,)?) => {$({
        trait Any<A> {
            fn is_one() {}
        }
        struct Printed;
        struct Shown;
        impl<T: ?Sized> Any<()> for T {}
        impl<T: ?Sized + Debug> Any<Printed> for T {}
        impl<T: ?Sized + std::fmt::Display> Any<Shown> for T {}
        <$type as Any<_>>::is_one();
    })+};
}

#[test]
fn secrets_and_tokens_implement_neither_debug_nor_display_t23() {
    cant_be_printed!(TotpSecret, Passcode, RecoveryCode, Code, Nonce, EnrollmentToken, ChallengeId, Keyring);
    cant_be_printed!(Enrolled, Offer, Target, Request, Challenged);
    cant_be_printed!(Purpose<'_>, Occasion<'_>);
}

#[track_caller]
fn assert_hides(value: &impl Debug, hidden: &[&str]) {
    for printed in [format!("{value:?}"), format!("{value:#?}")] {
        for hidden in hidden {
            assert!(!printed.contains(hidden), "{printed} tells {hidden}");
        }
    }
}

#[tokio::test]
async fn the_debug_output_of_personal_data_is_redacted_t23() {
    let number = PhoneNumber::parse("+8613812345678", None).unwrap();
    assert_hides(&number, &["138", "12345678", "5678"]);
    let address = EmailAddress::parse("anna.ample@mail.example").unwrap();
    assert_hides(&address, &["anna", "ample", "mail.example"]);
    let user = UserId::parse("anna.ample@mail.example").unwrap();
    assert_hides(&user, &["anna", "mail.example"]);
    let account_name = AccountName::new("Anna Ample");
    assert_hides(&account_name, &["Anna"]);
    let service = World::new().service;
    let (keyring, deadline) = (service.keyring().await.unwrap(), Deadline::starting_now(service.clock().as_ref()));
    let caller = Caller::new(user, Actor::Session(Session([0; 16])), account_name, keyring, deadline);
    assert_hides(&caller, &["anna", "Anna", "mail.example"]);
    let claims = [("sub".to_owned(), "anna".to_owned()), ("email".to_owned(), "anna@mail.example".to_owned())];
    assert_hides(&Identity::user(claims.into(), "Bearer access-token"), &["anna", "email", "access-token", "Bearer"]);
    let Code::Recovery(code) = Code::parse("e7ad-aaa4-da75-fa37") else { panic!("it has the shape of one") };
    assert_hides(&NewCodes(vec![code]), &["e7ad", "fa37"]);
    let message = Message {
        channel: Channel::Sms,
        to: "+8613812345678".to_owned(),
        subject: Some("For Anna".to_owned()),
        text: "828384 is your code".to_owned().into(),
        html: Some("<b>828384</b>".to_owned().into()),
        code: "828384".to_owned().into(),
    };
    assert_hides(&message, &["138", "Anna", "828384"]);
}
