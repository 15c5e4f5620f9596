//! Faces compared by Rekognition. moto answers the same to every call, so the other answers are given by the proxy.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use countersign::domain::factor::face::{Photo, Similarity, Unclear, Verdict};
use countersign::judge::rekognition::{LEAST_FACE_PIXELS, Rekognition};
use countersign::judge::{Judge, JudgeError};
use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tracing::Level;

use crate::logs::{Form, Log};
use crate::rig::proxy::{Fault, Proxy, Seen};
use crate::rig::{clients_at, moto};

/// The size of the tests' photos.
const WIDTH: u16 = 640;
const HEIGHT: u16 = 480;

/// The header of a JPEG of that size, with `mark` in its comment. Nothing here decodes it.
fn photo(mark: u8) -> Photo {
    let ([h1, h2], [w1, w2]) = (HEIGHT.to_be_bytes(), WIDTH.to_be_bytes());
    let comment = [0xff, 0xfe, 0, 3, mark];
    let frame = [0xff, 0xc0, 0, 11, 8, h1, h2, w1, w2, 1, 1, 0x11, 0];
    Photo::from_jpeg([&[0xff, 0xd8][..], &comment, &frame, &[0xff, 0xd9]].concat())
}

/// A judge behind a proxy whose next calls get this fault.
async fn judge(fault: Fault) -> (Proxy, Rekognition) {
    let proxy = Proxy::to_nowhere();
    let judge = Rekognition::new(clients_at(&proxy.url()).await.rekognition.unwrap());
    proxy.plan(fault, 0, usize::MAX);
    (proxy, judge)
}

/// The judgement of one comparison, and its only request.
async fn judged(fault: Fault) -> (Result<Verdict, JudgeError>, Seen) {
    let (proxy, judge) = judge(fault).await;
    let verdict = judge.compare(&photo(1), &photo(2)).await;
    let mut seen = proxy.take().await;
    assert_eq!(seen.len(), 1, "a comparison is tried once: {seen:#?}");
    (verdict, seen.remove(0))
}

/// The judgement of an answer with these faces.
async fn told(matches: Value, unmatched: Value) -> Result<Verdict, JudgeError> {
    let answer = json!({"SourceImageFace": face(0.5, 0.5), "FaceMatches": matches, "UnmatchedFaces": unmatched});
    judged(Fault::Told(answer.to_string().leak())).await.0
}

/// A face whose box has this width and height, as ratios of the picture.
fn face(width: impl Into<Value>, height: impl Into<Value>) -> Value {
    json!({
        "BoundingBox": {"Width": width.into(), "Height": height.into(), "Left": 0.25, "Top": -0.01},
        "Confidence": 99.9,
    })
}

fn matched(similarity: impl Into<Value>, face: Value) -> Value {
    json!([{"Similarity": similarity.into(), "Face": face}])
}

fn unclear(reason: Unclear) -> Result<Verdict, JudgeError> {
    Ok(Verdict::Unclear(reason))
}

#[tokio::test]
async fn the_similarity_of_the_only_face_is_the_verdict() {
    for (percent, similarity) in
        [(0.0, Some(0)), (0.5, None), (79.99, None), (80.0, Some(80)), (99.87, None), (100.0, Some(100))]
    {
        let verdict = told(matched(percent, face(0.5, 0.5)), json!([])).await;
        #[expect(clippy::cast_possible_truncation, reason = "Rekognition's numbers are of this size")]
        let expected =
            similarity.map_or_else(|| Similarity::from_percent(percent as f32).unwrap(), Similarity::of_percent);
        assert_eq!(verdict, Ok(Verdict::Similar(expected)), "{percent}");
    }
    // A face below a threshold of 0, which comes without a number.
    let verdict = told(json!([]), json!([face(0.5, 0.5)])).await;
    assert_eq!(verdict, Ok(Verdict::Similar(Similarity::of_percent(0))));
}

