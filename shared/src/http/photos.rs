//! Photos in requests: a data URL, or, where a contract has links, a link to one of the operator's hosts.

use super::body::Fields;
use super::failure::Failure;
use crate::domain::error::Error;
use crate::domain::factor::face::Photo;
use crate::flows::Service;
use crate::photo::{self, PhotoProblem};
use crate::photo_link::{InvalidLink, LinkError};

/// Whether the body has a photo. Without faces it is refused.
pub(super) fn is_given(service: &Service, fields: &Fields, name: &str) -> Result<bool, Failure> {
    let is_given = fields.optional_text(name)?.is_some();
    if is_given && service.faces().is_none() {
        return Err(Error::ChannelNotConfigured("A face").into());
    }
    Ok(is_given)
}

/// The photo in a data URL.
pub(super) async fn from_data_url(fields: &Fields, name: &str) -> Result<Photo, Failure> {
    let url = fields.text(name)?.to_owned();
    decoded(fields, name, move || photo::from_data_url(&url)).await
}

/// The photo at a link. It is fetched from the operator's hosts alone.
pub(super) async fn from_link(service: &Service, fields: &Fields, name: &str) -> Result<Photo, Failure> {
    let hosts = service.faces().map(|faces| &faces.photo_hosts);
    let (Some(hosts), Some(links)) = (hosts, service.photo_links()) else {
        return Err(fields.problem(name, "must be a data URL: photos are not fetched here"));
    };
    let link = hosts.link(fields.text(name)?).map_err(|error| {
        fields.problem(
            name,
            match error {
                InvalidLink::Malformed => "must be a link with https, without a fragment",
                InvalidLink::OtherHost => "has a host that photos are not fetched from",
            },
        )
    })?;
    let file = links.fetch(&link).await.map_err(|error| {
        tracing::warn!(photo.error = %error, "a photo was not fetched");
        match error {
            LinkError::TooLarge => fields.problem(name, PhotoProblem::TooLarge.as_str()),
            LinkError::NotPublic | LinkError::NoAnswer | LinkError::Status(_) => {
                fields.problem(name, "could not be fetched")
            }
        }
    })?;
    decoded(fields, name, move || photo::from_bytes(&file)).await
}

/// Decodes a photo beside the requests that other threads answer.
async fn decoded(
    fields: &Fields,
    name: &str,
    decode: impl FnOnce() -> Result<Photo, PhotoProblem> + Send + 'static,
) -> Result<Photo, Failure> {
    let photo = tokio::task::spawn_blocking(decode).await.map_err(|_| Error::Internal("a photo was not decoded"))?;
    photo.map_err(|problem| fields.problem(name, problem.as_str()))
}
