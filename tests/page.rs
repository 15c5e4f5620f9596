//! The page of hosted sessions as it is served: its headers, its policy, its encodings, and its texts. `tests/process`
//! drives it in a browser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::header;
use countersign::store::embedded::EmbeddedStore;
use data_encoding::BASE64;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::rig::{Observed, Plan, Reply, World};

/// A secret of a browser: 128 bits.
const BROWSER: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// The most bytes that a browser loads.
const MOST: usize = 14_000;

async fn page_in(world: &World, encodings: &str) -> Reply {
    let request = world.nobody().request("GET", "/page").header(header::ACCEPT_ENCODING, encodings);
    world.send(request.body(Body::empty()).unwrap()).await.expect(200)
}

async fn document() -> String {
    String::from_utf8(page_in(&World::new(), "identity").await.bytes.to_vec()).unwrap()
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.get(name).map(|value| value.to_str().unwrap())
}

/// The brand that a session shows with these settings.
async fn brand_with(settings: &[(&str, &str)]) -> Value {
    let world = Plan::with(settings).build();
    let session = json!({"purpose": "enroll", "returnUrl": "https://shop.example/signed-in"});
    let url = world.back_end("alice").post("/v1/me/sessions", session).await.expect(201).text("/url");
    let (_, token) = url.split_once('#').unwrap();
    world.in_session(token, BROWSER).get("/v1/session").await.expect(200).json()["brand"].clone()
}

#[tokio::test]
async fn a_session_shows_the_brand_with_colours_that_can_be_read() {
    assert_eq!(brand_with(&[]).await, Value::Null);
    let logo = "https://cdn.example/logo.svg";
    let brand = brand_with(&[("PAGE_COLOR", "#FFD400"), ("PAGE_LOGO", logo)]).await;
    let colors = json!({"fill": "#ffd400", "onFill": "#000000", "onLight": "#826c00", "onDark": "#ffd400"});
    assert_eq!(brand, json!({"colors": colors, "logo": logo}));
    assert_eq!(brand_with(&[("PAGE_LOGO", logo)]).await, json!({"logo": logo}));
}

