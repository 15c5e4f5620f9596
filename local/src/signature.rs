//! The AWS signature of a request (Signature Version 4), checked as an HTTP API with IAM authorization checks it.
//!
//! The signature is computed anew by `aws-sigv4`, the signer of the AWS SDK, over the request as it was received, and
//! compared. There is one access key. Signed times are compared with the machine's clock: signers know no other.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_sigv4::http_request::{PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use countersign::domain::time::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The service of the scope: API Gateway.
const SERVICE: &str = "execute-api";

/// The most by which a signed time may differ from the machine's, in seconds.
const SKEW_SECONDS: u64 = 300;

/// The reason why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureRefusal {
    /// The request has no signature.
    Missing,
    /// The signature is in the query.
    InQuery,
    /// The header `authorization` does not have the form of a signature.
    Malformed,
    /// The signature names another access key.
    UnknownKey,
    /// The scope names another service.
    Service,
    /// There is not exactly one time, it has another form, or the scope has another date.
    Time,
    /// The signed time is too far from now.
    Expired,
    /// The host or the time is not signed.
    Unsigned,
    /// The signature is of the path as it was sent. AWS encodes it once more.
    PathEncodedOnce,
    /// The signature is of another request, or was made with another secret.
    Mismatch,
}

impl SignatureRefusal {
    /// The reason for a developer. It repeats nothing of the request.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "the request has no AWS signature in the header authorization",
            Self::InQuery => "the local server takes signatures in the header authorization, and none in the query",
            Self::Malformed => {
                "authorization must be AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/execute-api/aws4_request, \
                 SignedHeaders=..., Signature=..."
            }
            Self::UnknownKey => "the access key id is not the one of this server, which is local by default",
            Self::Service => "the service in the scope must be execute-api",
            Self::Time => "the request needs one x-amz-date such as 20270115T080000Z, of the same day as the scope",
            Self::Expired => "x-amz-date is more than five minutes away from this machine's clock",
            Self::Unsigned => "SignedHeaders must have host and x-amz-date",
            Self::PathEncodedOnce => {
                "the path must be encoded once more for the signature, as AWS does for each service but S3; old versions \
                 of curl don't"
            }
            Self::Mismatch => "the signature does not match this request and this server's secret access key",
        }
    }
}

/// Checks the signatures of one access key.
pub(crate) struct Verifier {
    credentials: Credentials,
}

impl Verifier {
    /// A verifier of this access key.
    pub(crate) fn new(access_key_id: &str, secret_access_key: &str) -> Self {
        Self { credentials: Credentials::new(access_key_id, secret_access_key, None, None, "settings") }
    }

    /// Checks the signature of a request at this time.
    ///
    /// # Errors
    /// The [`SignatureRefusal`] of any request that this key did not sign.
    pub(crate) fn check(&self, head: &Parts, body: &[u8], now: Timestamp) -> Result<(), SignatureRefusal> {
        let presented = Presented::of(head)?;
        if presented.key_id != self.credentials.access_key_id() {
            return Err(SignatureRefusal::UnknownKey);
        }
        if presented.service != SERVICE {
            return Err(SignatureRefusal::Service);
        }
        let signed_at = presented.signed_at(&head.headers)?;
        if now.until(signed_at).max(signed_at.until(now)) > SKEW_SECONDS {
            return Err(SignatureRefusal::Expired);
        }
        // The signer would sort the names.
        if !presented.signed_headers().is_sorted_by(|a, b| a < b) {
            return Err(SignatureRefusal::Malformed);
        }
        if !["host", "x-amz-date"].iter().all(|name| presented.signed_headers().any(|signed| signed == *name)) {
            return Err(SignatureRefusal::Unsigned);
        }
        let matches = |encoding| {
            let expected = self.expected(&presented, head, body, signed_at, encoding)?;
            let equal = verify_slices_are_equal(expected.as_bytes(), presented.signature.as_bytes());
            equal.map_err(|_| SignatureRefusal::Mismatch)
        };
        matches(PercentEncodingMode::Double).map_err(|refusal| match matches(PercentEncodingMode::Single) {
            Ok(()) => SignatureRefusal::PathEncodedOnce,
            Err(_) => refusal,
        })
    }

