//! The page of hosted sessions in a browser: every view on answers of a script, and every way against the true server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::clients::{copy, succeed};
use crate::server::Server;
use crate::tools::have;

/// The application's URL. Nothing listens there: the drivers answer in its place.
const RETURN: &str = "http://127.0.0.1:9/signed-in";

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
    if !["chromium", "curl", "node", "npm", "oathtool", "zbarimg"].into_iter().all(have) {
        return;
    }
    let folder = drivers();
    let server = Server::start_with(&["--return-urls", RETURN]);
    succeed(
        Command::new("node")
            .arg(driver)
            .current_dir(folder)
            .env("COUNTERSIGN_URL", &server.url)
            .env("RETURN_URL", RETURN),
    );
}

#[test]
fn the_page_says_sends_and_keeps_what_it_should() {
    drive("journeys.mjs");
}

#[test]
fn every_view_of_the_page_is_accessible_and_fits_every_window() {
    drive("views.mjs");
}

#[test]
fn a_session_goes_from_the_back_end_over_the_page_to_its_redemption() {
    drive("session.mjs");
}

#[test]
fn the_local_servers_own_page_shows_the_whole_circle() {
    drive("try.mjs");
}
