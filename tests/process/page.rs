//! The page of hosted sessions in a browser: every view on answers of a script, and every way against the true server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::clients::{copy, succeed};
use crate::server::{BINARY, Server};
use crate::tools::have;

/// The application's URL. Nothing listens there: the drivers answer in its place.
const RETURN: &str = "http://127.0.0.1:9/signed-in";

/// The operator's logo. The drivers answer there too.
const LOGO: &str = "http://127.0.0.1:9/logo.svg";

/// The drivers of the page with their packages, in the target folder.
pub(crate) fn drivers() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = copy("page", "page");
        succeed(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder));
        folder
    })
}

/// Runs a driver against a server of its own.
#[track_caller]
fn drive(driver: &str) {
    drive_at(driver, str::to_owned);
}

/// Runs a driver against a server of its own, under an address that `at` makes of the server's.
#[track_caller]
fn drive_at(driver: &str, at: impl FnOnce(&str) -> String) {
    if !["chromium", "curl", "node", "npm", "oathtool", "zbarimg"].into_iter().all(have) {
        return;
    }
    let folder = drivers();
    let server = Server::start_with(&["--return-urls", RETURN, "--page-color", "#ffd400", "--page-logo", LOGO]);
    succeed(
        Command::new("node")
            .arg(driver)
            .current_dir(folder)
            .env("COUNTERSIGN_URL", at(&server.url))
            .env("RETURN_URL", RETURN)
            .env("LOGO_URL", LOGO)
            .env("BINARY", BINARY)
            .env("DATA_FOLDER", server.data())
            .env("SERVER_ID", server.id().to_string()),
    );
}

#[test]
fn the_page_says_sends_and_keeps_what_it_should() {
    drive("journeys.mjs");
}

#[test]
fn a_first_factor_follows_the_contact_of_record_and_the_page_has_the_operators_brand() {
    drive("first.mjs");
}

#[test]
fn passkeys_of_the_device_and_of_security_keys_are_added_and_used() {
    // Browsers have no passkeys for an IP address.
    drive_at("passkeys.mjs", |url| url.replace("127.0.0.1", "localhost"));
}

#[test]
fn passkeys_go_from_the_back_end_over_the_page_to_the_redemption() {
    drive_at("authenticators.mjs", |url| url.replace("127.0.0.1", "localhost"));
}

#[test]
fn every_view_of_the_page_is_accessible_and_fits_every_window() {
    drive("views.mjs");
}

#[test]
fn the_page_goes_on_after_a_power_cut_a_reload_a_way_back_and_a_double_click() {
    drive("hard.mjs");
}

#[test]
fn a_session_goes_from_the_back_end_over_the_page_to_its_redemption() {
    drive("session.mjs");
}

#[test]
fn the_local_servers_own_page_shows_the_whole_circle() {
    drive("try.mjs");
}