#[tokio::test]
async fn a_photo_without_exactly_one_face_is_unclear_t45() {
    let (one, other) = (face(0.5, 0.5), face(0.05, 0.05));
    let both = json!([{"Similarity": 99.9, "Face": one}, {"Similarity": 1.5, "Face": other}]);
    let same = matched(99.9, one);
    assert_eq!(told(json!([]), json!([])).await, unclear(Unclear::NoFace));
    assert_eq!(told(both.clone(), json!([])).await, unclear(Unclear::SeveralFaces));
    assert_eq!(told(same.clone(), json!([other])).await, unclear(Unclear::SeveralFaces));
    assert_eq!(told(json!([]), json!([other, other])).await, unclear(Unclear::SeveralFaces));
    assert_eq!(told(both, json!([other, other])).await, unclear(Unclear::SeveralFaces));
    // Lists that are left out are empty.
    assert_eq!(judged(Fault::Told(r#"{"SourceImageFace": {}}"#)).await.0, unclear(Unclear::NoFace));
    let answer = json!({"SourceImageFace": {}, "FaceMatches": same}).to_string();
    assert_eq!(judged(Fault::Told(answer.leak())).await.0, told(same, json!([])).await);
}

#[tokio::test]
async fn a_face_is_measured_in_pixels_of_its_photo_t45() {
    let least = f64::from(LEAST_FACE_PIXELS);
    let (width, height) = (least / f64::from(WIDTH), least / f64::from(HEIGHT));
    let similar = Ok(Verdict::Similar(Similarity::of_percent(99)));
    let table = [
        (width, height, similar),
        (width * 0.99, height, unclear(Unclear::TooSmall)),
        (width, height * 0.99, unclear(Unclear::TooSmall)),
        (0.0, 0.5, unclear(Unclear::TooSmall)),
        // Half of it is outside the photo.
        (1.5, 2.0, similar),
    ];
    for (width, height, verdict) in table {
        assert_eq!(told(matched(99.0, face(width, height)), json!([])).await, verdict, "{width} {height}");
        // Without a similarity too.
        let unmatched = told(json!([]), json!([face(width, height)])).await;
        assert_eq!(unmatched == unclear(Unclear::TooSmall), verdict == unclear(Unclear::TooSmall), "{width} {height}");
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_verdict() {
    let whole = face(0.5, 0.5);
    let mut cases: Vec<Value> = Vec::new();
    for similarity in [json!(120.0), json!(100.001), json!(-0.5), json!("NaN"), json!("Infinity"), json!(null)] {
        cases.push(matched(similarity, whole.clone()));
    }
    for ratio in [json!(-0.5), json!("NaN"), json!("Infinity"), json!("-Infinity"), json!(null)] {
        cases.push(matched(99.0, face(ratio.clone(), 0.5)));
        cases.push(matched(99.0, face(0.5, ratio)));
    }
    cases.extend([matched(99.0, json!({})), matched(99.0, json!({"BoundingBox": {}})), matched(99.0, Value::Null)]);
    cases.extend([json!([{"Face": whole}]), json!([{"Similarity": 99.0}]), json!([{}]), json!("none"), json!({})]);
    for matches in cases {
        assert_eq!(told(matches.clone(), json!([])).await, Err(JudgeError::Unknown), "{matches}");
    }
    for body in [
        "",
        "{}",
        r#"{"FaceMatches": [], "UnmatchedFaces": []}"#,
        "[]",
        "null",
        "<html>",
        r#"{"FaceMatches": [}"#,
        r#"{"FaceMatches": 1e999}"#,
    ] {
        assert_eq!(judged(Fault::Told(body)).await.0, Err(JudgeError::Unknown), "{body}");
    }
}

/// Faults after which the photos were certainly not compared.
const REFUSALS: [Fault; 12] = [
    Fault::Throttled,
    Fault::Refused(400, "ProvisionedThroughputExceededException"),
    Fault::Refused(400, "AccessDeniedException"),
    Fault::Refused(400, "ImageTooLargeException"),
    Fault::Refused(400, "InvalidImageFormatException"),
    Fault::Refused(400, "InvalidS3ObjectException"),
    Fault::Refused(400, "LimitExceededException"),
    Fault::Refused(400, "UnrecognizedClientException"),
    Fault::Refused(400, "ExpiredTokenException"),
    Fault::Refused(403, "InvalidSignatureException"),
    Fault::Refused(400, "SomethingNew"),
    Fault::Refused(429, "TooManyRequestsException"),
];

/// Faults after which they may have been compared, and paid for.
const UNKNOWNS: [Fault; 11] = [
    Fault::Broken,
    Fault::Refused(503, "ThrottlingException"),
    Fault::Refused(500, "InvalidParameterException"),
    Fault::Refused(408, "RequestTimeoutException"),
    Fault::Refused(408, "InvalidParameterException"),
    Fault::Foreign(400),
    Fault::Foreign(403),
    Fault::Foreign(502),
    Fault::Foreign(200),
    Fault::Cut,
    Fault::Late,
];

#[tokio::test]
async fn each_rekognition_error_is_a_refusal_or_unknown_and_never_retried() {
    let mut cases = JoinSet::new();
    let refusals = REFUSALS.map(|fault| (fault, JudgeError::Refused));
    let unknowns = UNKNOWNS.map(|fault| (fault, JudgeError::Unknown));
    for (fault, error) in refusals.into_iter().chain(unknowns) {
        cases.spawn(async move {
            let (verdict, seen) = judged(fault).await;
            assert_eq!(verdict, Err(error), "{fault:?}");
            assert_eq!((seen.name(), seen.given_up), ("CompareFaces", fault == Fault::Late), "{fault:?}");
        });
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
    // The answer with a photo that has no face.
    assert_eq!(judged(Fault::Refused(400, "InvalidParameterException")).await.0, unclear(Unclear::NoFace));
}

#[tokio::test]
async fn a_lost_answer_of_rekognition_is_unknown() {
    let Some(endpoint) = moto::endpoint() else { return };
    for fault in [Fault::BrokenAfter, Fault::CutAfter, Fault::Torn, Fault::Garbage, Fault::Slow] {
        let proxy = Proxy::to(endpoint);
        let judge = Rekognition::new(clients_at(&proxy.url()).await.rekognition.unwrap());
        proxy.plan(fault, 0, usize::MAX);
        assert_eq!(judge.compare(&photo(1), &photo(2)).await, Err(JudgeError::Unknown), "{fault:?}");
        let seen = proxy.take().await;
        assert_eq!((seen.len(), seen[0].given_up), (1, fault == Fault::Slow), "{fault:?}");
    }
}

/// moto knows one answer: a face that matches, and another one. So this shows the request, and that the answer is read.
#[tokio::test]
async fn rekognition_receives_both_photos_without_a_filter_or_a_threshold() {
    let Some(endpoint) = moto::endpoint() else { return };
    let proxy = Proxy::to(endpoint);
    let judge = Rekognition::new(clients_at(&proxy.url()).await.rekognition.unwrap());
    assert_eq!(judge.compare(&photo(1), &photo(2)).await, unclear(Unclear::SeveralFaces));
    let seen = proxy.take().await;
    assert_eq!((seen.len(), seen[0].operation.as_str()), (1, "RekognitionService.CompareFaces"));
    let bytes = |photo: Photo| json!({"Bytes": BASE64.encode(photo.as_jpeg())});
    let expected = json!({
        "SourceImage": bytes(photo(1)),
        "TargetImage": bytes(photo(2)),
        "SimilarityThreshold": 0.0,
        "QualityFilter": "NONE",
    });
    assert_eq!(serde_json::from_str::<Value>(&seen[0].body).unwrap(), expected);
}

#[tokio::test]
async fn a_photo_of_unknown_size_is_refused_without_a_call() {
    let (proxy, judge) = judge(Fault::Told("{}")).await;
    for bytes in [&b""[..], b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xd9"] {
        let photo = Photo::from_jpeg(bytes.to_vec());
        assert_eq!(judge.compare(&photo, &photo).await, Err(JudgeError::Refused));
    }
    assert_eq!(proxy.take().await.len(), 0);
}

/// A connection that died while the function was frozen is not noticed before its next use.
#[tokio::test]
async fn each_comparison_has_a_connection_of_its_own() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let answer = json!({"SourceImageFace": {}, "FaceMatches": []}).to_string();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1";
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        // Each connection is answered once and kept open.
        let mut kept = Vec::new();
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut request = Vec::new();
            // The request's last field.
            while !request.ends_with(b"\"NONE\"}") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            client.write_all(answer.as_bytes()).unwrap();
            kept.push(client);
        }
    });
    let judge = Rekognition::new(clients_at(&endpoint).await.rekognition.unwrap());
    for _ in 0..3 {
        assert_eq!(judge.compare(&photo(1), &photo(2)).await, unclear(Unclear::NoFace));
    }
}

#[tokio::test]
async fn no_log_line_of_a_comparison_has_a_photo_or_a_number_of_the_answer_t23() {
    let (log, guard) = Log::capture_at(Level::INFO, Form::Json);
    let answer = json!({"FaceMatches": matched(87.654, face(0.4321, 0.4321)), "UnmatchedFaces": []}).to_string();
    let nonsense = answer.replace("87.654", "187.654");
    let told = [Fault::Told(answer.leak()), Fault::Told(nonsense.leak())];
    for fault in told.iter().chain(&REFUSALS).chain(&UNKNOWNS).filter(|fault| **fault != Fault::Late) {
        let _ = judged(*fault).await;
    }
    drop(guard);
    let lines = log.lines(Form::Json);
    for said in ["comparing faces failed", "lacks a value, or has one out of its range", "AccessDeniedException"] {
        assert!(lines.iter().any(|line| line.contains(said)), "{said}: {lines:?}");
    }
    let photo = BASE64.encode(photo(2).as_jpeg());
    for secret in ["87.65", "0.43", "8765", "anna.ample", &photo[..12]] {
        assert!(lines.iter().all(|line| !line.contains(secret)), "{secret}: {lines:?}");
    }
}
