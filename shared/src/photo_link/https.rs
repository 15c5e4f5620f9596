//! Photos fetched over HTTPS.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::{LinkError, MOST_PHOTO_BYTES, PhotoLink, PhotoLinks, is_public};

/// The time for all of it: the host's addresses, the connection, the request and the whole answer.
const FETCH_WITHIN: Duration = Duration::from_secs(3);

/// [`PhotoLinks`] over HTTPS. Each fetch resolves the host once, over a new connection, and connects only to addresses
/// of that one answer. Redirects are not followed, and proxies in the environment are not used.
#[derive(Debug)]
pub struct HttpsPhotoLinks {
    connector: Connector,
    /// The text between the host and the path. It is empty, except in tests, where it is a colon and a port.
    port: &'static str,
}

impl HttpsPhotoLinks {
    /// Reads the system's root certificates, so make one at start-up, and none if there are no hosts.
    #[must_use]
    pub fn new() -> Self {
        Self::over(System, is_public, TlsContext::default(), "")
    }

    fn over<R>(resolver: R, is_allowed: fn(IpAddr) -> bool, tls: TlsContext, port: &'static str) -> Self
    where
        R: ResolveDns + Clone + 'static,
    {
        let connector = ConnectorBuilder::default()
            .proxy_config(ProxyConfig::disabled())
            // A kept connection would skip the check of the addresses.
            .pool_max_idle_per_host(0)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls)
            .build_with_resolver(Checked { resolver, is_allowed });
        Self { connector, port }
    }

    async fn get(&self, link: &PhotoLink) -> Result<Vec<u8>, LinkError> {
        let mut request = HttpRequest::new(SdkBody::empty());
        let uri = format!("https://{}{}{}", link.host(), self.port, link.path());
        request.set_uri(uri).map_err(|_| LinkError::NoAnswer)?;
        request.headers_mut().insert("accept", "image/jpeg, image/png");
        request.headers_mut().insert("user-agent", "countersign");
        let answer = self.connector.call(request).await.map_err(|error| reason(&error))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(LinkError::Status(status));
        }
        read(answer.into_body()).await
    }
}

impl Default for HttpsPhotoLinks {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl PhotoLinks for HttpsPhotoLinks {
    async fn fetch(&self, link: &PhotoLink) -> Result<Vec<u8>, LinkError> {
        let fetched = tokio::time::timeout(FETCH_WITHIN, self.get(link)).await.unwrap_or(Err(LinkError::NoAnswer));
        fetched.inspect_err(|error| {
            tracing::warn!(photo.host = link.host(), photo.error = %error, "fetching a photo failed");
        })
    }
}

/// Reads a body and stops as soon as it is too large, whatever length was announced.
async fn read(body: SdkBody) -> Result<Vec<u8>, LinkError> {
    let mut pieces = ByteStream::new(body);
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| LinkError::NoAnswer)?;
        if bytes.len() + piece.len() > MOST_PHOTO_BYTES {
            return Err(LinkError::TooLarge);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// The reason for a missing answer.
fn reason(error: &ConnectorError) -> LinkError {
    let mut causes = std::iter::successors(error.source(), |&error| error.source());
    if causes.any(<dyn Error>::is::<NotPublic>) { LinkError::NotPublic } else { LinkError::NoAnswer }
}

/// A resolver that gives a host's addresses only if every one of them is allowed. The connector gets its addresses from
/// here alone, so it can't connect to one that was not checked.
#[derive(Clone, Debug)]
struct Checked<R> {
    resolver: R,
    is_allowed: fn(IpAddr) -> bool,
}

impl<R: ResolveDns> ResolveDns for Checked<R> {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let addresses = self.resolver.resolve_dns(name).await?;
            let are_allowed = addresses.iter().all(|address| (self.is_allowed)(*address));
            if are_allowed { Ok(addresses) } else { Err(ResolveDnsError::new(NotPublic)) }
        })
    }
}

/// A host has an address that is not public.
#[derive(Debug)]
struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address of the host is not public")
    }
}

impl Error for NotPublic {}

/// The operating system's resolver.
#[derive(Clone, Debug)]
struct System;

impl ResolveDns for System {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        let name = name.to_owned();
        DnsFuture::new(async move {
            let resolved = tokio::task::spawn_blocking(move || (name, 443).to_socket_addrs()).await;
            let addresses = resolved.map_err(io::Error::other).flatten().map_err(ResolveDnsError::new)?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

#[cfg(test)]
mod tests;
