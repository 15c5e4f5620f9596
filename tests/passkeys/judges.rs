//! The verdicts of another verifier, `@simplewebauthn/server`, on the same answers: good ones, ones that differ in one
//! thing and are signed, and ones whose bytes were changed.

mod cases;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use countersign::domain::factor::passkey::Refused;
use serde_json::{Value, json};

use super::given::{Given, ORIGIN};
use crate::rig::tools::have;
use cases::{Case, cases};

/// Differences in which Countersign refuses and the other verifier does not. In each of them the standard asks for the
/// refusal or allows it; the other verifier leaves the check to its caller or leaves it out.
const STRICTER: &[(Refused, &str)] = &[
    // The other verifier compares `topOrigin` alone. Steps 7.1.10 and 7.2.13 leave it to the relying party's expectation.
    (Refused::CrossOrigin, "a frame of another origin without `topOrigin`, which Safari does not send"),
    // RFC 8259 leaves it open. Browsers repeat no member.
    (Refused::ClientData, "a member that is repeated, or a name or text with bytes that are not UTF-8"),
    // Section 2.4: decoders should refuse what is not canonical. The CDDL of section 6.5.4 has three members.
    (Refused::AttestationObject, "other members, a length in a longer form, bytes that follow the object"),
    // Section 8.7: the statement of `none` is an empty map. The other verifier looks for members and finds none in a number.
    (Refused::AttestationStatement, "a statement of `none` that is no map"),
    // Section 6.1: an assertion must not contain attested credential data; the rest is section 2.4 again.
    (Refused::AuthenticatorData, "a credential in an assertion, CBOR in a form that is not canonical"),
    // Section 6.5.1.1 and T43: the other verifier reads no more than `alg` of a key without an attestation.
    (Refused::PublicKey, "a point off the curve, a short RSA key, an exponent of 3, parameters of another key type"),
    // Section 6.5.5: an ES256 signature is DER. The other verifier's reader of ASN.1 takes a wrong length of the sequence.
    (Refused::Signature, "an ECDSA signature that is not DER"),
    // Step 7.2.19. The other verifier returns the flag to its caller.
    (Refused::BackupEligibility, "a changed backup eligibility"),
    // It follows from 7.1.27: the record's id is that of the response, its key that of the authenticator data.
    (Refused::CredentialId, "an id beside the object that is not the one in it"),
];

#[test]
fn another_verifier_agrees_but_for_what_is_listed_t43() {
    if !["node", "npm"].into_iter().all(have) {
        return;
    }
    let given = Given::new();
    let cases = cases(&given);
    assert!(cases.len() > 2000, "{}", cases.len());
    let verdicts = judge(&given, &cases);
    let (mut agreed, mut stricter, mut laxer) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (case, verdict) in cases.iter().zip(&verdicts) {
        let ours = case.ours(&given);
        match (ours, verdict) {
            (Ok(()), None) => *agreed.entry("accepted").or_insert(0) += 1,
            (Err(_), Some(_)) => *agreed.entry("refused").or_insert(0) += 1,
            (Err(refused), None) => stricter.entry(format!("{refused:?}")).or_insert_with(Vec::new).push(case.json()),
            (Ok(()), Some(reason)) => laxer.entry(reason.clone()).or_insert_with(Vec::new).push(case.json()),
        }
    }
    assert!(agreed["accepted"] > 100 && agreed["refused"] > 1000, "{agreed:?}");
    let listed: Vec<_> = STRICTER.iter().map(|(refused, _)| format!("{refused:?}")).collect();
    let other: Vec<_> = stricter.iter().filter(|(reason, _)| !listed.contains(reason)).collect();
    assert!(other.is_empty(), "refused by Countersign alone: {other:#?}");
    let unseen: Vec<_> = listed.iter().filter(|reason| !stricter.contains_key(*reason)).collect();
    assert!(unseen.is_empty(), "no case shows these differences: {unseen:?}");
    assert!(laxer.is_empty(), "accepted by Countersign alone: {laxer:#?}");
}

/// The verdicts of the other verifier: `None`, or the reason of its refusal.
fn judge(given: &Given, cases: &[Case]) -> Vec<Option<String>> {
    let cases: Vec<_> = cases.iter().map(Case::json).collect();
    let input = json!({
        "challenge": given.challenge.encode(),
        "origins": ["https://example.com", ORIGIN],
        "relyingParty": "example.com",
        "cases": cases,
    });
    let folder = installed();
    let file = folder.join("cases.json");
    fs::write(&file, input.to_string()).unwrap();
    let output = Command::new("node")
        .arg("simplewebauthn.mjs")
        .current_dir(&folder)
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap();
    verdicts.as_array().unwrap().iter().map(|verdict| verdict.as_str().map(str::to_owned)).collect()
}

/// The folder where the other verifier is installed from its lock file.
fn installed() -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("passkeys/judges");
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("judges");
    fs::create_dir_all(&to).unwrap();
    for file in ["package.json", "package-lock.json", "simplewebauthn.mjs"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&to)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(npm.status.success(), "{}", String::from_utf8_lossy(&npm.stderr));
    to
}