    /// The signature that this key makes of a request.
    fn expected(
        &self,
        presented: &Presented<'_>,
        head: &Parts,
        body: &[u8],
        signed_at: Timestamp,
        encoding: PercentEncodingMode,
    ) -> Result<String, SignatureRefusal> {
        let mismatch = SignatureRefusal::Mismatch;
        let mut headers = Vec::new();
        for name in presented.signed_headers() {
            let values = head.headers.get_all(name);
            // The signer would leave out what is missing.
            if values.iter().next().is_none() {
                return Err(mismatch);
            }
            for value in values {
                headers.push((name, value.to_str().map_err(|_| mismatch)?));
            }
        }
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = encoding;
        // The client chose what it signed.
        settings.excluded_headers = None;
        let identity = self.credentials.clone().into();
        let time = u64::try_from(signed_at.unix()).map_err(|_| mismatch)?;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(presented.region)
            .name(presented.service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(time))
            .settings(settings)
            .build()
            .map_err(|_| mismatch)?
            .into();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let method = head.method.as_str();
        let request = SignableRequest::new(method, target, headers.into_iter(), SignableBody::Bytes(body));
        let signed = sign(request.map_err(|_| mismatch)?, &parameters).map_err(|_| mismatch)?;
        Ok(signed.signature().to_owned())
    }
}

/// The parts of the header `authorization` of a signed request.
struct Presented<'a> {
    key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Presented<'a> {
    fn of(head: &'a Parts) -> Result<Self, SignatureRefusal> {
        let Some(text) = only(&head.headers, header::AUTHORIZATION.as_str()) else {
            let in_query = head.uri.query().is_some_and(|query| query.contains("X-Amz-Signature="));
            return Err(if in_query { SignatureRefusal::InQuery } else { SignatureRefusal::Missing });
        };
        Self::parse(text).ok_or(SignatureRefusal::Malformed)
    }

    fn parse(text: &'a str) -> Option<Self> {
        let fields: Vec<_> = text.strip_prefix("AWS4-HMAC-SHA256 ")?.split(',').map(str::trim).collect();
        let field = |name: &str| match fields.iter().filter_map(|field| field.strip_prefix(name)).collect::<Vec<_>>()[..]
        {
            [value] => Some(value),
            _ => None,
        };
        let mut scope = field("Credential=")?.rsplitn(5, '/');
        if scope.next() != Some("aws4_request") {
            return None;
        }
        let service = scope.next()?;
        let region = scope.next().filter(|region| !region.is_empty())?;
        let date = scope.next()?;
        let (signed_headers, signature) = (field("SignedHeaders=")?, field("Signature=")?);
        Some(Self { key_id: scope.next()?, date, region, service, signed_headers, signature })
    }

    /// The names of the signed headers.
    fn signed_headers(&self) -> impl Iterator<Item = &'a str> {
        self.signed_headers.split(';')
    }

    /// The signed time. The scope has its date too.
    fn signed_at(&self, headers: &HeaderMap) -> Result<Timestamp, SignatureRefusal> {
        let time = only(headers, "x-amz-date").filter(|text| text.get(..8) == Some(self.date));
        let time = time.and_then(|text| DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok());
        let time = time.and_then(|time| time.to_zoned(TimeZone::UTC).ok()).ok_or(SignatureRefusal::Time)?;
        Ok(Timestamp::from_unix(time.timestamp().as_second()))
    }
}

