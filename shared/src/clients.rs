//! The AWS clients. Endpoint, region and credentials come from the SDK's standard variables; timeouts and retries are
//! set here. The SDK retries nothing. The flows repeat reads and commits, because they know what a lost answer means. A
//! message is never sent twice.

use std::time::Duration;

use aws_config::ConfigLoader;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// The limit for a call to DynamoDB, which the flows may repeat.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// The limit for a call that is not repeated: to KMS, SNS, SES or Rekognition.
const LONG_CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// One client for each service that a function calls.
#[derive(Clone, Debug)]
pub struct Clients {
    /// DynamoDB, for the table.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// KMS, for the master keys.
    pub kms: aws_sdk_kms::Client,
    /// SNS, for SMS.
    pub sns: aws_sdk_sns::Client,
    /// SES, for e-mail.
    pub ses: aws_sdk_sesv2::Client,
    /// Rekognition, if faces are on.
    pub rekognition: Option<aws_sdk_rekognition::Client>,
}

impl Clients {
    /// Builds all clients at start-up: building each at its first use would take longer.
    pub async fn load(config: ConfigLoader, with_faces: bool) -> Self {
        let timeout = |timeout| TimeoutConfig::builder().operation_timeout(timeout).build();
        let config =
            config.retry_config(RetryConfig::disabled()).timeout_config(timeout(LONG_CALL_TIMEOUT)).load().await;
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).timeout_config(timeout(CALL_TIMEOUT)).build();
        // A pooled connection may have died while the function was frozen. The failure shows only at its next use, and
        // the message would be lost unnoticed. So every message gets a new connection. So does every comparison of
        // faces: a lost one takes one of the person's tries.
        let fresh = Builder::new().pool_max_idle_per_host(0);
        let fresh = fresh.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let sns = aws_sdk_sns::config::Builder::from(&config).http_client(fresh.clone()).build();
        let ses = aws_sdk_sesv2::config::Builder::from(&config).http_client(fresh.clone()).build();
        let rekognition = with_faces.then(|| {
            let config = aws_sdk_rekognition::config::Builder::from(&config).http_client(fresh).build();
            aws_sdk_rekognition::Client::from_conf(config)
        });
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            kms: aws_sdk_kms::Client::new(&config),
            sns: aws_sdk_sns::Client::from_conf(sns),
            ses: aws_sdk_sesv2::Client::from_conf(ses),
            rekognition,
        }
    }
}

/// Whether a failed call certainly had no effect: it was never sent, or the service refused it.
pub(crate) fn had_no_effect<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::ServiceError(answered) => is_refusal(answered.err().code(), answered.raw()),
        _ => false,
    }
}

/// Whether an error answer is the service's own refusal: it has an error code, and a status that blames the caller. An
/// answer without a code comes from a proxy in between. After a 408 the service may still have the request.
pub(crate) fn is_refusal(code: Option<&str>, answer: &HttpResponse) -> bool {
    let status = answer.status().as_u16();
    code.is_some() && (400..500).contains(&status) && status != 408
}
