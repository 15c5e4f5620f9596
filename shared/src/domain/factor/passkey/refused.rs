//! The reasons for which a response is refused.

/// The reason for which a response is refused, for the log and the tests. A client is told only that it was refused.
/// Steps are those of sections 7.1 (registration) and 7.2 (assertion) of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// The client data is not a JSON object, or an object in it names a field twice (7.1 step 6, 7.2 step 9).
    ClientData,
    /// The client data is of the other ceremony (7.1 step 7, 7.2 step 10).
    Type,
    /// The client data has another challenge (7.1 step 8, 7.2 step 11).
    Challenge,
    /// The client data has an origin that is not in the list (7.1 step 9, 7.2 step 12).
    Origin,
    /// The call came from a frame of another origin than its ancestors (7.1 steps 10 and 11, 7.2 steps 13 and 14).
    CrossOrigin,
    /// The attestation object is not a CBOR map of `fmt`, `attStmt` and `authData` (7.1 step 13).
    AttestationObject,
    /// The attestation statement has not the form of its format, or a self attestation's signature is wrong (7.1 step
    /// 22).
    AttestationStatement,
    /// The authenticator data has not the form of section 6.1.
    AuthenticatorData,
    /// The authenticator data is of another relying party (7.1 step 14, 7.2 step 15).
    RelyingParty,
    /// The user was not present (7.1 step 15, 7.2 step 16).
    UserPresence,
    /// The user was not verified, and the demands require it (7.1 step 16, 7.2 step 17).
    UserVerification,
    /// The credential is backed up without being eligible for it (7.1 step 17, 7.2 step 18).
    BackupState,
    /// The public key is not one of the supported forms (section 6.5.1.1).
    PublicKey,
    /// The key's algorithm was not offered (7.1 step 20).
    Algorithm,
    /// The credential id is longer than 1023 bytes (7.1 step 25), empty, or not the one of the response.
    CredentialId,
    /// The response is of another credential (7.2 steps 5 and 6).
    Credential,
    /// The response is of another user (7.2 step 6).
    UserHandle,
    /// The credential's backup eligibility changed (7.2 step 19).
    BackupEligibility,
    /// The signature is wrong (7.2 step 21).
    Signature,
    /// The counter did not grow, so the authenticator may be a copy (7.2 step 22).
    Counter,
}