/// The value of a header that a request has once, as text.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderValue, Request};

    /// 2015-08-30T12:36:00Z, the time of AWS's examples.
    const NOW: Timestamp = Timestamp::from_unix(1_440_938_160);

    const KEY: [&str; 2] = ["AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"];

    fn head(method: &str, target: &str, headers: &[(&'static str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    /// The request of a test, as the SDK's own signer signs it.
    struct Signing<'a> {
        key: [&'a str; 2],
        at: Timestamp,
        region: &'a str,
        service: &'a str,
        target: &'a str,
        headers: &'a [(&'static str, &'a str)],
        body: &'a [u8],
        /// Signs this in place of the body.
        precomputed: Option<&'a str>,
        encoding: PercentEncodingMode,
    }

    const SIGNING: Signing<'_> = Signing {
        key: KEY,
        at: NOW,
        region: "eu-central-1",
        service: SERVICE,
        target: "/v1/users/alice/verify",
        headers: &[("host", "127.0.0.1:3000"), ("content-type", "application/json"), ("accept", "a  b")],
        body: br#"{"code":"123456"}"#,
        precomputed: None,
        encoding: PercentEncodingMode::Double,
    };

    impl Signing<'_> {
        fn sign(&self) -> Parts {
            let identity = Credentials::new(self.key[0], self.key[1], None, None, "test").into();
            let mut settings = SigningSettings::default();
            settings.percent_encoding_mode = self.encoding;
            let seconds = u64::try_from(self.at.unix()).unwrap();
            let parameters = v4::SigningParams::builder()
                .identity(&identity)
                .region(self.region)
                .name(self.service)
                .time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
                .settings(settings)
                .build()
                .unwrap()
                .into();
            let headers = self.headers.iter().copied();
            let of_text = |text: &str| SignableBody::Precomputed(text.to_owned());
            let body = self.precomputed.map_or(SignableBody::Bytes(self.body), of_text);
            let request = SignableRequest::new("POST", self.target, headers, body).unwrap();
            let mut head = head("POST", self.target, self.headers);
            for (name, value) in sign(request, &parameters).unwrap().into_parts().0.headers() {
                head.headers.insert(name.to_owned().parse::<header::HeaderName>().unwrap(), value.parse().unwrap());
            }
            head
        }
    }

    fn check(head: &Parts) -> Result<(), SignatureRefusal> {
        Verifier::new(KEY[0], KEY[1]).check(head, SIGNING.body, NOW)
    }

    /// The example of "Create a signed AWS API request" in the IAM User Guide.
    #[test]
    fn the_example_of_awss_documentation_has_the_documented_signature() {
        let signed = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                      SignedHeaders=content-type;host;x-amz-date, \
                      Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        let head = head(
            "GET",
            "/?Version=2010-05-08&Action=ListUsers",
            &[
                ("host", "iam.amazonaws.com"),
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("x-amz-date", "20150830T123600Z"),
                ("user-agent", "not signed"),
                ("authorization", signed),
            ],
        );
        let presented = Presented::of(&head).unwrap();
        assert_eq!(presented.signed_at(&head.headers).unwrap(), NOW);
        let verifier = Verifier::new(KEY[0], KEY[1]);
        let expected = verifier.expected(&presented, &head, b"", NOW, PercentEncodingMode::Double).unwrap();
        assert_eq!(expected, presented.signature);
        // It is for another service.
        assert_eq!(verifier.check(&head, b"", NOW), Err(SignatureRefusal::Service));
    }

    #[test]
    fn a_request_that_the_key_signed_is_accepted_in_any_region_and_within_five_minutes() {
        assert_eq!(check(&SIGNING.sign()), Ok(()));
        for region in ["local", "us-east-1"] {
            assert_eq!(check(&Signing { region, ..SIGNING }.sign()), Ok(()), "{region}");
        }
        for seconds in [-300, 300] {
            let at = Timestamp::from_unix(NOW.unix() + seconds);
            assert_eq!(check(&Signing { at, ..SIGNING }.sign()), Ok(()), "{seconds}");
        }
        let token = [("host", "127.0.0.1:3000"), ("x-amz-security-token", "any")];
        assert_eq!(check(&Signing { headers: &token, ..SIGNING }.sign()), Ok(()));
        for target in ["/v1/users/auth0%7Calice/verify", "/v1/users/a@b/verify?b=2&a=1&c", "/v1/users/a%40b/verify"] {
            assert_eq!(check(&Signing { target, ..SIGNING }.sign()), Ok(()), "{target}");
        }
    }

    #[test]
    fn a_header_that_is_not_signed_may_change() {
        let mut head = SIGNING.sign();
        head.headers.insert("user-agent", HeaderValue::from_static("any"));
        head.headers.insert("x-amz-security-token", HeaderValue::from_static("any"));
        assert_eq!(check(&head), Ok(()));
    }

    #[test]
    fn whatever_is_signed_may_not_change_t39() {
        let verifier = Verifier::new(KEY[0], KEY[1]);
        let mismatch = Err(SignatureRefusal::Mismatch);
        assert_eq!(verifier.check(&SIGNING.sign(), br#"{"code":"123457"}"#, NOW), mismatch, "the body");
        assert_eq!(verifier.check(&SIGNING.sign(), b"", NOW), mismatch, "no body");
        assert_eq!(Verifier::new(KEY[0], "another").check(&SIGNING.sign(), SIGNING.body, NOW), mismatch);
        let mut head = SIGNING.sign();
        head.method = axum::http::Method::PATCH;
        assert_eq!(check(&head), mismatch, "the method");
        for target in ["/v1/users/bob/verify", "/v1/users/alice/verify?a=1", "/v1/users/%61lice/verify"] {
            let mut head = SIGNING.sign();
            head.uri = target.parse().unwrap();
            assert_eq!(check(&head), mismatch, "{target}");
        }
        for name in ["host", "content-type", "accept"] {
            let mut head = SIGNING.sign();
            head.headers.insert(name, HeaderValue::from_static("other"));
            assert_eq!(check(&head), mismatch, "{name}");
            head.headers.remove(name);
            assert_eq!(check(&head), mismatch, "no {name}");
            let mut head = SIGNING.sign();
            head.headers.append(name, HeaderValue::from_static("other"));
            assert_eq!(check(&head), mismatch, "a second {name}");
        }
        let mut head = SIGNING.sign();
        head.headers.insert("x-amz-date", HeaderValue::from_static("20150830T123601Z"));
        assert_eq!(check(&head), mismatch, "the time");
        let mut head = SIGNING.sign();
        head.headers.insert("accept", HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(check(&head), mismatch, "a value that is no text");
    }

    #[test]
    fn a_signature_for_something_else_is_refused_with_its_reason_t39() {
        use SignatureRefusal::{Expired, PathEncodedOnce, Service, UnknownKey};
        let at = |seconds| Timestamp::from_unix(NOW.unix() + seconds);
        for (signing, refusal) in [
            (Signing { key: ["any", KEY[1]], ..SIGNING }, UnknownKey),
            (Signing { service: "s3", ..SIGNING }, Service),
            (Signing { at: at(-301), ..SIGNING }, Expired),
            (Signing { at: at(301), ..SIGNING }, Expired),
            (Signing { target: "/v1/users/a%40b", encoding: PercentEncodingMode::Single, ..SIGNING }, PathEncodedOnce),
            (Signing { target: "/v1/users/a@b", encoding: PercentEncodingMode::Single, ..SIGNING }, PathEncodedOnce),
        ] {
            assert_eq!(check(&signing.sign()), Err(refusal), "{refusal:?}");
        }
    }

    #[test]
    fn a_malformed_header_is_refused_with_its_reason_t39() {
        use SignatureRefusal::{InQuery, Malformed, Mismatch, Missing, Time, Unsigned};
        let genuine = SIGNING.sign().headers["authorization"].to_str().unwrap().to_owned();
        let with = |from: &str, to: &str| {
            assert!(genuine.contains(from), "{genuine}");
            genuine.replace(from, to)
        };
        for (authorization, refusal) in [
            (String::new(), Malformed),
            ("Bearer token".to_owned(), Malformed),
            ("AWS4-HMAC-SHA256".to_owned(), Malformed),
            (with("SHA256", "SHA512"), Malformed),
            (with("AWS4-HMAC-SHA256", "aws4-hmac-sha256"), Malformed),
            (with("aws4_request", "aws5_request"), Malformed),
            (with("eu-central-1/", ""), Malformed),
            (with("eu-central-1", ""), Malformed),
            (with("Credential=", "credential="), Malformed),
            (with("Signature=", "Signature=0, Signature="), Malformed),
            (with("Signature=", "Signatur="), Malformed),
            (with("/20150830/", "/20150829/"), Time),
            (with(";host;", ";"), Unsigned),
            (with(";x-amz-date", ""), Unsigned),
            (with("accept;", ""), Mismatch),
            (with("accept;", "absent;accept;"), Mismatch),
            (with("accept;content-type;", "content-type;accept;"), Malformed),
            (with("accept;", "accept;accept;"), Malformed),
            (with("eu-central-1", "us-east-1"), Mismatch),
            (with("Signature=", "Signature=0"), Mismatch),
            (genuine.split("Signature=").next().unwrap().to_owned() + "Signature=", Mismatch),
        ] {
            let mut head = SIGNING.sign();
            head.headers.insert("authorization", authorization.parse().unwrap());
            assert_eq!(check(&head), Err(refusal), "{authorization}");
        }
        let mut head = SIGNING.sign();
        head.headers.append("authorization", genuine.parse().unwrap());
        assert_eq!(check(&head), Err(Missing), "two signatures");
        for date in ["", "20150830", "20150830T123600", "2015-08-30T12:36:00Z", "20150830T126000Z"] {
            let mut head = SIGNING.sign();
            head.headers.insert("x-amz-date", date.parse().unwrap());
            assert_eq!(check(&head), Err(Time), "{date}");
        }
        let mut head = SIGNING.sign();
        head.headers.append("x-amz-date", head.headers["x-amz-date"].clone());
        assert_eq!(check(&head), Err(Time), "two times");
        let presigned = self::head("GET", "/v1/users/alice/factors?X-Amz-Signature=00", &[("host", "127.0.0.1")]);
        assert_eq!(check(&presigned), Err(InQuery));
        assert_eq!(check(&self::head("GET", "/v1/users/alice/factors", &[("host", "127.0.0.1")])), Err(Missing));
    }

    /// A header's value has to be ASCII.
    #[test]
    fn every_reason_can_be_a_header() {
        use SignatureRefusal::{
            Expired, InQuery, Malformed, Mismatch, Missing, PathEncodedOnce, Service, Time, UnknownKey, Unsigned,
        };
        for refusal in
            [Expired, InQuery, Malformed, Mismatch, Missing, PathEncodedOnce, Service, Time, UnknownKey, Unsigned]
        {
            assert!(refusal.reason().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{refusal:?}");
        }
    }

    /// Signers of S3 leave the body out. `execute-api` takes no such signature.
    #[test]
    fn a_body_that_is_not_signed_is_refused_t39() {
        let headers = [("host", "127.0.0.1:3000"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
        let head = Signing { headers: &headers, precomputed: Some("UNSIGNED-PAYLOAD"), ..SIGNING }.sign();
        assert_eq!(check(&head), Err(SignatureRefusal::Mismatch));
    }
}
