//! The clients of AWS: where and as whom, by the SDK's standard variables; how long and how often, by ours. No call is
//! retried by the SDK: reads and writes are by the flows, which know what a lost answer means; messages never are.

use std::time::Duration;

use aws_config::ConfigLoader;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// How long a call to the store may take: it is made again.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call may take that is not made again: to fetch a key, to send a message.
const LONG_CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// A client of each service that a function calls.
#[derive(Clone, Debug)]
pub struct Clients {
    /// The table.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The master keys.
    pub kms: aws_sdk_kms::Client,
    /// SMS.
    pub sns: aws_sdk_sns::Client,
    /// E-mail.
    pub ses: aws_sdk_sesv2::Client,
}

impl Clients {
    /// Builds them all at once: later, one by one, they would take longer.
    pub async fn load(config: ConfigLoader) -> Self {
        let timeout = |timeout| TimeoutConfig::builder().operation_timeout(timeout).build();
        let config =
            config.retry_config(RetryConfig::disabled()).timeout_config(timeout(LONG_CALL_TIMEOUT)).load().await;
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).timeout_config(timeout(CALL_TIMEOUT)).build();
        // A connection that was kept while the function was frozen may be dead, which is seen only when it is used: a
        // message would be lost with it, and nobody knows. So each message has a connection of its own.
        let fresh = Builder::new().pool_max_idle_per_host(0);
        let fresh = fresh.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let sns = aws_sdk_sns::config::Builder::from(&config).http_client(fresh.clone()).build();
        let ses = aws_sdk_sesv2::config::Builder::from(&config).http_client(fresh).build();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            kms: aws_sdk_kms::Client::new(&config),
            sns: aws_sdk_sns::Client::from_conf(sns),
            ses: aws_sdk_sesv2::Client::from_conf(ses),
        }
    }
}