#[tokio::test]
async fn the_page_is_public_and_cacheable_and_sends_its_address_nowhere() {
    let page = page_in(&World::new(), "br").await;
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "public, max-age=300"),
        ("vary", "accept-encoding"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(header(&page, name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn the_policy_allows_the_documents_own_style_and_script_and_no_other() {
    let page = page_in(&World::new(), "identity").await;
    let document = String::from_utf8(page.bytes.to_vec()).unwrap();
    let inline = |element: &str, end: &str| {
        let parts: Vec<&str> = document.split(element).skip(1).map(|rest| rest.split_once(end).unwrap().0).collect();
        assert_eq!(parts.len(), 1, "{element}");
        format!("'sha256-{}'", BASE64.encode(digest(&SHA256, parts[0].as_bytes()).as_ref()))
    };
    let style = inline("<style>", "</style>");
    let script = inline(r#"<script type="module">"#, "</script>");
    assert_eq!(document.matches("<script").count(), 2, "the script and the texts");
    let policy: BTreeMap<&str, &str> = header(&page, "content-security-policy")
        .unwrap()
        .split("; ")
        .map(|directive| directive.split_once(' ').unwrap())
        .collect();
    let expected = [
        ("default-src", "'none'"),
        ("script-src", script.as_str()),
        ("style-src", style.as_str()),
        ("connect-src", "'self'"),
        ("img-src", "data:"),
        ("base-uri", "'none'"),
        ("form-action", "'none'"),
        ("frame-ancestors", "'none'"),
        ("require-trusted-types-for", "'script'"),
        ("trusted-types", "'none'"),
    ];
    assert_eq!(policy, BTreeMap::from(expected));
    for forbidden in ["http://", "https://", "style=\"", " onclick", "innerHTML"] {
        let document = document.replace("http://www.w3.org/2000/svg", "");
        assert!(!document.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn the_policy_allows_the_operators_logo_and_no_other_picture_from_elsewhere() {
    let world = Plan::with(&[("PAGE_LOGO", "https://cdn.example/logo.svg")]).build();
    let page = page_in(&world, "br").await;
    let policy = header(&page, "content-security-policy").unwrap();
    assert!(policy.contains("; img-src data: https://cdn.example/logo.svg; "), "{policy}");
    assert_eq!(policy.matches("https:").count(), 1, "{policy}");
}

#[tokio::test]
async fn every_encoding_is_the_same_document_and_a_browser_loads_less_than_14_kb() {
    let world = World::new();
    let plain = page_in(&world, "identity").await;
    assert_eq!(header(&plain, "content-encoding"), None);
    let gzip = page_in(&world, "gzip, deflate").await;
    assert_eq!(header(&gzip, "content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    GzDecoder::new(&*gzip.bytes).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.bytes);
    let brotli = page_in(&world, "gzip, deflate, br, zstd").await;
    assert_eq!(header(&brotli, "content-encoding"), Some("br"));
    let mut unpacked = Vec::new();
    brotli::BrotliDecompress(&mut &*brotli.bytes, &mut unpacked).unwrap();
    assert_eq!(unpacked, plain.bytes);
    assert!(brotli.bytes.len() < MOST, "{} bytes", brotli.bytes.len());
    assert!(brotli.bytes.len() < gzip.bytes.len() && gzip.bytes.len() < plain.bytes.len());
}

#[tokio::test]
async fn the_page_reads_nothing() {
    let observed = Observed::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
    let world = Plan::over(observed.clone(), &[]).build();
    observed.take();
    page_in(&world, "br").await;
    assert_eq!(observed.take(), []);
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/http/page")
}

/// The texts of a language by key.
fn texts(tag: &str) -> BTreeMap<String, String> {
    let file = sources().join(format!("texts/{tag}.json"));
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The whole script as it is written.
fn script() -> String {
    let folders = [sources().join("script"), sources().join("script/views")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The keys that the script writes out, and the patterns of those that it puts together: `${type}.title` is `.title`.
fn keys_of_the_script() -> (BTreeSet<String>, BTreeSet<String>) {
    let script = script();
    let (mut whole, mut endings) = (BTreeSet::new(), BTreeSet::new());
    for quote in ['\'', '`'] {
        for text in script.split(quote).skip(1) {
            let key = text.chars().take_while(|c| c.is_ascii_alphanumeric() || "._".contains(*c)).collect::<String>();
            whole.insert(key);
        }
    }
    for rest in script.split("${").skip(1) {
        if let Some((_, after)) = rest.split_once('}')
            && after.starts_with('.')
        {
            endings.insert(after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect());
        }
    }
    (whole, endings)
}

#[test]
fn every_text_is_used_and_every_key_of_the_script_has_a_text() {
    let english = texts("en");
    let (whole, endings) = keys_of_the_script();
    for key in english.keys() {
        let is_problem = key.starts_with("problem.");
        let is_plural = key.ends_with(".one");
        let is_type = script().contains(&format!("\n  {key}: {{\n"));
        let is_put_together = endings.iter().any(|ending| key.ends_with(ending.as_str()));
        assert!(whole.contains(key) || is_put_together || is_problem || is_plural || is_type, "{key} is not used");
    }
    let script = script();
    for call in script.split(" t('").chain(script.split("(t('")).skip(1).chain(script.split("pieces('").skip(1)) {
        if let Some((key, _)) = call.split_once('\'')
            && key.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
        {
            assert!(english.contains_key(key), "{key} has no text");
        }
    }
}

#[test]
fn every_language_has_the_texts_of_english_with_the_same_values() {
    let english = texts("en");
    let placeholders = |text: &str| {
        let names = text.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0.to_owned());
        names.collect::<BTreeSet<_>>()
    };
    for tag in ["de", "zh-Hans"] {
        let texts = texts(tag);
        for (key, text) in &english {
            let Some(translated) = texts.get(key) else {
                assert!(key.ends_with(".one"), "{tag} has no {key}");
                continue;
            };
            assert_eq!(placeholders(translated), placeholders(text), "{tag}: {key}");
        }
        assert!(texts.keys().all(|key| english.contains_key(key)), "{tag} has a text that English lacks");
    }
}

#[tokio::test]
async fn the_served_document_has_every_text() {
    let document = document().await;
    let (_, rest) = document.split_once(r#"id="texts">"#).unwrap();
    let (served, _) = rest.split_once("</script>").unwrap();
    for tag in ["en", "de", "zh-Hans"] {
        for text in texts(tag).values() {
            assert!(served.lines().any(|line| line == text), "{tag}: {text}");
        }
    }
}
