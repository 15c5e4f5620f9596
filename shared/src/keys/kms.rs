//! Master keys in KMS: `HMAC_256` keys, which never leave it. Each process calls `GenerateMac` once per key version.

use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::MacAlgorithmSpec;

use super::{Keys, KeysError, Root};
use crate::domain::secret::KeyVersion;

/// The HMAC keys of a deployment, by version.
pub struct KmsKeys {
    client: Client,
    versions: Vec<KeyVersion>,
    arns: Vec<(KeyVersion, String)>,
}

impl KmsKeys {
    /// Keys by version and ARN. The first version seals; every version opens.
    #[must_use]
    pub fn new(client: Client, arns: Vec<(KeyVersion, String)>) -> Self {
        Self { client, versions: arns.iter().map(|(version, _)| *version).collect(), arns }
    }
}

/// Parses the setting `KMS_KEYS`: `2:arn:aws:kms:…,1:arn:aws:kms:…`. At least one entry; each version is from 1 to 255
/// and appears once.
#[must_use]
pub fn parse_arns(text: &str) -> Option<Vec<(KeyVersion, String)>> {
    let mut arns: Vec<(KeyVersion, String)> = Vec::new();
    for entry in text.split(',') {
        let (version, arn) = entry.trim().split_once(':')?;
        let version = version.parse().ok().filter(|version| *version > 0).map(KeyVersion)?;
        if arn.is_empty() || arns.iter().any(|(each, _)| *each == version) {
            return None;
        }
        arns.push((version, arn.to_owned()));
    }
    Some(arns)
}

#[async_trait]
impl Keys for KmsKeys {
    fn versions(&self) -> &[KeyVersion] {
        &self.versions
    }

    async fn derive(&self, version: KeyVersion, input: &[u8]) -> Result<Root, KeysError> {
        let arn = self.arns.iter().find(|(each, _)| *each == version).map(|(_, arn)| arn);
        let arn = arn.ok_or(KeysError("the key version is not configured"))?;
        let made = self
            .client
            .generate_mac()
            .key_id(arn)
            .mac_algorithm(MacAlgorithmSpec::HmacSha256)
            .message(Blob::new(input))
            .send()
            .await
            .map_err(|error| {
                match error.as_service_error().and_then(aws_sdk_kms::error::ProvideErrorMetadata::code) {
                    Some("AccessDeniedException") => KeysError("KMS denies access to the key"),
                    Some("NotFoundException") => KeysError("KMS has no such key"),
                    Some("DisabledException" | "KMSInvalidStateException") => KeysError("the key is disabled in KMS"),
                    Some("InvalidKeyUsageException") => KeysError("the key is not an HMAC_256 key"),
                    Some("ThrottlingException") => KeysError("KMS throttled the request"),
                    Some("ExpiredTokenException" | "UnrecognizedClientException" | "InvalidSignatureException") => {
                        KeysError("KMS rejected the function's credentials")
                    }
                    Some("KMSInternalException" | "DependencyTimeoutException" | "KeyUnavailableException") => {
                        KeysError("KMS internal error")
                    }
                    Some(_) => KeysError("KMS refused the request"),
                    None => KeysError("KMS did not answer"),
                }
            })?;
        let mac = made.mac().map(Blob::as_ref).and_then(|mac| mac.try_into().ok());
        mac.map(Root::new).ok_or(KeysError("the derived key has the wrong length"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_with_their_versions_in_order() {
        let arns = parse_arns("2:arn:aws:kms:x:1:key/b, 1:arn:aws:kms:x:1:key/a").unwrap();
        assert_eq!(arns[0], (KeyVersion(2), "arn:aws:kms:x:1:key/b".to_owned()));
        assert_eq!(arns[1].0, KeyVersion(1));
        for wrong in ["", "arn:aws:kms:x:1:key/a", "0:arn", "256:arn", "1:", "1:a,1:b", "1:a,,2:b"] {
            assert!(parse_arns(wrong).is_none(), "{wrong}");
        }
    }
}
