//! The published clients, unmodified, make every call of their dialect. They are installed from lock files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use image::{ImageFormat, Rgb, RgbImage};

use crate::photos::{data_url, file, photo};
use crate::server::{BINARY, Server};
use crate::tools::have;

/// The folder where a language's clients are installed, in the target folder.
fn installed(language: &str) -> PathBuf {
    Path::new(BINARY).ancestors().nth(2).unwrap().join("clients").join(language)
}

/// Copies drivers and their lock file from a folder of `tests` to that folder.
pub(crate) fn copy(drivers: &str, language: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(drivers);
    let to = installed(language);
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    to
}

#[track_caller]
pub(crate) fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
}

pub(crate) fn node() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = copy("clients/node", "node");
        succeed(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder));
        folder
    })
}

pub(crate) fn python() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = copy("clients/python", "python");
        if !folder.join("venv").exists() {
            succeed(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(&folder));
        }
        // One environment serves the clients and the example, so both lock files pin the same versions.
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python-fastapi/requirements.txt");
        // A `venv/bin/pip` that was copied with the target folder would install into the environment that it came from.
        let pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", "requirements.txt", "-r"];
        succeed(Command::new(folder.join("venv/bin/python")).args(pip).arg(example).current_dir(&folder));
        folder
    })
}

/// Runs a driver against its own server, because drivers set the clock.
#[track_caller]
fn walk(program: &Path, driver: &str, folder: &Path) {
    let server = Server::start();
    succeed(&mut driven(&server, program, driver, folder));
}

/// The same with faces on, and with the photos of two persons and of nobody.
#[track_caller]
fn walk_with_faces(program: &Path, driver: &str, folder: &Path) {
    let server = Server::start_with(&["--faces", "on"]);
    let mut command = driven(&server, program, driver, folder);
    // A picture of one colour has no face.
    let nobody = file(&RgbImage::from_pixel(320, 240, Rgb([90, 90, 90])), ImageFormat::Jpeg);
    command.env("PHOTO", photo(1)).env("OTHER_PHOTO", photo(2)).env("PHOTO_OF_NOBODY", data_url("image/jpeg", &nobody));
    succeed(&mut command);
}

fn driven(server: &Server, program: &Path, driver: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(driver).current_dir(folder).env("COUNTERSIGN_URL", &server.url);
    command.env("TOKEN", server.token("alice")).env("TOKEN2", server.token("bob"));
    command
}

#[test]
fn authing_node_sdk_walks_every_factor_call() {
    if ["node", "npm", "oathtool", "zbarimg"].into_iter().all(have) {
        walk(Path::new("node"), "genauth.mjs", node());
    }
}

#[test]
fn python_authing_walks_every_factor_call() {
    if ["python3", "oathtool", "zbarimg"].into_iter().all(have) {
        let folder = python();
        walk(&folder.join("venv/bin/python"), "genauth.py", folder);
    }
}

#[test]
fn authing_node_sdk_enrolls_a_face_that_the_native_route_checks_t45() {
    if ["node", "npm", "oathtool", "zbarimg"].into_iter().all(have) {
        walk_with_faces(Path::new("node"), "faces.mjs", node());
    }
}

#[test]
fn python_authing_enrolls_a_face_that_the_native_route_checks_t45() {
    if ["python3", "oathtool", "zbarimg"].into_iter().all(have) {
        let folder = python();
        walk_with_faces(&folder.join("venv/bin/python"), "faces.py", folder);
    }
}

#[test]
fn logto_api_client_walks_logtos_routes() {
    if ["node", "npm", "oathtool", "zbarimg"].into_iter().all(have) {
        walk(Path::new("node"), "logto.mjs", node());
    }
}

#[test]
fn a_profile_page_generates_verifies_and_disables() {
    if ["node", "npm", "oathtool", "zbarimg"].into_iter().all(have) {
        walk(Path::new("node"), "profile.mjs", node());
    }
}
