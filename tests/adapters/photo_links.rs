//! Photos by link, with the system's own resolver. `shared/src/photo_link/` has the tests of every refusal.

use countersign::photo_link::https::HttpsPhotoLinks;
use countersign::photo_link::{LinkError, PhotoHosts, PhotoLinks};
use tracing::Level;

use crate::logs::{Form, Log};

/// The path and the query may open the photo to everyone.
#[tokio::test]
async fn a_photo_that_is_not_fetched_leaves_a_log_line_with_the_host_alone_t23() {
    // A name that nobody can own (RFC 6761, section 6.4).
    let link = "https://photos.invalid/anna.ample/1.jpg?signature=s3cret";
    let link = PhotoHosts::parse("photos.invalid").unwrap().link(link).unwrap();
    let (log, guard) = Log::capture_at(Level::INFO, Form::Json);
    assert_eq!(HttpsPhotoLinks::new().fetch(&link).await, Err(LinkError::NoAnswer));
    drop(guard);
    let lines = log.lines(Form::Json);
    let is_said = |line: &String| line.contains("fetching a photo failed") && line.contains("photos.invalid");
    assert!(lines.iter().any(is_said), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("anna") && !line.contains("s3cret")), "{lines:?}");
}
