//! The QR code of each dialect, as another reader sees it.

use std::io::{Cursor, Write};
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use png::{BitDepth, ColorType, Decoder};
use serde_json::{Value, json};

use crate::rig::{Client, Plan, tools};

/// Pixels that a module takes in each direction, and modules of light around the symbol.
const SCALE: usize = 4;
const QUIET_ZONE: usize = 4;

/// Who calls has a name with letters of every kind.
fn client() -> Client {
    let world = Plan::with(&[("PRODUCT_NAME", "Example & Söhne")]).build();
    world.claiming(&[("sub", "alice"), ("name", "Zoë 例え 😀 + 100%"), ("email", "zoe@example.com")])
}

/// What each dialect offers an app: a picture, and the URI that it should hold.
async fn offers(client: &Client) -> [(&'static str, String, String); 4] {
    let native = client.post("/v1/me/enrollments", json!({"factorType": "totp"})).await.expect(201);
    let genauth = client.post("/api/v3/send-enroll-factor-request", json!({"factorType": "OTP"})).await.expect(200);
    let logto = client.post("/api/experience/verification/totp/secret", Value::Null).await.expect(200);
    let profile = client.post("/profile/two-fa", Value::Null).await.expect(201);
    // Logto's answer has no URI: the picture alone tells it.
    let expected = format!(
        "otpauth://totp/Example%20%26%20S%C3%B6hne:Zo%C3%AB%20%E4%BE%8B%E3%81%88%20%F0%9F%98%80%20%2B%20100%25?secret={}\
         &period=30&digits=6&algorithm=SHA1&issuer=Example%20%26%20S%C3%B6hne",
        logto.text("/secret")
    );
    [
        ("native", native.text("/totp/qrCode"), native.text("/totp/uri")),
        ("genauth", genauth.text("/data/otpData/qrCodeDataUrl"), genauth.text("/data/otpData/qrCodeUri")),
        ("logto", logto.text("/secretQrCode"), expected),
        ("profile", profile.text("/data/qrCodeImage"), profile.text("/data/otpAuthURL")),
    ]
}

fn bytes(data_url: &str) -> Vec<u8> {
    BASE64.decode(data_url.strip_prefix("data:image/png;base64,").unwrap().as_bytes()).unwrap()
}

/// What `zbarimg` reads in a picture.
fn read(picture: &[u8]) -> String {
    let mut reader = Command::new("zbarimg")
        .args(["--quiet", "--raw", "--oneshot", "-Sdisable", "-Sqrcode.enable", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    reader.stdin.take().unwrap().write_all(picture).unwrap();
    String::from_utf8(reader.wait_with_output().unwrap().stdout).unwrap().trim_end_matches('\n').to_owned()
}

#[tokio::test]
async fn an_independent_reader_reads_the_qr_code_of_every_dialect() {
    if !tools::have("zbarimg") {
        return;
    }
    for (dialect, picture, uri) in offers(&client()).await {
        assert_eq!(read(&bytes(&picture)), uri, "{dialect}");
    }
}

#[tokio::test]
async fn a_picture_has_one_bit_a_pixel_and_a_quiet_zone() {
    for (dialect, picture, _) in offers(&client()).await {
        let mut reader = Decoder::new(Cursor::new(bytes(&picture))).read_info().unwrap();
        let info = reader.info();
        assert_eq!((info.color_type, info.bit_depth), (ColorType::Grayscale, BitDepth::One), "{dialect}");
        let side = usize::try_from(info.width).unwrap();
        assert_eq!(info.width, info.height, "{dialect}");
        // A symbol has 17 modules and four more for each version.
        let modules = side / SCALE - 2 * QUIET_ZONE;
        assert_eq!((side % SCALE, (modules - 17) % 4), (0, 0), "{dialect}");

        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let row = reader.next_frame(&mut pixels).unwrap().line_size;
        let is_dark = |x: usize, y: usize| pixels[y * row + x / 8] >> (7 - x % 8) & 1 == 0;
        let zone = QUIET_ZONE * SCALE;
        for y in 0..side {
            for x in 0..side {
                let is_within = (zone..side - zone).contains(&x) && (zone..side - zone).contains(&y);
                assert!(is_within || !is_dark(x, y), "{dialect}: {x} {y} is dark");
                assert_eq!(is_dark(x, y), is_dark(x - x % SCALE, y - y % SCALE), "{dialect}: {x} {y} is half a module");
            }
        }
        assert!(is_dark(zone, zone), "{dialect}: the symbol begins right after the quiet zone");
    }
}
