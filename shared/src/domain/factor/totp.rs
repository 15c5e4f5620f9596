//! Authenticator apps: time-based one-time passwords (RFC 6238). The time step that matched is kept, so that a code
//! passes only once.

use subtle::ConstantTimeEq;
use totp_rs::{Algorithm as Hash, Builder};

use super::super::error::Error;
use super::super::ids::FactorId;
use super::super::possession::{Attempt, Evidence};
use super::super::random::Randomness;
use super::super::secret::{Passcode, Sealed, TotpSecret};
use super::super::time::Timestamp;
use super::super::vault::{Purpose, Vault};

/// Seconds in a time step.
pub const PERIOD: u64 = 30;

/// Steps accepted before and after the server's own, because the clock of a phone may be wrong by as much.
const SKEW: u64 = 1;

/// The number of a time step since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(pub u64);

/// The hash function of the HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-1. Every authenticator app supports it.
    #[default]
    Sha1,
    /// SHA-256. Many apps ignore it.
    Sha256,
    /// SHA-512. Many apps ignore it.
    Sha512,
}

impl Algorithm {
    /// The name in an `otpauth://` URI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The algorithm of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// The hash function and the number of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The hash function.
    pub algorithm: Algorithm,
    /// Digits in a code, 6 to 8.
    pub digits: u8,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { algorithm: Algorithm::Sha1, digits: 6 }
    }
}

/// The data that a candidate's code is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The app's secret, sealed for this user and factor.
    pub secret: Sealed,
    /// The hash function and the number of digits.
    pub parameters: Parameters,
}

/// The data that an enrolled app's code is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// The secret and the parameters.
    pub setup: Setup,
    /// The latest step whose code was used.
    pub used: Step,
}

impl Setup {
    /// A new secret: sealed, and in plain for its owner.
    ///
    /// # Errors
    /// As [`Vault::seal`] and [`Randomness::fill`].
    pub fn new(
        vault: &dyn Vault,
        id: &FactorId,
        parameters: Parameters,
        randomness: &dyn Randomness,
    ) -> Result<(Self, TotpSecret), Error> {
        let plain = TotpSecret::random(randomness)?;
        let secret = vault.seal(Purpose::TotpSecret, id, plain.expose())?;
        Ok((Self { secret, parameters }, plain))
    }

    /// Opens the secret.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn open(&self, vault: &dyn Vault, id: &FactorId) -> Result<TotpSecret, Error> {
        let bytes = vault.open(Purpose::TotpSecret, id, &self.secret)?;
        TotpSecret::from_bytes(&bytes).ok_or(Error::Internal("a stored secret has a wrong length"))
    }
}

/// Compares a code with those of the steps around `now`. A step up to and including `used` is spent.
///
/// All steps are computed and compared in every case, so that the time taken reveals nothing.
#[must_use]
pub fn check(
    secret: &TotpSecret,
    parameters: Parameters,
    code: &Passcode,
    now: Timestamp,
    used: Option<Step>,
) -> Attempt {
    let current = u64::try_from(now.unix()).unwrap_or(0) / PERIOD;
    let mut attempt = Attempt::Wrong;
    for step in current.saturating_sub(SKEW)..=current.saturating_add(SKEW) {
        if bool::from(code_at(secret.expose(), parameters, Step(step)).as_bytes().ct_eq(code.expose().as_bytes())) {
            if used.is_none_or(|used| used < Step(step)) {
                attempt = Attempt::right(Evidence::Totp(Step(step)));
            } else if attempt == Attempt::Wrong {
                attempt = Attempt::Spent;
            }
        }
    }
    attempt
}

/// The code of one step.
pub(crate) fn code_at(secret: &[u8], parameters: Parameters, step: Step) -> String {
    let algorithm = match parameters.algorithm {
        Algorithm::Sha1 => Hash::SHA1,
        Algorithm::Sha256 => Hash::SHA256,
        Algorithm::Sha512 => Hash::SHA512,
    };
    Builder::new()
        .with_algorithm(algorithm)
        .with_digits(parameters.digits)
        .with_step_duration(PERIOD)
        .with_secret(secret.to_vec())
        // `build` would only check lengths that the types already guarantee.
        .build_noncompliant()
        .generate(step.0.saturating_mul(PERIOD))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Code;

    /// RFC 6238, appendix B.
    #[test]
    fn the_vectors_of_rfc_6238_hold() {
        let seed: Vec<u8> = b"1234567890".iter().copied().cycle().take(64).collect();
        let vectors = [
            (59, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000, ["65353130", "77737706", "47863826"]),
        ];
        for (time, codes) in vectors {
            for ((algorithm, length), code) in
                [(Algorithm::Sha1, 20), (Algorithm::Sha256, 32), (Algorithm::Sha512, 64)].into_iter().zip(codes)
            {
                let parameters = Parameters { algorithm, digits: 8 };
                assert_eq!(code_at(&seed[..length], parameters, Step(time / PERIOD)), code, "{algorithm:?} at {time}");
            }
        }
    }

    #[test]
    fn a_totp_code_passes_one_time_step_off_but_not_two_t05() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        let now = Timestamp::from_unix(1_700_000_000);
        let current = 1_700_000_000 / PERIOD;
        for (step, passes) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let step = Step(current.checked_add_signed(step).unwrap());
            let Code::Digits(code) = Code::parse(&code_at(secret.expose(), Parameters::default(), step)) else {
                panic!("a code has six digits");
            };
            let attempt = check(&secret, Parameters::default(), &code, now, None);
            assert_eq!(attempt == Attempt::right(Evidence::Totp(step)), passes, "{step:?}");
        }
    }

    #[test]
    fn a_totp_code_of_an_older_step_is_spent_after_a_later_one_was_used_t04() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        let now = Timestamp::from_unix(1_700_000_000);
        let previous = Step(1_700_000_000 / PERIOD - 1);
        let Code::Digits(code) = Code::parse(&code_at(secret.expose(), Parameters::default(), previous)) else {
            panic!("a code has six digits");
        };
        let attempt = check(&secret, Parameters::default(), &code, now, Some(Step(previous.0 + 1)));
        assert_eq!(attempt, Attempt::Spent);
    }
}
